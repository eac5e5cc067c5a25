//! A Secret reduced to its metadata: names of keys, who wrote its data and when. Values are not in what is read, and what an
//! annotation repeats of them leaves this file as a figure that only this process can compare.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use smol_str::SmolStr;

use super::at::At as _;
use crate::app::id::ObjectRef;
use crate::app::model::secrets::{Changed, Evidence, Marks, SecretSeen};
use crate::app::text::clean;

/// What `kubectl apply` keeps, values and all.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What ESO keeps.
const DATA_HASH: &str = "reconcile.external-secrets.io/data-hash";

/// Differs in each process: a figure of low entropy that was made with it cannot be guessed from a tape.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// One Secret; `None` for those that are no business of a workload: Helm's releases, VSO's cached clients.
pub fn digest(object: &Value) -> Option<SecretSeen> {
    let meta = object.get("metadata")?;
    let name = text(meta, "name");
    let label = |key: &str| meta.get("labels").map_or("", |labels| text(labels, key));
    if name.starts_with("sh.helm.release.v1.") || label("app.kubernetes.io/component") == "client-cache-storage" {
        return None;
    }
    let namespace = clean(text(meta, "namespace"));
    let created = time(meta, "creationTimestamp");
    let owners = owners(meta);
    let changed = if owners.is_empty() { emptied(meta) } else { changed(&owners, created) };
    let keys: BTreeSet<&SmolStr> = owners.iter().flat_map(|owner| &owner.keys).collect();
    Some(SecretSeen {
        uid: clean(text(meta, "uid")).into(),
        version: clean(text(meta, "resourceVersion")).into(),
        created,
        keys: keys.into_iter().cloned().collect(),
        changed,
        writer: writer(meta, &namespace),
        deleting: meta.get("deletionTimestamp").is_some(),
        marks: Marks {
            manager: latest(&owners).map(|owner| owner.manager.clone()).unwrap_or_default(),
            metadata: metadata(meta),
            data: data(meta),
            touched: None,
        },
        object: ObjectRef::secret(&namespace, &clean(name)),
    })
}

/// A field manager that owns keys of `data`.
struct Owner {
    manager: SmolStr,
    at: Option<Timestamp>,
    keys: Vec<SmolStr>,
}

fn owners(meta: &Value) -> Vec<Owner> {
    let entries = meta.get("managedFields").and_then(Value::as_array).into_iter().flatten();
    entries
        .filter_map(|entry| {
            let data = entry.at("/fieldsV1/f:data")?.as_object()?;
            let keys = data.keys().filter_map(|key| key.strip_prefix("f:")).map(|key| clean(key).into()).collect();
            Some(Owner { manager: clean(text(entry, "manager")).into(), at: time(entry, "time"), keys })
        })
        .collect()
}

/// The one that wrote last; one without a time is not known to be older than any.
fn latest(owners: &[Owner]) -> Option<&Owner> {
    owners.iter().max_by_key(|owner| (owner.at.is_none(), owner.at))
}

/// When the data was written last, by what the Secret says of itself. Unknown where an owner has no time.
fn changed(owners: &[Owner], created: Option<Timestamp>) -> Option<Changed> {
    let at = latest(owners)?.at?;
    // Both are written in whole seconds, one after the other.
    let first = created.is_some_and(|created| at.duration_since(created) <= SignedDuration::from_secs(1));
    Some(Changed { at, by: if first { Evidence::Created } else { Evidence::Managed } })
}

/// Nobody owns any data of it, and its managed fields are in sight: it holds none. When it was emptied they do not say, only
/// when the last of what is left was written.
fn emptied(meta: &Value) -> Option<Changed> {
    let entries = meta.get("managedFields").and_then(Value::as_array).filter(|entries| !entries.is_empty())?;
    let times: Option<Vec<Timestamp>> = entries.iter().map(|entry| time(entry, "time")).collect();
    Some(Changed { at: times?.into_iter().max()?, by: Evidence::Managed })
}

/// The sync object that owns it, or that its labels and managers name.
fn writer(meta: &Value, namespace: &str) -> Option<ObjectRef> {
    let of_operators = |group: &str| group.ends_with("secrets.hashicorp.com") || group.ends_with("external-secrets.io");
    let owners = meta.get("ownerReferences").and_then(Value::as_array).into_iter().flatten();
    let owner = owners
        .filter(|owner| of_operators(text(owner, "apiVersion").split('/').next().unwrap_or_default()))
        .map(|owner| ObjectRef::new(&clean(text(owner, "kind")), namespace, &clean(text(owner, "name"))));
    owner.into_iter().next().or_else(|| {
        // ESO writes as a manager of its own for each ExternalSecret, also where it does not own the Secret.
        let entries = meta.get("managedFields").and_then(Value::as_array).into_iter().flatten();
        let names =
            entries.filter_map(|entry| text(entry, "manager").strip_prefix("externalsecrets.external-secrets.io/"));
        names.map(|name| ObjectRef::new("ExternalSecret", namespace, &clean(name))).next()
    })
}

/// Stands for everything of the metadata that people and programs edit, except what follows the data.
fn metadata(meta: &Value) -> u64 {
    let mut parts: Vec<String> = Vec::new();
    for part in ["labels", "annotations"] {
        let entries = meta.get(part).and_then(Value::as_object).into_iter().flatten();
        let kept = entries.filter(|(key, _)| !matches!(key.as_str(), APPLIED | DATA_HASH));
        parts.extend(kept.map(|(key, value)| format!("{part} {key} {value}")));
    }
    for part in ["ownerReferences", "finalizers"] {
        parts.extend(meta.get(part).map(|value| format!("{part} {value}")));
    }
    parts.sort_unstable();
    figure(&parts)
}

/// Stands for the data, where an annotation says something of it.
fn data(meta: &Value) -> Option<u64> {
    let notes = meta.get("annotations")?;
    // Only where nobody else owns any of it does an annotation speak for all of it.
    let owners = owners(meta);
    let all = |word: &str| owners.iter().all(|owner| owner.manager.contains(word));
    if let Some(hash) = notes.get(DATA_HASH).and_then(Value::as_str).filter(|_| all("external-secrets")) {
        return Some(figure(&hash));
    }
    if !all("apply") {
        return None;
    }
    let applied: Value = serde_json::from_str(notes.get(APPLIED)?.as_str()?).ok()?;
    let part = |name: &str| applied.get(name).map(ToString::to_string);
    Some(figure(&(part("data"), part("stringData"))))
}

fn figure(of: &impl Hash) -> u64 {
    KEY.hash_one(of)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn time(value: &Value, key: &str) -> Option<Timestamp> {
    value.get(key).and_then(Value::as_str)?.parse().ok()
}
