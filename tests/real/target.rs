//! Which vault is meant, and bad input on the way to it: a clear sentence each, and what to do next.

use serde_json::{Value, json};

use crate::lab::{Vault, lab, left_out, verdict};
use crate::nodes::own_lab;
use crate::pty::Terminal;

fn check(vault: &Vault, args: &[&str], environment: &[(&str, &str)]) -> (i32, Value, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_baowatch"));
    vault.dress(&mut command);
    command.args(args).args(["check", "--output", "json"]);
    for (name, value) in environment {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let document = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}"));
    (output.status.code().unwrap_or(-1), document, errors)
}

#[test]
fn several_vaults_unknown_contexts_and_stale_addresses_are_said() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let other = lab().vault(json!({"replicas": 1, "unsealer": "none", "secret": null, "name": "second"}));

    // Two and more vaults, none named: the question goes back, with their names.
    let (code, document, errors) = check(&vault, &[], &[]);
    assert_eq!((code, verdict(&document)), (3, "blind"), "{document:#}");
    assert!(errors.contains(&vault.reference()) && errors.contains(&other.reference()), "{errors}");
    assert!(errors.contains("--vault"), "{errors}");
    let (code, document, errors) = check(&vault, &["-n", &other.namespace], &[]);
    assert_eq!((code, verdict(&document)), (1, "needs-hands"), "{document:#}\n{errors}");

    let (code, _, errors) = check(&vault, &["--context", "prod-fra"], &[]);
    assert_eq!(code, 3);
    assert!(errors.contains("prod-fra") && errors.contains("--context"), "{errors}");

    // A stale address beside a good context: the context decides, and says so.
    let reference = vault.reference();
    let (code, document, _) = check(&vault, &["--vault", &reference], &[("VAULT_ADDR", "http://127.0.0.1:9")]);
    assert_eq!((code, verdict(&document)), (1, "unproven"), "{document:#}");
    let screen = vault.baowatch(&["--print", "160x50"]).env("VAULT_ADDR", "http://127.0.0.1:9").output().unwrap();
    let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
    assert!(screen.contains("VAULT_ADDR"), "a difference is said:\n{screen}");

    // No Kubernetes at all: the address itself.
    let address = vault.made["addresses"]["openbao-0"].as_str().unwrap().to_owned();
    let (code, document, errors) = check(&vault, &["--address", &address], &[]);
    assert_eq!((code, verdict(&document)), (1, "needs-hands"), "{document:#}\n{errors}");
    let nothing = "http://127.0.0.1:9";
    let (code, document, _) = check(&vault, &["--address", nothing], &[]);
    assert_eq!((code, verdict(&document)), (3, "blind"), "{document:#}");
}

#[test]
fn a_secret_with_rubbish_and_a_vault_with_tls() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys", "tls": true}));
    let (code, document) = vault.check_until("TLS through the tunnel", &[], |_, d| verdict(d) != "blind");
    assert_eq!((verdict(&document), code), ("unproven", 1), "{document:#}");

    let rubbish: String = "\u{1b}[31m\u{202e}\u{7}".repeat(10);
    let patch = json!({"stringData": {"key": rubbish}}).to_string();
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", &patch], "");
    let (code, document) = vault.check_until("the rubbish", &[], |_, d| verdict(d) == "will-not-reopen");
    assert_eq!(code, 2, "{document:#}");
    assert!(crate::lab::alert(&document, "keys-secret-implausible").is_some(), "{document:#}");
    let text = vault.baowatch(&["check"]).output().unwrap();
    assert!(!text.stdout.contains(&0x1b), "no escape sequence of the Secret reaches the terminal");
}

/// Two clusters in one kubeconfig and one config file, and from one session into the next.
#[test]
fn a_session_goes_from_one_cluster_to_the_other_and_back() {
    if left_out() {
        return;
    }
    let labs = [("home", lab()), ("away", own_lab())];
    let made = json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"});
    let mut vaults = labs.map(|(_, lab)| lab.vault(made.clone()));
    let mut whole = json!({"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []});
    let mut entries = Vec::new();
    for ((name, lab), vault) in labs.iter().zip(&vaults) {
        let one: Value = serde_json::from_str(&lab.kubectl(&["config", "view", "--raw", "-o", "json"], "")).unwrap();
        for (list, inner) in [("clusters", "cluster"), ("users", "user")] {
            let entry = json!({"name": name, inner: one[list][0][inner]});
            whole[list].as_array_mut().unwrap().push(entry);
        }
        let context = json!({"name": name, "context": {"cluster": name, "user": name}});
        whole["contexts"].as_array_mut().unwrap().push(context);
        let of = format!("vault: {{namespace: {}, name: {}}}", vault.namespace, vault.name);
        entries.push(format!("  {name}:\n    context: {name}\n    {of}\n"));
    }
    vaults[0].configure(&format!("clusters:\n{}", entries.concat()));
    let path = vaults[0].home.path().join("both.kubeconfig");
    std::fs::write(&path, whole.to_string()).unwrap();
    let mut environment = vaults[0].environment();
    environment.retain(|(name, _)| *name != "KUBECONFIG");
    environment.push(("KUBECONFIG", path.display().to_string()));
    let console = Terminal::start(&["--cluster", "home"], &environment, 120, 40);
    console.wait_for(&vaults[0].reference());
    console.wait_for("SHOULD SURVIVE");
    // By the list, and back by name.
    console.type_in("c");
    console.wait_for("away");
    // They are listed by name, and the cursor is on the one that is here.
    console.type_in("k\r");
    console.wait_for(&vaults[1].reference());
    console.wait_for("SHOULD SURVIVE");
    assert!(!console.screen().contains(&vaults[0].reference()), "{}", console.screen());
    console.type_in(":home\r");
    console.wait_for(&vaults[0].reference());
    console.wait_for("SHOULD SURVIVE");
    console.quit();
}
