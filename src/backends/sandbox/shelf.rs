//! Objects and answers that a scenario writes down itself: custom resources, nodes, workloads, metrics, what the vault
//! answers to a question. Times in them are written relative to the virtual clock.
//!
//! A string `@now-3s` is 3 s before the moment of reading: a heartbeat. `@at-3s` is 3 s before the object was put there.
//! `@now+2h` and `@at+2h` lie after it. With `#` instead of `@` it is a number of seconds since the epoch.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::objects::selects;
use crate::backends::kube::port::{Kind, Many};

/// The objects by plural, namespace and name, and the answers by path.
#[derive(Default)]
pub(super) struct Shelf {
    objects: BTreeMap<(String, String, String), Put>,
    answers: BTreeMap<String, Put>,
    version: u64,
    /// Kinds of which objects have been seen: a kind without objects may still be served.
    served: BTreeSet<String>,
    /// The same with their `apiVersion`.
    versions: BTreeSet<(String, String)>,
}

struct Put {
    value: Value,
    at: Timestamp,
    version: u64,
}

/// The plural of a kind, as the API writes it.
pub(super) fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.as_str() {
        "nodemetrics" => "nodes.metrics".to_owned(),
        "podmetrics" => "pods.metrics".to_owned(),
        other if other.ends_with('y') => format!("{}ies", other.trim_end_matches('y')),
        other if other.ends_with('s') => format!("{other}es"),
        other => format!("{other}s"),
    }
}

impl Shelf {
    /// Puts an object there, or writes over the fields that it names.
    pub(super) fn put(&mut self, object: &Value, at: Timestamp) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let plural = plural(&text("/kind"));
        self.version += 1;
        let version = self.version;
        self.served.insert(plural.clone());
        self.versions.insert((text("/apiVersion"), plural.clone()));
        let key = (plural, text("/metadata/namespace"), text("/metadata/name"));
        match self.objects.get_mut(&key) {
            Some(before) => {
                // Times of what is not written anew stay where they were.
                before.value = stamped(&before.value, before.at);
                merge(&mut before.value, object);
                (before.at, before.version) = (at, version);
            }
            None => {
                self.objects.insert(key, Put { value: object.clone(), at, version });
            }
        }
    }

    /// Takes an object away.
    pub(super) fn remove(&mut self, kind: &str, namespace: &str, name: &str) {
        self.objects.remove(&(plural(kind), namespace.to_owned(), name.to_owned()));
    }

    /// Sets the answer to a question by its path without `/v1/`; `null` takes it away.
    pub(super) fn answer(&mut self, path: &str, value: Value, at: Timestamp) {
        if value.is_null() {
            self.answers.remove(path);
        } else {
            self.answers.insert(path.to_owned(), Put { value, at, version: 0 });
        }
    }

    /// What the vault answers to this path now: a status and a body.
    pub(super) fn answered(&self, path: &str, now: Timestamp) -> Option<(u16, Value)> {
        let found = self.answers.get(path)?;
        let body = rendered(&found.value, found.at, now);
        let status = body.get("status!").and_then(Value::as_u64).map_or(200, |status| status as u16);
        Some((status, body))
    }

    /// The objects of a kind as they are read now; `None` where this API server does not serve it.
    pub(super) fn objects(&self, many: &Many, now: Timestamp) -> Option<Vec<Value>> {
        let plural = if many.kind.group == "metrics.k8s.io" {
            format!("{}.metrics", many.kind.plural)
        } else {
            many.kind.plural.to_owned()
        };
        let own = matches!(many.kind.group, "" | "apps" | "batch" | "policy");
        if !own && !self.served.contains(&plural) {
            return None;
        }
        let here = self.objects.iter().filter(|((kind, namespace, _), _)| {
            *kind == plural && many.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
        });
        let all = here.map(|((_, namespace, name), put)| finished(many.kind, namespace, name, put, now));
        Some(all.filter(|object| selects(&many.labels, &labels(object))).collect())
    }

    /// What is served below `/apis/GROUP/VERSION`: the kinds of the objects that the scenario wrote down.
    pub(super) fn kinds(&self, path: &str) -> Option<Value> {
        let version = path.strip_prefix("/apis/").filter(|rest| rest.matches('/').count() == 1)?;
        let names: Vec<Value> =
            self.versions.iter().filter(|(of, _)| of == version).map(|(_, plural)| json!({"name": plural})).collect();
        (!names.is_empty()).then(|| json!({"resources": names}))
    }

    /// One object by its kind and name.
    #[cfg(test)]
    pub(super) fn object(&self, kind: Kind, namespace: &str, name: &str, now: Timestamp) -> Option<Value> {
        let put = self.objects.get(&(kind.plural.to_owned(), namespace.to_owned(), name.to_owned()))?;
        Some(finished(kind, namespace, name, put, now))
    }
}

fn finished(kind: Kind, namespace: &str, name: &str, put: &Put, now: Timestamp) -> Value {
    let mut object = rendered(&put.value, put.at, now);
    if let Some(meta) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        meta.entry("uid")
            .or_insert_with(|| json!(super::seed::Seed::of(&format!("{}/{namespace}/{name}", kind.plural)).uuid()));
        meta.entry("resourceVersion").or_insert_with(|| json!((10_000 + put.version).to_string()));
    }
    object
}

/// Writes `with` over `value`, as a merge patch does.
fn merge(value: &mut Value, with: &Value) {
    match (value, with) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, new) in from {
                if new.is_null() {
                    into.remove(key);
                } else {
                    merge(into.entry(key.clone()).or_insert(Value::Null), new);
                }
            }
        }
        (into, new) => *into = new.clone(),
    }
}

/// With every time that is relative to its put written out.
fn stamped(value: &Value, at: Timestamp) -> Value {
    each(value, &|text| text.starts_with("@at").then(|| time(text, "@at", at)).flatten().map(|t| json!(t.to_string())))
}

fn rendered(value: &Value, at: Timestamp, now: Timestamp) -> Value {
    each(value, &|text| {
        let seconds = |moment: Timestamp| json!(moment.as_second());
        let written = |moment: Timestamp| json!(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        time(text, "@now", now)
            .map(written)
            .or_else(|| time(text, "@at", at).map(written))
            .or_else(|| time(text, "#now", now).map(seconds))
            .or_else(|| time(text, "#at", at).map(seconds))
    })
}

/// `@now-3s` with the prefix `@now`.
fn time(text: &str, prefix: &str, from: Timestamp) -> Option<Timestamp> {
    let rest = text.strip_prefix(prefix)?;
    if rest.is_empty() {
        return Some(from);
    }
    let (sign, span) = rest.split_at_checked(1)?;
    let span: SignedDuration = span.parse().ok()?;
    match sign {
        "-" => from.checked_sub(span).ok(),
        "+" => from.checked_add(span).ok(),
        _ => None,
    }
}

fn each(value: &Value, change: &dyn Fn(&str) -> Option<Value>) -> Value {
    match value {
        Value::String(text) => change(text).unwrap_or_else(|| value.clone()),
        Value::Array(items) => items.iter().map(|item| each(item, change)).collect(),
        Value::Object(map) => map.iter().map(|(key, item)| (key.clone(), each(item, change))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    let all = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_move_with_the_clock_or_stay() {
        let (at, now) = (Timestamp::from_second(1_000).unwrap(), Timestamp::from_second(1_060).unwrap());
        let mut shelf = Shelf::default();
        let object = json!({"kind": "Node", "metadata": {"name": "a"}, "x": "@now-5s", "y": "@at-5s", "z": "#now"});
        shelf.put(&object, at);
        let kind = Kind::new("", "v1", "Node", "nodes");
        let seen = shelf.object(kind, "", "a", now).unwrap();
        assert_eq!(
            (&seen["x"], &seen["y"], &seen["z"]),
            (&json!("1970-01-01T00:17:35Z"), &json!("1970-01-01T00:16:35Z"), &json!(1_060))
        );
        shelf.put(&json!({"kind": "Node", "metadata": {"name": "a"}, "z": null, "w": 1}), now);
        let seen = shelf.object(kind, "", "a", now).unwrap();
        assert_eq!((seen.get("z"), &seen["w"]), (None, &json!(1)));
        assert_eq!(seen["y"], json!("1970-01-01T00:16:35Z"));
    }

    #[test]
    fn a_kind_that_nobody_serves_is_absent() {
        let shelf = Shelf::default();
        let now = Timestamp::UNIX_EPOCH;
        let custom = Kind::new("secrets.hashicorp.com", "v1beta1", "VaultAuth", "vaultauths");
        assert!(shelf.objects(&Many::of(custom, None), now).is_none());
        assert_eq!(shelf.objects(&Many::of(Kind::new("", "v1", "Node", "nodes"), None), now), Some(Vec::new()));
        assert_eq!(["VaultAuth", "Policy", "Ingress"].map(plural), ["vaultauths", "policies", "ingresses"]);
    }
}
