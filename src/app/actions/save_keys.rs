//! Takes the keys from the Secret into the keystore, as a new generation beside the old ones.

use super::{GuidedAction, Request};
use crate::app::id::ActionId;
use crate::app::runbook::plan::Offer;
use crate::app::state::State;
use crate::app::trouble::{Trouble, TroubleKind};

/// The action.
pub struct SaveKeys;

impl GuidedAction for SaveKeys {
    fn id(&self) -> ActionId {
        ActionId::SaveKeys
    }

    fn says(&self) -> &'static str {
        "take the keys from the Secret into the keystore"
    }

    fn offer(&self, _state: &State, _request: &Request) -> Offer {
        Offer::Refused(Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "There is nothing to do"))
    }
}
