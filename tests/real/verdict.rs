//! One honest sentence: unproven, survives once seen, needs hands, judged by the key of a static seal.

use serde_json::json;

use crate::lab::{alert, lab, left_out, verdict};
use crate::outage::Console;

#[test]
fn three_good_replicas_are_unproven_until_one_was_seen_to_come_back() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 3, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let (code, document) = vault.check_until("a first whole look", &[], |_, d| verdict(d) != "blind");
    assert_eq!(verdict(&document), "unproven", "{document:#}");
    assert_eq!(code, 1, "{document:#}");
    assert_eq!(document["schema"], "baowatch.check/v1");
    assert_eq!(document["exit"], 1);
    assert_eq!(document["verdict"]["reopens"]["by"], "secret");
    assert_eq!(document["verdict"]["restartsToOutage"], 2);

    // Somebody watches while a replica restarts and the unsealer opens it again.
    let console = Console::start(&vault, 120, 40);
    console.wait_for("unsealed");
    vault.delete_pod(2);
    console.wait_for("came back by itself");
    let (code, document) = vault.check_until("the proof", &[], |_, d| verdict(d) == "survives");
    assert_eq!(code, 0, "{document:#}");
    console.quit();
}

#[test]
fn without_secret_and_unsealer_people_must_come() {
    if left_out() {
        return;
    }
    let mut vault =
        lab().vault(json!({"replicas": 1, "unsealer": "none", "secret": null, "shares": 3, "threshold": 2}));
    let (code, document) = vault.check_until("a first whole look", &[], |_, d| verdict(d) != "blind");
    assert_eq!((verdict(&document), code), ("needs-hands", 1), "{document:#}");
    assert_eq!(document["verdict"]["restartsToOutage"], 1);
    assert_eq!(document["verdict"]["recoverable"]["by"], "people");
    assert!(alert(&document, "keys-secret-missing").is_none(), "the keys rules are off: {document:#}");

    // Where the configuration says that people are meant to come, that is how it should be.
    let yaml = format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n      reopens: people\n      people: true\n",
        vault.namespace, vault.name
    );
    vault.configure(&yaml);
    let (code, document) = {
        let output = vault.baowatch(&["--cluster", "lab", "check", "--output", "json"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}"));
        (output.status.code().unwrap(), document)
    };
    assert_eq!((verdict(&document), code), ("needs-hands", 0), "{document:#}");
}

#[test]
fn a_static_seal_is_judged_by_its_key_secret() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "seal": "static", "secret": "seal-key"}));
    let (code, document) = vault.check_until("a first whole look", &[], |_, d| verdict(d) != "blind");
    assert_eq!((verdict(&document), code), ("unproven", 1), "{document:#}");
    assert_eq!(document["verdict"]["reopens"]["by"], "static");

    vault.kubectl(&["patch", "secret", "seal-key", "--type=json", "-p", r#"[{"op":"remove","path":"/data/key"}]"#], "");
    let (code, document) = vault.check_until("the lost seal key", &[], |_, d| verdict(d) == "will-not-reopen");
    assert_eq!(code, 2, "{document:#}");
    assert_eq!(vault.sealed(0), Some(false), "the vault itself still runs from memory");
    assert!(
        alert(&document, "keys-secret-empty").is_some() || alert(&document, "keys-secret-field-missing").is_some(),
        "{document:#}"
    );
}

#[test]
fn a_static_seals_key_that_was_replaced_by_another_is_found_before_the_restart() {
    use base64::Engine as _;
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "seal": "static", "secret": "seal-key"}));
    vault.check_until("a first whole look", &[], |_, d| verdict(d) != "blind");
    let right = vault.kubectl(&["get", "secret", "seal-key", "-o", "jsonpath={.data.key}"], "");
    let put = |key: &str| {
        let patch = json!({"data": {"key": key}}).to_string();
        vault.kubectl(&["patch", "secret", "seal-key", "--type=merge", "-p", &patch], "");
    };
    // Of the right size and shape, and another key.
    put(&base64::engine::general_purpose::STANDARD.encode([0x5a; 32]));
    let (code, document) = vault.check_until("the other key", &[], |_, d| verdict(d) == "will-not-reopen");
    assert_eq!(code, 2, "{document:#}");
    assert_eq!(vault.sealed(0), Some(false), "the vault itself still runs from memory");

    // The sentence was true: the restarted server stays sealed until the right key is back.
    vault.delete_pod(0);
    vault.wait_sealed(0, true);
    let (_, document) = vault.check_until("the sealed server", &[], |_, d| verdict(d) == "down");
    assert_eq!(document["verdict"]["reopens"]["by"], "static", "{document:#}");
    put(&right);
    vault.delete_pod(0);
    vault.wait_sealed(0, false);
}
