//! Opens sealed replicas, one after the other, with shares from the keys Secret or typed.

use super::{GuidedAction, Request};
use crate::app::id::ActionId;
use crate::app::runbook::plan::Offer;
use crate::app::state::State;
use crate::app::trouble::Trouble;

/// The action.
pub struct Unseal;

impl GuidedAction for Unseal {
    fn id(&self) -> ActionId {
        ActionId::Unseal
    }

    fn says(&self) -> &'static str {
        "open sealed replicas with unseal key shares"
    }

    fn offer(&self, _state: &State, _request: &Request) -> Offer {
        Offer::Refused(Trouble::local("not yet", "", ""))
    }
}
