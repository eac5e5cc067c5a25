//! Key files in custody, in the pane: whether each lies where it belongs, with the bytes and permissions it should have.

use crate::app::id::FeedId;
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::state::{State, panes};
use crate::app::time::{age, quiet};
use crate::views::panes::{Entry, LABEL, Room, labelled};
use crate::views::table::{Cell, Column, lay};
use crate::views::theme::{Look, Mark, Role};

/// How a file stands, in a mark and words; as many words as the room allows.
pub fn custody_word(file: &CustodySeen, roomy: bool) -> (Mark, String) {
    match &file.state {
        CustodyState::Missing => (Mark::Bad, "gone".to_owned()),
        CustodyState::Different { .. } if roomy => (Mark::Bad, "other bytes than those kept".to_owned()),
        CustodyState::Different { .. } => (Mark::Bad, "other bytes".to_owned()),
        CustodyState::WrongSize { len } => (Mark::Bad, format!("{len} bytes, not {}", file.size)),
        CustodyState::Unreadable(trouble) => {
            (super::kept::unread(trouble), format!("cannot be read: {}", trouble.kind.word()))
        }
        CustodyState::Elsewhere { host } => (Mark::Absent, format!("on {host}")),
        CustodyState::Same => match (file.permissions(), &file.near) {
            (Some(wrong), _) if roomy => (Mark::Warn, wrong),
            (Some(_), _) => (Mark::Warn, "permissions".to_owned()),
            (None, Some(_)) => (Mark::Warn, "kept only here".to_owned()),
            (None, None) => (Mark::Ok, "same".to_owned()),
        },
    }
}

/// One row a file.
pub(super) fn entries(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    const COLUMNS: [Column; 5] = [
        Column::name("", 0, 8),
        Column::name("", 0, 20),
        Column::name("", 2, 14),
        Column::new("", 3),
        Column::new("", 4),
    ];
    let files = panes::custody(state);
    let late = state.model.custody.as_ref().filter(|seen| seen.fresh(state.now, FeedId::Custody).is_none());
    let rows: Vec<Vec<Cell>> = files
        .iter()
        .map(|file| {
            let (mark, word) = match late {
                Some(seen) => {
                    (Mark::Warn, format!("was {}, stale {}", custody_word(file, false).1, quiet(seen.age(state.now))))
                }
                None => custody_word(file, room.zoomed),
            };
            let role = if late.is_some() { Role::Dim } else { mark.role() };
            vec![
                Cell::new(role, format!("{} {}", look.glyph(mark), file.name)),
                Cell::new(role, word),
                Cell::new(Role::Dim, &file.path),
                Cell::new(Role::Dim, format!("{:04o}", file.mode)),
                Cell::new(Role::Dim, format!("version {} kept {} ago", file.version, quiet(age(state.now, file.kept)))),
            ]
        })
        .collect();
    let columns = if room.zoomed { &COLUMNS[..] } else { &super::kept::SMALL };
    let lines = lay(look, columns, &rows, room.width.saturating_sub(LABEL), false);
    let mut entries = Vec::new();
    for (index, (file, line)) in files.iter().zip(lines).enumerate() {
        let label = if index == 0 { "custody" } else { "" };
        let weight = if late.is_none() && custody_word(file, false).0 == Mark::Ok { 6 } else { 1 };
        entries.push(Entry::row(format!("file {}", file.name), weight, labelled(look, label, line.spans)));
    }
    entries
}
