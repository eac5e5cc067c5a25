//! A leader is killed and stays sealed: raft tolerates no further loss, says so, and takes it back when it has rejoined.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::lab::{Vault, alert, lab, left_out};

/// A vault for which the program has a token.
pub fn with_token(mut vault: Vault) -> Vault {
    let token = vault.home.path().join("token");
    std::fs::write(&token, vault.made["rootToken"].as_str().unwrap()).unwrap();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let yaml = format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n      tokenFile: {}\n      keysSecret:\n        name: openbao-keys\n",
        vault.namespace,
        vault.name,
        token.display()
    );
    vault.configure(&yaml);
    vault
}

/// With the cluster of that configuration.
pub const ARGS: [&str; 2] = ["--cluster", "lab"];

pub fn fires(document: &Value, rule: &str) -> bool {
    alert(document, rule).is_some_and(|alert| alert["state"] == "firing")
}

fn leader(vault: &Vault) -> u32 {
    let state = vault.lab.call("GET", "/state", &Value::Null);
    let pods = state["pods"].as_array().unwrap();
    let active = |n: &u32| {
        pods.iter().any(|pod| {
            pod["namespace"] == vault.namespace
                && pod["pod"] == vault.pod(*n)
                && pod["sealed"] == false
                && pod["standby"] == false
        })
    };
    (0..3).find(active).expect("somebody leads")
}

#[test]
fn a_killed_leader_takes_the_tolerance_and_its_return_gives_it_back() {
    if left_out() {
        return;
    }
    let vault = with_token(lab().vault(json!({"replicas": 3, "unsealer": "sidecar", "secret": "openbao-keys"})));
    let quiet = |_: i32, document: &Value| alert(document, "raft-tolerance").is_none();
    vault.check_until("three healthy peers", &ARGS, quiet);
    let screen = vault.baowatch(&["--cluster", "lab", "--print", "200x60"]).output().unwrap();
    let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
    assert!(screen.contains("raft tolerates 1"), "{screen}");

    let unsealer = |running: bool| {
        let body = json!({"namespace": vault.namespace, "name": vault.name, "running": running});
        vault.lab.call("POST", "/unsealer", &body);
    };
    unsealer(false);
    let victim = leader(&vault);
    let crash = format!("/vaults/{}/{}/crash", vault.namespace, vault.name);
    vault.lab.call("POST", &crash, &json!({"pod": vault.pod(victim)}));
    vault.wait_sealed(victim, true);
    let (code, document) =
        vault.check_until("no tolerance left", &ARGS, |_, document| fires(document, "raft-tolerance"));
    let found = alert(&document, "raft-tolerance").unwrap();
    assert_eq!((code, &found["severity"]), (2, &json!("critical")), "{document:#}");
    assert!(found["why"].as_str().unwrap().contains(&vault.pod(victim)), "{found:#}");
    let lagging = alert(&document, "raft-lag").unwrap_or_else(|| panic!("{document:#}"));
    assert_eq!(lagging["subject"]["name"], vault.pod(victim), "{document:#}");

    unsealer(true);
    vault.wait_sealed(victim, false);
    let (_, document) = vault.check_until("the tolerance again", &ARGS, |_, document| {
        alert(document, "raft-tolerance").is_none() && alert(document, "raft-lag").is_none()
    });
    assert!(alert(&document, "vault-sealed").is_none(), "{document:#}");
}

#[test]
fn without_a_token_nothing_is_said_of_the_tolerance_and_the_lag_is_seen_all_the_same() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let (code, document) = vault.check_until("a first whole look", &[], |code, _| code != 3);
    assert_eq!(code, 1, "unproven, as ever: {document:#}");
    for rule in ["raft-tolerance", "raft-lag", "audit-silent", "namespace-sealed", "version-advisory", "upgrade-trap"] {
        assert!(alert(&document, rule).is_none(), "{rule}: {document:#}");
    }
    let feeds = document["feeds"].as_array().unwrap();
    let state = |name: &str| feeds.iter().find(|feed| feed["name"] == name).map(|feed| feed["state"].clone());
    assert_eq!(state("raft"), Some(json!("live")), "{document:#}");
    assert_eq!(state("estate"), Some(json!("absent")), "{document:#}");
}
