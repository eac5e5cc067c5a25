//! Objects of the Vault Secrets Operator, kind by kind.

use serde_json::Value;
use smol_str::SmolStr;

use super::{cleaned, duration, epoch, flag, list, moment, seconds, text};
use crate::app::id::ObjectRef;
use crate::app::model::auths::{AuthSpec, GlobalRef, MethodSpec};
use crate::app::model::paths::{EngineKind, VaultPath};
use crate::app::model::sync::{LoginSaid, SyncSeen};
use crate::app::text::clean;
use crate::backends::kube::at::At as _;

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
    seen.detail.pinned = object.at("/spec/version").and_then(Value::as_u64).filter(|version| *version > 0);
}

pub(super) fn dynamic_secret(object: &Value, seen: &mut SyncSeen) {
    destination(object, seen);
    reads(object, seen, cleaned(object, "/spec/path").unwrap_or_default(), EngineKind::Dynamic);
    seen.refresh = duration(object, "/spec/refreshAfter");
    let detail = &mut seen.detail;
    detail.renewed = epoch(object, "/status/lastRenewalTime");
    detail.lease = seconds(object, "/status/secretLease/duration");
    detail.renewal_percent =
        object.at("/spec/renewalPercent").and_then(Value::as_u64).and_then(|percent| u8::try_from(percent).ok());
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
    let mount = cleaned(object, "/spec/mount").unwrap_or_default();
    seen.detail.login = Some(Box::new(LoginSaid { mount, role, account: None }));
    seen.detail.through = reference(object, seen, "/spec/vaultConnectionRef", "VaultConnection");
    seen.detail.auth = Some(Box::new(said(object, ["/spec/method", "/spec/mount", "/spec/namespace"])));
    // Whoever logs in with it and names no namespace reads in this one.
    reads(object, seen, String::new(), EngineKind::Other);
    seen.sources.iter_mut().for_each(|source| source.mount = SmolStr::default());
    seen.sources.retain(|source| !source.namespace.is_empty());
}

/// What VaultAuths have in common.
pub(super) fn auth_global(object: &Value, seen: &mut SyncSeen) {
    let names = ["/spec/defaultAuthMethod", "/spec/defaultMount", "/spec/defaultVaultNamespace"];
    seen.detail.auth = Some(Box::new(said(object, names)));
}

/// What is said of a login, with the names of its method, its mount and its namespace in the vault.
fn said(object: &Value, [method, mount, namespace]: [&str; 3]) -> AuthSpec {
    let bare = |text: Option<String>| text.unwrap_or_default().trim_matches('/').to_owned();
    let methods = METHODS.iter().filter_map(|method| {
        let said = object.at(&format!("/spec/{method}")).filter(|said| said.is_object())?;
        let spec = MethodSpec {
            role: cleaned(said, "/role").unwrap_or_default(),
            account: cleaned(said, "/serviceAccount").unwrap_or_default(),
            mount: bare(cleaned(said, "/mount")),
            namespace: bare(cleaned(said, "/namespace")),
        };
        Some(((*method).to_owned(), spec))
    });
    let global = object.at("/spec/vaultAuthGlobalRef").filter(|named| named.is_object());
    AuthSpec {
        method: cleaned(object, method).unwrap_or_default(),
        mount: bare(cleaned(object, mount)),
        namespace: bare(cleaned(object, namespace)),
        connection: cleaned(object, "/spec/vaultConnectionRef").unwrap_or_default(),
        methods: methods.collect(),
        allowed: list(object, "/spec/allowedNamespaces").iter().filter_map(Value::as_str).map(clean).collect(),
        global: global.map(|named| GlobalRef {
            name: cleaned(named, "/name").unwrap_or_default(),
            namespace: cleaned(named, "/namespace").unwrap_or_default(),
            default: flag(named, "/allowDefault").unwrap_or(false),
        }),
    }
}

/// As the operator calls them.
const METHODS: [&str; 5] = ["kubernetes", "jwt", "appRole", "aws", "gcp"];

fn destination(object: &Value, seen: &mut SyncSeen) {
    if let Some(name) = cleaned(object, "/spec/destination/name") {
        seen.secret = Some(ObjectRef::secret(&seen.object.namespace, &name));
    }
    seen.detail.creates = flag(object, "/spec/destination/create").unwrap_or(false);
    seen.detail.overwrites = flag(object, "/spec/destination/overwrite").unwrap_or(false);
    seen.detail.no_raw = flag(object, "/spec/destination/transformation/excludeRaw").unwrap_or(false);
    let target = |target: &Value| Some((cleaned(target, "/kind")?, cleaned(target, "/name")?));
    seen.detail.restarts = list(object, "/spec/rolloutRestartTargets").iter().filter_map(target).collect();
    seen.detail.through = reference(object, seen, "/spec/vaultAuthRef", "VaultAuth");
}

fn reads(object: &Value, seen: &mut SyncSeen, path: String, engine: EngineKind) {
    let trimmed = |text: String| SmolStr::new(text.trim_matches('/'));
    seen.sources = vec![VaultPath {
        namespace: cleaned(object, "/spec/namespace").map(trimmed).unwrap_or_default(),
        mount: cleaned(object, "/spec/mount").map(trimmed).unwrap_or_default(),
        path: trimmed(path),
        engine,
    }];
}

/// Whether it wrote any status. Before 1.0 it wrote no conditions, and before 0.5 (`api/v1beta1` of 0.4.3) a
/// VaultStaticSecret had `secretMAC` alone, a VaultPKISecret no `lastRotation`.
pub(super) fn observed(object: &Value) -> bool {
    let number = |name: &str| object.at(&format!("/status/{name}")).and_then(Value::as_i64).unwrap_or(0) > 0;
    let words = |name: &str| text(object, &format!("/status/{name}")).is_some_and(|text| !text.is_empty());
    ["lastGeneration", "lastRenewalTime", "expiration", "lastRotation"].into_iter().any(number)
        || ["secretMAC", "serialNumber", "error"].into_iter().any(words)
        || flag(object, "/status/valid").is_some()
}

/// `name` or `namespace/name`; left empty it means `default` in the operator's own namespace, which nobody names here.
fn reference(object: &Value, seen: &SyncSeen, pointer: &str, kind: &str) -> Option<ObjectRef> {
    let named = cleaned(object, pointer).filter(|named| !named.is_empty())?;
    Some(match named.split_once('/') {
        Some((namespace, name)) => ObjectRef::new(kind, namespace, name),
        None => ObjectRef::new(kind, &seen.object.namespace, &named),
    })
}
