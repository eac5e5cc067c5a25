//! The rollout of a workload that uses a Secret stopped: what it should have read with its restart, it has not.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::workload_stale::unseen;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::consumers::{ConsumerSeen, Rollout};
use crate::app::model::table::Table;
use crate::app::workloads::stalled;

/// The rule.
pub struct RolloutStuck;

impl Rule for RolloutStuck {
    fn id(&self) -> RuleId {
        RuleId("rollout-stuck")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Consumers, FeedId::Containers]
    }

    fn fires_when(&self) -> &'static str {
        "the rollout of a workload that uses a Secret passed its deadline, or has not moved for 10 minutes where it has none"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/rollout-stuck.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Some(blind) = unseen(model, &[FeedId::Consumers], now) {
            return blind;
        }
        let all = model.consumers.iter().flat_map(Table::iter);
        all.map(|consumer| (consumer.object.clone(), judge(consumer, now))).collect()
    }
}

fn judge(consumer: &ConsumerSeen, now: Timestamp) -> Finding {
    let object = &consumer.object;
    let stuck = match (&consumer.rollout, stalled(&consumer.rollout, now)) {
        (Rollout::Stuck { since, why }, _) => Some((*since, why.clone())),
        (Rollout::Underway { updated, wanted, .. }, Some((moved, _))) => {
            Some((Some(moved), format!("{updated} of {wanted} replicas are new, and its status has not moved since")))
        }
        (Rollout::Done | Rollout::Underway { .. } | Rollout::Paused | Rollout::OnDelete { .. }, _) => None,
    };
    match stuck {
        Some((since, why)) => Finding::Firing(Firing {
            severity: Severity::Warning,
            sentence: format!("The rollout of {} is stuck", object.path()),
            why,
            next: format!(
                "kubectl -n {} describe {}/{}, then look at its newest pods",
                object.namespace,
                object.kind.to_lowercase(),
                object.name
            ),
            action: None,
            evidence_since: since,
        }),
        None => Finding::Clear,
    }
}
