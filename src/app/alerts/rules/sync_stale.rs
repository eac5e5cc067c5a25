//! Nobody has looked at a sync object for its cadence and five minutes, whatever its conditions say.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{Opinion, RESTS_ON, brings, describe, each, stale};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::time::spoken;

/// The rule.
pub struct SyncStale;

impl Rule for SyncStale {
    fn id(&self) -> RuleId {
        RuleId("sync-stale")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn rests_on(&self) -> &'static [FeedId] {
        RESTS_ON
    }

    fn fires_when(&self) -> &'static str {
        "the last look is older than the cadence by 5 min (seconds: critical), whatever the conditions say"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/sync-stale.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each(
            model,
            now,
            brings,
            |seen, standing| {
                if brings(seen.kind) && stale(model, seen, standing, now) {
                    Opinion::Fires(Severity::Critical)
                } else {
                    Opinion::Well
                }
            },
            |seen, standing| {
                let since =
                    standing.looked.map(|at| format!(" for {}", spoken(now.duration_since(at)))).unwrap_or_default();
                (format!("Nobody has looked at {}{since}", seen.object), describe(seen))
            },
        )
    }
}
