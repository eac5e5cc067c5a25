//! A stranger opens what the program wrote: a reader in Python, written from the format page alone.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use baowatch::backends::keystore::Opened;
use baowatch::backends::keystore::store::{FileStore, Store as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::made::*;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn python() -> PathBuf {
    let python = root().join("target/keystore-reader/bin/python");
    assert!(
        python.exists(),
        "the independent reader has no Python: run tests/keystore/install (tests/run does), which makes it under target/"
    );
    python
}

/// Runs the reader; what opens the keystore goes through its standard input.
fn run(file: &Path, kind: &str, secret: &[u8]) -> Output {
    let mut child = Command::new(python())
        .arg(root().join("tests/keystore/reader.py"))
        .arg(file)
        .arg(kind)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(secret);
    child.wait_with_output().unwrap()
}

fn sha(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the reader must print of this keystore.
fn told(opened: &Opened, slot: u32) -> Value {
    let (header, payload) = (opened.header(), opened.payload());
    let generations = header.generations.iter().zip(&payload.generations).map(|(seen, held)| {
        json!({
            "number": seen.number,
            "threshold": seen.threshold,
            "total": seen.total,
            "prints": seen.prints,
            "rootTokenPrint": seen.root_token,
            "shares": held.shares.iter().map(|share| sha(share.expose())).collect::<Vec<_>>(),
            "rootToken": held.root_token.as_ref().map(|token| sha(token.expose())),
            "fields": held.fields.iter().map(|field| json!([field.name, sha(field.bytes.expose())])).collect::<Vec<_>>(),
        })
    });
    let custody = payload.custody.iter().map(|file| {
        let entry = header.in_custody(&file.name).unwrap();
        let version = entry.versions.iter().find(|version| version.number == file.number).unwrap();
        json!({"name": file.name, "number": file.number, "print": version.print, "bytes": sha(file.bytes.expose())})
    });
    json!({
        "identity": header.identity,
        "revision": header.revision,
        "slot": slot,
        "generations": generations.collect::<Vec<_>>(),
        "custody": custody.collect::<Vec<_>>(),
    })
}

#[test]
fn it_opens_what_the_program_wrote_by_every_kind_of_slot() {
    let home = tempfile::tempdir().unwrap();
    let store = FileStore(home.path().join("a.keystore"));
    let mut opened = full();
    store.replace(&opened.seal(at(20)).unwrap()).unwrap();
    let code = code();
    let secrets: [(&str, &[u8], u32); 6] = [
        ("keyfile", &[0x11; 32], 1),
        ("passphrase", PASSPHRASE.as_bytes(), 2),
        ("recovery", code.as_bytes(), 3),
        ("recovery", &code.to_lowercase().replace('-', " ").into_bytes(), 3),
        ("keyring", &[0x33; 32], 4),
        ("keyfile", &[0x12; 32], 5),
    ];
    for (kind, secret, slot) in secrets {
        let output = run(store.path(), kind, secret);
        assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
        let read: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(read, told(&opened, slot), "{kind}");
    }
    opened.rotate(&[(3, &recovery_code())]).unwrap();
    store.replace(&opened.seal(at(21)).unwrap()).unwrap();
    let output = run(store.path(), "recovery", code.as_bytes());
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read, told(&opened, 3));
}

#[test]
fn it_prints_no_key_and_refuses_what_the_program_refuses() {
    let good = vectors().join("good.keystore");
    let output = run(&good, "keyfile", &[0x11; 32]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("hvs.") && !text.contains("kept by anna"), "{text}");
    for (name, word) in [
        ("not-a-keystore", "not a keystore"),
        ("newer-version", "newer version"),
        ("truncated-content-length", "truncated"),
        ("truncated-tag", "truncated"),
        ("trailing-byte", "trailing"),
        ("flipped-header", "damaged"),
        ("flipped-content", "damaged"),
        ("altered-content", "altered"),
        ("altered-label", "altered"),
        ("swapped-header", "altered"),
        ("swapped-slot-of-another-file", "slot altered"),
        ("slot-salt-altered", "wrong secret"),
        ("weak-kdf", "too weak"),
        ("costly-kdf", "too costly"),
        ("unknown-field", "bad header"),
        ("names-other-keys", "bad content"),
        ("names-other-custody", "bad content"),
    ] {
        let output = run(&vectors().join(format!("{name}.keystore")), "keyfile", &[0x11; 32]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.starts_with(word), "{name}: {said}");
        assert!(output.stdout.is_empty(), "{name}");
    }
    let wrong = run(&good, "passphrase", b"wrong horse");
    assert!(String::from_utf8_lossy(&wrong.stderr).starts_with("wrong secret"));
}
