//! A long list of rows as a card shows it: worst first, the well ones folded into one line; zoomed it is the whole list,
//! of which only the lines around the selection are written.

use ratatui::text::Line;

use super::{Entry, Room};
use crate::app::id::PaneId;
use crate::app::state::State;
use crate::app::state::panes::{Row, rows};
use crate::views::table::{Cell, Column, lay};
use crate::views::theme::{Look, Mark};

/// How many lines beyond the window are laid out, so that columns do not change their width at every step.
const MARGIN: usize = 50;

/// The lines of a list. `cells` writes one row; `folded` says in a few words how the well rows stand that a card leaves
/// out (`74 others, worst 48s`).
pub fn entries(
    state: &State,
    look: &Look,
    pane: PaneId,
    columns: &[Column],
    room: Room,
    cells: impl Fn(&Row) -> Vec<Cell>,
    folded: impl Fn(&[Row]) -> String,
) -> Vec<Entry> {
    let all = rows(state, pane);
    let selected = super::selected(state, pane);
    let chosen = all.iter().position(|row| Some(&row.key) == selected.as_ref()).unwrap_or(0);
    let (shown, left): (Vec<Row>, Vec<Row>) = if room.zoomed {
        // The window that `fit` cuts out lies at the selection; what is far from it is not laid out.
        let last = chosen.saturating_add(room.height).saturating_add(MARGIN);
        (all.into_iter().take(last).collect(), Vec::new())
    } else {
        let bad = all.iter().filter(|row| row.badness > 0).count();
        let fits = room.height.saturating_sub(usize::from(bad < all.len()));
        let most = if all.len() <= room.height { all.len() } else { fits };
        let mut shown = all;
        let left = shown.split_off(most.min(shown.len()));
        (shown, left)
    };
    let written: Vec<Vec<Cell>> = shown.iter().map(&cells).collect();
    let mut lines = lay(look, columns, &written, room.width, room.zoomed).into_iter();
    let mut entries = Vec::new();
    if room.zoomed {
        entries.extend(lines.next().map(|line| Entry::note(2, line)));
    }
    entries.extend(shown.into_iter().zip(lines).map(|(row, line)| Entry::row(row.key, 0, line)));
    if !left.is_empty() {
        let worst = left.iter().map(|row| row.badness).max().unwrap_or(0);
        let mark = if worst == 0 { Mark::Ok } else { Mark::Warn };
        entries.push(Entry::note(0, Line::from(vec![look.mark(mark, &folded(&left))])));
    }
    entries
}
