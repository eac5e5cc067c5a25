//! Server-side apply in the sandbox, as the real API server does it.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Sandbox;
use super::secret::stamp;
use super::seed::Seed;
use super::world::World;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::apply::MANAGER;
use crate::backends::kube::port::{KubeWrite, SecretApply};

#[async_trait]
impl KubeWrite for Sandbox {
    async fn apply_secret(&self, apply: SecretApply) -> Result<(), Trouble> {
        self.with(|world| world.apply_secret(&apply, None))
    }

    async fn apply_secret_over(&self, version: &str, apply: SecretApply) -> Result<(), Trouble> {
        self.with(|world| world.apply_secret(&apply, Some(version)))
    }

    async fn apply_config_map(
        &self,
        manager: &str,
        namespace: &str,
        name: &str,
        data: Vec<(String, String)>,
    ) -> Result<(), Trouble> {
        self.with(|world| {
            world.gate("patch", "", "configmaps", namespace, Some(name))?;
            let now = world.now;
            let version = world.cluster.next_version();
            let wanted = Wanted {
                kind: "ConfigMap",
                namespace,
                name,
                manager,
                data: data.into_iter().map(|(name, value)| (name, json!(value))).collect(),
                immutable: false,
                over: None,
            };
            let held = world.config_maps.entry((namespace.to_owned(), name.to_owned())).or_default();
            wanted.apply(held, version, now)?;
            world.tell();
            Ok(())
        })
    }
}

impl World {
    fn apply_secret(&mut self, apply: &SecretApply, over: Option<&str>) -> Result<(), Trouble> {
        self.gate("patch", "", "secrets", &apply.namespace, Some(&apply.name))?;
        let (now, version) = (self.now, self.cluster.next_version());
        let Some(secret) =
            self.cluster.secret.as_mut().filter(|s| s.namespace == apply.namespace && s.name == apply.name)
        else {
            return Err(refused(
                &format!("Secret {}/{} cannot be written", apply.namespace, apply.name),
                "the sandbox has one Secret only, the one with the keys",
            ));
        };
        let wanted = Wanted {
            kind: "Secret",
            namespace: &apply.namespace,
            name: &apply.name,
            manager: MANAGER,
            data: apply
                .fields
                .iter()
                .map(|(name, value)| (name.clone(), json!(STANDARD.encode(value.as_slice()))))
                .collect(),
            immutable: apply.immutable,
            over,
        };
        wanted.apply(secret.stored(), version, now)?;
        self.tell();
        Ok(())
    }
}

fn refused(what: &str, why: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, why, "Ask for the plan anew; nothing was written")
}

/// What somebody applies, by force.
struct Wanted<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
    manager: &'a str,
    data: Map<String, Value>,
    immutable: bool,
    over: Option<&'a str>,
}

impl Wanted<'_> {
    fn apply(&self, held: &mut Option<Value>, version: u64, now: Timestamp) -> Result<(), Trouble> {
        let what = format!("{} {}/{} cannot be written", self.kind, self.namespace, self.name);
        let found = held.as_ref().and_then(|object| object.pointer("/metadata/resourceVersion")?.as_str());
        if self.over.is_some() && self.over != found {
            return Err(refused(&what, "somebody wrote it between the last look and this write (409)"));
        }
        let before = held.clone().unwrap_or_else(|| self.fresh(version, now));
        let mut object = before.clone();
        let lost = self.given_up(&object);
        let mut data = object.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
        let old = data.clone();
        data.retain(|name, _| !lost.contains(name));
        data.extend(self.data.clone());
        if object.get("immutable") == Some(&json!(true)) && data != old {
            let next = "Delete it first, then ask for the plan anew; running pods may keep the old value until they are \
                        replaced. Nothing was written";
            let why = "it is immutable: what is in it cannot be changed, by anybody (422)";
            return Err(Trouble::new(TroubleKind::Refused, &what, why, next));
        }
        self.own(&mut object, &old, now);
        let Some(fields) = object.as_object_mut() else { return Ok(()) };
        fields.insert("data".to_owned(), Value::Object(data));
        if self.immutable {
            fields.insert("immutable".to_owned(), json!(true));
        }
        // An apply that changes nothing leaves no trace, not even a time.
        let same = held.is_some() && timeless(&before) == timeless(&object);
        if !same {
            if let Some(Value::Object(meta)) = object.get_mut("metadata") {
                meta.insert("resourceVersion".to_owned(), json!(version.to_string()));
            }
            *held = Some(object);
        }
        Ok(())
    }

    fn fresh(&self, version: u64, now: Timestamp) -> Value {
        let uid = Seed::of(&format!("{} {}/{} {version}", self.kind, self.namespace, self.name)).uuid();
        let mut object = json!({"apiVersion": "v1", "kind": self.kind, "metadata": {"name": self.name,
            "namespace": self.namespace, "uid": uid, "creationTimestamp": stamp(now), "managedFields": []}});
        if let (true, Some(fields)) = (self.kind == "Secret", object.as_object_mut()) {
            fields.insert("type".to_owned(), json!("Opaque"));
        }
        object
    }

    /// What this manager applied before, names no more, and nobody else owns: an apply takes it away.
    fn given_up(&self, object: &Value) -> Vec<String> {
        let owners = object.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
        let (ours, others): (Vec<&Value>, Vec<&Value>) = owners.iter().partition(|owner| self.is_ours(owner));
        let held: Vec<String> = others.iter().flat_map(|owner| owned(owner)).collect();
        let had = ours.iter().flat_map(|owner| owned(owner));
        had.filter(|name| !self.data.contains_key(name) && !held.contains(name)).collect()
    }

    fn is_ours(&self, owner: &Value) -> bool {
        owner.get("manager") == Some(&json!(self.manager)) && owner.get("operation") == Some(&json!("Apply"))
    }

    /// Whoever owned a field whose value changes owns it no more.
    fn own(&self, object: &mut Value, old: &Map<String, Value>, now: Timestamp) {
        let Some(Value::Array(owners)) = object.pointer_mut("/metadata/managedFields") else { return };
        owners.retain(|owner| !self.is_ours(owner));
        for owner in owners.iter_mut() {
            let Some(Value::Object(theirs)) = owner.pointer_mut("/fieldsV1/f:data") else { continue };
            theirs.retain(|field, _| {
                let name = field.strip_prefix("f:").unwrap_or_default();
                self.data.get(name).is_none_or(|value| old.get(name) == Some(value))
            });
        }
        let fields: Map<String, Value> = self.data.keys().map(|name| (format!("f:{name}"), json!({}))).collect();
        let mut tree = json!({"f:data": fields});
        if let (true, Some(tree)) = (self.immutable, tree.as_object_mut()) {
            tree.insert("f:immutable".to_owned(), json!({}));
        }
        owners.push(json!({"manager": self.manager, "operation": "Apply", "apiVersion": "v1", "time": stamp(now),
            "fieldsType": "FieldsV1", "fieldsV1": tree}));
    }
}

/// Names under `f:data` of one entry.
fn owned(owner: &Value) -> Vec<String> {
    let fields = owner.pointer("/fieldsV1/f:data").and_then(Value::as_object);
    fields.into_iter().flat_map(Map::keys).filter_map(|name| Some(name.strip_prefix("f:")?.to_owned())).collect()
}

fn timeless(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(Value::Array(owners)) = object.pointer_mut("/metadata/managedFields") {
        for owner in owners.iter_mut().filter_map(Value::as_object_mut) {
            owner.remove("time");
        }
    }
    object
}
