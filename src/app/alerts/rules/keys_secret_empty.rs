//! The Secret that a restarted replica needs has no data.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_secret_fault;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::verdict::keys::Fault;

/// The rule.
pub struct KeysSecretEmpty;

impl Rule for KeysSecretEmpty {
    fn id(&self) -> RuleId {
        RuleId("keys-secret-empty")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "the Secret with the unseal keys has no data"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-secret-empty.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        keys_secret_fault::judge(model, now, |object, fault| match fault {
            Fault::Empty => Some(format!("{object} is empty")),
            Fault::Missing
            | Fault::FieldMissing(_)
            | Fault::Implausible(_)
            | Fault::Changed
            | Fault::Refused { .. }
            | Fault::FileMissing
            | Fault::FileChanged => None,
        })
    }
}
