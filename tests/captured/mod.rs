//! Captured objects as a model: all that was in sight at one moment of a capture, with what its story says beside it.

pub mod eso;
pub mod vso;

use std::collections::BTreeMap;
use std::path::Path;

use baowatch::app::id::ObjectRef;
use baowatch::app::model::Model;
use baowatch::app::model::engines::{EnginesSeen, Place, StaticRoleSeen};
use baowatch::app::model::observed::Observed;
use baowatch::app::model::paths::{EngineKind, PathSeen, PathState, PathsSeen, VaultPath};
use baowatch::app::model::seal::{Replica, SealAnswer};
use baowatch::app::model::secrets::{Changed, Evidence, Marks, SecretSeen};
use baowatch::app::model::sync::{EventSeen, Operator, OperatorSeen, OperatorsSeen, SyncSeen};
use baowatch::app::model::table::Table;
use baowatch::app::sync::Word;
use baowatch::backends::kube::sync_digest::{digest, event};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::world;

/// What was so beside the object, in the vault and in the cluster. Times are of the day of the captures.
#[derive(PartialEq)]
pub enum Beside {
    /// `current_version` of this path of mount `kv`, and when it was written.
    Kv(&'static str, &'static str, u64),
    /// Its current version was deleted then.
    Deleted(&'static str, &'static str, u64),
    /// Nothing is there.
    Absent(&'static str),
    /// The static role was last rotated then, in seconds since the epoch; the look was this long ago.
    Role(&'static str, i64, i64),
    /// The vault is sealed.
    Sealed,
    /// The operators do not run.
    Dead,
    /// This Secret does not exist.
    NoSecret(&'static str),
    /// The data of this Secret was last written then.
    Wrote(&'static str, &'static str),
}

/// One object at one moment, and the truth about it.
pub struct Row {
    pub file: &'static str,
    /// `kind/name`.
    pub object: &'static str,
    pub at: &'static str,
    pub beside: &'static [Beside],
    pub word: Word,
    /// Parts of the reason, and of what else is wrong.
    pub says: &'static [&'static str],
    /// Whole seconds.
    pub lag: Option<i64>,
    /// Whole seconds.
    pub of: Option<i64>,
}

/// A moment of that day.
pub fn on_the_day(time: &str) -> Timestamp {
    format!("2026-11-22T{time}Z").parse().unwrap()
}

/// What one file holds.
pub struct Capture {
    /// Objects with the moment at which they looked so.
    pub objects: Vec<(Timestamp, Value)>,
    pub events: Vec<EventSeen>,
    /// The same Events as the API serves them.
    pub told: Vec<Value>,
}

pub fn files() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut found = Vec::new();
    for folder in ["vso", "eso"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            found.push(format!("{folder}/{}", name.trim_end_matches(".yaml")));
        }
    }
    found.sort();
    found
}

pub fn load(file: &str) -> Capture {
    let all = files();
    let name = all.iter().find(|name| name.starts_with(file)).unwrap_or_else(|| panic!("no capture {file}"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{name}.yaml"));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut capture = Capture { objects: Vec::new(), events: Vec::new(), told: Vec::new() };
    for document in text.split("\n---\n").skip(1) {
        let value: Value =
            serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{name}: {error}\n{document}"));
        if value.get("kind").is_some() {
            let said = document.lines().find_map(|line| line.strip_prefix("# as it was at ")).unwrap();
            capture.objects.push((on_the_day(said.split('Z').next().unwrap()), value.clone()));
        }
        for flat in value.get("events").and_then(Value::as_array).into_iter().flatten() {
            let told = event_object(name, flat);
            capture.events.extend(event(&told));
            capture.told.push(told);
        }
    }
    capture
}

/// The Event as the API serves it, from the flat form of the file.
fn event_object(file: &str, flat: &Value) -> Value {
    let vso = file.starts_with("vso");
    let (kind, name) = flat["object"].as_str().unwrap().split_once('/').unwrap();
    json!({
        "involvedObject": {
            "apiVersion": if vso { "secrets.hashicorp.com/v1beta1" } else { "external-secrets.io/v1" },
            "kind": kind, "name": name, "namespace": if vso { "shop" } else { "pay" },
        },
        "reason": flat["reason"], "type": flat["type"], "message": flat["message"], "count": flat["count"],
        "firstTimestamp": flat["firstTimestamp"], "lastTimestamp": flat["lastTimestamp"],
    })
}

/// All that was in sight at the moment of the row.
pub fn model(row: &Row) -> (Model, SyncSeen, Timestamp) {
    let now = on_the_day(row.at);
    let capture = load(row.file);
    let base = if row.file.starts_with("vso") { load("vso/01") } else { load("eso/01") };
    let mut sync: BTreeMap<ObjectRef, (SyncSeen, Value)> = BTreeMap::new();
    let ways = ["VaultAuth", "VaultConnection", "SecretStore"];
    let beneath = base.objects.into_iter().filter(|(_, object)| ways.contains(&object["kind"].as_str().unwrap()));
    let here = capture.objects.iter().filter(|(at, _)| *at <= now).cloned();
    let mut secrets: BTreeMap<ObjectRef, SecretSeen> = BTreeMap::new();
    for (_, object) in beneath.chain(here) {
        if object["kind"] == "Secret" {
            let seen = secret(&object);
            secrets.insert(seen.object.clone(), seen);
        } else {
            let seen = digest(&object).unwrap();
            sync.insert(seen.object.clone(), (seen, object));
        }
    }
    for (seen, object) in sync.values() {
        if let Some(name) = seen.secret.as_ref().filter(|_| was_written(object)) {
            secrets.entry(name.clone()).or_insert_with(|| held(name, seen));
        }
    }
    let mut model = Model {
        operators: Some(Observed::new(operators(&capture, row, now), now)),
        replicas: vec![replica(row.beside.iter().any(|fact| matches!(fact, Beside::Sealed)), now)],
        ..Model::default()
    };
    let (kind, name) = row.object.split_once('/').unwrap();
    let namespace = if row.file.starts_with("vso") { "shop" } else { "pay" };
    let seen = sync
        .get(&ObjectRef::new(kind, namespace, name))
        .unwrap_or_else(|| panic!("{} has no {}", row.file, row.object));
    let seen = seen.0.clone();
    for fact in row.beside {
        tell(&mut model, &mut secrets, fact, namespace, now);
    }
    model.sync = Some(Table::new(sync.into_values().map(|(seen, _)| seen), now));
    model.secrets = Some(Table::new(secrets.into_values(), now));
    (model, seen, now)
}

fn tell(
    model: &mut Model,
    secrets: &mut BTreeMap<ObjectRef, SecretSeen>,
    fact: &Beside,
    namespace: &str,
    now: Timestamp,
) {
    let mut put = |path: &str, found: PathState| {
        let path = VaultPath { namespace: "".into(), mount: "kv".into(), path: path.into(), engine: EngineKind::Kv2 };
        let seen = model.paths.get_or_insert_with(|| Observed::new(PathsSeen::default(), now));
        seen.value.found.push(PathSeen { path, found: Ok(found), at: now - SignedDuration::from_secs(1) });
    };
    match fact {
        Beside::Kv(path, written, version) => put(
            path,
            PathState::Present {
                updated: Some(on_the_day(written)),
                version: *version,
                deleted: None,
                destroyed: false,
            },
        ),
        Beside::Deleted(path, when, version) => put(
            path,
            PathState::Present {
                updated: Some(on_the_day(when)),
                version: *version,
                deleted: Some(on_the_day(when)),
                destroyed: false,
            },
        ),
        Beside::Absent(path) => put(path, PathState::Absent),
        Beside::Role(role, rotated, ago) => {
            let role = StaticRoleSeen {
                place: Place { namespace: String::new(), mount: "database".into() },
                at: now - SignedDuration::from_secs(*ago),
                role: (*role).into(),
                username: (*role).into(),
                connection: "pg".into(),
                // The vault says it with nanoseconds, the status of the object in whole seconds.
                rotated: Some(Timestamp::from_second(*rotated).unwrap() + SignedDuration::from_millis(747)),
                period: None,
                schedule: None,
            };
            let seen = EnginesSeen { static_roles: vec![role], ..EnginesSeen::default() };
            model.engines = Some(Observed::new(seen, now - SignedDuration::from_secs(*ago)));
        }
        Beside::NoSecret(name) => drop(secrets.remove(&ObjectRef::secret(namespace, name))),
        Beside::Wrote(name, when) => {
            let secret = secrets.get_mut(&ObjectRef::secret(namespace, name)).unwrap();
            secret.changed = Some(Changed { at: on_the_day(when), by: Evidence::Synced });
        }
        Beside::Sealed | Beside::Dead => {}
    }
}

/// Whether the operator ever wrote the Secret, by its own account.
pub fn was_written(object: &Value) -> bool {
    let status = &object["status"];
    let synced = status["conditions"].as_array().into_iter().flatten();
    let synced = synced.clone().any(|c| c["type"] == "SecretSynced" && c["status"] == "True");
    let bound = status["binding"]["name"].as_str().is_some_and(|name| !name.is_empty());
    synced || bound || status["secretMAC"].is_string() || status["lastRenewalTime"].as_i64().is_some_and(|at| at > 0)
}

fn secret(object: &Value) -> SecretSeen {
    let meta = &object["metadata"];
    let namespace = meta["namespace"].as_str().unwrap();
    let owner = meta["ownerReferences"].as_array().and_then(|owners| owners.first());
    let created = meta["creationTimestamp"].as_str().unwrap().parse().unwrap();
    SecretSeen {
        object: ObjectRef::secret(namespace, meta["name"].as_str().unwrap()),
        uid: meta["uid"].as_str().unwrap_or_default().into(),
        version: "1".into(),
        created: Some(created),
        keys: object["data"].as_object().into_iter().flatten().map(|(key, _)| key.as_str().into()).collect(),
        changed: Some(Changed { at: created, by: Evidence::Created }),
        writer: owner
            .map(|owner| ObjectRef::new(owner["kind"].as_str().unwrap(), namespace, owner["name"].as_str().unwrap())),
        deleting: false,
        marks: Marks::default(),
    }
}

/// The Secret of an object that wrote one, where the capture does not show it.
fn held(name: &ObjectRef, seen: &SyncSeen) -> SecretSeen {
    let at = seen.created.unwrap();
    SecretSeen {
        object: name.clone(),
        uid: "made".into(),
        version: "1".into(),
        created: seen.created,
        keys: vec!["_raw".into(), "value".into()],
        changed: Some(Changed { at, by: Evidence::Created }),
        writer: Some(seen.object.clone()),
        deleting: false,
        marks: Marks::default(),
    }
}

fn operators(capture: &Capture, row: &Row, now: Timestamp) -> OperatorsSeen {
    let dead = row.beside.iter().any(|fact| matches!(fact, Beside::Dead));
    let found = [(Operator::Vso, "vso", "1.4.1"), (Operator::Eso, "eso", "v2.9.0")].map(|(operator, name, version)| {
        OperatorSeen {
            operator,
            object: ObjectRef::new("Deployment", "operators", name),
            wanted: 1,
            ready: u32::from(!dead),
            since: (!dead).then(|| on_the_day("05:47:08")),
            version: version.into(),
        }
    });
    // A file holds the Events of its whole window: of those that went on, only the first time is known to be past.
    let past = capture.events.iter().filter(|event| event.first <= Some(now)).cloned().map(|event| {
        let last = if event.last <= Some(now) { event.last } else { event.first };
        EventSeen { last, ..event }
    });
    OperatorsSeen { found: found.to_vec(), events: past.collect() }
}

fn replica(sealed: bool, now: Timestamp) -> Replica {
    let answer = SealAnswer::Said(world::seal(sealed, None));
    Replica { name: "openbao-0".into(), answer: Some(Observed::new(answer, now)), since: None }
}
