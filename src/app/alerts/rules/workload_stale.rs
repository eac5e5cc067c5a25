//! A workload runs with an older Secret than the cluster holds: it read it when it started, and it was not restarted since.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::consumers::Use;
use crate::app::model::observed::FeedState;
use crate::app::time::quiet;
use crate::app::verdict::sight;
use crate::app::workloads::{FEEDS, Standing, View, evidence};

/// The rule.
pub struct WorkloadStale;

impl Rule for WorkloadStale {
    fn id(&self) -> RuleId {
        RuleId("workload-stale")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    /// Operators restart what they were told to, some minutes after they wrote.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_mins(10)
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Consumers, FeedId::Containers, FeedId::Secrets, FeedId::Sync]
    }

    fn fires_when(&self) -> &'static str {
        "containers are older than the data of a Secret that they read by env or subPath"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/workload-stale.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Some(blind) = unseen(model, &FEEDS, now) {
            return blind;
        }
        let view = View::of(model, now);
        let all = view.all();
        all.iter().map(|standing| (standing.consumer.object.clone(), judge(model, &view, standing, now))).collect()
    }
}

/// What these feeds bring cannot be seen; nothing at all where it does not exist here. `None` where it counts.
pub(super) fn unseen(model: &Model, feeds: &[FeedId], now: Timestamp) -> Option<Vec<(ObjectRef, Finding)>> {
    if feeds.iter().any(|feed| model.feed_state(*feed, now) == FeedState::Absent) {
        return Some(Vec::new());
    }
    let unseen = feeds.iter().find_map(|feed| sight::missing(model, *feed, now))?;
    Some(vec![(model.vault_ref(), Finding::Unknown(unseen.says()))])
}

fn judge(model: &Model, view: &View<'_>, standing: &Standing<'_>, now: Timestamp) -> Finding {
    let Some((stale, behind)) = standing.stale.first().zip(standing.behind(now)) else {
        // A Secret that holds nothing has nothing that could be older.
        let holds = |used: &&&Use| view.secret(&used.secret).is_some_and(|secret| !secret.keys.is_empty());
        return standing.undated.iter().find(holds).map_or(Finding::Clear, |used| {
            Finding::Unknown(format!("nothing says when the data of Secret {} changed", used.secret.name))
        });
    };
    let object = &standing.consumer.object;
    let used = stale.used;
    let older = stale.pods.len();
    let which = if older == standing.pods.len() {
        format!("{} reads it by {}", used.container, used.way.word())
    } else {
        format!("{} of {older} of {} pods reads it by {}", used.container, standing.pods.len(), used.way.word())
    };
    let more = match standing.stale.len() {
        0 | 1 => String::new(),
        n => format!("; {} more references are older too", n - 1),
    };
    Finding::Firing(Firing {
        severity: Severity::Warning,
        sentence: format!("{} runs {} behind its Secret {}", object.path(), quiet(behind), used.secret.name),
        why: format!("{which}; its data {}{more}", evidence(&stale.changed, view.secret(&used.secret), now)),
        next: standing.restarts(model),
        action: None,
        evidence_since: Some(stale.changed.at),
    })
}
