//! The contract: one body a claim, run against the sandbox **and** against a real OpenBao or a real API server, so that
//! the sandbox cannot lie.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the bodies of claims are test code too, outside of test functions"
)]

mod lab;

mod contract {
    pub mod bench;
    pub mod claims;
    pub mod real;
    pub mod rotation;
    pub mod secrets;
    pub mod simulated;
}

/// One test a claim and a side.
macro_rules! on_both {
    ($($claim:ident),* $(,)?) => {
        mod sandbox {
            $(#[tokio::test]
            async fn $claim() {
                super::contract::claims::$claim(&mut super::contract::simulated::Simulated::new()).await;
            })*
        }
        mod real {
            $(#[tokio::test]
            async fn $claim() {
                if super::lab::left_out() {
                    return;
                }
                let _turn = super::contract::real::turn().await;
                super::contract::claims::$claim(&mut super::contract::real::Real::new()).await;
            })*
        }
    };
}

on_both![
    uninitialised_server_says_so_everywhere,
    impossible_seals_are_refused,
    init_prints_keys_of_known_length_and_only_once,
    progress_and_nonce_appear_and_vanish,
    garbage_counts_until_the_threshold_and_then_everything_is_lost,
    shares_of_different_length_lose_everything,
    a_single_key_is_judged_by_its_size,
    an_open_server_takes_anything_and_proves_nothing,
    a_restart_seals_and_loses_progress,
    a_static_seal_opens_by_itself_and_only_with_its_key,
    a_dead_leader_is_named_until_another_is_elected_and_one_alone_steps_down,
    followers_join_after_the_leader_and_open_seconds_after_their_share,
    a_rotation_needs_a_token_and_an_open_server,
    a_rotation_judges_shares_at_the_threshold_and_stays_open_when_they_are_wrong,
    a_cancelled_rotation_leaves_the_old_keys_in_force,
    a_rotation_is_begun_once_and_a_share_goes_only_to_its_own_nonce,
    a_single_key_is_judged_by_a_rotation_at_once,
    an_auto_unseal_vault_proves_recovery_keys_only,
    a_rotation_lives_in_the_memory_of_the_one_server_it_was_begun_at,
];
