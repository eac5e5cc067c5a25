//! Sync objects that may be listed in part or not at all, and all of them while the vault is sealed.

use serde_json::{Value, json};

use crate::lab::left_out;
use crate::sync::{Scene, ago, beat, failing, feed, rules_about, static_secret};

#[test]
fn who_may_not_read_learns_which_line_would_allow_it() {
    if left_out() {
        return;
    }
    let mut scene = Scene::new(json!({"replicas": 1}));
    scene.crds("vso.yaml");
    scene.apply(&static_secret("web", "10m"));
    scene.put("shop/web", 1);

    // A token that may read no metadata.
    scene.token("nothing");
    let (_, document) = scene.check();
    let paths = feed(&document, "paths");
    assert_eq!(paths["state"], "denied", "{document:#}");
    let next = paths["trouble"]["next"].as_str().unwrap();
    assert!(next.contains("path \"kv/metadata/shop/web\" { capabilities = [\"read\"] }"), "{next}");

    // An identity that may read nothing of it in the cluster.
    scene.vault.lab.kubectl(&["-n", "shop", "create", "serviceaccount", "onlooker"], "");
    let token = scene.vault.lab.kubectl(&["-n", "shop", "create", "token", "onlooker"], "").trim().to_owned();
    let config = scene.vault.lab.kubectl(&["config", "view", "--raw", "-o", "json"], "");
    let mut config: Value = serde_json::from_str(&config).unwrap();
    for user in config["users"].as_array_mut().unwrap() {
        user["user"] = json!({"token": token});
    }
    let path = scene.vault.home.path().join("onlooker.kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    let output = scene.vault.baowatch(&["check", "--output", "json"]).env("KUBECONFIG", &path).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sync = feed(&document, "sync");
    assert_eq!(sync["state"], "denied", "{document:#}");
    let next = sync["trouble"]["next"].as_str().unwrap();
    assert!(next.contains("secrets.hashicorp.com") && next.contains("vaultstaticsecrets"), "{next}");
    assert!(next.contains("ClusterRole") && next.contains("\"watch\""), "{next}");
    assert_eq!(feed(&document, "operators")["state"], "denied", "{document:#}");

    // One kind may be listed, and its objects are judged; the others are named with the line that would allow them.
    let kubectl = |args: &[&str]| scene.vault.lab.kubectl(args, "");
    let kinds = "--resource=vaultstaticsecrets.secrets.hashicorp.com";
    kubectl(&["create", "clusterrole", "statics", "--verb=get,list,watch", kinds]);
    kubectl(&["create", "clusterrolebinding", "statics", "--clusterrole=statics", "--serviceaccount=shop:onlooker"]);
    scene.status("vaultstaticsecret", "shop", "web", &failing());
    let mut document = Value::Null;
    // The API server takes a moment to see the binding.
    for _ in 0..20 {
        let output = scene.vault.baowatch(&["check", "--output", "json"]).env("KUBECONFIG", &path).output().unwrap();
        document = serde_json::from_slice(&output.stdout).unwrap();
        if feed(&document, "sync")["state"] == "live" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let sync = feed(&document, "sync");
    assert_eq!(sync["state"], "live", "{document:#}");
    let withheld: Vec<&str> =
        sync["withheld"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert!(withheld.contains(&"VaultAuth") && withheld.contains(&"VaultAuthGlobal"), "{withheld:?}");
    assert!(!withheld.contains(&"VaultStaticSecret"), "{withheld:?}");
    let next = sync["withheld"][0]["trouble"]["next"].as_str().unwrap();
    assert!(
        next.contains("ClusterRole") && next.contains("\"vaultauths\"") && next.contains("\"vaultpkisecrets\""),
        "{next}"
    );
    let alerts = document["alerts"].as_array().unwrap();
    let of = |rule: &str, state: &str| alerts.iter().any(|alert| alert["rule"] == rule && alert["state"] == state);
    assert!(rules_about(&document, "web").contains(&"sync-failed".to_owned()), "{document:#}");
    assert!(of("vaultauth-invalid", "unknown"), "{document:#}");
    assert!(!of("store-not-ready", "unknown"), "a kind that is not served is not missing: {document:#}");
    // A VaultAuthGlobal that is not there is the broken link, by its name.
    kubectl(&["create", "namespace", "vso"]);
    let object = |kind: &str, namespace: &str, name: &str, spec: Value| {
        let metadata = json!({"namespace": namespace, "name": name});
        scene.apply(
            &json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": kind, "metadata": metadata, "spec": spec}),
        );
    };
    let global = json!({"allowedNamespaces": ["shop"], "defaultAuthMethod": "kubernetes", "defaultMount": "kubernetes",
        "kubernetes": {"role": "shop", "serviceAccount": "default"}});
    object("VaultAuthGlobal", "vso", "all", global);
    object("VaultAuth", "shop", "lost", json!({"vaultAuthGlobalRef": {"name": "gone", "namespace": "vso"}}));
    let kv = json!({"type": "kv-v2", "mount": "kv", "path": "shop/web", "vaultAuthRef": "lost", "destination": {"name": "lost", "create": true}});
    object("VaultStaticSecret", "shop", "lost", kv);
    let said = json!({"type": "Ready", "status": "False", "reason": "x", "message": "Failed to get Vault auth login", "lastTransitionTime": ago(5)});
    scene.status("vaultstaticsecret", "shop", "lost", &json!({"lastGeneration": 1, "conditions": [said]}));
    let (_, document) = scene.check();
    assert!(feed(&document, "sync")["withheld"].is_null(), "{document:#}");
    let alerts = document["alerts"].as_array().unwrap();
    let lost = alerts.iter().find(|alert| alert["rule"] == "sync-failed" && alert["subject"]["name"] == "lost");
    let why = lost.unwrap_or_else(|| panic!("{document:#}"))["why"].as_str().unwrap();
    assert!(why.contains("VaultAuthGlobal vso/gone, which VaultAuth shop/lost names, does not exist"), "{why}");
    kubectl(&["-n", "shop", "delete", "vaultstaticsecret/lost", "vaultauth/lost"]);
    a_seal_is_one_alarm(&mut scene);
}

/// What VSO writes at an attempt against a sealed vault.
fn shut() -> Value {
    let message = "Failed to sync the secret, horizon=8.1s, err=Error making API request.\n\nURL: GET http://openbao:8200/v1/kv/data/shop/web\nCode: 503. Errors:\n\n* Vault is sealed";
    let mut status = failing();
    for condition in status["conditions"].as_array_mut().unwrap() {
        condition["lastTransitionTime"] = json!(ago(0));
    }
    status["conditions"][0]["message"] = json!(message);
    status
}

/// All objects fail while somebody holds the vault shut, and work again when it was opened and they have tried.
fn a_seal_is_one_alarm(scene: &mut Scene) {
    use crate::prove::{ask, root};
    // Nothing is asked with a token, and people are declared: nothing but the objects and the seal is judged.
    let (namespace, name) = (&scene.vault.namespace, &scene.vault.name);
    let context = scene.vault.lab.kubectl(&["config", "current-context"], "").trim().to_owned();
    let config = format!(
        "clusters:\n  lab:\n    context: {context}\n    vault:\n      namespace: {namespace}\n      name: {name}\n      \
         reopens: people\n"
    );
    scene.vault.configure(&config);
    let names = ["web", "mail", "shelf"];
    for name in names {
        scene.apply(&static_secret(name, "10m"));
        scene.put(&format!("shop/{name}"), 1);
    }
    scene.secrets("shop", &names);
    let tell = |status: &dyn Fn() -> Value| {
        for name in names {
            scene.status("vaultstaticsecret", "shop", name, &status());
        }
    };
    tell(&|| beat(0));
    scene.vault.check_until("nothing wrong", &[], |code, _| code == 0);

    let (status, answer) = ask(&scene.vault, 0, "PUT", "sys/seal", &root(&scene.vault), &json!({}));
    assert_eq!(status, 204, "{answer}");
    tell(&shut);
    let (code, document) = scene.check();
    assert_eq!((code, crate::lab::verdict(&document)), (2, "down"), "{document:#}");
    let about = |document: &Value| {
        let alerts = document["alerts"].as_array().unwrap().iter();
        alerts.filter(|alert| alert["rule"].as_str().unwrap().starts_with("sync-")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(about(&document), [] as [Value; 0], "{document:#}");

    scene.bao(&["operator", "unseal", &scene.vault.keys()[0]], "");
    tell(&shut);
    let (code, document) = scene.vault.check_until("an open vault", &[], |_, d| crate::lab::verdict(d) != "down");
    assert_eq!(code, 3, "{document:#}");
    let [one] = about(&document).try_into().unwrap_or_else(|_| panic!("{document:#}"));
    assert_eq!((&one["rule"], &one["state"]), (&json!("sync-failed"), &json!("unknown")), "{one:#}");
    assert!(one["sentence"].to_string().contains("and 2 more failed while the vault was sealed"), "{one:#}");
    tell(&|| beat(0));
    scene.vault.check_until("as before", &[], |code, document| (code, about(document).len()) == (0, 0));
}
