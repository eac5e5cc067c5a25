//! What a sync object holds is older than what the vault holds, and the cadence is over.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{Opinion, RESTS_ON, brings, describe, each, stale};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::sync::Word;
use crate::app::time::spoken;

/// The rule.
pub struct SyncBehind;

impl Rule for SyncBehind {
    fn id(&self) -> RuleId {
        RuleId("sync-behind")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    /// A Secret that was deleted is made anew within a second, and what follows a rotation needs a moment.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(15)
    }

    fn rests_on(&self) -> &'static [FeedId] {
        RESTS_ON
    }

    fn fires_when(&self) -> &'static str {
        "the vault changed later than the last read, for longer than the cadence and 60 s (seconds: warning); critical where the old value works no more"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/sync-behind.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let (warning, _) = model.expect.limits("sync-behind", 60, 60);
        let slack = SignedDuration::from_secs(i64::try_from(warning).unwrap_or(i64::MAX));
        each(
            model,
            now,
            brings,
            |seen, standing| {
                if !brings(seen.kind) || stale(model, seen, standing, now) {
                    return Opinion::Well;
                }
                match standing.word {
                    // Created just now is no blindness.
                    Word::Unknown if standing.looked.is_some() => Opinion::Unsure,
                    Word::Behind => {
                        // The period of a rotation is no promise about one out of turn.
                        let of = standing.of.filter(|_| !standing.dire).unwrap_or(SignedDuration::ZERO);
                        match standing.lag {
                            Some(lag) if lag <= of.saturating_add(slack) => Opinion::Well,
                            None if !standing.dire => Opinion::Well,
                            _ if standing.dire => Opinion::Fires(Severity::Critical),
                            _ => Opinion::Fires(Severity::Warning),
                        }
                    }
                    Word::Unknown
                    | Word::Synced
                    | Word::Unwatched
                    | Word::Stale
                    | Word::Dropped
                    | Word::Failed
                    | Word::Never
                    | Word::Looping
                    | Word::Emptied => Opinion::Well,
                }
            },
            |seen, standing| {
                let lag = standing.lag.map(|lag| format!(" by {}", spoken(lag))).unwrap_or_default();
                (format!("{} is behind the vault{lag}", seen.object), describe(seen))
            },
        )
    }
}
