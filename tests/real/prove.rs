//! Keys proven on the live vault: accepted, refused, untouched where it is somebody else's, and nothing open afterwards.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Vault, lab, left_out, verdict};
use crate::pty::Terminal;

/// A replica itself, past everything that is under test.
pub fn ask(vault: &Vault, n: u32, verb: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let address = vault.made["addresses"][vault.pod(n)].as_str().unwrap().strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    write!(
        stream,
        "{verb} /v1/{path} HTTP/1.0\r\nHost: {address}\r\nX-Vault-Token: {token}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

pub fn root(vault: &Vault) -> String {
    vault.made["rootToken"].as_str().unwrap().to_owned()
}

/// The rotation as the server tells it.
pub fn rotation(vault: &Vault, of: &str) -> Value {
    let (status, body) = ask(vault, 0, "GET", &format!("sys/rotate/{of}/init"), &root(vault), &Value::Null);
    assert_eq!(status, 200, "{body}");
    body["data"].clone()
}

fn begin(vault: &Vault) -> String {
    let body = json!({"secret_shares": 1, "secret_threshold": 1, "require_verification": true});
    let (status, begun) = ask(vault, 0, "PUT", "sys/rotate/root/init", &root(vault), &body);
    assert_eq!(status, 200, "{begun}");
    begun["data"]["nonce"].as_str().unwrap().to_owned()
}

pub fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn prove(vault: &Vault, more: &[&str]) -> (Option<i32>, String) {
    let mut args = vec!["act", "run", "prove-keys", "--confirm", "y"];
    args.extend(more);
    let output = vault.baowatch(&args).output().unwrap();
    let said = said(&output);
    for secret in vault.secrets() {
        assert!(!said.contains(&secret), "a secret of the vault was said");
    }
    (output.status.code(), said)
}

/// Every file that the program keeps, as one text.
fn kept(vault: &Vault) -> String {
    fn walk(folder: &std::path::Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                walk(&entry.path(), into);
            } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                into.push_str(&text);
            }
        }
    }
    let mut all = String::new();
    walk(&vault.home.path().join("state"), &mut all);
    all
}

/// Asks until the first looks are done: a plan needs them.
fn seen(vault: &Vault) -> Value {
    vault.check_until("a first whole look", &[], |_, d| verdict(d) != "blind").1
}

#[test]
fn a_proof_makes_unproven_survive_and_the_key_is_the_same_afterwards() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    assert_eq!(verdict(&seen(&vault)), "unproven");
    let plan = said(&vault.baowatch(&["act", "plan", "prove-keys"]).output().unwrap());
    assert!(plan.contains("Will not") || plan.contains("will not"), "{plan}");
    assert_eq!(rotation(&vault, "root")["started"], false, "a plan changes nothing");

    let (code, told) = prove(&vault, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("the vault accepts the Secret's key"), "{told}");
    assert_eq!(rotation(&vault, "root")["started"], false, "{told}");
    let (code, document) = vault.check_until("the proof", &[], |_, d| verdict(d) == "survives");
    assert_eq!(code, 0, "{document:#}");

    // The sidecar opens it with the old key: nothing was changed.
    assert_eq!(ask(&vault, 0, "PUT", "sys/seal", &root(&vault), &json!({})).0, 204);
    vault.wait_sealed(0, false);
    for secret in vault.secrets() {
        assert!(!kept(&vault).contains(&secret), "a secret of the vault was written down");
    }
}

#[test]
fn a_wrong_key_is_refused_and_that_is_remembered() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let wrong = "07".repeat(32);
    let patch = json!({"stringData": {"key": wrong}}).to_string();
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", &patch], "");
    seen(&vault);
    let (code, told) = prove(&vault, &[]);
    assert_eq!(code, Some(0), "the answer is no, and it is an answer: {told}");
    assert!(told.contains("the vault does not accept the Secret's key"), "{told}");
    assert!(!told.contains("accepts"), "{told}");
    assert_eq!(rotation(&vault, "root")["started"], false);
    let kept = kept(&vault);
    assert!(kept.contains("\"refused\"") && !kept.contains(&wrong), "{kept}");
    assert_ne!(verdict(&vault.check(&[]).1), "survives");
    // The right one again: the refusal was of other keys.
    let patch = json!({"stringData": {"key": vault.keys()[0]}}).to_string();
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", &patch], "");
    let (code, told) = prove(&vault, &[]);
    assert_eq!(code, Some(0), "{told}");
    vault.check_until("the proof of the right key", &[], |_, d| verdict(d) == "survives");
}

#[test]
fn two_of_three_shares_are_all_proven_on_whoever_leads() {
    if left_out() {
        return;
    }
    let vault = lab()
        .vault(json!({"replicas": 3, "unsealer": "sidecar", "secret": "openbao-keys", "shares": 3, "threshold": 2}));
    seen(&vault);
    let (code, told) = prove(&vault, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("3 shares in 2 rounds of 2"), "{told}");
    assert_eq!(rotation(&vault, "root")["started"], false);
    vault.check_until("the proof", &[], |_, d| verdict(d) == "survives");
    // One share of the three is wrong: the first two would still open it, and nobody knows which are taken.
    let mut keys = vault.keys();
    keys[2] = "5a".repeat(33);
    let patch = json!({"stringData": {"keys.json": json!(keys).to_string()}, "data": null}).to_string();
    let fields = vault.kubectl(&["get", "secret", "openbao-keys", "-o", "jsonpath={.data}"], "");
    let field = serde_json::from_str::<Value>(&fields).unwrap();
    let field = field.as_object().unwrap().keys().find(|name| !name.contains("token")).unwrap().clone();
    let patch = patch.replace("keys.json", &field).replace(",\"data\":null", "").replace("\"data\":null,", "");
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", &patch], "");
    let (code, told) = prove(&vault, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("at least one of shares 2 to 3 is wrong"), "{told}");
    assert_eq!(rotation(&vault, "root")["started"], false);
    assert_ne!(verdict(&vault.check(&[]).1), "survives");
}

#[test]
fn somebody_elses_rotation_is_not_touched() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    seen(&vault);
    let nonce = begin(&vault);
    let (code, told) = prove(&vault, &[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("somebody's rotation of the keys is open"), "{told}");
    assert!(told.contains("bao operator rotate-keys -cancel"), "{told}");
    let open = rotation(&vault, "root");
    assert_eq!((&open["nonce"], &open["progress"]), (&json!(nonce), &json!(0)), "{open}");
    // The command that was named does what it says.
    let address = vault.made["addresses"]["openbao-0"].as_str().unwrap();
    let output = std::process::Command::new(&vault.lab.bao)
        .args(["operator", "rotate-keys", "-cancel"])
        .env("BAO_ADDR", address)
        .env("BAO_TOKEN", root(&vault))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(rotation(&vault, "root")["started"], false);
    assert_eq!(prove(&vault, &[]).0, Some(0));
}

#[test]
fn a_token_without_rights_is_told_which_lines_its_policy_needs() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let policy = json!({"policy": "path \"sys/rotate/root/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\"] }"});
    assert_eq!(ask(&vault, 0, "PUT", "sys/policies/acl/prove", &root(&vault), &policy).0, 204);
    let made = |policy: &str| {
        let body = json!({"policies": [policy]});
        let (_, body) = ask(&vault, 0, "PUT", "auth/token/create", &root(&vault), &body);
        body["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let (without, with) = (made("default"), made("prove"));
    let file = vault.home.path().join("token");
    std::fs::write(&file, &without).unwrap();
    let yaml = format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n      tokenFile: {}\n",
        vault.namespace,
        vault.name,
        file.display()
    );
    vault.configure(&yaml);
    seen(&vault);
    let (code, told) = prove(&vault, &["--cluster", "lab"]);
    assert_eq!(code, Some(1), "{told}");
    let line = "path \"sys/rotate/root/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\"] }";
    assert!(told.contains(line), "{told}");
    assert!(!told.contains(&without));
    // A policy of exactly that line is enough.
    std::fs::write(&file, format!("{with}\n")).unwrap();
    let (code, told) = prove(&vault, &["--cluster", "lab"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains(&with));
    assert!(told.contains("the configured token"), "{told}");
}

#[test]
fn recovery_keys_are_proven_and_prove_nothing_about_reopening() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "seal": "static", "secret": "seal-key", "shares": 1}));
    let token = vault.home.path().join("token");
    std::fs::write(&token, root(&vault)).unwrap();
    let mut vault = vault;
    let yaml = format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n      tokenFile: {}\n",
        vault.namespace,
        vault.name,
        token.display()
    );
    vault.configure(&yaml);
    seen(&vault);
    let reference = vault.reference();
    let args =
        ["--vault", reference.as_str(), "--cluster", "lab", "act", "run", "prove-keys", "typed", "--confirm", "y"];
    let terminal = Terminal::start(&args, &vault.environment(), 160, 50);
    terminal.wait_for("Share 1 of 1");
    terminal.type_in(&format!("{}\r", vault.keys()[0]));
    terminal.wait_for("can never reopen");
    terminal.wait_for("the vault accepts the keys that were typed");
    assert_eq!(rotation(&vault, "recovery")["started"], false);
    assert!(kept(&vault).contains("\"recovery\""), "it is remembered as what it is");
    assert_eq!(verdict(&vault.check(&["--cluster", "lab"]).1), "unproven");
}
