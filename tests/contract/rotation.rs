//! What Baowatch believes of a rotation with verification, asked of the sandbox and of a real OpenBao alike.

use baowatch::backends::bao::transport::{Access, Method, Request};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::bench::{Answer, Bench, FIRST, fields, get, put, refusal, strings, unseal, until};

const NOT_A_KEY: &str = "'key' must be a valid hex or base64 string";
const WRONG: &str = "failed to read root key: %!w(*vault.ErrInvalidKey=&{failed to decrypt keys from storage: cipher: message authentication failed})";
const LENGTHS: &str = "failed to compute key: %!w(*errors.errorString=&{all parts must be the same length})";
const ENVELOPE: [&str; 8] =
    ["auth", "data", "lease_duration", "lease_id", "renewable", "request_id", "warnings", "wrap_info"];
const OPEN: [&str; 8] =
    ["n", "nonce", "progress", "required", "started", "t", "verification_nonce", "verification_required"];
const DONE: [&str; 8] = [
    "backup",
    "complete",
    "keys",
    "keys_base64",
    "nonce",
    "pgp_fingerprints",
    "verification_nonce",
    "verification_required",
];

/// One request with a token.
async fn ask(bench: &dyn Bench, replica: &str, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = Request {
        method,
        path: format!("/v1/sys/{path}"),
        body: body.map(|body| body.to_string().into_bytes().into()),
        access: Access::with(SecretString::from(token.to_owned())),
    };
    let response = bench.transport().send(replica, request).await.unwrap_or_else(|trouble| panic!("{path}: {trouble}"));
    let body = if response.body.is_empty() { Value::Null } else { serde_json::from_slice(&response.body).unwrap() };
    (response.status, body)
}

/// Keys and root token of a vault that was opened with the first of them and serves.
async fn opened(bench: &mut dyn Bench, shares: u32, threshold: u32) -> (Vec<String>, String) {
    bench.fresh(1).await;
    let (status, made) = put(bench, "init", json!({"secret_shares": shares, "secret_threshold": threshold})).await;
    assert_eq!(status, 200, "{made}");
    let keys = strings(&made["keys"]);
    for key in keys.iter().take(threshold as usize) {
        unseal(bench, key).await;
    }
    until(bench, FIRST, "health", "active", |answer| answer.0 == 200).await;
    (keys, made["root_token"].as_str().unwrap().to_owned())
}

async fn begin(bench: &dyn Bench, token: &str, of: &str) -> Answer {
    let body = json!({"secret_shares": 3, "secret_threshold": 2, "require_verification": true});
    ask(bench, FIRST, token, Method::Put, &format!("rotate/{of}/init"), Some(body)).await
}

async fn state(bench: &dyn Bench, token: &str, of: &str) -> Value {
    let answer = ask(bench, FIRST, token, Method::Get, &format!("rotate/{of}/init"), None).await;
    assert_eq!((answer.0, fields(&answer)), (200, ENVELOPE.to_vec()));
    answer.1["data"].clone()
}

async fn give(bench: &dyn Bench, token: &str, of: &str, key: &str, nonce: &str) -> Answer {
    let body = json!({"key": key, "nonce": nonce});
    ask(bench, FIRST, token, Method::Put, &format!("rotate/{of}/update"), Some(body)).await
}

async fn cancel(bench: &dyn Bench, token: &str, of: &str) -> Answer {
    ask(bench, FIRST, token, Method::Delete, &format!("rotate/{of}/init"), None).await
}

fn names(data: &Value) -> Vec<&str> {
    data.as_object().unwrap().keys().map(String::as_str).collect()
}

fn nonce(answer: &Answer) -> String {
    assert_eq!(answer.0, 200, "{answer:?}");
    answer.1["data"]["nonce"].as_str().unwrap().to_owned()
}

fn progress(answer: &Answer) -> &Value {
    assert_eq!(answer.0, 200, "{answer:?}");
    &answer.1["data"]["progress"]
}

pub async fn a_rotation_needs_a_token_and_an_open_server(bench: &mut dyn Bench) {
    bench.fresh(1).await;
    assert_eq!(get(bench, "rotate/root/init").await, refusal(503, "Vault is sealed"));
    let (_, token) = opened(bench, 3, 2).await;
    assert_eq!(get(bench, "rotate/root/init").await, refusal(403, "permission denied"));
    assert_eq!(begin(bench, "s.nobodysnobodysnobodysnobo", "root").await, refusal(403, "permission denied"));
    assert_eq!(cancel(bench, "nobody", "root").await, refusal(403, "permission denied"));
    let data = state(bench, &token, "root").await;
    assert_eq!(data, json!({"n": 0, "required": 2, "started": false, "t": 0}));
    assert_eq!(get(bench, "rekey/init").await, refusal(405, "unsupported operation"), "the older API is off");
    let words = "unable to look up config: %!w(*errors.errorString=&{recovery not supported})";
    let recovery = ask(bench, FIRST, &token, Method::Get, "rotate/recovery/init", None).await;
    assert_eq!(recovery, refusal(400, words));
}

pub async fn a_rotation_judges_shares_at_the_threshold_and_stays_open_when_they_are_wrong(bench: &mut dyn Bench) {
    let (keys, token) = opened(bench, 3, 2).await;
    let begun = begin(bench, &token, "root").await;
    assert_eq!(names(&begun.1["data"]), OPEN);
    assert_eq!((&begun.1["data"]["verification_required"], &begun.1["data"]["required"]), (&json!(true), &json!(2)));
    let nonce = nonce(&begun);
    assert_eq!(give(bench, &token, "root", "zz", &nonce).await, refusal(400, NOT_A_KEY));
    assert_eq!(give(bench, &token, "root", "", &nonce).await, refusal(400, "missing required field 'key'"));
    assert_eq!(progress(&give(bench, &token, "root", &keys[0], &nonce).await), 1);
    let words = "given key has already been provided during this rotation";
    assert_eq!(give(bench, &token, "root", &keys[0], &nonce).await, refusal(400, words));
    assert_eq!(give(bench, &token, "root", &"ab".repeat(33), &nonce).await, refusal(400, WRONG));
    let open = state(bench, &token, "root").await;
    assert_eq!((&open["started"], &open["progress"], &open["nonce"]), (&json!(true), &json!(0), &json!(nonce)));
    assert_eq!(progress(&give(bench, &token, "root", &"ab".repeat(16), &nonce).await), 1, "garbage counts too");
    assert_eq!(give(bench, &token, "root", &keys[1], &nonce).await, refusal(400, LENGTHS));
    assert_eq!(progress(&give(bench, &token, "root", &keys[2], &nonce).await), 1);
    let done = give(bench, &token, "root", &keys[1], &nonce).await;
    assert_eq!((done.0, &done.1["data"]["complete"]), (200, &json!(true)));
    assert_eq!(names(&done.1["data"]), DONE);
    assert_eq!(strings(&done.1["data"]["keys"]).len(), 3);
    let open = state(bench, &token, "root").await;
    assert_eq!((&open["started"], &open["progress"]), (&json!(true), &json!(0)), "it waits to be verified");
    let again = give(bench, &token, "root", &keys[0], &nonce).await;
    assert!(again.0 == 400 && again.1.to_string().contains("rotation already finished"), "{again:?}");
}

pub async fn a_cancelled_rotation_leaves_the_old_keys_in_force(bench: &mut dyn Bench) {
    let (keys, token) = opened(bench, 3, 2).await;
    let nonce = nonce(&begin(bench, &token, "root").await);
    give(bench, &token, "root", &keys[0], &nonce).await;
    let done = give(bench, &token, "root", &keys[1], &nonce).await;
    let new = strings(&done.1["data"]["keys"]);
    assert_eq!(cancel(bench, &token, "root").await, (204, Value::Null));
    assert_eq!(cancel(bench, &token, "root").await, (204, Value::Null), "cancelling nothing is no error");
    assert_eq!(state(bench, &token, "root").await, json!({"n": 0, "required": 2, "started": false, "t": 0}));
    assert_eq!(give(bench, &token, "root", &keys[0], &nonce).await, refusal(400, "no rotation in progress"));
    bench.restart(FIRST).await;
    unseal(bench, &new[0]).await;
    assert_eq!(unseal(bench, &new[1]).await.0, 400, "the new keys were never keys");
    unseal(bench, &keys[1]).await;
    assert_eq!(unseal(bench, &keys[2]).await.1["sealed"], false);
}

pub async fn a_rotation_is_begun_once_and_a_share_goes_only_to_its_own_nonce(bench: &mut dyn Bench) {
    let (keys, token) = opened(bench, 3, 2).await;
    let first = nonce(&begin(bench, &token, "root").await);
    assert_eq!(begin(bench, &token, "root").await, refusal(400, "rotation already in progress"));
    let words = format!("incorrect nonce supplied; nonce for rotation is \"{first}\"");
    assert_eq!(give(bench, &token, "root", &keys[0], "another").await, refusal(400, &words));
    assert_eq!(state(bench, &token, "root").await["progress"], 0);
    cancel(bench, &token, "root").await;
    let none = json!({"secret_shares": 0, "secret_threshold": 1, "require_verification": true});
    let words = "invalid rotate seal configuration: %!w(*errors.errorString=&{shares must be at least one})";
    let refused = ask(bench, FIRST, &token, Method::Put, "rotate/root/init", Some(none)).await;
    assert_eq!(refused, refusal(400, words));
    assert_ne!(nonce(&begin(bench, &token, "root").await), first, "another rotation, another nonce");
    bench.restart(FIRST).await;
    unseal(bench, &keys[0]).await;
    unseal(bench, &keys[1]).await;
    until(bench, FIRST, "health", "active again", |answer| answer.0 == 200).await;
    assert_eq!(state(bench, &token, "root").await["started"], false, "a rotation lives in memory");
}

pub async fn a_single_key_is_judged_by_a_rotation_at_once(bench: &mut dyn Bench) {
    let (keys, token) = opened(bench, 1, 1).await;
    let nonce = nonce(&begin(bench, &token, "root").await);
    let size = |size: usize| format!("failed to setup unseal key: %!w(aes.KeySizeError={size})");
    for (bytes, why) in [
        (15, NOT_A_KEY.to_owned()),
        (16, WRONG.to_owned()),
        (17, size(17)),
        (24, WRONG.to_owned()),
        (32, WRONG.to_owned()),
        (33, size(33)),
    ] {
        let answer = give(bench, &token, "root", &"ab".repeat(bytes), &nonce).await;
        assert_eq!(answer, refusal(400, &why), "{bytes} bytes");
    }
    let done = give(bench, &token, "root", &keys[0], &nonce).await;
    assert_eq!(done.1["data"]["complete"], true, "{done:?}");
    cancel(bench, &token, "root").await;
}

pub async fn an_auto_unseal_vault_proves_recovery_keys_only(bench: &mut dyn Bench) {
    bench.fresh_static().await;
    let (_, made) = put(bench, "init", json!({"recovery_shares": 3, "recovery_threshold": 2})).await;
    let (keys, token) = (strings(&made["recovery_keys"]), made["root_token"].as_str().unwrap().to_owned());
    until(bench, FIRST, "health", "active", |answer| answer.0 == 200).await;
    let words = "requiring verification not supported when rotating the barrier key with recovery keys";
    assert_eq!(begin(bench, &token, "root").await, refusal(400, words));
    assert_eq!(state(bench, &token, "root").await["started"], false);
    let nonce = nonce(&begin(bench, &token, "recovery").await);
    assert_eq!(state(bench, &token, "root").await["started"], false, "they are two things");
    give(bench, &token, "recovery", &keys[0], &nonce).await;
    let words = "recovery key verification failed: recovery key does not match submitted values";
    assert_eq!(give(bench, &token, "recovery", &"ab".repeat(33), &nonce).await, refusal(400, words));
    give(bench, &token, "recovery", &keys[0], &nonce).await;
    let done = give(bench, &token, "recovery", &keys[2], &nonce).await;
    assert_eq!((&done.1["data"]["complete"], names(&done.1["data"])), (&json!(true), DONE.to_vec()));
    assert_eq!(cancel(bench, &token, "recovery").await.0, 204);
    assert_eq!(state(bench, &token, "recovery").await["started"], false);
}

pub async fn a_rotation_lives_in_the_memory_of_the_one_server_it_was_begun_at(bench: &mut dyn Bench) {
    bench.fresh(3).await;
    let (_, made) = put(bench, "init", json!({"secret_shares": 1, "secret_threshold": 1})).await;
    let (key, token) = (strings(&made["keys"])[0].clone(), made["root_token"].as_str().unwrap().to_owned());
    unseal(bench, &key).await;
    until(bench, "openbao-1", "health", "invited", |answer| answer.0 == 503).await;
    super::bench::send(bench, "openbao-1", Method::Put, "unseal", Some(json!({"key": key}))).await;
    until(bench, "openbao-1", "health", "a standby", |answer| answer.0 == 429).await;
    let nonce = nonce(&begin(bench, &token, "root").await);
    // Each server has a memory of its own: what is begun at one is unknown to the others, and nothing is handed on.
    let standby = "openbao-1";
    let seen = ask(bench, standby, &token, Method::Get, "rotate/root/init", None).await;
    assert_eq!(seen.1["data"], json!({"n": 0, "required": 1, "started": false, "t": 0}), "{seen:?}");
    let body = json!({"secret_shares": 1, "secret_threshold": 1, "require_verification": true});
    let other = ask(bench, standby, &token, Method::Put, "rotate/root/init", Some(body)).await;
    assert_eq!((other.0, &other.1["data"]["started"]), (200, &json!(true)));
    assert_ne!(other.1["data"]["nonce"], nonce);
    assert_eq!(ask(bench, standby, &token, Method::Delete, "rotate/root/init", None).await.0, 204);
    assert_eq!(state(bench, &token, "root").await["nonce"], nonce, "the leader's is still open");
    assert_eq!(cancel(bench, &token, "root").await.0, 204);
}
