//! Every captured object written with its status into the real API server, its times moved to now, beside a real vault that
//! holds what it held then: what the real program shows of each is the truth that the table test holds it to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use baowatch::app::runtime::clock::now;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::lab::left_out;
use crate::looked::{Looked, UNTOLD, id, untold};
use crate::outage::Console;
use crate::stage::{Deed, Phase, Scene, rows, shown};
use crate::staged::{CANARY, Moments, Stage, generated, put, until};

/// How long after the moment its rows are looked for: then too much has passed for the shortest cadences.
const LOOKS: SignedDuration = SignedDuration::from_secs(12);

impl Stage {
    /// The scene of a row whose vault is in sight if any is, and the object.
    fn find(&self, file: &str, object: &str, at: &str) -> (&Scene, Value) {
        let tells =
            |scene: &&Arc<Scene>| scene.rows.iter().any(|row| (row.file, row.object, row.at) == (file, object, at));
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
    fn look(&self, phase: Phase, console: &Console, moment: Timestamp) -> Vec<Looked> {
        let scenes = self.scenes.iter().filter(|scene| scene.phase == phase);
        let looked = |scene: &Arc<Scene>| -> Vec<Looked> {
            scene.rows.iter().map(|row| Looked { scene: Arc::clone(scene), row, lies: Vec::new() }).collect()
        };
        let mut left: Vec<Looked> = scenes.flat_map(looked).collect();
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

/// Plays the scenes of the stage and looks at each phase; what was never seen as it is.
async fn play(stage: &Arc<Stage>, moments: Moments, after: &mut dyn FnMut(Phase, Timestamp, Console)) -> Vec<Looked> {
    #[allow(clippy::disallowed_methods, reason = "it ends with the test")]
    let mut lives = Some(tokio::task::spawn(Arc::clone(stage).live(moments)));
    stage.tell(moments).await;
    let mut left = Vec::new();
    for phase in [Phase::Open, Phase::Dead, Phase::Sealed] {
        if stage.scenes.iter().all(|scene| scene.phase != phase) {
            continue;
        }
        let moment = moments.of(phase);
        match phase {
            Phase::Open => {}
            Phase::Dead => stage.operators(0),
            Phase::Sealed => lives.take().unwrap().await.unwrap(),
        }
        // A path is read again after half a minute: who starts before its last change may see it too late.
        until(stage.last(phase, moments)).await;
        let console = start(stage);
        if phase == Phase::Sealed {
            console.wait_for("of 2000 times a minute");
            put(&stage.vault, "sys/seal", &json!({}));
            until(moment).await;
        }
        left.extend(stage.look(phase, &console, moment));
        after(phase, moment, console);
        match phase {
            Phase::Open => {}
            Phase::Dead => stage.operators(1),
            Phase::Sealed => drop(put(&stage.vault, "sys/unseal", &json!({"key": stage.vault.keys()[0]}))),
        }
    }
    if let Some(lives) = lives {
        lives.await.unwrap();
    }
    left
}

/// The scenes of rows that were missed, to be played once more beside what is there.
fn again(missed: &[Looked]) -> Vec<Arc<Scene>> {
    let mut scenes: BTreeMap<&str, Scene> = BTreeMap::new();
    for one in missed {
        let scene = scenes.entry(&one.scene.namespace).or_insert_with(|| Scene {
            namespace: format!("{}r", one.scene.namespace),
            rows: Vec::new(),
            ..Scene::clone(&one.scene)
        });
        scene.rows.push(one.row);
    }
    scenes.into_values().map(Arc::new).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_captured_object_is_shown_as_it_is() {
    if left_out() {
        return;
    }
    let mut stage = Stage::new().await;
    assert_eq!(stage.scenes.iter().map(|scene| scene.rows.len()).sum::<usize>(), rows().count());
    let moments = stage.begin().await;
    let mut stage = Arc::new(stage);
    let (mut fired, mut read, mut lies) = (BTreeSet::new(), 0, Vec::new());
    let first = Arc::clone(&stage);
    let mut left = play(&stage, moments, &mut |phase, moment, console| {
        let old = shown(&console.screen()).remove("extra/old VSS");
        drop(console);
        let (code, document) = first.vault.check(&[]);
        let (more, lying) = first.alarmed(&document, phase, moment);
        let least = match phase {
            Phase::Open => {
                // Version 1 has no metadata: the operator's word is all there is, and that is said.
                let old = old.unwrap();
                assert_eq!(old.word, "synced", "{old:?}");
                assert!(old.why.contains("that is all there is to go by: KV version 1"), "{old:?}");
                fired.extend(first.fires(&document));
                10
            }
            Phase::Dead => 3,
            Phase::Sealed => {
                assert_eq!((code, unjudged(&document)), (2, Vec::new()), "a seal is one alarm: {document:#}");
                1
            }
        };
        assert!(more > least, "{more} reasons were read in full in {phase:?}");
        read += more;
        lies.extend(lying);
    })
    .await;
    drop(first);
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
    left.retain(|one| !untold(one.row));
    // On a busy machine a moment may pass before it was looked at. It is played again: what is wrong stays wrong.
    for _ in 0..2 {
        if left.is_empty() {
            break;
        }
        let set = Arc::get_mut(&mut stage).unwrap();
        eprintln!("{} of {} were missed, once more", left.len(), rows().count());
        set.scenes = again(&left);
        let moments = set.begin().await;
        left = play(&stage, moments, &mut |_, _, _| {}).await;
    }
    lies.extend(left.iter().map(|one| format!("{}: {}", id(one.row, &one.scene), one.lies.join("\n    "))));
    assert!(lies.is_empty(), "{} of {}:\n{}", lies.len(), rows().count(), lies.join("\n"));
    assert!(read > 30, "{read} reasons were read in full");
}

fn start(stage: &Stage) -> Console {
    let console = Console::start(&stage.vault, 300, stage.height());
    console.type_in("3");
    console
}
