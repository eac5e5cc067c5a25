//! The rows of each pane: what they are about and in which order, worst first. How they look is the views' business.

use crate::app::id::{ObjectRef, PaneId};
use crate::app::model::copies::{CopySeen, CopyState};
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::model::register::{Holding, RegisterSeen};
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
    if let Some(keystore) = &state.model.keystore {
        rows.push(Row { key: "keystore".into(), subject: ObjectRef::new("Keystore", "", keystore.value.path()) });
    }
    for copy in copies(state) {
        rows.push(Row { key: format!("copy {}", copy.name), subject: ObjectRef::new("Copy", "", &copy.name) });
    }
    for held in elsewhere(state) {
        let subject = ObjectRef::new("Holding", &held.holder, &held.name);
        rows.push(Row { key: format!("holding {}", subject.path()), subject });
    }
    if let Some(register) = state.model.register() {
        rows.push(Row { key: "register".into(), subject: register.object.clone() });
    }
    for file in custody(state) {
        rows.push(Row { key: format!("file {}", file.name), subject: ObjectRef::new("KeyFile", "", &file.name) });
    }
    rows.push(Row { key: "proof".into(), subject: ObjectRef::new("Proof", &vault.namespace, &vault.name) });
    rows
}

/// The copies of the keystore: those that hold nothing first, then those that do not count, then those nobody has
/// read, then the good ones.
pub fn copies(state: &State) -> Vec<&CopySeen> {
    let mut copies: Vec<&CopySeen> = state.model.copies.iter().flat_map(|seen| &seen.value).collect();
    copies.sort_by_key(|copy| {
        let rank = match &copy.state {
            CopyState::Missing | CopyState::Unreadable(_) => 0,
            CopyState::Outdated { .. } => 1,
            CopyState::Same | CopyState::Older { .. } | CopyState::Newer { .. } if copy.near.is_some() => 1,
            CopyState::Unchecked | CopyState::Newer { .. } => 2,
            CopyState::Older { .. } => 3,
            CopyState::Same => 4,
        };
        (rank, copy.name.clone())
    });
    copies
}

/// Places that colleagues hold, as the register names them.
pub fn elsewhere(state: &State) -> Vec<&Holding> {
    let mut others: Vec<&Holding> = state.model.register().into_iter().flat_map(RegisterSeen::of_others).collect();
    others.sort_by_key(|held| (held.holder.clone(), held.name.clone()));
    others
}

/// The files in custody: lost and altered ones first, then those with wrong permissions, then the good ones.
pub fn custody(state: &State) -> Vec<&CustodySeen> {
    let mut files: Vec<&CustodySeen> = state.model.custody.iter().flat_map(|seen| &seen.value).collect();
    files.sort_by_key(|file| {
        let rank = match &file.state {
            CustodyState::Missing | CustodyState::Different { .. } | CustodyState::WrongSize { .. } => 0,
            CustodyState::Unreadable(_) => 1,
            CustodyState::Same if file.permissions().is_some() => 2,
            CustodyState::Same if file.near.is_some() => 3,
            CustodyState::Same => 4,
            CustodyState::Elsewhere { .. } => 5,
        };
        (rank, file.name.clone())
    });
    files
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
