//! A Secret reduced to what may be known of it: names, owners, what an old apply left behind. No value leaves this file.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use zeroize::Zeroize;

use crate::app::id::ObjectRef;
use crate::app::model::keys_secret::{FieldSeen, KeysSecret, KeysSeen, OwnerSeen};
use crate::app::text::clean;

/// Reads the values and gives back names, lengths, shapes and fingerprints.
pub type DigestFields = dyn Fn(&BTreeMap<String, ByteString>) -> Vec<FieldSeen> + Send + Sync;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The Secret as one look found it, or that there is none. The values are wiped on the way out.
pub fn seen(object: &ObjectRef, secret: Option<Secret>, digest_fields: &DigestFields) -> KeysSeen {
    let Some(mut secret) = secret else { return KeysSeen::Absent(object.clone()) };
    let seen = digest(object, &secret, digest_fields);
    wipe(&mut secret);
    KeysSeen::Present(Box::new(seen))
}

/// Digests without wiping, for objects that are used further.
pub fn digest(object: &ObjectRef, secret: &Secret, digest_fields: &DigestFields) -> KeysSecret {
    let meta = &secret.metadata;
    let empty = BTreeMap::new();
    let mut fields = digest_fields(secret.data.as_ref().unwrap_or(&empty));
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    KeysSecret {
        object: object.clone(),
        uid: clean(meta.uid.as_deref().unwrap_or_default()),
        version: clean(meta.resource_version.as_deref().unwrap_or_default()),
        created: meta.creation_timestamp.as_ref().map(|time| time.0),
        immutable: secret.immutable.unwrap_or(false),
        fields,
        owners: meta.managed_fields.iter().flatten().map(owner).collect(),
        last_applied: last_applied(meta),
        gitops: gitops(meta),
    }
}

/// Overwrites the values and the annotation that may repeat them.
pub fn wipe(secret: &mut Secret) {
    for value in secret.data.iter_mut().flat_map(|data| data.values_mut()) {
        value.0.zeroize();
    }
    for value in secret.string_data.iter_mut().flat_map(|data| data.values_mut()) {
        value.zeroize();
    }
    if let Some(text) = secret.metadata.annotations.as_mut().and_then(|notes| notes.get_mut(LAST_APPLIED)) {
        text.zeroize();
    }
}

/// The names of all fields of `data` that managedFields speak of: what can be known from metadata alone.
pub fn field_names(meta: &ObjectMeta) -> Vec<String> {
    let mut names: Vec<String> = meta.managed_fields.iter().flatten().flat_map(owned_data).collect();
    names.sort();
    names.dedup();
    names
}

fn owner(entry: &ManagedFieldsEntry) -> OwnerSeen {
    OwnerSeen {
        manager: clean(entry.manager.as_deref().unwrap_or_default()),
        apply: entry.operation.as_deref() == Some("Apply"),
        time: entry.time.as_ref().map(|time| time.0),
        data: owned_data(entry),
    }
}

/// `fieldsV1` is a tree of `f:name`; those under `f:data` and `f:stringData` are what counts here.
fn owned_data(entry: &ManagedFieldsEntry) -> Vec<String> {
    let Some(fields) = entry.fields_v1.as_ref() else { return Vec::new() };
    let mut names: Vec<String> = ["f:data", "f:stringData"]
        .iter()
        .filter_map(|part| fields.0.get(part)?.as_object())
        .flat_map(serde_json::Map::keys)
        .filter_map(|key| key.strip_prefix("f:"))
        .map(clean)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[expect(clippy::zero_sized_map_values, reason = "names without values are the point: the values are keys")]
/// Only the names under `data` and `stringData` of the manifest in the annotation; its values are the keys in base64.
fn last_applied(meta: &ObjectMeta) -> Option<Vec<String>> {
    /// Any value, not kept.
    type Names = BTreeMap<String, serde::de::IgnoredAny>;
    #[derive(serde::Deserialize)]
    struct Manifest {
        #[serde(default)]
        data: Option<Names>,
        #[serde(default, rename = "stringData")]
        string_data: Option<Names>,
    }
    let text = meta.annotations.as_ref()?.get(LAST_APPLIED)?;
    // What cannot be parsed is still an annotation that exists.
    let names = serde_json::from_str::<Manifest>(text).map_or_else(
        |_| Vec::new(),
        |manifest| {
            let both = manifest.data.into_iter().chain(manifest.string_data);
            both.flat_map(BTreeMap::into_keys).map(|name| clean(&name)).collect()
        },
    );
    Some(names)
}

/// A controller that may put its own idea of the Secret back.
fn gitops(meta: &ObjectMeta) -> Option<String> {
    let noted = |key: &str| meta.annotations.as_ref().is_some_and(|notes| notes.contains_key(key));
    let label = |key: &str| meta.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    let managed_by = |word: &str| {
        meta.managed_fields
            .iter()
            .flatten()
            .any(|entry| entry.manager.as_deref().is_some_and(|name| name.contains(word)))
    };
    let found = if noted("argocd.argoproj.io/tracking-id")
        || label("argocd.argoproj.io/instance").is_some()
        || (label("app.kubernetes.io/instance").is_some() && managed_by("argocd"))
    {
        "Argo CD"
    } else if label("kustomize.toolkit.fluxcd.io/name").is_some()
        || label("helm.toolkit.fluxcd.io/name").is_some()
        || managed_by("kustomize-controller")
        || managed_by("helm-controller")
    {
        "Flux"
    } else if noted("meta.helm.sh/release-name") || label("app.kubernetes.io/managed-by") == Some("Helm") {
        "Helm"
    } else {
        return None;
    };
    Some(found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::model::keys_secret::{Purpose, Shape};
    use serde_json::json;

    fn lengths(data: &BTreeMap<String, ByteString>) -> Vec<FieldSeen> {
        data.iter()
            .map(|(name, value)| FieldSeen {
                name: name.clone(),
                len: value.0.len() as u32,
                purpose: Purpose::Other,
                shape: Shape::Other,
                prints: Vec::new(),
            })
            .collect()
    }

    fn secret() -> Secret {
        serde_json::from_value(json!({
            "metadata": {
                "name": "openbao-keys", "namespace": "data", "uid": "u1", "resourceVersion": "42",
                "creationTimestamp": "2026-11-22T05:00:00Z",
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {LAST_APPLIED: r#"{"kind":"Secret","data":{"key":"Q0FOQVJZ","bad\u001b[2J":"x"},"stringData":{"root-token":"CANARY"}}"#},
                "managedFields": [
                    {"manager": "seeder\u{1b}]0;x", "operation": "Update", "apiVersion": "v1", "time": "2026-11-22T05:00:00Z", "fieldsType": "FieldsV1",
                     "fieldsV1": {"f:data": {".": {}, "f:key": {}, "f:root-token": {}}, "f:type": {}}},
                    {"manager": "kubectl", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {"f:type": {}}}]},
            "data": {"root-token": "YWJj", "key": ""}
        }))
        .unwrap()
    }

    #[test]
    fn names_and_owners_come_out_and_values_do_not() {
        let object = ObjectRef::secret("data", "openbao-keys");
        let KeysSeen::Present(seen) = seen(&object, Some(secret()), &lengths) else { panic!("absent") };
        assert_eq!((seen.uid.as_str(), seen.version.as_str(), seen.immutable), ("u1", "42", false));
        assert_eq!(
            seen.fields.iter().map(|f| (f.name.as_str(), f.len)).collect::<Vec<_>>(),
            [("key", 0), ("root-token", 3)]
        );
        assert_eq!(seen.owners[0].manager, "seeder]0;x");
        assert_eq!(seen.owners[0].data, ["key", "root-token"]);
        assert!(!seen.owners[0].apply && seen.owners[0].time.is_some());
        assert!(seen.owners[1].apply && seen.owners[1].time.is_none() && seen.owners[1].data.is_empty());
        assert_eq!(seen.last_applied.clone().unwrap(), ["bad[2J", "key", "root-token"]);
        assert_eq!(seen.gitops.as_deref(), Some("Helm"));
        assert!(!format!("{seen:?}").contains("CANARY") && !format!("{seen:?}").contains("Q0FOQVJZ"));
        assert_eq!(field_names(&secret().metadata), ["key", "root-token"]);
    }

    #[test]
    fn an_emptied_secret_is_no_missing_one() {
        let object = ObjectRef::secret("data", "k");
        let mut empty = secret();
        empty.data = None;
        empty.metadata.annotations = Some([(LAST_APPLIED.to_owned(), "not json".to_owned())].into());
        let KeysSeen::Present(seen) = seen(&object, Some(empty), &lengths) else { panic!("absent") };
        assert!(seen.is_empty() && seen.last_applied == Some(Vec::new()));
        assert_eq!(super::seen(&object, None, &lengths), KeysSeen::Absent(object));
    }

    #[test]
    fn wiping_leaves_nothing() {
        let mut secret = secret();
        wipe(&mut secret);
        assert!(!format!("{:?}", serde_json::to_string(&secret).unwrap()).contains("Q0FOQVJZ"));
        assert!(secret.data.unwrap().values().all(|value| value.0.is_empty()));
    }
}
