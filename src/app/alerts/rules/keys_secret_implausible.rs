//! What the Secret holds cannot be the key: empty, of a wrong length or alphabet, or not the key of this vault.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_secret_fault;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::verdict::keys::Fault;

/// The rule.
pub struct KeysSecretImplausible;

impl Rule for KeysSecretImplausible {
    fn id(&self) -> RuleId {
        RuleId("keys-secret-implausible")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "the unseal key is empty, or its length or alphabet cannot be a key, a static key is another one than at the start, or the vault refused it"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-secret-implausible.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        keys_secret_fault::judge(model, now, |object, fault| match fault {
            Fault::Implausible(why) => Some(format!("{object}: {why}")),
            Fault::Changed => Some(format!("{object} holds another key than the replicas started with")),
            Fault::Refused { .. } => Some(format!("{object} holds keys that the vault refused")),
            Fault::Missing | Fault::Empty | Fault::FieldMissing(_) | Fault::FileMissing | Fault::FileChanged => None,
        })
    }
}
