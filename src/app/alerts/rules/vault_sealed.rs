//! A replica is sealed: critical, or a warning while others serve with tolerance left.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::{no_replicas, replica_ref};
use crate::app::id::{ActionId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::reopens::{Mechanism, reopens};
use crate::app::model::seal::{SealKind, SealSeen};
use crate::app::text::count;
use crate::app::verdict::keys::{Fault, Keys, keys};
use crate::app::verdict::recover::in_namespace;
use crate::app::verdict::replicas::{Condition, conditions, headcount, started};
use crate::app::verdict::unsealing::{Hands, hands};

/// The rule.
pub struct VaultSealed;

impl Rule for VaultSealed {
    fn id(&self) -> RuleId {
        RuleId("vault-sealed")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    /// An unsealer needs some seconds, a raft joiner some more.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(60)
    }

    fn fires_when(&self) -> &'static str {
        "a replica says that it is sealed; a warning while others serve with tolerance left"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/vault-sealed.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Some(blind) = no_replicas(model, now) {
            return blind;
        }
        let count = headcount(model, now);
        let tolerance = count.active && count.restarts_to_outage().is_some_and(|n| n > 1);
        let severity = if tolerance { Severity::Warning } else { Severity::Critical };
        let judged = conditions(model, now).into_iter().map(|(replica, condition)| {
            let finding = match condition {
                Condition::Sealed(seen) => {
                    Finding::Firing(sealed(model, &replica.name, seen, severity, count.serves(), now))
                }
                Condition::Unreachable(trouble) => Finding::Unknown(format!("it does not answer: {}", trouble.what)),
                Condition::Unseen(unseen) => Finding::Unknown(unseen.why),
                Condition::Open(_) | Condition::Uninitialised(_) | Condition::Gone(_) | Condition::Waiting(_) => {
                    Finding::Clear
                }
            };
            (replica_ref(model, &replica.name), finding)
        });
        judged.collect()
    }
}

fn sealed(model: &Model, name: &str, seen: &SealSeen, severity: Severity, served: bool, now: Timestamp) -> Firing {
    let others = if served { "; others serve" } else { "" };
    let progress = if seen.progress > 0 {
        format!(", {} of {} given", seen.progress, count(seen.threshold as usize, "share"))
    } else {
        String::new()
    };
    let shamir = seen.kind == SealKind::Shamir;
    let (why, next) = match reopens(model, now).by {
        _ if !shamir => by_itself(model, name, seen, now),
        Mechanism::Secret => from_secret(model, name, now),
        Mechanism::People | Mechanism::Static | Mechanism::Transit | Mechanism::Kms | Mechanism::Unknown => {
            let shares = count(seen.missing() as usize, "share");
            (format!("it waits for {shares}"), format!("Unseal it with {shares}"))
        }
    };
    Firing {
        severity,
        sentence: format!("{name} is sealed{progress}{others}"),
        why,
        next,
        // Recovery shares of an auto-unseal open nothing: the seal itself must answer.
        action: shamir.then_some(ActionId::Unseal),
        evidence_since: started(model, name),
    }
}

fn from_secret(model: &Model, name: &str, now: Timestamp) -> (String, String) {
    let hands = hands(model, Mechanism::Secret, now);
    match keys(model, Mechanism::Secret, now) {
        Keys::Faulty(object, fault) => {
            (fault_says(&object, &fault), "Find a copy of the unseal key, then unseal it by typing".to_owned())
        }
        Keys::Plausible(object) => {
            let next = format!("Unseal it with what {object} holds");
            match hands {
                Hands::Dead(what, why) => (format!("what should unseal it does not run: {what} ({why})"), next),
                Hands::Unmounted(what, secret) => (format!("{what} does not use Secret {secret}"), next),
                Hands::Partly(what, pods) => (format!("{what} does not run beside {}", pods.join(", ")), next),
                Hands::Alive(what) => {
                    (format!("{what} runs and has not opened {name}: its key may be wrong, its log says"), next)
                }
                Hands::NotNeeded | Hands::NoneFound | Hands::Unseen(_) => {
                    ("why it was not unsealed cannot be seen".to_owned(), next)
                }
            }
        }
        Keys::NotNeeded | Keys::Elsewhere(_) | Keys::BeforeInit(_) | Keys::Unseen(_) => {
            ("why it was not unsealed cannot be seen".to_owned(), "Unseal it".to_owned())
        }
    }
}

fn fault_says(object: &ObjectRef, fault: &Fault) -> String {
    match fault {
        Fault::Missing => format!("{object} does not exist"),
        Fault::Empty => format!("{object} is empty"),
        Fault::FieldMissing(why) => format!("{object} {why}"),
        Fault::Implausible(why) => format!("{object}: {why}"),
        Fault::Changed => format!("{object} holds another key than before"),
        Fault::Refused { .. } => format!("{object} holds keys that the vault refused"),
        Fault::FileMissing => format!("{object} is gone"),
        Fault::FileChanged => format!("{object} is not the one that is kept in custody"),
    }
}

fn by_itself(model: &Model, name: &str, seen: &SealSeen, now: Timestamp) -> (String, String) {
    let log = format!("kubectl{} logs {name} says what its seal answered", in_namespace(model));
    let next = if model.in_kubernetes() { log } else { "Read the server's log".to_owned() };
    let why = match (&seen.kind, keys(model, Mechanism::Static, now)) {
        (SealKind::Static, Keys::Faulty(object, fault)) => fault_says(&object, &fault),
        (SealKind::Static, _) => "its static seal found no key, or another one".to_owned(),
        (SealKind::Transit, _) => "the other vault did not answer or refused, or somebody sealed it by hand".to_owned(),
        (SealKind::Kms(provider), _) => {
            format!("{provider} did not answer or refused, or somebody sealed it by hand: only a restart tries again")
        }
        (SealKind::Shamir, _) => String::new(),
    };
    (why, next)
}
