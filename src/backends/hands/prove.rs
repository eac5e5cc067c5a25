//! A rotation with verification, begun, answered and cancelled: what the vault says to keys.

use super::perform::Said;
use super::tools::Tools;
use crate::app::runbook::run::Finding;
use crate::app::trouble::{Trouble, TroubleKind};

fn not_yet() -> Trouble {
    Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "Nothing was changed")
}

pub(super) async fn prove(_op: &crate::app::runbook::op::Op, _tools: &Tools) -> Result<Said, Trouble> {
    Err(not_yet())
}

pub(super) async fn probe(_op: &crate::app::runbook::op::Op, _tools: &Tools) -> Result<Finding, Trouble> {
    Err(not_yet())
}
