//! The register beside the vault: proofs and holdings of this machine.

use super::perform::Said;
use super::tools::Tools;
use crate::app::runbook::run::Finding;
use crate::app::trouble::{Trouble, TroubleKind};

fn not_yet() -> Trouble {
    Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "Nothing was changed")
}

pub(super) async fn publish(_object: &crate::app::id::ObjectRef, _tools: &Tools) -> Result<Said, Trouble> {
    Err(not_yet())
}

pub(super) async fn probe(_object: &crate::app::id::ObjectRef, _tools: &Tools) -> Result<Finding, Trouble> {
    Err(not_yet())
}
