//! Real tokens of a real server: what is said of each sort, a login over a token file, uses that are not spent by looking,
//! and nothing of any of them that comes out anywhere.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::lab::{Vault, lab, left_out};
use crate::outage::Console;

/// What Baowatch should have: it may read what it shows, and ask about other tokens without spending them.
const WATCHER: &str = r#"
path "sys/mounts" { capabilities = ["read"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/audit" { capabilities = ["read", "sudo"] }
path "sys/storage/raft/*" { capabilities = ["read"] }
path "sys/leases/count" { capabilities = ["read"] }
path "sys/namespaces" { capabilities = ["list"] }
path "sys/auth/token/tune" { capabilities = ["read"] }
path "auth/token/lookup" { capabilities = ["update"] }
path "sys/capabilities" { capabilities = ["update"] }
"#;

struct World {
    vault: Vault,
    tokens: Vec<String>,
}

impl World {
    fn new() -> Self {
        let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
        let root = vault.made["rootToken"].as_str().unwrap().to_owned();
        let world = Self { vault, tokens: vec![root] };
        world.policy("watcher", WATCHER);
        world.policy("wizard", r#"path "kv/data/app" { capabilities = ["read", "list"] }"#);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.vault.home.path().join(name)
    }

    /// The real command line of OpenBao.
    fn bao(&self, token: Option<&str>, args: &[&str]) -> String {
        let mut command = Command::new(&self.vault.lab.bao);
        command.args(args).env("HOME", self.vault.home.path());
        for name in ["VAULT_ADDR", "VAULT_TOKEN", "BAO_TOKEN"] {
            command.env_remove(name);
        }
        command.env("BAO_ADDR", self.vault.made["addresses"]["openbao-0"].as_str().unwrap());
        command.envs(token.map(|token| ("BAO_TOKEN", token)));
        let output = command.output().unwrap();
        assert!(output.status.success(), "bao {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn root(&self, args: &[&str]) -> String {
        self.bao(Some(&self.tokens[0]), args)
    }

    fn policy(&self, name: &str, text: &str) {
        let path = self.path(&format!("{name}.hcl"));
        std::fs::write(&path, text).unwrap();
        self.root(&["policy", "write", name, &path.display().to_string()]);
    }

    /// A new token in a file of this mode.
    fn token(&mut self, file: &str, mode: u32, args: &[&str]) -> String {
        let token = self.root(&[&["token", "create", "-field=token"], args].concat());
        self.put(file, mode, &token);
        self.tokens.push(token.clone());
        token
    }

    fn put(&self, file: &str, mode: u32, token: &str) {
        std::fs::write(self.path(file), token).unwrap();
        std::fs::set_permissions(self.path(file), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn uses(&self, token: &str) -> i64 {
        let said: Value = serde_json::from_str(&self.root(&["token", "lookup", "-format=json", token])).unwrap();
        said["data"]["num_uses"].as_i64().unwrap()
    }

    /// The configuration, with entries for files in the home folder.
    fn configure(&mut self, entries: &[(&str, &str, &str)]) {
        use std::fmt::Write as _;
        let vault = &self.vault;
        let mut yaml = format!(
            "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n      tokenFile: {}\n    tokens:\n",
            vault.namespace,
            vault.name,
            self.path("own").display()
        );
        for (name, file, more) in entries {
            writeln!(yaml, "      - {{name: {name}, path: {}{more}}}", self.path(file).display()).unwrap();
        }
        yaml.push_str("rules:\n  token-expiring: {warning: 80}\n");
        self.vault.configure(&yaml);
    }

    /// One check, in which nothing of any token comes out.
    fn check(&self) -> (i32, Value) {
        let log = self.path("trace.log");
        let log = log.display().to_string();
        let mut command = self.vault.baowatch(&["--log-file", &log, "check", "--output", "json"]);
        let output = command.env("BAOWATCH_LOG", "trace").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        self.clean(&text);
        self.clean(&String::from_utf8_lossy(&output.stderr));
        let document = serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"));
        (output.status.code().unwrap_or(-1), document)
    }

    /// The console with the pane of the tokens zoomed, until all of these words are on it.
    fn screen(&self, words: &[&str]) -> Console {
        let console = Console::with(&self.vault, &[], 200, 50);
        console.wait_for("Vault");
        console.type_in("6");
        console.wait_until(&format!("{words:?}"), |screen| words.iter().all(|word| screen.contains(word)));
        console
    }

    fn close(&self, console: Console) {
        console.quit();
        self.clean(&String::from_utf8_lossy(&console.sent()));
    }

    fn clean(&self, text: &str) {
        for token in &self.tokens {
            let (_, secret) = token.split_once('.').unwrap();
            let (half, _) = secret.split_at(secret.len() / 2);
            assert!(!text.contains(half), "a token came out");
        }
    }
}

/// What fires about a token, as `rule` and its sentence.
fn fired<'a>(document: &'a Value, name: &str) -> Vec<(&'a str, &'a str)> {
    let all = document["alerts"].as_array().unwrap().iter();
    let mine = all.filter(|alert| alert["state"] == "firing" && alert["subject"].to_string().contains("Token"));
    let named = mine.filter(|alert| {
        let words = alert["subject"].to_string();
        words.split(|c: char| !(c.is_alphanumeric() || c == '-')).any(|word| word == name)
    });
    named.map(|alert| (alert["rule"].as_str().unwrap(), alert["sentence"].as_str().unwrap())).collect()
}

fn rules<'a>(document: &'a Value, name: &str) -> Vec<&'a str> {
    fired(document, name).into_iter().map(|(rule, _)| rule).collect()
}

#[test]
fn each_sort_of_token_is_seen_for_what_it_is_and_none_is_spent() {
    if left_out() {
        return;
    }
    let mut world = World::new();
    world.token("own", 0o600, &["-orphan", "-period=768h", "-policy=watcher", "-display-name=baowatch"]);
    world.token("wizard", 0o600, &["-orphan", "-period=768h", "-policy=wizard", "-display-name=wizard"]);
    world.token("capped", 0o600, &["-period=24h", "-explicit-max-ttl=48h", "-policy=wizard"]);
    world.token("batch", 0o600, &["-type=batch", "-orphan", "-ttl=2h", "-policy=wizard"]);
    let open = world.token("open", 0o644, &["-orphan", "-period=768h", "-policy=wizard"]);
    let counted = world.token("counted", 0o600, &["-orphan", "-period=768h", "-use-limit=7", "-policy=wizard"]);
    let dead = world.token("dead", 0o600, &["-orphan", "-period=768h", "-policy=default"]);
    world.root(&["token", "revoke", &dead]);
    let needs = ", displayName: wizard, policies: [wizard], needs: {kv/data/app: [read], kv/data/other: [update]}";
    world.configure(&[
        ("wizard", "wizard", needs),
        ("capped", "capped", ""),
        ("batch", "batch", ""),
        ("open", "open", ""),
        ("counted", "counted", ", needs: {kv/data/app: [read]}"),
        ("dead", "dead", ""),
        ("nothing", "nothing", ""),
    ]);
    for _ in 0..3 {
        let (code, document) = world.check();
        assert_eq!(code, 2, "a dead token is critical: {document:#}");
        assert_eq!(rules(&document, "own"), Vec::<&str>::new(), "{document:#}");
        assert_eq!(rules(&document, "capped"), ["token-capped"], "{document:#}");
        assert_eq!(rules(&document, "batch"), ["token-capped"]);
        assert_eq!(rules(&document, "open"), ["token-weak"]);
        assert_eq!(rules(&document, "counted"), Vec::<&str>::new());
        assert_eq!(rules(&document, "dead"), ["token-expiring"]);
        assert_eq!(rules(&document, "nothing"), ["token-drift"]);
        // Its policies say what it may; the vault was asked.
        let wizard = fired(&document, "wizard");
        assert!(
            matches!(wizard[..], [("token-weak", says)] if says.contains("may not update kv/data/other")),
            "{wizard:?}"
        );
        // The root token in the keys Secret is shown, and is no daily use.
        assert_eq!(rules(&document, "root-token"), Vec::<&str>::new());
    }
    let words = ["root-token", "no end", "31d of 32d", "7 uses left", "periodic", "batch", "1 of 2 paths"];
    world.close(world.screen(&words));
    assert_eq!(world.uses(&counted), 7, "looking spent uses");
    // A short period that nobody renews, watched with a threshold that is reached within the test.
    world.token("own", 0o600, &["-orphan", "-period=120s", "-policy=watcher", "-display-name=baowatch"]);
    let (_, document) =
        world.vault.check_until("the token to run out", &[], |_, d| rules(d, "own") == ["token-expiring"]);
    drop(document);
    let own = std::fs::read_to_string(world.path("own")).unwrap();
    world.bao(Some(&own), &["token", "renew"]);
    // The others are mended at the same time.
    world.token("capped", 0o600, &["-orphan", "-period=768h", "-policy=wizard"]);
    world.put("open", 0o600, &open);
    let (_, document) = world.check();
    assert_eq!(rules(&document, "batch"), ["token-capped"], "they are in sight: {document:#}");
    for mended in ["own", "capped", "open"] {
        assert_eq!(rules(&document, mended), Vec::<&str>::new(), "{mended} is mended: {document:#}");
    }
    // The root token as our own.
    let root = world.tokens[0].clone();
    world.put("own", 0o600, &root);
    let (_, document) = world.check();
    assert_eq!(rules(&document, "own"), ["root-in-use"], "{document:#}");
    world.token("own", 0o600, &["-orphan", "-period=768h", "-policy=watcher"]);
    let (_, document) = world.check();
    assert_eq!(rules(&document, "own"), Vec::<&str>::new(), "a token of its own: {document:#}");
    world.clean(&std::fs::read_to_string(world.path("trace.log")).unwrap());
}

#[test]
fn a_login_over_the_token_file_is_found_and_so_is_its_repair() {
    if left_out() {
        return;
    }
    let mut world = World::new();
    world.token("own", 0o600, &["-orphan", "-period=768h", "-policy=watcher"]);
    let right =
        world.token(".vault-token", 0o600, &["-orphan", "-period=768h", "-policy=wizard", "-display-name=wizard"]);
    world.configure(&[("wizard", ".vault-token", ", displayName: wizard")]);
    world.root(&["auth", "enable", "userpass"]);
    world.root(&["write", "auth/userpass/users/me", "password=long-and-boring", "policies=wizard"]);
    let (_, document) = world.check();
    assert_eq!(rules(&document, "wizard"), Vec::<&str>::new(), "{document:#}");

    // A console that is open sees the file change, and does not wait for its minute.
    let console = world.screen(&["✓ wizard"]);
    world.bao(None, &["login", "-method=userpass", "-no-print", "username=me", "password=long-and-boring"]);
    let written = std::fs::read_to_string(world.path(".vault-token")).unwrap();
    assert_ne!(written, right, "the login wrote over the file");
    world.tokens.push(written);
    console.wait_for("✗ wizard");
    console.wait_for("is userpass-me now");
    let (code, document) = world.check();
    let fires = fired(&document, "wizard");
    let drift = fires.iter().find(|(rule, _)| *rule == "token-drift");
    assert!(drift.is_some_and(|(_, says)| says.contains("is userpass-me now")), "{fires:?}");
    assert_eq!(code, 2, "{document:#}");
    let alert = crate::lab::alert(&document, "token-drift").unwrap();
    let why = alert["why"].as_str().unwrap();
    assert!(why.contains("it should be wizard") && why.contains("auth/userpass/login"), "{why}");

    world.put(".vault-token", 0o600, &right);
    console.wait_for("✓ wizard");
    world.close(console);
    let (_, document) = world.check();
    assert_eq!(rules(&document, "wizard"), Vec::<&str>::new(), "{document:#}");
}

#[test]
fn counted_uses_are_not_spent_where_our_own_token_may_not_look_up_others() {
    if left_out() {
        return;
    }
    let mut world = World::new();
    world.token("own", 0o600, &["-orphan", "-period=768h", "-policy=default"]);
    let counted = world.token("counted", 0o600, &["-orphan", "-period=768h", "-use-limit=4", "-policy=default"]);
    // Whether its uses are counted is said, or nobody knows: it is not asked even once.
    for limited in [", limited: true", ""] {
        world.configure(&[("counted", "counted", limited)]);
        for _ in 0..3 {
            let (code, document) = world.check();
            assert_eq!(code, 3, "nobody can say: {document:#}");
        }
        assert_eq!(world.uses(&counted), 4, "{limited:?}");
    }
    world.token("plain", 0o600, &["-orphan", "-period=768h", "-policy=default"]);
    world.configure(&[("plain", "plain", ", limited: false")]);
    let (_, document) = world.check();
    assert_eq!(rules(&document, "plain"), Vec::<&str>::new(), "it says itself who it is: {document:#}");
    world.configure(&[("counted", "counted", "")]);
    world.close(world.screen(&["counted", "? ", "denied"]));
    assert_eq!(world.uses(&counted), 4);
}
