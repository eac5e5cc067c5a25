//! An expected replica does not answer: a warning at first, critical after two minutes. Denied is not unreachable.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::{no_replicas, replica_ref};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::seal::Replica;
use crate::app::time::age;
use crate::app::verdict::recover::in_namespace;
use crate::app::verdict::replicas::{Condition, conditions};

/// A pod that was rescheduled is back by then, or it is in trouble.
const CRITICAL_AFTER: SignedDuration = SignedDuration::from_mins(2);

/// The rule.
pub struct VaultUnreachable;

impl Rule for VaultUnreachable {
    fn id(&self) -> RuleId {
        RuleId("vault-unreachable")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn fires_when(&self) -> &'static str {
        "an expected replica does not answer; critical after 2 minutes"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/vault-unreachable.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Some(blind) = no_replicas(model, now) {
            return blind;
        }
        let judged = conditions(model, now).into_iter().map(|(replica, condition)| {
            let name = &replica.name;
            let finding = match condition {
                Condition::Unreachable(trouble) => {
                    let why = if trouble.why.is_empty() { trouble.what.clone() } else { trouble.why.clone() };
                    Finding::Firing(silent(model, replica, format!("{name} does not answer"), why, now))
                }
                Condition::Gone(why) => {
                    Finding::Firing(silent(model, replica, format!("{name} {why}"), "no server runs there".into(), now))
                }
                Condition::Unseen(unseen) => Finding::Unknown(unseen.why),
                // Not created yet on purpose: the one that it waits for has its own alert.
                Condition::Waiting(_) | Condition::Open(_) | Condition::Sealed(_) | Condition::Uninitialised(_) => {
                    Finding::Clear
                }
            };
            (replica_ref(model, name), finding)
        });
        judged.collect()
    }
}

fn silent(model: &Model, replica: &Replica, sentence: String, why: String, now: Timestamp) -> Firing {
    // A pod that has never started its server has been silent since it was created, whenever we began to look.
    let pending = model.pod(&replica.name).filter(|pod| pod.server().is_none_or(|server| server.started.is_none()));
    let created = pending.and_then(|pod| pod.created);
    let heard = replica.answer.as_ref().and_then(|answer| match &answer.value {
        crate::app::model::seal::SealAnswer::Silent(_) => replica.since,
        crate::app::model::seal::SealAnswer::Said(_) => Some(answer.at),
    });
    let since = match (created, heard) {
        (Some(created), Some(heard)) => Some(created.min(heard)),
        (created, heard) => created.or(heard),
    };
    let long = since.is_some_and(|since| age(now, since) >= CRITICAL_AFTER);
    let next = if model.in_kubernetes() {
        format!("kubectl{} describe pod {}", in_namespace(model), replica.name)
    } else {
        "See whether its host and its port answer".to_owned()
    };
    Firing {
        severity: if long { Severity::Critical } else { Severity::Warning },
        sentence,
        why,
        next,
        action: None,
        evidence_since: created,
    }
}
