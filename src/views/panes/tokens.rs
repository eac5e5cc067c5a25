//! Tokens: how long each lasts, what it is, whether it is who it should be and can do what it must.

use super::listing;
use super::{Entry, Pane, Room};
use crate::app::id::{FeedId, PaneId};
use crate::app::model::tokens::{TokenAnswer, TokenSays, TokenSeen};
use crate::app::state::panes::{self, Row};
use crate::app::state::{State, panes::rows};
use crate::app::tokens::{self, Grade};
use crate::views::sight;
use crate::views::table::{Cell, Column};
use crate::views::theme::{Look, Mark, Role};

/// The pane.
#[derive(Debug)]
pub struct Tokens;

/// The feeds whose trouble shows here.
pub const FEEDS: &[FeedId] = &[FeedId::Tokens];

const COLUMNS: [Column; 7] = [
    Column::name("token", 0, 9),
    Column::figure("left", 1),
    Column::name("", 0, 12),
    Column::new("kind", 2),
    Column::name("is", 3, 8),
    Column::new("may", 4),
    Column::figure("seen", 5),
];

impl Pane for Tokens {
    fn id(&self) -> PaneId {
        PaneId::Tokens
    }

    fn standing(&self, state: &State) -> (Mark, String) {
        if let Some(blind) = sight::blindness(state, FeedId::Tokens) {
            let word = if blind.mark == Mark::Absent && blind.trouble.is_some() { "none" } else { &blind.word };
            return (blind.mark, word.to_owned());
        }
        let rows = rows(state, PaneId::Tokens);
        let Some(worst) = rows.first().and_then(|row| panes::token(state, &row.key)) else {
            return (Mark::Absent, "none".to_owned());
        };
        let (grade, _) = tokens::standing(&state.model, worst, state.now);
        let bad = rows.iter().filter(|row| row.badness > 0).count();
        let words = if bad == 0 { String::new() } else { format!("{bad} of {}", rows.len()) };
        (if bad == 0 { Mark::Ok } else { mark(grade) }, words)
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        let blind = sight::blindness(state, FeedId::Tokens).is_some();
        let cells =
            |row: &Row| panes::token(state, &row.key).map(|token| cells(state, look, token, blind)).unwrap_or_default();
        let folded = |left: &[Row]| format!("{} others", left.len());
        let mut entries = listing::entries(state, look, PaneId::Tokens, &COLUMNS, room, cells, folded);
        entries.extend(sight::entries(state, look, FEEDS, room));
        entries
    }
}

/// The mark of a grade.
pub const fn mark(grade: Grade) -> Mark {
    match grade {
        Grade::Well => Mark::Ok,
        Grade::Noted => Mark::Absent,
        Grade::Unknown => Mark::Unknown,
        Grade::Warning => Mark::Warn,
        Grade::Bad => Mark::Bad,
    }
}

fn cells(state: &State, look: &Look, token: &TokenSeen, blind: bool) -> Vec<Cell> {
    let (grade, why) = tokens::standing(&state.model, token, state.now);
    let mark = if blind { Mark::Warn } else { mark(grade) };
    let role = if blind { Role::Dim } else { mark.role() };
    let gone = sight::looked(state.now, token.at, FeedId::Tokens);
    let mut cells = vec![Cell::new(role, format!("{} {}", look.glyph(mark), token.origin.name()))];
    let TokenAnswer::Says(says) = &token.answer else {
        cells.extend([Cell::empty(), Cell::new(role, why)]);
        cells.extend([Cell::empty(), Cell::empty(), Cell::empty(), Cell::new(Role::Dim, gone)]);
        return cells;
    };
    let why = if why.is_empty() && says.uses_left > 0 { uses(says) } else { why };
    cells.extend([
        Cell::new(Role::Plain, tokens::lasts(token, says, state.now)),
        Cell::new(role, if blind { format!("stale {gone}") } else { why }),
        Cell::new(Role::Dim, says.sort()),
        Cell::new(Role::Dim, &says.display_name),
        Cell::new(Role::Dim, may(token, says)),
        Cell::new(Role::Dim, format!("{gone} ago")),
    ]);
    cells
}

/// `3 uses left`.
pub fn uses(says: &TokenSays) -> String {
    format!("{} left", crate::app::text::count(says.uses_left as usize, "use"))
}

/// `3 of 3 paths`, of those that the configuration names; nothing where it names none.
pub fn may(token: &TokenSeen, says: &TokenSays) -> String {
    let total = token.wants.needs.len();
    match tokens::lacking(says, &token.wants.needs) {
        _ if total == 0 => String::new(),
        None => format!("? of {total} paths"),
        Some(lacks) => format!("{} of {total} paths", total - lacks.len()),
    }
}
