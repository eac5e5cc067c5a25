//! The registry of guided actions: one file each, one line here.

use super::id::{ActionId, ObjectRef, SlotId};
use super::runbook::plan::Offer;
use super::state::State;

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
    &[&unseal::Unseal]
}

/// The action of this name.
pub fn find(id: ActionId) -> Option<&'static dyn GuidedAction> {
    all().iter().copied().find(|action| action.id() == id)
}
