//! Workloads against a real API server with its real controllers: who runs with an older Secret, whose rollout waits.

use baowatch::app::model::consumers::Rollout;
use baowatch::backends::connect::{Asked, connect};
use baowatch::backends::kube::consumer_digest;
use baowatch::backends::kube::port::{Kind, Many};
use serde_json::{Value, json};

use crate::lab::{Vault, alert, lab, left_out};

/// A workload named `name` whose one container gets at Secret `db` in this way; `more` is merged into its spec.
pub(crate) fn workload(kind: &str, name: &str, way: &str, more: &Value) -> Value {
    let mut container = json!({"name": "app", "image": "registry.example/app:1"});
    let mut pod = json!({"terminationGracePeriodSeconds": 0, "tolerations": [{"operator": "Exists"}]});
    match way {
        "env" => container["env"] = json!([{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}}]),
        "volume" => {
            container["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
            pod["volumes"] = json!([{"name": "v", "secret": {"secretName": "db"}}]);
        }
        other => panic!("no such way: {other}"),
    }
    pod["containers"] = json!([container]);
    let labels = json!({"app": name});
    let mut object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}});
    for (key, value) in more.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    object
}

/// Whether this rule fires about an object of this name.
fn fires(document: &Value, rule: &str, name: &str) -> bool {
    document["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .any(|alert| alert["rule"] == rule && alert["subject"]["name"] == name && alert["state"] == "firing")
}

/// Times are written in whole seconds.
pub(crate) fn next_second() {
    std::thread::sleep(std::time::Duration::from_millis(2_100));
}

pub(crate) fn rolled_out(vault: &Vault, what: &str) {
    vault.kubectl(&["rollout", "status", what, "--timeout=60s"], "");
}

#[test]
fn who_read_the_old_secret_is_named_until_it_restarts() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    vault.configure("rules:\n  workload-stale:\n    for: 0s\n  rollout-ondelete-pending:\n    for: 0s\n");
    vault.kubectl(&["create", "secret", "generic", "db", "--from-literal=p=first"], "");
    next_second();
    let apply = |object: &Value| vault.kubectl(&["apply", "-f", "-"], &object.to_string());
    apply(&workload("Deployment", "by-env", "env", &json!({})));
    apply(&workload("Deployment", "by-volume", "volume", &json!({})));
    apply(&workload(
        "StatefulSet",
        "on-delete",
        "env",
        &json!({"serviceName": "x", "updateStrategy": {"type": "OnDelete"}}),
    ));
    rolled_out(&vault, "deployment/by-env");
    rolled_out(&vault, "deployment/by-volume");
    vault.kubectl(&["wait", "--for=jsonpath={.status.readyReplicas}=2", "statefulset/on-delete", "--timeout=60s"], "");
    let quiet = |document: &Value| alert(document, "workload-stale").is_none();
    vault.check_until("pods that are as new as their Secret", &[], |_, d| quiet(d));

    // Somebody's label is no change of data.
    next_second();
    vault.kubectl(&["label", "secret", "db", "team=shop"], "");
    let (_, document) = vault.check(&[]);
    assert!(quiet(&document), "a label: {document:#}");

    // The data by hand.
    let patch = r#"{"stringData":{"p":"second"}}"#;
    vault.kubectl(&["patch", "secret", "db", "--type=merge", "-p", patch], "");
    let (_, document) = vault.check_until("what reads it by env", &[], |_, d| fires(d, "workload-stale", "by-env"));
    assert!(fires(&document, "workload-stale", "on-delete"), "{document:#}");
    assert!(!fires(&document, "workload-stale", "by-volume"), "its file follows by itself: {document:#}");
    let said = alert(&document, "workload-stale").unwrap();
    assert!(said["why"].as_str().unwrap().contains("kubectl-patch"), "{said:#}");

    // A restart is accepted by both, and under OnDelete nothing happens.
    next_second();
    vault.kubectl(&["rollout", "restart", "deployment/by-env", "statefulset/on-delete"], "");
    rolled_out(&vault, "deployment/by-env");
    let (_, document) = vault.check_until("the restarted one clear", &[], |_, d| {
        !fires(d, "workload-stale", "by-env") && fires(d, "rollout-ondelete-pending", "on-delete")
    });
    assert!(fires(&document, "workload-stale", "on-delete"), "it was not restarted: {document:#}");
    let pending = document["alerts"].as_array().unwrap().iter().find(|it| it["rule"] == "rollout-ondelete-pending");
    assert!(pending.unwrap()["sentence"].as_str().unwrap().starts_with("2 pods"), "{document:#}");
    vault.kubectl(&["delete", "pod", "on-delete-0", "on-delete-1"], "");
    vault.check_until("nothing old any more", &[], |_, d| {
        quiet(d) && !fires(d, "rollout-ondelete-pending", "on-delete")
    });

    // A rollout whose pods find no node passes its deadline, and goes on when they may run anywhere again.
    let nowhere = |node: &Value| {
        let patch = json!({"spec": {"progressDeadlineSeconds": 1, "template": {"spec": {"nodeSelector": node}}}});
        vault.kubectl(&["patch", "deployment", "by-env", "--type=merge", "-p", &patch.to_string()], "");
    };
    nowhere(&json!({"no": "where"}));
    vault.check_until("a rollout that is stuck", &[], |_, d| fires(d, "rollout-stuck", "by-env"));
    nowhere(&Value::Null);
    rolled_out(&vault, "deployment/by-env");
    vault.check_until("a rollout that goes on", &[], |_, d| alert(d, "rollout-stuck").is_none());

    // A StatefulSet has no deadline: what tells is that its status does not move, and when it last did.
    vault.kubectl(
        &[
            "patch",
            "statefulset",
            "on-delete",
            "--type=merge",
            "-p",
            r#"{"spec": {"updateStrategy":
        {"type": "RollingUpdate"}, "template": {"spec": {"nodeSelector": {"no": "where"}}}}}"#,
        ],
        "",
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let asked = Asked {
        kubeconfig: Some(vault.lab.kubeconfig.clone().into()),
        vault: Some((vault.namespace.clone(), vault.name.clone())),
        ..Asked::default()
    };
    let kube = runtime.block_on(connect(&asked)).unwrap().kube.unwrap();
    let sets = Many::of(Kind::new("apps", "v1", "StatefulSet", "statefulsets"), Some(vault.namespace.clone()));
    let rollout = || {
        let all = runtime.block_on(kube.list(&sets)).unwrap();
        let seen = all.iter().filter_map(consumer_digest::stateful_set);
        seen.filter(|set| set.object.name == "on-delete").map(|set| set.rollout).next().unwrap()
    };
    let mut waits = None;
    for _ in 0..200 {
        if let Rollout::Underway { updated: 1, moved, .. } = rollout() {
            waits = moved;
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    assert!(waits.is_some(), "{:?}", rollout());
    next_second();
    assert!(matches!(rollout(), Rollout::Underway { moved, .. } if moved == waits), "{:?}", rollout());

    vault.kubectl(&["delete", "statefulset", "on-delete"], "");

    // Paused, and then changed: nothing goes on.
    vault.kubectl(&["rollout", "pause", "deployment/by-volume"], "");
    // Other tests have workloads in this cluster too: only this namespace is looked at.
    let named = format!("vault: {{namespace: {}, name: {}}}", vault.namespace, vault.name);
    let watched = format!("watch: {{namespaces: [{}]}}", vault.namespace);
    vault.configure(&format!("clusters:\n  lab:\n    {named}\n    {watched}\n"));
    let screen = vault.baowatch(&["--print", "160x50"]).output().unwrap();
    let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
    // A long namespace takes the middle out of the name.
    assert!(screen.lines().any(|line| line.contains("volume ") && line.contains("paused")), "{screen}");
}

#[test]
fn who_may_not_list_secrets_is_told_the_line_and_sees_the_rest() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    vault.kubectl(&["create", "serviceaccount", "onlooker"], "");
    let account = format!("{}:onlooker", vault.namespace);
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": vault.namespace},
        "rules": [{"apiGroups": ["apps", "batch", ""], "verbs": ["get", "list", "watch"],
            "resources": ["deployments", "statefulsets", "daemonsets", "cronjobs", "pods", "nodes", "namespaces", "configmaps", "events"]}]});
    vault.kubectl(&["apply", "-f", "-"], &role.to_string());
    let subject = format!("--serviceaccount={account}");
    vault.kubectl(&["create", "clusterrolebinding", &vault.namespace, "--clusterrole", &vault.namespace, &subject], "");
    let token = vault.kubectl(&["create", "token", "onlooker"], "").trim().to_owned();
    let mut config: Value =
        serde_json::from_str(&vault.lab.kubectl(&["config", "view", "--raw", "-o", "json"], "")).unwrap();
    for user in config["users"].as_array_mut().unwrap() {
        user["user"] = json!({"token": token});
    }
    let path = vault.home.path().join("onlooker.kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    let output = vault
        .baowatch(&["check", "--output", "json", "--rules", "workload-stale,rollout-stuck,rollout-ondelete-pending"])
        .env("KUBECONFIG", &path)
        .output()
        .unwrap();
    vault.kubectl(&["delete", "clusterrolebinding,clusterrole", &vault.namespace], "");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let feed =
        |name: &str| document["feeds"].as_array().unwrap().iter().find(|feed| feed["name"] == name).unwrap().clone();
    assert_eq!(feed("secrets")["state"], "denied", "{document:#}");
    let next = feed("secrets")["trouble"]["next"].as_str().unwrap().to_owned();
    assert!(next.contains("ClusterRole") && next.contains("secrets") && next.contains("list"), "{next}");
    assert_eq!(
        (&feed("consumers")["state"], &feed("containers")["state"]),
        (&json!("live"), &json!("live")),
        "{document:#}"
    );
    let unknown: Vec<&Value> = document["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["state"] == "unknown")
        .map(|alert| &alert["rule"])
        .collect();
    assert_eq!(unknown, ["workload-stale"], "{document:#}");
    assert!(!text.contains(&token));
}
