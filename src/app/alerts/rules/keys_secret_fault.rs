//! What the four rules about the keys Secret have in common: where they apply, and what to do when one fires.

use jiff::Timestamp;

use super::super::{Finding, Firing, Severity};
use crate::app::id::{ActionId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::attribution::{Culprit, attribute};
use crate::app::model::keys_secret::KeysSecret;
use crate::app::model::reopens::{Mechanism, reopens};
use crate::app::time::moment;
use crate::app::verdict::held::{mender, restorable};
use crate::app::verdict::keys::{Fault, Keys, keys};
use crate::app::verdict::replicas::headcount;

/// Judges the Secret for one rule: `says` turns the faults that the rule is about into its sentence.
pub(super) fn judge(
    model: &Model,
    now: Timestamp,
    says: impl Fn(&ObjectRef, &Fault) -> Option<String>,
) -> Vec<(ObjectRef, Finding)> {
    match look(model, now) {
        Keys::NotNeeded | Keys::Elsewhere(_) => Vec::new(),
        Keys::BeforeInit(object) | Keys::Plausible(object) => vec![(object, Finding::Clear)],
        Keys::Unseen(unseen) => vec![(subject(model), Finding::Unknown(unseen.says()))],
        Keys::Faulty(object, fault) => match says(&object, &fault) {
            Some(sentence) => {
                let firing = firing(model, &fault, sentence, now);
                vec![(object, Finding::Firing(firing))]
            }
            None => vec![(object, Finding::Clear)],
        },
    }
}

/// The Secret as the rules see it. While nobody can say how the vault reopens, nobody can say whether it matters.
pub(super) fn look(model: &Model, now: Timestamp) -> Keys {
    let reopens = reopens(model, now);
    if reopens.by == Mechanism::Unknown && !model.expect.keys_secret_configured {
        return Keys::Unseen(crate::app::verdict::sight::Unseen {
            input: "how the vault reopens".to_owned(),
            since: None,
            why: reopens.because,
            next: String::new(),
        });
    }
    keys(model, reopens.by, now)
}

/// The Secret, or the vault as long as nobody knows which Secret it is.
pub(super) fn subject(model: &Model) -> ObjectRef {
    if let Some(keys) = &model.keys {
        return keys.value.object().clone();
    }
    let chosen = model.unsealers.as_ref().and_then(|seen| seen.value.chosen.as_deref());
    match (chosen, model.workload()) {
        (Some(name), Some(workload)) => ObjectRef::secret(&workload.namespace, name),
        (_, _) => model.vault_ref(),
    }
}

fn firing(model: &Model, fault: &Fault, sentence: String, now: Timestamp) -> Firing {
    let by = reopens(model, now).by;
    let open = headcount(model, now).open > 0;
    let useless = match fault {
        Fault::Changed | Fault::Refused { .. } => model.keys_secret().map(KeysSecret::prints).unwrap_or_default(),
        Fault::Missing
        | Fault::Empty
        | Fault::FieldMissing(_)
        | Fault::Implausible(_)
        | Fault::FileMissing
        | Fault::FileChanged => Vec::new(),
    };
    let mender = mender(model, by, &useless, now);
    let next = if let Some(mender) = mender {
        let hold = if open { "Restart nothing: put" } else { "Put" };
        format!("{hold} it back from the keystore, which holds generation {}", mender.generation.number)
    } else if *fault == Fault::Changed {
        "Restart nothing. Put the key the servers started with back".to_owned()
    } else if open {
        "Restart nothing: the vault runs from memory. Ask whoever may hold a copy of the key, and put it back"
            .to_owned()
    } else if by == Mechanism::Static {
        "Ask whoever may hold a copy of the key, put it back, and delete the pod: a static seal takes no typed key"
            .to_owned()
    } else {
        "Ask whoever may hold a copy of the key; unseal by typing it".to_owned()
    };
    Firing {
        severity: Severity::Critical,
        sentence,
        why: who(model, fault, now),
        next,
        action: mender.filter(|mender| restorable(model, *mender)).map(|_| ActionId::RestoreKeysSecret),
        evidence_since: None,
    }
}

/// Who did it, as far as the object and our own memory tell.
fn who(model: &Model, fault: &Fault, now: Timestamp) -> String {
    if *fault == Fault::Changed {
        return "a server that restarts reads the new key, and its storage is sealed with the old one".to_owned();
    }
    if let Fault::Refused { at } = fault {
        return format!("it was asked {}, and took another key than these", moment(now, *at));
    }
    let Some(found) = attribute(&model.history) else { return String::new() };
    let between = match (found.after, found.before) {
        (Some(after), Some(before)) if after == before => format!(", at {}", moment(now, before)),
        (Some(after), Some(before)) => format!(", between {} and {}", moment(now, after), moment(now, before)),
        (None, Some(before)) => format!(", before {}", moment(now, before)),
        (Some(after), None) => format!(", after {}", moment(now, after)),
        (None, None) => String::new(),
    };
    match (found.grade, found.who) {
        (Culprit::Named, Some(who)) => format!("by {who}, named by the object{between}"),
        (Culprit::Inferred, Some(who)) => format!("by {who}, inferred{between}"),
        (Culprit::Named | Culprit::Inferred | Culprit::Unknown, _) => format!("by whom is unknown{between}"),
    }
}
