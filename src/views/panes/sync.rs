//! Objects that bring secrets into the cluster: one row each, worst first, with how far it lags and why.

use jiff::SignedDuration;
use ratatui::text::Line;

use super::{Entry, Pane, Room, listing};
use crate::app::id::{FeedId, ObjectRef, PaneId};
use crate::app::model::observed::FeedState;
use crate::app::model::paths::PathsSeen;
use crate::app::model::sync::{Operator, OperatorSeen, SyncKind, SyncSeen};
use crate::app::model::table::Table;
use crate::app::state::State;
use crate::app::state::lists::shown;
use crate::app::state::panes::{Alike, Row, tally};
use crate::app::sync::{Standing, Witnesses, Word};
use crate::app::text::count;
use crate::app::time::{age, clock, quiet, spoken};
use crate::views::table::{Cell, Column};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

/// The pane.
#[derive(Debug)]
pub struct Sync;

/// The feeds whose trouble shows here.
pub const FEEDS: &[FeedId] = &[FeedId::Sync, FeedId::Operators, FeedId::Paths];

const COLUMNS: [Column; 6] = [
    Column::new("state", 0),
    Column::name("object", 0, 9),
    Column::new("kind", 3),
    Column::figure("lag", 1),
    Column::new("why", 2),
    Column::name("through", 4, 8),
];

/// So many rows are measured for the room that prose has.
const MEASURED: usize = 100;

/// What state, kind and lag take of a zoomed line, with the gaps.
const OTHERS: usize = 36;

impl Pane for Sync {
    fn id(&self) -> PaneId {
        PaneId::Sync
    }

    fn standing(&self, state: &State) -> (Mark, String) {
        if state.model.sync.is_none() {
            return match sight::blindness(state, FeedId::Sync) {
                Some(blind) if blind.mark == Mark::Absent && blind.trouble.is_some() => {
                    (Mark::Absent, "none".to_owned())
                }
                Some(blind) => (blind.mark, blind.word),
                None => (Mark::Absent, "looking".to_owned()),
            };
        }
        if let Some(blind) = sight::blindness(state, FeedId::Sync) {
            return (blind.mark, blind.word);
        }
        let all = tally(state);
        let total: usize = all.iter().map(|one| one.count).sum();
        let marked = |one: &Alike| marked(one.word, one.remark);
        let Some(worst) = all.iter().max_by_key(|one| (rank(marked(one)), one.badness)) else {
            let denied = state.model.withholds_some(FeedId::Sync);
            let (mark, word) = if denied { (Mark::Unknown, "in part denied") } else { (Mark::Absent, "no objects") };
            return (mark, word.to_owned());
        };
        let alike = || all.iter().filter(|one| marked(one) == marked(worst));
        let word = match (marked(worst), alike().all(|one| one.word == worst.word)) {
            (Mark::Ok | Mark::Absent, _) if state.model.withholds_some(FeedId::Sync) => {
                return (Mark::Unknown, format!("{}, in part denied", calm(all, total)));
            }
            (Mark::Ok | Mark::Absent, _) => return (Mark::Ok, calm(all, total)),
            (_, true) if worst.word == Word::Synced => "with a remark",
            (_, true) => worst.word.name(),
            (_, false) => "not synced",
        };
        let alike: usize = alike().map(|one| one.count).sum();
        (marked(worst), format!("{alike} of {total} {word}"))
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        if state.model.feed_state(FeedId::Sync, state.now) == FeedState::Absent {
            return absent(state, look, room);
        }
        let mut entries = Vec::new();
        let processes: Vec<Entry> = processes(state, look, room);
        if !room.zoomed {
            // Nothing below it moves while the operator stands still.
            entries.extend(processes.iter().cloned());
        }
        let left = Room { height: room.height.saturating_sub(entries.len()), ..room };
        let witnesses = Witnesses::alone(&state.model, state.now);
        let space = Space::of(state, room);
        let cells = |row: &Row| cells(state, &witnesses, look, row, space);
        entries.extend(listing::entries(state, look, PaneId::Sync, &COLUMNS, left, cells, folded));
        if state.model.sync.as_ref().is_some_and(Table::is_empty) {
            let none = look.mark(Mark::Absent, "no object of an operator's kinds is here");
            entries.push(Entry::note(0, Line::from(vec![none])));
        }
        entries.extend(sight::entries(state, look, FEEDS, room));
        if room.zoomed {
            entries.extend(processes);
        }
        if let Some(paths) = state.model.paths.as_ref().filter(|_| room.zoomed) {
            let (mark, words) = budget(state, &paths.value);
            entries.push(Entry::note(
                4,
                Line::from(vec![look.mark(mark, &fmt::end(&words, room.width.saturating_sub(2)))]),
            ));
        }
        entries
    }
}

/// `4 synced, 2 unwatched`.
fn calm(all: &[Alike], total: usize) -> String {
    let synced: usize = all.iter().filter(|one| one.word == Word::Synced).map(|one| one.count).sum();
    match total - synced {
        0 => format!("{synced} synced"),
        rest => format!("{synced} synced, {rest} unwatched"),
    }
}

/// The operators' processes: in a card those that stand still only.
fn processes(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    let found = state.model.operators.iter().flat_map(|seen| &seen.value.found);
    let shown = found.filter(|operator| room.zoomed || operator.since.is_none());
    let entry = |operator: &OperatorSeen| {
        let (mark, words) = process(state, operator);
        let line = Line::from(vec![look.mark(mark, &fmt::end(&words, room.width.saturating_sub(2)))]);
        Entry::note(if mark == Mark::Ok { 4 } else { 0 }, line)
    };
    shown.map(entry).collect()
}

/// No operator is no bad news: one quiet line.
fn absent(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    let trouble = state.model.feeds.get(&FeedId::Sync).and_then(|health| health.trouble.as_ref());
    let what = trouble.map_or("", |trouble| trouble.value.what.as_str());
    let lines = fmt::wrap_most(what, room.width.saturating_sub(2), 2).into_iter().enumerate();
    lines
        .map(|(index, line)| {
            let span =
                if index == 0 { look.mark(Mark::Absent, &line) } else { look.span(Role::Dim, format!("  {line}")) };
            Entry { joins: index > 0, ..Entry::note(0, Line::from(vec![span])) }
        })
        .collect()
}

/// How much of a line prose may take: it is cut at its end, so that no other column loses its place.
#[derive(Clone, Copy)]
struct Space {
    zoomed: bool,
    why: usize,
    through: bool,
}

impl Space {
    fn of(state: &State, room: Room) -> Self {
        let first = shown(state, PaneId::Sync).iter().take(MEASURED);
        let first: Vec<&SyncSeen> = first.filter_map(|row| state.model.sync.as_ref()?.get(&row.subject)).collect();
        let longest = |width: &dyn Fn(&SyncSeen) -> usize| first.iter().map(|seen| width(seen)).max().unwrap_or(0);
        let object = longest(&|seen| fmt::width(&seen.object.path()));
        let beside = longest(&|seen| fmt::width(&through(state, seen))) + 2;
        let left = room.width.saturating_sub(OTHERS + object);
        let shown = left.saturating_sub(beside) >= 40;
        let why = if shown { left - beside } else { left };
        Self { zoomed: room.zoomed, why: why.clamp(16, 100), through: shown }
    }
}

fn cells(state: &State, witnesses: &Witnesses<'_>, look: &Look, row: &Row, space: Space) -> Vec<Cell> {
    let Some(seen) = state.model.sync.as_ref().and_then(|table| table.get(&row.subject)) else {
        return Vec::new();
    };
    let standing = witnesses.judge(seen);
    let mark = mark(&standing);
    let word = if space.zoomed || mark != Mark::Ok { standing.word.name() } else { "" };
    let why = standing.also.as_ref().map_or_else(|| standing.why.clone(), |also| format!("{}; {also}", standing.why));
    let through = if space.through { through(state, seen) } else { String::new() };
    vec![
        Cell::new(mark.role(), format!("{} {word}", look.glyph(mark)).trim_end()),
        Cell::new(Role::Plain, seen.object.path()),
        Cell::new(Role::Dim, short(seen.kind)),
        Cell::new(if mark == Mark::Ok { Role::Dim } else { mark.role() }, lag(&standing)),
        Cell::new(Role::Dim, fmt::end(&why, space.why)),
        Cell::new(Role::Dim, through),
    ]
}

fn folded(left: &[Row]) -> String {
    let others = count(left.len(), "other");
    let bad = left.iter().filter(|row| row.badness > Word::Unwatched.badness()).count();
    let worst = left.iter().flat_map(|row| &row.figures).filter(|(name, _)| *name == "lag").map(|(_, lag)| *lag).max();
    match worst.filter(|lag| *lag > 0) {
        _ if bad > 0 => format!("{others}, {bad} of them not synced"),
        Some(lag) => format!("{others}, worst {}", quiet(SignedDuration::from_secs(lag))),
        None => format!("{others} synced"),
    }
}

/// `7m of 1m`: how far behind, of what was promised.
pub fn lag(standing: &Standing) -> String {
    let lag = standing.lag.map(|lag| if lag.is_zero() { "0s".to_owned() } else { quiet(lag) });
    match (lag, standing.of) {
        (Some(lag), Some(of)) => format!("{lag} of {}", spoken(of)),
        (Some(lag), None) => lag,
        (None, _) => String::new(),
    }
}

fn through(state: &State, seen: &SyncSeen) -> String {
    let name = |object: &ObjectRef| {
        if object.namespace == seen.object.namespace { object.name.to_string() } else { object.path() }
    };
    let ways = match (seen.detail.all_ways().count(), &seen.detail.auth) {
        (0, _) | (_, Some(_)) => state.model.way(seen).into_iter().collect(),
        (_, None) => seen.detail.all_ways().cloned().collect::<Vec<_>>(),
    };
    let first = ways.first().map(name).unwrap_or_default();
    match (ways.len(), seen.detail.selects.is_empty()) {
        (0, false) => "by labels".to_owned(),
        (0 | 1, true) => first,
        (more, true) => format!("{first} +{}", more - 1),
        (_, false) => format!("{first} +labels"),
    }
}

/// The kinds in a few letters.
pub const fn short(kind: SyncKind) -> &'static str {
    match kind {
        SyncKind::VaultStaticSecret => "VSS",
        SyncKind::VaultDynamicSecret => "VDS",
        SyncKind::VaultPKISecret => "PKI",
        SyncKind::VaultAuth => "auth",
        SyncKind::VaultConnection => "conn",
        SyncKind::VaultAuthGlobal => "global",
        SyncKind::ExternalSecret => "ES",
        SyncKind::PushSecret => "PS",
        SyncKind::SecretStore | SyncKind::ClusterSecretStore => "store",
        SyncKind::Generator => "gen",
    }
}

/// How an object is marked.
pub const fn mark(standing: &Standing) -> Mark {
    marked(standing.word, standing.also.is_some())
}

const fn marked(word: Word, remark: bool) -> Mark {
    match (word, remark) {
        (Word::Synced, false) => Mark::Ok,
        (Word::Unwatched, _) => Mark::Absent,
        (Word::Unknown, _) => Mark::Unknown,
        (Word::Synced, true) | (Word::Behind | Word::Looping | Word::Stale, _) => Mark::Warn,
        (Word::Dropped | Word::Failed | Word::Never | Word::Emptied, _) => Mark::Bad,
    }
}

const fn rank(mark: Mark) -> u8 {
    match mark {
        Mark::Ok => 1,
        Mark::Absent => 0,
        Mark::Unknown => 2,
        Mark::Warn => 3,
        Mark::Bad => 4,
    }
}

/// An operator's process: whether it runs, and since when.
pub fn process(state: &State, seen: &OperatorSeen) -> (Mark, String) {
    let name = match seen.operator {
        Operator::Vso => "VSO",
        Operator::Eso => "ESO",
    };
    let name = if seen.version.is_empty() { name.to_owned() } else { format!("{name} {}", seen.version) };
    let place = seen.object.path();
    match seen.since {
        None => (Mark::Bad, format!("{name} does not run: {} of {} ready in {place}", seen.ready, seen.wanted)),
        Some(since) => {
            let mark = if seen.ready == 0 { Mark::Warn } else { Mark::Ok };
            let ready = format!("{} of {} ready", seen.ready, seen.wanted);
            (mark, format!("{name} runs since {}, {ready}, {place}", fmt::when(state.now, since)))
        }
    }
}

/// What is asked of the vault for this pane: how many paths, how old the oldest answer, what of the budget is spent.
pub fn budget(state: &State, seen: &PathsSeen) -> (Mark, String) {
    let oldest = seen.found.iter().map(|path| age(state.now, path.at)).max();
    // Each look asks again: a figure that moved with it would tell nothing.
    let spoken = |age: SignedDuration| if age.as_secs() < 60 { "<1m".to_owned() } else { quiet(age) };
    let oldest = oldest.map(|age| format!(", oldest answer {}", spoken(age))).unwrap_or_default();
    let paths = format!("{} in the vault{oldest}", count(seen.found.len(), "path"));
    let spent = format!("asked {} of {} times a minute", seen.spent, seen.budget);
    match seen.held_until.filter(|until| *until > state.now) {
        Some(until) => {
            (Mark::Warn, format!("{paths}, {spent}, held until {}: the vault asks to slow down (429)", clock(until)))
        }
        None => (Mark::Ok, format!("{paths}, {spent}")),
    }
}
