//! The key lies in an annotation, in base64, where everybody who reads metadata can read it.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::keys_secret_fault::{look, subject};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::verdict::keys::Keys;
use crate::app::verdict::recover::in_namespace;

/// The rule.
pub struct KeysInLastApplied;

impl Rule for KeysInLastApplied {
    fn id(&self) -> RuleId {
        RuleId("keys-in-last-applied")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "the annotation last-applied-configuration holds the key in base64"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-in-last-applied.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let object = match look(model, now) {
            Keys::NotNeeded | Keys::Elsewhere(_) => return Vec::new(),
            Keys::Unseen(unseen) => return vec![(subject(model), Finding::Unknown(unseen.says()))],
            Keys::BeforeInit(object) | Keys::Plausible(object) | Keys::Faulty(object, _) => object,
        };
        let copied = model.keys_secret().and_then(|secret| secret.last_applied.as_ref()).filter(|f| !f.is_empty());
        let finding = match copied {
            None => Finding::Clear,
            Some(fields) => Finding::Firing(Firing {
                severity: Severity::Warning,
                sentence: format!("{object} carries {} in an annotation, in base64", fields.join(", ")),
                why: "kubectl apply copied the whole manifest there: it shows in metadata, dumps and tickets"
                    .to_owned(),
                next: format!(
                    "Once a copy is safe: kubectl{} annotate secret {} kubectl.kubernetes.io/last-applied-configuration-",
                    in_namespace(model),
                    object.name
                ),
                action: None,
                evidence_since: None,
            }),
        };
        vec![(object, finding)]
    }
}
