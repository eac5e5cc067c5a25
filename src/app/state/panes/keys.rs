//! The rows of the Keys pane: the Secret, what unseals from it, the keystore with its copies, files in custody, the proof.

use super::Row;
use crate::app::id::ObjectRef;
use crate::app::model::copies::{CopySeen, CopyState};
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::model::register::{Holding, RegisterSeen};
use crate::app::state::State;

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let vault = state.model.vault_ref();
    let mut rows = Vec::new();
    if let Some(keys) = &state.model.keys {
        rows.push(Row::new("secret", keys.value.object().clone()));
    }
    if let Some(unsealers) = &state.model.unsealers {
        for unsealer in &unsealers.value.found {
            rows.push(Row::new(
                format!("unsealer {}/{}", unsealer.object, unsealer.container),
                unsealer.object.clone(),
            ));
        }
    }
    if let Some(keystore) = &state.model.keystore {
        rows.push(Row::new("keystore", ObjectRef::new("Keystore", "", keystore.value.path())));
    }
    for copy in copies(state) {
        rows.push(Row::new(format!("copy {}", copy.name), ObjectRef::new("Copy", "", &copy.name)));
    }
    for held in elsewhere(state) {
        let subject = ObjectRef::new("Holding", &held.holder, &held.name);
        rows.push(Row::new(format!("holding {}", subject.path()), subject));
    }
    if let Some(register) = state.model.register() {
        rows.push(Row::new("register", register.object.clone()));
    }
    for file in custody(state) {
        rows.push(Row::new(format!("file {}", file.name), ObjectRef::new("KeyFile", "", &file.name)));
    }
    rows.push(Row::new("proof", ObjectRef::new("Proof", &vault.namespace, &vault.name)));
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
