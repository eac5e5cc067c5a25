//! Where help could come from, and what to do next: only what exists now is ever named.

use super::Recoverable;
use super::held::{self, Elsewhere, Mender};
use super::judge::{Case, Doubt, Survey};
use super::keys::{Fault, Keys};
use super::replicas::Condition;
use super::unsealing::Hands;
use crate::app::id::{ActionId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::keystore::KeyKind;
use crate::app::model::reopens::{Mechanism, keys_use};
use crate::app::model::unsealer::UseHow;
use crate::app::text::count;
use crate::app::time::{age, quiet};

/// Where help could come from if the mechanism fails.
pub(super) fn recoverable(survey: &Survey<'_>) -> Recoverable {
    let said = |by, says: String| Recoverable { by, generation: None, says };
    match (survey.reopens.by, &survey.keys) {
        (Mechanism::Secret, Keys::Plausible(object)) => {
            let shares = survey.model.keys_secret().map_or(0, crate::app::model::keys_secret::KeysSecret::shares);
            return said("secret", format!("{object} still holds {}", count(shares as usize, "plausible share")));
        }
        (Mechanism::Static, Keys::Plausible(object)) => {
            return said("secret", format!("{object} still holds a plausible key"));
        }
        (Mechanism::Kms | Mechanism::Transit, _) => {
            return said(
                "none-known",
                "only its own seal can open it: nothing here could stand in for that".to_owned(),
            );
        }
        (Mechanism::Static, Keys::Faulty(object, Fault::FileMissing | Fault::FileChanged)) if keeps(survey) => {
            return said("keystore", format!("the keystore keeps a copy of {object}"));
        }
        (Mechanism::Secret | Mechanism::Static | Mechanism::People | Mechanism::Unknown, Keys::BeforeInit(_)) => {
            return said("none-known", "no copy of the key is in sight".to_owned());
        }
        (Mechanism::Secret | Mechanism::Static | Mechanism::People | Mechanism::Unknown, _) => {}
    }
    if let Some(mender) = survey.mender {
        let number = mender.generation.number;
        let says = format!("the keystore holds {} ({})", mender.generation.kind.words(), told(survey, mender));
        return Recoverable { generation: Some(number), ..said("keystore", says) };
    }
    if let Some(place) = held::elsewhere(survey.model, survey.reopens.by, &survey.useless(), survey.now) {
        return said("copy", whose(survey, place));
    }
    match (survey.reopens.by, &survey.keys) {
        (Mechanism::Secret | Mechanism::Static, Keys::Faulty(_, fault)) => match kept_by_a_pod(survey, fault) {
            Some(says) => said("copy", says),
            None => said("none-known", format!("no other copy of the key is known{}", unlooked(survey))),
        },
        (Mechanism::People, _) => {
            let (threshold, shares) = survey.threshold;
            let who = if threshold == 0 {
                "the share holders".to_owned()
            } else {
                format!("holders of {threshold} of {}", count(shares as usize, "share"))
            };
            said("people", who)
        }
        (_, _) => said("none-known", format!("no copy of the key is in sight{}", unlooked(survey))),
    }
}

/// `generation 3, proven 2d ago`.
fn told(survey: &Survey<'_>, mender: Mender<'_>) -> String {
    let proven = mender.proven.map(|at| format!("proven {} ago", quiet(age(survey.now, at))));
    format!("generation {}, {}", mender.generation.number, proven.as_deref().unwrap_or("unproven"))
}

fn whose(survey: &Survey<'_>, place: Elsewhere<'_>) -> String {
    let ago = |at: Option<jiff::Timestamp>| {
        at.map_or_else(String::new, |at| format!(", checked {} ago", quiet(age(survey.now, at))))
    };
    match place {
        Elsewhere::Copy(copy) => format!("copy {} of the keystore at {}{}", copy.name, copy.place, ago(copy.checked)),
        Elsewhere::Holding(held) => {
            format!("{} holds generation {} ({}{})", held.holder, held.generation, held.name, ago(held.checked))
        }
    }
}

/// What was not looked at cannot be said not to exist.
fn unlooked(survey: &Survey<'_>) -> &'static str {
    match held::keystore(survey.model, survey.now) {
        Ok(_) => "",
        Err(_) => "; the keystore is not in sight",
    }
}

/// Whether the keystore that keeps the files in custody is there.
fn keeps(survey: &Survey<'_>) -> bool {
    held::keystore(survey.model, survey.now).is_ok_and(|keystore| keystore.is_some())
}

/// A process that read the key before it was lost may still hold it: an environment and a `subPath` file are never
/// updated, and with `items` a missing field stops the update.
fn kept_by_a_pod(survey: &Survey<'_>, fault: &Fault) -> Option<String> {
    let used = keys_use(survey.model)?;
    let object = match &survey.hands {
        Hands::Alive(object) | Hands::Partly(object, _) => object.to_string(),
        // A static seal has no unsealer: the server's own container read the key.
        Hands::NotNeeded if survey.count.open > 0 => survey.model.vault_ref().to_string(),
        Hands::NotNeeded | Hands::NoneFound | Hands::Dead(..) | Hands::Unmounted(..) | Hands::Unseen(_) => return None,
    };
    let keeps = match used.how {
        UseHow::Env => "environment",
        UseHow::SubPath => "mounted file",
        UseHow::Items if !used.optional && matches!(fault, Fault::FieldMissing(_) | Fault::Empty) => "mounted file",
        UseHow::Items | UseHow::Volume | UseHow::Config => return None,
    };
    Some(format!("the running pods of {object} may still hold the old key in their {keeps} (inferred)"))
}

/// What to do next, and the action that does it.
pub(super) fn next(survey: &Survey<'_>, case: &Case<'_>) -> (String, Option<ActionId>) {
    let sealed = survey.unsealable().next().is_some();
    // The action stands beside the words as their key, so it is named only where it is what they say.
    let says = match case {
        Case::NoVault(_) => format!("Look for it: kubectl{} get statefulsets,pods", in_namespace(survey.model)),
        Case::NotInitialised => format!("Initialise it: {} operator init", exec(survey.model, &first(survey))),
        Case::AllShut | Case::NoActive(_) | Case::NeedsHands | Case::Unproven(_) | Case::Survives(_) if sealed => {
            return (unseal(survey), Some(ActionId::Unseal));
        }
        Case::AllShut => match mend(survey) {
            Some((says, action)) => {
                let pod = first(survey);
                return (format!("{says}, then delete {pod}: it reads its key when it starts"), Some(action));
            }
            None => shut_without_shares(survey),
        },
        Case::NoActive(_) => format!(
            "Bring the missing replicas back: kubectl{} get pods -o wide, then their logs",
            in_namespace(survey.model)
        ),
        Case::Lost(_) => return lost(survey, sealed),
        Case::Blind => blind(survey),
        Case::NeedsHands => "Before a planned restart, bring the share holders together".to_owned(),
        Case::Unproven(Doubt::None | Doubt::Old(_) | Doubt::OtherKeys(_) | Doubt::OtherVault(_))
            if held::unprovable(survey.model, survey.now).is_none() =>
        {
            return ("Prove the keys on the live vault; it changes nothing".to_owned(), Some(ActionId::ProveKeys));
        }
        Case::Unproven(_) => prove(survey),
        Case::Survives(_) => "Nothing to do".to_owned(),
    };
    (says, None)
}

/// How what is held of a lost key is put back, where it is held here.
fn mend(survey: &Survey<'_>) -> Option<(String, ActionId)> {
    match (&survey.keys, survey.mender) {
        (Keys::Faulty(object, Fault::FileMissing | Fault::FileChanged), _) if keeps(survey) => {
            Some((format!("The keystore keeps {}: put it back", object.name), ActionId::RestoreCustody))
        }
        (Keys::Faulty(_, Fault::FileMissing | Fault::FileChanged), _) => None,
        (Keys::Faulty(..), Some(mender)) if held::restorable(survey.model, mender) => {
            let says = format!("The keystore can mend it ({}): restore the Secret", told(survey, mender));
            Some((says, ActionId::RestoreKeysSecret))
        }
        (
            Keys::Faulty(..)
            | Keys::NotNeeded
            | Keys::Elsewhere(_)
            | Keys::BeforeInit(_)
            | Keys::Unseen(_)
            | Keys::Plausible(_),
            _,
        ) => None,
    }
}

fn unseal(survey: &Survey<'_>) -> String {
    let names: Vec<&str> = survey.unsealable().collect();
    let which = match names.as_slice() {
        [one] => (*one).to_owned(),
        several => format!("{} sealed replicas", several.len()),
    };
    let (threshold, _) = survey.threshold;
    let shares = count(threshold.max(1) as usize, "share");
    match &survey.keys {
        Keys::Plausible(object) => format!("Unseal {which} with what {object} holds"),
        Keys::Faulty(..) | Keys::NotNeeded | Keys::Elsewhere(_) | Keys::BeforeInit(_) | Keys::Unseen(_)
            if survey.mender.is_some_and(|mender| mender.generation.kind == KeyKind::Unseal) =>
        {
            let told = survey.mender.map(|mender| told(survey, mender)).unwrap_or_default();
            format!("Unseal {which} from the keystore ({told})")
        }
        Keys::Faulty(..) => format!("Find {shares} of the unseal key, then unseal {which} by typing"),
        Keys::NotNeeded | Keys::Elsewhere(_) | Keys::BeforeInit(_) | Keys::Unseen(_) => {
            format!("Unseal {which} with {shares}")
        }
    }
}

fn shut_without_shares(survey: &Survey<'_>) -> String {
    if survey.count.sealed == 0 {
        return "Initialise nothing: find out what became of its storage first".to_owned();
    }
    format!(
        "Its seal opens it or nothing does: kubectl{} logs {} says why not",
        in_namespace(survey.model),
        first(survey)
    )
}

/// The words, and the action that they begin with.
fn lost(survey: &Survey<'_>, sealed: bool) -> (String, Option<ActionId>) {
    let namespace = in_namespace(survey.model);
    let says = match (&survey.keys, &survey.hands) {
        (Keys::Faulty(object, fault), _) => return without_keys(survey, object, fault, sealed),
        (_, Hands::Dead(object, _) | Hands::Unmounted(object, _) | Hands::Partly(object, _)) if sealed => {
            let describe = format!("kubectl{namespace} describe {}", kubectl_name(object));
            return (format!("{}; then mend what unseals: {describe}", unseal(survey)), Some(ActionId::Unseal));
        }
        (_, Hands::Dead(object, _) | Hands::Unmounted(object, _) | Hands::Partly(object, _)) => {
            format!("Mend what unseals: kubectl{namespace} describe {}", kubectl_name(object))
        }
        (_, Hands::NotNeeded | Hands::Alive(_) | Hands::NoneFound | Hands::Unseen(_)) if sealed => {
            return (unseal(survey), Some(ActionId::Unseal));
        }
        (_, Hands::Alive(object)) => format!("Read its log: kubectl{namespace} logs {}", kubectl_name(object)),
        (_, Hands::NotNeeded | Hands::NoneFound | Hands::Unseen(_)) => shut_without_shares(survey),
    };
    (says, None)
}

/// The keys are gone or wrong: from where they come back.
fn without_keys(survey: &Survey<'_>, object: &ObjectRef, fault: &Fault, sealed: bool) -> (String, Option<ActionId>) {
    let hold = "Hold the pods: restart, drain and delete nothing";
    if let Some((says, action)) = mend(survey) {
        // What is shut already is opened first; the Secret reaches the unsealer's mount a minute or two later.
        return if sealed {
            (format!("{}; then restore the Secret", unseal(survey)), Some(ActionId::Unseal))
        } else {
            (says, Some(action))
        };
    }
    if let Some(mender) = survey.mender.filter(|_| !sealed) {
        let told = told(survey, mender);
        return (
            format!("{hold}. The keystore holds keys ({told}): put them into {object} once they are known to be right"),
            None,
        );
    }
    let says = match (held::elsewhere(survey.model, survey.reopens.by, &survey.useless(), survey.now), fault) {
        (Some(Elsewhere::Copy(copy)), _) => {
            format!("{hold}. Bring the keystore back from its copy at {}", copy.place)
        }
        (Some(Elsewhere::Holding(held)), _) => {
            format!("{hold}. Ask {}, who holds generation {} ({})", held.holder, held.generation, held.name)
        }
        (None, Fault::Changed) => format!("{hold}. Put the key the servers started with back into {object}"),
        (None, Fault::FileMissing | Fault::FileChanged) => {
            format!("{hold}. Put the key file the servers started with back: {}", object.name)
        }
        (None, _) if recoverable(survey).by == "copy" => {
            format!("{hold}, {} neither. Read the key there and put it back into {object}", "the unsealer's")
        }
        // The key beside this sentence asks for shares: the sentence must lead there.
        (None, _) if sealed => format!("{}. {hold}; ask whoever may hold a copy of the key", unseal(survey)),
        (None, _) => format!("{hold}. Save what can still be read. Ask whoever may hold a copy of the key"),
    };
    (says, None)
}

fn blind(survey: &Survey<'_>) -> String {
    let told = survey.unseen.iter().map(|unseen| &unseen.next).find(|next| !next.is_empty());
    let known = survey.unseen.iter().any(|unseen| unseen.since.is_some());
    match told {
        Some(next) => next.clone(),
        None if survey.model.in_kubernetes() && known => {
            "See whether the API server answers: kubectl get --raw /readyz".to_owned()
        }
        None => "Wait for the first answers".to_owned(),
    }
}

fn prove(survey: &Survey<'_>) -> String {
    let standby = survey.replicas.iter().rev().find(|(_, condition)| {
        matches!(condition, Condition::Open(seen) if seen.role == Some(crate::app::model::seal::Role::Standby))
    });
    match standby {
        Some((replica, _)) if survey.count.restarts_to_outage().is_some_and(|n| n > 1) => {
            format!("To prove it, restart one standby ({}) while this watches", replica.name)
        }
        Some(_) | None => {
            "It is proven when a replica restarts while this watches: plan for an outage first".to_owned()
        }
    }
}

/// ` -n data`, or nothing where there is no namespace.
pub fn in_namespace(model: &Model) -> String {
    model.workload().map(|w| format!(" -n {}", w.namespace)).unwrap_or_default()
}

/// `deployment/unsealer`, as kubectl wants it.
pub fn kubectl_name(object: &ObjectRef) -> String {
    format!("{}/{}", object.kind.to_lowercase(), object.name)
}

/// The server's command line tool: `bao` or `vault`, from the name of its container.
pub fn cli(model: &Model) -> &'static str {
    let mut pods = model.pods.iter().flat_map(|pods| pods.value.iter());
    if pods.any(|pod| pod.containers.iter().any(|container| container.name == "vault")) { "vault" } else { "bao" }
}

/// `kubectl -n data exec -ti openbao-0 -- bao`, or the bare tool without Kubernetes.
pub fn exec(model: &Model, pod: &str) -> String {
    if model.in_kubernetes() {
        format!("kubectl{} exec -ti {pod} -- {}", in_namespace(model), cli(model))
    } else {
        cli(model).to_owned()
    }
}

fn first(survey: &Survey<'_>) -> String {
    let sealed = survey.replicas.iter().find(|(_, condition)| matches!(condition, Condition::Sealed(_)));
    sealed.or(survey.replicas.first()).map(|(replica, _)| replica.name.clone()).unwrap_or_default()
}
