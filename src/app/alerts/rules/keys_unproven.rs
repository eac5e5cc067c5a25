//! Nothing says that these keys open this vault, or it was said too long ago.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::fires;
use super::keys_secret_fault::{look, subject};
use crate::app::id::{ActionId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::reopens::reopens;
use crate::app::time::{age, quiet};
use crate::app::verdict::held::{last_accepted, mender, unprovable};
use crate::app::verdict::keys::{Fault, Keys};
use crate::app::verdict::standing_proof;

/// The rule.
pub struct KeysUnproven;

impl Rule for KeysUnproven {
    fn id(&self) -> RuleId {
        RuleId("keys-unproven")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "nothing proves the keys, the proof is older than the limit, or its age cannot be told"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-unproven.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        match look(model, now) {
            Keys::NotNeeded => Vec::new(),
            Keys::Unseen(unseen) => vec![(subject(model), Finding::Unknown(unseen.says()))],
            Keys::BeforeInit(object) => vec![(object, Finding::Clear)],
            // A key that cannot be seen is proven by a replica that comes back, and so is one in a Secret.
            Keys::Elsewhere(_) => vec![(subject(model), in_place(model, now))],
            Keys::Plausible(object) => vec![(object, in_place(model, now))],
            Keys::Faulty(object, fault) => vec![(object, lost(model, &fault, now))],
        }
    }
}

/// The keys that the vault would use.
fn in_place(model: &Model, now: Timestamp) -> Finding {
    if standing_proof(model, now).is_some() {
        return Finding::Clear;
    }
    let why = match last_accepted(&model.proofs) {
        None => "no replica was seen to come back, and nobody asked the vault about them".to_owned(),
        Some(proof) if proof.at > now => "the last proof is dated in the future: its age cannot be told".to_owned(),
        Some(proof) if age(now, proof.at) > model.expect.proof_max_age => {
            format!("the last proof is {} old", quiet(age(now, proof.at)))
        }
        Some(_) => "the last proof is not of exactly these keys of this vault".to_owned(),
    };
    unproven(model, "Nothing proves that the keys in place open this vault".to_owned(), &why, now)
}

/// Where the keys in place are lost, those of the keystore are what counts.
fn lost(model: &Model, fault: &Fault, now: Timestamp) -> Finding {
    let by = reopens(model, now).by;
    let useless = match fault {
        Fault::Changed | Fault::Refused { .. } => model.keys_secret().map(|secret| secret.prints()).unwrap_or_default(),
        Fault::Missing
        | Fault::Empty
        | Fault::FieldMissing(_)
        | Fault::Implausible(_)
        | Fault::FileMissing
        | Fault::FileChanged => Vec::new(),
    };
    // No keys at all: there is nothing to prove, and that is another rule's matter.
    let Some(mender) = mender(model, by, &useless, now) else { return Finding::Clear };
    let number = mender.generation.number;
    match mender.proven {
        Some(at) if age(now, at) <= model.expect.proof_max_age => Finding::Clear,
        Some(at) => {
            let why = format!("the last proof is {} old", quiet(age(now, at)));
            unproven(model, format!("The keystore's generation {number} was not proven lately"), &why, now)
        }
        None => {
            let says = format!("Nothing proves that the keystore's generation {number} opens this vault");
            unproven(model, says, "nobody asked the vault about it", now)
        }
    }
}

fn unproven(model: &Model, sentence: String, why: &str, now: Timestamp) -> Finding {
    match unprovable(model, now) {
        None => {
            let next = "Ask the live vault about them; it changes nothing";
            fires(Severity::Warning, sentence, why, next, Some(ActionId::ProveKeys))
        }
        Some(reason) => {
            let next = format!("Let one standby restart while this watches; it cannot be asked: {reason}");
            fires(Severity::Warning, sentence, why, &next, None)
        }
    }
}
