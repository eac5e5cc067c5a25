//! The keystore written to one of its copies.

use super::perform::Said;
use super::tools::Tools;
use crate::app::runbook::run::Finding;
use crate::app::trouble::{Trouble, TroubleKind};

fn not_yet() -> Trouble {
    Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "Nothing was changed")
}

pub(super) async fn write(_copy: &str, _revision: u64, _tools: &Tools) -> Result<Said, Trouble> {
    Err(not_yet())
}

pub(super) async fn probe(_copy: &str, _tools: &Tools) -> Result<Finding, Trouble> {
    Err(not_yet())
}
