//! A PushSecret whose generator makes a new value whenever somebody edits it, a label included.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{Opinion, RESTS_ON, describe, each};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::sync::SyncKind;

/// The rule.
pub struct PushSecretRotatesOnEdit;

impl Rule for PushSecretRotatesOnEdit {
    fn id(&self) -> RuleId {
        RuleId("pushsecret-rotates-on-edit")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn rests_on(&self) -> &'static [FeedId] {
        RESTS_ON
    }

    fn fires_when(&self) -> &'static str {
        "a PushSecret at interval 0 takes its value from a generator: any edit, a label too, overwrites the value in the vault"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/pushsecret-rotates-on-edit.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each(
            model,
            now,
            |kind| kind == SyncKind::PushSecret,
            |seen, standing| {
                let detail = &seen.detail;
                let generates = seen.kind == SyncKind::PushSecret && detail.generator.is_some() && !detail.if_absent;
                if generates && standing.of.is_none() { Opinion::Fires(Severity::Warning) } else { Opinion::Well }
            },
            |seen, _| (format!("Any edit of {} overwrites the value in the vault", seen.object), describe(seen)),
        )
    }
}
