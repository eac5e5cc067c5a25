//! An identity that may read nothing but pods: told apart from an outage, with the Role line that would help.

use serde_json::json;

use crate::lab::{lab, left_out, verdict};

#[test]
fn denied_is_unknown_and_never_unreachable() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    vault.kubectl(&["create", "serviceaccount", "onlooker"], "");
    vault.kubectl(&["create", "role", "onlooker", "--verb=get,list", "--resource=pods"], "");
    let subject = format!("--serviceaccount={}:onlooker", vault.namespace);
    vault.kubectl(&["create", "rolebinding", "onlooker", "--role=onlooker", &subject], "");
    let token = vault.kubectl(&["create", "token", "onlooker"], "").trim().to_owned();

    // The same cluster with the other identity.
    let mut config: serde_json::Value =
        serde_json::from_str(&vault.lab.kubectl(&["config", "view", "--raw", "-o", "json"], "")).unwrap();
    let context = config["current-context"].as_str().unwrap().to_owned();
    for user in config["users"].as_array_mut().unwrap() {
        user["user"] = json!({"token": token});
    }
    for entry in config["contexts"].as_array_mut().unwrap() {
        entry["context"]["namespace"] = json!(vault.namespace);
    }
    assert!(!context.is_empty());
    let path = vault.home.path().join("onlooker.kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();

    let output = vault.baowatch(&["check", "--output", "json"]).env("KUBECONFIG", &path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}"));
    assert_eq!(output.status.code(), Some(3), "{document:#}");
    assert_eq!(verdict(&document), "blind", "{document:#}");
    let feeds = document["feeds"].as_array().unwrap();
    let denied: Vec<_> = feeds.iter().filter(|feed| feed["state"] == "denied").collect();
    assert!(!denied.is_empty(), "{document:#}");
    for feed in feeds {
        assert_ne!(feed["state"], "unreachable", "merely denied: {feed:#}");
    }
    for feed in denied {
        let next = feed["trouble"]["next"].as_str().unwrap_or_default();
        assert!(next.contains("verbs") && next.contains("resources"), "which Role line? {feed:#}");
    }
    assert!(!text.contains(&token) && !errors.contains(&token));

    let screen = vault.baowatch(&["--print", "120x40"]).env("KUBECONFIG", &path).output().unwrap();
    let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
    assert!(screen.contains("denied") || screen.contains("may not"), "{screen}");
}
