//! The keys Secret written from the keystore, and the keystore from the Secret.

use super::perform::Said;
use super::tools::Tools;
use crate::app::runbook::run::Finding;
use crate::app::trouble::{Trouble, TroubleKind};

fn not_yet() -> Trouble {
    Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "Nothing was changed")
}

pub(super) async fn apply(_op: &crate::app::runbook::op::Op, _tools: &Tools) -> Result<Said, Trouble> {
    Err(not_yet())
}

pub(super) async fn save(_op: &crate::app::runbook::op::Op, _tools: &Tools) -> Result<Said, Trouble> {
    Err(not_yet())
}

pub(super) async fn probe_apply(_op: &crate::app::runbook::op::Op, _tools: &Tools) -> Result<Finding, Trouble> {
    Err(not_yet())
}

pub(super) async fn probe_save(_op: &crate::app::runbook::op::Op, _tools: &Tools) -> Result<Finding, Trouble> {
    Err(not_yet())
}
