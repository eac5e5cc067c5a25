//! A long list of rows as a card shows it: worst first, the others folded into one line; zoomed it is the whole list, of
//! which only the page with the selection is written.

use ratatui::text::Line;

use super::{Entry, Room, aside};
use crate::app::id::PaneId;
use crate::app::state::State;
use crate::app::state::lists::{selected, shown};
use crate::app::state::panes::Row;
use crate::views::table::{Cell, Column, lay};
use crate::views::theme::{Look, Mark};

/// How many rows beyond the window are laid out, so that columns do not change their width at every page.
const MARGIN: usize = 50;

/// The lines of a list. `cells` writes one row; `folded` says in a few words how the rows stand that a card leaves out
/// (`74 others, worst 48s`).
pub fn entries(
    state: &State,
    look: &Look,
    pane: PaneId,
    columns: &[Column],
    room: Room,
    cells: impl Fn(&Row) -> Vec<Cell>,
    folded: impl Fn(&[Row]) -> String,
) -> Vec<Entry> {
    let all = shown(state, pane);
    let selected = selected(state, pane);
    let chosen = all.iter().position(|row| selected.is_some_and(|selected| selected.key == row.key)).unwrap_or(0);
    let most = fits(all, room);
    let first = page(chosen, most, all.len());
    let laid = first.saturating_sub(MARGIN);
    let near: Vec<Vec<Cell>> = all.iter().skip(laid).take(first - laid + most + MARGIN).map(&cells).collect();
    let mut lines = lay(look, columns, &near, room.width, room.zoomed).into_iter();
    let mut entries = Vec::new();
    if room.zoomed
        && let Some(heading) = lines.next()
    {
        let place = format!("{}–{} of {}", first + 1, (first + most).min(all.len()), all.len());
        let heading = if all.len() > most { aside(look, heading, &place, room.width) } else { heading };
        entries.push(Entry::note(2, heading));
    }
    let window = all.iter().skip(first).take(most);
    entries.extend(window.zip(lines.skip(first - laid)).map(|(row, line)| Entry::row(row.key.clone(), 0, line)));
    if !room.zoomed && most < all.len() && (most + 1 == room.height || most == 0) {
        let after = all.get(first + most..).unwrap_or_default();
        let words =
            if first == 0 { folded(after) } else { folded(&[all.get(..first).unwrap_or_default(), after].concat()) };
        let left = all.iter().take(first).chain(after);
        let mark = if left.clone().all(|row| row.badness == 0) { Mark::Ok } else { Mark::Warn };
        entries.push(Entry::note(0, Line::from(vec![look.mark(mark, &words)])));
    }
    entries
}

/// How many rows a window takes: all but the heading where it is zoomed; in a card the last line tells of the others.
fn fits(all: &[Row], room: Room) -> usize {
    if room.zoomed {
        return room.height.saturating_sub(1).max(1);
    }
    if all.len() <= room.height {
        return all.len();
    }
    // A single line is for the worst, if anything is wrong.
    let wrong = all.iter().any(|row| row.badness > 0);
    if room.height == 1 { usize::from(wrong) } else { room.height.saturating_sub(1) }
}

/// The first row of the page that a row is on: rows keep their place on the screen while the cursor moves on one page.
pub fn page(chosen: usize, rows: usize, len: usize) -> usize {
    let Some(page) = chosen.checked_div(rows) else { return 0 };
    (page * rows).min(len.saturating_sub(rows))
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn a_page_stands_still_while_the_cursor_is_on_it() {
        assert_eq!([0, 9, 10, 19, 20, 24].map(|chosen| page(chosen, 10, 25)), [0, 0, 10, 10, 15, 15]);
        assert_eq!(page(3, 0, 25), 0);
        assert_eq!(page(3, 10, 5), 0);
    }
}
