//! A sync object fails, never got a status, runs in circles, or left its Secret empty.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{Opinion, RESTS_ON, brings, describe, each};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::sync::Word;

/// The rule.
pub struct SyncFailed;

impl Rule for SyncFailed {
    fn id(&self) -> RuleId {
        RuleId("sync-failed")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    /// Many a first attempt fails because what it needs was applied in the same moment.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn rests_on(&self) -> &'static [FeedId] {
        RESTS_ON
    }

    fn fires_when(&self) -> &'static str {
        "a sync object fails, was never picked up, loops, or its Secret is empty; critical where readers have nothing that works"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/sync-failed.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each(
            model,
            now,
            brings,
            |seen, standing| match standing.word {
                // Ways to the vault too; but what works no more for want of it is said all the same.
                Word::Failed if standing.by_vault && !standing.dire => Opinion::BySeal,
                Word::Failed | Word::Emptied | Word::Never | Word::Looping if brings(seen.kind) => {
                    Opinion::Fires(if standing.dire { Severity::Critical } else { Severity::Warning })
                }
                Word::Failed
                | Word::Emptied
                | Word::Never
                | Word::Looping
                | Word::Synced
                | Word::Unwatched
                | Word::Unknown
                | Word::Behind
                | Word::Stale
                | Word::Dropped => Opinion::Well,
            },
            |seen, standing| {
                let what = match standing.word {
                    Word::Emptied => "holds nothing: its Secret is empty or gone",
                    Word::Never => "was never picked up",
                    Word::Looping => "does the same again and again",
                    Word::Failed
                    | Word::Synced
                    | Word::Unwatched
                    | Word::Unknown
                    | Word::Behind
                    | Word::Stale
                    | Word::Dropped => "fails",
                };
                (format!("{} {what}", seen.object), describe(seen))
            },
        )
    }
}
