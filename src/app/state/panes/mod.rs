//! The rows of each pane: what they are about and in which order, worst first. How they look is the views' business.

use crate::app::estate;
use crate::app::id::{FeedId, ObjectRef, PaneId};
use crate::app::state::State;

mod flow;
mod keys;
mod nodes;
mod rotation;
mod sync;
mod tokens;
mod workloads;

pub use flow::briefs;
pub use keys::{copies, custody, elsewhere};
pub use rotation::{Rotating, badness as rotation_badness, rotating};
pub use sync::{Alike, tally};
pub use tokens::find as token;

/// One row: a stable key for the selection, and what Enter opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Stable across reorderings.
    pub key: String,
    /// What it is about.
    pub subject: ObjectRef,
    /// What the filter searches, beside key and subject; empty in panes with very many rows, which are asked for it then.
    pub words: String,
    /// How bad it is: 0 is well, the highest comes first.
    pub badness: u8,
    /// What it can be sorted by beside its name: the name of the figure and the figure; the highest comes first.
    pub figures: Vec<(&'static str, i64)>,
}

impl Row {
    /// One that is well and has nothing to be sorted by.
    pub fn new(key: impl Into<String>, subject: ObjectRef) -> Self {
        Self { key: key.into(), subject, words: String::new(), badness: 0, figures: Vec::new() }
    }
}

/// What the rows of a pane with very many of them rest on.
pub(super) struct RestsOn {
    /// They are made anew when one of these tells something new.
    pub(super) feeds: &'static [FeedId],
    /// And when a sync object stands otherwise than before.
    pub(super) standings: bool,
}

/// Nothing for panes with few rows: they are made anew after every message.
pub(super) const fn rests_on(pane: PaneId) -> Option<RestsOn> {
    match pane {
        PaneId::Sync => Some(RestsOn { feeds: &[FeedId::Sync], standings: true }),
        PaneId::Workloads => {
            let feeds = &[FeedId::Consumers, FeedId::Containers, FeedId::Secrets, FeedId::Sync];
            Some(RestsOn { feeds, standings: false })
        }
        PaneId::Nodes => {
            let feeds = &[FeedId::Nodes, FeedId::Usage, FeedId::Containers, FeedId::Pods];
            Some(RestsOn { feeds, standings: false })
        }
        PaneId::Flow => {
            let feeds = &[FeedId::Sync, FeedId::Paths, FeedId::Consumers, FeedId::Containers, FeedId::Secrets];
            Some(RestsOn { feeds, standings: true })
        }
        PaneId::Vault | PaneId::Keys | PaneId::Tokens | PaneId::Rotation | PaneId::Timeline => None,
    }
}

/// What the filter searches of each row of a pane, beside key and subject.
pub fn words(state: &State, pane: PaneId) -> Box<dyn Fn(&Row) -> String + '_> {
    match pane {
        PaneId::Sync => Box::new(sync::words(state)),
        PaneId::Workloads => Box::new(workloads::words(state)),
        PaneId::Flow => Box::new(flow::words(state)),
        PaneId::Vault | PaneId::Keys | PaneId::Nodes | PaneId::Tokens | PaneId::Rotation | PaneId::Timeline => {
            Box::new(|row| row.words.clone())
        }
    }
}

/// All rows of a pane, worst first: made once until something changes that they rest on. What of them is on
/// the screen, and in which order, is [`shown`](super::lists::shown).
pub fn rows(state: &State, pane: PaneId) -> &[Row] {
    state.made.all(pane, || make(state, pane))
}

fn make(state: &State, pane: PaneId) -> Vec<Row> {
    match pane {
        PaneId::Vault => vault(state),
        PaneId::Keys => keys::rows(state),
        PaneId::Sync => sync::rows(state),
        PaneId::Workloads => workloads::rows(state),
        PaneId::Nodes => nodes::rows(state),
        PaneId::Tokens => tokens::rows(state),
        PaneId::Rotation => rotation::rows(state),
        PaneId::Flow => flow::rows(state),
        PaneId::Timeline => timeline(state),
    }
}

fn vault(state: &State) -> Vec<Row> {
    let namespace = state.model.workload().map_or("", |w| w.namespace.as_str());
    let replicas = state
        .model
        .replicas
        .iter()
        .map(|replica| Row::new(replica.name.clone(), ObjectRef::pod(namespace, &replica.name)));
    let namespaces = estate::with_seals(&state.model).into_iter().map(|one| Row {
        badness: u8::from(one.sealed == Some(true)),
        ..Row::new(format!("namespace {}", one.path), estate::namespace_ref(&one.path))
    });
    replicas.chain(namespaces).collect()
}

fn timeline(state: &State) -> Vec<Row> {
    let total = state.model.timeline.len();
    state
        .model
        .timeline
        .newest_first()
        .enumerate()
        .map(|(index, moment)| Row {
            words: format!("{} {}", moment.says, moment.detail).to_lowercase(),
            ..Row::new(format!("{} {}", moment.at, total - index), moment.subject.clone())
        })
        .collect()
}
