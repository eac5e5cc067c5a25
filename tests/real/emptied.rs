//! The Secret emptied in each of the ways in which it happens: the verdict, the rule, the culprit.

use serde_json::{Value, json};

use crate::lab::{Vault, alert, lab, left_out, verdict};

/// The keys Secret as a manifest; without `data` it is the placeholder of the incident.
fn manifest(vault: &Vault, data: bool) -> String {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "openbao-keys", "namespace": vault.namespace},
    });
    if data {
        object["data"] = original(vault);
    }
    object.to_string()
}

/// What the Secret held, base64 of base64.
fn original(vault: &Vault) -> Value {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    json!({
        "key": encode(vault.made["keysBase64"][0].as_str().unwrap()),
        "root-token": encode(vault.made["rootToken"].as_str().unwrap()),
    })
}

/// Puts the keys there (as the way wants them owned), lets the program see them, takes them away.
fn play(vault: &Vault, way: &str) {
    vault.kubectl(&["delete", "secret", "openbao-keys", "--ignore-not-found"], "");
    let full = manifest(vault, true);
    let bare = manifest(vault, false);
    match way {
        "same-manager server-side apply" => {
            vault.kubectl(&["apply", "--server-side", "--field-manager=gitops", "-f", "-"], &full);
        }
        "client-side apply, then server-side without data" => {
            vault.kubectl(&["apply", "-f", "-"], &full);
        }
        _ => {
            vault.kubectl(&["create", "--field-manager=seeder", "-f", "-"], &full);
        }
    }
    let (_, document) = vault.check_until("the keys", &[], |_, d| {
        alert(d, "keys-secret-missing").is_none() && alert(d, "keys-secret-empty").is_none() && verdict(d) != "blind"
    });
    assert_eq!(verdict(&document), "unproven", "before {way}: {document:#}");
    // Managed fields tell seconds: two writes in one of them cannot be told apart.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    match way {
        "same-manager server-side apply" => {
            vault.kubectl(&["apply", "--server-side", "--field-manager=gitops", "-f", "-"], &bare);
        }
        "client-side apply, then server-side without data" => {
            vault.kubectl(&["apply", "--server-side", "-f", "-"], &bare);
        }
        "replace" => {
            vault.kubectl(&["replace", "-f", "-"], &bare);
        }
        "JSON patch" => {
            let patch = r#"[{"op":"remove","path":"/data"}]"#;
            vault.kubectl(&["patch", "secret", "openbao-keys", "--type=json", "-p", patch], "");
        }
        "delete and create empty" => {
            vault.kubectl(&["delete", "secret", "openbao-keys"], "");
            vault.kubectl(&["create", "--field-manager=placeholder", "-f", "-"], &bare);
        }
        "a key set to nothing" => {
            let patch = r#"{"data":{"key":""}}"#;
            vault
                .kubectl(&["patch", "secret", "openbao-keys", "--field-manager=hand", "--type=merge", "-p", patch], "");
        }
        other => panic!("no such way: {other}"),
    }
}

/// Way, rule, grade of the attribution, culprit.
const WAYS: [(&str, &str, &str, Option<&str>); 6] = [
    ("same-manager server-side apply", "keys-secret-empty", "named", Some("gitops")),
    ("client-side apply, then server-side without data", "keys-secret-empty", "named", Some("kubectl")),
    ("replace", "keys-secret-empty", "unknown", None),
    ("JSON patch", "keys-secret-empty", "unknown", None),
    ("delete and create empty", "keys-secret-empty", "named", Some("placeholder")),
    ("a key set to nothing", "keys-secret-implausible", "named", Some("hand")),
];

fn every_way(replicas: u32, restarts: u32) {
    let vault = lab().vault(json!({"replicas": replicas, "unsealer": "sidecar", "secret": "openbao-keys"}));
    for (way, rule, grade, who) in WAYS {
        play(&vault, way);
        let (code, document) = vault.check(&[]);
        assert_eq!((verdict(&document), code), ("will-not-reopen", 2), "{way}: {document:#}");
        assert_eq!(document["verdict"]["restartsToOutage"], restarts, "{way}");
        let fired = alert(&document, rule).unwrap_or_else(|| panic!("{way}: no {rule}: {document:#}"));
        assert_eq!((&fired["severity"], &fired["state"]), (&json!("critical"), &json!("firing")), "{way}");
        let attribution = &document["verdict"]["attribution"];
        assert_eq!(attribution["grade"], grade, "{way}: {document:#}");
        assert_eq!(attribution["who"].as_str(), who, "{way}: {document:#}");
        assert_eq!(vault.sealed(0), Some(false), "{way}: the vault itself runs on, from memory");
    }
}

#[test]
fn one_replica_is_one_restart_from_outage() {
    if !left_out() {
        every_way(1, 1);
    }
}

#[test]
fn three_replicas_are_two_restarts_from_outage() {
    if !left_out() {
        every_way(3, 2);
    }
}
