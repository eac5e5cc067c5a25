//! Writes the keys Secret back from the keystore: only our fields, re-read and compared.

use super::{GuidedAction, Request};
use crate::app::id::ActionId;
use crate::app::runbook::plan::Offer;
use crate::app::state::State;
use crate::app::trouble::{Trouble, TroubleKind};

/// The action.
pub struct RestoreKeysSecret;

impl GuidedAction for RestoreKeysSecret {
    fn id(&self) -> ActionId {
        ActionId::RestoreKeysSecret
    }

    fn says(&self) -> &'static str {
        "put the keys Secret back from the keystore"
    }

    fn offer(&self, _state: &State, _request: &Request) -> Offer {
        Offer::Refused(Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "There is nothing to do"))
    }
}
