//! A store of ESO cannot log in: nothing that goes through it is read.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{RESTS_ON, closed};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::sync::SyncKind;

/// The rule.
pub struct StoreNotReady;

impl Rule for StoreNotReady {
    fn id(&self) -> RuleId {
        RuleId("store-not-ready")
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
        "a SecretStore or ClusterSecretStore cannot log in to the vault"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/store-not-ready.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let ways = |kind| matches!(kind, SyncKind::SecretStore | SyncKind::ClusterSecretStore);
        closed(model, now, ways, "is not ready: nothing is read through it")
    }
}
