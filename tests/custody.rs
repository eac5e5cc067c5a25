//! Key files in custody: how each way of losing one is seen, and what a restore does to the file system.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that breaks should stop there"
)]

mod holding;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use baowatch::app::model::custody::{CustodySeen, CustodyState};
use baowatch::app::runbook::op::{Op, Outcome};
use baowatch::backends::copies::book::Place;
use baowatch::backends::custody::host;
use baowatch::backends::feeds::custody::look;
use baowatch::backends::hands::{perform, probe};
use baowatch::backends::keystore::SecretBytes;
use baowatch::backends::keystore::custody::NewFile;
use holding::{Bench, now};

const KEY: [u8; 32] = [0x5a; 32];

/// A bench with one key file in custody, in place.
fn kept() -> (Bench, PathBuf) {
    let bench = Bench::new();
    let path = bench.elsewhere().join("db.key");
    put(&path, &KEY, 0o400);
    take(&bench, "db", &path, &host());
    (bench, path)
}

fn put(path: &Path, bytes: &[u8], mode: u32) {
    let _ = std::fs::remove_file(path);
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn take(bench: &Bench, name: &str, path: &Path, host: &str) {
    let meta = std::fs::metadata(bench.home()).unwrap();
    let file = NewFile {
        name: name.to_owned(),
        path: path.display().to_string(),
        host: host.to_owned(),
        mode: 0o400,
        uid: meta.uid(),
        gid: meta.gid(),
        bytes: SecretBytes::new(KEY.to_vec()),
    };
    bench
        .keeper
        .change(now(), |opened| {
            assert!(opened.add_custody(file, now()).unwrap());
            Ok(())
        })
        .unwrap();
}

async fn seen(bench: &Bench) -> CustodySeen {
    let all = look(&bench.keeper, &bench.copies, None).await.unwrap();
    assert_eq!(all.len(), 1);
    all[0].clone()
}

/// The operation that a plan made for what is seen now would hold.
async fn op(bench: &Bench, version: u32) -> Op {
    let file = seen(bench).await;
    let found = file.state.found(&file.print);
    Op::RestoreCustody { name: file.name, version, path: file.path, found }
}

fn kept_beside(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|other| other.to_string_lossy().contains(".baowatch"))
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn every_way_of_losing_a_key_file_is_seen_while_the_keystore_is_locked() {
    let (bench, path) = kept();
    bench.keeper.lock();
    let first = seen(&bench).await;
    assert_eq!(
        (first.state.clone(), first.permissions(), first.size, first.version),
        (CustodyState::Same, None, 32, 1)
    );
    put(&path, &KEY, 0o644);
    assert_eq!(seen(&bench).await.permissions().as_deref(), Some("mode 0644, should be 0400"));
    put(&path, &[1; 32], 0o400);
    let CustodyState::Different { print } = seen(&bench).await.state else { panic!("not seen to differ") };
    assert_ne!(print, first.print);
    put(&path, &KEY[..31], 0o400);
    assert_eq!(seen(&bench).await.state, CustodyState::WrongSize { len: 31 });
    std::fs::remove_file(&path).unwrap();
    assert_eq!(seen(&bench).await.state, CustodyState::Missing);
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(seen(&bench).await.state, CustodyState::Unreadable(_)));
}

#[tokio::test]
async fn a_file_of_another_host_is_not_mistaken_for_one_here() {
    let bench = Bench::new();
    let path = bench.elsewhere().join("db.key");
    put(&path, &[1; 32], 0o400);
    take(&bench, "db", &path, "other-host");
    let file = seen(&bench).await;
    assert_eq!(file.state, CustodyState::Elsewhere { host: "other-host".to_owned() });
    assert_eq!(file.near, None, "this keystore is another machine's second place");
    let outcome = perform(&op(&bench, 1).await, &bench.tools()).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(std::fs::read(&path).unwrap(), [1; 32]);
}

#[tokio::test]
async fn only_a_second_place_takes_the_same_host_remark_away() {
    let (bench, _) = kept();
    assert!(seen(&bench).await.near.unwrap().contains("on the host"));
    for (name, path) in [("beside", bench.home().join("k")), ("stick", bench.elsewhere().join("k"))] {
        bench.copies.register(name, Place::File { path }).unwrap();
        let write = Op::WriteCopy { copy: name.to_owned(), revision: bench.revision() };
        assert!(matches!(perform(&write, &bench.tools()).await, Outcome::Done { .. }));
        assert_eq!(seen(&bench).await.near.is_none(), name == "stick", "{name}");
    }
}

#[tokio::test]
async fn a_restore_brings_bytes_mode_and_owner_back_and_keeps_what_was_there() {
    let (bench, path) = kept();
    for wrong in [vec![1; 32], vec![2; 31]] {
        put(&path, &wrong, 0o600);
        let before = kept_beside(&path).len();
        let op = op(&bench, 1).await;
        match perform(&op, &bench.tools()).await {
            Outcome::Done { evidence } => assert!(evidence.contains("what was there is"), "{evidence}"),
            other => panic!("{other:?}"),
        }
        let meta = std::fs::metadata(&path).unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), meta.mode() & 0o7777), (KEY.to_vec(), 0o400));
        let beside = kept_beside(&path);
        assert_eq!(beside.len(), before + 1, "no temporary file stays: {beside:?}");
        let kept = beside.iter().find(|kept| std::fs::read(kept).unwrap() == wrong).expect("what was there is kept");
        assert_eq!(std::fs::metadata(kept).unwrap().mode() & 0o7777, 0o400);
        assert!(probe(&op, &bench.tools()).await.unwrap().says.contains("in place"));
    }
    // Only the mode is wrong: nothing needs to be kept.
    put(&path, &KEY, 0o644);
    let before = kept_beside(&path).len();
    assert!(matches!(perform(&op(&bench, 1).await, &bench.tools()).await, Outcome::Done { .. }));
    assert_eq!((seen(&bench).await.permissions(), kept_beside(&path).len()), (None, before));
    assert!(matches!(perform(&op(&bench, 1).await, &bench.tools()).await, Outcome::Unneeded { .. }));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(perform(&op(&bench, 1).await, &bench.tools()).await, Outcome::Done { .. }));
    assert_eq!(seen(&bench).await.state, CustodyState::Same);
}

#[tokio::test]
async fn what_changed_since_the_plan_is_not_overwritten() {
    let (bench, path) = kept();
    put(&path, &[1; 32], 0o400);
    let planned = op(&bench, 1).await;
    put(&path, &[3; 32], 0o400);
    match perform(&planned, &bench.tools()).await {
        Outcome::Failed { trouble } => assert!(trouble.what.contains("changed since the plan"), "{trouble}"),
        other => panic!("{other:?}"),
    }
    assert_eq!((std::fs::read(&path).unwrap(), kept_beside(&path).len()), (vec![3; 32], 0));
    // A link is no key file: what it points to is somebody else's.
    std::fs::remove_file(&path).unwrap();
    let target = bench.elsewhere().join("target");
    put(&target, &[4; 32], 0o400);
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let outcome = perform(&op(&bench, 1).await, &bench.tools()).await;
    assert!(matches!(&outcome, Outcome::Failed { trouble } if trouble.what.contains("no regular file")), "{outcome:?}");
    assert_eq!(std::fs::read(&target).unwrap(), [4; 32]);
}

#[tokio::test]
async fn earlier_versions_stay_and_can_be_restored() {
    let (bench, path) = kept();
    let newer = SecretBytes::new(vec![7; 32]);
    let number =
        bench.keeper.change(now(), |opened| Ok(opened.add_custody_version("db", newer, now()).unwrap())).unwrap();
    assert_eq!(number, Some(2));
    assert!(matches!(seen(&bench).await.state, CustodyState::Different { .. }), "the file is the first version");
    for (version, bytes) in [(2, vec![7; 32]), (1, KEY.to_vec())] {
        assert!(matches!(perform(&op(&bench, version).await, &bench.tools()).await, Outcome::Done { .. }));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
    let outcome = perform(&op(&bench, 3).await, &bench.tools()).await;
    assert!(matches!(&outcome, Outcome::Failed { trouble } if trouble.what.contains("no version 3")), "{outcome:?}");
    bench.keeper.lock();
    let locked = perform(&op(&bench, 2).await, &bench.tools()).await;
    assert!(matches!(&locked, Outcome::Failed { trouble } if trouble.what.contains("locked")), "{locked:?}");
    bench.unlock();
    assert!(bench.keeper.change(now(), |opened| Ok(opened.remove_custody("db"))).unwrap());
    assert!(look(&bench.keeper, &bench.copies, None).await.unwrap().is_empty());
}
