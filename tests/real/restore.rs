//! The incident from start to end: keys in the Secret, saved, wiped by a placeholder, put back, and a pod that reopens.

use std::path::PathBuf;
use std::sync::Arc;

use baowatch::app::id::Identity;
use baowatch::app::model::keystore::KeyKind;
use baowatch::app::trouble::TroubleKind;
use baowatch::backends::connect::{Asked, connect};
use baowatch::backends::keys::Salt;
use baowatch::backends::keystore::Keeper;
use baowatch::backends::keystore::kdf::Cost;
use baowatch::backends::keystore::opened::{NewKeys, Opened};
use baowatch::backends::keystore::payload::SecretBytes;
use baowatch::backends::keystore::slot::Opener;
use baowatch::backends::keystore::store::FileStore;
use baowatch::backends::kube::apply::KubeApply;
use baowatch::backends::kube::port::{KubeWrite as _, SecretApply};
use baowatch::backends::kube::register::NAME;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::lab::{Vault, alert, lab, left_out, verdict};

/// A config with a keystore that its keyfile opens, and the keystore itself: empty, or with these keys typed into it.
fn keystore(vault: &mut Vault, typed: &[Vec<u8>]) -> PathBuf {
    use std::os::unix::fs::OpenOptionsExt as _;
    let (path, keyfile) = (vault.home.path().join("lab.keystore"), vault.home.path().join("lab.keyfile"));
    let secret = [9_u8; 32];
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&keyfile).unwrap();
    std::io::Write::write_all(&mut file, &secret).unwrap();
    let (namespace, name) = (vault.namespace.clone(), vault.name.clone());
    vault.configure(&format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {namespace}\n      name: {name}\n    keystore:\n      path: {}\n      keyfile: {}\n      holder: the lab\n",
        path.display(),
        keyfile.display()
    ));
    // The first look makes this cluster's salt.
    vault.check(&["--cluster", "lab"]);
    let register = registers(&vault.home.path().join("state/baowatch")).pop().expect("a register.json");
    let register: Value = serde_json::from_slice(&std::fs::read(register).unwrap()).unwrap();
    let identity = Identity(register["identity"].as_str().unwrap().to_owned());
    let digits = register["salt"].as_str().unwrap().as_bytes();
    let salt: Vec<u8> =
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    let salt = Salt(salt);
    let now = baowatch::app::runtime::clock::now();
    let opener = Opener::Keyfile(Zeroizing::new(secret));
    let mut new = Opened::create(&identity, &salt, &opener, Cost::FLOOR, "keyfile", now).unwrap();
    if !typed.is_empty() {
        let keys = NewKeys {
            kind: KeyKind::Unseal,
            threshold: 1,
            total: 1,
            shares: typed.iter().map(|share| SecretBytes::new(share.clone())).collect(),
            root_token: None,
            fields: Vec::new(),
            source: "typed".into(),
            vault_cluster_id: None,
        };
        new.add_generation(keys, now).unwrap();
    }
    let keeper = Keeper::new(Arc::new(FileStore(path.clone())), identity, salt, Arc::new(|_| Vec::new()), false);
    keeper.create(new, now).unwrap();
    path
}

fn registers(folder: &std::path::Path) -> Vec<PathBuf> {
    let inside = std::fs::read_dir(folder).into_iter().flatten().flatten();
    inside.map(|entry| entry.path().join("register.json")).filter(|path| path.exists()).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

/// `act run`: its exit code and everything it said.
fn act(vault: &Vault, action: &str, confirm: &str) -> (i32, String) {
    let args = ["--cluster", "lab", "act", "run", action, "--confirm", confirm];
    let output = vault.baowatch(&args).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for secret in vault.secrets() {
        assert!(!said.contains(&secret), "{action} shows a secret");
    }
    (output.status.code().unwrap_or(-1), said)
}

fn secret(vault: &Vault) -> Value {
    serde_json::from_str(&vault.kubectl(&["get", "secret", "openbao-keys", "-o", "json", "--show-managed-fields"], ""))
        .unwrap()
}

/// The placeholder of the incident: a manifest without data that takes the fields with it.
fn placeholder(vault: &Vault) {
    let bare = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "openbao-keys", "namespace": vault.namespace, "labels": {"team": "platform"}}});
    vault.kubectl(&["replace", "-f", "-"], &bare.to_string());
}

#[test]
fn keys_are_saved_wiped_and_put_back_and_the_next_pod_reopens() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let path = keystore(&mut vault, &[]);
    let before = secret(&vault)["data"].clone();

    let (code, said) = act(&vault, "save-keys", "y");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("generation 1 saved"), "{said}");
    let file = std::fs::read(&path).unwrap();
    for secret in vault.secrets() {
        assert!(!file.windows(secret.len()).any(|part| part == secret.as_bytes()), "in clear on disk");
    }
    let (code, said) = act(&vault, "save-keys", "y");
    assert_eq!(code, 2, "saved twice: {said}");

    placeholder(&vault);
    let (code, document) = vault.check(&["--cluster", "lab"]);
    assert_eq!((verdict(&document), code), ("will-not-reopen", 2), "{document:#}");
    assert!(alert(&document, "keys-secret-empty").is_some(), "{document:#}");

    let (code, said) = act(&vault, "restore-keys-secret", "openbao");
    assert_eq!(code, 2, "a wrong answer changes nothing: {said}");
    assert!(secret(&vault)["data"].is_null());
    let (code, said) = act(&vault, "restore-keys-secret", "openbao-keys");
    assert_eq!(code, 0, "{said}");

    let after = secret(&vault);
    assert_eq!(after["data"], before, "byte for byte what it was");
    assert_eq!(after["metadata"]["labels"]["team"], "platform", "labels are not ours");
    let entries = after["metadata"]["managedFields"].as_array().unwrap();
    let ours = entries.iter().find(|entry| entry["manager"] == "baowatch").unwrap_or_else(|| panic!("{after:#}"));
    assert_eq!(ours["operation"], "Apply");
    let mut fields: Vec<&String> = ours["fieldsV1"].as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["f:data"], "only our fields: {ours:#}");
    let version = after["metadata"]["resourceVersion"].as_str().unwrap();
    assert!(said.contains(&format!("rv {version}")), "{said}");

    // The whole mechanism: a new pod takes the key from the Secret.
    vault.delete_pod(0);
    vault.wait_sealed(0, true);
    vault.wait_sealed(0, false);
    let (code, said) = act(&vault, "restore-keys-secret", "openbao-keys");
    assert_eq!(code, 2, "there is nothing to do: {said}");
}

#[test]
fn a_different_key_is_not_overwritten_without_proof() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let right: Vec<Vec<u8>> = vault.keys().iter().map(|key| unhex(key)).collect();
    keystore(&mut vault, &right);
    // Somebody puts back what they found in an old note.
    let wrong = "Y2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZGNkY2RjZA==";
    let patch = json!({"data": {"key": wrong}}).to_string();
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", &patch], "");
    let (code, said) = act(&vault, "restore-keys-secret", "openbao-keys");
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("nothing proves which is right") && said.contains("prove-keys"), "{said}");
    assert_eq!(secret(&vault)["data"]["key"], wrong, "left as it was");
    // Typed keys have no saved form: the field is written as it was last seen.
    placeholder(&vault);
    let (code, said) = act(&vault, "restore-keys-secret", "openbao-keys");
    assert_eq!(code, 0, "{said}");
    vault.delete_pod(0);
    vault.wait_sealed(0, true);
    vault.wait_sealed(0, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_is_told_the_line_of_a_role_and_who_may_not_read_the_register_sees_all_else() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let rules = r#"[{apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"]},
        {apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]},
        {apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"]},
        {apiGroups: [""], resources: ["configmaps"], resourceNames: ["openbao-config"], verbs: ["get"]},
        {apiGroups: ["apps"], resources: ["statefulsets", "deployments", "daemonsets"], verbs: ["get", "list", "watch"]},
        {apiGroups: ["batch"], resources: ["cronjobs"], verbs: ["get", "list", "watch"]}]"#;
    let manifest = format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: reader}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: reader}}\nrules: {rules}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: reader}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}}\n\
         subjects: [{{kind: ServiceAccount, name: reader}}]\n"
    );
    vault.kubectl(&["apply", "-f", "-"], &manifest);
    let token = vault.kubectl(&["create", "token", "reader"], "");
    let raw = vault.lab.kubectl(&["config", "view", "--raw", "--flatten", "--minify", "-o", "json"], "");
    let mut config: Value = serde_json::from_str(&raw).unwrap();
    config["users"] = json!([{"name": "reader", "user": {"token": token.trim()}}]);
    config["contexts"][0]["context"]["user"] = json!("reader");
    config["contexts"][0]["context"]["namespace"] = json!(vault.namespace);
    let kubeconfig = vault.home.path().join("reader.kubeconfig");
    std::fs::write(&kubeconfig, config.to_string()).unwrap();

    let asked = Asked {
        kubeconfig: Some(kubeconfig.clone().into()),
        vault: Some((vault.namespace.clone(), vault.name.clone())),
        ..Asked::default()
    };
    let target = connect(&asked).await.unwrap();
    let write = KubeApply::new(target.forward.as_ref().unwrap().client.clone());
    let apply = |name: &str| SecretApply {
        namespace: vault.namespace.clone(),
        name: name.into(),
        fields: vec![("key".into(), Zeroizing::new(b"CANARY".to_vec()))],
        immutable: false,
    };
    for name in ["openbao-keys", "another"] {
        let trouble = write.apply_secret(apply(name)).await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Denied, "{trouble}");
        assert!(
            trouble.next.contains(&format!(r#"resourceNames: ["{name}"], verbs: ["create", "patch"]"#)),
            "{trouble}"
        );
        assert!(!trouble.to_string().contains("CANARY"), "{trouble}");
    }
    let data = vec![("schema".to_owned(), "x".to_owned())];
    let trouble = write.apply_config_map("baowatch-x", &vault.namespace, NAME, data).await.unwrap_err();
    assert!(trouble.kind == TroubleKind::Denied && trouble.next.contains("configmaps"), "{trouble}");
    assert_eq!(vault.seal_status(0).unwrap()["sealed"], false);

    // The register is there for those who may read it; nobody else is blinded by it.
    let yaml = format!(
        "rules: {{}}\nclusters:\n  lab:\n    vault: {{namespace: {}, name: {}}}\n",
        vault.namespace, vault.name
    );
    vault.configure(&yaml);
    // This identity may see nothing beside the vault: what is about its keys is what is asked for.
    let about = "vault-sealed,keys-secret-empty,keys-mismatch,keys-single-copy,keys-unproven,keystore-missing";
    let asked = ["check", "--output", "json", "--rules", about];
    let output = vault.baowatch(&asked).env("KUBECONFIG", &kubeconfig).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let register = document["feeds"]
        .as_array()
        .unwrap()
        .iter()
        .find(|feed| feed["feed"] == "register" || feed["name"] == "register");
    assert_eq!(register.map(|feed| &feed["state"]), Some(&json!("denied")), "{document:#}");
    assert_ne!(verdict(&document), "blind", "{document:#}");
    assert_ne!(output.status.code(), Some(3), "{document:#}");
}
