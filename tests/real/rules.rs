//! Rules on the real stack that no other test here needs: each fires for what it is about, and clears when that is mended.

use std::path::Path;

use base64::Engine as _;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::lab::{Vault, alert, lab, left_out, verdict};
use crate::prove::{ask, root};
use crate::raft::{ARGS, fires};

fn encode(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The keys Secret as a manifest with this key; the root token is always beside it.
fn secret(vault: &Vault, key: Option<&str>) -> String {
    let mut data = json!({"root-token": encode(vault.made["rootToken"].as_str().unwrap())});
    if let Some(key) = key {
        data["key"] = json!(encode(key));
    }
    json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data,
        "metadata": {"name": "openbao-keys", "namespace": vault.namespace}})
    .to_string()
}

/// Looks until exactly these of `all` fire.
fn only(vault: &Vault, what: &str, all: &[&str], wanted: &[&str]) -> Value {
    let (_, document) = vault.check_until(what, &[], |_, document| {
        verdict(document) != "blind"
            && all.iter().all(|rule| fires(document, rule) == wanted.contains(rule))
            && all.iter().all(|rule| alert(document, rule).is_some() == wanted.contains(rule))
    });
    document
}

#[test]
fn the_keys_secret_in_each_state_has_its_rule() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let rules = [
        "keys-secret-missing",
        "keys-secret-empty",
        "keys-secret-field-missing",
        "keys-secret-implausible",
        "keys-overwritable",
        "keys-in-last-applied",
        "keys-mount-optional",
        "unsealer-dead",
    ];
    let only = |what: &str, wanted: &[&str]| only(&vault, what, &rules, wanted);
    let key = vault.made["keysBase64"][0].as_str().unwrap().to_owned();
    only("a Secret as it should be", &[]);

    vault.kubectl(&["delete", "secret", "openbao-keys"], "");
    only("no Secret", &["keys-secret-missing"]);
    // By the wrong way: what is applied can be applied without its keys, and lies in an annotation.
    vault.kubectl(&["apply", "-f", "-"], &secret(&vault, Some(&key)));
    only("a Secret that was applied", &["keys-overwritable", "keys-in-last-applied"]);
    let patch = r#"[{"op":"remove","path":"/data"}]"#;
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=json", "-p", patch], "");
    only("no data", &["keys-secret-empty", "keys-in-last-applied"]);

    vault.kubectl(&["delete", "secret", "openbao-keys"], "");
    vault.kubectl(&["create", "-f", "-"], &secret(&vault, None));
    only("a root token alone", &["keys-secret-field-missing"]);
    vault.kubectl(&["replace", "-f", "-"], &secret(&vault, Some("no key at all")));
    only("a field that is no key", &["keys-secret-implausible"]);
    vault.kubectl(&["replace", "-f", "-"], &secret(&vault, Some(&key)));
    only("the key again", &[]);

    let volumes =
        vault.kubectl(&["get", "statefulset", &vault.name, "-o", "jsonpath={.spec.template.spec.volumes[*].name}"], "");
    let at = volumes.split_whitespace().position(|name| name == "unseal-keys").unwrap();
    let optional = |yes: bool| {
        let path = format!("/spec/template/spec/volumes/{at}/secret/optional");
        let patch = json!([{"op": "add", "path": path, "value": yes}]).to_string();
        vault.kubectl(&["patch", "statefulset", &vault.name, "--type=json", "-p", &patch], "");
    };
    optional(true);
    only("a mount that may be empty", &["keys-mount-optional"]);
    optional(false);
    only("a mount that is required", &[]);

    let unsealer = |running: bool| {
        let body = json!({"namespace": vault.namespace, "name": vault.name, "running": running});
        vault.lab.call("POST", "/unsealer", &body);
    };
    unsealer(false);
    only("a sidecar that crashes", &["unsealer-dead"]);
    unsealer(true);
    only("a sidecar that runs", &[]);
}

/// How a replica is paused and resumed, as a machine that hangs.
fn hang(vault: &Vault, n: u32, how: &str) {
    vault.lab.call("POST", &format!("/vaults/{}/{}/{how}", vault.namespace, vault.name), &json!({"pod": vault.pod(n)}));
}

/// Waits until all three replicas have a vote.
fn all_vote(vault: &Vault) {
    let votes = || {
        let path = "sys/storage/raft/configuration";
        let servers = ask(vault, 0, "GET", path, &root(vault), &Value::Null).1["data"]["config"]["servers"].clone();
        servers.as_array().into_iter().flatten().filter(|server| server["voter"] == true).count()
    };
    let all = (0..240).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(500));
        votes() == 3
    });
    assert!(all, "three voters were never seen");
}

#[test]
fn a_replica_that_hangs_and_a_vault_without_its_quorum() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 3, "unsealer": "none", "secret": "openbao-keys"}));
    vault.configure(&format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\nrules:\n  vault-unreachable: {{for: 0s}}\n",
        vault.namespace, vault.name
    ));
    let quiet = |document: &Value, rule: &str| verdict(document) != "blind" && alert(document, rule).is_none();
    vault.check_until("three that answer", &ARGS, |_, d| quiet(d, "vault-unreachable") && quiet(d, "vault-no-active"));

    // A follower counts for the quorum once it was made a voter, some seconds after it joined.
    all_vote(&vault);
    hang(&vault, 2, "pause");
    let (_, document) = vault.check_until("one that hangs", &ARGS, |_, d| fires(d, "vault-unreachable"));
    assert_eq!(alert(&document, "vault-unreachable").unwrap()["subject"]["name"], vault.pod(2), "{document:#}");
    hang(&vault, 2, "resume");
    vault.check_until("all three again", &ARGS, |_, d| quiet(d, "vault-unreachable"));

    // Two of three restart and stay sealed: the third is open and may not write.
    let open = (0..3).find(|n| ask(&vault, *n, "GET", "sys/health", "", &Value::Null).0 == 200).unwrap();
    let sealed: Vec<u32> = (0..3).filter(|n| *n != open).collect();
    for n in &sealed {
        vault.delete_pod(*n);
    }
    for n in &sealed {
        vault.wait_sealed(*n, true);
    }
    let (code, document) = vault.check_until("nobody who leads", &ARGS, |_, d| fires(d, "vault-no-active"));
    assert_eq!(code, 2, "{document:#}");
    for n in &sealed {
        let key = json!({"key": vault.keys()[0]});
        assert_eq!(ask(&vault, *n, "PUT", "sys/unseal", "", &key).0, 200);
    }
    vault.check_until("a leader", &ARGS, |_, d| quiet(d, "vault-no-active") && quiet(d, "vault-unreachable"));
}

fn ago(seconds: i64) -> i64 {
    (baowatch::app::runtime::clock::now() - SignedDuration::from_secs(seconds)).as_second()
}

#[test]
fn a_lease_that_its_operator_does_not_renew_is_told_until_it_does() {
    if left_out() {
        return;
    }
    // Kinds and their objects are seen from everywhere in a cluster: not in the one of all tests.
    let lab = crate::nodes::own_lab();
    let vault = lab.vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/crds/vso.yaml").display().to_string();
    lab.kubectl(&["apply", "-f", &crds], "");
    lab.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &crds], "");
    // What its operator leaves behind: a lease of an hour, and when it was last renewed.
    let object = json!({
        "apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultDynamicSecret",
        "metadata": {"namespace": vault.namespace, "name": "db"},
        "spec": {"mount": "database", "path": "creds/app", "renewalPercent": 67, "vaultAuthRef": "openbao",
            "destination": {"name": "db", "create": true}},
    });
    vault.kubectl(&["apply", "-f", "-"], &object.to_string());
    let renewed = |seconds: i64| {
        let status = json!({"status": {"lastGeneration": 1, "lastRenewalTime": ago(seconds),
            "secretLease": {"id": "database/creds/app/x", "duration": 3_600, "renewable": true, "requestID": "x"},
            "staticCredsMetaData": {"lastVaultRotation": 0, "rotationPeriod": 0, "ttl": 0}}});
        let patch = status.to_string();
        let args = ["patch", "vaultdynamicsecret", "db", "--subresource=status", "--type=merge", "-p", &patch];
        vault.kubectl(&args, "");
    };
    let args = ["--rules", "lease-expiring", "--wait", "4s"];
    let seen = |document: &Value| {
        let feeds = document["feeds"].as_array().unwrap();
        feeds.iter().any(|feed| feed["name"] == "sync" && feed["state"] == "live")
    };
    let quiet = |document: &Value| seen(document) && alert(document, "lease-expiring").is_none();
    renewed(60);
    vault.check_until("a lease renewed a minute ago", &args, |_, d| quiet(d));
    renewed(3_000);
    let (_, document) = vault.check_until("a late renewal", &args, |_, d| fires(d, "lease-expiring"));
    assert_eq!(alert(&document, "lease-expiring").unwrap()["severity"], "warning", "{document:#}");
    renewed(3_500);
    let critical = |d: &Value| alert(d, "lease-expiring").is_some_and(|it| it["severity"] == "critical");
    vault.check_until("its last minutes", &args, |_, d| critical(d));
    renewed(0);
    vault.check_until("the renewal", &args, |_, d| quiet(d));
}
