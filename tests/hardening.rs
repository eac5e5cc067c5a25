//! What the process gives away of its memory: no core file, no reading by neighbours, no values in a panic.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by panicking"
)]

use std::process::{Command, Stdio};
use std::time::Duration;

const CANARY: &str = "CANARY-c2VjcmV0LWluLWEtcGFuaWM";

/// The real binary, looking at an address where somebody listens and never answers.
#[cfg(target_os = "linux")]
#[test]
fn the_program_leaves_no_core_and_cannot_be_read() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;

    let home = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o777)).tempdir().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let root = rustix::process::geteuid().is_root();
    // Root owns every process that cannot be dumped: seen as root, that says nothing. So somebody else runs it, from where
    // everybody may.
    let program = home.path().join("baowatch");
    if std::fs::hard_link(env!("CARGO_BIN_EXE_baowatch"), &program).is_err() {
        std::fs::copy(env!("CARGO_BIN_EXE_baowatch"), &program).unwrap();
    }
    let mut command = Command::new(&program);
    command.args(["check", "--address", &address, "--wait", "60s", "--state-dir"]).arg(home.path().join("state"));
    command.env_clear().env("HOME", home.path()).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    if root {
        command.uid(65_534);
    }
    let mut child = command.spawn().unwrap();
    let proc = std::path::PathBuf::from(format!("/proc/{}", child.id()));
    let mut looks = 0;
    let (limits, owner) = loop {
        looks += 1;
        let limits = std::fs::read_to_string(proc.join("limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
        let owner = std::fs::metadata(proc.join("limits")).unwrap().uid();
        if (core.split_whitespace().filter(|word| *word == "0").count() == 2 && owner == 0) || looks > 1_000 {
            break (core, owner);
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was looked at");
        std::thread::sleep(Duration::from_millis(20));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(limits.split_whitespace().filter(|word| *word == "0").count(), 2, "{limits}");
    assert_eq!(owner, 0, "a process that may be dumped belongs to its user");
}

#[test]
fn a_panic_says_where_and_repeats_no_value() {
    let itself = std::env::current_exe().unwrap();
    let output = Command::new(itself)
        .args(["--exact", "the_one_that_breaks", "--ignored", "--nocapture"])
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("Baowatch broke") && said.contains("tests/hardening.rs:"), "{said}");
    assert!(!said.contains(CANARY), "{said}");
    assert!(said.contains("a word of the source"), "{said}");
}

#[test]
#[ignore = "the other test runs it in a process of its own"]
fn the_one_that_breaks() {
    baowatch::programs::hardening::install_reporter().unwrap();
    let broken: Result<(), String> = std::hint::black_box(Err(CANARY.to_owned()));
    assert!(std::panic::catch_unwind(|| panic!("a word of the source")).is_err());
    broken.unwrap();
}
