//! The running version is known to do something to its owner that he would want to know.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::{advised, no_replicas};
use crate::app::advisories::Kind;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;

/// The rule.
pub struct VersionAdvisory;

impl Rule for VersionAdvisory {
    fn id(&self) -> RuleId {
        RuleId("version-advisory")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "the running version is known to do harm under this vault's conditions"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/version-advisory.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        no_replicas(model, now).unwrap_or_else(|| advised(model, Kind::Advisory, now))
    }
}
