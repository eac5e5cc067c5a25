//! The simulated servers' HTTP answers: `/v1/sys/{init,seal-status,health,leader,unseal,seal}`, with the codes, bodies
//! and refusals of OpenBao 2.7.2 (the contract tests compare them with a real one).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::scenario::SealSort;
use super::vault::Vault;
use crate::backends::bao::transport::{Method, Request, Response};

/// `PUT /sys/unseal`. Without `Debug`, and wiped.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct UnsealBody {
    #[serde(default)]
    key: String,
    #[serde(default)]
    reset: bool,
}

/// `PUT /sys/init`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct InitBody {
    secret_shares: Option<u32>,
    secret_threshold: Option<u32>,
    recovery_shares: Option<u32>,
    recovery_threshold: Option<u32>,
}

/// Answers one request at the server of this position.
pub(super) fn answer(vault: &mut Vault, at: usize, request: &Request, now: Timestamp) -> Response {
    match (request.path.as_str(), request.method) {
        ("/v1/sys/seal-status", Method::Get) => reply(200, &seal_status(vault, at)),
        ("/v1/sys/health", Method::Get) => health(vault, at, now),
        ("/v1/sys/leader", Method::Get) => leader(vault, at),
        ("/v1/sys/init", Method::Get) => {
            reply(200, &json!({"initialized": vault.server(at).is_some_and(super::server::Server::initialized)}))
        }
        ("/v1/sys/init", Method::Put) => init(vault, at, request, now),
        ("/v1/sys/unseal", Method::Put) => unseal(vault, at, request, now),
        ("/v1/sys/seal", Method::Put) => {
            // Without a token: nothing to do on a sealed server, and not allowed on an open one.
            if open(vault, at) { refuse(403, "permission denied") } else { empty(204) }
        }
        (
            "/v1/sys/seal-status"
            | "/v1/sys/health"
            | "/v1/sys/leader"
            | "/v1/sys/init"
            | "/v1/sys/unseal"
            | "/v1/sys/seal",
            Method::Get | Method::Put | Method::Delete | Method::List,
        ) => reply(405, &json!({"errors": []})),
        (
            "/v1/auth/token/lookup-self"
            | "/v1/auth/token/lookup"
            | "/v1/sys/capabilities-self"
            | "/v1/sys/auth/token/tune",
            _,
        ) if open(vault, at) => super::token::answer(vault, request, now),
        (path, _) if path.starts_with("/v1/sys/rotate/") => super::rotation::answer(vault, at, request),
        (path, _) if path.starts_with("/v1/sys/rekey") && open(vault, at) => refuse(405, "unsupported operation"),
        (_, Method::Get | Method::Put | Method::Delete | Method::List) => {
            if open(vault, at) && super::is_own(request.access.token.as_ref()) {
                refuse(403, "1 error occurred:\n\t* permission denied\n\n")
            } else if open(vault, at) {
                refuse(403, "permission denied")
            } else {
                refuse(503, "Vault is sealed")
            }
        }
    }
}

pub(super) fn open(vault: &Vault, at: usize) -> bool {
    vault.server(at).is_some_and(super::server::Server::open)
}

fn seal_status(vault: &Vault, at: usize) -> Value {
    let Some(server) = vault.server(at) else { return Value::Null };
    let known = vault.keys.as_ref().filter(|_| server.initialized());
    let mut body = json!({
        "type": vault.sort.word(),
        "initialized": server.initialized(),
        "sealed": server.sealed,
        "t": known.map_or(0, |keys| keys.threshold),
        "n": known.map_or(0, |keys| keys.shares.len()),
        "progress": server.progress(),
        "nonce": server.nonce,
        "recovery_seal": vault.sort == SealSort::Static,
        "version": server.version,
        "commit_date": "2026-10-26T20:32:27Z",
        "migration": false,
        "storage_type": "raft",
    });
    if vault.sort == SealSort::Static {
        put(&mut body, "recovery_seal_type", json!("shamir"));
    }
    if server.open() {
        put(&mut body, "cluster_name", json!(vault.cluster_name));
        put(&mut body, "cluster_id", json!(vault.cluster_id));
    }
    body
}

fn health(vault: &Vault, at: usize, now: Timestamp) -> Response {
    let Some(server) = vault.server(at) else { return empty(500) };
    let active = server.open() && vault.leader == Some(at);
    let led = server.open() && vault.named.is_some();
    let mut body = json!({
        "initialized": server.initialized(),
        "sealed": server.sealed,
        "standby": !active,
        "replication_performance_mode": if led { "primary" } else { "unknown" },
        "replication_dr_mode": if led { "disabled" } else { "unknown" },
        "server_time_utc": now.as_second() + server.skew,
        "version": server.version,
    });
    if server.open() {
        put(&mut body, "cluster_name", json!(vault.cluster_name));
        put(&mut body, "cluster_id", json!(vault.cluster_id));
    }
    let status = match (server.initialized(), server.sealed, active) {
        (false, _, _) => 501,
        (true, true, _) => 503,
        (true, false, true) => 200,
        (true, false, false) => 429,
    };
    reply(status, &body)
}

fn leader(vault: &Vault, at: usize) -> Response {
    if !open(vault, at) {
        return refuse(503, "Vault is sealed");
    }
    let mut body = json!({
        "ha_enabled": true,
        "is_self": vault.leader == Some(at),
        "raft_committed_index": vault.index,
        "raft_applied_index": vault.index,
    });
    if let Some(server) = vault.named.and_then(|named| vault.server(named)) {
        put(&mut body, "leader_address", json!(format!("http://{}:8200", server.name)));
        put(&mut body, "leader_cluster_address", json!(format!("https://{}:8201", server.name)));
    }
    if let Some(since) = vault.active_since.filter(|_| vault.leader == Some(at)) {
        put(&mut body, "active_time", json!(since.to_string()));
    }
    reply(200, &body)
}

fn init(vault: &mut Vault, at: usize, request: &Request, now: Timestamp) -> Response {
    let Some(body) = parse::<InitBody>(request) else { return undecodable() };
    // A real server without data would let itself be initialised a second time while it waits to be let in; here the
    // keys are one set, and the second call is refused.
    if vault.keys.is_some() {
        return refuse(400, "Vault is already initialized");
    }
    let auto = vault.sort == SealSort::Static;
    let (wrong, shares, threshold) = if auto {
        ((body.secret_shares, body.secret_threshold), body.recovery_shares, body.recovery_threshold)
    } else {
        ((body.recovery_shares, body.recovery_threshold), body.secret_shares, body.secret_threshold)
    };
    if wrong.0.or(wrong.1).is_some_and(|given| given > 0) {
        let family = if auto { "secret" } else { "recovery" };
        let sort = vault.sort.word();
        return refuse(
            400,
            &format!("parameters {family}_shares,{family}_threshold not applicable to seal type {sort}"),
        );
    }
    let (shares, threshold) = (shares.unwrap_or(0), threshold.unwrap_or(0));
    let wrong = match (shares, threshold) {
        (0, _) => Some("shares must be at least one"),
        (_, 0) => Some("threshold must be at least one"),
        (n, t) if t > n => Some("threshold cannot be larger than shares"),
        (n, 1) if n > 1 => Some("threshold must be greater than one for multiple shares"),
        (_, _) => None,
    };
    if let Some(wrong) = wrong {
        return refuse(400, &format!("invalid seal configuration: {wrong}"));
    }
    vault.init(at, shares, threshold, now);
    let Some(keys) = &vault.keys else { return empty(500) };
    let hex: Vec<Value> = keys.hex().map(|key| json!(*key)).collect();
    let base64: Vec<Value> = keys.base64().map(|key| json!(*key)).collect();
    let token = json!(*keys.root_token);
    let body = if auto {
        json!({"keys": [], "keys_base64": [], "recovery_keys": hex, "recovery_keys_base64": base64, "root_token": token})
    } else {
        json!({"keys": hex, "keys_base64": base64, "root_token": token})
    };
    reply(200, &body)
}

fn unseal(vault: &mut Vault, at: usize, request: &Request, now: Timestamp) -> Response {
    let Some(body) = parse::<UnsealBody>(request) else { return undecodable() };
    if body.reset {
        if open(vault, at) {
            return refuse(400, "vault is unsealed");
        }
        if let Some(server) = vault.servers.get_mut(at) {
            server.reset();
        }
    } else if body.key.is_empty() {
        return refuse(400, "'key' must be specified in request body as JSON, or 'reset' set to true");
    } else if let Err(why) = vault.unseal(at, &body.key, now) {
        return refuse(400, &why);
    }
    reply(200, &seal_status(vault, at))
}

pub(super) fn parse<B: for<'de> Deserialize<'de>>(request: &Request) -> Option<B> {
    serde_json::from_slice(request.body.as_deref()?).ok()
}

pub(super) fn undecodable() -> Response {
    refuse(400, "failed to decode JSON input: invalid character")
}

pub(super) fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(map) = body.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

pub(super) fn refuse(status: u16, why: &str) -> Response {
    reply(status, &json!({"errors": [why]}))
}

pub(super) fn reply(status: u16, body: &Value) -> Response {
    Response { status, body: format!("{body}\n").into_bytes(), truncated: false, location: None }
}

pub(super) fn empty(status: u16) -> Response {
    Response { status, body: Vec::new(), truncated: false, location: None }
}
