//! A silence outlives the console in which somebody asked for it: the next one and every `check` keep to it.

use serde_json::{Value, json};

use crate::lab::{Vault, alert, lab, left_out};
use crate::pty::Terminal;

const RULE: &str = "keys-unproven";

fn check(vault: &Vault) -> (Value, String) {
    let run = |output: &str| {
        let run = vault.baowatch(&["check", "--rules", RULE, "--output", output]).output().unwrap();
        String::from_utf8_lossy(&run.stdout).into_owned()
    };
    let document: Value = serde_json::from_str(&run("json")).unwrap();
    (alert(&document, RULE).unwrap_or_else(|| panic!("{document:#}")).clone(), run("text"))
}

/// A console with the dialog open that silences the one alert.
fn dialog(vault: &Vault) -> Terminal {
    let console = Terminal::start(&["--vault", &vault.reference()], &vault.environment(), 120, 40);
    console.wait_for("SHOULD SURVIVE");
    console.type_in("!");
    console.wait_for("┌ Alerts ");
    console.type_in("/");
    console.type_in(RULE);
    console.type_in("\r");
    console.wait_for(&format!("filter: {RULE} · 1 of"));
    console.type_in("s");
    console.wait_for(&format!("┌ Silence {RULE}"));
    console
}

#[test]
fn what_one_session_silenced_the_next_one_and_every_check_do_not_count_until_it_is_lifted() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    vault.check_until("an open vault", &[], |_, d| crate::lab::verdict(d) == "unproven");
    let (before, _) = check(&vault);
    assert_eq!((before["state"].as_str(), before.get("silence")), (Some("firing"), None), "{before:#}");

    let console = dialog(&vault);
    console.type_in("proof is due on Monday\r");
    console.wait_for("silent until");
    console.quit();
    let (silent, text) = check(&vault);
    assert_eq!(silent["state"], "silenced", "{silent:#}");
    assert_eq!(silent["silence"]["reason"], "proof is due on Monday", "{silent:#}");
    assert!(text.contains("proof is due on Monday"), "{text}");

    // The next console knows it, and ends it: an end after the last of the three.
    let console = dialog(&vault);
    console.wait_for("proof is due on Monday");
    console.type_in("\t\t\t");
    console.wait_for("(•) no longer");
    console.type_in("\r");
    console.wait_until("the alert is heard again", |screen| !screen.contains("silent until"));
    console.quit();
    let (after, _) = check(&vault);
    assert_eq!((after["state"].as_str(), after.get("silence")), (Some("firing"), None), "{after:#}");
}
