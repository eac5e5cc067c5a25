//! The keys Secret of the sandbox: its values, and what a real API server writes beside them when somebody empties it.
//!
//! The objects under `assets/sandbox/secrets` say what `managedFields`, annotations and uid look like before and after
//! each way of emptying; here they are replayed with the sandbox's own names, values and times.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Map, Value, json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::event::Way;
use super::seed::Seed;

/// The name of the root token's field, here and in the captured objects.
const ROOT: &str = "root-token";
/// The field of the captured objects that stands for every share.
const SHARE: &str = "key";

/// Values by field. Without `Debug` where it is kept.
pub(super) type Values = BTreeMap<String, Vec<u8>>;

/// The Secret.
pub(super) struct KeysSecret {
    pub(super) namespace: String,
    pub(super) name: String,
    /// As the API server has it; `None` once it was deleted.
    object: Option<Value>,
    /// What should be in it.
    right: Values,
    way: Way,
    written: Timestamp,
    seed: Seed,
}

impl KeysSecret {
    /// Written a while ago, in the way after which `way` of emptying it is possible.
    pub(super) fn new(namespace: &str, name: &str, right: Values, way: Way, written: Timestamp) -> Self {
        let mut secret = Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            object: None,
            right,
            way,
            written,
            seed: Seed::of(&format!("secret {namespace}/{name}")),
        };
        let uid = secret.seed.uuid();
        secret.object = Some(secret.replay(&side(way, "before"), &uid, None, 1_000, written));
        secret
    }

    /// As the API server would send it.
    pub(super) fn object(&self) -> Option<Secret> {
        serde_json::from_value(self.object.clone()?).ok()
    }

    /// What the API server stores, to be changed by an apply.
    pub(super) const fn stored(&mut self) -> &mut Option<Value> {
        &mut self.object
    }

    pub(super) fn exists(&self) -> bool {
        self.object.is_some()
    }

    /// `metadata.resourceVersion`; empty while there is none.
    pub(super) fn version(&self) -> &str {
        self.object.as_ref().and_then(|o| o.pointer("/metadata/resourceVersion")?.as_str()).unwrap_or_default()
    }

    /// The values as a volume shows them.
    pub(super) fn values(&self) -> Values {
        let data = self.object().and_then(|secret| secret.data).unwrap_or_default();
        data.into_iter().map(|(name, ByteString(bytes))| (name, bytes)).collect()
    }

    /// Empties it. Works on a Secret that was written for another way too: then that way's beginning is assumed.
    pub(super) fn empty(&mut self, way: Way, version: u64, now: Timestamp) {
        let uid = self.uid();
        let created = self.object.as_ref().and_then(|o| o.pointer("/metadata/creationTimestamp").cloned());
        self.way = way;
        let before = side(way, "before");
        let after = side(way, "after");
        let again = before.pointer("/metadata/uid") != after.pointer("/metadata/uid");
        let uid = if again { self.seed.uuid() } else { uid };
        let mut object = self.replay(&after, &uid, Some(&before), version, now);
        if let (false, Some(created)) = (again, created) {
            set(&mut object, "/metadata", "creationTimestamp", created);
        }
        self.object = Some(object);
    }

    pub(super) fn delete(&mut self) {
        self.object = None;
    }

    /// Somebody writes the right values, as an Update.
    pub(super) fn restore(&mut self, version: u64, now: Timestamp) {
        let values = self.right.clone();
        self.write("kubectl-create", &values, version, now);
    }

    /// Somebody writes shares of another vault.
    pub(super) fn spoil(&mut self, version: u64, now: Timestamp) {
        let mut values = self.right.clone();
        for (name, value) in &mut values {
            if name != ROOT {
                let length = STANDARD.decode(&*value).map_or(32, |bytes| bytes.len());
                *value = STANDARD.encode(self.seed.bytes(length)).into_bytes();
            }
        }
        self.write("kubectl-edit", &values, version, now);
    }

    /// Somebody writes a word that is to be replaced into every field.
    pub(super) fn placehold(&mut self, version: u64, now: Timestamp) {
        let values = self.right.keys().map(|name| (name.clone(), b"CHANGEME".to_vec())).collect();
        self.write("placeholder", &values, version, now);
    }

    /// The fields with shares are gone.
    pub(super) fn lose(&mut self, version: u64, now: Timestamp) {
        let mut values = self.right.clone();
        values.retain(|name, _| name == ROOT);
        self.write("kubectl-edit", &values, version, now);
    }

    fn write(&mut self, manager: &str, values: &Values, version: u64, now: Timestamp) {
        let fields: Map<String, Value> = values.keys().map(|name| (format!("f:{name}"), json!({}))).collect();
        let entry = json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "time": stamp(now),
            "fieldsType": "FieldsV1", "fieldsV1": {"f:data": Value::Object(fields)}});
        if self.object.is_none() {
            self.object = Some(json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {
                "name": self.name, "namespace": self.namespace, "uid": self.seed.uuid(),
                "creationTimestamp": stamp(now), "managedFields": []}}));
        }
        let Some(object) = &mut self.object else { return };
        if let Some(Value::Array(owners)) = object.pointer_mut("/metadata/managedFields") {
            owners.push(entry);
        }
        set(object, "/metadata", "resourceVersion", json!(version.to_string()));
        set(object, "", "data", encoded(values.iter()));
    }

    fn uid(&self) -> String {
        let uid = self.object.as_ref().and_then(|o| o.pointer("/metadata/uid")?.as_str());
        uid.unwrap_or_default().to_owned()
    }

    /// A captured object with our names, values and times. `before` tells what of it is old.
    fn replay(&self, captured: &Value, uid: &str, before: Option<&Value>, version: u64, now: Timestamp) -> Value {
        let mut object = captured.clone();
        for (key, value) in [
            ("name", json!(self.name)),
            ("namespace", json!(self.namespace)),
            ("uid", json!(uid)),
            ("resourceVersion", json!(version.to_string())),
            ("creationTimestamp", json!(stamp(now))),
        ] {
            set(&mut object, "/metadata", key, value);
        }
        let lived = before.unwrap_or(captured).get("data").cloned().unwrap_or_default();
        let lives = captured.get("data").cloned().unwrap_or_default();
        let counterpart = |name: &str| if name == ROOT && lived.get(ROOT).is_some() { ROOT } else { SHARE };
        let empty = Vec::new();
        let kept = self.right.iter().filter_map(|(name, value)| {
            let there = lives.get(counterpart(name))?.as_str()?;
            Some((name, if there.is_empty() { &empty } else { value }))
        });
        let data = encoded(kept);
        if data.as_object().is_some_and(Map::is_empty) {
            if let Some(map) = object.as_object_mut() {
                map.remove("data");
            }
        } else {
            set(&mut object, "", "data", data);
        }
        let old = before.and_then(|before| before.pointer("/metadata/managedFields")?.as_array().cloned());
        if let Some(Value::Array(owners)) = object.pointer_mut("/metadata/managedFields") {
            for owner in owners {
                self.readdress(owner, old.as_deref().unwrap_or_default(), now);
            }
        }
        self.reapply(&mut object);
        object
    }

    /// One entry of `managedFields`: our field names, our times.
    fn readdress(&self, owner: &mut Value, old: &[Value], now: Timestamp) {
        let same = |other: &&Value| ["manager", "operation", "time"].iter().all(|key| other.get(key) == owner.get(key));
        let at = if old.iter().find(same).is_some() { self.written } else { now };
        if let Some(time) = owner.get_mut("time") {
            *time = json!(stamp(at));
        }
        for field in ["f:data", "f:stringData"] {
            let Some(Value::Object(owned)) = owner.pointer_mut(&format!("/fieldsV1/{field}")) else { continue };
            if let Some(leaf) = owned.remove(&format!("f:{SHARE}")) {
                for name in self.right.keys().filter(|name| *name != ROOT) {
                    owned.insert(format!("f:{name}"), leaf.clone());
                }
            }
            if !self.right.contains_key(ROOT) {
                owned.remove(&format!("f:{ROOT}"));
            }
        }
    }

    /// The annotation of client-side apply holds the manifest: with our names, and with our values where it had values.
    fn reapply(&self, object: &mut Value) {
        const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
        let annotations = object.pointer_mut("/metadata/annotations");
        let Some(Value::String(text)) = annotations.and_then(|all| all.get_mut(ANNOTATION)) else { return };
        let Ok(mut manifest) = serde_json::from_str::<Value>(text) else { return };
        set(&mut manifest, "/metadata", "name", json!(self.name));
        set(&mut manifest, "/metadata", "namespace", json!(self.namespace));
        if let Some(applied) = manifest.get("data").filter(|data| data.is_object()).cloned() {
            let empty = Vec::new();
            let ours = self.right.iter().filter_map(|(name, value)| {
                let there = applied.get(if name == ROOT { ROOT } else { SHARE })?.as_str()?;
                Some((name, if there.is_empty() { &empty } else { value }))
            });
            set(&mut manifest, "", "data", encoded(ours));
        }
        *text = format!("{manifest}\n");
    }
}

/// `before` or `after` of the captured pair.
fn side(way: Way, side: &str) -> Value {
    let text = match way {
        Way::SameManagerApply => include_str!("../../../assets/sandbox/secrets/04-same-manager-apply.json"),
        Way::ClientApply => include_str!("../../../assets/sandbox/secrets/02-client-apply.json"),
        Way::ClientThenServerApply => {
            include_str!("../../../assets/sandbox/secrets/08-client-then-server-apply.json")
        }
        Way::Replace => include_str!("../../../assets/sandbox/secrets/13-replace.json"),
        Way::JsonPatch => include_str!("../../../assets/sandbox/secrets/14-json-patch.json"),
        Way::Recreate => include_str!("../../../assets/sandbox/secrets/15-recreate.json"),
        Way::EmptyValue => include_str!("../../../assets/sandbox/secrets/12-empty-value.json"),
        Way::ForcedEmptyValue => include_str!("../../../assets/sandbox/secrets/11-server-apply-empty-value.json"),
    };
    let mut pair: Value = serde_json::from_str(text).unwrap_or_default();
    pair.get_mut(side).map(Value::take).unwrap_or_default()
}

fn set(object: &mut Value, at: &str, key: &str, value: Value) {
    if let Some(Value::Object(map)) = object.pointer_mut(at) {
        map.insert(key.to_owned(), value);
    }
}

fn encoded<'a>(values: impl Iterator<Item = (&'a String, &'a Vec<u8>)>) -> Value {
    Value::Object(values.map(|(name, value)| (name.clone(), json!(STANDARD.encode(value)))).collect())
}

/// As Kubernetes writes times: whole seconds.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
