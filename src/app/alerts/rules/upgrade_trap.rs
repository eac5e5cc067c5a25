//! This vault uses something that a newer version refuses: an upgrade by changing the image's tag ends in an outage.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::{advised, no_replicas};
use crate::app::advisories::Kind;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;

/// The rule.
pub struct UpgradeTrap;

impl Rule for UpgradeTrap {
    fn id(&self) -> RuleId {
        RuleId("upgrade-trap")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "this vault uses what a newer version refuses"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/upgrade-trap.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        no_replicas(model, now).unwrap_or_else(|| advised(model, Kind::Trap, now))
    }
}
