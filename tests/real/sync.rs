//! Objects of both sync operators in the real API server, KV metadata of a real OpenBao: what their conditions say, and what
//! is so. The operators are played: what they would write is written here.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::lab::{Own, Vault, left_out};
use crate::outage::Console;

/// Stands in every value that is written into KV; none may ever be seen.
const CANARY: &str = "canary-5f0c41d2";

/// A vault with KV version 2 at `kv`, and the program configured with a token that may read metadata.
pub(crate) struct Scene {
    pub(crate) vault: Vault,
    address: String,
    seen: std::cell::RefCell<String>,
    _own: Own,
}

impl Scene {
    /// A control plane of its own: kinds and objects here are seen from everywhere in it.
    pub(crate) fn new(spec: Value) -> Self {
        let own = Own::start();
        let vault = own.0.vault(spec);
        let address = vault.made["addresses"][vault.pod(0)].as_str().unwrap().to_owned();
        let scene = Self { vault, address, seen: std::cell::RefCell::default(), _own: own };
        scene.bao(&["secrets", "enable", "-path=kv", "-version=2", "kv"], "");
        scene.bao(&["policy", "write", "lifeguard", "-"], "path \"kv/metadata/*\" { capabilities = [\"read\"] }");
        scene.bao(&["policy", "write", "nothing", "-"], "path \"nowhere\" { capabilities = [\"read\"] }");
        for namespace in ["shop", "pay"] {
            scene.vault.lab.kubectl(&["create", "namespace", namespace], "");
        }
        scene
    }

    pub(crate) fn bao(&self, args: &[&str], input: &str) -> String {
        use std::io::Write as _;
        let mut child = std::process::Command::new(&self.vault.lab.bao)
            .args(args)
            .env("BAO_ADDR", &self.address)
            .env("BAO_TOKEN", self.vault.made["rootToken"].as_str().unwrap())
            .env("HOME", self.vault.home.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "bao {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn put(&self, path: &str, value: u32) {
        self.bao(&["kv", "put", "-mount=kv", path, &format!("password={CANARY}-{value}")], "");
    }

    /// The program gets a token with this policy and no other.
    pub(crate) fn token(&mut self, policy: &str) {
        let token = self.bao(&["token", "create", "-policy", policy, "-no-default-policy", "-field=token"], "");
        let file = self.vault.home.path().join(format!("token-{policy}"));
        private(&file, token.trim());
        let context = self.vault.lab.kubectl(&["config", "current-context"], "").trim().to_owned();
        let (namespace, name) = (&self.vault.namespace, &self.vault.name);
        self.vault.configure(&format!(
            "clusters:\n  lab:\n    context: {context}\n    vault:\n      namespace: {namespace}\n      name: {name}\n      \
             tokenFile: {}\n    watch:\n      pathsPerMinute: 30\n",
            file.display()
        ));
    }

    pub(crate) fn check(&self) -> (i32, Value) {
        let (code, document) = self.vault.check(&[]);
        self.seen.borrow_mut().push_str(&document.to_string());
        (code, document)
    }

    pub(crate) fn apply(&self, object: &Value) {
        self.vault.lab.kubectl(&["apply", "-f", "-"], &object.to_string());
    }

    /// Writes a status as an operator would.
    pub(crate) fn status(&self, kind: &str, namespace: &str, name: &str, status: &Value) {
        let patch = json!({"status": status}).to_string();
        let args = ["patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch];
        self.vault.lab.kubectl(&args, "");
    }

    /// What the operators would have written: Secrets that are younger than the objects that bring them.
    pub(crate) fn secrets(&self, namespace: &str, names: &[&str]) {
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        for name in names {
            let values = ["--from-literal=_raw=x", "--from-literal=value=x"];
            self.vault.lab.kubectl(&["-n", namespace, "create", "secret", "generic", name, values[0], values[1]], "");
        }
    }

    pub(crate) fn crds(&self, file: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/crds").join(file);
        let path = path.display().to_string();
        self.vault.lab.kubectl(&["apply", "-f", &path], "");
        self.vault.lab.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &path], "");
    }
}

pub(crate) fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn ago(seconds: i64) -> String {
    let at = baowatch::app::runtime::clock::now() - SignedDuration::from_secs(seconds);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(crate) fn static_secret(name: &str, refresh: &str) -> Value {
    json!({
        "apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultStaticSecret",
        "metadata": {"namespace": "shop", "name": name,
            "finalizers": ["vaultstaticsecret.secrets.hashicorp.com/finalizer"]},
        "spec": {"type": "kv-v2", "mount": "kv", "path": format!("shop/{name}"), "refreshAfter": refresh,
            "hmacSecretData": true, "vaultAuthRef": "openbao", "destination": {"name": name, "create": true}},
    })
}

/// The three conditions as VSO 1.4.1 writes them, Ready and Healthy at this age.
pub(crate) fn beat(age: i64) -> Value {
    json!({"lastGeneration": 2, "conditions": [
        {"type": "SecretSynced", "status": "True", "reason": "Synced", "message": "Secret synced, horizon=8.225785006s",
            "observedGeneration": 2, "lastTransitionTime": ago(86_400)},
        {"type": "Healthy", "status": "True", "reason": "Healthy", "message": "VaultStaticSecretHealthy",
            "observedGeneration": 2, "lastTransitionTime": ago(age)},
        {"type": "Ready", "status": "True", "reason": "Ready", "message": "VaultStaticSecretReady",
            "observedGeneration": 2, "lastTransitionTime": ago(age)},
    ]})
}

/// As captured of a path that was never written: failing attempts keep the heartbeat alive.
pub(crate) fn failing() -> Value {
    let message =
        "Failed to sync the secret, horizon=41.688861031s, err=empty response from Vault, path=\"kv/data/shop/nope\"";
    json!({"lastGeneration": 2, "conditions": [
        {"type": "SecretSynced", "status": "False", "reason": "Synced", "message": message, "lastTransitionTime": ago(3)},
        {"type": "Healthy", "status": "False", "reason": "Unhealthy", "message": "VaultStaticSecretUnhealthy",
            "lastTransitionTime": ago(3)},
        {"type": "Ready", "status": "False", "reason": "Ready", "message": "VaultStaticSecretReady",
            "lastTransitionTime": ago(3)},
    ]})
}

fn vso(scene: &Scene) {
    scene.vault.lab.kubectl(&["create", "namespace", "vso"], "");
    let labels = json!({"app.kubernetes.io/name": "vault-secrets-operator"});
    scene.apply(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": "vso", "name": "vso-controller-manager", "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
            "spec": {"containers": [{"name": "manager", "image": "hashicorp/vault-secrets-operator:1.4.1"}]}}},
    }));
    let named = "metadata: {namespace: shop, name: openbao}";
    scene.vault.lab.kubectl(
        &["apply", "-f", "-"],
        &format!(
            "apiVersion: secrets.hashicorp.com/v1beta1\nkind: VaultConnection\n{named}\nspec: {{address: 'http://openbao:8200'}}\n\
             ---\napiVersion: secrets.hashicorp.com/v1beta1\nkind: VaultAuth\n{named}\nspec: {{method: kubernetes, mount: \
             kubernetes, kubernetes: {{role: shop, serviceAccount: default}}, vaultConnectionRef: openbao}}\n"
        ),
    );
    let ready = |kind: &str| {
        let ready = json!({"type": "Ready", "status": "True", "reason": "Ready", "message": format!("{kind}Ready"),
            "lastTransitionTime": ago(86_400)});
        scene.status(&kind.to_lowercase(), "shop", "openbao", &json!({"valid": true, "conditions": [ready]}));
    };
    ready("VaultConnection");
    ready("VaultAuth");
    for (name, refresh) in [("web", "10m"), ("mail", "10m"), ("nope", "10m"), ("forgotten", "30s")] {
        scene.apply(&static_secret(name, refresh));
    }
    for name in ["web", "mail", "forgotten"] {
        scene.put(&format!("shop/{name}"), 1);
    }
    // Each was looked at after its value was written; one of them long ago, and never since.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    scene.status("vaultstaticsecret", "shop", "web", &beat(0));
    scene.status("vaultstaticsecret", "shop", "mail", &beat(0));
    scene.status("vaultstaticsecret", "shop", "forgotten", &beat(7_200));
    scene.status("vaultstaticsecret", "shop", "nope", &failing());
    scene.apply(&json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "shop", "name": "nope.18"},
        "involvedObject": {"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultStaticSecret",
            "namespace": "shop", "name": "nope"},
        "type": "Warning", "reason": "VaultClientError", "count": 8, "source": {"component": "VaultStaticSecret"},
        "message": "Failed to read Vault secret: empty response from Vault, path=\"kv/data/shop/nope\"",
        "firstTimestamp": ago(140), "lastTimestamp": ago(3),
    }));
}

fn eso(scene: &Scene) {
    scene.apply(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"namespace": "pay", "name": "openbao"},
        "spec": {"provider": {"vault": {"server": "http://openbao:8200", "path": "kv", "version": "v2",
            "auth": {"kubernetes": {"mountPath": "kubernetes", "role": "pay"}}}}},
    }));
    scene.apply(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"namespace": "pay", "name": "till"},
        "spec": {"refreshInterval": "10m", "secretStoreRef": {"kind": "SecretStore", "name": "openbao"},
            "dataFrom": [{"extract": {"key": "pay/till"}}], "target": {"name": "till", "creationPolicy": "Owner"}},
    }));
    scene.apply(&json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret", "metadata": {"namespace": "pay", "name": "push"},
        "spec": {"refreshInterval": "10m", "secretStoreRefs": [{"kind": "SecretStore", "name": "openbao"}],
            "selector": {"secret": {"name": "till"}},
            "data": [{"match": {"secretKey": "password", "remoteRef": {"remoteKey": "pay/pushed", "property": "p"}}}]},
    }));
    // What declares more than that: a generator that is used and one that is not, of a kind that the other operator has
    // too; a push to two stores; a read that waits for its window.
    for (kind, name) in [("Password", "long"), ("VaultDynamicSecret", "db")] {
        scene.apply(&json!({"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind,
            "metadata": {"namespace": "pay", "name": name}, "spec": {"length": 32}}));
    }
    let generator = json!({"sourceRef": {"generatorRef": {"kind": "Password", "name": "long"}}});
    let windows = json!({"kind": "deny", "windows": [{"schedule": "* * * * *", "duration": "1m"}]});
    for (name, spec) in [
        ("made", json!({"refreshInterval": "10m", "dataFrom": [generator], "target": {"creationPolicy": "Orphan"}})),
        (
            "night",
            json!({"refreshInterval": "10m", "syncWindows": windows, "target": {"creationPolicy": "Orphan"},
            "secretStoreRef": {"name": "openbao"}, "dataFrom": [{"extract": {"key": "pay/night"}}]}),
        ),
    ] {
        scene.apply(&json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"namespace": "pay", "name": name}, "spec": spec}));
    }
    scene.apply(&json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret", "metadata": {"namespace": "pay", "name": "wide"},
        "spec": {"refreshInterval": "10m", "selector": {"secret": {"name": "till"}},
            "secretStoreRefs": [{"kind": "SecretStore", "name": "openbao"}, {"kind": "SecretStore", "name": "ghost"}],
            "data": [{"match": {"secretKey": "password", "remoteRef": {"remoteKey": "pay/pushed", "property": "p"}}}]},
    }));
    scene.put("pay/till", 1);
    scene.put("pay/pushed", 1);
    scene.put("pay/night", 1);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let ready = |reason: &str, message: &str| json!([{"type": "Ready", "status": "True", "reason": reason, "message": message, "lastTransitionTime": ago(3_600)}]);
    let refreshed = |conditions: Value| json!({"conditions": conditions, "refreshTime": ago(0)});
    scene.status("secretstore", "pay", "openbao", &json!({"conditions": ready("Valid", "store validated")}));
    scene.status("externalsecret", "pay", "till", &refreshed(ready("SecretSynced", "secret synced")));
    scene.status("pushsecret", "pay", "push", &refreshed(ready("Synced", "PushSecret synced successfully")));
    let read = |ago_is: i64| json!({"conditions": ready("SecretSynced", "secret synced"), "refreshTime": ago(ago_is)});
    scene.status("externalsecret", "pay", "made", &read(0));
    scene.status("externalsecret", "pay", "night", &read(3_600));
    let failed = json!([{"type": "Ready", "status": "False", "reason": "Errored", "lastTransitionTime": ago(60),
        "message": "could not get SecretStore \"ghost\", secretstores.external-secrets.io \"ghost\" not found"}]);
    scene.status("pushsecret", "pay", "wide", &json!({"conditions": failed}));
}

/// The word of a row: what stands before the object's name, without the cursor and the glyph.
fn word(screen: &str, object: &str, kind: &str) -> String {
    let row = screen.lines().find(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != object);
        words.next().is_some() && words.next() == Some(kind)
    });
    let row = row.unwrap_or_default();
    let words: Vec<&str> = row.split_whitespace().take_while(|word| *word != object).collect();
    words.last().copied().unwrap_or_default().to_owned()
}

/// Waits until the row of this object says this.
fn stands(console: &Console, object: &str, kind: &str, wanted: &str) {
    console.wait_until(&format!("{object} {wanted}"), |screen| word(screen, object, kind) == wanted);
}

pub(crate) fn feed<'a>(document: &'a Value, name: &str) -> &'a Value {
    let feeds = document["feeds"].as_array().unwrap();
    feeds.iter().find(|feed| feed["name"] == name).unwrap_or_else(|| panic!("no feed {name}: {document:#}"))
}

/// Rules of sync objects that are in the document with this subject's name.
pub(crate) fn rules_about(document: &Value, name: &str) -> Vec<String> {
    let alerts = document["alerts"].as_array().unwrap().iter();
    let about = alerts.filter(|alert| {
        alert["rule"].as_str().unwrap().starts_with("sync-") && alert["subject"].to_string().contains(name)
    });
    about.map(|alert| alert["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_the_operators_wrote_is_held_against_what_the_vault_holds() {
    if left_out() {
        return;
    }
    let mut scene = Scene::new(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    scene.token("lifeguard");
    scene.vault.check_until("a first whole look", &[], |_, d| crate::lab::verdict(d) == "unproven");

    // Nothing is installed: that is no bad news.
    let (_, document) = scene.check();
    let sync_rules = document["alerts"].as_array().unwrap().iter().filter_map(|alert| alert["rule"].as_str());
    let sync_rules: Vec<&str> = sync_rules.filter(|rule| rule.starts_with("sync-")).collect();
    assert!(sync_rules.is_empty(), "{document:#}");
    for name in ["sync", "operators", "paths"] {
        assert_eq!(feed(&document, name)["state"], "absent", "{name}: {document:#}");
    }
    assert!(feed(&document, "sync")["trouble"]["what"].as_str().unwrap().contains("No sync operator is installed"));

    // One operator's kinds alone, and the other's come while somebody looks.
    scene.crds("vso.yaml");
    vso(&scene);
    scene.secrets("shop", &["web", "mail", "forgotten"]);
    let (_, document) = scene.check();
    assert_eq!(feed(&document, "sync")["state"], "live", "{document:#}");
    assert_eq!(feed(&document, "paths")["state"], "live", "{document:#}");
    let console = Console::start(&scene.vault, 160, 50);
    console.wait_for("unsealed");
    console.type_in("3");
    let is = |object, kind, wanted| stands(&console, object, kind, wanted);
    is("shop/web", "VSS", "synced");
    is("shop/mail", "VSS", "synced");
    is("shop/nope", "VSS", "failed");
    is("shop/forgotten", "VSS", "dropped");
    console.wait_for("VSO 1.4.1 runs since");
    console.wait_for("of 30 times a minute");
    let (_, document) = scene.check();
    assert!(rules_about(&document, "nope").contains(&"sync-failed".to_owned()), "{document:#}");
    assert_eq!(rules_about(&document, "forgotten"), ["sync-stale"], "{document:#}");
    assert!(rules_about(&document, "web").is_empty(), "{document:#}");

    scene.crds("eso.yaml");
    eso(&scene);
    scene.secrets("pay", &["till"]);
    let other = Console::start(&scene.vault, 160, 50);
    other.wait_for("unsealed");
    other.type_in("3");
    stands(&other, "pay/till", "ES", "synced");
    other.wait_until("what is pushed", |screen| !word(screen, "pay/push", "PS").is_empty());
    other.wait_for("7 paths in the vault");
    stands(&other, "pay/made", "ES", "synced");
    stands(&other, "pay/night", "ES", "unwatched");
    stands(&other, "pay/wide", "PS", "failed");
    stands(&other, "pay/long", "gen", "synced");
    stands(&other, "pay/db", "gen", "unwatched");
    let (_, document) = scene.check();
    let wide =
        document["alerts"].as_array().unwrap().iter().find(|alert| alert["subject"].to_string().contains("wide"));
    assert!(wide.unwrap().to_string().contains("SecretStore pay/ghost does not exist"), "{document:#}");
    assert!(rules_about(&document, "night").is_empty(), "{document:#}");
    other.quit();

    // A new value that nobody has carried yet, then the operator comes by.
    scene.put("shop/web", 2);
    is("shop/web", "VSS", "behind");
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    scene.status("vaultstaticsecret", "shop", "web", &beat(0));
    is("shop/web", "VSS", "synced");
    // The forgotten one is picked up again, and its alarm goes.
    scene.status("vaultstaticsecret", "shop", "forgotten", &beat(0));
    is("shop/forgotten", "VSS", "synced");
    let (_, document) = scene.check();
    assert!(rules_about(&document, "forgotten").is_empty(), "{document:#}");

    // Everything about the failing one, with what the operator said in an Event.
    console.type_in("/nope\r");
    console.type_in("\r");
    console.wait_for("VaultClientError 8×");
    console.wait_for("nothing was ever written there");
    scene.seen.borrow_mut().push_str(&String::from_utf8_lossy(&console.sent()));
    console.quit();
    nothing_leaked(&scene);
}

/// No value that lies in KV came out: not on a screen, not in a document, not in a file.
fn nothing_leaked(scene: &Scene) {
    let token = std::fs::read_to_string(scene.vault.home.path().join("token-lifeguard")).unwrap();
    let seen = scene.seen.borrow();
    assert!(!seen.is_empty() && !seen.contains(CANARY) && !seen.contains(token.trim()));
    let mut folders = vec![scene.vault.home.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains(CANARY), "{} holds a value", path.display());
        }
    }
    assert!(files > 1, "nothing was looked at");
}
