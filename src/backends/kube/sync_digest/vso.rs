//! Objects of the Vault Secrets Operator, kind by kind.

use serde_json::Value;

use super::{cleaned, duration, epoch, flag, list, moment, seconds, text};
use crate::app::id::ObjectRef;
use crate::app::model::paths::{EngineKind, VaultPath};
use crate::app::model::sync::SyncSeen;

pub(super) fn static_secret(object: &Value, seen: &mut SyncSeen) {
    let engine = match text(object, "/spec/type") {
        Some("kv-v1") => EngineKind::Kv1,
        Some("kv-v2") => EngineKind::Kv2,
        _ => EngineKind::Other,
    };
    destination(object, seen);
    reads(object, seen, cleaned(object, "/spec/path").unwrap_or_default(), engine);
    seen.refresh = duration(object, "/spec/refreshAfter");
    seen.detail.hmac = Some(flag(object, "/spec/hmacSecretData").unwrap_or(true));
    seen.detail.pinned = object.pointer("/spec/version").and_then(Value::as_u64).filter(|version| *version > 0);
}

pub(super) fn dynamic_secret(object: &Value, seen: &mut SyncSeen) {
    destination(object, seen);
    reads(object, seen, cleaned(object, "/spec/path").unwrap_or_default(), EngineKind::Dynamic);
    seen.refresh = duration(object, "/spec/refreshAfter");
    let detail = &mut seen.detail;
    detail.renewed = epoch(object, "/status/lastRenewalTime");
    detail.lease = seconds(object, "/status/secretLease/duration");
    detail.renewal_percent =
        object.pointer("/spec/renewalPercent").and_then(Value::as_u64).and_then(|percent| u8::try_from(percent).ok());
    detail.rotated = epoch(object, "/status/staticCredsMetaData/lastVaultRotation");
    detail.rotation_period = seconds(object, "/status/staticCredsMetaData/rotationPeriod");
    detail.static_creds = detail.rotated.is_some() || flag(object, "/spec/allowStaticCreds").unwrap_or(false);
}

pub(super) fn certificate(object: &Value, seen: &mut SyncSeen) {
    destination(object, seen);
    let role = cleaned(object, "/spec/role").unwrap_or_default();
    reads(object, seen, format!("issue/{role}"), EngineKind::Pki);
    let detail = &mut seen.detail;
    detail.expires = epoch(object, "/status/expiration");
    detail.issued = epoch(object, "/status/lastRotation");
    detail.expiry_offset = duration(object, "/spec/expiryOffset");
    detail.not_after = moment(object, "/spec/notAfter");
}

/// How it logs in; it is valid as soon as its connection exists, whether the vault knows the role or not.
pub(super) fn auth(object: &Value, seen: &mut SyncSeen) {
    let method = text(object, "/spec/method").unwrap_or_default();
    let role = cleaned(object, &format!("/spec/{method}/role")).unwrap_or_default();
    seen.detail.login = Some((cleaned(object, "/spec/mount").unwrap_or_default(), role));
    seen.detail.through = reference(object, seen, "/spec/vaultConnectionRef", "VaultConnection");
    // Whoever logs in with it and names no namespace reads in this one.
    reads(object, seen, String::new(), EngineKind::Other);
    seen.sources.iter_mut().for_each(|source| source.mount.clear());
    seen.sources.retain(|source| !source.namespace.is_empty());
}

fn destination(object: &Value, seen: &mut SyncSeen) {
    if let Some(name) = cleaned(object, "/spec/destination/name") {
        seen.secret = Some(ObjectRef::secret(&seen.object.namespace, &name));
    }
    seen.detail.creates = flag(object, "/spec/destination/create").unwrap_or(false);
    seen.detail.overwrites = flag(object, "/spec/destination/overwrite").unwrap_or(false);
    seen.detail.observed = object.pointer("/status/lastGeneration").and_then(Value::as_i64).is_some_and(|at| at > 0);
    seen.detail.no_raw = flag(object, "/spec/destination/transformation/excludeRaw").unwrap_or(false);
    let target = |target: &Value| Some((cleaned(target, "/kind")?, cleaned(target, "/name")?));
    seen.detail.restarts = list(object, "/spec/rolloutRestartTargets").iter().filter_map(target).collect();
    seen.detail.through = reference(object, seen, "/spec/vaultAuthRef", "VaultAuth");
}

fn reads(object: &Value, seen: &mut SyncSeen, path: String, engine: EngineKind) {
    let trimmed = |text: String| text.trim_matches('/').to_owned();
    seen.sources = vec![VaultPath {
        namespace: cleaned(object, "/spec/namespace").map(trimmed).unwrap_or_default(),
        mount: cleaned(object, "/spec/mount").map(trimmed).unwrap_or_default(),
        path: trimmed(path),
        engine,
    }];
}

/// `name` or `namespace/name`; left empty it means `default` in the operator's own namespace, which nobody names here.
fn reference(object: &Value, seen: &SyncSeen, pointer: &str, kind: &str) -> Option<ObjectRef> {
    let named = cleaned(object, pointer).filter(|named| !named.is_empty())?;
    Some(match named.split_once('/') {
        Some((namespace, name)) => ObjectRef::new(kind, namespace, name),
        None => ObjectRef::new(kind, &seen.object.namespace, &named),
    })
}
