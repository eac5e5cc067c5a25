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
    std::thread::sleep(std::time::Duration::from_millis(600));
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
