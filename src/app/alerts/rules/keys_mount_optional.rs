//! What unseals takes the Secret as optional: a loss of the keys will be silent.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::keys_secret_fault::subject;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::reopens::{Mechanism, keys_use, reopens};
use crate::app::verdict::sight;

/// The rule.
pub struct KeysMountOptional;

impl Rule for KeysMountOptional {
    fn id(&self) -> RuleId {
        RuleId("keys-mount-optional")
    }

    fn severity(&self) -> Severity {
        Severity::Info
    }

    fn fires_when(&self) -> &'static str {
        "what unseals mounts the keys Secret as optional: a loss will be silent"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-mount-optional.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let reopens = reopens(model, now);
        match reopens.by {
            Mechanism::Secret | Mechanism::Static => {}
            Mechanism::Unknown => return vec![(subject(model), Finding::Unknown(reopens.because))],
            Mechanism::People | Mechanism::Transit | Mechanism::Kms => return Vec::new(),
        }
        if model.cluster.is_some() && !model.in_kubernetes() {
            return Vec::new();
        }
        if let Some(unseen) = sight::missing(model, FeedId::Unsealers, now) {
            return vec![(subject(model), Finding::Unknown(unseen.says()))];
        }
        let finding = match keys_use(model) {
            Some(used) if used.optional => Finding::Firing(Firing {
                severity: Severity::Info,
                sentence: format!("Secret {} is used as optional ({})", used.secret, used.how.words()),
                why: "if the key vanishes, new pods start without it and nothing complains".to_owned(),
                next:
                    "A separate unsealer with a required mount is louder; a sidecar needs optional to start before init"
                        .to_owned(),
                action: None,
                evidence_since: None,
            }),
            Some(_) | None => Finding::Clear,
        };
        vec![(subject(model), finding)]
    }
}
