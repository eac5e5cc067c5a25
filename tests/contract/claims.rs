//! What Baowatch believes of a server, said once and asked of the sandbox and of a real OpenBao alike.

use base64::Engine as _;
use serde_json::{Value, json};

pub use super::rotation::{
    a_cancelled_rotation_leaves_the_old_keys_in_force, a_rotation_is_begun_once_and_a_share_goes_only_to_its_own_nonce,
    a_rotation_judges_shares_at_the_threshold_and_stays_open_when_they_are_wrong,
    a_rotation_lives_in_the_memory_of_the_one_server_it_was_begun_at, a_rotation_needs_a_token_and_an_open_server,
    a_single_key_is_judged_by_a_rotation_at_once, an_auto_unseal_vault_proves_recovery_keys_only,
};

use super::bench::{Answer, Bench, FIRST, attempt, fields, get, init, put, refusal, send, strings, unseal, until};
use baowatch::backends::bao::transport::Method;

const NOT_A_KEY: &str = "'key' must be a valid hex or base64 string";
const NO_KEY: &str = "'key' must be specified in request body as JSON, or 'reset' set to true";
const TOO_SHORT: &str = "invalid key: key is shorter than minimum 16 bytes";
const TOO_LONG: &str = "invalid key: key is longer than maximum 33 bytes";
const WRONG: &str = "unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: cipher: message authentication failed";

const SEAL_STATUS: [&str; 12] = [
    "commit_date",
    "initialized",
    "migration",
    "n",
    "nonce",
    "progress",
    "recovery_seal",
    "sealed",
    "storage_type",
    "t",
    "type",
    "version",
];
const HEALTH: [&str; 7] = [
    "initialized",
    "replication_dr_mode",
    "replication_performance_mode",
    "sealed",
    "server_time_utc",
    "standby",
    "version",
];

fn garbage(bytes: usize) -> String {
    "ab".repeat(bytes)
}

fn with<'a>(names: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let mut all = [names, more].concat();
    all.sort_unstable();
    all
}

pub async fn uninitialised_server_says_so_everywhere(bench: &mut dyn Bench) {
    bench.fresh(1).await;
    assert_eq!(get(bench, "init").await, (200, json!({"initialized": false})));
    let status = get(bench, "seal-status").await;
    assert_eq!(fields(&status), SEAL_STATUS);
    assert_eq!(status.0, 200);
    for (field, value) in [
        ("t", json!(0)),
        ("n", json!(0)),
        ("sealed", json!(true)),
        ("initialized", json!(false)),
        ("type", json!("shamir")),
        ("storage_type", json!("raft")),
        ("nonce", json!("")),
        ("recovery_seal", json!(false)),
    ] {
        assert_eq!(status.1[field], value, "{field}");
    }
    let health = get(bench, "health").await;
    assert_eq!((health.0, fields(&health)), (501, HEALTH.to_vec()));
    assert_eq!((&health.1["standby"], &health.1["replication_performance_mode"]), (&json!(true), &json!("unknown")));
    assert_eq!(get(bench, "leader").await, refusal(503, "Vault is sealed"));
    assert_eq!(put(bench, "seal", json!({})).await, (204, Value::Null));
    assert_eq!(unseal(bench, &garbage(32)).await, refusal(400, "Vault is not initialized"));
    assert_eq!(unseal(bench, "").await, refusal(400, NO_KEY));
    assert_eq!(attempt(&put(bench, "unseal", json!({"reset": true})).await), (0, false));
    assert_eq!(get(bench, "no-such-thing").await, refusal(503, "Vault is sealed"));
    assert_eq!(get(bench, "unseal").await, (405, json!({"errors": []})));
    assert_eq!(send(bench, FIRST, Method::Delete, "seal-status", None).await, (405, json!({"errors": []})));
}

pub async fn impossible_seals_are_refused(bench: &mut dyn Bench) {
    bench.fresh(1).await;
    for (shares, threshold, why) in [
        (0, 0, "shares must be at least one"),
        (0, 1, "shares must be at least one"),
        (1, 0, "threshold must be at least one"),
        (3, 4, "threshold cannot be larger than shares"),
        (2, 1, "threshold must be greater than one for multiple shares"),
    ] {
        let answer = put(bench, "init", json!({"secret_shares": shares, "secret_threshold": threshold})).await;
        assert_eq!(answer, refusal(400, &format!("invalid seal configuration: {why}")), "{threshold} of {shares}");
    }
    let answer = put(bench, "init", json!({"recovery_shares": 1, "recovery_threshold": 1})).await;
    let words = "parameters recovery_shares,recovery_threshold not applicable to seal type shamir";
    assert_eq!(answer, refusal(400, words));
    assert_eq!(get(bench, "init").await.1["initialized"], false, "nothing of it did anything");
}

pub async fn init_prints_keys_of_known_length_and_only_once(bench: &mut dyn Bench) {
    for (shares, threshold, digits) in [(1, 1, 64), (3, 2, 66)] {
        bench.fresh(1).await;
        let body = json!({"secret_shares": shares, "secret_threshold": threshold});
        let (status, made) = put(bench, "init", body.clone()).await;
        assert_eq!(status, 200);
        assert_eq!(fields(&(status, made.clone())), ["keys", "keys_base64", "root_token"]);
        let (hex, base64) = (strings(&made["keys"]), strings(&made["keys_base64"]));
        assert_eq!((hex.len(), base64.len()), (shares, shares));
        assert!(hex.iter().all(|key| key.len() == digits) && base64.iter().all(|key| key.len() == 44));
        let token = made["root_token"].as_str().unwrap();
        assert!(token.starts_with("s.") && token.len() == 26, "a token of {} characters", token.len());
        assert_eq!(put(bench, "init", body).await, refusal(400, "Vault is already initialized"));
        assert_eq!(get(bench, "init").await.1["initialized"], true);
        let status = get(bench, "seal-status").await;
        assert_eq!(
            (&status.1["t"], &status.1["n"], &status.1["sealed"]),
            (&json!(threshold), &json!(shares), &json!(true))
        );
        let health = get(bench, "health").await;
        assert_eq!((health.0, fields(&health)), (503, HEALTH.to_vec()));
        assert_eq!(get(bench, "leader").await, refusal(503, "Vault is sealed"));
        assert_eq!(put(bench, "seal", json!({})).await, (204, Value::Null));
    }
}

pub async fn progress_and_nonce_appear_and_vanish(bench: &mut dyn Bench) {
    bench.fresh(1).await;
    let keys = init(bench, 3, 2).await;
    let first = unseal(bench, &keys[0]).await;
    assert_eq!(attempt(&first), (1, true));
    let base64 = base64::engine::general_purpose::STANDARD.encode(unhex(&keys[0]));
    for again in [keys[0].clone(), keys[0].to_uppercase(), base64] {
        assert_eq!(unseal(bench, &again).await, first, "the same share again changes nothing");
    }
    for (key, why) in
        [("", NO_KEY), ("zz", NOT_A_KEY), ("abcd", TOO_SHORT), (&garbage(15), NOT_A_KEY), (&garbage(34), TOO_LONG)]
    {
        assert_eq!(unseal(bench, key).await, refusal(400, why), "{} characters", key.len());
    }
    assert_eq!(get(bench, "seal-status").await, first, "what is refused at the door does not disturb the attempt");
    let reset = put(bench, "unseal", json!({"reset": true, "key": keys[1]})).await;
    assert_eq!(attempt(&reset), (0, false), "reset wins over a key");
    assert_ne!(unseal(bench, &keys[0]).await.1["nonce"], first.1["nonce"], "another attempt, another nonce");
}

pub async fn garbage_counts_until_the_threshold_and_then_everything_is_lost(bench: &mut dyn Bench) {
    bench.fresh(1).await;
    let keys = init(bench, 3, 2).await;
    assert_eq!(attempt(&unseal(bench, &garbage(16)).await), (1, true), "not detected");
    put(bench, "unseal", json!({"reset": true})).await;
    assert_eq!(attempt(&unseal(bench, &garbage(33)).await), (1, true));
    assert_eq!(unseal(bench, &keys[0]).await, refusal(400, WRONG));
    assert_eq!(attempt(&get(bench, "seal-status").await), (0, false), "all progress lost, the right share's too");
    assert_eq!(attempt(&unseal(bench, &keys[2]).await), (1, true));
    assert_eq!(unseal(bench, &keys[1]).await.1["sealed"], false, "any two of the three open it");
}

pub async fn shares_of_different_length_lose_everything(bench: &mut dyn Bench) {
    bench.fresh(1).await;
    let keys = init(bench, 3, 2).await;
    unseal(bench, &keys[0]).await;
    let words = "invalid key: failed to compute combined key: all parts must be the same length";
    assert_eq!(unseal(bench, &garbage(16)).await, refusal(400, words));
    assert_eq!(attempt(&get(bench, "seal-status").await), (0, false));
    unseal(bench, &garbage(16)).await;
    let words = "invalid key: failed to setup unseal key: crypto/aes: invalid key size 15";
    assert_eq!(unseal(bench, &"cd".repeat(16)).await, refusal(400, words));
}

pub async fn a_single_key_is_judged_by_its_size(bench: &mut dyn Bench) {
    bench.fresh(1).await;
    let keys = init(bench, 1, 1).await;
    let size = |size: usize| format!("invalid key: failed to setup unseal key: crypto/aes: invalid key size {size}");
    for (bytes, why) in [
        (16, WRONG.into()),
        (17, size(17)),
        (24, WRONG.into()),
        (32, WRONG.into()),
        (33, size(33)),
        (34, TOO_LONG.to_owned()),
    ] {
        assert_eq!(unseal(bench, &garbage(bytes)).await, refusal(400, &why), "{bytes} bytes");
    }
    assert_eq!(attempt(&get(bench, "seal-status").await), (0, false));
    assert_eq!(unseal(bench, &keys[0]).await.1["sealed"], false);
}

pub async fn an_open_server_takes_anything_and_proves_nothing(bench: &mut dyn Bench) {
    bench.fresh(1).await;
    let keys = init(bench, 1, 1).await;
    let opened = unseal(bench, &keys[0]).await;
    assert_eq!(fields(&opened), with(&SEAL_STATUS, &["cluster_id", "cluster_name"]));
    assert_eq!(
        (&opened.1["sealed"], &opened.1["progress"], &opened.1["nonce"]),
        (&json!(false), &json!(0), &json!(""))
    );
    for key in ["abcd", &garbage(16), &garbage(33), &keys[0]] {
        let answer = unseal(bench, key).await;
        assert_eq!((answer.0, &answer.1["sealed"]), (200, &json!(false)), "{} characters", key.len());
    }
    assert_eq!(unseal(bench, "").await, refusal(400, NO_KEY));
    assert_eq!(unseal(bench, "zz").await, refusal(400, NOT_A_KEY));
    assert_eq!(put(bench, "unseal", json!({"reset": true})).await, refusal(400, "vault is unsealed"));
    assert_eq!(
        put(bench, "init", json!({"secret_shares": 1, "secret_threshold": 1})).await,
        refusal(400, "Vault is already initialized")
    );
    let health = until(bench, FIRST, "health", "active", |answer| answer.0 == 200).await;
    assert_eq!(fields(&health), with(&HEALTH, &["cluster_id", "cluster_name"]));
    assert_eq!((&health.1["standby"], &health.1["replication_performance_mode"]), (&json!(false), &json!("primary")));
    let leader = get(bench, "leader").await;
    assert_eq!((leader.0, &leader.1["is_self"]), (200, &json!(true)));
    let all = [
        "active_time",
        "ha_enabled",
        "is_self",
        "leader_address",
        "leader_cluster_address",
        "raft_applied_index",
        "raft_committed_index",
    ];
    assert_eq!(fields(&leader), all);
    assert_eq!(put(bench, "seal", json!({})).await, refusal(403, "permission denied"), "no token, no sealing");
    assert_eq!(get(bench, "health").await.0, 200);
}

pub async fn a_restart_seals_and_loses_progress(bench: &mut dyn Bench) {
    bench.fresh(1).await;
    let keys = init(bench, 3, 2).await;
    assert_eq!(attempt(&unseal(bench, &keys[0]).await), (1, true));
    bench.restart(FIRST).await;
    assert_eq!(attempt(&get(bench, "seal-status").await), (0, false), "progress lives in memory");
    unseal(bench, &keys[0]).await;
    assert_eq!(unseal(bench, &keys[1]).await.1["sealed"], false);
    bench.restart(FIRST).await;
    let status = get(bench, "seal-status").await;
    assert_eq!(attempt(&status), (0, false));
    assert_eq!((fields(&status), &status.1["initialized"]), (SEAL_STATUS.to_vec(), &json!(true)));
    assert_eq!(get(bench, "health").await.0, 503);
}

pub async fn a_static_seal_opens_by_itself_and_only_with_its_key(bench: &mut dyn Bench) {
    bench.fresh_static().await;
    let sort =
        |answer: &Answer| (answer.1["type"].clone(), answer.1["recovery_seal"].clone(), answer.1["sealed"].clone());
    let status = get(bench, "seal-status").await;
    assert_eq!(sort(&status), (json!("static"), json!(true), json!(true)));
    assert_eq!(fields(&status), with(&SEAL_STATUS, &["recovery_seal_type"]));
    let words = "parameters secret_shares,secret_threshold not applicable to seal type static";
    assert_eq!(put(bench, "init", json!({"secret_shares": 1, "secret_threshold": 1})).await, refusal(400, words));
    let (code, made) = put(bench, "init", json!({"recovery_shares": 1, "recovery_threshold": 1})).await;
    assert_eq!((code, &made["keys"]), (200, &json!([])));
    assert_eq!(fields(&(code, made)), ["keys", "keys_base64", "recovery_keys", "recovery_keys_base64", "root_token"]);
    let open = |answer: &Answer| answer.1["sealed"] == false;
    until(bench, FIRST, "seal-status", "open after init", open).await;
    bench.restart(FIRST).await;
    until(bench, FIRST, "seal-status", "open after a restart", open).await;
    bench.exchange_key(false).await;
    bench.restart(FIRST).await;
    bench.wait().await;
    let status = get(bench, "seal-status").await;
    assert_eq!(sort(&status), (json!("static"), json!(true), json!(true)));
    assert_eq!(get(bench, "health").await.0, 503, "with a wrong key it runs, and stays sealed");
    bench.exchange_key(true).await;
    bench.restart(FIRST).await;
    until(bench, FIRST, "seal-status", "open with its own key again", open).await;
}

pub async fn followers_join_after_the_leader_and_open_seconds_after_their_share(bench: &mut dyn Bench) {
    bench.fresh(3).await;
    let keys = init(bench, 1, 1).await;
    assert_eq!(
        send(bench, "openbao-1", Method::Get, "health", None).await.0,
        501,
        "the cluster is initialised, it is not"
    );
    unseal(bench, &keys[0]).await;
    for follower in ["openbao-1", "openbao-2"] {
        until(bench, follower, "health", "invited", |answer| answer.0 == 503).await;
        let given = send(bench, follower, Method::Put, "unseal", Some(json!({"key": keys[0]}))).await;
        assert_eq!(attempt(&given).0, 0, "accepted, and still sealed: no failure");
        until(bench, follower, "health", "a standby", |answer| answer.0 == 429).await;
    }
    let named = |answer: &Answer| answer.0 == 200 && answer.1.get("leader_address").is_some();
    let leader = until(bench, "openbao-1", "leader", "led", named).await;
    assert_eq!((&leader.1["is_self"], leader.1.get("active_time")), (&json!(false), None));
    let standby = send(bench, "openbao-2", Method::Get, "health", None).await;
    assert_eq!(fields(&standby), with(&HEALTH, &["cluster_id", "cluster_name"]));
}

pub async fn a_dead_leader_is_named_until_another_is_elected_and_one_alone_steps_down(bench: &mut dyn Bench) {
    bench.fresh(3).await;
    let keys = init(bench, 1, 1).await;
    unseal(bench, &keys[0]).await;
    for follower in ["openbao-1", "openbao-2"] {
        until(bench, follower, "health", "invited", |answer| answer.0 == 503).await;
        send(bench, follower, Method::Put, "unseal", Some(json!({"key": keys[0]}))).await;
        until(bench, follower, "health", "a standby", |answer| answer.0 == 429).await;
    }
    let leader = |answer: &Answer| answer.1.get("leader_address").cloned();
    let dead = leader(&until(bench, "openbao-2", "leader", "led", |answer| leader(answer).is_some()).await);
    // Who has just joined has no vote yet; nothing outside says when it has.
    for _ in 0..25 {
        bench.wait().await;
    }
    bench.stop(FIRST).await;
    assert_eq!(leader(&send(bench, "openbao-2", Method::Get, "leader", None).await), dead, "named although it is dead");
    let other = |answer: &Answer| leader(answer).is_some_and(|named| Some(&named) != dead.as_ref());
    let led = until(bench, "openbao-2", "leader", "led by another", other).await;
    let (last, next) = if led.1["is_self"] == true { ("openbao-2", "openbao-1") } else { ("openbao-1", "openbao-2") };
    until(bench, last, "health", "active", |answer| answer.0 == 200).await;
    bench.stop(next).await;
    let nobody = |answer: &Answer| answer.0 == 200 && leader(answer).is_none();
    assert_eq!(until(bench, last, "leader", "a leader alone that names nobody", nobody).await.1["is_self"], false);
    assert_eq!(send(bench, last, Method::Get, "health", None).await.0, 429, "quorum lost looks like a standby");
}

fn unhex(key: &str) -> Vec<u8> {
    (0..key.len()).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap()).collect()
}
