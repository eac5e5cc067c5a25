//! The contract: one body a claim, run against the sandbox **and** against a real OpenBao or a real API server, so that
//! the sandbox cannot lie.

mod lab;

mod contract {
    pub mod bench;
    pub mod claims;
    pub mod real;
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
    a_dead_leader_is_named_until_another_is_elected_and_nobody_is_without_quorum,
    followers_join_after_the_leader_and_open_seconds_after_their_share,
];
