//! What the vault rotates: static roles with their consumers, certificates, leases; what is late comes first.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ratatui::text::Line;

use super::{Entry, Pane, Room, listing};
use crate::app::id::{FeedId, PaneId};
use crate::app::model::engines::{EnginesSeen, LeasesSeen, PkiSeen, StaticRoleSeen};
use crate::app::rotation::{Arrival, Standing, Window, next, period, standing};
use crate::app::state::State;
use crate::app::state::panes::{Rotating, Row, rotating, rotation_badness};
use crate::app::text::count;
use crate::app::time::{age, quiet, spoken};
use crate::views::table::{Cell, Column};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

/// The pane.
#[derive(Debug)]
pub struct Rotation;

/// The feeds whose trouble shows here.
pub const FEEDS: &[FeedId] = &[FeedId::Engines];

/// Troubles of single engines that a card shows.
const BLIND: usize = 3;

const COLUMNS: [Column; 5] = [
    Column::new("", 0),
    Column::name("what", 0, 10),
    Column::figure("last", 2),
    Column::new("next", 0),
    Column::new("consumers", 1),
];

impl Pane for Rotation {
    fn id(&self) -> PaneId {
        PaneId::Rotation
    }

    fn standing(&self, state: &State) -> (Mark, String) {
        if let Some(blind) = sight::blindness(state, FeedId::Engines) {
            return (blind.mark, blind.word);
        }
        let Some(seen) = state.model.engines.as_ref().map(|seen| &seen.value) else {
            return (Mark::Absent, "looking".to_owned());
        };
        let all = rotating(state);
        if let Some(worst) = all.first().filter(|worst| rotation_badness(state, worst) > 0) {
            return bad(state, worst, &all);
        }
        if !seen.blind.is_empty() {
            return (Mark::Unknown, "in part denied".to_owned());
        }
        well(state, seen)
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        let all: BTreeMap<String, Rotating> = rotating(state).into_iter().map(|what| (what.key(), what)).collect();
        let cells = |row: &Row| all.get(&row.key).map(|what| cells(state, look, what)).unwrap_or_default();
        let folded = |left: &[Row]| format!("{} more", left.len());
        let mut entries = listing::entries(state, look, PaneId::Rotation, &COLUMNS, room, cells, folded);
        if all.is_empty() {
            entries.clear();
        }
        if let Some(seen) = state.model.engines.as_ref().map(|seen| &seen.value) {
            entries.extend(blind(state, look, seen, room));
            if room.zoomed {
                entries.extend(foot(state, look, seen));
            }
        }
        entries.extend(sight::entries(state, look, FEEDS, room));
        entries
    }
}

/// How the worst of them stands.
fn bad(state: &State, worst: &Rotating, all: &[Rotating]) -> (Mark, String) {
    let badness = rotation_badness(state, worst);
    let mark = if badness == 3 { Mark::Bad } else { Mark::Warn };
    let overdue = all.iter().filter(|what| matches!(what, Rotating::Role(role, _) if late(role, state.now))).count();
    let words = match worst {
        Rotating::Role(..) if overdue > 0 => format!("{overdue} overdue"),
        Rotating::Role(role, arrivals) => match arrivals.first().map(|arrival| &arrival.window) {
            Some(Window::Waiting { since, .. }) => format!("{} not arrived for {}", role.role, quiet(*since)),
            Some(Window::Within(_) | Window::Arrived | Window::Unseen(_)) | None => role.role.clone(),
        },
        Rotating::Irrevocable(n) => format!("{} stuck", count(*n as usize, "lease")),
        Rotating::Issuer(pki) => format!("{} {}", pki.place.words(), ends(pki.expires, state.now)),
        Rotating::Leases(leases) => leases.prefix.clone(),
    };
    (mark, words)
}

fn late(role: &StaticRoleSeen, now: Timestamp) -> bool {
    matches!(standing(role, now), Standing::Overdue { .. })
}

/// `6 roles, next fleet in 3h`.
fn well(state: &State, seen: &EnginesSeen) -> (Mark, String) {
    let roles = count(seen.static_roles.len(), "role");
    match next(seen, state.now) {
        Some((at, role)) => (Mark::Ok, format!("{roles}, next {} {}", role.role, coming(at, state.now))),
        None if !seen.static_roles.is_empty() => (Mark::Ok, roles),
        None if seen.unread > 0 => (Mark::Unknown, format!("{} not read yet", count(seen.unread as usize, "role"))),
        None if !seen.leases.is_empty() => {
            let leases: u64 = seen.leases.iter().map(|leases| leases.count).sum();
            (Mark::Ok, count(leases as usize, "lease"))
        }
        None if !seen.pki.is_empty() => (Mark::Ok, count(seen.pki.len(), "issuer")),
        None => (Mark::Absent, "nothing rotates here".to_owned()),
    }
}

fn cells(state: &State, look: &Look, what: &Rotating) -> Vec<Cell> {
    let mark = match rotation_badness(state, what) {
        0 => Mark::Ok,
        1 | 2 => Mark::Warn,
        _ => Mark::Bad,
    };
    let lead = Cell::new(mark.role(), look.glyph(mark));
    let plain = |text: String| Cell::new(Role::Plain, text);
    let quiet = |text: String| Cell::new(Role::Dim, text);
    match what {
        Rotating::Role(role, arrivals) => {
            let (next, role_of) = next_words(role, state.now);
            let (words, mark) = consumers(arrivals);
            vec![
                lead,
                plain(role.place.under(&role.role)),
                quiet(last(role, state.now)),
                Cell::new(role_of, next),
                Cell::new(mark.role(), words),
            ]
        }
        Rotating::Irrevocable(n) => {
            let next = Cell::new(mark.role(), "cannot be revoked");
            vec![lead, plain("irrevocable".to_owned()), plain(count(*n as usize, "lease")), next, Cell::empty()]
        }
        Rotating::Issuer(pki) => {
            let next = Cell::new(if mark == Mark::Ok { Role::Dim } else { mark.role() }, ends(pki.expires, state.now));
            vec![lead, plain(pki.place.under(&pki.issuer)), quiet(issued(pki)), next, Cell::empty()]
        }
        Rotating::Leases(leases) => {
            let next = quiet(lease_words(leases, state.now));
            vec![lead, plain(leases.prefix.clone()), quiet(count(leases.count as usize, "lease")), next, Cell::empty()]
        }
    }
}

/// `12m of 24h`: since the last rotation, and from one to the next.
pub fn last(role: &StaticRoleSeen, now: Timestamp) -> String {
    let Some(rotated) = role.rotated else { return "never".to_owned() };
    let gone = quiet(age(now, rotated));
    period(role).map_or(gone.clone(), |period| format!("{gone} of {}", spoken(period)))
}

/// What comes next for a role, in words.
pub fn next_words(role: &StaticRoleSeen, now: Timestamp) -> (String, Role) {
    match standing(role, now) {
        Standing::Current { next: Some(at) } => (coming(at, now), Role::Dim),
        Standing::Current { next: None } => ("schedule not understood".to_owned(), Role::Unknown),
        Standing::Queued { .. } => ("due now".to_owned(), Role::Plain),
        Standing::Overdue { due, percent } => {
            let role = if percent >= 100 { Role::Bad } else { Role::Warn };
            (format!("overdue {}", quiet(age(now, due))), role)
        }
        Standing::Never => ("never rotated".to_owned(), Role::Dim),
    }
}

fn coming(at: Timestamp, now: Timestamp) -> String {
    if at <= now { "now".to_owned() } else { format!("in {}", quiet(at.duration_since(now))) }
}

/// `ends in 36h`.
pub fn ends(at: Option<Timestamp>, now: Timestamp) -> String {
    match at {
        Some(at) if at <= now => format!("ended {} ago", spoken(age(now, at))),
        Some(at) => format!("ends {}", coming(at, now)),
        None => "no issuer yet".to_owned(),
    }
}

/// How many certificates, where they may be listed.
pub fn issued(pki: &PkiSeen) -> String {
    pki.issued.map_or_else(|| "not counted".to_owned(), |n| count(n as usize, "certificate"))
}

/// The next end of the leases that were looked up.
pub fn lease_words(leases: &LeasesSeen, now: Timestamp) -> String {
    match leases.next_expiry {
        Some(at) => format!("next {}", ends(Some(at), now)),
        None if leases.count == 0 => String::new(),
        None if leases.sampled > 0 => "none ends by itself".to_owned(),
        None => "not looked up".to_owned(),
    }
}

/// All consumers of a role in one number: the longest wait, or the longest way it took.
fn consumers(arrivals: &[Arrival]) -> (String, Mark) {
    let total = arrivals.len();
    let waiting: Vec<_> = arrivals
        .iter()
        .filter_map(|arrival| match arrival.window {
            Window::Waiting { since, .. } => Some(since),
            Window::Within(_) | Window::Arrived | Window::Unseen(_) => None,
        })
        .collect();
    let longest = arrivals.iter().filter_map(|arrival| match arrival.window {
        Window::Within(took) => Some(took),
        Window::Waiting { .. } | Window::Arrived | Window::Unseen(_) => None,
    });
    match (total, waiting.iter().max(), longest.max()) {
        (0, ..) => (String::new(), Mark::Absent),
        (_, Some(since), _) => (format!("{} of {total} not arrived for {}", waiting.len(), quiet(*since)), Mark::Warn),
        (_, None, Some(took)) => (format!("{total} arrived in {}", spoken(took)), Mark::Ok),
        (_, None, None) if arrivals.iter().all(|arrival| arrival.window == Window::Arrived) => {
            (format!("{total} arrived"), Mark::Ok)
        }
        (..) => (format!("{total}, not in sight"), Mark::Unknown),
    }
}

/// What could not be looked at, with the policy line that would let it be.
fn blind(state: &State, look: &Look, seen: &EnginesSeen, room: Room) -> Vec<Entry> {
    let most = if room.zoomed { seen.blind.len() } else { BLIND };
    let mut entries = Vec::new();
    for blind in seen.blind.iter().take(most) {
        let what = fmt::end(&blind.trouble.what, room.width.saturating_sub(3));
        entries.push(Entry::note(1, Line::from(vec![look.mark(Mark::Unknown, &what)])));
        entries.extend(sight::advice(state, look, &blind.trouble, room, 2));
    }
    entries
}

/// What only fits when zoomed: the connections, and what looking at all this costs.
fn foot(state: &State, look: &Look, seen: &EnginesSeen) -> Vec<Entry> {
    let mut lines: Vec<String> = seen
        .connections
        .iter()
        .map(|connection| {
            let root = match connection.root_rotated {
                Some(at) => format!("root credentials rotated {} ago", spoken(age(state.now, at))),
                None => "age of its root credentials unknown: the server does not say it".to_owned(),
            };
            format!("connection {}, {}; {root}", connection.place.under(&connection.name), connection.plugin)
        })
        .collect();
    if let Some(left) = &seen.left_out {
        lines.push(format!("not looked at: {left}"));
    }
    if seen.unread > 0 {
        lines.push(format!("{} not read yet", count(seen.unread as usize, "static role")));
    }
    let (asked, budget) = seen.asked;
    lines.push(format!("{asked} questions in the last look, every 15s, at most {budget}"));
    let note = |line: String| Entry::note(7, Line::from(vec![look.span(Role::Dim, line)]));
    std::iter::once(Entry::blank()).chain(lines.into_iter().map(note)).collect()
}
