//! Brings copies of the keystore up to date, each read back and compared.

use super::{GuidedAction, Request};
use crate::app::id::ActionId;
use crate::app::runbook::plan::Offer;
use crate::app::state::State;
use crate::app::trouble::{Trouble, TroubleKind};

/// The action.
pub struct CopyKeystore;

impl GuidedAction for CopyKeystore {
    fn id(&self) -> ActionId {
        ActionId::CopyKeystore
    }

    fn says(&self) -> &'static str {
        "bring the copies of the keystore up to date"
    }

    fn offer(&self, _state: &State, _request: &Request) -> Offer {
        Offer::Refused(Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "There is nothing to do"))
    }
}
