//! The thing that unseals does not run, or does not use the Secret: good keys that nobody would bring.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::reopens::{Mechanism, reopens, unsealer};
use crate::app::verdict::recover::{in_namespace, kubectl_name};
use crate::app::verdict::unsealing::{Hands, hands};

/// The rule.
pub struct UnsealerDead;

impl Rule for UnsealerDead {
    fn id(&self) -> RuleId {
        RuleId("unsealer-dead")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    /// A Deployment of one pod that is rescheduled is away for some seconds.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn fires_when(&self) -> &'static str {
        "what unseals is not running, or does not use the Secret with the keys"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/unsealer-dead.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let reopens = reopens(model, now);
        let known = unsealer(model).map_or_else(|| model.vault_ref(), |unsealer| unsealer.object.clone());
        let fired = |severity, object: &ObjectRef, sentence, why: String| {
            let next = format!("kubectl{} describe {}", in_namespace(model), kubectl_name(object));
            Finding::Firing(Firing { severity, sentence, why, next, action: None, evidence_since: None })
        };
        match (reopens.by, hands(model, reopens.by, now)) {
            (Mechanism::Unknown, _) => vec![(known, Finding::Unknown(reopens.because))],
            (_, Hands::NotNeeded) => Vec::new(),
            (_, Hands::Alive(object)) => vec![(object, Finding::Clear)],
            (_, Hands::Unseen(unseen)) => vec![(known, Finding::Unknown(unseen.says()))],
            (_, Hands::NoneFound) => {
                let sentence = "Nothing here was recognised as unsealing the vault".to_owned();
                let why = "the configuration says that a Secret reopens it".to_owned();
                vec![(known.clone(), fired(Severity::Warning, &known, sentence, why))]
            }
            (_, Hands::Dead(object, why)) => {
                let finding =
                    fired(Severity::Critical, &object, format!("{object} does not run: nothing unseals"), why);
                vec![(object, finding)]
            }
            (_, Hands::Partly(object, pods)) => {
                let sentence = format!("{object} does not run beside {}", pods.join(", "));
                let why = "a sidecar opens only its own replica".to_owned();
                let finding = fired(Severity::Critical, &object, sentence, why);
                vec![(object, finding)]
            }
            (_, Hands::Unmounted(object, secret)) => {
                let sentence = format!("{object} does not use Secret {secret}");
                let why = "it runs and has no key to unseal with".to_owned();
                let finding = fired(Severity::Critical, &object, sentence, why);
                vec![(object, finding)]
            }
        }
    }
}
