//! What the simulated servers say of tokens: our own, periodic and renewed every midnight, and the root token of `init`.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::http::{refuse, reply};
use super::vault::Vault;
use crate::backends::bao::transport::{Method, Request, Response};

/// The period of our own.
const PERIOD: i64 = 32 * 86_400;
const DAY: i64 = 86_400;

/// Answers a question about tokens. Who is no token here is told what a dead one is told.
pub(super) fn answer(vault: &Vault, request: &Request, now: Timestamp) -> Response {
    let token = request.access.token.as_ref();
    let own = super::is_own(token);
    let root = vault
        .keys
        .as_ref()
        .is_some_and(|keys| token.is_some_and(|token| token.expose_secret() == keys.root_token.as_str()));
    match (request.path.as_str(), request.method) {
        _ if !own && !root => refuse(403, "permission denied"),
        ("/v1/auth/token/lookup-self", Method::Get) => {
            reply(200, &json!({"data": if own { ours(now) } else { roots(now) }}))
        }
        ("/v1/sys/capabilities-self", Method::Put) => reply(200, &json!({"data": every(request)})),
        ("/v1/sys/auth/token/tune", Method::Get) => reply(200, &json!({"data": {"max_lease_ttl": PERIOD}})),
        // Its policies know nothing of other tokens.
        _ => refuse(403, "1 error occurred:\n\t* permission denied\n\n"),
    }
}

fn ours(now: Timestamp) -> Value {
    let renewed = now.as_second() - now.as_second() % DAY;
    let ttl = PERIOD - now.as_second() % DAY;
    let ends = now + SignedDuration::from_secs(ttl);
    json!({
        "accessor": "sandbox-own", "creation_time": now.as_second() - now.as_second() % (100 * DAY),
        "creation_ttl": PERIOD, "display_name": "token-baowatch",
        "entity_id": "", "expire_time": ends.to_string(), "explicit_max_ttl": 0, "last_renewal_time": renewed,
        "num_uses": 0, "orphan": true, "path": "auth/token/create-orphan", "period": PERIOD,
        "policies": ["baowatch", "default"], "renewable": true, "ttl": ttl, "type": "service",
    })
}

fn roots(now: Timestamp) -> Value {
    json!({
        "accessor": "sandbox-root", "creation_time": now.as_second() - now.as_second() % (100 * DAY), "creation_ttl": 0,
        "display_name": "root", "entity_id": "", "expire_time": null, "explicit_max_ttl": 0, "num_uses": 0, "orphan": true,
        "path": "auth/token/root", "policies": ["root"], "ttl": 0, "type": "service",
    })
}

/// All that a policy can grant, on each path that is asked about.
fn every(request: &Request) -> Value {
    let body: Value = request.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let paths = body.get("paths").and_then(Value::as_array).cloned().unwrap_or_default();
    let of = |path: &Value| Some((path.as_str()?.to_owned(), json!(["list", "read", "sudo"])));
    Value::Object(paths.iter().filter_map(of).collect::<Map<_, _>>())
}
