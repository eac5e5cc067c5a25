//! Keys on a real stack: what a real `operator init` prints is taken in, and the Secret is compared without opening anything.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::lab::{Vault, lab, left_out};

const PHRASE: &str = "correct horse battery staple";

/// A keystore that opens with a keyfile, so that keys can come through standard input.
fn with_keystore(vault: &mut Vault) {
    let keyfile = vault.home.path().join("key").display().to_string();
    let yaml = format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n    keystore:\n      keyfile: {keyfile}\n",
        vault.namespace, vault.name
    );
    vault.configure(&yaml);
    wants(vault, 0, &["init", "--slot", "keyfile", "--keyfile", &keyfile], "");
}

fn keys(vault: &Vault, args: &[&str], input: &str) -> Output {
    let mut command = vault.baowatch(&["--cluster", "lab", "keys"]);
    let mut child =
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn wants(vault: &Vault, code: i32, args: &[&str], input: &str) -> String {
    let output = keys(vault, args, input);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    for secret in vault.secrets() {
        assert!(!out.contains(&secret) && !err.contains(&secret), "a key came out of {args:?}");
    }
    out.into_owned()
}

fn verify(vault: &Vault, code: i32) -> Value {
    serde_json::from_str(&wants(vault, code, &["verify", "--output", "json"], "")).unwrap()
}

#[test]
fn keystore_and_secret_are_the_same_until_somebody_changes_one() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    with_keystore(&mut vault);
    assert_eq!(verify(&vault, 1)["pairs"][0]["is"], "missing", "the keystore is empty");
    let secret = vault.kubectl(&["get", "secret", "openbao-keys", "-o", "json"], "");
    let said = wants(&vault, 0, &["import", "-"], &secret);
    assert!(said.contains("generation 1: unseal keys (1 share held, 1 of 1 needed), with the root token"), "{said}");
    assert!(wants(&vault, 0, &["import", "-"], &secret).contains("Nothing to do"));
    let status: Value = serde_json::from_str(&wants(&vault, 0, &["status", "--output", "json"], "")).unwrap();
    assert!(status["generations"][0]["vaultClusterId"].is_string(), "{status:#}");
    let document = verify(&vault, 0);
    assert_eq!((&document["schema"], &document["pairs"][0]["is"]), (&json!("baowatch.keys-verify/v1"), &json!("same")));

    let other = json!({"stringData": {"key": "ab".repeat(32)}}).to_string();
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", &other], "");
    assert_eq!(verify(&vault, 1)["pairs"][0]["is"], "different");
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=json", "-p", r#"[{"op":"remove","path":"/data"}]"#], "");
    assert_eq!(verify(&vault, 1)["pairs"][0]["is"], "missing");

    // Other keys never take the place of those that are kept without the vault's name.
    let wrong = json!({"keys": ["ab".repeat(32)]}).to_string();
    wants(&vault, 2, &["import", "-"], &wrong);
    wants(&vault, 2, &["import", "-", "--confirm", "yes"], &wrong);
    // Nor do shares that cannot be this vault's.
    wants(&vault, 2, &["import", "-", "--confirm", &vault.name], &json!({"keys": ["ab".repeat(33)]}).to_string());
    let now: Value = serde_json::from_str(&wants(&vault, 0, &["status", "--output", "json"], "")).unwrap();
    assert_eq!(now["generations"], status["generations"]);
}

/// Runs the real `bao operator init` against a vault that nobody has initialised.
fn initialised(vault: &Vault, format: &str) -> String {
    let address = vault.made["addresses"][vault.pod(0)].as_str().unwrap().to_owned();
    let output = Command::new(&vault.lab.bao)
        .args(["operator", "init", "-key-shares=3", "-key-threshold=2", &format!("-format={format}")])
        .env("BAO_ADDR", &address)
        .env("HOME", vault.home.path())
        .env_remove("BAO_TOKEN")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_a_real_operator_init_prints_is_taken_in_as_json_and_as_text() {
    if left_out() {
        return;
    }
    for format in ["json", "table"] {
        let mut vault = lab().vault(json!({"replicas": 1, "secret": null, "init": false, "unseal": false}));
        let said = |document: &Value| crate::lab::alert(document, "vault-uninitialized").cloned();
        vault.configure("rules:\n  vault-uninitialized: {for: 0s}\n");
        let (_, document) = vault.check_until("a fresh install", &[], |_, d| said(d).is_some());
        assert_eq!(said(&document).unwrap()["state"], "firing", "{document:#}");
        let printed = initialised(&vault, format);
        vault.check_until("an initialised vault", &[], |_, d| crate::lab::verdict(d) != "blind" && said(d).is_none());
        let keyfile = vault.home.path().join("key").display().to_string();
        with_keystore(&mut vault);
        let file = vault.home.path().join("init.txt");
        std::fs::write(&file, &printed).unwrap();
        let said = wants(&vault, 0, &["import", &file.display().to_string()], "");
        assert!(said.contains("(3 shares held, 2 of 3 needed), with the root token"), "{format}: {said}");
        assert!(said.contains("shred -u"), "{said}");

        // A passphrase slot beside the keyfile, and the keystore without its keyfile.
        wants(&vault, 0, &["slots", "add", "passphrase"], &format!("{PHRASE}\n"));
        std::fs::remove_file(&keyfile).unwrap();
        wants(&vault, 2, &["slots", "add", "passphrase"], "not the passphrase\n");
        let half = printed.lines().find(|line| line.contains("Key 2") || line.contains("root_token"));
        let secret = half.and_then(|line| line.rsplit([' ', '"']).find(|word| word.len() > 20)).unwrap();
        for folder in ["data", "state"] {
            assert_clean(&vault.home.path().join(folder), secret);
        }
    }
}

fn assert_clean(folder: &std::path::Path, secret: &str) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_clean(&path, secret);
        } else {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains(&secret[..secret.len() / 2]), "a key came out in {}", path.display());
        }
    }
}
