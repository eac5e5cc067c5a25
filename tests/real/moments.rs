//! Every captured object written with its status into the real API server, its times moved to now, beside a real vault that
//! holds what it held then: what the real program shows of each is the truth that the table test holds it to.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use baowatch::app::runtime::clock::now;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::captured::Row;
use crate::lab::{Lab, Vault, left_out};
use crate::outage::Console;
use crate::prove::{ask, root};
use crate::stage::{Deed, Phase, Scene, Server, lags, rows, scenes, short, shown, status};

/// Stands in every value; none may ever be seen.
const CANARY: &str = "canary-77b1c0de";

/// Until here a deed is done at its own distance from the moment; what is older is done at once.
const WINDOW: SignedDuration = SignedDuration::from_secs(52);

/// How long after the moment its rows are looked for: then too much has passed for the shortest cadences.
const LOOKS: SignedDuration = SignedDuration::from_secs(12);

/// The cluster and the vault of this test.
struct Stage {
    vault: Vault,
    server: Server,
    scenes: Vec<Scene>,
    uids: BTreeMap<String, String>,
}

fn key(namespace: &str, object: &Value) -> String {
    let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
    format!("{namespace}/{name} {kind}")
}

impl Stage {
    async fn new() -> Self {
        let lab: &'static Lab = Box::leak(Box::new(Lab::start()));
        let mut vault = lab.vault(json!({"replicas": 1}));
        let server = Server::of(&lab.kubeconfig).await;
        for file in ["vso.yaml", "eso.yaml"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/crds").join(file);
            let path = path.display().to_string();
            lab.kubectl(&["apply", "-f", &path], "");
            lab.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &path], "");
        }
        put(&vault, "sys/mounts/kv", &json!({"type": "kv", "options": {"version": "2"}}));
        // Moments in which nobody saw the vault's metadata lie where this token may not read.
        let policy = "path \"kv/metadata/s*\" { capabilities = [\"read\"] }";
        put(&vault, "sys/policies/acl/lifeguard", &json!({"policy": policy}));
        let asked = json!({"policies": ["lifeguard"], "no_default_policy": true});
        let made = put(&vault, "auth/token/create", &asked);
        let file = vault.home.path().join("token");
        std::fs::write(&file, made["auth"]["client_token"].as_str().unwrap()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (namespace, name, file) = (&vault.namespace, &vault.name, file.display());
        vault.configure(&format!(
            "clusters:\n  lab:\n    vault:\n      namespace: {namespace}\n      name: {name}\n      tokenFile: {file}\n    \
             watch:\n      pathsPerMinute: 2000\n"
        ));
        Self { vault, server, scenes: scenes(), uids: BTreeMap::new() }
    }

    /// Namespaces, operators, and every object without its status; the vault's past that has no time of its own.
    async fn set(&mut self, at: Timestamp) {
        let mut first: Vec<Value> =
            self.scenes.iter().map(|scene| scene.namespace.as_str()).chain(["operators"]).map(namespace).collect();
        self.server.all(std::mem::take(&mut first)).await;
        self.server.all(vec![operator("vault-secrets-operator", "1.4.1"), operator("external-secrets", "v2.9.0")]).await;
        let foreign = self.scenes.iter().flat_map(|scene| {
            let strangers = scene.secrets.iter().filter(|(_, secret)| secret.owner.is_none());
            strangers.map(|(name, secret)| scene.secret(name, secret, None, CANARY))
        });
        self.server.all(foreign.collect()).await;
        let objects = self.scenes.iter().flat_map(|scene| {
            scene.objects.iter().map(|object| scene.created(object, at))
        });
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        for (object, uid) in self.server.all(objects.collect()).await {
            self.uids.insert(key(object["metadata"]["namespace"].as_str().unwrap(), &object), uid);
        }
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let owned = self.scenes.iter().flat_map(|scene| {
            let owned = scene.secrets.iter().filter(|(_, secret)| secret.owner.is_some());
            owned.map(|(name, secret)| {
                let owner = secret.owner.as_ref().map(|(kind, owner)| format!("{}/{owner} {kind}", scene.namespace));
                scene.secret(name, secret, owner.and_then(|owner| self.uids.get(&owner)).map(String::as_str), CANARY)
            })
        });
        self.server.all(owned.collect()).await;
    }

    /// Statuses and Events as of their moments.
    async fn tell(&self, moments: &dyn Fn(Phase) -> Timestamp) {
        use futures::StreamExt as _;
        let mut events = Vec::new();
        let mut writes = Vec::new();
        for scene in &self.scenes {
            let now = moments(scene.phase);
            events.extend(scene.events.iter().enumerate().map(|(n, event)| scene.event(event, n, now)));
            for object in &scene.objects {
                let made = scene.created(object, now);
                if let Some(end) = made.pointer("/spec/notAfter") {
                    writes.push((made.clone(), json!({"spec": {"notAfter": end}})));
                }
                if let Some(status) = status(object, scene.shift(now)) {
                    writes.push((made, json!({"status": status})));
                }
            }
        }
        self.server.all(events).await;
        let writes = writes.iter().map(|(object, patch)| self.server.patch(object, patch, patch.get("status").is_some()));
        futures::stream::iter(writes).buffer_unordered(16).collect::<Vec<()>>().await;
    }

    /// What has a time of its own before its moment: with the time at which it is done, in that order.
    fn deeds(&self, moments: &dyn Fn(Phase) -> Timestamp) -> Vec<(Timestamp, Deed)> {
        let mut all = Vec::new();
        for scene in &self.scenes {
            let at = moments(scene.phase);
            all.extend(scene.deeds().into_iter().map(|(when, deed)| (when, at, scene.at, deed)));
            for (name, secret) in &scene.secrets {
                if let Some(wrote) = secret.wrote.filter(|wrote| scene.at.duration_since(*wrote) < WINDOW) {
                    all.push((wrote, at, scene.at, Deed::Rewrite(scene.secret(name, secret, None, CANARY))));
                }
            }
        }
        let due = |(when, at, was, deed): (Timestamp, Timestamp, Timestamp, Deed)| {
            let before = was.duration_since(when);
            (if before > WINDOW { Timestamp::MIN } else { at - before }, deed)
        };
        let mut all: Vec<(Timestamp, Deed)> = all.into_iter().map(due).collect();
        all.sort_by_key(|(due, _)| *due);
        all
    }

    async fn act(&self, deed: &Deed) {
        match deed {
            Deed::Put(path) => drop(put(&self.vault, &format!("kv/data/{path}"), &json!({"data": {"value": CANARY}}))),
            Deed::Remove(path) => {
                let (status, answer) = ask(&self.vault, 0, "DELETE", &format!("kv/data/{path}"), &root(&self.vault), &Value::Null);
                assert_eq!(status, 204, "{answer}");
            }
            Deed::Rewrite(secret) => self.server.replace_data(secret).await,
            Deed::Delete(object) => self.server.delete(object).await,
        }
    }

    fn operators(&self, replicas: u32) {
        let count = format!("--replicas={replicas}");
        let lab = self.vault.lab;
        lab.kubectl(&["-n", "operators", "scale", "deployment", "--all", &count], "");
        for _ in 0..100 {
            let said = lab.kubectl(&["-n", "operators", "get", "deployments", "-o", "jsonpath={.items[*].status.readyReplicas}"], "");
            let ready = said.split_whitespace().filter(|ready| *ready != "0").count();
            if ready == if replicas == 0 { 0 } else { 2 } {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the operators' pods never got there");
    }

    /// Looks until every row of the phase was seen as it is, or too much time has passed; what was never seen so.
    fn look(&self, phase: Phase, console: &Console, moment: Timestamp) -> BTreeMap<String, Vec<String>> {
        let mut wrong = BTreeMap::new();
        loop {
            let at = now();
            let seen = shown(&console.screen());
            let drift = at.duration_since(moment).as_secs() + 1;
            let mut left = BTreeMap::new();
            for scene in self.scenes.iter().filter(|scene| scene.phase == phase) {
                for row in &scene.rows {
                    let id = id(row, scene);
                    if at == moment || wrong.get(&id).is_some_and(Vec::is_empty) {
                        left.insert(id, Vec::new());
                        continue;
                    }
                    let (kind, name) = row.object.split_once('/').unwrap();
                    let found = seen.get(&format!("{}/{name} {}", scene.namespace, short(kind)));
                    left.insert(id, lies(row, scene, found, moment, drift));
                }
            }
            wrong = left;
            if wrong.values().all(Vec::is_empty) || at > moment + LOOKS {
                wrong.retain(|_, lies| !lies.is_empty());
                return wrong;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn id(row: &Row, scene: &Scene) -> String {
    format!("{} {} at {} ({})", row.file, row.object, row.at, scene.namespace)
}

fn lies(row: &Row, scene: &Scene, found: Option<&crate::stage::Shown>, moment: Timestamp, drift: i64) -> Vec<String> {
    let Some(found) = found else { return vec!["is not on the screen".into()] };
    let mut lies = Vec::new();
    if found.word != row.word.name() {
        lies.push(format!("word {}, and it is {}: {}", found.word, row.word.name(), found.why));
    }
    if !lags(&found.lag, row, drift) {
        lies.push(format!("lag `{}`, and it is {:?} of {:?}", found.lag, row.lag, row.of));
    }
    for part in row.says {
        let part = scene.told(part, moment);
        if !found.why.contains(&part) {
            lies.push(format!("says not `{part}`: {}", found.why));
        }
    }
    lies
}

fn put(vault: &Vault, path: &str, body: &Value) -> Value {
    let (status, answer) = ask(vault, 0, "POST", path, &root(vault), body);
    assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
    answer
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn operator(name: &str, version: &str) -> Value {
    let labels = json!({"app.kubernetes.io/name": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "operators", "name": name, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "manager", "image": format!("example/{name}:{version}")}]}}},
    })
}

async fn until(at: Timestamp) {
    let left = at.duration_since(now());
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_captured_object_is_shown_as_it_is() {
    if left_out() {
        return;
    }
    let mut stage = Stage::new().await;
    assert_eq!(stage.scenes.iter().map(|scene| scene.rows.len()).sum::<usize>(), rows().count());
    let began = now();
    // Only distances count while objects are made: their own times are moved when all of them are there.
    for (due, deed) in stage.deeds(&|_| began) {
        if due == Timestamp::MIN {
            stage.act(&deed).await;
        }
    }
    stage.set(began).await;
    eprintln!("set in {:?}", now().duration_since(began));
    let open = Timestamp::from_second(now().as_second() + 56).unwrap();
    let moments = move |phase| match phase {
        Phase::Open => open,
        Phase::Dead => open + SignedDuration::from_secs(17),
        Phase::Sealed => open + SignedDuration::from_secs(36),
    };
    let stage = std::sync::Arc::new(stage);
    let deeds = stage.deeds(&moments);
    let acting = stage.clone();
    let acts = tokio::task::spawn(async move {
        for (due, deed) in deeds.iter().filter(|(due, _)| *due != Timestamp::MIN) {
            until(*due).await;
            acting.act(deed).await;
        }
    });
    stage.tell(&moments).await;
    eprintln!("told in {:?}", now().duration_since(began));

    let mut wrong = BTreeMap::new();
    until(open - SignedDuration::from_secs(3)).await;
    let console = start(&stage);
    wrong.extend(stage.look(Phase::Open, &console, open));
    drop(console);
    stage.operators(0);
    until(moments(Phase::Dead) - SignedDuration::from_secs(3)).await;
    let console = start(&stage);
    wrong.extend(stage.look(Phase::Dead, &console, moments(Phase::Dead)));
    drop(console);
    acts.await.unwrap();
    stage.operators(1);
    let console = start(&stage);
    console.wait_for("in the vault");
    put(&stage.vault, "sys/seal", &json!({}));
    until(moments(Phase::Sealed)).await;
    wrong.extend(stage.look(Phase::Sealed, &console, moments(Phase::Sealed)));
    drop(console);
    let text: Vec<String> = wrong.iter().map(|(row, lies)| format!("{row}:\n    {}", lies.join("\n    "))).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows().count(), text.join("\n"));
}

fn start(stage: &Stage) -> Console {
    let console = Console::start(&stage.vault, 240, 470);
    console.type_in("3");
    console
}
