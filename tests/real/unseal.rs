//! The guarded action: opens what is sealed through the tunnel, and changes nothing else when it cannot.

use base64::Engine as _;
use serde_json::json;

use crate::lab::{alert, lab, left_out, verdict};

fn config(vault: &crate::lab::Vault) -> String {
    format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n      keysSecret:\n        name: openbao-keys\nrules:\n  vault-sealed:\n    for: 4s\n",
        vault.namespace, vault.name
    )
}

#[test]
fn a_sealed_standby_is_degraded_and_act_run_unseal_opens_it() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 3, "unsealer": "none", "secret": "openbao-keys"}));
    let yaml = config(&vault);
    vault.configure(&yaml);
    let memory = vault.home.path().join("check.json").display().to_string();
    let args = ["--cluster", "lab"];
    let state = ["--state", memory.as_str()];
    let check = |vault: &crate::lab::Vault| {
        let output = vault.baowatch(&args).args(["check", "--output", "json"]).args(state).output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        });
        (output.status.code().unwrap(), document)
    };
    // Whoever leads, another one is taken.
    let victim = (0..3).find(|n| vault.seal_status(*n).is_some() && *n != leader(&vault)).unwrap();
    vault.delete_pod(victim);
    vault.wait_sealed(victim, true);

    let (_, first) = check(&vault);
    let sealed = alert(&first, "vault-sealed").unwrap_or_else(|| panic!("{first:#}"));
    assert_eq!(sealed["state"], "pending", "{first:#}");
    assert_ne!(verdict(&first), "down", "a sealed standby is degraded: {first:#}");
    std::thread::sleep(std::time::Duration::from_secs(5));
    let (_, second) = check(&vault);
    let sealed = alert(&second, "vault-sealed").unwrap();
    assert_eq!((&sealed["state"], &sealed["severity"]), (&json!("firing"), &json!("critical")), "{second:#}");
    // Two of three serve: degraded, and no tolerance is left.
    assert_eq!(second["verdict"]["restartsToOutage"], 1, "{second:#}");
    assert_eq!(sealed["action"], "unseal");

    let pod = vault.pod(victim);
    let refused =
        vault.baowatch(&args).args(["act", "run", "unseal", &pod, "--confirm", "openbao-9"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "{}", String::from_utf8_lossy(&refused.stderr));
    assert_eq!(vault.sealed(victim), Some(true), "a wrong answer changes nothing");

    let plan = vault.baowatch(&args).args(["act", "plan", "unseal", "--output", "json"]).output().unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).expect("a plan in JSON");
    assert_eq!(plan["target"]["name"], pod.as_str(), "{plan:#}");
    assert_eq!(vault.sealed(victim), Some(true), "a plan changes nothing");

    let done = vault.baowatch(&args).args(["act", "run", "unseal", "--confirm", &pod]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert_eq!(vault.sealed(victim), Some(false), "{said}");
    let (_, third) = check(&vault);
    assert!(alert(&third, "vault-sealed").is_none(), "{third:#}");
}

fn leader(vault: &crate::lab::Vault) -> u32 {
    let state = vault.lab.call("GET", "/state", &serde_json::Value::Null);
    let pods = state["pods"].as_array().expect("pods in GET /state");
    let active = pods
        .iter()
        .find(|pod| pod["namespace"] == vault.namespace.as_str() && pod["standby"] == false && pod["sealed"] == false)
        .and_then(|pod| pod["pod"].as_str());
    active.and_then(|name| name.rsplit('-').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_wrong_key_in_the_secret_fails_with_the_right_words_and_changes_nothing() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 1, "unsealer": "none", "secret": "openbao-keys"}));
    let yaml = config(&vault);
    vault.configure(&yaml);
    let wrong = base64::engine::general_purpose::STANDARD.encode([7_u8; 32]);
    let patch = json!({"stringData": {"key": wrong}}).to_string();
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", &patch], "");
    vault.delete_pod(0);
    vault.wait_sealed(0, true);
    let before = vault.kubectl(&["get", "secret", "openbao-keys", "-o", "jsonpath={.metadata.resourceVersion}"], "");
    let output =
        vault.baowatch(&["--cluster", "lab", "act", "run", "unseal", "--confirm", "openbao-0"]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("not this vault's key"), "{said}");
    assert!(!said.contains(&wrong), "the key itself is never said");
    let status = vault.seal_status(0).unwrap();
    assert_eq!((&status["sealed"], &status["progress"]), (&json!(true), &json!(0)), "{status}");
    let after = vault.kubectl(&["get", "secret", "openbao-keys", "-o", "jsonpath={.metadata.resourceVersion}"], "");
    assert_eq!(before, after, "the Secret is untouched");
}

#[test]
fn two_of_three_shares_open_all_replicas_in_order() {
    if left_out() {
        return;
    }
    let mut vault = lab()
        .vault(json!({"replicas": 3, "unsealer": "none", "secret": "openbao-keys", "shares": 3, "threshold": 2, "unseal": false}));
    let yaml = config(&vault);
    vault.configure(&yaml);
    let output = vault
        .baowatch(&["--cluster", "lab", "act", "run", "unseal", "openbao-0", "--confirm", "openbao-0"])
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    // The others join and are sealed; until then they say that they are not initialised.
    for n in 1..3 {
        for _ in 0..120 {
            if vault.seal_status(n).is_some_and(|s| s["initialized"] == true) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
    }
    let output =
        vault.baowatch(&["--cluster", "lab", "act", "run", "unseal", "--confirm", "openbao"]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    for n in 0..3 {
        assert_eq!(vault.sealed(n), Some(false), "{said}");
    }
}
