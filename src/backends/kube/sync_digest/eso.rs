//! Objects of the External Secrets Operator, kind by kind.

use jiff::SignedDuration;
use serde_json::Value;
use smol_str::SmolStr;

use super::{cleaned, duration, list, moment, text};
use crate::app::id::ObjectRef;
use crate::app::model::paths::{EngineKind, VaultPath};
use crate::app::model::sync::{
    LabelTest, LoginSaid, StoreSelector, SyncKind, SyncSeen, SyncWindow, SyncWindows, generator_kind,
};
use crate::app::text::clean;
use crate::backends::kube::at::At as _;

/// What the API server puts into `refreshInterval` where nobody did.
const DEFAULT_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn external_secret(object: &Value, seen: &mut SyncSeen) {
    let name = cleaned(object, "/spec/target/name").filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| seen.object.name.to_string());
    seen.secret = Some(ObjectRef::secret(&seen.object.namespace, &name));
    let data = list(object, "/spec/data").iter().map(|entry| (entry, "/remoteRef"));
    let from = list(object, "/spec/dataFrom").iter().map(|entry| (entry, "/extract"));
    for (entry, place) in data.chain(from) {
        let store = store_ref(entry, "/sourceRef/storeRef", &seen.object.namespace);
        if let Some(key) = cleaned(entry, &format!("{place}/key")) {
            let mut known = seen.sources.iter().zip(&seen.detail.ways);
            if !known.any(|(source, way)| source.path == key && *way == store) {
                seen.sources.push(key_of_a_store(key));
                seen.detail.ways.push(store.clone());
            }
        }
        seen.detail.stores.extend(store);
        let version = text(entry, &format!("{place}/version")).and_then(|version| version.parse().ok());
        seen.detail.pinned = seen.detail.pinned.or(version);
        seen.detail.finds |= entry.get("find").is_some();
        from_generator(entry, "/sourceRef/generatorRef", seen);
    }
    seen.detail.stores.sort();
    seen.detail.stores.dedup();
    if seen.detail.stores.is_empty() {
        seen.detail.ways.clear();
    }
    seen.detail.creates = text(object, "/spec/target/creationPolicy").unwrap_or("Owner") == "Owner";
    seen.detail.deletes = text(object, "/spec/target/deletionPolicy") == Some("Delete");
    seen.detail.through = store_ref(object, "/spec/secretStoreRef", &seen.object.namespace);
    seen.detail.windows = windows(object);
    refreshes(object, seen);
}

pub(super) fn push_secret(object: &Value, seen: &mut SyncSeen) {
    if let Some(name) = cleaned(object, "/spec/selector/secret/name") {
        seen.secret = Some(ObjectRef::secret(&seen.object.namespace, &name));
    }
    into_stores(object, seen);
    from_generator(object, "/spec/selector/generatorRef", seen);
    seen.detail.if_absent = text(object, "/spec/updatePolicy") == Some("IfNotExists");
    seen.detail.deletes = text(object, "/spec/deletionPolicy") == Some("Delete");
    refreshes(object, seen);
}

/// Each key is written into each store that it names; those that it means by their labels are found beside it.
fn into_stores(object: &Value, seen: &mut SyncSeen) {
    let namespace = seen.object.namespace.clone();
    let mut stores: Vec<ObjectRef> = Vec::new();
    for reference in list(object, "/spec/secretStoreRefs") {
        if let Some(labels) = reference.get("labelSelector").filter(|labels| !labels.is_null()) {
            let cluster = text(reference, "/kind") == Some(SyncKind::ClusterSecretStore.name());
            seen.detail.selects.push(StoreSelector { cluster, tests: label_tests(labels) });
        } else if let Some(store) = store_ref(reference, "", &namespace).filter(|store| !stores.contains(store)) {
            stores.push(store);
        }
    }
    let mut keys: Vec<String> =
        list(object, "/spec/data").iter().filter_map(|entry| cleaned(entry, "/match/remoteRef/remoteKey")).collect();
    keys.sort();
    keys.dedup();
    for store in stores.iter().map(Some).chain(stores.is_empty().then_some(None)) {
        for key in &keys {
            seen.sources.push(key_of_a_store(key.clone()));
            if stores.len() > 1 {
                seen.detail.ways.push(store.cloned());
            }
        }
    }
    seen.detail.through = stores.first().cloned();
    seen.detail.stores = stores.into_iter().skip(1).collect();
    let synced = object.at("/status/syncedPushSecrets").and_then(Value::as_object).into_iter().flatten();
    let some = synced.filter(|(_, entries)| entries.as_object().is_some_and(|entries| !entries.is_empty()));
    seen.detail.pushed = some
        .filter_map(|(store, _)| {
            let (kind, name) = store.split_once('/')?;
            let cluster = kind == SyncKind::ClusterSecretStore.name();
            let namespace = if cluster { "" } else { &namespace };
            Some(ObjectRef::new(&clean(kind), namespace, &clean(name)))
        })
        .collect();
}

fn label_tests(selector: &Value) -> Vec<LabelTest> {
    let labels = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let equal = labels.map(|(key, value)| LabelTest {
        key: clean(key),
        values: vec![clean(value.as_str().unwrap_or_default())],
        not: false,
    });
    let written = list(selector, "/matchExpressions").iter().filter_map(|test| {
        let values = list(test, "/values").iter().filter_map(Value::as_str).map(clean).collect();
        let not = matches!(text(test, "/operator")?, "NotIn" | "DoesNotExist");
        Some(LabelTest { key: cleaned(test, "/key")?, values, not })
    });
    equal.chain(written).collect()
}

/// Where a store leads: its one source is its mount. Stores of other providers have none.
pub(super) fn store(object: &Value, seen: &mut SyncSeen) {
    let labels = object.at("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    seen.detail.labels = labels.filter_map(|(key, value)| Some((clean(key), clean(value.as_str()?)))).collect();
    let Some(vault) = ["vault", "openbao"].iter().find_map(|name| object.at(&format!("/spec/provider/{name}"))) else {
        return;
    };
    let engine = if text(vault, "/version") == Some("v1") { EngineKind::Kv1 } else { EngineKind::Kv2 };
    let trimmed = |text: String| SmolStr::new(text.trim_matches('/'));
    seen.sources = vec![VaultPath {
        namespace: cleaned(vault, "/namespace").map(trimmed).unwrap_or_default(),
        mount: cleaned(vault, "/path").map(trimmed).unwrap_or_default(),
        path: SmolStr::default(),
        engine,
    }];
    let methods =
        [("kubernetes", "mountPath"), ("jwt", "path"), ("appRole", "path"), ("cert", "path"), ("ldap", "path")];
    seen.detail.login = methods.iter().find_map(|(method, mount)| {
        let auth = vault.at(&format!("/auth/{method}"))?;
        let mount = cleaned(auth, &format!("/{mount}")).unwrap_or_else(|| (*method).to_lowercase());
        let named =
            auth.at("/serviceAccountRef").or_else(|| auth.at("/kubernetesServiceAccountToken/serviceAccountRef"));
        // A SecretStore takes those of its own namespace alone.
        let account = named.and_then(|named| {
            let of = cleaned(named, "/namespace").filter(|_| seen.object.namespace.is_empty());
            Some((of.unwrap_or_else(|| seen.object.namespace.to_string()), cleaned(named, "/name")?))
        });
        Some(Box::new(LoginSaid { mount, role: cleaned(auth, "/role").unwrap_or_default(), account }))
    });
}

fn refreshes(object: &Value, seen: &mut SyncSeen) {
    seen.refresh = duration(object, "/spec/refreshInterval").or(Some(DEFAULT_INTERVAL));
    seen.detail.refreshed = moment(object, "/status/refreshTime");
    seen.detail.policy = cleaned(object, "/spec/refreshPolicy");
}

/// What is neither `allow` nor `deny` restricts nothing, and neither does an empty list.
fn windows(object: &Value) -> Option<SyncWindows> {
    let deny = match text(object, "/spec/syncWindows/kind")? {
        "allow" => false,
        "deny" => true,
        _ => return None,
    };
    let each = list(object, "/spec/syncWindows/windows").iter().map(|window| SyncWindow {
        schedule: cleaned(window, "/schedule").unwrap_or_default(),
        lasts: duration(window, "/duration").unwrap_or(SignedDuration::ZERO),
    });
    let each: Vec<SyncWindow> = each.collect();
    (!each.is_empty()).then_some(SyncWindows { deny, each })
}

/// The mount is the store's, and only known beside it.
fn key_of_a_store(key: String) -> VaultPath {
    VaultPath { namespace: SmolStr::default(), mount: SmolStr::default(), path: key.into(), engine: EngineKind::Other }
}

fn generator(value: &Value, pointer: &str) -> Option<(String, String)> {
    let reference = value.at(pointer)?;
    Some((cleaned(reference, "/kind")?, cleaned(reference, "/name")?))
}

/// The first that it names speaks for what is judged of its values; all of them have it as their user.
fn from_generator(value: &Value, pointer: &str, seen: &mut SyncSeen) {
    let Some((kind, name)) = generator(value, pointer) else { return };
    if let Some(called) = generator_kind(&kind) {
        let namespace = if called == "ClusterGenerator" { "" } else { seen.object.namespace.as_str() };
        let object = ObjectRef::new(called, namespace, &name);
        if !seen.detail.generators.contains(&object) {
            seen.detail.generators.push(object);
        }
    }
    seen.detail.generator.get_or_insert((kind, name));
}

/// A generator has a spec alone, and of that a ClusterGenerator names the kind.
pub(super) fn generator_of_its_own(object: &Value, seen: &mut SyncSeen) {
    let kind = cleaned(object, "/spec/kind").filter(|_| seen.object.kind == "ClusterGenerator");
    seen.detail.generator = kind.map(|kind| (kind, seen.object.name.to_string()));
}

fn store_ref(object: &Value, pointer: &str, namespace: &str) -> Option<ObjectRef> {
    let reference = object.at(pointer)?;
    let name = cleaned(reference, "/name").filter(|name| !name.is_empty())?;
    let cluster = SyncKind::ClusterSecretStore.name();
    Some(if text(reference, "/kind") == Some(cluster) {
        ObjectRef::new(cluster, "", &name)
    } else {
        ObjectRef::new(SyncKind::SecretStore.name(), namespace, &name)
    })
}
