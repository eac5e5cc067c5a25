//! The Secret lacks the field with the key, or holds fewer shares than it takes; a missing root token is a remark.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::keys_secret_fault;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::keys_secret::Purpose;
use crate::app::model::reopens::{Mechanism, reopens};
use crate::app::verdict::keys::{Fault, Keys};

/// The rule.
pub struct KeysSecretFieldMissing;

impl Rule for KeysSecretFieldMissing {
    fn id(&self) -> RuleId {
        RuleId("keys-secret-field-missing")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "the unseal key is missing or there are fewer shares than the threshold; a missing root token is info, or a warning if it is required or vanished"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-secret-field-missing.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Keys::Plausible(object) = keys_secret_fault::look(model, now)
            && let Some(firing) = root_token(model, &object, now)
        {
            return vec![(object, Finding::Firing(firing))];
        }
        keys_secret_fault::judge(model, now, |object, fault| match fault {
            Fault::FieldMissing(why) => Some(format!("{object} {why}")),
            Fault::Missing
            | Fault::Empty
            | Fault::Implausible(_)
            | Fault::Changed
            | Fault::Refused { .. }
            | Fault::FileMissing
            | Fault::FileChanged => None,
        })
    }
}

/// A root token beside the unseal key is optional: only its loss, or a configuration that asks for it, is a warning.
fn root_token(model: &Model, object: &ObjectRef, now: Timestamp) -> Option<Firing> {
    // A static seal's key Secret is no place for a token.
    if reopens(model, now).by == Mechanism::Static {
        return None;
    }
    let holds = |secret: &crate::app::model::keys_secret::KeysSecret| {
        secret.field(Purpose::RootToken).is_some_and(|field| field.len > 0)
    };
    if model.keys_secret().is_some_and(holds) {
        return None;
    }
    let vanished = model.history.iter().any(|glimpse| glimpse.seen.present().is_some_and(holds));
    let (severity, why) = if model.expect.root_token_required {
        (Severity::Warning, "the configuration requires one")
    } else if vanished {
        (Severity::Warning, "there was one before")
    } else {
        (Severity::Info, "that is fine where nothing needs it: a root token should not lie about")
    };
    Some(Firing {
        severity,
        sentence: format!("{object} holds no root token"),
        why: why.to_owned(),
        next: "Put it back if something needs it; else leave it out".to_owned(),
        action: None,
        evidence_since: None,
    })
}
