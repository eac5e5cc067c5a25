//! For each rule, what fires it and what clears it: a test on the real stack, or where the stack cannot, something else and
//! the reason why it cannot.

/// Where it can be seen.
pub enum Proof {
    /// On the real stack: the name of a file in `tests/real`, and its test, which names the rule.
    Stack(&'static str, &'static str),
    /// A scenario whose file expects it (`alerts` names what fires, a later `quiet` what is over), and why the stack cannot.
    Scenario(&'static str, Because),
}

/// Why the stack cannot show it.
pub type Because = &'static str;

/// The stack's servers come from PyPI.
const OLD_VERSIONS: Because = "PyPI has OpenBao from 2.6.1 on, and what is known of a version ends before that one";
const SIX_TRIES: Because = "a server gives a lease up after six tries, which take it several minutes";
const FIVE_MINUTES: Because = "a forecast wants five minutes of figures, and then a minute in which it holds";
const ONE_CLOCK: Because = "all servers of the stack read the clock of this machine, as the program does";

use Proof::{Scenario, Stack};

/// Rule, what fires it, what clears it.
pub const PROOFS: &[(&str, Proof, Proof)] = &[
    (
        "vault-sealed",
        Stack("unseal", "a_sealed_standby_is_degraded_and_act_run_unseal_opens_it"),
        Stack("unseal", "a_sealed_standby_is_degraded_and_act_run_unseal_opens_it"),
    ),
    (
        "vault-uninitialized",
        Stack("keys", "what_a_real_operator_init_prints_is_taken_in_as_json_and_as_text"),
        Stack("keys", "what_a_real_operator_init_prints_is_taken_in_as_json_and_as_text"),
    ),
    (
        "vault-no-active",
        Stack("rules", "a_replica_that_hangs_and_a_vault_without_its_quorum"),
        Stack("rules", "a_replica_that_hangs_and_a_vault_without_its_quorum"),
    ),
    (
        "vault-unreachable",
        Stack("rules", "a_replica_that_hangs_and_a_vault_without_its_quorum"),
        Stack("rules", "a_replica_that_hangs_and_a_vault_without_its_quorum"),
    ),
    (
        "namespace-sealed",
        Stack("estate", "a_sealed_namespace_is_found_behind_a_health_of_200"),
        Stack("estate", "a_sealed_namespace_is_found_behind_a_health_of_200"),
    ),
    (
        "raft-tolerance",
        Stack("raft", "a_killed_leader_takes_the_tolerance_and_its_return_gives_it_back"),
        Stack("raft", "a_killed_leader_takes_the_tolerance_and_its_return_gives_it_back"),
    ),
    (
        "raft-lag",
        Stack("raft", "a_killed_leader_takes_the_tolerance_and_its_return_gives_it_back"),
        Stack("raft", "a_killed_leader_takes_the_tolerance_and_its_return_gives_it_back"),
    ),
    (
        "keys-secret-missing",
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
    ),
    (
        "keys-secret-empty",
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
    ),
    (
        "keys-secret-field-missing",
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
    ),
    (
        "keys-secret-implausible",
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
    ),
    (
        "unsealer-dead",
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
    ),
    (
        "keys-mismatch",
        Stack("incident", "a_wrong_key_that_somebody_restored_is_told_by_the_proof"),
        Stack("incident", "a_wrong_key_that_somebody_restored_is_told_by_the_proof"),
    ),
    (
        "keys-single-copy",
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
    ),
    (
        "keys-unproven",
        Stack("incident", "the_incident_is_found_repaired_and_proven"),
        Stack("incident", "the_incident_is_found_repaired_and_proven"),
    ),
    (
        "keys-overwritable",
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
    ),
    (
        "keys-mount-optional",
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
    ),
    (
        "keys-in-last-applied",
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
        Stack("rules", "the_keys_secret_in_each_state_has_its_rule"),
    ),
    (
        "keystore-missing",
        Stack("incident", "the_incident_is_found_repaired_and_proven"),
        Stack("incident", "the_incident_is_found_repaired_and_proven"),
    ),
    (
        "keystore-unreadable",
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
    ),
    (
        "custody-missing",
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
    ),
    (
        "custody-mismatch",
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
    ),
    (
        "custody-permissions",
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
        Stack("copies", "each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears"),
    ),
    (
        "sync-stale",
        Stack("sync", "what_the_operators_wrote_is_held_against_what_the_vault_holds"),
        Stack("sync", "what_the_operators_wrote_is_held_against_what_the_vault_holds"),
    ),
    (
        "sync-failed",
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "sync-dropped",
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "sync-behind",
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "store-not-ready",
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "vaultauth-invalid",
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "generator-never-rotates",
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "pushsecret-rotates-on-edit",
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
        Stack("moments", "every_captured_object_is_shown_as_it_is"),
    ),
    (
        "workload-stale",
        Stack("workloads", "who_read_the_old_secret_is_named_until_it_restarts"),
        Stack("workloads", "who_read_the_old_secret_is_named_until_it_restarts"),
    ),
    (
        "rollout-stuck",
        Stack("workloads", "who_read_the_old_secret_is_named_until_it_restarts"),
        Stack("workloads", "who_read_the_old_secret_is_named_until_it_restarts"),
    ),
    (
        "rollout-ondelete-pending",
        Stack("workloads", "who_read_the_old_secret_is_named_until_it_restarts"),
        Stack("workloads", "who_read_the_old_secret_is_named_until_it_restarts"),
    ),
    (
        "node-memory",
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
    ),
    ("memory-forecast", Scenario("node-fills-up", FIVE_MINUTES), Scenario("node-fills-up", FIVE_MINUTES)),
    (
        "node-pressure",
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
    ),
    (
        "node-not-ready",
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
    ),
    (
        "vault-on-pressured-node",
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
    ),
    (
        "longhorn-memory",
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
        Stack("nodes", "memory_pressure_and_figures_that_are_gone"),
    ),
    (
        "token-expiring",
        Stack("tokens", "each_sort_of_token_is_seen_for_what_it_is_and_none_is_spent"),
        Stack("tokens", "each_sort_of_token_is_seen_for_what_it_is_and_none_is_spent"),
    ),
    (
        "token-drift",
        Stack("tokens", "a_login_over_the_token_file_is_found_and_so_is_its_repair"),
        Stack("tokens", "a_login_over_the_token_file_is_found_and_so_is_its_repair"),
    ),
    (
        "token-weak",
        Stack("tokens", "each_sort_of_token_is_seen_for_what_it_is_and_none_is_spent"),
        Stack("tokens", "each_sort_of_token_is_seen_for_what_it_is_and_none_is_spent"),
    ),
    (
        "token-capped",
        Stack("tokens", "each_sort_of_token_is_seen_for_what_it_is_and_none_is_spent"),
        Stack("tokens", "each_sort_of_token_is_seen_for_what_it_is_and_none_is_spent"),
    ),
    (
        "root-in-use",
        Stack("tokens", "each_sort_of_token_is_seen_for_what_it_is_and_none_is_spent"),
        Stack("tokens", "each_sort_of_token_is_seen_for_what_it_is_and_none_is_spent"),
    ),
    (
        "rotation-overdue",
        Stack("rotation", "a_database_that_stops_is_found_by_the_rotation_that_stands_still"),
        Stack("rotation", "a_database_that_stops_is_found_by_the_rotation_that_stands_still"),
    ),
    ("lease-irrevocable", Scenario("rotation-left-behind", SIX_TRIES), Scenario("rotation-left-behind", SIX_TRIES)),
    (
        "lease-expiring",
        Stack("rules", "a_lease_that_its_operator_does_not_renew_is_told_until_it_does"),
        Stack("rules", "a_lease_that_its_operator_does_not_renew_is_told_until_it_does"),
    ),
    (
        "cert-expiring",
        Stack("rotation", "a_database_that_stops_is_found_by_the_rotation_that_stands_still"),
        Stack("rotation", "a_database_that_stops_is_found_by_the_rotation_that_stands_still"),
    ),
    (
        "audit-silent",
        Stack("estate", "a_vault_without_audit_devices_is_silent_until_its_configuration_declares_one"),
        Stack("estate", "a_vault_without_audit_devices_is_silent_until_its_configuration_declares_one"),
    ),
    ("version-advisory", Scenario("namespace-sealed", OLD_VERSIONS), Scenario("namespace-sealed", OLD_VERSIONS)),
    (
        "upgrade-trap",
        Stack("estate", "what_the_next_version_refuses_is_told_until_it_runs"),
        Stack("estate", "what_the_next_version_refuses_is_told_until_it_runs"),
    ),
    ("clock-skew", Scenario("quorum-lost", ONE_CLOCK), Scenario("quorum-lost", ONE_CLOCK)),
    (
        "feed-stale",
        Stack("outage", "blind_while_the_api_server_is_away_and_back_by_itself"),
        Stack("outage", "blind_while_the_api_server_is_away_and_back_by_itself"),
    ),
];
