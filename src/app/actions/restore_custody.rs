//! Puts a key file in custody back to where it belongs, keeping what is there.

use super::{GuidedAction, Request};
use crate::app::id::ActionId;
use crate::app::runbook::plan::Offer;
use crate::app::state::State;
use crate::app::trouble::{Trouble, TroubleKind};

/// The action.
pub struct RestoreCustody;

impl GuidedAction for RestoreCustody {
    fn id(&self) -> ActionId {
        ActionId::RestoreCustody
    }

    fn says(&self) -> &'static str {
        "put a key file in custody back to where it belongs"
    }

    fn offer(&self, _state: &State, _request: &Request) -> Offer {
        Offer::Refused(Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "There is nothing to do"))
    }
}
