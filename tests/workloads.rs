//! Workloads and the way of their secrets, by tables: which Secret is consumed how, when its data changed, who runs with an
//! older one, whose rollout waits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

#[path = "workloads/rollouts.rs"]
mod rollouts;

use baowatch::app::alerts::{Finding, rules};
use baowatch::app::flow::{Grade, applications};
use baowatch::app::id::{FeedId, ObjectRef};
use baowatch::app::model::Model;
use baowatch::app::model::consumers::{Rollout, Way};
use baowatch::app::model::fact::Fact;
use baowatch::app::model::secrets::{Evidence, SecretSeen};
use baowatch::app::model::sync::{Condition, SyncDetail, SyncKind, SyncSeen};
use baowatch::app::model::table::Delta;
use baowatch::app::workloads::View;
use baowatch::backends::kube::{consumer_digest, pod_digest, secret_digest};
use serde_json::{Value, json};
use world::{at, fed, report};

/// Seconds after the start, as the API writes times.
fn time(seconds: i64) -> String {
    at(seconds).to_string()
}

/// A Secret whose data this manager wrote last at that moment.
fn secret(version: u32, manager: &str, wrote: i64, keys: &[&str]) -> Value {
    let fields: serde_json::Map<String, Value> = keys.iter().map(|key| (format!("f:{key}"), json!({}))).collect();
    json!({"metadata": {"namespace": "shop", "name": "db", "uid": "u1", "resourceVersion": version.to_string(),
        "creationTimestamp": time(-9_000), "managedFields": [
            {"manager": manager, "time": time(wrote), "fieldsV1": {"f:data": fields, "f:type": {}}},
            {"manager": "kubectl-label", "time": time(5_000), "fieldsV1": {"f:metadata": {"f:labels": {}}}}]}})
}

fn seen(object: &Value) -> SecretSeen {
    secret_digest::digest(object).unwrap()
}

fn workload(kind: &str, spec: Value) -> Value {
    let mut object = json!({"kind": kind, "metadata": {"namespace": "shop", "name": "web", "generation": 2},
        "spec": {"replicas": 2, "template": {"spec": spec}},
        "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}});
    object["spec"]["selector"] = json!({"matchLabels": {"app": "web"}});
    object
}

fn by_env() -> Value {
    json!({"containers": [{"name": "app", "env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}}]}]})
}

fn pod(name: &str, started: i64, more: Value) -> Value {
    let mut pod = json!({"metadata": {"namespace": "shop", "name": name, "labels": {"pod-template-hash": "5d8c7"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5d8c7", "controller": true}]},
        "status": {"containerStatuses": [{"name": "app", "state": {"running": {"startedAt": time(started)}}}]}});
    for (key, value) in more.as_object().unwrap() {
        pod[key] = value.clone();
    }
    pod
}

/// A model of these objects.
fn model(workloads: &[(&str, Value)], secrets: &[Value], pods: &[Value]) -> Model {
    let mut model = fed::healthy();
    let consumers = workloads.iter().filter_map(|(kind, object)| match *kind {
        "Deployment" => consumer_digest::deployment(object),
        "StatefulSet" => consumer_digest::stateful_set(object),
        _ => consumer_digest::daemon_set(object),
    });
    let msgs = vec![
        report(FeedId::Consumers, vec![Fact::Consumers(Delta::whole(consumers))]),
        report(FeedId::Secrets, vec![Fact::Secrets(Delta::whole(secrets.iter().map(seen)))]),
        report(FeedId::Containers, vec![Fact::Containers(Delta::whole(pods.iter().filter_map(pod_digest::digest)))]),
    ];
    fed::feed(&mut model, at(0), msgs);
    model
}

fn found(model: &Model, rule: &str, name: &str) -> Finding {
    let judged = rules::find(rule).unwrap().judge(model, at(1));
    judged.into_iter().find(|(object, _)| object.name == name).map_or(Finding::Clear, |(_, finding)| finding)
}

fn fires(model: &Model, rule: &str) -> bool {
    matches!(found(model, rule, "web"), Finding::Firing(_))
}

#[test]
fn every_way_to_a_secret_is_found_and_tokens_of_service_accounts_are_none() {
    let spec = json!({
        "imagePullSecrets": [{"name": "registry"}],
        "initContainers": [{"name": "migrate", "envFrom": [{"secretRef": {"name": "admin", "optional": true}}]}],
        "containers": [{"name": "app",
            "env": [{"name": "A", "value": "plain"},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}},
                {"name": "C", "valueFrom": {"secretKeyRef": {"name": "db", "key": "q"}}},
                {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "db", "key": "q"}}}],
            "volumeMounts": [{"name": "tls", "mountPath": "/tls"}, {"name": "tls", "mountPath": "/one", "subPath": "tls.crt"},
                {"name": "all", "mountPath": "/all"}, {"name": "bucket", "mountPath": "/b"}, {"name": "token", "mountPath": "/t"}]}],
        "volumes": [{"name": "tls", "secret": {"secretName": "web-tls"}},
            {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}},
                {"secret": {"name": "extra", "optional": true}}, {"configMap": {"name": "c"}}]}},
            {"name": "class", "csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"secretProviderClass": "bao"}}},
            {"name": "bucket", "csi": {"driver": "x", "nodePublishSecretRef": {"name": "bucket-login"}}},
            {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
            {"name": "idle", "secret": {"secretName": "unmounted"}}]});
    let uses = consumer_digest::uses("shop", &spec);
    let told: Vec<(&str, Way, &str, bool)> =
        uses.iter().map(|it| (it.secret.name.as_str(), it.way, it.container.as_str(), it.optional)).collect();
    assert_eq!(
        told,
        [
            ("db", Way::Env, "app", false),
            ("admin", Way::EnvFrom, "migrate", true),
            ("web-tls", Way::Volume, "app", false),
            ("web-tls", Way::SubPath, "app", false),
            ("extra", Way::Projected, "app", true),
            ("bao", Way::SecretsStore, "", false),
            ("bucket-login", Way::Csi, "app", false),
            ("unmounted", Way::Volume, "", false),
            ("registry", Way::ImagePull, "", true),
        ]
    );
    let class = uses.iter().find(|used| used.way == Way::SecretsStore).unwrap();
    assert_eq!(class.secret.to_string(), "SecretProviderClass shop/bao", "straight from the vault, no Secret between");
    let bare = json!({"containers": [{"name": "app"}], "volumes": [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {}}]}}]});
    assert!(consumer_digest::deployment(&workload("Deployment", bare)).is_none(), "who uses none is not kept");
}

#[test]
fn a_class_of_the_secrets_store_is_no_secret_that_is_missing() {
    let spec = json!({"containers": [{"name": "app"}], "volumes": [{"name": "class",
        "csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"secretProviderClass": "bao"}}}]});
    let made = model(&[("Deployment", workload("Deployment", spec))], &[], &[]);
    let all = View::of(&made, at(0)).all();
    assert_eq!((all.len(), all[0].missing.len(), all[0].undated.len()), (1, 0, 0));
    assert_eq!(found(&made, "workload-stale", "web"), Finding::Clear);
    assert!(applications(&made, at(0)).is_empty(), "and no way from a Secret to a workload");
}

#[test]
fn when_data_changed_is_what_an_owner_of_data_wrote() {
    let told = |object: &Value| seen(object).changed.map(|changed| (changed.at, changed.by));
    // The label of 5000 s is by another manager.
    assert_eq!(told(&secret(1, "hand", 100, &["p"])), Some((at(100), Evidence::Managed)));
    assert_eq!(told(&secret(1, "hand", -9_000, &["p"])), Some((at(-9_000), Evidence::Created)));
    let mut undated = secret(1, "hand", 100, &["p"]);
    undated["metadata"]["managedFields"][0].as_object_mut().unwrap().remove("time");
    assert_eq!(told(&undated), None, "an entry may have no time");
    let mut bare = secret(1, "hand", 100, &["p"]);
    bare["metadata"]["managedFields"] = json!([]);
    assert_eq!((told(&bare), seen(&bare).keys.len()), (None, 0));
    let mut helm = secret(1, "helm", 100, &["release"]);
    helm["metadata"]["name"] = json!("sh.helm.release.v1.web.v3");
    assert!(secret_digest::digest(&helm).is_none(), "nobody consumes a release");
    assert_eq!(seen(&secret(1, "hand", 1, &["b", "a"])).keys, ["a", "b"]);
}

#[test]
fn what_an_apply_repeats_of_the_values_is_not_kept() {
    let mut object = secret(1, "kubectl-client-side-apply", 100, &["p"]);
    let applied = |value: &str| json!({"kubectl.kubernetes.io/last-applied-configuration": json!({"data": {"p": value}}).to_string()});
    object["metadata"]["annotations"] = applied("aHVzaC1odXNo");
    let first = seen(&object);
    assert!(!format!("{first:?}{}", serde_json::to_string(&first).unwrap()).contains("aHVzaC1odXNo"));
    // Applied again with a label and the same data, then with other data.
    object["metadata"]["resourceVersion"] = json!("2");
    object["metadata"]["labels"] = json!({"team": "shop"});
    object["metadata"]["managedFields"][0]["time"] = json!(time(200));
    let second = seen(&object).after(&first, at(201));
    assert_eq!(second.changed, first.changed, "its data is what it was");
    object["metadata"]["resourceVersion"] = json!("3");
    object["metadata"]["annotations"] = applied("b3RoZXI=");
    object["metadata"]["managedFields"][0]["time"] = json!(time(300));
    let third = seen(&object).after(&second, at(301)).changed.unwrap();
    assert_eq!((third.at, third.by), (at(300), Evidence::Hash));
}

#[test]
fn a_watched_change_outweighs_what_the_last_version_says() {
    let first = seen(&secret(1, "hand", 100, &["p"]));
    let after = |object: &Value| {
        let seen = seen(object).after(&first, at(900));
        (seen.changed.map(|changed| (changed.at, changed.by)), seen.marks.touched)
    };
    let labelled = |mut object: Value| {
        object["metadata"]["labels"] = json!({"team": "shop"});
        object
    };
    let before = Some((at(100), Evidence::Managed));
    // Somebody else's label; the same manager's label, which might have been data too; data and nothing else; other keys.
    assert_eq!(after(&labelled(secret(2, "hand", 100, &["p"]))), (before, None));
    assert_eq!(after(&labelled(secret(2, "hand", 800, &["p"]))), (before, Some(at(800))));
    assert_eq!(after(&secret(2, "hand", 800, &["p"])), (Some((at(800), Evidence::Watched)), None));
    assert_eq!(after(&labelled(secret(2, "hand", 800, &["p", "q"]))), (Some((at(800), Evidence::Watched)), None));
    // The same version again, as a relist brings it.
    assert_eq!(after(&secret(1, "hand", 100, &["p"])), (before, None));
    // Another Secret under the old name.
    let mut anew = labelled(secret(9, "hand", 800, &["p"]));
    anew["metadata"]["uid"] = json!("u2");
    assert_eq!(after(&anew).0, Some((at(800), Evidence::Managed)));
    let mut hashed = secret(3, "externalsecrets.external-secrets.io/db", 800, &["p"]);
    hashed["metadata"]["annotations"] = json!({"reconcile.external-secrets.io/data-hash": "1"});
    let first = seen(&hashed);
    hashed["metadata"]["resourceVersion"] = json!("4");
    hashed["metadata"]["managedFields"][0]["time"] = json!(time(850));
    assert_eq!(seen(&hashed).after(&first, at(900)).changed, first.changed, "a refresh that changed nothing");
    let mut shared = hashed.clone();
    shared["metadata"]["managedFields"][1] =
        json!({"manager": "kubectl-edit", "time": time(850), "fieldsV1": {"f:data": {"f:p": {}}}});
    assert_eq!(
        seen(&shared).after(&first, at(900)).changed.unwrap().by,
        Evidence::Watched,
        "the hash is of ESO's part alone"
    );
    hashed["metadata"]["annotations"] = json!({"reconcile.external-secrets.io/data-hash": "2"});
    assert_eq!(seen(&hashed).after(&first, at(900)).changed.unwrap().by, Evidence::Hash);
}

#[test]
fn old_is_who_started_before_the_change_and_reads_only_at_start() {
    let mount = |sub: Option<&str>| {
        let mut mount = json!({"name": "v", "mountPath": "/v"});
        if let Some(sub) = sub {
            mount["subPath"] = json!(sub);
        }
        json!({"containers": [{"name": "app", "volumeMounts": [mount]}], "volumes": [{"name": "v", "secret": {"secretName": "db"}}]})
    };
    let init = json!({"containers": [{"name": "app"}], "initContainers": [{"name": "setup", "envFrom": [{"secretRef": {"name": "db"}}]}]});
    let ran = |seconds| json!({"status": {"initContainerStatuses": [{"name": "setup", "state": {"terminated": {"startedAt": time(seconds)}}}]}});
    let cases: Vec<(&str, Value, Value, bool)> = vec![
        ("env, before", by_env(), pod("a", -700, json!({})), true),
        ("env, after", by_env(), pod("a", -500, json!({})), false),
        ("env, in the same second", by_env(), pod("a", -600, json!({})), false),
        ("volume, before", mount(None), pod("a", -700, json!({})), false),
        ("subPath, before", mount(Some("p")), pod("a", -700, json!({})), true),
        ("init, before", init.clone(), pod("a", 0, ran(-700)), true),
        ("init, after", init, pod("a", 0, ran(-500)), false),
        (
            "somebody else's pod",
            by_env(),
            pod("a", -700, json!({"metadata": {"namespace": "shop", "name": "a"}})),
            false,
        ),
        (
            "of Argo's",
            by_env(),
            {
                let mut pod = pod("a", -700, json!({}));
                pod["metadata"]["labels"] = json!({"rollouts-pod-template-hash": "5d8c7"});
                pod
            },
            false,
        ),
    ];
    for (what, spec, pod, old) in cases {
        let model = model(&[("Deployment", workload("Deployment", spec))], &[secret(1, "hand", -600, &["p"])], &[pod]);
        assert_eq!(fires(&model, "workload-stale"), old, "{what}");
    }
}

#[test]
fn workload_stale_says_by_what_and_what_to_do() {
    let made = |spec: &Value| {
        model(
            &[("Deployment", spec.clone())],
            &[secret(1, "kubectl-edit", -1_320, &["p"])],
            &[pod("a", -9_000, json!({})), pod("b", -60, json!({}))],
        )
    };
    let mut object = workload("Deployment", by_env());
    let Finding::Firing(firing) = found(&made(&object), "workload-stale", "web") else { panic!("it is old") };
    assert_eq!(firing.sentence, "shop/web runs 22m behind its Secret db");
    assert!(
        firing.why.contains("1 of 2 pods") && firing.why.contains("env") && firing.why.contains("kubectl-edit"),
        "{}",
        firing.why
    );
    assert_eq!(firing.next, "kubectl -n shop rollout restart deployment/web");
    assert_eq!(firing.evidence_since, Some(at(-1_320)));
    object["spec"]["paused"] = json!(true);
    let Finding::Firing(firing) = found(&made(&object), "workload-stale", "web") else { panic!("it is old") };
    assert!(firing.next.contains("resume"), "kubectl refuses to restart what is paused: {}", firing.next);
}

#[test]
fn vso_knows_when_it_wrote_and_a_later_edit_of_its_own_is_metadata() {
    let written = |ready: i64, hmac: Option<bool>| SyncSeen {
        object: ObjectRef::new("VaultStaticSecret", "shop", "db"),
        kind: SyncKind::VaultStaticSecret,
        created: None,
        generation: 1,
        sources: Vec::new(),
        secret: Some(ObjectRef::secret("shop", "db")),
        refresh: None,
        conditions: vec![Condition {
            kind: "SecretSynced".into(),
            status: "True".into(),
            reason: "Synced".into(),
            message: "".into(),
            at: Some(at(ready)),
        }],
        detail: SyncDetail { hmac, ..SyncDetail::default() },
    };
    let told = |manager: &str, sync: SyncSeen| {
        let mut model = model(&[], &[secret(1, manager, -600, &["p"])], &[]);
        fed::feed(&mut model, at(0), vec![report(FeedId::Sync, vec![Fact::Sync(Delta::whole(vec![sync]))])]);
        let changed = View::of(&model, at(0)).changed(&ObjectRef::secret("shop", "db")).unwrap();
        (changed.at, changed.by)
    };
    let vso = "vault-secrets-operator";
    assert_eq!(told(vso, written(-599, None)), (at(-600), Evidence::Synced));
    assert_eq!(told(vso, written(-5_000, None)), (at(-5_000), Evidence::Synced));
    // It says that it wrote and the Secret did not change: then what it wrote was the same.
    assert_eq!(told(vso, written(-10, None)), (at(-600), Evidence::Managed));
    assert_eq!(told(vso, written(-5_000, Some(false))), (at(-600), Evidence::Managed));
    assert_eq!(told("kubectl-edit", written(-5_000, None)), (at(-600), Evidence::Managed), "somebody edited it since");
}

#[test]
fn pods_under_on_delete_are_counted_by_their_revision() {
    let mut object = workload("StatefulSet", by_env());
    object["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    object["status"] = json!({"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "currentRevision": "web-1", "updateRevision": "web-2"});
    let pod = |name: &str, revision: &str| {
        let meta = json!({"namespace": "shop", "name": name, "labels": {"controller-revision-hash": revision},
            "ownerReferences": [{"kind": "StatefulSet", "name": "web", "controller": true}]});
        pod(name, 0, json!({"metadata": meta}))
    };
    let pods = [pod("web-0", "web-2"), pod("web-1", "web-1"), pod("web-2", "web-1")];
    let made = model(&[("StatefulSet", object.clone())], &[secret(1, "hand", -600, &["p"])], &pods);
    let Finding::Firing(firing) = found(&made, "rollout-ondelete-pending", "web") else { panic!("two wait") };
    assert_eq!(firing.sentence, "2 pods of shop/web still run the old revision");
    let pods = [pod("web-0", "web-2"), pod("web-1", "web-2"), pod("web-2", "web-2")];
    let made = model(&[("StatefulSet", object)], &[secret(1, "hand", -600, &["p"])], &pods);
    assert_eq!(found(&made, "rollout-ondelete-pending", "web"), Finding::Clear);
}

#[test]
fn a_vault_is_told_of_whether_it_uses_a_secret_or_not() {
    let mut vault = workload("StatefulSet", json!({"containers": [{"name": "openbao"}]}));
    assert!(consumer_digest::stateful_set(&vault).is_none());
    vault["metadata"]["labels"] = json!({"app.kubernetes.io/name": "openbao"});
    assert!(consumer_digest::stateful_set(&vault).is_some());
}

#[test]
fn a_secret_that_must_exist_and_does_not_comes_first() {
    let made = model(&[("Deployment", workload("Deployment", by_env()))], &[], &[pod("a", -700, json!({}))]);
    let all = View::of(&made, at(0)).all();
    assert_eq!((all[0].missing.len(), all[0].badness()), (1, 5));
    assert!(!fires(&made, "workload-stale"), "nothing says that it is old");
    let mut undated = secret(1, "hand", -600, &["p"]);
    undated["metadata"]["managedFields"][0].as_object_mut().unwrap().remove("time");
    let made = model(&[("Deployment", workload("Deployment", by_env()))], &[undated], &[pod("a", -700, json!({}))]);
    assert!(matches!(found(&made, "workload-stale", "web"), Finding::Unknown(_)), "nobody can tell");
}

#[test]
fn the_broken_link_is_named() {
    let old = model(
        &[("Deployment", workload("Deployment", by_env()))],
        &[secret(1, "hand", -600, &["p"])],
        &[pod("a", -700, json!({}))],
    );
    let all = applications(&old, at(0));
    assert_eq!((all.len(), all[0].name.as_str(), all[0].grade()), (1, "shop", Grade::Broken));
    assert_eq!(all[0].chains[0].words(), "Secret → web not restarted");
    let missing = model(&[("Deployment", workload("Deployment", by_env()))], &[], &[pod("a", -700, json!({}))]);
    let words = applications(&missing, at(0))[0].chains[0].words();
    assert_eq!(words, "db missing");
    let well = model(
        &[("Deployment", workload("Deployment", by_env()))],
        &[secret(1, "hand", -600, &["p"])],
        &[pod("a", -500, json!({}))],
    );
    assert_eq!(applications(&well, at(0))[0].grade(), Grade::Well);
}
