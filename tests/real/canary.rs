//! Unseal keys and the root token are planted everywhere a person would have them; none may come out anywhere.

use std::path::Path;

use serde_json::json;

use crate::lab::{Vault, lab, left_out};
use crate::outage::Console;

/// Every form in which the secrets could come out: as they are, and as base64 of that, as in a Secret's `data`.
fn forms(vault: &Vault) -> Vec<String> {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let plain = vault.secrets();
    let encoded = plain.iter().map(|secret| engine.encode(secret)).collect::<Vec<_>>();
    plain.into_iter().chain(encoded).collect()
}

fn assert_clean(what: &str, bytes: &[u8], forms: &[String]) {
    let text = String::from_utf8_lossy(bytes);
    for form in forms {
        // Half of it is too much as well.
        let (half, _) = form.split_at(form.len() / 2);
        assert!(!text.contains(half), "a secret came out in {what}");
    }
}

fn every_file(folder: &Path, forms: &[String]) -> usize {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            seen += every_file(&path, forms);
        } else {
            assert_clean(&path.display().to_string(), &std::fs::read(&path).unwrap_or_default(), forms);
            seen += 1;
        }
    }
    seen
}

#[test]
fn no_key_comes_out_of_any_command_at_the_highest_log_level() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({
        "replicas": 1, "unsealer": "none", "secret": "openbao-keys", "shares": 3, "threshold": 2,
    }));
    let forms = forms(&vault);
    let log = vault.home.path().join("trace.log").display().to_string();
    // Wherever people leave them: the environment, an address with a login, a Secret with last-applied.
    let root = vault.secrets().pop().unwrap();
    let environment = [("BAOWATCH_LOG", "trace".to_owned()), ("VAULT_TOKEN", root.clone()), ("BAO_TOKEN", root)];
    let share = vault.keys()[0].clone();
    vault.kubectl(
        &[
            "annotate",
            "secret",
            "openbao-keys",
            &format!("kubectl.kubernetes.io/last-applied-configuration={{\"data\":{{\"key\":\"{share}\"}}}}"),
        ],
        "",
    );
    vault.delete_pod(0);
    vault.wait_sealed(0, true);
    let commands: [&[&str]; 8] = [
        &["check", "--output", "json"],
        &["check"],
        &["--print", "200x60"],
        &["act", "list", "--output", "json"],
        &["act", "plan", "unseal"],
        &["act", "plan", "unseal", "--output", "json"],
        &["act", "run", "unseal", "--confirm", "wrong"],
        &["act", "run", "unseal", "--confirm", "openbao-0"],
    ];
    for args in commands {
        let mut command = vault.baowatch(&["--log-file", &log]);
        command.args(args).envs(environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().unwrap();
        assert_clean(&format!("stdout of {args:?}"), &output.stdout, &forms);
        assert_clean(&format!("stderr of {args:?}"), &output.stderr, &forms);
        assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{args:?} said nothing at all");
    }
    assert_eq!(vault.sealed(0), Some(false), "the shares were really used");

    // Typed by hand in the console, one of them wrong, with everything that the terminal was sent and the process shows.
    vault.delete_pod(0);
    vault.wait_sealed(0, true);
    vault.kubectl(&["delete", "secret", "openbao-keys"], "");
    let console = Console::with(&vault, &["--log-file", &log], 120, 40);
    console.wait_until("the sealed replica", |screen| screen.contains("✗ sealed"));
    console.type_in("a");
    console.wait_for("unseal");
    console.type_in("\r");
    console.wait_for("share 1 of 2");
    let keys = vault.keys();
    // Pasted, as people do.
    console.type_in(&format!("\u{1b}[200~{}\u{1b}[201~\r", keys[0]));
    console.wait_for("share 2 of 2");
    console.type_in(&format!("{}\r", keys[1]));
    console.wait_for("Type");
    let process = format!("/proc/{}", console.pid());
    assert_clean("the arguments", &std::fs::read(format!("{process}/cmdline")).unwrap(), &forms);
    // As a person would: what pours in right behind a secret is taken for the rest of a paste.
    std::thread::sleep(std::time::Duration::from_secs(2));
    console.type_in("openbao-0\r");
    console.wait_for("seen open by the seal feed");
    assert_eq!(vault.sealed(0), Some(false), "the typed shares were really used");
    console.type_in("\u{1b}");
    console.quit();
    assert_clean("what was sent to the terminal", &console.sent(), &forms);
    let seen = every_file(&vault.home.path().join("state"), &forms) + every_file(vault.home.path(), &forms);
    assert!(seen > 3, "journal, register and log were looked at");
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.len() > 1_000, "the log was really at trace");
}

const PHRASE: &str = "PASSPHRASE-CANARY-93417-tulip";
const KEYFILE: &[u8; 32] = b"KEYFILE-CANARY-0123456789-abcdef";

/// A secret as it is, in hex and in base64.
fn spelled(bytes: &[u8]) -> Vec<String> {
    use base64::Engine as _;
    use std::fmt::Write as _;
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.into_iter().chain([hex, base64]).collect()
}

/// Arguments and environment of the process and of every process that it started.
fn processes(pid: u32, forms: &[String]) {
    for name in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        assert_clean(&format!("{name} of process {pid}"), &bytes, forms);
    }
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
        processes(child, forms);
    }
}

/// The commands of `keys` in one home, each with its trace in one log and its outputs looked at.
struct Kept<'a> {
    vault: &'a Vault,
    log: String,
    forms: Vec<String>,
}

impl Kept<'_> {
    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [&["--cluster", "lab", "--log-file", &self.log, "keys"], args].concat()
    }

    fn run(&self, code: i32, args: &[&str], input: &str) -> String {
        use std::io::Write as _;
        use std::process::Stdio;
        let mut command = self.vault.baowatch(&self.args(args));
        command.env("BAOWATCH_LOG", "trace").env("RUST_BACKTRACE", "full");
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        processes(child.id(), &self.forms);
        let output = child.wait_with_output().unwrap();
        assert_clean(&format!("stdout of {args:?}"), &output.stdout, &self.forms);
        assert_clean(&format!("stderr of {args:?}"), &output.stderr, &self.forms);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        said
    }

    /// A recovery code through a terminal: the one place that may show it.
    fn recovery_code(&self) -> String {
        let console = Console::with(self.vault, &self.args(&["slots", "add", "recovery"]), 120, 40);
        console.wait_for("Press Enter");
        let screen = console.screen();
        let code =
            screen.lines().map(str::trim).find(|line| line.matches('-').count() == 7).expect("a code").to_owned();
        console.type_in("\r");
        console.wait_for("Type it back");
        // Behind it nothing is taken for the rest of a paste.
        std::thread::sleep(std::time::Duration::from_millis(100));
        let mut forms = self.forms.clone();
        forms.push(code.clone());
        processes(console.pid(), &forms);
        console.type_in(&format!("{code}\r"));
        console.wait_for("Added slot");
        assert_eq!(console.wait_exit(), 0);
        assert_clean("what was sent to the terminal", &console.sent(), &self.forms);
        code
    }
}

#[test]
fn nothing_that_opens_the_keystore_or_lies_in_it_comes_out() {
    use std::os::unix::fs::PermissionsExt as _;
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({
        "replicas": 1, "unsealer": "none", "secret": "openbao-keys", "shares": 3, "threshold": 2,
    }));
    let keyfile = vault.home.path().join("keyfile");
    std::fs::write(&keyfile, KEYFILE).unwrap();
    std::fs::set_permissions(&keyfile, std::fs::Permissions::from_mode(0o400)).unwrap();
    let keyfile = keyfile.display().to_string();
    vault.configure(&format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n    keystore:\n      keyfile: {keyfile}\n",
        vault.namespace, vault.name
    ));
    let mut all = forms(&vault);
    all.extend(spelled(PHRASE.as_bytes()));
    all.extend(spelled(KEYFILE));
    let log = vault.home.path().join("trace.log").display().to_string();
    let mut kept = Kept { vault: &vault, log: log.clone(), forms: all };
    kept.run(0, &["init"], &format!("{PHRASE}\n"));
    kept.run(0, &["slots", "add", "keyfile", "--keyfile", &keyfile], &format!("{PHRASE}\n"));
    let code = kept.recovery_code();
    kept.forms.extend([code.clone(), code.replace('-', ""), code.to_lowercase()]);
    let secret = vault.kubectl(&["get", "secret", "openbao-keys", "-o", "json"], "");
    assert!(kept.run(0, &["import", "-"], &secret).contains("3 shares held"), "the keys are really in it");
    kept.run(0, &["status"], "");
    kept.run(0, &["status", "--output", "json"], "");
    kept.run(0, &["verify", "--output", "json"], "");
    kept.run(2, &["export"], "");
    // What is wrong is not repeated either: keys of another vault, a half of one, a passphrase with a slip.
    let slip = format!("{{\"keys\": [\"{}\", \"{}x\"]}}", vault.keys()[0], vault.keys()[1]);
    kept.run(2, &["import", "-"], &slip);
    let name = vault.name.clone();
    kept.run(2, &["rotate", "--confirm", &name], &format!("{PHRASE}x\n{code}\n"));
    let keystore = std::fs::read_dir(vault.home.path().join("data/baowatch")).unwrap().flatten();
    let keystore = keystore.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "keystore"));
    let bytes = std::fs::read(keystore.expect("a keystore")).unwrap();
    // The data key itself, taken out of a slot as the program does it.
    let header = baowatch::backends::keystore::format::parts(&bytes).unwrap().header;
    let opener = baowatch::backends::keystore::Opener::Keyfile(zeroize::Zeroizing::new(*KEYFILE));
    let (key, _) = baowatch::backends::keystore::slot::unwrap(&header, &opener).unwrap();
    kept.forms.extend(spelled(key.bytes()));
    kept.run(0, &["rotate", "--confirm", &name], &format!("{PHRASE}\n{code}\n"));
    let seen = every_file(&vault.home.path().join("state"), &kept.forms)
        + every_file(&vault.home.path().join("data"), &kept.forms);
    assert!(seen > 3, "keystore and register were looked at");
    assert_clean("the log", &std::fs::read(&log).unwrap(), &kept.forms);
    assert!(std::fs::metadata(&log).unwrap().len() > 1_000, "the log was really at trace");
}
