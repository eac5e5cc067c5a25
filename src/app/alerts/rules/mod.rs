//! The registry of rules: one file each, one line here.

use jiff::Timestamp;

use super::{Finding, Firing, Rule};
use crate::app::advisories::{Concern, Kind, concerning};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::verdict::sight;

mod audit_silent;
mod cert_expiring;
mod clock_skew;
mod custody_mismatch;
mod custody_missing;
mod custody_permissions;
mod engines_blind;
mod feed_stale;
mod generator_never_rotates;
mod keys_held;
mod keys_in_last_applied;
mod keys_mismatch;
mod keys_mount_optional;
mod keys_overwritable;
mod keys_secret_empty;
mod keys_secret_fault;
mod keys_secret_field_missing;
mod keys_secret_implausible;
mod keys_secret_missing;
mod keys_single_copy;
mod keys_unproven;
mod keystore_missing;
mod keystore_unreadable;
mod lease_expiring;
mod lease_irrevocable;
mod longhorn_memory;
mod memory_forecast;
mod namespace_sealed;
mod node_memory;
mod node_not_ready;
mod node_pressure;
mod node_sight;
mod pushsecret_rotates_on_edit;
mod raft_lag;
mod raft_tolerance;
mod rollout_ondelete_pending;
mod rollout_stuck;
mod root_in_use;
mod rotation_overdue;
mod store_not_ready;
mod sync_behind;
mod sync_dropped;
mod sync_failed;
mod sync_objects;
mod sync_stale;
mod token_capped;
mod token_drift;
mod token_expiring;
mod token_weak;
mod unsealer_dead;
mod upgrade_trap;
mod vault_no_active;
mod vault_on_pressured_node;
mod vault_sealed;
mod vault_uninitialized;
mod vault_unreachable;
mod vaultauth_invalid;
mod version_advisory;
mod workload_stale;

/// Every rule there is.
pub fn all() -> &'static [&'static dyn Rule] {
    &[
        &vault_sealed::VaultSealed,
        &vault_uninitialized::VaultUninitialized,
        &vault_no_active::VaultNoActive,
        &vault_unreachable::VaultUnreachable,
        &namespace_sealed::NamespaceSealed,
        &raft_tolerance::RaftTolerance,
        &raft_lag::RaftLag,
        &keys_secret_missing::KeysSecretMissing,
        &keys_secret_empty::KeysSecretEmpty,
        &keys_secret_field_missing::KeysSecretFieldMissing,
        &keys_secret_implausible::KeysSecretImplausible,
        &unsealer_dead::UnsealerDead,
        &keys_mismatch::KeysMismatch,
        &keys_single_copy::KeysSingleCopy,
        &keys_unproven::KeysUnproven,
        &keys_overwritable::KeysOverwritable,
        &keys_mount_optional::KeysMountOptional,
        &keys_in_last_applied::KeysInLastApplied,
        &keystore_missing::KeystoreMissing,
        &keystore_unreadable::KeystoreUnreadable,
        &custody_missing::CustodyMissing,
        &custody_mismatch::CustodyMismatch,
        &custody_permissions::CustodyPermissions,
        &sync_stale::SyncStale,
        &sync_failed::SyncFailed,
        &sync_dropped::SyncDropped,
        &sync_behind::SyncBehind,
        &store_not_ready::StoreNotReady,
        &vaultauth_invalid::VaultAuthInvalid,
        &generator_never_rotates::GeneratorNeverRotates,
        &pushsecret_rotates_on_edit::PushSecretRotatesOnEdit,
        &workload_stale::WorkloadStale,
        &rollout_stuck::RolloutStuck,
        &rollout_ondelete_pending::RolloutOndeletePending,
        &node_memory::NodeMemory,
        &memory_forecast::MemoryForecast,
        &node_pressure::NodePressure,
        &node_not_ready::NodeNotReady,
        &vault_on_pressured_node::VaultOnPressuredNode,
        &longhorn_memory::LonghornMemory,
        &token_expiring::TokenExpiring,
        &token_drift::TokenDrift,
        &token_weak::TokenWeak,
        &token_capped::TokenCapped,
        &root_in_use::RootInUse,
        &rotation_overdue::RotationOverdue,
        &lease_irrevocable::LeaseIrrevocable,
        &lease_expiring::LeaseExpiring,
        &cert_expiring::CertExpiring,
        &audit_silent::AuditSilent,
        &version_advisory::VersionAdvisory,
        &upgrade_trap::UpgradeTrap,
        &clock_skew::ClockSkew,
        &feed_stale::FeedStale,
    ]
}

/// The rule of this name.
pub fn find(name: &str) -> Option<&'static dyn Rule> {
    all().iter().copied().find(|rule| rule.id().0 == name)
}

/// A replica as the subject of an alert.
fn replica_ref(model: &Model, name: &str) -> ObjectRef {
    let namespace = model.workload().map(|workload| workload.namespace.as_str()).unwrap_or_default();
    ObjectRef::pod(namespace, name)
}

/// No replica is known: then nobody can even say about what to be silent. `None` when there are some.
fn no_replicas(model: &Model, now: Timestamp) -> Option<Vec<(ObjectRef, Finding)>> {
    if !model.replicas.is_empty() {
        return None;
    }
    let unseen = if model.in_kubernetes() {
        // A StatefulSet that is known to be gone or scaled to nothing has no replicas to judge.
        let Some(unseen) = sight::missing(model, FeedId::Workload, now) else { return Some(Vec::new()) };
        unseen
    } else {
        sight::feed(model, FeedId::Seal, None, now)
    };
    Some(vec![(model.vault_ref(), Finding::Unknown(unseen.says()))])
}

/// The entries of the list of advisories that concern this vault, one subject each.
fn advised(model: &Model, kind: Kind, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
    let versions: std::collections::BTreeSet<&str> =
        model.answers(now).map(|(_, seen)| seen.version.as_str()).collect();
    if versions.is_empty() {
        let why =
            format!("no replica says which version it runs ({})", sight::feed(model, FeedId::Seal, None, now).why);
        return vec![(model.vault_ref(), Finding::Unknown(why))];
    }
    let versions = versions.into_iter().collect::<Vec<_>>().join(", ");
    let found = concerning(model, kind, now).into_iter().map(|(entry, concern, who)| {
        let finding = match concern {
            Concern::No => Finding::Clear,
            Concern::Untold(why) => Finding::Unknown(format!("whether {} concerns this vault: {why}", entry.id)),
            Concern::Yes => Finding::Firing(Firing {
                severity: entry.severity,
                sentence: format!("{versions}: {}", entry.sentence),
                why: format!("{}; {}", who.join(", "), entry.source),
                next: entry.next.clone(),
                action: None,
                evidence_since: None,
            }),
        };
        (ObjectRef::new("Advisory", "", &entry.id), finding)
    });
    found.collect()
}
