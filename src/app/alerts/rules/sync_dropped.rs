//! Every condition of a sync object is True, and its operator does not look at it any more.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{Opinion, RESTS_ON, brings, describe, each, stale};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::sync::Word;

/// The rule.
pub struct SyncDropped;

impl Rule for SyncDropped {
    fn id(&self) -> RuleId {
        RuleId("sync-dropped")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    /// An operator that is replaced is away for some seconds.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn rests_on(&self) -> &'static [FeedId] {
        RESTS_ON
    }

    fn fires_when(&self) -> &'static str {
        "every condition is True and nobody has looked for 3 cadences, or one where the operator does not run; critical where readers have nothing that works"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/sync-dropped.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each(
            model,
            now,
            brings,
            |seen, standing| {
                // Past five minutes it is the matter of sync-stale: one object, one alert.
                if standing.word != Word::Dropped || !brings(seen.kind) || stale(model, seen, standing, now) {
                    return Opinion::Well;
                }
                Opinion::Fires(if standing.dire { Severity::Critical } else { Severity::Warning })
            },
            |seen, _| {
                let operator = seen.kind.operator().name();
                (format!("{} is green, and {operator} does not look at it", seen.object), describe(seen))
            },
        )
    }
}
