//! A VaultAuth or VaultConnection cannot work: by its own account, or because nobody can log in through it.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Rule, Severity};
use super::sync_objects::{Opinion, describe, each};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::sync::SyncKind;
use crate::app::sync::Word;

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
        &[FeedId::Sync, FeedId::Operators, FeedId::Paths, FeedId::Engines, FeedId::Secrets]
    }

    fn fires_when(&self) -> &'static str {
        "a VaultAuth or VaultConnection is invalid, or every object that goes through it fails to log in"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/vaultauth-invalid.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each(
            model,
            now,
            |seen, standing| match seen.kind {
                SyncKind::VaultAuth | SyncKind::VaultConnection
                    if matches!(standing.word, Word::Failed | Word::Never) =>
                {
                    Opinion::Fires(Severity::Warning)
                }
                SyncKind::VaultAuth
                | SyncKind::VaultConnection
                | SyncKind::SecretStore
                | SyncKind::ClusterSecretStore
                | SyncKind::VaultStaticSecret
                | SyncKind::VaultDynamicSecret
                | SyncKind::VaultPKISecret
                | SyncKind::ExternalSecret
                | SyncKind::PushSecret => Opinion::Well,
            },
            |seen, _| (format!("{} cannot be used: nobody logs in through it", seen.object), describe(seen)),
        )
    }
}
