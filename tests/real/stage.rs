//! Captured moments as a plan of writes: each in a namespace of its own, with all its times moved so that it is now.

use std::collections::BTreeMap;

use baowatch::app::sync::Word;
use baowatch::backends::kube::sync_digest::digest;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use serde_json::{Map, Value, json};

use crate::captured::{self, Beside, Row, load, on_the_day, was_written};

/// What everything else is while the moment is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Open,
    Dead,
    Sealed,
}

/// One moment of one capture, with what was beside it; several rows may tell of it.
#[derive(Clone)]
pub struct Scene {
    pub namespace: String,
    pub phase: Phase,
    pub file: &'static str,
    pub at: Timestamp,
    pub beside: &'static [Beside],
    pub rows: Vec<&'static Row>,
    pub objects: Vec<Value>,
    pub events: Vec<Value>,
    pub secrets: BTreeMap<String, Written>,
}

/// A Secret: its keys, its owner among the sync objects, when its data was written last.
#[derive(Clone)]
pub struct Written {
    pub keys: Vec<String>,
    pub owner: Option<(String, String)>,
    pub wrote: Timestamp,
}

/// What is done at its own time before the moment.
pub enum Deed {
    Put(String),
    Remove(String),
    Rewrite(Value),
    Delete(Value),
}

const WAYS: [&str; 3] = ["VaultAuth", "VaultConnection", "SecretStore"];

pub fn rows() -> impl Iterator<Item = &'static Row> {
    captured::vso::ROWS.iter().chain(captured::eso::ROWS)
}

fn named(object: &Value) -> (String, String) {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    (object["kind"].as_str().unwrap().to_owned(), name)
}

fn since(object: &Value) -> Timestamp {
    object["metadata"]["creationTimestamp"].as_str().unwrap().parse().unwrap()
}

/// Whether the vault's metadata of the moment is in sight.
fn in_sight(beside: &[Beside]) -> bool {
    beside.iter().any(|fact| matches!(fact, Beside::Kv(..) | Beside::Deleted(..) | Beside::Absent(_)))
}

pub fn scenes() -> Vec<Scene> {
    let mut all: Vec<Scene> = Vec::new();
    for row in rows() {
        let at = on_the_day(row.at);
        if let Some(scene) = all.iter_mut().find(|s| s.file == row.file && s.at == at && s.beside == row.beside) {
            scene.rows.push(row);
            continue;
        }
        let has = |wanted: fn(&Beside) -> bool| row.beside.iter().any(wanted);
        let (phase, letter) = if has(|fact| matches!(fact, Beside::Dead)) {
            (Phase::Dead, 'd')
        } else if has(|fact| matches!(fact, Beside::Sealed)) {
            (Phase::Sealed, 'c')
        } else {
            (Phase::Open, 'o')
        };
        let sight = if in_sight(row.beside) { 's' } else { 'u' };
        let namespace = format!("{sight}{letter}{:03}", all.len());
        all.push(Scene {
            namespace,
            phase,
            file: row.file,
            at,
            beside: row.beside,
            rows: vec![row],
            objects: Vec::new(),
            events: Vec::new(),
            secrets: BTreeMap::new(),
        });
    }
    for scene in &mut all {
        scene.fill();
    }
    all
}

impl Scene {
    /// What was there then: as the table test takes it.
    fn fill(&mut self) {
        let capture = load(self.file);
        let base = if self.file.starts_with("vso") { load("vso/01") } else { load("eso/01") };
        let whole = self.rows.iter().any(|row| WAYS.iter().any(|way| row.object.starts_with(way)));
        let wanted = |key: &(String, String)| {
            whole
                || WAYS.contains(&key.0.as_str())
                || self.rows.iter().any(|row| row.object == format!("{}/{}", key.0, key.1))
        };
        let beneath = base.objects.into_iter().filter(|(_, object)| WAYS.contains(&object["kind"].as_str().unwrap()));
        let here = capture.objects.into_iter().filter(|(at, _)| *at <= self.at);
        let mut objects = BTreeMap::new();
        let mut secrets = BTreeMap::new();
        for (_, object) in beneath.chain(here) {
            let key = named(&object);
            if object["kind"] == "Secret" {
                let keys = object["data"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
                let owner = object["metadata"]["ownerReferences"].as_array().and_then(|owners| owners.first());
                let text = |owner: &Value, key: &str| owner[key].as_str().unwrap().to_owned();
                let owner = owner.map(|owner| (text(owner, "kind"), text(owner, "name")));
                let wrote = since(&object);
                secrets.insert(key.1, Written { keys, owner, wrote });
            } else if wanted(&key) {
                objects.insert(key, object);
            }
        }
        for (key, object) in &objects {
            if let Some(secret) = digest(object).unwrap().secret.filter(|_| was_written(object)) {
                let keys = vec!["_raw".to_owned(), "value".to_owned()];
                let wrote = since(object);
                secrets.entry(secret.name.to_string()).or_insert(Written { keys, owner: Some(key.clone()), wrote });
            }
        }
        for fact in self.beside {
            match fact {
                Beside::NoSecret(name) => drop(secrets.remove(*name)),
                Beside::Wrote(name, when) => secrets.get_mut(*name).unwrap().wrote = on_the_day(when),
                _ => {}
            }
        }
        self.secrets = secrets;
        self.events = capture.told.into_iter().filter(|event| self.past(event, &objects)).collect();
        self.objects = objects.into_values().collect();
    }

    fn past(&self, event: &Value, objects: &BTreeMap<(String, String), Value>) -> bool {
        let about = &event["involvedObject"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let first: Timestamp = event["firstTimestamp"].as_str().unwrap().parse().unwrap();
        first <= self.at && objects.contains_key(&(text(&about["kind"]), text(&about["name"])))
    }

    /// How far its times are moved, in whole seconds: the fraction of a second is the machine's.
    pub fn shift(&self, now: Timestamp) -> SignedDuration {
        SignedDuration::from_secs(now.as_second() - self.at.as_second())
    }

    /// The object as it is created: in this namespace, at this vault's paths, its times moved; without what only a
    /// server writes.
    pub fn created(&self, object: &Value, now: Timestamp) -> Value {
        let mut made = moved(object, self.shift(now));
        let meta = made["metadata"].as_object_mut().unwrap();
        for theirs in ["uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp"] {
            meta.remove(theirs);
        }
        meta.remove("deletionGracePeriodSeconds");
        meta.insert("namespace".into(), json!(self.namespace));
        made.as_object_mut().unwrap().remove("status");
        for place in ["/spec/path", "/spec/data", "/spec/dataFrom"] {
            if let Some(value) = made.pointer_mut(place) {
                self.place(value);
            }
        }
        // Only KV paths have a prefix; engines have none.
        if made["kind"] != "VaultStaticSecret" && made["spec"]["path"].is_string() {
            made["spec"]["path"] = object["spec"]["path"].clone();
        }
        made
    }

    /// Keys of the vault, each under this namespace's name.
    fn place(&self, value: &mut Value) {
        match value {
            Value::String(path) => *path = format!("{}/{path}", self.namespace),
            Value::Array(all) => all.iter_mut().for_each(|one| self.place(one)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    match name.as_str() {
                        "key" | "remoteKey" | "remoteRef" | "extract" | "match" => self.place(field),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    pub fn event(&self, event: &Value, n: usize, now: Timestamp) -> Value {
        // Of those that went on, only the first time is known to be past.
        let mut event = event.clone();
        let last: Timestamp = event["lastTimestamp"].as_str().unwrap().parse().unwrap();
        if last > self.at {
            event["lastTimestamp"] = event["firstTimestamp"].clone();
        }
        let mut event = moved(&event, self.shift(now));
        event["involvedObject"]["namespace"] = json!(self.namespace);
        event["apiVersion"] = json!("v1");
        event["kind"] = json!("Event");
        event["metadata"] = json!({"namespace": self.namespace, "name": format!("e{n}.18")});
        event
    }

    pub fn secret(&self, name: &str, secret: &Written, uid: Option<&str>, value: &str) -> Value {
        let data: Map<String, Value> = secret.keys.iter().map(|key| (key.clone(), json!(value))).collect();
        let owner = secret.owner.as_ref().zip(uid).map(|((kind, owner), uid)| {
            let object = self.objects.iter().find(|object| named(object) == (kind.clone(), owner.clone())).unwrap();
            json!({"apiVersion": object["apiVersion"], "kind": kind, "name": owner, "uid": uid})
        });
        json!({"apiVersion": "v1", "kind": "Secret", "stringData": data,
            "metadata": {"namespace": self.namespace, "name": name, "ownerReferences": owner.map(|owner| [owner])}})
    }

    /// The Secret as it is made: one that holds nothing held something before somebody emptied it.
    pub fn first(&self, name: &str, secret: &Written, uid: Option<&str>, value: &str) -> Value {
        let mut made = self.secret(name, secret, uid, value);
        if secret.keys.is_empty() {
            made["stringData"]["value"] = json!(value);
        }
        made
    }

    /// What happens at a time of its own before the moment, with that time of the capture; KV with its versions.
    pub fn deeds(&self) -> Vec<(Timestamp, Deed)> {
        let mut deeds = Vec::new();
        let place = |path: &str| format!("{}/{path}", self.namespace);
        for fact in self.beside {
            match fact {
                Beside::Kv(path, written, version) => {
                    let written = on_the_day(written);
                    let before = (1..*version).map(|_| (Timestamp::MIN, Deed::Put(place(path))));
                    deeds.extend(before);
                    deeds.push((written, Deed::Put(place(path))));
                }
                Beside::Deleted(path, when, version) => {
                    deeds.extend((0..*version).map(|_| (Timestamp::MIN, Deed::Put(place(path)))));
                    deeds.push((on_the_day(when), Deed::Remove(place(path))));
                }
                _ => {}
            }
        }
        for object in &self.objects {
            if let Some(when) = object["metadata"]["deletionTimestamp"].as_str() {
                let mut gone = object.clone();
                gone["metadata"]["namespace"] = json!(self.namespace);
                deeds.push((when.parse().unwrap(), Deed::Delete(gone)));
            }
        }
        deeds
    }

    /// The whole reason of a row by the table's own model, in this namespace and at this time.
    pub fn reason(&self, row: &Row, now: Timestamp) -> String {
        let (model, seen, then) = captured::model(row);
        let standing = baowatch::app::sync::judge(&model, &seen, then);
        let also = standing.also.map(|also| format!("; {also}")).unwrap_or_default();
        self.told(&format!("{}{also}", standing.why), now)
    }

    /// A part of a reason, in this namespace and at this time.
    pub fn told(&self, part: &str, now: Timestamp) -> String {
        let part = part.split_once("Z, ").map_or(part.to_owned(), |(time, rest)| {
            // The age at its end grows while it is looked at.
            if rest.ends_with(" ago") { format!("{time}Z") } else { part.to_owned() }
        });
        let part = part.replace("kv/", &format!("kv/{}/", self.namespace));
        let part = part.replace(" shop/", &format!(" {}/", self.namespace));
        let part = part.replace(" pay/", &format!(" {}/", self.namespace));
        let part = match part.split_once("2026-11-23") {
            Some((before, _)) => {
                let then = on_the_day(&self.rows[0].at[..8]) + SignedDuration::from_hours(24);
                let then = then - SignedDuration::from_mins(10) + self.shift(now);
                format!("{before}{}", then.strftime("%F"))
            }
            None => part,
        };
        let mut out = String::new();
        let mut rest = part.as_str();
        while let Some(end) = rest.find('Z') {
            let start = end.saturating_sub(8);
            let time = rest.get(start..end).filter(|time| format!("2026-11-22T{time}Z").parse::<Timestamp>().is_ok());
            match time {
                Some(time) => {
                    let then = on_the_day(time) + self.shift(now);
                    out.push_str(&rest[..start]);
                    out.push_str(&baowatch::app::time::moment(now, then));
                }
                None => out.push_str(&rest[..=end]),
            }
            rest = &rest[end + 1..];
        }
        out + rest
    }
}

/// All times in it moved by the same distance: texts in RFC 3339, and seconds since the epoch of that day.
fn moved(value: &Value, by: SignedDuration) -> Value {
    match value {
        Value::String(text) => {
            let time = text.starts_with("2026-11-2").then(|| text.parse::<Timestamp>().ok()).flatten();
            time.map_or_else(|| value.clone(), |time| json!((time + by).to_string()))
        }
        Value::Number(number) => match number.as_i64().filter(|n| (1_795_000_000..1_796_000_000).contains(n)) {
            Some(seconds) => json!(seconds + by.as_secs()),
            None => value.clone(),
        },
        Value::Array(all) => Value::Array(all.iter().map(|one| moved(one, by)).collect()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, field)| (name.clone(), moved(field, by))).collect())
        }
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

/// The API server, past everything that is under test; many writes at once.
#[derive(Clone)]
pub struct Server(kube::Client);

impl Server {
    pub async fn of(kubeconfig: &std::path::Path) -> Self {
        let read = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(read, &options).await.unwrap();
        Self(kube::Client::try_from(config).unwrap())
    }

    fn api(&self, object: &Value) -> Api<DynamicObject> {
        let version = object["apiVersion"].as_str().unwrap();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kind = object["kind"].as_str().unwrap();
        let plural = format!("{}s", kind.to_lowercase());
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), &plural);
        match object["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(self.0.clone(), namespace, &resource),
            None => Api::all_with(self.0.clone(), &resource),
        }
    }

    /// Creates it; its uid.
    pub async fn create(&self, object: Value) -> String {
        let whole: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let made = self.api(&object).create(&PostParams::default(), &whole).await;
        made.unwrap_or_else(|error| panic!("{error}: {object}")).metadata.uid.unwrap()
    }

    /// Sixteen at a time, in no order.
    pub async fn all(&self, objects: Vec<Value>) -> Vec<(Value, String)> {
        let made = objects.into_iter().map(|object| async move {
            let uid = self.create(object.clone()).await;
            (object, uid)
        });
        futures::stream::iter(made).buffer_unordered(16).collect().await
    }

    pub async fn patch(&self, object: &Value, patch: &Value, status: bool) {
        let name = object["metadata"]["name"].as_str().unwrap();
        let (api, parameters, patch) = (self.api(object), PatchParams::default(), Patch::Merge(patch));
        let done = if status {
            api.patch_status(name, &parameters, &patch).await
        } else {
            api.patch(name, &parameters, &patch).await
        };
        done.unwrap_or_else(|error| panic!("{error}: {object}"));
    }

    pub async fn delete(&self, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap();
        self.api(object).delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub async fn replace_data(&self, secret: &Value) {
        let data: Map<String, Value> =
            secret["stringData"].as_object().unwrap().keys().map(|key| (key.clone(), json!("bmV3"))).collect();
        // What is left out of a merge stays: the whole is said to be gone first.
        self.patch(secret, &json!({"data": null}), false).await;
        if !data.is_empty() {
            self.patch(secret, &json!({"data": data}), false).await;
        }
    }
}

/// The status of an object with its times moved, where it has one.
pub fn status(object: &Value, by: SignedDuration) -> Option<Value> {
    object.get("status").filter(|status| !status.is_null()).map(|status| moved(status, by))
}

/// What a row of the Sync pane shows.
#[derive(Debug, Clone)]
pub struct Shown {
    pub word: String,
    pub lag: String,
    pub why: String,
}

/// The rows of the zoomed Sync pane by `namespace/name kind`.
pub fn shown(screen: &str) -> BTreeMap<String, Shown> {
    let mut found = BTreeMap::new();
    let Some(heading) = screen.lines().find(|line| line.contains(" why ") && line.contains(" object ")) else {
        return found;
    };
    let column = |name: &str| {
        let byte = heading.find(name)?;
        Some(heading[..byte].chars().count())
    };
    let (Some(why), Some(kind)) = (column(" why "), column(" kind ")) else { return found };
    let through = column(" through");
    for line in screen.lines() {
        let cells: Vec<char> = line.chars().collect();
        let part = |from: usize, to: usize| -> String {
            cells.get(from..to.min(cells.len())).unwrap_or_default().iter().collect::<String>().trim().to_owned()
        };
        let left = part(0, kind + 1);
        let words: Vec<&str> = left.split_whitespace().collect();
        let [.., word, object] = words.as_slice() else { continue };
        let between = part(kind + 1, why + 1);
        let (short, lag) = between.split_once(' ').unwrap_or((&between, ""));
        let text = part(why + 1, through.unwrap_or(cells.len()));
        let row = Shown { word: (*word).to_owned(), lag: lag.trim().to_owned(), why: text };
        found.insert(format!("{object} {short}"), row);
    }
    found
}

/// The kinds as the pane shortens them.
pub fn short(kind: &str) -> &str {
    match kind {
        "VaultStaticSecret" => "VSS",
        "VaultDynamicSecret" => "VDS",
        "VaultPKISecret" => "PKI",
        "VaultAuth" => "auth",
        "VaultConnection" => "conn",
        "ExternalSecret" => "ES",
        "PushSecret" => "PS",
        _ => "store",
    }
}

/// Whether the shown lag is this one, some seconds later.
pub fn lags(shown: &str, row: &Row, drift: i64) -> bool {
    let quiet = |seconds: i64| match seconds {
        0 => "0s".to_owned(),
        seconds => baowatch::app::time::quiet(SignedDuration::from_secs(seconds)),
    };
    let of = row.of.map(|of| baowatch::app::time::spoken(SignedDuration::from_secs(of)));
    let whole = |lag: String| match &of {
        Some(of) => format!("{lag} of {of}"),
        None => lag,
    };
    match row.lag {
        None => shown.is_empty(),
        Some(0) if row.word == Word::Synced => shown == whole(quiet(0)),
        Some(lag) => (-2..=drift).any(|more| shown == whole(quiet((lag + more).max(0)))),
    }
}

/// A text without its ages: they grow while it is looked at.
pub fn ageless(text: &str) -> String {
    let age = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        word.ends_with(['s', 'm', 'h', 'd'])
            && word.len() > 1
            && word[..word.len() - 1].chars().all(|c| c.is_ascii_digit())
    };
    text.split_whitespace().map(|word| if age(word) { "#" } else { word }).collect::<Vec<_>>().join(" ")
}
