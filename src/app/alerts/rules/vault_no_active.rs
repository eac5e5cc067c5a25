//! Replicas are unsealed and none of them is active: reads may work, every write fails.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::no_replicas;
use crate::app::id::{ActionId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::seal::{Role, SealKind};
use crate::app::verdict::recover::in_namespace;
use crate::app::verdict::replicas::{Condition, conditions, headcount};

/// The rule.
pub struct VaultNoActive;

impl Rule for VaultNoActive {
    fn id(&self) -> RuleId {
        RuleId("vault-no-active")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    /// An election after a full restart takes up to 17 s.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn fires_when(&self) -> &'static str {
        "replicas are unsealed and none of them is active"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/vault-no-active.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Some(blind) = no_replicas(model, now) {
            return blind;
        }
        vec![(model.vault_ref(), judge(model, now))]
    }
}

fn judge(model: &Model, now: Timestamp) -> Finding {
    let count = headcount(model, now);
    if count.active {
        return Finding::Clear;
    }
    let conditions = conditions(model, now);
    let has = |role| {
        conditions.iter().any(|(_, condition)| matches!(condition, Condition::Open(seen) if seen.role == Some(role)))
    };
    let in_doubt = conditions.iter().find(|(_, condition)| !condition.cannot_serve());
    // Who has lost its leader would know of another one; a standby may follow one that only we cannot reach.
    let leaderless = has(Role::Leaderless) && !has(Role::Standby);
    match in_doubt {
        Some((replica, _)) if !leaderless => {
            Finding::Unknown(format!("{} may be active and cannot be asked", replica.name))
        }
        Some(_) | None if count.open == 0 => Finding::Clear,
        Some(_) | None => {
            let sealed =
                conditions.iter().any(|(_, c)| matches!(c, Condition::Sealed(seen) if seen.kind == SealKind::Shamir));
            let lacking = count.raft && count.open < count.quorum();
            let why = if lacking {
                format!("{} of {} are open, and a quorum needs {}", count.open, count.expected, count.quorum())
            } else {
                "an election does not end".to_owned()
            };
            let next = if sealed {
                "Unseal the sealed replicas: that gives the quorum back".to_owned()
            } else {
                format!("Bring the other replicas back: kubectl{} get pods -o wide", in_namespace(model))
            };
            Finding::Firing(Firing {
                severity: Severity::Critical,
                sentence: "Replicas are unsealed and none is active: writes fail".to_owned(),
                why,
                next,
                action: sealed.then_some(ActionId::Unseal),
                evidence_since: model.no_active_since.filter(|_| !model.no_active_undated),
            })
        }
    }
}
