//! One application each: vault path, sync object, Secret, workload; the broken link is named.

use std::collections::HashMap;

use super::{Entry, Pane, Room, listing};
use crate::app::flow::{Brief, Grade};
use crate::app::id::{FeedId, PaneId};
use crate::app::model::observed::FeedState;
use crate::app::state::State;
use crate::app::state::panes::{Row, briefs};
use crate::app::text::count;
use crate::views::sight;
use crate::views::table::{Cell, Column};
use crate::views::theme::{Look, Mark, Role};

/// The pane.
#[derive(Debug)]
pub struct Flow;

/// The feeds whose trouble shows here.
pub const FEEDS: &[FeedId] = &[FeedId::Sync, FeedId::Secrets, FeedId::Consumers];

const COLUMNS: [Column; 4] =
    [Column::new("", 0), Column::name("application", 0, 10), Column::name("where", 0, 16), Column::figure("chains", 2)];

impl Pane for Flow {
    fn id(&self) -> PaneId {
        PaneId::Flow
    }

    fn standing(&self, state: &State) -> (Mark, String) {
        // Without operators there is still the way from a Secret to its workloads.
        let mut blind = FEEDS.iter().filter_map(|feed| sight::blindness(state, *feed));
        let absent = |blind: &sight::Blindness<'_>| blind.feed == FeedId::Sync && blind.word == "absent";
        if let Some(blind) = blind.find(|blind| !absent(blind)) {
            return (blind.mark, blind.word);
        }
        let all = briefs(state);
        let well = all.iter().filter(|brief| brief.grade <= Grade::Waits).count();
        let worst = all.first().map_or(Grade::Well, |brief| brief.grade);
        match all.len() {
            0 => (Mark::Absent, "none".to_owned()),
            n if well == n => (Mark::Ok, format!("{well} of {n}")),
            n => {
                let word = if worst == Grade::Broken { "broken" } else { "not seen" };
                let bad = all.iter().filter(|brief| brief.grade == worst).count();
                (mark(worst), format!("{bad} of {n} {word}"))
            }
        }
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        // That no operator is installed, the card of the sync objects says; here it breaks nothing.
        let seen = |feed: &&FeedId| state.model.feed_state(**feed, state.now) != FeedState::Absent;
        let feeds: Vec<FeedId> = FEEDS.iter().filter(seen).copied().collect();
        let mut entries = sight::entries(state, look, &feeds, room);
        let known: HashMap<&str, &Brief> = briefs(state).iter().map(|it| (it.name.as_str(), it)).collect();
        let room = Room { height: room.height.saturating_sub(entries.len()), ..room };
        let cells = |row: &Row| known.get(row.key.as_str()).map_or_else(Vec::new, |it| cells(it, look));
        let folded = |rows: &[Row]| {
            let graded = |row: &Row| known.get(row.key.as_str()).map_or(Grade::Unknown, |brief| brief.grade);
            let others = count(rows.len(), "other");
            match rows.iter().map(graded).max() {
                None | Some(Grade::Well) => format!("{others}, every link holds"),
                Some(Grade::Waits) => format!("{others}, nothing broken"),
                Some(Grade::Unknown | Grade::Broken) => others,
            }
        };
        entries.extend(listing::entries(state, look, PaneId::Flow, &COLUMNS, room, cells, folded));
        if entries.is_empty() {
            let says = "Nothing here gets a secret from the vault";
            entries.push(Entry::note(0, look.mark(Mark::Absent, says).into()));
        }
        entries
    }
}

/// How a link is marked.
pub const fn mark(grade: Grade) -> Mark {
    match grade {
        Grade::Well => Mark::Ok,
        Grade::Waits => Mark::Absent,
        Grade::Unknown => Mark::Unknown,
        Grade::Broken => Mark::Bad,
    }
}

fn cells(brief: &Brief, look: &Look) -> Vec<Cell> {
    let mark = mark(brief.grade);
    let words = match brief.alike {
        _ if brief.grade == Grade::Well => count(brief.chains, "chain"),
        0 | 1 => brief.words.clone(),
        alike => format!("{}, +{}", brief.words, alike - 1),
    };
    vec![
        Cell::new(mark.role(), look.glyph(mark)),
        Cell::new(Role::Plain, format!("{}:", brief.name)),
        Cell::new(if brief.grade == Grade::Well { Role::Dim } else { mark.role() }, words),
    ]
}
