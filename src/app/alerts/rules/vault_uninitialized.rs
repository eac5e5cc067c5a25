//! A replica says that it is not initialised although the vault is; on a fresh install only a remark.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::{no_replicas, replica_ref};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::verdict::recover::{exec, in_namespace};
use crate::app::verdict::replicas::{Condition, conditions, headcount, initialised, started};

/// The rule.
pub struct VaultUninitialized;

impl Rule for VaultUninitialized {
    fn id(&self) -> RuleId {
        RuleId("vault-uninitialized")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    /// A raft follower that starts says so until it has joined.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn fires_when(&self) -> &'static str {
        "a replica answers as if it were new while others, or the keys, say otherwise; info on a fresh install"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/vault-uninitialized.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Some(blind) = no_replicas(model, now) {
            return blind;
        }
        let count = headcount(model, now);
        let before = initialised(model, now) == Some(true);
        let joins = count.raft && count.open > 0;
        let judged = conditions(model, now).into_iter().map(|(replica, condition)| {
            let name = replica.name.as_str();
            let finding = match condition {
                Condition::Uninitialised(_) => Finding::Firing(Firing {
                    evidence_since: started(model, name),
                    ..fired(model, name, before, joins)
                }),
                Condition::Unreachable(trouble) => Finding::Unknown(format!("it does not answer: {}", trouble.what)),
                Condition::Unseen(unseen) => Finding::Unknown(unseen.why),
                Condition::Open(_) | Condition::Sealed(_) | Condition::Gone(_) | Condition::Waiting(_) => {
                    Finding::Clear
                }
            };
            (replica_ref(model, name), finding)
        });
        judged.collect()
    }
}

fn fired(model: &Model, name: &str, before: bool, joins: bool) -> Firing {
    let first = model.replicas.first().map_or(name, |replica| replica.name.as_str());
    let (severity, sentence, why, next) = if !before {
        (
            Severity::Info,
            format!("{name} is not initialised yet"),
            "nothing says that this vault was ever initialised".to_owned(),
            // The same one in every alert: two people who initialise two replicas make two vaults.
            format!("Initialise one replica: {} operator init", exec(model, first)),
        )
    } else if joins {
        (
            Severity::Warning,
            format!("{name} has not joined the raft cluster"),
            "others are initialised and serve; a follower says so until it has joined".to_owned(),
            format!("See why it does not join: kubectl{} logs {name}", in_namespace(model)),
        )
    } else {
        (
            Severity::Critical,
            format!("{name} answers as if it were new"),
            "others, or keys that exist, say that this vault was initialised: its storage may be lost".to_owned(),
            "Initialise nothing; look at its volume first: a second init does not bring the data back".to_owned(),
        )
    };
    Firing { severity, sentence, why, next, action: None, evidence_since: None }
}
