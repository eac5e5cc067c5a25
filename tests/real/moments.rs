//! Every captured object written with its status into the real API server, its times moved to now, beside a real vault that
//! holds what it held then: what the real program shows of each is the truth that the table test holds it to.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use baowatch::app::runtime::clock::now;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::lab::{Own, Vault, left_out};
use crate::looked::{Looked, UNTOLD, id, untold};
use crate::outage::Console;
use crate::prove::{ask, root};
use crate::stage::{Deed, Phase, Scene, Server, rows, scenes, shown, status};

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
    _own: Own,
}

fn key(namespace: &str, object: &Value) -> String {
    let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
    format!("{namespace}/{name} {kind}")
}

impl Stage {
    async fn new() -> Self {
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
        Self { vault, server, scenes: scenes(), uids: BTreeMap::new(), _own: own }
    }

    /// Namespaces, operators, and every object without its status; the vault's past that has no time of its own.
    async fn set(&mut self, at: Timestamp) {
        let mut first: Vec<Value> = self
            .scenes
            .iter()
            .map(|scene| scene.namespace.as_str())
            .chain(["operators", "extra"])
            .map(namespace)
            .collect();
        self.server.all(std::mem::take(&mut first)).await;
        self.server
            .all(vec![operator("vault-secrets-operator", "1.4.1"), operator("external-secrets", "v2.9.0")])
            .await;
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
        for (object, status) in [
            (
                generated(),
                json!({"refreshTime": now(), "conditions": [{"type": "Ready", "status": "True",
                "reason": "SecretSynced", "lastTransitionTime": now()}]}),
            ),
            (
                first_version(),
                json!({"lastGeneration": 1, "conditions": [{"type": "Ready", "status": "True",
                "reason": "Ready", "lastTransitionTime": now()}]}),
            ),
        ] {
            let name = object["metadata"]["name"].as_str().unwrap();
            let owner = self.server.create(object.clone()).await;
            let owner =
                json!([{"apiVersion": object["apiVersion"], "kind": object["kind"], "name": name, "uid": owner}]);
            let secret = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"value": CANARY},
                "metadata": {"namespace": "extra", "name": name, "ownerReferences": owner}});
            self.server.create(secret).await;
            writes.push((object, json!({"status": status})));
        }
        self.server.all(events).await;
        let writes =
            writes.iter().map(|(object, patch)| self.server.patch(object, patch, patch.get("status").is_some()));
        futures::stream::iter(writes).buffer_unordered(16).collect::<Vec<()>>().await;
    }

    /// What has a time of its own before its moment: with the time at which it is done, in that order.
    fn deeds(&self, moments: &dyn Fn(Phase) -> Timestamp) -> Vec<(Timestamp, Deed)> {
        let mut all: Vec<(Timestamp, Deed)> = Vec::new();
        for scene in &self.scenes {
            let at = moments(scene.phase);
            let due = |when: Timestamp| {
                let old = scene.at.duration_since(when) > WINDOW;
                if old { Timestamp::MIN } else { when + scene.shift(at) }
            };
            all.extend(scene.deeds().into_iter().map(|(when, deed)| (due(when), deed)));
            for (name, secret) in &scene.secrets {
                if due(secret.wrote) > Timestamp::MIN {
                    all.push((due(secret.wrote), Deed::Rewrite(scene.secret(name, secret, None, CANARY))));
                }
            }
        }
        all.sort_by_key(|(due, _)| *due);
        all
    }

    async fn act(&self, deed: &Deed) {
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

    fn operators(&self, replicas: u32) {
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

    /// The scene of a row whose vault is in sight if any is, and the object.
    fn find(&self, file: &str, object: &str, at: &str) -> (&Scene, Value) {
        let tells = |scene: &&Scene| scene.rows.iter().any(|row| (row.file, row.object, row.at) == (file, object, at));
        let scene = self.scenes.iter().filter(tells).max_by_key(|scene| scene.namespace.starts_with('s')).unwrap();
        let (kind, name) = object.split_once('/').unwrap();
        let is = |one: &&Value| one["kind"] == kind && one["metadata"]["name"] == name;
        let mut object = scene.objects.iter().find(is).unwrap().clone();
        object["metadata"]["namespace"] = json!(scene.namespace);
        (scene, object)
    }

    /// Which of the rules fire about their objects.
    fn fires(&self, document: &Value) -> Vec<&'static str> {
        let about = |(rule, file, object, at): &(&'static str, &str, &str, &str)| {
            let (scene, _) = self.find(file, object, at);
            let (kind, name) = object.split_once('/').unwrap();
            fires(document, rule, kind, &scene.namespace, name).then_some(*rule)
        };
        let generator = fires(document, "generator-never-rotates", "ExternalSecret", "extra", "pw");
        FIRES.iter().filter_map(about).chain(generator.then_some("generator-never-rotates")).collect()
    }

    /// What their operators and people do that ends each alarm.
    async fn mend(&self) {
        let green = |kinds: &[&str]| {
            let at = now().strftime("%FT%TZ").to_string();
            let one = |kind: &&str| json!({"type": kind, "status": "True", "reason": kind, "message": "mended", "lastTransitionTime": at});
            json!({"conditions": kinds.iter().map(one).collect::<Vec<_>>(), "valid": true, "error": null})
        };
        for (rule, file, object, at) in FIRES {
            let (scene, object) = self.find(file, object, at);
            match rule {
                "pushsecret-rotates-on-edit" => {
                    self.server.patch(&object, &json!({"spec": {"refreshInterval": "24h"}}), false).await;
                    continue;
                }
                "sync-failed" => self.act(&Deed::Put(format!("{}/shop/nope", scene.namespace))).await,
                _ => {}
            }
            let secret = object["spec"]["destination"]["name"].as_str().filter(|_| rule != "sync-behind");
            if let Some(name) = secret {
                let made = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"value": CANARY},
                    "metadata": {"namespace": scene.namespace, "name": name}});
                self.server.create(made).await;
            }
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            self.server.patch(&object, &json!({"status": green(&["SecretSynced", "Healthy", "Ready"])}), true).await;
        }
        self.server.patch(&generated(), &json!({"spec": {"refreshInterval": "1h"}}), false).await;
    }

    /// Looks until every row of the phase was seen as it is; what was never seen so.
    fn look(&self, phase: Phase, console: &Console, moment: Timestamp) -> Vec<Looked<'_>> {
        let scenes = self.scenes.iter().filter(|scene| scene.phase == phase);
        let mut left: Vec<Looked<'_>> =
            scenes.flat_map(|scene| scene.rows.iter().map(|row| Looked { scene, row, lies: Vec::new() })).collect();
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let (at, seen) = (now(), shown(&console.screen()));
            if at < moment {
                continue;
            }
            let drift = at.duration_since(moment).as_secs() + 1;
            for one in &mut left {
                one.lies = one.of(&seen, moment, drift);
            }
            left.retain(|one| !one.lies.is_empty());
            if at > moment + LOOKS || left.iter().all(|one| untold(one.row)) {
                assert!(!String::from_utf8_lossy(&console.sent()).contains(CANARY), "a value was shown");
                return left;
            }
        }
    }

    /// The whole reasons that `check` tells of what alarms: all that rows say, also where the list cuts it short.
    fn alarmed(&self, document: &Value, phase: Phase, moment: Timestamp) -> (usize, Vec<String>) {
        let (mut read, mut lies) = (0, Vec::new());
        for scene in self.scenes.iter().filter(|scene| scene.phase == phase) {
            for row in scene.rows.iter().filter(|row| !untold(row)) {
                let (kind, name) = row.object.split_once('/').unwrap();
                let subject = json!({"kind": kind, "namespace": scene.namespace, "name": name});
                let alerts = document["alerts"].as_array().unwrap().iter();
                let Some(alert) = alerts.clone().find(|alert| {
                    ["kind", "namespace", "name"].iter().all(|part| alert["subject"][part] == subject[part])
                        && RULES.iter().any(|rule| alert["rule"] == *rule)
                }) else {
                    continue;
                };
                read += 1;
                // What cannot be judged on its own (it fails because the vault was sealed) says why in its sentence.
                let why = format!("{} {}", alert["sentence"].as_str().unwrap(), alert["why"].as_str().unwrap());
                let parts = row.says.iter().map(|part| scene.told(part, moment)).filter(|part| !why.contains(part));
                lies.extend(parts.map(|part| format!("{} says not `{part}`: {why}", id(row, scene))));
            }
        }
        (read, lies)
    }
}

/// Rules about sync objects that tell the whole reason of what they are about.
const RULES: [&str; 6] =
    ["sync-failed", "sync-dropped", "sync-stale", "store-not-ready", "vaultauth-invalid", "pushsecret-rotates-on-edit"];

/// Each with an object about which it fires when everything is open, and which is well after [`Stage::mend`].
const FIRES: [(&str, &str, &str, &str); 6] = [
    ("sync-failed", "vso/04", "VaultStaticSecret/path-missing", "05:50:30"),
    ("sync-dropped", "vso/13", "VaultStaticSecret/create-false-present", "05:55:00"),
    ("sync-behind", "vso/03", "VaultStaticSecret/web-nohmac", "05:49:38"),
    ("store-not-ready", "eso/04", "SecretStore/bad-role", "05:56:40"),
    ("vaultauth-invalid", "vso/09", "VaultAuth/conn-missing", "05:50:30"),
    ("pushsecret-rotates-on-edit", "eso/07", "PushSecret/push-0", "05:55:50"),
];

fn put(vault: &Vault, path: &str, body: &Value) -> Value {
    let (status, answer) = ask(vault, 0, "POST", path, &root(vault), body);
    assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
    answer
}

fn fires(document: &Value, rule: &str, kind: &str, namespace: &str, name: &str) -> bool {
    document["alerts"].as_array().unwrap().iter().any(|alert| {
        let subject = &alert["subject"];
        alert["rule"] == rule
            && alert["state"] != "unknown"
            && (&subject["kind"], &subject["namespace"], &subject["name"])
                == (&json!(kind), &json!(namespace), &json!(name))
    })
}

/// What a seal leaves unjudged: sentences of the rules that each object could raise for it.
fn unjudged(document: &Value) -> Vec<String> {
    let rules = ["sync-failed", "store-not-ready", "vaultauth-invalid"];
    let alerts = document["alerts"].as_array().unwrap().iter();
    let unknown = alerts.filter(|alert| alert["state"] == "unknown" && rules.iter().any(|rule| alert["rule"] == *rule));
    unknown.map(|alert| alert["sentence"].as_str().unwrap().to_owned()).collect()
}

/// What is captured nowhere: a value of a generator that is read once, and one of KV version 1.
fn generated() -> Value {
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
    // The last write that has a distance of its own is 43 s before the moment, and what is older is a minute old by then.
    let open = (now().as_second() + 46).max(began.as_second() + 62);
    let open = Timestamp::from_second(open).unwrap();
    let moments = move |phase| match phase {
        Phase::Open => open,
        Phase::Dead => open + SignedDuration::from_secs(22),
        Phase::Sealed => open + SignedDuration::from_secs(46),
    };
    let stage = std::sync::Arc::new(stage);
    let deeds = stage.deeds(&moments);
    let acting = stage.clone();
    #[allow(clippy::disallowed_methods, reason = "it ends with the test")]
    let acts = tokio::task::spawn(async move {
        for (due, deed) in deeds.iter().filter(|(due, _)| *due != Timestamp::MIN) {
            until(*due).await;
            acting.act(deed).await;
        }
    });
    stage.tell(&moments).await;

    // Early: on a busy machine one round through all paths of the vault takes a while.
    until(open - SignedDuration::from_secs(25)).await;
    let console = start(&stage);
    let mut left = stage.look(Phase::Open, &console, open);
    let old = shown(&console.screen())["extra/old VSS"].clone();
    drop(console);
    // Version 1 has no metadata: the operator's word is all there is, and that is said.
    assert_eq!(old.word, "synced", "{old:?}");
    assert!(old.why.contains("that is all there is to go by: KV version 1"), "{old:?}");
    let (_, document) = stage.vault.check(&[]);
    let mut fired: BTreeSet<&str> = stage.fires(&document).into_iter().collect();
    let (mut read, mut lies) = stage.alarmed(&document, Phase::Open, open);
    stage.operators(0);
    let console = start(&stage);
    left.extend(stage.look(Phase::Dead, &console, moments(Phase::Dead)));
    drop(console);
    let (more, lying) = stage.alarmed(&stage.vault.check(&[]).1, Phase::Dead, moments(Phase::Dead));
    assert!(more > 3, "{more} reasons were read in full without operators");
    (read, lies) = (read + more, [lies, lying].concat());
    acts.await.unwrap();
    stage.operators(1);
    let console = start(&stage);
    console.wait_for("of 2000 times a minute");
    put(&stage.vault, "sys/seal", &json!({}));
    until(moments(Phase::Sealed)).await;
    left.extend(stage.look(Phase::Sealed, &console, moments(Phase::Sealed)));
    drop(console);
    let (code, document) = stage.vault.check(&[]);
    assert_eq!((code, unjudged(&document)), (2, Vec::new()), "a seal is one alarm: {document:#}");
    let (more, lying) = stage.alarmed(&document, Phase::Sealed, moments(Phase::Sealed));
    assert!(more > 1, "{more} reasons were read in full while it was sealed");
    (read, lies) = (read + more, [lies, lying].concat());
    put(&stage.vault, "sys/unseal", &json!({"key": stage.vault.keys()[0]}));
    let after = unjudged(&stage.vault.check(&[]).1);
    assert!(matches!(after.as_slice(), [one] if one.contains("failed while the vault was sealed")), "{after:#?}");
    let (_, document) = stage.vault.check_until("an open vault", &[], |_, document| {
        document["feeds"].as_array().unwrap().iter().any(|feed| feed["name"] == "paths" && feed["state"] == "live")
    });
    fired.extend(stage.fires(&document));
    stage.mend().await;
    let (_, document) = stage.vault.check(&[]);
    let mended = stage.fires(&document);
    assert!(mended.is_empty(), "{mended:?} still fire");
    let all = BTreeSet::from([
        "sync-failed",
        "sync-dropped",
        "sync-behind",
        "store-not-ready",
        "vaultauth-invalid",
        "generator-never-rotates",
        "pushsecret-rotates-on-edit",
    ]);
    assert_eq!(fired, all);
    for (file, object, at, word) in UNTOLD {
        let still =
            left.iter().any(|one| (one.row.file, one.row.object, one.row.at, one.row.word) == (file, object, at, word));
        if !still {
            lies.push(format!("{file} {object} at {at} can be told after all"));
        }
    }
    let wrong = left.iter().filter(|one| !untold(one.row));
    lies.extend(wrong.map(|one| format!("{}: {}", id(one.row, one.scene), one.lies.join("\n    "))));
    assert!(lies.is_empty(), "{} of {}:\n{}", lies.len(), rows().count(), lies.join("\n"));
    assert!(read > 30, "{read} reasons were read in full");
}

fn start(stage: &Stage) -> Console {
    let console = Console::start(&stage.vault, 300, 420);
    console.type_in("3");
    console
}
