//! The commands of `keys` as a person and a script meet them: the real binary, its files, its terminal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by panicking"
)]

mod pty;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use baowatch::backends::keystore::slot::Opener;
use baowatch::backends::keystore::{Opened, format};
use pty::Terminal;
use serde_json::{Value, json};
use zeroize::Zeroizing;

const PHRASE: &str = "correct horse battery staple";
const OTHER: &str = "quite another long sentence";
/// Nobody listens there: the vault is known by its address and is down.
const ADDRESS: &str = "http://127.0.0.1:9";
const VAULT: &str = "127.0.0.1:9";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let at = |name: &str| self.path(name).display().to_string();
        vec![
            ("HOME", at("")),
            ("XDG_STATE_HOME", at("state")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_DATA_HOME", at("data")),
            ("BAOWATCH_LOG", "trace".to_owned()),
        ]
    }

    fn run(&self, args: &[&str], input: &str) -> Output {
        self.run_with(&[&["--address", ADDRESS, "keys"], args].concat(), input, &[])
    }

    fn run_with(&self, args: &[&str], input: &str, more: &[(&str, String)]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_baowatch"))
            .args(args)
            .env_clear()
            .envs(self.environment())
            .envs(more.iter().map(|(name, value)| (*name, value.clone())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses early has closed its end.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs it and wants this exit code; stdout and stderr.
    fn wants(&self, code: i32, args: &[&str], input: &str) -> (String, String) {
        let output = self.run(args, input);
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        (out, err)
    }

    fn terminal(&self, args: &[&str]) -> Terminal {
        Terminal::start(&[&["--address", ADDRESS, "keys"], args].concat(), &self.environment(), 120, 40)
    }

    fn init(&self) {
        let (out, _) = self.wants(0, &["init"], &format!("{PHRASE}\n"));
        assert!(out.contains("slot 1 (passphrase, first)"), "{out}");
    }

    fn keystore(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.path("data/baowatch")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "keystore")).unwrap()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.wants(0, &["status", "--output", "json"], "").0).unwrap()
    }

    /// `operator init` of a vault that is not running, in a file.
    fn document(&self, name: &str, byte: u8) -> String {
        let key = |n: u8| format!("{:02x}", byte + n).repeat(33);
        let text = json!({"keys": [key(0), key(1), key(2)], "root_token": format!("s.{}", "c4naryt0".repeat(3))});
        let path = self.path(name);
        std::fs::write(&path, text.to_string()).unwrap();
        path.display().to_string()
    }

    fn import(&self, code: i32, document: &str, more: &[&str]) -> (String, String) {
        let args = [&["import", document, "--threshold", "2", "--shares", "3"], more].concat();
        self.wants(code, &args, &format!("{PHRASE}\n"))
    }
}

fn open(path: &Path, opener: &Opener) -> bool {
    Opened::open(&std::fs::read(path).unwrap(), None, opener).is_ok()
}

fn phrase(text: &str) -> Opener {
    Opener::Passphrase(Zeroizing::new(text.to_owned()))
}

#[test]
fn a_keystore_is_made_once_and_told_of_without_its_passphrase() {
    let home = Home::new();
    let (out, _) = home.wants(1, &["status"], "");
    assert!(out.contains("keys init"), "{out}");
    let (_, err) = home.wants(2, &["init"], "short\n");
    assert!(err.contains("too weak"), "{err}");
    assert!(!home.path("data/baowatch").read_dir().is_ok_and(|mut folder| folder.next().is_some()), "nothing was made");
    home.init();
    let mode = std::fs::metadata(home.keystore()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(home.keystore()).unwrap();
    let (_, err) = home.wants(2, &["init"], &format!("{PHRASE}\n"));
    assert!(err.contains("there is a keystore already"), "{err}");
    assert_eq!(std::fs::read(home.keystore()).unwrap(), before);
    let (out, _) = home.wants(0, &["status"], "");
    assert!(out.contains("none yet") && out.contains("passphrase") && out.contains("Argon2id"), "{out}");
    assert_eq!(home.status()["slots"][0]["kind"], "passphrase");
    home.wants(64, &["--keystore", "x", "prove"], "");
    home.wants(64, &["init", "--slot", "keyfile"], "");
}

#[test]
fn keys_come_in_and_other_keys_only_after_the_vault_s_name() {
    let home = Home::new();
    let first = home.document("first.json", 0x11);
    let (_, err) = home.import(2, &first, &[]);
    assert!(err.contains("there is no keystore") && err.contains("keys init"), "{err}");
    home.init();
    let (out, _) = home.import(0, &first, &[]);
    assert!(out.contains("generation 1: unseal keys (3 shares held, 2 of 3 needed), with the root token"), "{out}");
    assert!(out.contains("shred -u") && out.contains("SSD"), "the plaintext is named: {out}");
    let one = home.status();
    assert_eq!(one["generations"][0]["prints"].as_array().unwrap().len(), 3);
    assert!(home.import(0, &first, &[]).0.contains("Nothing to do"));
    assert_eq!(home.status()["revision"], one["revision"], "nothing was written");

    let second = home.document("second.json", 0x21);
    let (_, err) = home.import(2, &second, &[]);
    assert!(err.contains("may be a wrong one") && err.contains("nobody can be asked"), "{err}");
    home.import(2, &second, &["--confirm", "yes"]);
    assert_eq!(home.status()["generations"].as_array().unwrap().len(), 1);
    home.import(0, &second, &["--confirm", VAULT]);
    let two = home.status();
    assert_eq!(two["generations"][0], one["generations"][0], "the old one stays");
    assert_eq!(two["generations"][1]["source"], "second.json");

    let locked = std::fs::read(home.keystore()).unwrap();
    home.wants(2, &["import", &first, "--threshold", "2", "--shares", "3", "--confirm", VAULT], "a wrong passphrase\n");
    assert_eq!(std::fs::read(home.keystore()).unwrap(), locked);
    home.wants(2, &["prune", "2", "--confirm", "prune 2"], &format!("{PHRASE}\n"));
    home.wants(2, &["prune", "1", "--confirm", "prune 2"], &format!("{PHRASE}\n"));
    home.wants(0, &["prune", "1", "--confirm", "prune 1"], &format!("{PHRASE}\n"));
    assert_eq!(home.status()["generations"].as_array().unwrap().len(), 1);
}

#[test]
fn shares_are_typed_one_a_line_and_fewer_than_needed_are_none() {
    let home = Home::new();
    home.init();
    let share = |byte: u8| format!("{byte:02x}").repeat(33);
    let args = ["import", "--typed", "--threshold", "2", "--shares", "3"];
    let (_, err) = home.wants(2, &args, &format!("{PHRASE}\n{}\n\n", share(1)));
    assert!(err.contains("1 of the 2 shares needed"), "{err}");
    let (_, err) = home.wants(2, &args, &format!("{PHRASE}\n{}\nnonsense\n", share(1)));
    assert!(err.contains("line 2"), "{err}");
    home.wants(0, &args, &format!("{PHRASE}\n{}\nUnseal Key 2: {}\n\n", share(1), share(2)));
    assert_eq!(home.status()["generations"][0]["source"], "typed");
}

#[test]
fn slots_come_and_go_and_the_last_stays() {
    let home = Home::new();
    home.init();
    home.wants(2, &["slots", "remove", "1", "--confirm", "remove 1"], &format!("{PHRASE}\n"));
    let keyfile = home.path("key").display().to_string();
    home.wants(0, &["slots", "add", "keyfile", "--keyfile", &keyfile, "--label", "stick"], &format!("{PHRASE}\n"));
    let meta = std::fs::metadata(&keyfile).unwrap();
    assert_eq!((meta.len(), meta.permissions().mode() & 0o777), (32, 0o400));
    home.wants(0, &["slots", "add", "passphrase", "--label", "anna"], &format!("{PHRASE}\n{OTHER}\n"));
    let (out, _) = home.wants(0, &["slots", "list"], "");
    assert!(out.contains("2 keyfile     stick") && out.contains("3 passphrase  anna"), "{out}");
    let old = home.path("old.keystore");
    std::fs::copy(home.keystore(), &old).unwrap();
    let (out, _) = home.wants(0, &["slots", "remove", "1", "--confirm", "remove 1"], &format!("{OTHER}\n"));
    assert!(out.contains("Old copies still open with it") && out.contains("keys rotate"), "{out}");
    assert!(!open(&home.keystore(), &phrase(PHRASE)) && open(&old, &phrase(PHRASE)));

    // A recovery code is never shown to a pipe.
    let (_, err) = home.wants(2, &["slots", "add", "recovery"], &format!("{OTHER}\n"));
    assert!(err.contains("on a terminal only"), "{err}");
    // A keyfile that others may read is none.
    std::fs::write(home.path("loose"), [7; 32]).unwrap();
    let loose = home.path("loose").display().to_string();
    let (_, err) = home.wants(2, &["slots", "add", "keyfile", "--keyfile", &loose], &format!("{OTHER}\n"));
    assert!(err.contains("others may read it"), "{err}");
}

#[test]
fn a_rotated_keystore_opens_with_the_slots_that_stayed_and_no_other() {
    let home = Home::new();
    home.init();
    home.import(0, &home.document("init.json", 0x11), &[]);
    home.wants(0, &["slots", "add", "passphrase", "--label", "anna"], &format!("{PHRASE}\n{OTHER}\n"));
    let keyfile = home.path("key").display().to_string();
    home.wants(0, &["slots", "add", "keyfile", "--keyfile", &keyfile], &format!("{PHRASE}\n"));
    let before = home.status();
    home.wants(2, &["rotate", "--confirm", VAULT], "\n\n\n");
    home.wants(2, &["rotate", "--confirm", VAULT], "not the passphrase\n\n\n");
    home.wants(2, &["rotate", "--confirm", "wrong"], &format!("{PHRASE}\n\n{keyfile}\n"));
    assert_eq!(home.status()["revision"], before["revision"], "nothing was changed so far");
    let (out, err) = home.wants(0, &["rotate", "--confirm", VAULT], &format!("{PHRASE}\n\n{keyfile}\n"));
    assert!(err.contains("Slot 2 (passphrase, \"anna\") is DROPPED") && out.contains("1, 3"), "{out}{err}");
    assert!(open(&home.keystore(), &phrase(PHRASE)) && !open(&home.keystore(), &phrase(OTHER)));
    let key = <[u8; 32]>::try_from(std::fs::read(&keyfile).unwrap()).unwrap();
    assert!(open(&home.keystore(), &Opener::Keyfile(Zeroizing::new(key))));
    assert_eq!(home.status()["generations"], before["generations"]);
    assert!(home.import(0, &home.document("init.json", 0x11), &[]).0.contains("Nothing to do"), "the same keys");
}

#[test]
fn an_export_is_a_keystore_of_its_own_and_nothing_goes_to_a_pipe() {
    let home = Home::new();
    home.init();
    home.import(0, &home.document("init.json", 0x11), &[]);
    let (_, err) = home.wants(2, &["export"], &format!("{PHRASE}\n"));
    assert!(err.contains("on a terminal only"), "{err}");
    let to = home.path("out.keystore");
    let name = to.display().to_string();
    home.wants(0, &["export", "--to", &name], &format!("{PHRASE}\n{OTHER}\n"));
    assert!(open(&to, &phrase(OTHER)) && !open(&to, &phrase(PHRASE)));
    let (bytes, original) = (std::fs::read(&to).unwrap(), std::fs::read(home.keystore()).unwrap());
    let (theirs, ours) = (format::parts(&bytes).unwrap().header, format::parts(&original).unwrap().header);
    assert_eq!(theirs.generations[0].prints, ours.generations[0].prints);
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    home.wants(2, &["export", "--to", &name], &format!("{PHRASE}\n{OTHER}\n"));
    // Named, it is looked at like any other.
    let (out, _) = home.wants(0, &["--keystore", &name, "status"], "");
    assert!(out.contains("exported"), "{out}");
}

#[test]
fn the_keystore_is_at_hand_while_the_cluster_is_not() {
    let home = Home::new();
    home.init();
    let config = home.path("kubeconfig");
    std::fs::write(
        &config,
        "apiVersion: v1\nkind: Config\ncurrent-context: away\ncontexts:\n- name: away\n  context: {cluster: away, user: me}\n\
         clusters:\n- name: away\n  cluster: {server: 'https://127.0.0.1:9'}\nusers:\n- name: me\n  user: {token: none}\n",
    )
    .unwrap();
    let kubeconfig = [("KUBECONFIG", config.display().to_string())];
    let said = |args: &[&str]| {
        let output = home.run_with(args, "", &kubeconfig);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), out.into_owned(), err.into_owned())
    };
    let (code, out, err) = said(&["keys", "status"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.contains("Without the cluster") && out.contains(ADDRESS), "{out}{err}");
    // Two that could be meant: both are named and neither is taken.
    std::fs::copy(home.keystore(), home.path("data/baowatch/zz.keystore")).unwrap();
    let (code, out, err) = said(&["keys", "slots", "list"]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("zz.keystore") && err.contains("--keystore"), "{err}");
    assert_eq!(said(&["keys", "init"]).0, 1, "whose keystore it would be only the cluster knows");
}

#[test]
fn nothing_that_was_given_comes_out_anywhere() {
    let home = Home::new();
    home.init();
    let document = home.document("init.json", 0x11);
    let mut said: Vec<u8> = Vec::new();
    for (args, input) in [
        (vec!["import", &document, "--threshold", "2", "--shares", "3"], format!("{PHRASE}\n")),
        (vec!["status"], String::new()),
        (vec!["status", "--output", "json"], String::new()),
        (vec!["export"], format!("{PHRASE}\n")),
        (vec!["slots", "list"], String::new()),
        (vec!["import", &document, "--threshold", "2", "--shares", "3"], "canary passphrase\n".to_owned()),
    ] {
        let output = home.run(&args, &input);
        said.extend(output.stdout);
        said.extend(output.stderr);
    }
    std::fs::remove_file(&document).unwrap();
    let mut files = vec![("what was printed".to_owned(), said)];
    collect(home.0.path(), &mut files);
    assert!(files.len() > 4, "keystore, register, log");
    for (name, bytes) in files {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for secret in [PHRASE, "canary passphrase", "c4naryt0", &"11".repeat(12), &"12".repeat(12), "ERERERERERER"] {
            assert!(!text.contains(&secret.to_lowercase()), "a secret came out in {name}");
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn a_recovery_code_is_shown_once_and_counts_when_it_was_typed_back() {
    let home = Home::new();
    home.init();
    let terminal = home.terminal(&["slots", "add", "recovery", "--label", "safe"]);
    terminal.wait_for("Passphrase or recovery code");
    terminal.type_in(&format!("{PHRASE}\r"));
    terminal.wait_for("Press Enter");
    let screen = terminal.screen();
    let code = screen.lines().map(str::trim).find(|line| line.matches('-').count() == 7).expect("a code").to_owned();
    terminal.type_in("\r");
    terminal.wait_for("Type it back");
    assert!(!terminal.screen().contains(&code) && !terminal.alternate(), "it is off the screen");
    terminal.type_in("00000-00000\r");
    terminal.wait_for("eight groups");
    terminal.type_in(&format!("{}\r", code.to_lowercase().replace('-', " ")));
    terminal.wait_for("Added slot 2");
    assert_eq!(terminal.wait_exit(), 0);
    // It opens the keystore in the place of the passphrase.
    let keyfile = home.path("key").display().to_string();
    home.wants(0, &["slots", "add", "keyfile", "--keyfile", &keyfile], &format!("{code}\n"));
    let left = home.terminal(&["slots", "add", "recovery"]);
    left.wait_for("Passphrase or recovery code");
    left.type_in("\u{3}");
    assert_eq!(left.wait_exit(), 130);
}

#[test]
fn keys_are_shown_on_a_terminal_after_the_vault_s_name_and_are_gone_with_enter() {
    let home = Home::new();
    home.init();
    home.import(0, &home.document("init.json", 0x11), &[]);
    let terminal = home.terminal(&["export"]);
    terminal.wait_for("Passphrase or recovery code");
    terminal.type_in("a wrong passphrase\r");
    terminal.wait_for("no passphrase slot opens with this");
    terminal.type_in(&format!("{PHRASE}\r"));
    terminal.wait_for(&format!("Type `{VAULT}`"));
    assert!(!terminal.screen().contains("ERERERER"));
    terminal.type_in(&format!("{VAULT}\r"));
    terminal.wait_for("Press Enter");
    let screen = terminal.screen();
    assert!(screen.contains("ERERERER") && screen.contains("root token") && terminal.alternate(), "{screen}");
    terminal.type_in("\r");
    terminal.wait_for("Shown once");
    assert!(!terminal.screen().contains("ERERERER") && !terminal.alternate());
    assert_eq!(terminal.wait_exit(), 0);
    let refused = home.terminal(&["export"]);
    refused.wait_for("Passphrase or recovery code");
    refused.type_in(&format!("{PHRASE}\r"));
    refused.wait_for("Type `");
    refused.type_in("no\r");
    assert_eq!(refused.wait_exit(), 2);
}

#[test]
fn a_new_passphrase_is_typed_twice() {
    let home = Home::new();
    let terminal = home.terminal(&["init"]);
    terminal.wait_for("New passphrase");
    terminal.type_in(&format!("{PHRASE}\r"));
    terminal.wait_for("The same again");
    terminal.type_in(&format!("{OTHER}\r"));
    terminal.wait_for("not the same");
    terminal.wait_until("the question again", |screen| screen.matches("New passphrase").count() == 2);
    terminal.type_in(&format!("{PHRASE}\r"));
    terminal.wait_until("the repetition", |screen| screen.matches("The same again").count() == 2);
    terminal.type_in(&format!("{PHRASE}\r"));
    terminal.wait_for("Made ");
    assert_eq!(terminal.wait_exit(), 0);
    assert!(!String::from_utf8_lossy(&terminal.sent()).contains("horse"), "nothing of it was shown");
    assert!(open(&home.keystore(), &phrase(PHRASE)));
}
