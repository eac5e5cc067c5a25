//! What a typed command could mean: panes, actions, clusters, and every row of every pane by its name.

use super::State;
use super::panes::rows;
use crate::app::actions;
use crate::app::id::PaneId;
use crate::app::intent::Intent;
use crate::app::runbook::plan::Offer;

/// No more lines than anybody reads.
pub const MOST: usize = 40;
/// The longest command, in characters.
pub const LONGEST: usize = 80;

/// One thing that a command could mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What one would type.
    pub name: String,
    /// What it does or is.
    pub says: String,
    /// What it asks for.
    pub intent: Intent,
}

impl Candidate {
    fn new(name: impl Into<String>, says: impl Into<String>, intent: Intent) -> Self {
        Self { name: name.into(), says: says.into(), intent }
    }
}

/// How well a name answers to what was typed; the lowest is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Exact,
    Start,
    Word,
    Within,
    Letters,
}

/// What `text` could mean, the likeliest first. Commands come before objects that match as well.
pub fn candidates(state: &State, text: &str) -> Vec<Candidate> {
    let wanted = text.trim().to_lowercase();
    let mut found: Vec<(Match, Candidate)> = Vec::new();
    for (candidate, short) in commands(state) {
        let best = if wanted.is_empty() {
            Some(Match::Start)
        } else if short.is_some_and(|short| short == wanted) {
            Some(Match::Exact)
        } else {
            matches(&candidate.name, &wanted)
        };
        found.extend(best.map(|best| (best, candidate)));
    }
    if !wanted.is_empty() {
        found.extend(objects(state, &wanted));
    }
    // Stable: among equals the order in which they were found.
    found.sort_by_key(|(best, candidate)| (*best, if *best == Match::Letters { candidate.name.len() } else { 0 }));
    found.truncate(MOST);
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Commands, with the short form that some have.
fn commands(state: &State) -> Vec<(Candidate, Option<String>)> {
    let mut commands: Vec<(Candidate, Option<String>)> = PaneId::ALL
        .into_iter()
        .map(|pane| {
            let candidate = Candidate::new(pane.title().to_lowercase(), "zoom the pane", Intent::Zoom(pane));
            (candidate, Some(pane.digit().to_string()))
        })
        .collect();
    let plain = |name: &str, says: &str, intent| (Candidate::new(name, says, intent), None);
    commands.push(plain("alerts", "the alerts, worst first", Intent::Alerts));
    if !state.settings.read_only {
        for action in actions::all() {
            let target =
                actions::aim(action.id(), super::lists::selected(state, state.pane()).map(|r| r.subject.clone()));
            let says = match action.offer(state, &actions::Request { target: target.clone(), ..Default::default() }) {
                Offer::Refused(trouble) => format!("not now: {}", trouble.what),
                Offer::Ready(_) | Offer::NeedsShares { .. } | Offer::NeedsUnlock { .. } => {
                    format!("plan: {}", action.says())
                }
            };
            let intent = Intent::Offer { action: action.id(), target };
            commands.push((Candidate::new(action.id().name(), says, intent), None));
        }
    }
    if !state.settings.fleet.is_empty() {
        commands.push(plain("clusters", "the clusters of the config file", Intent::Clusters));
        for cluster in &state.settings.fleet {
            let says = if cluster.here { "you are here" } else { "end this session and go there" };
            let name = format!("cluster {}", cluster.name);
            let says = format!("{}, {says}", cluster.environment.word());
            commands.push((Candidate::new(name, says, Intent::Switch(cluster.name.clone())), None));
        }
    }
    commands.push(plain("help", "the keys that work", Intent::Help));
    commands
        .push((Candidate::new("quit", "leave; asks first while something runs", Intent::Quit), Some("q".to_owned())));
    commands
}

fn objects(state: &State, wanted: &str) -> Vec<(Match, Candidate)> {
    let mut found = Vec::new();
    for pane in PaneId::ALL.into_iter().filter(|pane| *pane != PaneId::Timeline) {
        for row in rows(state, pane) {
            let Some(best) = matches(&row.subject.path(), wanted) else { continue };
            let says = format!("{}, {}", row.subject.kind, pane.title());
            let intent = Intent::Find { pane, key: row.key.clone() };
            found.push((best, Candidate::new(row.subject.path(), says, intent)));
        }
    }
    found
}

fn matches(name: &str, wanted: &str) -> Option<Match> {
    let name = name.to_lowercase();
    if name == wanted {
        return Some(Match::Exact);
    }
    if name.starts_with(wanted) {
        return Some(Match::Start);
    }
    if name.split(['/', '-', ' ', '.']).any(|word| word.starts_with(wanted)) {
        return Some(Match::Word);
    }
    if name.contains(wanted) {
        return Some(Match::Within);
    }
    let mut letters = name.chars();
    let fuzzy = wanted.chars().count() > 1 && wanted.chars().all(|c| letters.any(|other| other == c));
    fuzzy.then_some(Match::Letters)
}
