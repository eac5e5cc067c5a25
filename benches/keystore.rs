//! What the keystore costs: opening beside the derivation alone, sealing, writing, memory. Prints, judges nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures, on the wall's clock, and prints"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use baowatch::app::id::Identity;
use baowatch::app::model::keystore::KeyKind;
use baowatch::backends::keys::Salt;
use baowatch::backends::keystore::kdf::{self, Cost};
use baowatch::backends::keystore::opened::NewKeys;
use baowatch::backends::keystore::store::{FileStore, Store as _};
use baowatch::backends::keystore::{NewFile, Opened, Opener, SecretBytes};
use jiff::Timestamp;
use zeroize::Zeroizing;

const ROUNDS: usize = 9;

fn main() {
    // `cargo test --benches` only asks whether this runs.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    println!("{:54}  {:>12}  aim", "what", "figure");
    let mut opened = filled();
    let bytes = opened.seal(Timestamp::UNIX_EPOCH).unwrap();
    row("the file: 20 generations of 5 shares, 5 files", &format!("{} B", bytes.len()), "");
    open(&bytes);
    let sealed = median((0..ROUNDS).map(|_| timed(|| opened.seal(Timestamp::UNIX_EPOCH).unwrap())).collect());
    row("seal", &millis(sealed), "");
    let home = tempfile::tempdir().unwrap();
    let store = FileStore(home.path().join("a.keystore"));
    let written = median((0..ROUNDS).map(|_| timed(|| store.replace(&bytes).unwrap())).collect());
    row("write, sync, rename, sync of the folder", &millis(written), "the disk's own");
    memory(&bytes);
    let cost = kdf::calibrate();
    row("calibrated for this machine", &format!("{} MiB, {}×", cost.m / 1024, cost.t), "");
    let took = timed(|| kdf::derive(b"passphrase", &[7; 16], cost).unwrap());
    row("one derivation at that cost", &millis(took), "about 500 ms");
}

/// Opening by passphrase beside the derivation alone, turn by turn: what else the machine does meets both.
fn open(bytes: &[u8]) {
    let (mut alone, mut whole, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(timed(|| kdf::derive(b"passphrase", &[7; 16], Cost::FLOOR).unwrap()));
        whole.push(timed(|| Opened::open(bytes, None, &passphrase()).unwrap()));
        rest.push(timed(|| Opened::open(bytes, None, &keyfile()).unwrap()));
    }
    let (alone, whole, rest) = (median(alone), median(whole), median(rest));
    row("Argon2id alone, 64 MiB, 3 passes", &millis(alone), "");
    row("open by passphrase", &millis(whole), "");
    let ratio = whole.as_secs_f64() / alone.as_secs_f64();
    row("open by passphrase / Argon2id alone", &format!("{ratio:.3}"), "1");
    row("everything but Argon2id: open by keyfile", &millis(rest), "under 5 ms");
}

fn memory(bytes: &[u8]) {
    let Some(before) = peak_of(|| ()) else { return };
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    for (what, opener) in [("passphrase", passphrase()), ("keyfile", keyfile())] {
        let peak = peak_of(|| drop(black_box(Opened::open(bytes, None, &opener).unwrap()))).unwrap_or_default();
        let aim = if what == "passphrase" { "64 MiB and little more" } else { "a few times the file" };
        row(&format!("memory peak of opening by {what}"), &mib(peak.saturating_sub(before)), aim);
    }
}

/// The highest resident memory while this runs, in KiB, where the kernel tells.
fn peak_of(run: impl FnOnce()) -> Option<u64> {
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    run();
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn passphrase() -> Opener {
    Opener::Passphrase(Zeroizing::new("passphrase".to_owned()))
}

fn keyfile() -> Opener {
    Opener::Keyfile(Zeroizing::new([1; 32]))
}

fn filled() -> Opened {
    let now = Timestamp::UNIX_EPOCH;
    let identity = Identity::of_cluster("uid", "data", "openbao");
    let mut opened = Opened::create(&identity, &Salt(vec![3; 32]), &keyfile(), Cost::FLOOR, "laptop", now).unwrap();
    opened.add_slot(&passphrase(), Cost::FLOOR, "anna", now).unwrap();
    for generation in 0..20 {
        let keys = NewKeys {
            kind: KeyKind::Unseal,
            threshold: 3,
            total: 5,
            shares: (0..5).map(|share| SecretBytes::new(vec![generation * 5 + share; 33])).collect(),
            root_token: None,
            fields: Vec::new(),
            source: "bench".to_owned(),
            vault_cluster_id: None,
        };
        opened.add_generation(keys, now).unwrap();
    }
    for n in 0..5 {
        let file = NewFile {
            name: format!("file {n}"),
            path: "/etc/key".to_owned(),
            host: "host".to_owned(),
            mode: 0o400,
            uid: 0,
            gid: 0,
            bytes: SecretBytes::new(vec![n; 4096]),
        };
        opened.add_custody(file, now).unwrap();
    }
    opened
}

fn timed<R>(run: impl FnOnce() -> R) -> Duration {
    let began = Instant::now();
    let result = black_box(run());
    let took = began.elapsed();
    drop(result);
    took
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

fn millis(took: Duration) -> String {
    format!("{:.2} ms", took.as_secs_f64() * 1e3)
}

fn row(what: &str, figure: &str, aim: &str) {
    println!("{}", format!("{what:54}  {figure:>12}  {aim}").trim_end());
}
