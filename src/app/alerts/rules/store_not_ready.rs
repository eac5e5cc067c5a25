//! A store of ESO cannot log in: nothing that goes through it is read.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{Opinion, describe, each};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::sync::SyncKind;
use crate::app::sync::Word;

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
        &[FeedId::Sync, FeedId::Operators, FeedId::Paths, FeedId::Engines, FeedId::Secrets]
    }

    fn fires_when(&self) -> &'static str {
        "a SecretStore or ClusterSecretStore cannot log in to the vault"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/store-not-ready.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each(
            model,
            now,
            |seen, standing| match seen.kind {
                SyncKind::SecretStore | SyncKind::ClusterSecretStore
                    if matches!(standing.word, Word::Failed | Word::Never) =>
                {
                    Opinion::Fires(Severity::Warning)
                }
                SyncKind::SecretStore
                | SyncKind::ClusterSecretStore
                | SyncKind::VaultAuth
                | SyncKind::VaultConnection
                | SyncKind::VaultStaticSecret
                | SyncKind::VaultDynamicSecret
                | SyncKind::VaultPKISecret
                | SyncKind::ExternalSecret
                | SyncKind::PushSecret => Opinion::Well,
            },
            |seen, _| (format!("{} is not ready: nothing is read through it", seen.object), describe(seen)),
        )
    }
}
