//! A change was rolled out to a workload with OnDelete: it is accepted, and nothing restarts until somebody deletes pods.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::workload_stale::unseen;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::text::count;
use crate::app::workloads::{Standing, View};

/// The rule.
pub struct RolloutOndeletePending;

impl Rule for RolloutOndeletePending {
    fn id(&self) -> RuleId {
        RuleId("rollout-ondelete-pending")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    /// Whoever changed it deletes its pods one by one now.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_mins(5)
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Consumers, FeedId::Containers]
    }

    fn fires_when(&self) -> &'static str {
        "pods under OnDelete (the vault's own too) wait for somebody to delete them"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/rollout-ondelete-pending.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Some(blind) = unseen(model, &[FeedId::Consumers], now) {
            return blind;
        }
        let all = View::of(model, now).all();
        all.iter().map(|standing| (standing.consumer.object.clone(), judge(model, standing))).collect()
    }
}

fn judge(model: &Model, standing: &Standing<'_>) -> Finding {
    if standing.waiting == 0 {
        return Finding::Clear;
    }
    let object = &standing.consumer.object;
    let waiting = count(standing.waiting as usize, "pod");
    let next = if *object == model.vault_ref() {
        "Delete its pods one by one, standbys first, each unsealed before the next".to_owned()
    } else {
        format!("Delete its pods one by one: kubectl -n {} delete pod …", object.namespace)
    };
    let verb = if standing.waiting == 1 { "runs" } else { "run" };
    Finding::Firing(Firing {
        severity: Severity::Warning,
        sentence: format!("{waiting} of {} still {verb} the old revision", object.path()),
        why: "its update strategy is OnDelete: a change waits until somebody deletes pods".to_owned(),
        next,
        action: None,
        evidence_since: None,
    })
}
