//! Workloads that use a secret: which run with an older one than the cluster holds, by which reference, since when.

use super::{Entry, Pane, Room, listing};
use crate::app::id::PaneId;
use crate::app::state::State;
use crate::app::state::panes::{Row, rows};
use crate::app::text::count;
use crate::app::time::quiet;
pub use crate::app::workloads::FEEDS;
use crate::app::workloads::{Standing, View};
use crate::views::sight;
use crate::views::table::{Cell, Column};
use crate::views::theme::{Look, Mark, Role};

/// The pane.
#[derive(Debug)]
pub struct Workloads;

const COLUMNS: [Column; 7] = [
    Column::new("", 0),
    Column::name("workload", 0, 12),
    Column::new("state", 0),
    Column::name("by", 2, 10),
    Column::new("rollout", 1),
    Column::figure("pods", 4),
    Column::new("kind", 3),
];

impl Pane for Workloads {
    fn id(&self) -> PaneId {
        PaneId::Workloads
    }

    fn standing(&self, state: &State) -> (Mark, String) {
        if let Some(blind) = FEEDS.iter().find_map(|feed| sight::blindness(state, *feed)) {
            return (blind.mark, blind.word);
        }
        let all = rows(state, PaneId::Workloads);
        let bad = all.iter().filter(|row| row.badness > 2).count();
        match (bad, all.len()) {
            (0, 0) => (Mark::Absent, "none".to_owned()),
            (0, _) => (Mark::Ok, String::new()),
            (bad, _) => (Mark::Warn, bad.to_string()),
        }
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        let mut entries = sight::entries(state, look, &FEEDS, room);
        let view = View::of(&state.model, state.now);
        let room = Room { height: room.height.saturating_sub(entries.len()), ..room };
        let known = |row: &Row| state.model.consumers.as_ref().and_then(|table| table.get(&row.subject));
        let cells = |row: &Row| known(row).map_or_else(Vec::new, |it| cells(&view.standing(it), state, look));
        let folded = |rows: &[Row]| {
            let well = rows.iter().all(|row| row.badness == 0);
            let others = count(rows.len(), "other");
            let run = if rows.len() == 1 { "runs" } else { "run" };
            if well { format!("{others} {run} with what the cluster holds") } else { others }
        };
        entries.extend(listing::entries(state, look, PaneId::Workloads, &COLUMNS, room, cells, folded));
        if entries.is_empty() {
            entries.push(Entry::note(0, look.mark(Mark::Absent, "No workload uses a Secret").into()));
        }
        entries
    }
}

/// How it is marked.
pub fn mark(standing: &Standing<'_>) -> Mark {
    match standing.badness() {
        0 => Mark::Ok,
        1 => Mark::Absent,
        2 => Mark::Unknown,
        _ => Mark::Warn,
    }
}

fn cells(standing: &Standing<'_>, state: &State, look: &Look) -> Vec<Cell> {
    let mark = mark(standing);
    let by = standing.stale.first().map(|stale| stale.used).or_else(|| standing.missing.first().copied());
    let by = by.or_else(|| standing.undated.first().copied());
    let by = by.map_or_else(String::new, |used| format!("{} {}", used.secret.name, used.way.word()));
    let (word, rollout) = (word(standing, state), standing.rollout());
    let pods = standing.pods.len();
    let older = standing.older().len();
    let pods = if older > 0 && older < pods { format!("{older} of {pods}") } else { pods.to_string() };
    vec![
        Cell::new(mark.role(), look.glyph(mark)),
        Cell::new(Role::Plain, standing.consumer.object.path()),
        Cell::new(mark.role(), &word),
        Cell::new(Role::Plain, by),
        Cell::new(Role::Dim, if rollout == word { "" } else { &rollout }),
        Cell::new(Role::Dim, pods),
        Cell::new(Role::Dim, &standing.consumer.object.kind),
    ]
}

/// `22m behind`, or what else is the matter.
pub fn word(standing: &Standing<'_>, state: &State) -> String {
    match (standing.missing.first(), standing.behind(state.now)) {
        (Some(_), _) => "Secret missing".to_owned(),
        (None, Some(behind)) => format!("{} behind", quiet(behind)),
        (None, None) if !standing.undated.is_empty() => "cannot tell".to_owned(),
        (None, None) if standing.badness() > 0 => standing.rollout(),
        (None, None) => {
            let secrets: std::collections::BTreeSet<_> =
                standing.consumer.uses.iter().map(|used| &used.secret).filter(|used| used.kind == "Secret").collect();
            if secrets.is_empty() { "from CSI".to_owned() } else { count(secrets.len(), "Secret") }
        }
    }
}
