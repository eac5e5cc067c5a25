//! A generator whose value is made once and never again.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{Opinion, RESTS_ON, describe, each};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::sync::SyncKind;

/// The rule.
pub struct GeneratorNeverRotates;

impl Rule for GeneratorNeverRotates {
    fn id(&self) -> RuleId {
        RuleId("generator-never-rotates")
    }

    fn severity(&self) -> Severity {
        Severity::Info
    }

    fn rests_on(&self) -> &'static [FeedId] {
        RESTS_ON
    }

    fn fires_when(&self) -> &'static str {
        "an ExternalSecret takes its value from a generator and is never refreshed"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/generator-never-rotates.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each(
            model,
            now,
            |kind| kind == SyncKind::ExternalSecret,
            |seen, standing| {
                let once =
                    seen.kind == SyncKind::ExternalSecret && seen.detail.generator.is_some() && standing.of.is_none();
                if once { Opinion::Fires(Severity::Info) } else { Opinion::Well }
            },
            |seen, _| (format!("The value of {} is made once and never rotated", seen.object), describe(seen)),
        )
    }
}
