//! One row for each expected replica: seal state, progress, role, version, node, restarts; silence said for what it is.

use jiff::SignedDuration;
use ratatui::text::{Line, Span};

use super::{Entry, Pane, Room};
use crate::app::id::{FeedId, PaneId};
use crate::app::model::seal::{Replica, SealAnswer, SealSeen};
use crate::app::state::State;
use crate::app::text::count;
use crate::app::time::{age, quiet};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::views::table::{Cell, Column, lay};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

mod estate;

pub use estate::{BESIDE, namespace_seal};

/// The pane.
#[derive(Debug)]
pub struct Vault;

/// The feeds whose trouble shows here.
pub const FEEDS: [FeedId; 3] = [FeedId::Seal, FeedId::Pods, FeedId::Workload];

impl Pane for Vault {
    fn id(&self) -> PaneId {
        PaneId::Vault
    }

    fn standing(&self, state: &State) -> (Mark, String) {
        let all: Vec<Condition> = state.model.replicas.iter().map(|replica| condition(state, replica)).collect();
        let total = all.len();
        if total == 0 {
            return (Mark::Absent, "looking".to_owned());
        }
        let open = all.iter().filter(|one| one.mark == Mark::Ok).count();
        let worst = all.iter().map(|one| one.mark).max_by_key(|mark| badness(*mark)).unwrap_or(Mark::Absent);
        match worst {
            Mark::Ok => (Mark::Ok, format!("{open} of {total} open")),
            Mark::Warn if all.iter().any(|one| one.stale.is_some()) => {
                let oldest = all.iter().filter_map(|one| one.stale).max().unwrap_or_default();
                (Mark::Warn, format!("stale {}", quiet(oldest)))
            }
            Mark::Bad | Mark::Warn | Mark::Unknown | Mark::Absent => {
                let same: Vec<&Condition> = all.iter().filter(|one| one.mark == worst).collect();
                let word = same.first().map_or("", |one| one.word.as_str());
                let word = if same.iter().all(|one| one.word == word) { word } else { "not open" };
                (worst, format!("{} of {total} {word}", same.len()))
            }
        }
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        let mut entries = Vec::new();
        let folded = fold(state, room);
        let shown: Vec<&Replica> =
            state.model.replicas.iter().filter(|replica| !folded.contains(&replica.name)).collect();
        let cells: Vec<Vec<Cell>> = shown.iter().map(|replica| cells(state, look, replica)).collect();
        let mut lines = lay(look, &COLUMNS, &cells, room.width, room.zoomed).into_iter();
        if room.zoomed {
            entries.extend(lines.next().map(|line| Entry::note(2, line)));
        }
        let mut told: Vec<&Trouble> = Vec::new();
        for (replica, line) in shown.iter().zip(lines) {
            entries.push(Entry::row(replica.name.clone(), 0, line));
            let Some(trouble) = silence(replica).filter(|_| room.zoomed) else { continue };
            // What silences one usually silences all: said once.
            if told.iter().all(|before| (&before.why, &before.next) != (&trouble.why, &trouble.next)) {
                told.push(trouble);
                let lines = sight::complaint(look, trouble, room.width, "  ");
                entries.extend(lines.into_iter().map(|line| Entry::note(3, line)));
            }
        }
        if !folded.is_empty() {
            let others = look.mark(Mark::Ok, &format!("{} unsealed", count(folded.len(), "other")));
            entries.push(Entry::note(0, Line::from(vec![others])));
        }
        entries.extend(estate::namespaces(state, look, room));
        if let Some(trouble) = shown.iter().find_map(|replica| silence(replica)).filter(|_| !room.zoomed) {
            entries.extend(sight::advice(state, look, trouble, room, 1));
        }
        entries.extend(sight::entries(state, look, &FEEDS, room));
        entries.extend(estate::blind(state, look, room));
        if let Some(line) = summary(state, look) {
            entries.push(Entry::blank());
            // A tolerance that is spent must not be the first thing to drop out of a small card.
            let weight = if estate::spent(state) { 1 } else { 4 };
            entries.push(Entry::note(weight, line));
        }
        entries.extend(estate::notes(state, look, room));
        entries
    }
}

const COLUMNS: [Column; 8] = [
    Column::name("replica", 0, 9),
    Column::new("seal", 0),
    Column::new("does", 1),
    Column::new("", 0),
    Column::figure("behind", 2),
    Column::figure("restarts", 4),
    Column::new("version", 3),
    Column::name("node", 2, 8),
];

/// How one replica stands, in a mark and a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The mark.
    pub mark: Mark,
    /// `unsealed`, `sealed`, `denied`, `waiting for openbao-0`, …
    pub word: String,
    /// What it says is too old to count.
    pub stale: Option<SignedDuration>,
}

/// How this replica stands now.
pub fn condition(state: &State, replica: &Replica) -> Condition {
    let said = |mark, word: &str| Condition { mark, word: word.to_owned(), stale: None };
    if let Some(first) = waits_for(state, &replica.name) {
        return said(Mark::Absent, &format!("waiting for {first}"));
    }
    let Some(answer) = &replica.answer else {
        return if gone(state, &replica.name) {
            said(Mark::Bad, "no pod")
        } else {
            said(Mark::Unknown, "not seen yet")
        };
    };
    let (mark, word) = match &answer.value {
        SealAnswer::Said(seen) => seal_word(seen),
        SealAnswer::Silent(_) if gone(state, &replica.name) => (Mark::Bad, "no pod"),
        SealAnswer::Silent(trouble) => match trouble.kind {
            TroubleKind::Unreachable => (Mark::Bad, "unreachable"),
            TroubleKind::Denied
            | TroubleKind::Absent
            | TroubleKind::Unusable
            | TroubleKind::Refused
            | TroubleKind::Local => (Mark::Unknown, trouble.kind.word()),
        },
    };
    let gone = age(state.now, answer.at);
    if gone > FeedId::Seal.limit() {
        return Condition { mark: Mark::Warn, word: word.to_owned(), stale: Some(gone) };
    }
    said(mark, word)
}

const fn seal_word(seen: &SealSeen) -> (Mark, &'static str) {
    if !seen.initialized {
        (Mark::Warn, "uninitialised")
    } else if seen.sealed {
        (Mark::Bad, "sealed")
    } else {
        (Mark::Ok, "unsealed")
    }
}

/// With `OrderedReady` a pod that does not exist yet waits for the first one before it that is not open.
fn waits_for(state: &State, name: &str) -> Option<String> {
    let workload = state.model.workload().filter(|workload| workload.ordered)?;
    if !gone(state, name) {
        return None;
    }
    let before = workload.members.iter().take_while(|member| member.as_str() != name);
    before
        .filter(|member| !state.model.fresh_said(member, state.now).is_some_and(SealSeen::open))
        .map(String::to_owned)
        .next()
}

/// The pods were listed recently, and this one is not among them.
fn gone(state: &State, name: &str) -> bool {
    let listed = state.model.pods.as_ref().and_then(|pods| pods.fresh(state.now, FeedId::Pods));
    listed.is_some_and(|pods| pods.iter().all(|pod| pod.name != name))
}

const fn badness(mark: Mark) -> u8 {
    match mark {
        Mark::Ok => 0,
        Mark::Absent => 1,
        Mark::Unknown => 2,
        Mark::Warn => 3,
        Mark::Bad => 4,
    }
}

/// Healthy replicas that a small card folds into one line; never the selected one.
fn fold(state: &State, room: Room) -> Vec<String> {
    if room.zoomed || state.model.replicas.len() <= room.height {
        return Vec::new();
    }
    let selected = super::selected(state, PaneId::Vault);
    let keep = room.height.saturating_sub(1);
    let mut over = state.model.replicas.len().saturating_sub(keep);
    let mut folded = Vec::new();
    for replica in state.model.replicas.iter().rev() {
        if over == 0 {
            break;
        }
        if selected.as_deref() != Some(replica.name.as_str()) && condition(state, replica).mark == Mark::Ok {
            folded.push(replica.name.clone());
            over -= 1;
        }
    }
    folded
}

fn cells(state: &State, look: &Look, replica: &Replica) -> Vec<Cell> {
    let is = condition(state, replica);
    let stale = is.stale.is_some();
    let dim = |role: Role| if stale { Role::Dim } else { role };
    let seen = state.model.said(&replica.name);
    let pod = state.model.pod(&replica.name);
    let word_role = if stale { Role::Dim } else { is.mark.role() };
    let restarts = pod.map_or(0, crate::app::model::workload::PodSeen::restarts);
    vec![
        Cell::new(dim(Role::Plain), &replica.name),
        Cell::new(word_role, format!("{} {}", look.glyph(is.mark), is.word)),
        Cell::new(dim(Role::Plain), seen.map(does).unwrap_or_default()),
        is.stale.map_or_else(Cell::empty, |gone| Cell::new(Role::Warn, format!("stale {}", quiet(gone)))),
        estate::lag(state, &replica.name),
        if restarts == 0 { Cell::empty() } else { Cell::new(Role::Dim, format!("{restarts}× restarted")) },
        Cell::new(Role::Dim, seen.map_or("", |seen| seen.version.as_str())),
        Cell::new(Role::Dim, pod.and_then(|pod| pod.node.as_deref()).unwrap_or_default()),
    ]
}

/// Why a replica does not answer.
fn silence(replica: &Replica) -> Option<&Trouble> {
    match replica.answer.as_ref().map(|answer| &answer.value) {
        Some(SealAnswer::Silent(trouble)) => Some(trouble),
        Some(SealAnswer::Said(_)) | None => None,
    }
}

/// The role of an open replica, the progress of a sealed one with the head of its nonce.
pub fn does(seen: &SealSeen) -> String {
    if let Some(role) = seen.role.filter(|_| seen.open()) {
        return role.word().to_owned();
    }
    if !seen.initialized || !seen.sealed {
        return String::new();
    }
    if seen.threshold == 0 {
        return seen.kind.word().to_owned();
    }
    let progress = format!("{} of {}", seen.progress, seen.threshold);
    if seen.nonce.is_empty() { progress } else { format!("{progress} {}", fmt::end(&seen.nonce, 5)) }
}

/// What holds for the vault as a whole.
fn summary(state: &State, look: &Look) -> Option<Line<'static>> {
    let seen = state.model.replicas.iter().find_map(|replica| state.model.said(&replica.name))?;
    let mut parts = vec![match (seen.threshold, seen.shares) {
        (0, _) => seen.kind.word().to_owned(),
        (needed, of) if of >= needed => format!("{} {needed} of {of}", seen.kind.word()),
        (needed, _) => format!("{} {needed}", seen.kind.word()),
    }];
    parts.extend(seen.storage.clone());
    let versions: std::collections::BTreeSet<&str> =
        state.model.replicas.iter().filter_map(|r| state.model.said(&r.name)).map(|s| s.version.as_str()).collect();
    match versions.into_iter().collect::<Vec<_>>().as_slice() {
        [one] => parts.push((*one).to_owned()),
        [] => {}
        [_, ..] => parts.push("versions differ".to_owned()),
    }
    let mut spans = vec![look.span(Role::Dim, parts.join(" · "))];
    spans.extend(estate::tolerance(state, look));
    if let Some(workload) = state.model.workload().filter(|workload| workload.rollout_pending) {
        let words = if workload.on_delete { "a change waits for pods to be deleted" } else { "rollout under way" };
        spans.push(Span::raw("  "));
        spans.push(look.mark(Mark::Warn, words));
    }
    Some(Line::from(spans))
}
