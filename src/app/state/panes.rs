//! The rows of each pane: what they are about and in which order, worst first. How they look is the views' business.

use crate::app::id::{ObjectRef, PaneId};
use crate::app::state::State;

/// One row: a stable key for the selection, and what Enter opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Stable across reorderings.
    pub key: String,
    /// What it is about.
    pub subject: ObjectRef,
}

/// The rows of a pane in the order in which they are drawn.
pub fn rows(state: &State, pane: PaneId) -> Vec<Row> {
    match pane {
        PaneId::Vault => vault(state),
        PaneId::Keys => keys(state),
        PaneId::Timeline => timeline(state),
    }
}

fn vault(state: &State) -> Vec<Row> {
    let namespace = state.model.workload().map_or("", |w| w.namespace.as_str());
    state
        .model
        .replicas
        .iter()
        .map(|replica| Row { key: replica.name.clone(), subject: ObjectRef::pod(namespace, &replica.name) })
        .collect()
}

fn keys(state: &State) -> Vec<Row> {
    let vault = state.model.vault_ref();
    let mut rows = Vec::new();
    if let Some(keys) = &state.model.keys {
        rows.push(Row { key: "secret".into(), subject: keys.value.object().clone() });
    }
    if let Some(unsealers) = &state.model.unsealers {
        for unsealer in &unsealers.value.found {
            rows.push(Row {
                key: format!("unsealer {}/{}", unsealer.object, unsealer.container),
                subject: unsealer.object.clone(),
            });
        }
    }
    rows.push(Row { key: "proof".into(), subject: ObjectRef::new("Proof", &vault.namespace, &vault.name) });
    rows
}

fn timeline(state: &State) -> Vec<Row> {
    let total = state.model.timeline.len();
    state
        .model
        .timeline
        .newest_first()
        .enumerate()
        .map(|(index, moment)| Row { key: format!("{} {}", moment.at, total - index), subject: moment.subject.clone() })
        .collect()
}
