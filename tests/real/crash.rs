//! Killed at every boundary of the journal of an unseal: what is left can be judged, and the end is as if nothing
//! had happened.

use serde_json::json;

use crate::lab::{Vault, lab, left_out};
use crate::outage::Console;

fn config(vault: &Vault) -> String {
    format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {}\n      name: {}\n      keysSecret:\n        name: openbao-keys\n",
        vault.namespace, vault.name
    )
}

fn unseal(vault: &Vault, fuse: Option<(&str, u32)>) -> (Option<i32>, String) {
    let mut command = vault.baowatch(&["act", "run", "unseal", "--confirm", "openbao-0"]);
    if let Some((name, n)) = fuse {
        command.env(name, n.to_string());
    }
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

/// Begun, then Started and its end for each of two shares and for the wait, then Ended.
const WRITES: u32 = 8;

#[test]
fn killed_at_every_journal_boundary_the_run_can_be_judged_and_finished() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({
        "replicas": 1, "unsealer": "none", "secret": "openbao-keys", "shares": 3, "threshold": 2,
    }));
    let yaml = config(&vault);
    vault.configure(&yaml);
    for name in ["BAOWATCH_TEST_ABORT_BEFORE_JOURNAL_WRITE", "BAOWATCH_TEST_ABORT_AFTER_JOURNAL_WRITE"] {
        for n in 1..=WRITES {
            vault.delete_pod(0);
            vault.wait_sealed(0, true);
            let (code, said) = unseal(&vault, Some((name, n)));
            assert_eq!(code, None, "{name}={n} did not die by its signal: {said}");
            // The next session finishes what is left, whatever is left.
            let (code, said) = unseal(&vault, None);
            let open = vault.sealed(0) == Some(false);
            let nothing_left = code == Some(2) && said.contains("nothing that answers is sealed");
            assert!(open && (code == Some(0) || nothing_left), "{name}={n}: exit {code:?}\n{said}");
            let (begun, ended) = (1, WRITES);
            let whole = n == ended && name.contains("AFTER");
            let never = n == begun && name.contains("BEFORE");
            if !whole && !never {
                assert!(said.contains("left unfinished"), "{name}={n} is told of:\n{said}");
            }
            // Settled: a third session is told nothing any more.
            let (_, said) = unseal(&vault, None);
            assert!(!said.contains("left unfinished"), "{name}={n} was settled:\n{said}");
        }
    }
}

#[test]
fn the_console_shows_a_run_in_doubt_and_offers_the_rest() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({
        "replicas": 1, "unsealer": "none", "secret": "openbao-keys", "shares": 3, "threshold": 2,
    }));
    let yaml = config(&vault);
    vault.configure(&yaml);
    vault.delete_pod(0);
    vault.wait_sealed(0, true);
    // Dies right after the first share was announced: nobody can know whether it was given.
    let (code, _) = unseal(&vault, Some(("BAOWATCH_TEST_ABORT_AFTER_JOURNAL_WRITE", 2)));
    assert_eq!(code, None);
    let console = Console::start(&vault, 100, 40);
    console.wait_for("An earlier session ended in the middle");
    console.wait_for("openbao-0 is sealed");
    console.wait_until("the replica", |screen| screen.contains("✗ sealed"));
    // The rest is given from the Secret once the Secret was seen; before that, shares would be asked for.
    console.wait_for("✓ 3 shares");
    console.type_in("r");
    console.wait_for("Type");
    console.type_in("openbao-0\r");
    console.wait_for("seen open by the seal feed");
    assert_eq!(vault.sealed(0), Some(false));
    console.type_in("\u{1b}");
    console.quit();
}
