//! The simulated servers' `/v1/sys/rotate/{root,recovery}/{init,update}`: with the codes, bodies and refusals of OpenBao
//! 2.7.2. A rotation lives in the memory of the one server that it was begun at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::http::{empty, open, parse, refuse, reply, undecodable};
use super::scenario::SealSort;
use super::seed::hex;
use super::server::{Bytes, decode};
use super::vault::Vault;
use crate::backends::bao::transport::{Access, Method, Request, Response};

/// `PUT …/init`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct InitBody {
    secret_shares: u32,
    secret_threshold: u32,
    require_verification: bool,
}

/// `PUT …/update`. Without `Debug`, and wiped.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct UpdateBody {
    #[serde(default)]
    key: String,
    #[serde(default)]
    nonce: String,
}

/// One rotation under way.
pub(super) struct Rotation {
    nonce: String,
    shares: u32,
    threshold: u32,
    verify: bool,
    given: Vec<Bytes>,
    /// Its new keys wait to be verified under this nonce.
    verification: Option<String>,
}

/// Which key it would change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Root,
    Recovery,
}

/// What one server has in its memory.
#[derive(Default)]
pub(super) struct Rotations {
    root: Option<Rotation>,
    recovery: Option<Rotation>,
}

impl Rotations {
    const fn of(&mut self, of: Of) -> &mut Option<Rotation> {
        match of {
            Of::Root => &mut self.root,
            Of::Recovery => &mut self.recovery,
        }
    }
}

/// Answers one request below `/v1/sys/rotate/`. Nothing of it is handed on: a standby has rotations of its own.
pub(super) fn answer(vault: &mut Vault, at: usize, request: &Request) -> Response {
    if !open(vault, at) {
        return refuse(503, "Vault is sealed");
    }
    if !authorised(vault, &request.access) {
        return refuse(403, "permission denied");
    }
    let of = if request.path.contains("/rotate/recovery/") { Of::Recovery } else { Of::Root };
    if of == Of::Recovery && vault.sort != SealSort::Static {
        return refuse(400, "unable to look up config: %!w(*errors.errorString=&{recovery not supported})");
    }
    let memory = vault.servers.get_mut(at).map(|server| std::mem::take(&mut server.rotations));
    let mut memory = memory.unwrap_or_default();
    let held = memory.of(of);
    let answer = match (request.path.rsplit('/').next(), request.method) {
        (Some("init"), Method::Get) => {
            let state = state(vault, held.as_ref());
            enveloped(vault, &state)
        }
        (Some("init"), Method::Put) => begin(vault, of, held, request),
        (Some("init"), Method::Delete) => {
            *held = None;
            empty(204)
        }
        (Some("update"), Method::Put) => update(vault, of, held, request),
        (_, Method::Get | Method::Put | Method::Delete | Method::List) => refuse(405, "unsupported operation"),
    };
    if let Some(server) = vault.servers.get_mut(at) {
        server.rotations = memory;
    }
    answer
}

/// There is one token, the root token of `init`.
fn authorised(vault: &Vault, access: &Access) -> bool {
    let right = vault.keys.as_ref().map(|keys| keys.root_token.as_str());
    access.token.as_ref().is_some_and(|token| right == Some(token.expose_secret()))
}

fn required(vault: &Vault) -> u32 {
    vault.keys.as_ref().map_or(0, |keys| keys.threshold)
}

fn state(vault: &Vault, held: Option<&Rotation>) -> Value {
    match held {
        None => json!({"n": 0, "required": required(vault), "started": false, "t": 0}),
        Some(rotation) => json!({
            "n": rotation.shares,
            "nonce": rotation.nonce,
            "progress": rotation.given.len(),
            "required": required(vault),
            "started": true,
            "t": rotation.threshold,
            "verification_nonce": rotation.verification.clone().unwrap_or_default(),
            "verification_required": rotation.verify,
        }),
    }
}

fn begin(vault: &mut Vault, of: Of, held: &mut Option<Rotation>, request: &Request) -> Response {
    let Some(body) = parse::<InitBody>(request) else { return undecodable() };
    if of == Of::Root && vault.sort == SealSort::Static && body.require_verification {
        return refuse(400, "requiring verification not supported when rotating the barrier key with recovery keys");
    }
    if held.is_some() {
        return refuse(400, "rotation already in progress");
    }
    if body.secret_shares == 0 {
        return refuse(
            400,
            "invalid rotate seal configuration: %!w(*errors.errorString=&{shares must be at least one})",
        );
    }
    let nonce = vault.seed.uuid();
    let rotation = Rotation {
        nonce,
        shares: body.secret_shares,
        threshold: body.secret_threshold,
        verify: body.require_verification,
        given: Vec::new(),
        verification: None,
    };
    let state = state(vault, Some(&rotation));
    *held = Some(rotation);
    enveloped(vault, &state)
}

fn update(vault: &mut Vault, of: Of, held: &mut Option<Rotation>, request: &Request) -> Response {
    let Some(body) = parse::<UpdateBody>(request) else { return undecodable() };
    if body.key.is_empty() {
        return refuse(400, "missing required field 'key'");
    }
    let Some(share) = decode(&body.key) else {
        return refuse(400, "'key' must be a valid hex or base64 string");
    };
    let required = required(vault) as usize;
    let Some(rotation) = held.as_mut() else { return refuse(400, "no rotation in progress") };
    if let Some(nonce) = &rotation.verification {
        return refuse(
            400,
            &format!(
                "rotation already finished; verification must be performed; nonce for the verification operation is \
                 \"{nonce}\""
            ),
        );
    }
    if body.nonce != rotation.nonce {
        return refuse(400, &format!("incorrect nonce supplied; nonce for rotation is \"{}\"", rotation.nonce));
    }
    if rotation.given.iter().any(|known| **known == *share) {
        return refuse(400, "given key has already been provided during this rotation");
    }
    rotation.given.push(share);
    if rotation.given.len() < required {
        let state = state(vault, held.as_ref());
        return enveloped(vault, &state);
    }
    let given = std::mem::take(&mut rotation.given);
    if let Err(why) = judge(vault, of, &given) {
        return refuse(400, &why);
    }
    complete(vault, held)
}

/// What comes of the shares given, without the mathematics: the right ones are known.
fn judge(vault: &Vault, of: Of, given: &[Bytes]) -> Result<(), String> {
    let Some(keys) = &vault.keys else { return Err("no keys".to_owned()) };
    let first = given.first().map_or(0, |share| share.len());
    if given.iter().any(|share| share.len() != first) {
        return Err("failed to compute key: %!w(*errors.errorString=&{all parts must be the same length})".to_owned());
    }
    let right = given.iter().all(|share| keys.shares.iter().any(|right| **right == **share));
    if of == Of::Recovery {
        let wrong = "recovery key verification failed: recovery key does not match submitted values";
        return if right { Ok(()) } else { Err(wrong.to_owned()) };
    }
    let size = if keys.threshold > 1 { first.saturating_sub(1) } else { first };
    if ![16, 24, 32].contains(&size) {
        return Err(format!("failed to setup unseal key: %!w(aes.KeySizeError={size})"));
    }
    if right {
        return Ok(());
    }
    Err("failed to read root key: %!w(*vault.ErrInvalidKey=&{failed to decrypt keys from storage: cipher: message \
         authentication failed})"
        .to_owned())
}

/// New keys are made and told. They count only once they were verified, or at once where nobody asked for that.
fn complete(vault: &mut Vault, held: &mut Option<Rotation>) -> Response {
    let Some(Rotation { nonce, shares, threshold, verify, .. }) = held.as_ref() else { return empty(500) };
    let (nonce, shares, threshold, verify) = (nonce.clone(), *shares, *threshold, *verify);
    let length = if shares == 1 { 32 } else { 33 };
    let made: Vec<Bytes> = (0..shares).map(|_| Bytes::new(vault.seed.bytes(length))).collect();
    let text: Vec<String> = made.iter().map(|share| hex(share)).collect();
    let base64: Vec<String> = made.iter().map(|share| STANDARD.encode(share.as_slice())).collect();
    let verification = if verify { vault.seed.uuid() } else { String::new() };
    let mut data = json!({
        "backup": false,
        "complete": true,
        "keys": text,
        "keys_base64": base64,
        "nonce": nonce,
        "pgp_fingerprints": null,
        "verification_required": verify,
    });
    if verify {
        super::http::put(&mut data, "verification_nonce", json!(verification));
        if let Some(rotation) = held {
            rotation.verification = Some(verification);
        }
    } else {
        *held = None;
        if let Some(keys) = &mut vault.keys {
            keys.shares = made;
            keys.threshold = threshold;
        }
    }
    enveloped(vault, &data)
}

fn enveloped(vault: &mut Vault, data: &Value) -> Response {
    let body = json!({
        "request_id": vault.seed.uuid(),
        "lease_id": "",
        "renewable": false,
        "lease_duration": 0,
        "data": data,
        "wrap_info": null,
        "warnings": null,
        "auth": null,
    });
    reply(200, &body)
}
