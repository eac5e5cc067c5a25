//! Copies of the keystore in a second real vault and in a Secret, and key files in custody, by the real binary.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use baowatch::app::id::Identity;
use baowatch::app::model::keystore::KeyKind;
use baowatch::backends::keys::Salt;
use baowatch::backends::keystore::kdf::Cost;
use baowatch::backends::keystore::opened::NewKeys;
use baowatch::backends::keystore::store::FileStore;
use baowatch::backends::keystore::{Keeper, Opened, Opener, SecretBytes};
use jiff::Timestamp;
use serde_json::json;

use crate::lab::{Vault, lab, left_out};

const KEYFILE: [u8; 32] = [0x5b; 32];

/// A vault, and a keystore of it that a keyfile opens.
struct Scene {
    vault: Vault,
    keeper: Keeper,
}

fn now() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().unwrap()
}

impl Scene {
    fn new() -> Self {
        Self::of(lab().vault(json!({"secret": "openbao-keys"})))
    }

    fn of(mut vault: Vault) -> Self {
        let home = vault.home.path().to_owned();
        let (keystore, keyfile) = (home.join("prod.keystore"), home.join("keyfile"));
        private(&keyfile, &KEYFILE);
        vault.configure(&format!(
            "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n    keystore:\n      path: {}\n      keyfile: {}\n",
            vault.namespace,
            vault.name,
            keystore.display(),
            keyfile.display()
        ));
        let uid = vault.lab.kubectl(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"], "");
        let (identity, salt) = (Identity::of_cluster(&uid, &vault.namespace, &vault.name), Salt(vec![7; 16]));
        let store = Arc::new(FileStore(keystore));
        let keeper = Keeper::new(store, identity.clone(), salt.clone(), Arc::new(|_| Vec::new()), false);
        let opener = Opener::Keyfile(KEYFILE.into());
        keeper.create(Opened::create(&identity, &salt, &opener, Cost::FLOOR, "laptop", now()).unwrap(), now()).unwrap();
        let scene = Self { vault, keeper };
        let keys: Vec<Vec<u8>> = scene.vault.keys().iter().map(|key| unhex(key)).collect();
        scene.add_generation(keys);
        scene
    }

    fn add_generation(&self, shares: Vec<Vec<u8>>) {
        let keys = NewKeys {
            kind: KeyKind::Unseal,
            threshold: 1,
            total: 1,
            shares: shares.into_iter().map(SecretBytes::new).collect(),
            root_token: None,
            fields: Vec::new(),
            source: "typed".to_owned(),
            vault_cluster_id: None,
        };
        self.keeper.unlock(&Opener::Keyfile(KEYFILE.into())).unwrap();
        self.keeper.change(now(), |opened| Ok(opened.add_generation(keys, now()).unwrap())).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        self.vault.baowatch(&["--cluster", "lab"]).args(args).output().unwrap()
    }

    /// Runs it, demands this exit code, and gives back everything that was said.
    fn says(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        for secret in self.vault.secrets() {
            assert!(!said.contains(&secret), "{args:?} says a secret");
        }
        said
    }

    fn bytes(&self) -> Vec<u8> {
        self.keeper.bytes().unwrap().unwrap()
    }
}

fn private(path: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(path);
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o400)).unwrap();
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

/// Another vault with a KV engine of this version at `keep`.
struct Other {
    vault: Vault,
    token: PathBuf,
    address: String,
}

impl Other {
    fn new(version: &str) -> Self {
        let vault = lab().vault(json!({"secret": "openbao-keys"}));
        let address = vault.made["addresses"][vault.pod(0)].as_str().unwrap().to_owned();
        let token = vault.home.path().join("token");
        private(&token, vault.made["rootToken"].as_str().unwrap().as_bytes());
        let other = Self { vault, token, address };
        other.bao(&["secrets", "enable", "-path=keep", &format!("-version={version}"), "kv"]);
        other
    }

    fn bao(&self, args: &[&str]) -> String {
        let output = std::process::Command::new(&self.vault.lab.bao)
            .args(args)
            .env("BAO_ADDR", &self.address)
            .env("BAO_TOKEN", std::fs::read_to_string(&self.token).unwrap())
            .env("HOME", self.vault.home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "bao {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn add(&self, scene: &Scene, name: &str, code: i32, confirm: &str) -> String {
        let token = self.token.display().to_string();
        let place = ["--kv", "keep/baowatch/prod", "--vault-address", &self.address, "--vault-token-file", &token];
        let mut args = vec!["keys", "copy", "add", name, "--confirm", confirm];
        args.extend(place);
        scene.says(code, &args)
    }
}

#[test]
fn a_copy_in_a_second_vault_counts_keeps_versions_is_tested_lost_and_brings_the_keystore_back() {
    if left_out() {
        return;
    }
    let scene = Scene::new();
    for version in ["2", "1"] {
        let other = Other::new(version);
        let first = scene.bytes();
        // Not confirmed: nothing is registered and nothing is written.
        let said = other.add(&scene, "vault2", 2, "n");
        assert!(said.contains("not registered"), "{said}");
        assert!(scene.says(0, &["keys", "copy", "list"]).contains("No copy is registered"));
        let said = other.add(&scene, "vault2", 0, "y");
        assert!(said.contains("read back") && said.contains("the same"), "{said}");
        let list = scene.says(0, &["keys", "copy", "list"]);
        assert!(list.contains("the same") && list.contains("yes") && !list.contains("does not count"), "{list}");

        let tested = scene.says(0, &["keys", "restore-test", "vault2", "--slot", "1"]);
        assert!(tested.contains("keyfile") && tested.contains("the same as here"), "{tested}");
        assert!(scene.says(0, &["keys", "copy", "list"]).contains("slot 1, keyfile"), "the date is kept");

        scene.add_generation(vec![vec![9; 33]]);
        let newer = scene.bytes();
        let list = scene.says(0, &["keys", "copy", "check"]);
        assert!(list.contains("lacks the current keys"), "{list}");
        scene.says(0, &["act", "run", "copy-keystore", "vault2", "--confirm", "y"]);
        assert!(scene.says(0, &["keys", "copy", "check", "vault2"]).contains("the same"));

        let versions = scene.says(0, &["keys", "copy", "versions", "vault2"]);
        let oldest = versions.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap().to_owned();
        let restore = ["keys", "copy", "restore", "vault2", "--version", &oldest, "--confirm"];
        let said = scene.says(2, &[restore.as_slice(), &["somebody"]].concat());
        assert!(said.contains("LACKS generation") && scene.bytes() == newer, "{said}");
        let name = scene.vault.name.clone();
        let said = scene.says(0, &[restore.as_slice(), &[name.as_str()]].concat());
        assert!(said.contains("What was there is"), "{said}");
        assert_eq!(scene.bytes(), first, "byte for byte what was there before");
        let kept =
            said.split("What was there is ").nth(1).unwrap().lines().next().unwrap().trim_end_matches('.').to_owned();
        assert_eq!(std::fs::read(kept).unwrap(), newer);
        // The copy holds more than the keystore now: it is not overwritten.
        let said = scene.says(2, &["act", "run", "copy-keystore", "vault2", "--confirm", "y"]);
        assert!(said.contains("newer than the original"), "{said}");

        if version == "2" {
            other.bao(&["kv", "metadata", "delete", "-mount=keep", "baowatch/prod"]);
        } else {
            other.bao(&["kv", "delete", "-mount=keep", "baowatch/prod"]);
        }
        let list = scene.says(0, &["keys", "copy", "check"]);
        assert!(list.contains("MISSING"), "{list}");
        // It goes on with the book as it is.
        assert!(scene.says(0, &["keys", "copy", "remove", "vault2"]).contains("forgotten"));
    }
}

#[test]
fn the_vault_itself_its_own_cluster_and_the_same_disk_are_no_second_place() {
    if left_out() {
        return;
    }
    let scene = Scene::new();
    let file = scene.vault.home.path().join("copy.keystore").display().to_string();
    let said = scene.says(0, &["keys", "copy", "add", "beside", "--file", &file, "--confirm", "y"]);
    assert!(said.contains("does not count as a second place"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), scene.bytes());
    let context = scene.vault.lab.kubectl(&["config", "current-context"], "").trim().to_owned();
    let secret = format!("{}/baowatch-copy", scene.vault.namespace);
    let place = ["--secret", &secret, "--in-context", &context, "--confirm", "y"];
    scene.says(0, &[["keys", "copy", "add", "cluster"].as_slice(), &place].concat());
    scene.add_generation(vec![vec![9; 33]]);
    scene.says(0, &["act", "run", "copy-keystore", "--confirm", "y"]);
    let list = scene.says(0, &["keys", "copy", "list"]);
    assert!(list.contains("same file system as the keystore") && list.contains("same cluster as the vault"), "{list}");
    assert_eq!(list.matches("the same ").count(), 2, "{list}");
    assert!(!list.contains(" yes "), "{list}");
    let versions = scene.says(0, &["keys", "copy", "versions", "cluster"]);
    assert_eq!(versions.lines().count(), 3, "{versions}");
    // The stack's own vault, by its address.
    let own = Other {
        address: scene.vault.made["addresses"][scene.vault.pod(0)].as_str().unwrap().to_owned(),
        token: scene.vault.home.path().join("token"),
        vault: lab().vault(json!({"secret": "openbao-keys"})),
    };
    private(&own.token, scene.vault.made["rootToken"].as_str().unwrap().as_bytes());
    own.bao(&["secrets", "enable", "-path=keep", "-version=2", "kv"]);
    let token = own.token.display().to_string();
    let place = ["--kv", "keep/x", "--vault-address", &own.address, "--vault-token-file", &token, "--confirm", "n"];
    let said = scene.says(2, &[["keys", "copy", "add", "self"].as_slice(), &place].concat());
    assert!(said.contains("in the very vault whose keys it holds"), "{said}");
}

#[test]
fn a_key_file_is_taken_seen_to_differ_and_never_refreshed_without_its_name() {
    if left_out() {
        return;
    }
    let scene = Scene::new();
    let path = scene.vault.home.path().join("db.key");
    private(&path, &[3; 32]);
    let shown = path.display().to_string();
    assert!(scene.says(0, &["keys", "custody", "add", "db", &shown]).contains("32 bytes"));
    let list = scene.says(0, &["keys", "custody", "list"]);
    assert!(list.contains("in place") && list.contains("on the host that it lies on"), "{list}");
    // A daemon makes itself a new key.
    private(&path, &[4; 32]);
    assert!(scene.says(0, &["keys", "custody", "list"]).contains("OTHER BYTES"));
    let said = scene.says(2, &["keys", "custody", "refresh", "db", "--confirm", "yes"]);
    assert!(said.contains("no longer be the one that is restored"), "{said}");
    assert!(!scene.says(0, &["keys", "custody", "versions", "db"]).contains("\n2 "));
    let plan = scene.says(0, &["act", "plan", "restore-custody", "db"]);
    assert!(plan.contains("a daemon may have made itself a new key"), "{plan}");
    scene.says(2, &["keys", "custody", "restore", "db", "--confirm", "wrong"]);
    assert_eq!(std::fs::read(&path).unwrap(), [4; 32]);
    scene.says(0, &["keys", "custody", "restore", "db", "--confirm", "db"]);
    assert_eq!(std::fs::read(&path).unwrap(), [3; 32]);
    let kept = std::fs::read_dir(scene.vault.home.path()).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<PathBuf> = kept.filter(|path| path.to_string_lossy().contains(".baowatch-kept-")).collect();
    assert_eq!((kept.len(), std::fs::read(&kept[0]).unwrap()), (1, vec![4; 32]));
    // Taken on purpose: the earlier version stays.
    private(&path, &[4; 32]);
    scene.says(0, &["keys", "custody", "refresh", "db", "--confirm", "db"]);
    assert!(scene.says(0, &["keys", "custody", "versions", "db"]).contains("\n2 "));
    scene.says(0, &["keys", "custody", "restore", "db", "--version", "1", "--confirm", "db"]);
    assert_eq!(std::fs::read(&path).unwrap(), [3; 32]);
}

#[test]
fn each_rule_about_the_keystore_its_copies_and_key_files_fires_and_clears() {
    use std::os::unix::fs::PermissionsExt as _;
    if left_out() {
        return;
    }
    // Where a Secret opens the vault its keys are somebody's to keep.
    let scene = Scene::of(lab().vault(json!({"unsealer": "sidecar", "secret": "openbao-keys"})));
    let other = Other::new("2");
    let rules = [
        "keys-single-copy",
        "keystore-missing",
        "keystore-unreadable",
        "custody-missing",
        "custody-mismatch",
        "custody-permissions",
    ];
    let list = rules.join(",");
    let only = |what: &str, wanted: &[&str]| {
        let state = |d: &serde_json::Value, rule| crate::lab::alert(d, rule).map(|it| it["state"].clone());
        scene.vault.check_until(what, &["--cluster", "lab", "--rules", &list], |_, d| {
            let is = |rule: &&str| wanted.contains(rule).then(|| json!("firing"));
            crate::lab::verdict(d) != "blind" && rules.iter().all(|rule| state(d, rule) == is(rule))
        });
    };
    let file = scene.vault.home.path().join("db.key");
    private(&file, &[3; 32]);
    only("one place", &["keys-single-copy"]);
    scene.says(0, &["keys", "custody", "add", "db", &file.display().to_string()]);
    only("a file that is kept beside itself alone", &["keys-single-copy", "custody-missing"]);
    other.add(&scene, "vault2", 0, "y");
    only("two places", &[]);

    std::fs::remove_file(&file).unwrap();
    only("no file", &["custody-missing"]);
    private(&file, &[4; 32]);
    only("another file", &["custody-mismatch"]);
    private(&file, &[3; 32]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    only("a file that is open to all", &["custody-permissions"]);
    private(&file, &[3; 32]);
    only("the file as it was", &[]);

    // What else is said then, of copies that nothing can be held against, is not the matter here.
    let fires = |what: &str, wanted: &str| {
        scene.vault.check_until(what, &["--cluster", "lab"], |_, d| {
            crate::lab::alert(d, wanted).is_some_and(|it| it["state"] == "firing" && it["severity"] == "critical")
        });
    };
    let (keystore, bytes) = (scene.vault.home.path().join("prod.keystore"), scene.bytes());
    std::fs::write(&keystore, &bytes[..bytes.len() / 2]).unwrap();
    fires("half a keystore", "keystore-unreadable");
    std::fs::remove_file(&keystore).unwrap();
    fires("no keystore", "keystore-missing");
    private(&keystore, &bytes);
    std::fs::set_permissions(&keystore, std::fs::Permissions::from_mode(0o600)).unwrap();
    only("the keystore as it was", &[]);
}
