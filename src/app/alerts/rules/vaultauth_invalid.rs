//! A VaultAuth or VaultConnection cannot work: by its own account, or because nobody can log in through it.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{RESTS_ON, closed};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::sync::SyncKind;

/// The rule.
pub struct VaultAuthInvalid;

impl Rule for VaultAuthInvalid {
    fn id(&self) -> RuleId {
        RuleId("vaultauth-invalid")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    /// One failed attempt is not worth a word.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(60)
    }

    fn rests_on(&self) -> &'static [FeedId] {
        RESTS_ON
    }

    fn fires_when(&self) -> &'static str {
        "a VaultAuth or VaultConnection is invalid, or every object that goes through it fails to log in"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/vaultauth-invalid.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let ways = |kind| matches!(kind, SyncKind::VaultAuth | SyncKind::VaultConnection);
        closed(model, now, ways, "cannot be used: nobody logs in through it")
    }
}
