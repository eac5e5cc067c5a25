//! The registry of guided actions: one file each, one line here.

use super::id::{ActionId, ObjectRef, SlotId};
use super::runbook::plan::Offer;
use super::state::State;
use super::trouble::{Trouble, TroubleKind};

pub mod copy_keystore;
pub mod prove_keys;
mod prove_namespace;
pub mod restore_custody;
pub mod restore_keys_secret;
mod restored_fields;
pub mod save_keys;
pub mod unseal;

/// What an action is asked with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// About what; `None` for the vault as a whole.
    pub target: Option<ObjectRef>,
    /// Indices of the options chosen so far, in the order of the plan's choices.
    pub choices: Vec<usize>,
    /// Shares typed so far: the slot and how many are in it.
    pub typed: Option<(SlotId, u32)>,
}

/// One guided action.
pub trait GuidedAction: Sync {
    /// Its name.
    fn id(&self) -> ActionId;
    /// One line for the menu and `act list`.
    fn says(&self) -> &'static str;
    /// Makes a plan from what is known, or says why not.
    fn offer(&self, state: &State, request: &Request) -> Offer;
}

/// Every action there is.
pub fn all() -> &'static [&'static dyn GuidedAction] {
    &[
        &unseal::Unseal,
        &restore_keys_secret::RestoreKeysSecret,
        &save_keys::SaveKeys,
        &prove_keys::ProveKeys,
        &copy_keystore::CopyKeystore,
        &restore_custody::RestoreCustody,
    ]
}

/// The action of this name.
pub fn find(id: ActionId) -> Option<&'static dyn GuidedAction> {
    all().iter().copied().find(|action| action.id() == id)
}

/// What of a selection means something to an action: a pod to an unseal, a file to its restoring, a copy to its writing, a
/// namespace of the vault to a proof.
pub fn aim(action: ActionId, selected: Option<ObjectRef>) -> Option<ObjectRef> {
    let kind = match action {
        ActionId::Unseal => "Pod",
        ActionId::RestoreCustody => "KeyFile",
        ActionId::CopyKeystore => "Copy",
        ActionId::ProveKeys => "Namespace",
        ActionId::RestoreKeysSecret | ActionId::SaveKeys => return None,
    };
    selected.filter(|object| object.kind == kind)
}

/// What stands in the way of every action alike: a console that only looks, a run under way, nothing known yet.
pub(super) fn allowed(state: &State) -> Result<(), Trouble> {
    let refused = |what: &str, why: &str, next: &str| Err(Trouble::new(TroubleKind::Refused, what, why, next));
    if state.model.cluster.is_none() {
        return refused("nothing is known yet", "no feed has answered", "Wait for the first answers");
    }
    if state.settings.read_only {
        return refused("this console only looks", "it was started with --read-only", "Start it without --read-only");
    }
    if let Some(run) = state.underway() {
        return refused(
            "another run is going on",
            &run.plan().title,
            "Wait until it ends; its dialog shows where it stands",
        );
    }
    Ok(())
}

/// Whether this identity may do that, by the last answer of the API server; `None` when nobody asked.
pub(super) fn may(state: &State, verb: &str, resource: &str, name: Option<&str>) -> Option<bool> {
    let rights = state.model.rights.as_ref()?;
    let answer = rights.value.iter().find(|right| {
        right.verb == verb && right.resource == resource && (right.name.is_none() || right.name.as_deref() == name)
    })?;
    Some(answer.allowed)
}
