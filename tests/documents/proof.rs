//! For each rule, what fires it and what clears it: a scenario by its expectations, or a test by its name.

/// Where it can be seen.
pub enum Proof {
    /// A scenario whose file expects it: `alerts` names what fires, a later `quiet` what is over.
    Scenario(&'static str),
    /// A test: its file and its function, which names the rule.
    Test(&'static str, &'static str),
}

use Proof::{Scenario, Test};

/// Rule, what fires it, what clears it.
pub const PROOFS: &[(&str, Proof, Proof)] = &[
    ("vault-sealed", Scenario("sealed-after-restart"), Scenario("sealed-after-restart")),
    ("vault-uninitialized", Scenario("fresh-install"), Test("tests/rules.rs", "vault_uninitialized")),
    ("vault-no-active", Scenario("quorum-lost"), Test("tests/rules.rs", "vault_no_active")),
    ("vault-unreachable", Scenario("quorum-lost"), Scenario("api-server-gone")),
    ("namespace-sealed", Scenario("namespace-sealed"), Scenario("namespace-sealed")),
    ("raft-tolerance", Scenario("leader-killed"), Scenario("leader-killed")),
    ("raft-lag", Scenario("leader-killed"), Scenario("leader-killed")),
    ("keys-secret-missing", Scenario("applied-by-hand"), Scenario("applied-by-hand")),
    ("keys-secret-empty", Scenario("keys-wiped"), Scenario("applied-by-hand")),
    (
        "keys-secret-field-missing",
        Test("tests/rules.rs", "each_fault_of_the_keys_has_its_rule"),
        Test("tests/rules.rs", "each_fault_of_the_keys_has_its_rule"),
    ),
    (
        "keys-secret-implausible",
        Test("tests/real/target.rs", "a_secret_with_rubbish_and_a_vault_with_tls"),
        Test("tests/rules.rs", "each_fault_of_the_keys_has_its_rule"),
    ),
    ("unsealer-dead", Scenario("sealed-after-restart"), Scenario("sealed-after-restart")),
    ("keys-mismatch", Scenario("keys-swapped"), Scenario("keys-swapped")),
    ("keys-single-copy", Scenario("one-place"), Test("tests/rules_held.rs", "keys_single_copy")),
    ("keys-unproven", Scenario("healthy"), Scenario("healthy")),
    ("keys-overwritable", Scenario("applied-by-hand"), Test("tests/rules.rs", "keys_overwritable")),
    (
        "keys-mount-optional",
        Scenario("applied-by-hand"),
        Test("tests/rules.rs", "keys_mount_optional_and_in_last_applied"),
    ),
    (
        "keys-in-last-applied",
        Scenario("applied-by-hand"),
        Test("tests/rules.rs", "keys_mount_optional_and_in_last_applied"),
    ),
    ("keystore-missing", Scenario("keystore-lost"), Test("tests/rules_held.rs", "keystore_missing")),
    ("keystore-unreadable", Scenario("keystore-damaged"), Test("tests/rules_held.rs", "keystore_unreadable")),
    ("custody-missing", Scenario("key-files"), Test("tests/rules_held.rs", "custody_missing")),
    ("custody-mismatch", Scenario("key-files"), Test("tests/rules_held.rs", "custody_mismatch")),
    ("custody-permissions", Scenario("key-files"), Test("tests/rules_held.rs", "custody_permissions")),
    (
        "sync-stale",
        Test("tests/real/sync.rs", "what_the_operators_wrote_is_held_against_what_the_vault_holds"),
        Test("tests/real/sync.rs", "what_the_operators_wrote_is_held_against_what_the_vault_holds"),
    ),
    (
        "sync-failed",
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "sync-dropped",
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "sync-behind",
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "store-not-ready",
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "vaultauth-invalid",
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "generator-never-rotates",
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "pushsecret-rotates-on-edit",
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
        Test("tests/real/moments.rs", "every_captured_object_is_shown_as_it_is"),
    ),
    ("workload-stale", Scenario("workload-stale"), Scenario("workload-stale")),
    ("rollout-stuck", Scenario("workload-rollouts"), Scenario("workload-rollouts")),
    ("rollout-ondelete-pending", Scenario("workload-rollouts"), Scenario("workload-rollouts")),
    ("node-memory", Scenario("node-fills-up"), Scenario("node-fills-up")),
    ("memory-forecast", Scenario("node-fills-up"), Scenario("node-fills-up")),
    ("node-pressure", Scenario("node-fills-up"), Scenario("node-fills-up")),
    ("node-not-ready", Scenario("node-fills-up"), Scenario("node-fills-up")),
    ("vault-on-pressured-node", Scenario("node-fills-up"), Scenario("node-fills-up")),
    ("longhorn-memory", Scenario("node-fills-up"), Scenario("node-fills-up")),
    ("token-expiring", Scenario("token-runs-out"), Scenario("token-runs-out")),
    ("token-drift", Scenario("token-clobbered"), Scenario("token-clobbered")),
    ("token-weak", Scenario("token-runs-out"), Test("tests/tokens.rs", "each_rule_has_its_token")),
    ("token-capped", Scenario("token-runs-out"), Scenario("token-runs-out")),
    ("root-in-use", Scenario("token-runs-out"), Scenario("token-runs-out")),
    ("rotation-overdue", Scenario("rotation-stopped"), Scenario("rotation-stopped")),
    ("lease-irrevocable", Scenario("rotation-left-behind"), Scenario("rotation-left-behind")),
    ("lease-expiring", Test("tests/rotation.rs", "lease_expiring"), Test("tests/rotation.rs", "lease_expiring")),
    ("cert-expiring", Scenario("rotation-left-behind"), Scenario("rotation-left-behind")),
    ("audit-silent", Scenario("namespace-sealed"), Scenario("namespace-sealed")),
    ("version-advisory", Scenario("namespace-sealed"), Test("tests/estate.rs", "version_advisory")),
    ("upgrade-trap", Scenario("namespace-sealed"), Test("tests/estate.rs", "upgrade_trap")),
    ("clock-skew", Scenario("quorum-lost"), Scenario("quorum-lost")),
    ("feed-stale", Scenario("api-server-gone"), Scenario("api-server-gone")),
];
