//! The scenarios about sync objects: what their files expect of the rules is found in what their objects and answers say,
//! digested as the feeds digest them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::sync::Arc;

use baowatch::app::alerts::{Finding, rules};
use baowatch::app::id::ObjectRef;
use baowatch::app::model::Model;
use baowatch::app::model::observed::Observed;
use baowatch::app::model::paths::{EngineKind, PathSeen, PathState, PathsSeen, VaultPath};
use baowatch::app::model::secrets::{Changed, Evidence, SecretSeen};
use baowatch::app::model::sync::{OperatorsSeen, SyncKind, SyncSeen};
use baowatch::app::model::table::Table;
use baowatch::backends::bao::ask::{Ask, Question};
use baowatch::backends::bao::transport::Transport;
use baowatch::backends::feeds::roster::{Keys, Roster, Shared};
use baowatch::backends::kube::port::{Kind, Kube, Many};
use baowatch::backends::kube::sync_digest::{digest, event, operator};
use baowatch::backends::sandbox::scenario::Scenario;
use baowatch::backends::sandbox::{Sandbox, token};
use serde_json::Value;

const FILES: [(&str, &str); 3] = [
    ("sync-lies", include_str!("../assets/scenarios/sync-lies.toml")),
    ("sync-operator-dead", include_str!("../assets/scenarios/sync-operator-dead.toml")),
    ("sync-external", include_str!("../assets/scenarios/sync-external.toml")),
];

const KINDS: [Kind; 6] = [
    Kind::new("secrets.hashicorp.com", "v1beta1", "VaultStaticSecret", "vaultstaticsecrets"),
    Kind::new("secrets.hashicorp.com", "v1beta1", "VaultAuth", "vaultauths"),
    Kind::new("external-secrets.io", "v1", "ExternalSecret", "externalsecrets"),
    Kind::new("external-secrets.io", "v1", "SecretStore", "secretstores"),
    Kind::new("external-secrets.io", "v1alpha1", "PushSecret", "pushsecrets"),
    Kind::new("", "v1", "Event", "events"),
];

async fn listed(sandbox: &Sandbox, kind: Kind) -> Vec<Value> {
    sandbox.list(&Many::of(kind, None)).await.unwrap_or_default()
}

fn secret(object: &Value) -> SecretSeen {
    let meta = &object["metadata"];
    let namespace = meta["namespace"].as_str().unwrap_or_default();
    let managed = &meta["managedFields"][0];
    let owner = &meta["ownerReferences"][0];
    SecretSeen {
        object: ObjectRef::secret(namespace, meta["name"].as_str().unwrap()),
        uid: String::new(),
        version: String::new(),
        created: meta["creationTimestamp"].as_str().and_then(|at| at.parse().ok()),
        keys: managed["fieldsV1"]["f:data"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.trim_start_matches("f:").to_owned())
            .collect(),
        changed: managed["time"].as_str().map(|at| Changed { at: at.parse().unwrap(), by: Evidence::Managed }),
        writer: owner["kind"].as_str().map(|kind| ObjectRef::new(kind, namespace, owner["name"].as_str().unwrap())),
        deleting: false,
    }
}

async fn path(ask: &Ask, place: VaultPath, now: jiff::Timestamp) -> Option<PathSeen> {
    let question = Question::KvMetadata { mount: place.mount.clone(), path: place.path.clone() };
    let body = ask.ask("", &question).await.unwrap_or_else(|trouble| panic!("{trouble}"))?;
    let data = body.get("data").unwrap_or(&body);
    let version = data["current_version"].as_u64().unwrap();
    let deleted = data["versions"][version.to_string()]["deletion_time"].as_str().and_then(|at| at.parse().ok());
    let updated = data["updated_time"].as_str().and_then(|at| at.parse().ok());
    let found = PathState::Present { updated, version, deleted, destroyed: false };
    Some(PathSeen { path: place, found: Ok(found), at: now })
}

/// What is in sight of the sandbox now.
async fn model(sandbox: &Arc<Sandbox>, scenario: &Scenario) -> Model {
    let now = sandbox.now();
    let (mut sync, mut events) = (Vec::new(), Vec::new());
    for kind in KINDS {
        for object in listed(sandbox, kind).await {
            sync.extend(digest(&object));
            events.extend(event(&object));
        }
    }
    let roster = Roster::new(Shared { members: Some(scenario.vault.members()), selector: None, keys: Keys::Unknown });
    let ask = Ask::new(Arc::clone(sandbox) as Arc<dyn Transport>, roster, Arc::new(token));
    let mut paths = PathsSeen::default();
    let stores: Vec<SyncSeen> =
        sync.iter().filter(|seen: &&SyncSeen| seen.kind == SyncKind::SecretStore).cloned().collect();
    for seen in &sync {
        let store = stores.iter().find(|store| Some(&store.object) == seen.detail.through.as_ref());
        for place in
            seen.places(store).into_iter().filter(|place| place.engine == EngineKind::Kv2 && !place.path.is_empty())
        {
            paths.found.extend(path(&ask, place, now).await);
        }
    }
    let deployments = listed(sandbox, Kind::new("apps", "v1", "Deployment", "deployments")).await;
    let secrets = listed(sandbox, Kind::new("", "v1", "Secret", "secrets")).await;
    let found = deployments.iter().filter_map(|deployment| operator(deployment, &[])).collect();
    Model {
        sync: Some(Table::new(sync, now)),
        operators: Some(Observed::new(OperatorsSeen { found, events }, now)),
        paths: Some(Observed::new(paths, now)),
        secrets: Some(Table::new(secrets.iter().map(secret).collect(), now)),
        ..Model::default()
    }
}

#[tokio::test]
async fn what_the_files_expect_is_found() {
    let ours: Vec<&str> = rules::all().iter().map(|rule| rule.id().0).collect();
    for (name, text) in FILES {
        let scenario = Scenario::parse(name, text).unwrap_or_else(|trouble| panic!("{trouble}"));
        let sandbox = Sandbox::new(&scenario);
        assert!(!scenario.expectations().is_empty());
        for expected in scenario.expectations() {
            sandbox.advance_to(scenario.moment(expected.at));
            let model = model(&sandbox, &scenario).await;
            let now = sandbox.now();
            let firing = |rule: &str| -> Vec<String> {
                assert!(ours.contains(&rule), "{name}: {rule}");
                let judged = rules::find(rule).unwrap().judge(&model, now).into_iter();
                let fired = judged.filter_map(|(object, finding)| match finding {
                    Finding::Firing(firing) => Some(format!("{object}: {} ({})", firing.sentence, firing.why)),
                    Finding::Clear | Finding::Unknown(_) => None,
                });
                fired.collect()
            };
            for rule in &expected.alerts {
                assert!(!firing(rule).is_empty(), "{name} at {}: {rule} is quiet", expected.at);
            }
            for rule in &expected.quiet {
                assert_eq!(firing(rule), Vec::<String>::new(), "{name} at {}: {rule}", expected.at);
            }
        }
    }
}
