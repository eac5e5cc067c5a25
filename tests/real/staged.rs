//! The cluster and the vault in which captured moments are played, each change at its own time before its moment.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use baowatch::app::runtime::clock::now;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::lab::{Own, Vault};
use crate::prove::{ask, root};
use crate::stage::{Deed, Phase, Scene, Server, scenes, status};

/// Stands in every value; none may ever be seen.
pub const CANARY: &str = "canary-77b1c0de";

/// Until here a deed is done at its own distance from the moment; what is older is done at once.
const WINDOW: SignedDuration = SignedDuration::from_secs(52);

/// When each phase is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    open: Timestamp,
}

impl Moments {
    pub fn of(self, phase: Phase) -> Timestamp {
        match phase {
            Phase::Open => self.open,
            Phase::Dead => self.open + SignedDuration::from_secs(28),
            Phase::Sealed => self.open + SignedDuration::from_secs(60),
        }
    }
}

/// The cluster and the vault of this test.
pub struct Stage {
    pub vault: Vault,
    pub server: Server,
    pub scenes: Vec<Arc<Scene>>,
    /// What was made so far, by namespace, name and kind: its uid.
    uids: BTreeMap<String, String>,
    _own: Own,
}

fn key(namespace: &str, object: &Value) -> String {
    let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
    format!("{namespace}/{name} {kind}")
}

impl Stage {
    pub async fn new() -> Self {
        let own = Own::start();
        let lab = own.0;
        let mut vault = lab.vault(json!({"replicas": 1}));
        let server = Server::of(&lab.kubeconfig).await;
        for file in ["vso.yaml", "eso.yaml"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/crds").join(file);
            let path = path.display().to_string();
            lab.kubectl(&["apply", "-f", &path], "");
            lab.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &path], "");
        }
        put(&vault, "sys/mounts/kv", &json!({"type": "kv", "options": {"version": "2"}}));
        put(&vault, "sys/mounts/kv1", &json!({"type": "kv", "options": {"version": "1"}}));
        put(&vault, "kv1/shop/old", &json!({"value": CANARY}));
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
        let scenes = scenes().into_iter().map(Arc::new).collect();
        let stage = Self { vault, server, scenes, uids: BTreeMap::new(), _own: own };
        stage.beside().await;
        stage
    }

    /// The operators, and what is captured nowhere.
    async fn beside(&self) {
        self.server.all(["operators", "extra"].map(namespace).into()).await;
        self.server
            .all(vec![operator("vault-secrets-operator", "1.4.1"), operator("external-secrets", "v2.9.0")])
            .await;
        let at = now();
        let ready =
            |reason: &str| json!([{"type": "Ready", "status": "True", "reason": reason, "lastTransitionTime": at}]);
        for (object, status) in [
            (generated(), json!({"refreshTime": at, "conditions": ready("SecretSynced")})),
            (first_version(), json!({"lastGeneration": 1, "conditions": ready("Ready")})),
        ] {
            let name = object["metadata"]["name"].as_str().unwrap();
            let owner = self.server.create(object.clone()).await;
            let owner =
                json!([{"apiVersion": object["apiVersion"], "kind": object["kind"], "name": name, "uid": owner}]);
            let secret = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"value": CANARY},
                "metadata": {"namespace": "extra", "name": name, "ownerReferences": owner}});
            self.server.create(secret).await;
            self.server.patch(&object, &json!({"status": status}), true).await;
        }
    }

    /// Lines of a screen that shows every object made so far.
    pub fn height(&self) -> u16 {
        u16::try_from(self.uids.len() + 60).unwrap()
    }

    /// Puts there what the scenes begin with; when they are looked at.
    pub async fn begin(&mut self) -> Moments {
        // Only distances count while objects are made: their own times are moved when all of them are there.
        let began = now();
        for (due, deed) in self.deeds(Moments { open: began }) {
            if due == Timestamp::MIN {
                self.act(&deed).await;
            }
        }
        let written = now();
        self.set(began).await;
        // The last write that has a distance of its own is 43 s before the moment. What is older is a minute old by then, and
        // two when the vault is sealed: older than the reads that followed it.
        let open = (now().as_second() + 46).max(written.as_second() + 62);
        Moments { open: Timestamp::from_second(open).unwrap() }
    }

    /// Does what has a time of its own, until all of it is done.
    pub async fn live(self: Arc<Self>, moments: Moments) {
        for (due, deed) in self.deeds(moments) {
            if due != Timestamp::MIN {
                until(due).await;
                self.act(&deed).await;
            }
        }
    }

    /// When the last change of a phase is made.
    pub fn last(&self, phase: Phase, moments: Moments) -> Timestamp {
        let scenes = self.scenes.iter().filter(|scene| scene.phase == phase);
        let due = scenes.flat_map(|scene| due(scene, moments)).map(|(due, _)| due);
        due.max().unwrap_or(Timestamp::MIN)
    }

    /// Namespaces, and every object without its status; the vault's past that has no time of its own.
    async fn set(&mut self, at: Timestamp) {
        self.server.all(self.scenes.iter().map(|scene| namespace(&scene.namespace)).collect()).await;
        let foreign = self.scenes.iter().flat_map(|scene| {
            let strangers = scene.secrets.iter().filter(|(_, secret)| secret.owner.is_none());
            strangers.map(|(name, secret)| scene.first(name, secret, None, CANARY))
        });
        self.server.all(foreign.collect()).await;
        let objects = self.scenes.iter().flat_map(|scene| scene.objects.iter().map(|object| scene.created(object, at)));
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        for (object, uid) in self.server.all(objects.collect()).await {
            self.uids.insert(key(object["metadata"]["namespace"].as_str().unwrap(), &object), uid);
        }
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let owned = self.scenes.iter().flat_map(|scene| {
            let owned = scene.secrets.iter().filter(|(_, secret)| secret.owner.is_some());
            owned.map(|(name, secret)| {
                let owner = secret.owner.as_ref().map(|(kind, owner)| format!("{}/{owner} {kind}", scene.namespace));
                scene.first(name, secret, owner.and_then(|owner| self.uids.get(&owner)).map(String::as_str), CANARY)
            })
        });
        self.server.all(owned.collect()).await;
    }

    /// Statuses and Events as of their moments.
    pub async fn tell(&self, moments: Moments) {
        use futures::StreamExt as _;
        let mut events = Vec::new();
        let mut writes = Vec::new();
        for scene in &self.scenes {
            let now = moments.of(scene.phase);
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
        let writes =
            writes.iter().map(|(object, patch)| self.server.patch(object, patch, patch.get("status").is_some()));
        futures::stream::iter(writes).buffer_unordered(16).collect::<Vec<()>>().await;
    }

    /// What happens before the moments, with the time at which it is done, in that order; what is old, at no time.
    fn deeds(&self, moments: Moments) -> Vec<(Timestamp, Deed)> {
        let mut all: Vec<_> = self.scenes.iter().flat_map(|scene| due(scene, moments)).collect();
        all.sort_by_key(|(due, _)| *due);
        all
    }

    pub async fn act(&self, deed: &Deed) {
        match deed {
            Deed::Put(path) => drop(put(&self.vault, &format!("kv/data/{path}"), &json!({"data": {"value": CANARY}}))),
            Deed::Remove(path) => {
                let (status, answer) =
                    ask(&self.vault, 0, "DELETE", &format!("kv/data/{path}"), &root(&self.vault), &Value::Null);
                assert_eq!(status, 204, "{answer}");
            }
            Deed::Rewrite(secret) => self.server.replace_data(secret).await,
            Deed::Delete(object) => self.server.delete(object).await,
        }
    }

    /// Scales the operators and waits until their pods are so many.
    pub fn operators(&self, replicas: u32) {
        let count = format!("--replicas={replicas}");
        let lab = self.vault.lab;
        lab.kubectl(&["-n", "operators", "scale", "deployment", "--all", &count], "");
        for _ in 0..100 {
            let said = lab.kubectl(
                &["-n", "operators", "get", "deployments", "-o", "jsonpath={.items[*].status.readyReplicas}"],
                "",
            );
            let ready = said.split_whitespace().filter(|ready| *ready != "0").count();
            if ready == if replicas == 0 { 0 } else { 2 } {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the operators' pods never got there");
    }
}

pub fn put(vault: &Vault, path: &str, body: &Value) -> Value {
    let (status, answer) = ask(vault, 0, "POST", path, &root(vault), body);
    assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
    answer
}

/// What is captured nowhere: a value of a generator that is read once, and one of KV version 1.
pub fn generated() -> Value {
    json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "pw", "namespace": "extra"},
        "spec": {"refreshInterval": "0", "dataFrom": [{"sourceRef": {"generatorRef":
            {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": "pw"}}}]}})
}

fn first_version() -> Value {
    json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultStaticSecret",
        "metadata": {"name": "old", "namespace": "extra"},
        "spec": {"type": "kv-v1", "mount": "kv1", "path": "shop/old", "refreshAfter": "1h", "vaultAuthRef": "openbao",
            "destination": {"name": "old", "create": true}}})
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

pub async fn until(at: Timestamp) {
    let left = at.duration_since(now());
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
}

/// What happens in one scene before its moment.
fn due(scene: &Scene, moments: Moments) -> Vec<(Timestamp, Deed)> {
    let due = |when: Timestamp| {
        let old = scene.at.duration_since(when) > WINDOW;
        if old { Timestamp::MIN } else { when + scene.shift(moments.of(scene.phase)) }
    };
    let mut all: Vec<_> = scene.deeds().into_iter().map(|(when, deed)| (due(when), deed)).collect();
    for (name, secret) in &scene.secrets {
        if due(secret.wrote) > Timestamp::MIN {
            all.push((due(secret.wrote), Deed::Rewrite(scene.secret(name, secret, None, CANARY))));
        }
    }
    all
}
