//! The Secret that a restarted replica needs does not exist.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_secret_fault;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::verdict::keys::Fault;

/// The rule.
pub struct KeysSecretMissing;

impl Rule for KeysSecretMissing {
    fn id(&self) -> RuleId {
        RuleId("keys-secret-missing")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "the Secret with the unseal keys is gone, where the mechanism needs it"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-secret-missing.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        keys_secret_fault::judge(model, now, |object, fault| match fault {
            Fault::Missing => Some(format!("{object} does not exist")),
            Fault::Empty
            | Fault::FieldMissing(_)
            | Fault::Implausible(_)
            | Fault::Changed
            | Fault::Refused { .. }
            | Fault::FileMissing
            | Fault::FileChanged => None,
        })
    }
}
