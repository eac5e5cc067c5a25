//! The incident from start to end: keys in one Secret, saved, wiped by a placeholder, found, restored, proven.

use std::process::Output;

use serde_json::{Value, json};

use crate::lab::{Vault, alert, lab, left_out, verdict};

/// Runs the program; its exit code and everything it said.
fn run(vault: &Vault, args: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = vault.baowatch(args).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code().unwrap_or(-1), said)
}

/// The same, and it must have succeeded.
fn done(vault: &Vault, args: &[&str]) -> String {
    let (code, said) = run(vault, args);
    assert_eq!(code, 0, "{args:?} said:\n{said}");
    said
}

/// A keystore that a keyfile opens without anybody being asked.
fn with_keystore(vault: &mut Vault) {
    let keyfile = vault.home.path().join("keyfile");
    let file = keyfile.display().to_string();
    vault.configure(&format!(
        "clusters:\n  lab:\n    context: lab\n    keystore:\n      keyfile: {file}\n      holder: test-machine\n"
    ));
    done(vault, &["keys", "init", "--slot", "keyfile", "--keyfile", &file]);
}

fn secret(vault: &Vault, data: Option<Value>) -> String {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "openbao-keys", "namespace": vault.namespace},
    });
    if let Some(data) = data {
        object["data"] = data;
    }
    object.to_string()
}

fn data(key: &str, token: &str) -> Value {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    json!({"key": encode(key), "root-token": encode(token)})
}

/// The deployment tool of the incident: what it applies, it owns.
fn deploy(vault: &Vault, manifest: &str) {
    vault.kubectl(&["apply", "--server-side", "--force-conflicts", "--field-manager=gitops", "-f", "-"], manifest);
}

const ASIDE: [&str; 2] = ["--exclude", "keys-single-copy,keys-overwritable"];

#[test]
fn the_incident_is_found_repaired_and_proven() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 3, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let token = vault.made["rootToken"].as_str().unwrap().to_owned();
    let key = vault.keys()[0].clone();
    // Nobody but the tool owns a field of it.
    vault.kubectl(&["delete", "secret", "openbao-keys"], "");
    deploy(&vault, &secret(&vault, Some(data(&key, &token))));
    // Nobody keeps them, nobody has tried them, and the next apply can empty the Secret.
    let weak = ["keystore-missing", "keys-unproven", "keys-overwritable"];
    let (_, document) = vault.check_until("a first whole look", &[], |_, d| verdict(d) == "unproven");
    for rule in weak {
        assert_eq!(alert(&document, rule).map(|it| &it["state"]), Some(&json!("firing")), "{rule}: {document:#}");
    }
    with_keystore(&mut vault);

    // Into the second place.
    let said = done(&vault, &["keys", "import", "--confirm", "y"]);
    assert!(said.contains("generation 1"), "{said}");
    let (_, document) = vault.check_until("the keystore", &[], |_, d| alert(d, "keystore-missing").is_none());
    assert!(alert(&document, "keys-mismatch").is_none(), "{document:#}");
    assert!(alert(&document, "keys-single-copy").is_some(), "one place is one too few: {document:#}");

    // Wiped by a placeholder.
    deploy(&vault, &secret(&vault, None));
    let (code, document) = vault
        .check_until("the loss", &[], |_, d| alert(d, "keys-secret-empty").is_some_and(|a| a["state"] == "firing"));
    assert_eq!((code, verdict(&document)), (2, "will-not-reopen"), "{document:#}");
    assert_eq!(document["verdict"]["recoverable"]["by"], "keystore", "{document:#}");
    assert_eq!(document["verdict"]["recoverable"]["generation"], 1, "{document:#}");
    assert_eq!(alert(&document, "keys-secret-empty").unwrap()["action"], "restore-keys-secret", "{document:#}");

    // The wrong answer changes nothing, the right one brings it back.
    let (code, said) = run(&vault, &["act", "run", "restore-keys-secret", "--confirm", "y"]);
    assert_eq!(code, 2, "{said}");
    assert!(!vault.kubectl(&["get", "secret", "openbao-keys", "-o", "json"], "").contains("\"key\":"), "untouched");
    done(&vault, &["act", "run", "restore-keys-secret", "--confirm", "openbao-keys"]);
    let object: Value = serde_json::from_str(
        &vault.kubectl(&["get", "secret", "openbao-keys", "-o", "json", "--show-managed-fields"], ""),
    )
    .unwrap();
    assert_eq!(object["data"], data(&key, &token), "byte for byte as it was");
    let ours = object["metadata"]["managedFields"].as_array().unwrap();
    assert!(
        ours.iter().any(|entry| entry["manager"].as_str().is_some_and(|m| m.starts_with("baowatch"))
            && entry["operation"] == "Apply"),
        "{object:#}"
    );
    let (_, document) = vault.check_until("the keys back", &[], |_, d| {
        // Proven on the way into the keystore, where a token was at hand; else not yet.
        matches!(verdict(d), "unproven" | "survives")
    });
    assert!(alert(&document, "keys-secret-empty").is_none(), "{document:#}");

    // Proven on the live server, and nothing has changed by it.
    let said = done(&vault, &["keys", "prove", "--confirm", "y"]);
    assert!(said.contains("accept"), "{said}");
    let (code, document) = vault.check(&ASIDE);
    assert_eq!((code, verdict(&document)), (0, "survives"), "{document:#}");
    for rule in ["keystore-missing", "keys-unproven"] {
        assert!(alert(&document, rule).is_none(), "{rule}: {document:#}");
    }
    vault.delete_pod(2);
    vault.wait_sealed(2, false);
}

#[test]
fn a_wrong_key_that_somebody_restored_is_told_by_the_proof() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let token = vault.made["rootToken"].as_str().unwrap().to_owned();
    with_keystore(&mut vault);
    done(&vault, &["keys", "import", "--confirm", "y"]);

    // Somebody restores what they believe to be the key.
    let wrong = "5a".repeat(32);
    vault.kubectl(&["delete", "secret", "openbao-keys"], "");
    vault.kubectl(&["create", "--field-manager=colleague", "-f", "-"], &secret(&vault, Some(data(&wrong, &token))));
    let (code, document) = vault.check_until("the mismatch", &[], |_, d| alert(d, "keys-mismatch").is_some());
    assert_eq!(code, 2, "{document:#}");
    // Taking it into the keystore in passing is refused: it is another key, and the vault does not take it.
    let (code, said) = run(&vault, &["keys", "import", "--confirm", "y"]);
    assert_ne!(code, 0, "{said}");

    let said = done(&vault, &["keys", "prove", "--confirm", "y"]);
    assert!(said.contains("does not take") || said.contains("does not accept") || said.contains("refuse"), "{said}");
    let (code, document) = vault.check(&[]);
    assert_eq!((code, verdict(&document)), (2, "will-not-reopen"), "{document:#}");
    let told = alert(&document, "keys-mismatch").expect("it is still there").to_string();
    assert!(told.contains("keystore"), "it says which of the two the vault accepts: {told}");

    done(&vault, &["act", "run", "restore-keys-secret", "--confirm", "openbao-keys"]);
    let (_, document) = vault.check_until("the right key again", &ASIDE, |_, d| verdict(d) == "survives");
    assert!(alert(&document, "keys-mismatch").is_none(), "{document:#}");
    vault.delete_pod(0);
    vault.wait_sealed(0, false);
}
