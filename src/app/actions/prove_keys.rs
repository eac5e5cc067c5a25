//! Proves on the live vault that keys are its keys, and changes nothing.

use super::{GuidedAction, Request};
use crate::app::id::ActionId;
use crate::app::runbook::plan::Offer;
use crate::app::state::State;
use crate::app::trouble::{Trouble, TroubleKind};

/// The action.
pub struct ProveKeys;

impl GuidedAction for ProveKeys {
    fn id(&self) -> ActionId {
        ActionId::ProveKeys
    }

    fn says(&self) -> &'static str {
        "prove on the live vault that keys are its keys; changes nothing"
    }

    fn offer(&self, _state: &State, _request: &Request) -> Offer {
        Offer::Refused(Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "There is nothing to do"))
    }
}
