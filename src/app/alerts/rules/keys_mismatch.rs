//! The Secret and the keystore hold different keys: one of the two opens nothing.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::fires;
use super::keys_secret_fault::{look, subject};
use crate::app::id::{ActionId, FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::keys_secret::KeysSecret;
use crate::app::model::keystore::{GenerationSeen, KeystoreLook, KeystoreSeen};
use crate::app::model::observed::FeedState;
use crate::app::model::proof::{Answer, last_answer};
use crate::app::model::reopens::reopens;
use crate::app::verdict::held::{agree, unprovable, wanted};
use crate::app::verdict::keys::{Fault, Keys};
use crate::app::verdict::sight;

/// The rule.
pub struct KeysMismatch;

impl Rule for KeysMismatch {
    fn id(&self) -> RuleId {
        RuleId("keys-mismatch")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "the keys Secret and the keystore hold different keys; says which of them the vault accepts, where that is proven"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-mismatch.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let object = match look(model, now) {
            Keys::NotNeeded | Keys::Elsewhere(_) => return Vec::new(),
            Keys::Unseen(unseen) => return vec![(subject(model), Finding::Unknown(unseen.says()))],
            // What is lost differs from nothing: that is another rule's matter.
            Keys::BeforeInit(object)
            | Keys::Faulty(
                object,
                Fault::Missing
                | Fault::Empty
                | Fault::FieldMissing(_)
                | Fault::Implausible(_)
                | Fault::FileMissing
                | Fault::FileChanged,
            ) => return vec![(object, Finding::Clear)],
            Keys::Plausible(object) | Keys::Faulty(object, Fault::Changed | Fault::Refused { .. }) => object,
        };
        let look = model.keystore.as_ref().and_then(|look| look.fresh(now, FeedId::Keystore));
        let finding = match (look, model.keys_secret()) {
            (None, _) if model.feed_state(FeedId::Keystore, now) == FeedState::Absent => Finding::Clear,
            (None, _) => Finding::Unknown(sight::feed(model, FeedId::Keystore, None, now).says()),
            (Some(KeystoreLook::Unreadable { trouble, .. }), _) => Finding::Unknown(trouble.what.clone()),
            (Some(KeystoreLook::Present(keystore)), Some(secret)) => compare(model, keystore, secret, now),
            (Some(KeystoreLook::Absent { .. } | KeystoreLook::Present(_)), _) => Finding::Clear,
        };
        vec![(object, finding)]
    }
}

fn compare(model: &Model, keystore: &KeystoreSeen, secret: &KeysSecret, now: Timestamp) -> Finding {
    let kind = wanted(model, reopens(model, now).by);
    let of_kind = keystore.generations.iter().filter(|held| Some(held.kind) == kind);
    let Some(current) = of_kind.max_by_key(|held| held.number) else { return Finding::Clear };
    if !keystore.comparable {
        return Finding::Unknown("the keystore's fingerprints were made with another salt".to_owned());
    }
    let prints = secret.prints();
    if prints.is_empty() || agree(&prints, &current.prints) {
        return Finding::Clear;
    }
    let sentence = format!("{} and the keystore (generation {}) hold different keys", secret.object, current.number);
    let (why, next, action) = which(model, keystore, secret, current, now);
    fires(Severity::Critical, sentence, &why, next, action)
}

/// Which of the two the vault accepts, as far as it was asked.
fn which(
    model: &Model,
    keystore: &KeystoreSeen,
    secret: &KeysSecret,
    current: &GenerationSeen,
    now: Timestamp,
) -> (String, &'static str, Option<ActionId>) {
    let id = model.cluster_id();
    let last = |prints: &[_]| last_answer(&model.proofs, id, prints);
    let said = |prints: &[_]| last(prints).map(|proof| proof.answer);
    let prints = secret.prints();
    let said_before = || {
        let older = keystore.holding(&prints).map(|held| format!(": it is generation {} again", held.number));
        format!("which of them the vault takes is not proven{}", older.unwrap_or_default())
    };
    // Both were taken once, before and after a rotation: the vault takes what it took last.
    let secret_later =
        last(&prints).zip(last(&current.prints)).is_some_and(|(secret, keystore)| secret.at >= keystore.at);
    match (said(&prints), said(&current.prints)) {
        (Some(Answer::Refused), Some(Answer::Refused)) => {
            let why = "the vault refused both".to_owned();
            (why, "Ask whoever may hold another copy of the key; restart nothing", None)
        }
        (Some(Answer::Accepted), Some(Answer::Accepted)) if secret_later => {
            let why = "the vault took those of the Secret last".to_owned();
            (why, "Take the Secret's keys into the keystore, beside the old ones", Some(ActionId::SaveKeys))
        }
        (_, Some(Answer::Accepted)) => {
            let why = "the vault took those of the keystore".to_owned();
            (why, "Put the keystore's keys back into the Secret", Some(ActionId::RestoreKeysSecret))
        }
        (Some(Answer::Refused), None) => {
            let why = "the vault refused those of the Secret".to_owned();
            (why, "Put the keystore's keys back into the Secret", Some(ActionId::RestoreKeysSecret))
        }
        (Some(Answer::Accepted), _) => {
            let why = "the vault took those of the Secret".to_owned();
            (why, "Take the Secret's keys into the keystore, beside the old ones", Some(ActionId::SaveKeys))
        }
        (None, _) if unprovable(model, now).is_none() => {
            let next = "Ask the live vault which of them it takes; it changes nothing";
            (said_before(), next, Some(ActionId::ProveKeys))
        }
        (None, _) => (said_before(), "Overwrite neither before it is known which of them is right", None),
    }
}
