//! The API server away for a while: stale, then unknown, blind with since when; back by itself, with no false Clear.

use serde_json::{Value, json};

use crate::lab::{Own, Vault, alert, left_out, verdict};
use crate::pty::Terminal;

/// The console on a vault of the lab.
pub struct Console(Terminal);

impl Console {
    pub fn start(vault: &Vault, width: u16, height: u16) -> Self {
        Self::with(vault, &[], width, height)
    }

    pub fn with(vault: &Vault, args: &[&str], width: u16, height: u16) -> Self {
        let reference = vault.reference();
        let mut all = vec!["--vault", reference.as_str()];
        all.extend(args);
        Self(Terminal::start(&all, &vault.environment(), width, height))
    }
}

impl std::ops::Deref for Console {
    type Target = Terminal;
    fn deref(&self) -> &Terminal {
        &self.0
    }
}

#[test]
fn blind_while_the_api_server_is_away_and_back_by_itself() {
    if left_out() {
        return;
    }
    // A control plane of its own: the others would not like to lose theirs.
    let own = Own::start();
    let lab = own.0;
    let vault = lab.vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    // An alarm is firing when the sight is lost; it must not clear by that.
    let console = Console::start(&vault, 120, 40);
    console.wait_for("SHOULD SURVIVE");
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=json", "-p", r#"[{"op":"remove","path":"/data"}]"#], "");
    console.wait_for("ONE RESTART FROM BLACKOUT");

    lab.call("POST", "/apiserver/stop", &Value::Null);
    console.wait_until("blindness", |screen| screen.to_lowercase().contains("blind"));
    let (code, document) = vault.check(&["--wait", "3s"]);
    assert_eq!((verdict(&document), code), ("blind", 3), "{document:#}");

    // Three periods later each feed says so for itself.
    console.type_in("!");
    console.wait_until("stale feeds", |screen| screen.contains("feed-stale"));

    lab.call("POST", "/apiserver/start", &Value::Null);
    console.wait_until("no stale feed", |screen| screen.contains("Alerts") && !screen.contains("feed-stale"));
    console.type_in("\u{1b}");
    console.wait_for("ONE RESTART FROM BLACKOUT");
    let (code, document) = vault.check_until("sight again", &[], |_, d| verdict(d) == "will-not-reopen");
    assert_eq!(code, 2);
    assert!(alert(&document, "keys-secret-empty").is_some(), "{document:#}");
    assert!(alert(&document, "feed-stale").is_none(), "{document:#}");
    console.quit();
}
