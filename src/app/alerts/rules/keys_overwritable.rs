//! The keys Secret is mutable, and somebody owns it with the power to empty it by applying an empty manifest.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::keys_secret_fault::{look, subject};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::keys_secret::{KeysSecret, Purpose};
use crate::app::verdict::keys::Keys;

/// Under which this program itself applies.
const MANAGER: &str = "baowatch";

/// The rule.
pub struct KeysOverwritable;

impl Rule for KeysOverwritable {
    fn id(&self) -> RuleId {
        RuleId("keys-overwritable")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "the keys Secret is mutable and a field manager, Argo CD, Flux or Helm owns it with the power to empty it"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-overwritable.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        match look(model, now) {
            Keys::NotNeeded | Keys::Elsewhere(_) => Vec::new(),
            Keys::Unseen(unseen) => vec![(subject(model), Finding::Unknown(unseen.says()))],
            Keys::BeforeInit(object) => vec![(object, Finding::Clear)],
            Keys::Plausible(object) | Keys::Faulty(object, _) => {
                let finding = model.keys_secret().and_then(judge).map_or(Finding::Clear, Finding::Firing);
                vec![(object, finding)]
            }
        }
    }
}

fn judge(secret: &KeysSecret) -> Option<Firing> {
    if secret.immutable {
        return None;
    }
    let is_key = |name: &String| {
        secret.fields.iter().any(|field| {
            field.name == *name && matches!(field.purpose, Purpose::Shares | Purpose::SealKey) && field.len > 0
        })
    };
    // Only who applied the fields can drop them by applying without them; a plain update by another leaves them alone.
    let applier = secret
        .owners
        .iter()
        .filter(|owner| owner.apply || owner.manager == "kubectl-client-side-apply")
        // Ours after a restore: this program never applies the Secret without its keys.
        .filter(|owner| owner.manager != MANAGER)
        .find(|owner| owner.data.iter().any(is_key));
    let why = match (applier, &secret.gitops) {
        (_, Some(tool)) => format!("{tool} manages it and puts back what its manifest says, keys or none"),
        (Some(owner), None) => format!("{} applied the keys: the same apply without them empties it", owner.manager),
        (None, None) => return None,
    };
    Some(Firing {
        severity: Severity::Warning,
        sentence: format!("{} can be emptied by the next apply", secret.object),
        why,
        next: "Take the keys out of what is applied, or make the Secret immutable (that does not stop a delete)"
            .to_owned(),
        action: None,
        evidence_since: None,
    })
}
