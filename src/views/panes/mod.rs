//! The registry of panes: one file each, one line here. A pane says its rows; the grid decides how many of them show.

use ratatui::text::{Line, Span};

use super::canvas;
use super::theme::{Look, Mark, Role};
use crate::app::id::PaneId;
use crate::app::state::{State, lists};

pub mod flow;
pub mod keys;
pub mod listing;
pub mod nodes;
pub mod rotation;
pub mod sync;
pub mod timeline;
pub mod tokens;
pub mod vault;
pub mod workloads;

/// One line of a card.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key of the row it belongs to (see `app::state::panes`); `None` for a line that cannot be selected.
    pub key: Option<String>,
    /// 0 stays as long as it can; the highest goes first when the card is too small.
    pub weight: u8,
    /// What it shows, without the cursor's column.
    pub line: Line<'static>,
    /// It goes on with the sentence of the line above.
    pub joins: bool,
}

impl Entry {
    /// A line that can be selected.
    pub fn row(key: impl Into<String>, weight: u8, line: Line<'static>) -> Self {
        Self { key: Some(key.into()), weight, line, joins: false }
    }

    /// A line that only says something.
    pub const fn note(weight: u8, line: Line<'static>) -> Self {
        Self { key: None, weight, line, joins: false }
    }

    /// The next line of a sentence that began in the line above.
    pub const fn more(weight: u8, line: Line<'static>) -> Self {
        Self { key: None, weight, line, joins: true }
    }

    /// Air.
    pub fn blank() -> Self {
        Self::note(9, Line::default())
    }
}

/// How much room a pane has.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// It fills the screen: headings, details, nothing folded.
    pub zoomed: bool,
}

/// One pane.
pub trait Pane: Sync {
    /// Which one.
    fn id(&self) -> PaneId;

    /// How it stands, for its title: a mark and a word or two.
    fn standing(&self, state: &State) -> (Mark, String);

    /// Its lines, in the order of `app::state::lists::shown`.
    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry>;

    /// Whether it wants the whole width of the grid.
    fn wide(&self) -> bool {
        false
    }
}

/// Every pane there is, in the order of their digits.
pub fn all() -> &'static [&'static dyn Pane] {
    &[
        &vault::Vault,
        &keys::Keys,
        &sync::Sync,
        &workloads::Workloads,
        &nodes::Nodes,
        &tokens::Tokens,
        &rotation::Rotation,
        &flow::Flow,
        &timeline::Timeline,
    ]
}

/// The pane of this name.
pub fn find(id: PaneId) -> Option<&'static dyn Pane> {
    all().iter().copied().find(|pane| pane.id() == id)
}

/// The key of the selected row of a pane.
pub fn selected(state: &State, pane: PaneId) -> Option<String> {
    lists::selected(state, pane).map(|row| row.key.clone())
}

/// What a pane shows: of a pane that is no list, only the lines of rows that its filter lets through.
pub fn entries(state: &State, look: &Look, pane: &dyn Pane, room: Room) -> Vec<Entry> {
    let entries = pane.entries(state, look, room);
    let Some(filter) = state.filter(pane.id()) else { return entries };
    let shown = lists::shown(state, pane.id());
    if shown.is_empty() {
        let words = format!("nothing here matches {filter}");
        return vec![Entry::note(0, Line::from(vec![look.span(Role::Dim, super::fmt::end(&words, room.width))]))];
    }
    if lists::sorts(pane.id()) || pane.id() == PaneId::Timeline {
        return entries;
    }
    let lets_through = |entry: &Entry| entry.key.as_ref().is_some_and(|key| shown.iter().any(|row| row.key == *key));
    entries.into_iter().filter(lets_through).collect()
}

/// The entries that fit: the heaviest drop out first; then of the rows the page with the selection is shown, between what
/// is said above and below them. A sentence that lost its end says so.
pub fn fit(mut entries: Vec<Entry>, height: usize, selected: Option<&str>) -> Vec<Entry> {
    let chosen = |entry: &Entry| entry.key.is_some() && entry.key.as_deref() == selected;
    while entries.len() > height {
        let heaviest = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.weight > 0 && !chosen(entry))
            .max_by_key(|(index, entry)| (entry.weight, *index))
            .map(|(index, _)| index);
        let Some(index) = heaviest else { break };
        let joined = entries.remove(index).joins;
        let before = index.checked_sub(1).and_then(|before| entries.get_mut(before));
        if let Some(last) = before.filter(|_| joined).and_then(|entry| entry.line.spans.last_mut())
            && !last.content.ends_with('…')
        {
            last.content.to_mut().push('…');
        }
    }
    if entries.len() <= height {
        return entries;
    }
    let at = entries.iter().position(chosen).unwrap_or(0);
    let first = listing::page(at, height, entries.len());
    entries.into_iter().skip(first).take(height).collect()
}

/// A label and what follows it, the labels one below the other.
pub fn labelled(look: &Look, label: &str, rest: Vec<Span<'static>>) -> Line<'static> {
    let mut spans = vec![look.span(Role::Dim, super::fmt::left(label, LABEL))];
    spans.extend(rest);
    Line::from(spans)
}

/// Columns of a label.
pub const LABEL: usize = 10;

/// Adds quieter words at the right end of a line, if they fit.
pub fn aside(look: &Look, mut line: Line<'static>, words: &str, room: usize) -> Line<'static> {
    let used = canvas::line_width(&line);
    let words = super::fmt::safe(words);
    let wide = super::fmt::width(&words);
    if wide > 0 && used + 2 + wide <= room {
        line.spans.push(Span::raw(" ".repeat(room - used - wide)));
        line.spans.push(look.span(Role::Dim, words));
    }
    line
}
