//! Killed in the middle of a proof: no rotation stays open after the next start, and the old keys are the keys.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::lab::{Vault, lab, left_out, verdict};
use crate::prove::{ask, prove, root, rotation, said};

/// The note of a rotation under way, wherever the program keeps it.
fn note(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() { note(&path) } else { path.ends_with("proof-attempt.json").then_some(path) }
    })
}

fn kept(vault: &Vault) -> Option<PathBuf> {
    note(&vault.home.path().join("state"))
}

/// Starts a proof and kills it as soon as the note of its rotation is there. Whether a rotation was open then.
fn killed_in_the_middle(vault: &Vault) -> bool {
    let mut child = vault
        .baowatch(&["act", "run", "prove-keys", "--confirm", "y"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        if kept(vault).is_some() {
            child.kill().unwrap();
            break;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    child.wait().unwrap();
    rotation(vault, "root")["started"] == true
}

fn opens_with_its_old_keys(vault: &Vault) {
    assert_eq!(ask(vault, 0, "PUT", "sys/seal", &root(vault), &json!({})).0, 204);
    // The sidecar gives the shares that were there from the beginning.
    vault.wait_sealed(0, false);
}

#[test]
fn killed_while_its_rotation_is_open_the_next_start_cancels_it() {
    if left_out() {
        return;
    }
    let vault = lab()
        .vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys", "shares": 5, "threshold": 3}));
    vault.check_until("a first whole look", &[], |_, d| verdict(d) != "blind");
    let hit = (0..40).any(|_| {
        let hit = killed_in_the_middle(&vault);
        if !hit {
            // Nothing was open: whatever was left behind is settled by a run that ends.
            assert_eq!(prove(&vault, &[]).0, Some(0));
        }
        hit
    });
    assert!(hit, "never killed while a rotation was open");
    assert!(kept(&vault).is_some(), "the note tells whose it is");
    // The next start looks at what is in doubt before anything else; a plan alone changes nothing.
    let told = said(&vault.baowatch(&["act", "plan", "prove-keys"]).output().unwrap());
    assert!(told.contains("it is cancelled now"), "{told}");
    assert_eq!(rotation(&vault, "root")["started"], false, "{told}");
    assert_eq!(kept(&vault), None, "{told}");
    opens_with_its_old_keys(&vault);

    // Hit again, and this time the next proof itself finds it: the journal of the run is gone with its folder.
    let hit = (0..40).any(|_| {
        let hit = killed_in_the_middle(&vault);
        if !hit {
            assert_eq!(prove(&vault, &[]).0, Some(0));
        }
        hit
    });
    assert!(hit, "never killed while a rotation was open");
    let note = kept(&vault).expect("the note");
    let journals = note.parent().unwrap().join("journal");
    assert!(journals.is_dir(), "{}", journals.display());
    std::fs::remove_dir_all(&journals).unwrap();
    let (code, told) = prove(&vault, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(rotation(&vault, "root")["started"], false, "{told}");
    assert_eq!(kept(&vault), None);
    opens_with_its_old_keys(&vault);
}

#[test]
fn after_a_crash_somebody_elses_rotation_is_left_alone() {
    if left_out() {
        return;
    }
    let vault = lab()
        .vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys", "shares": 3, "threshold": 2}));
    vault.check_until("a first whole look", &[], |_, d| verdict(d) != "blind");
    // Dies right after the step was announced: nothing was begun.
    let mut command = vault.baowatch(&["act", "run", "prove-keys", "--confirm", "y"]);
    let output = command.env("BAOWATCH_TEST_ABORT_AFTER_JOURNAL_WRITE", "2").output().unwrap();
    assert_eq!(output.status.code(), None, "{}", said(&output));
    let body = json!({"secret_shares": 3, "secret_threshold": 2, "require_verification": true});
    let (_, begun) = ask(&vault, 0, "PUT", "sys/rotate/root/init", &root(&vault), &body);
    let nonce = begun["data"]["nonce"].clone();
    let told = said(&vault.baowatch(&["act", "plan", "prove-keys"]).output().unwrap());
    assert!(told.contains("it may be the one that was begun then"), "{told}");
    assert!(told.contains("bao operator rotate-keys -cancel"), "{told}");
    assert_eq!(rotation(&vault, "root")["nonce"], nonce, "not touched");
    let share = json!({"key": vault.keys()[0], "nonce": nonce});
    ask(&vault, 0, "PUT", "sys/rotate/root/update", &root(&vault), &share);
    let told = said(&vault.baowatch(&["act", "plan", "prove-keys"]).output().unwrap());
    assert!(told.contains("somebody else's, 1 of 2 shares given"), "{told}");
    assert_eq!(rotation(&vault, "root")["progress"], 1, "not touched");
    assert_eq!(ask(&vault, 0, "DELETE", "sys/rotate/root/init", &root(&vault), &Value::Null).0, 204);
    assert_eq!(prove(&vault, &[]).0, Some(0));
}

/// Begun, then Started and its end, then Ended.
const WRITES: u32 = 4;

#[test]
fn killed_at_every_journal_boundary_nothing_stays_open() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    vault.check_until("a first whole look", &[], |_, d| verdict(d) != "blind");
    for name in ["BAOWATCH_TEST_ABORT_BEFORE_JOURNAL_WRITE", "BAOWATCH_TEST_ABORT_AFTER_JOURNAL_WRITE"] {
        for n in 1..=WRITES {
            let mut command = vault.baowatch(&["act", "run", "prove-keys", "--confirm", "y"]);
            let output = command.env(name, n.to_string()).output().unwrap();
            assert_eq!(output.status.code(), None, "{name}={n} did not die by its signal: {}", said(&output));
            let (code, told) = prove(&vault, &[]);
            assert_eq!(code, Some(0), "{name}={n}: {told}");
            assert_eq!(rotation(&vault, "root")["started"], false, "{name}={n}: {told}");
            assert_eq!(kept(&vault), None, "{name}={n}: {told}");
        }
    }
    opens_with_its_old_keys(&vault);
}
