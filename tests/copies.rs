//! Copies of the keystore as the hands write them: every kind of place, earlier versions, and what is never overwritten.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that breaks should stop there"
)]

mod holding;

use baowatch::app::model::copies::{CopySeen, CopyState};
use baowatch::app::runbook::op::{Op, Outcome};
use baowatch::backends::copies::book::Place;
use baowatch::backends::hands::{perform, probe};
use baowatch::backends::keystore::Opener;
use holding::{Bench, generation};
use std::fmt::Write as _;

async fn write(bench: &Bench, name: &str) -> Outcome {
    let revision = bench.revision();
    perform(&Op::WriteCopy { copy: name.to_owned(), revision }, &bench.tools()).await
}

async fn one(bench: &Bench, name: &str) -> CopySeen {
    let all = bench.copies.check(Some(name)).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

fn done(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done { evidence } => evidence,
        other => panic!("{other:?}"),
    }
}

fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { trouble } => trouble.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A place of each kind that a test can have without a network.
fn places(bench: &Bench) -> Vec<(&'static str, Place)> {
    let file = bench.elsewhere().join("prod.keystore");
    let box_ = bench.elsewhere().join("box");
    vec![
        ("stick", Place::File { path: file }),
        ("mgmt", Place::Secret { context: "mgmt".into(), namespace: "ops".into(), name: "prod".into() }),
        (
            "box",
            Place::Command {
                put: format!("cat > {}.{{version}}", box_.display()),
                get: format!("cat {}.{{version}}", box_.display()),
            },
        ),
    ]
}

#[tokio::test]
async fn every_kind_is_written_read_back_kept_in_versions_and_brought_back() {
    let bench = Bench::new();
    for (name, place) in places(&bench) {
        bench.copies.register(name, place).unwrap();
        let before = one(&bench, name).await;
        assert_eq!((before.state.clone(), before.near.clone()), (CopyState::Missing, None), "{name}");
        let evidence = done(write(&bench, name).await);
        assert!(evidence.contains("read back, opened, the same"), "{name}: {evidence}");
        assert!(one(&bench, name).await.counts(), "{name}");
        // Nothing is done twice.
        assert!(matches!(write(&bench, name).await, Outcome::Unneeded { .. }), "{name}");
    }
    let first = bench.keeper.bytes().unwrap().unwrap();
    let revision = bench.revision();
    bench.add_generation(2);
    for (name, _) in places(&bench) {
        assert_eq!(one(&bench, name).await.state, CopyState::Outdated { revision, generation: 1 }, "{name}");
        done(write(&bench, name).await);
        assert_eq!(one(&bench, name).await.state, CopyState::Same, "{name}");
        let versions = bench.copies.versions(name).await.unwrap().unwrap();
        assert!(versions.iter().any(|one| one.revision == Some(revision)), "{name}: {versions:?}");
        for id in [format!("v{revision:06}"), revision.to_string()] {
            assert_eq!(bench.copies.fetch(name, Some(&id)).await.unwrap(), first, "{name} {id}");
        }
        let none = bench.copies.fetch(name, Some("77")).await.unwrap_err().to_string();
        assert!(none.contains("no version 77") || none.contains("failed"), "{name}: {none}");
    }
    // An older one becomes the keystore again; what was there is lent before it goes.
    let mut kept = Vec::new();
    let newest = bench.keeper.bytes().unwrap().unwrap();
    bench
        .keeper
        .bring_back(&first, |there| {
            kept.extend_from_slice(there);
            Ok(())
        })
        .unwrap();
    assert_eq!((bench.keeper.bytes().unwrap().unwrap(), kept), (first, newest));
    assert!(!bench.keeper.is_open(), "it is another file now");
}

#[tokio::test]
async fn a_copy_that_holds_more_is_never_overwritten() {
    let bench = Bench::new();
    for (name, place) in places(&bench) {
        bench.copies.register(name, place).unwrap();
        done(write(&bench, name).await);
    }
    let old = bench.keeper.bytes().unwrap().unwrap();
    bench.add_generation(2);
    for (name, _) in places(&bench) {
        done(write(&bench, name).await);
    }
    // Somebody puts an old keystore back on this machine and goes on with it.
    bench.keeper.bring_back(&old, |_| Ok(())).unwrap();
    bench.unlock();
    for (name, _) in places(&bench) {
        assert!(matches!(one(&bench, name).await.state, CopyState::Newer { generation: 2, .. }), "{name}");
        let before = bench.copies.fetch(name, None).await.unwrap();
        let said = failed(write(&bench, name).await);
        assert!(said.contains("holds what would be lost") && said.contains("generation 2"), "{name}: {said}");
        assert_eq!(bench.copies.fetch(name, None).await.unwrap(), before, "{name} is as it was");
    }
    bench.add_generation(3);
    bench.add_generation(4);
    for (name, _) in places(&bench) {
        // By now the revision here is higher: the generation that it lacks still protects the copy.
        assert!(failed(write(&bench, name).await).contains("generation 2"), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_keystore_of_this_vault_is_left_alone() {
    let bench = Bench::new();
    let path = bench.elsewhere().join("prod.keystore");
    bench.copies.register("stick", Place::File { path: path.clone() }).unwrap();
    let foreign = Bench::of("other-uid/data/openbao").keeper.bytes().unwrap().unwrap();
    for (bytes, why) in [
        (b"my diary".to_vec(), "no keystore that can be read"),
        (foreign, "another cluster or vault"),
        (bench.keeper.bytes().unwrap().unwrap()[..40].to_vec(), "no keystore that can be read"),
    ] {
        std::fs::write(&path, &bytes).unwrap();
        match one(&bench, "stick").await.state {
            CopyState::Unreadable(trouble) => assert!(trouble.what.contains(why), "{trouble}"),
            other => panic!("{other:?}"),
        }
        assert!(failed(write(&bench, "stick").await).contains(why));
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "left as it is");
    }
}

#[tokio::test]
async fn a_stick_that_is_not_there_is_told_and_nothing_is_written_in_its_place() {
    let bench = Bench::new();
    let stick = bench.elsewhere().to_owned();
    bench.copies.register("stick", Place::File { path: stick.join("k") }).unwrap();
    done(write(&bench, "stick").await);
    bench.add_generation(2);
    // Unmounted: the folder stays, and lies on the disk of the keystore now.
    bench.ground.unmount();
    let said = failed(write(&bench, "stick").await);
    assert!(said.contains("no second place any more") && said.contains("same file system"), "{said}");
    let seen = one(&bench, "stick").await;
    assert_eq!(seen.near.as_deref(), Some("same file system as the keystore"));
    assert!(!seen.counts());
    // Its folder is gone with it.
    std::fs::remove_dir_all(&stick).unwrap();
    match one(&bench, "stick").await.state {
        CopyState::Unreadable(trouble) => assert!(trouble.why.contains("not mounted"), "{trouble}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn near_places_say_so_and_do_not_count() {
    let bench = Bench::new();
    let here = bench.home().join("copy.keystore");
    bench.copies.register("beside", Place::File { path: here }).unwrap();
    let own = Place::Secret { context: "prod".into(), namespace: "ops".into(), name: "k".into() };
    bench.copies.register("own", own).unwrap();
    for (name, why) in [("beside", "same file system as the keystore"), ("own", "same cluster as the vault")] {
        done(write(&bench, name).await);
        let seen = one(&bench, name).await;
        assert_eq!((seen.state.clone(), seen.near.as_deref()), (CopyState::Same, Some(why)));
        assert!(!seen.counts());
    }
}

#[tokio::test]
async fn a_plan_about_another_revision_writes_nothing() {
    let bench = Bench::new();
    bench.copies.register("stick", Place::File { path: bench.elsewhere().join("k") }).unwrap();
    let op = Op::WriteCopy { copy: "stick".to_owned(), revision: bench.revision() };
    bench.add_generation(2);
    let said = failed(perform(&op, &bench.tools()).await);
    assert!(said.contains("written since the plan was made"), "{said}");
    assert!(probe(&op, &bench.tools()).await.unwrap().says.contains("MISSING"));
}

#[tokio::test]
async fn commands_without_versions_say_that_none_are_kept_and_failures_are_told() {
    let bench = Bench::new();
    let path = bench.elsewhere().join("one");
    let place = |put: String, get: &str| Place::Command { put, get: format!("{get} {}", path.display()) };
    bench.copies.register("one", place(format!("cat > {}", path.display()), "cat 2>/dev/null")).unwrap();
    assert!(matches!(one(&bench, "one").await.state, CopyState::Unreadable(_)), "`cat` of nothing fails");
    std::fs::write(&path, "").unwrap();
    assert_eq!(one(&bench, "one").await.state, CopyState::Missing);
    let evidence = done(write(&bench, "one").await);
    assert!(evidence.contains("earlier versions are not kept"), "{evidence}");
    assert_eq!(bench.copies.versions("one").await.unwrap(), None);
    // Half of it arrives: read back, it is not the same, and nothing is called saved.
    bench.add_generation(2);
    bench.copies.forget("one").unwrap();
    bench.copies.register("half", place(format!("head -c 100 > {}", path.display()), "cat")).unwrap();
    let said = failed(write(&bench, "half").await);
    assert!(said.contains("does not read back the same"), "{said}");
    assert!(bench.copies.register("odd", place("cat > x.{version}".to_owned(), "cat")).is_err());
}

#[tokio::test]
async fn a_restore_test_opens_compares_and_keeps_the_date() {
    let bench = Bench::new();
    bench.copies.register("stick", Place::File { path: bench.elsewhere().join("k") }).unwrap();
    done(write(&bench, "stick").await);
    let bytes = bench.copies.fetch("stick", None).await.unwrap();
    let keyfile = || Opener::Keyfile(Bench::keyfile());
    let tested = bench.copies.test("stick", &bytes, &keyfile(), None).unwrap();
    assert!(tested.says.contains("both opened") && tested.slot.contains("keyfile"), "{tested:?}");
    assert_eq!(one(&bench, "stick").await.tested, Some((tested.at, tested.slot)));
    bench.keeper.lock();
    let locked = bench.copies.test("stick", &bytes, &keyfile(), Some(1)).unwrap();
    assert!(locked.says.contains("by fingerprint"), "{locked:?}");
    let other = bench.copies.test("stick", &bytes, &keyfile(), Some(2)).unwrap_err();
    assert!(other.what.contains("not slot 2"), "{other}");
    let wrong = bench.copies.test("stick", &bytes, &Opener::Keyfile([9; 32].into()), None);
    assert!(wrong.unwrap_err().why.contains("wrong one"));
    // A copy that lacks the current keys opens, and it is said what it lacks.
    bench.unlock();
    bench.add_generation(2);
    let lacking = bench.copies.test("stick", &bytes, &keyfile(), None).unwrap();
    assert!(lacking.says.contains("LACKS the current generation 2"), "{lacking:?}");
    // One whose content was altered says so.
    let mut altered = bytes;
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let trouble = bench.copies.test("stick", &altered, &keyfile(), None).unwrap_err();
    assert!(trouble.why.contains("damaged") || trouble.why.contains("altered"), "{trouble}");
}

#[tokio::test]
async fn nothing_secret_is_in_the_book_the_place_or_what_is_said() {
    let bench = Bench::new();
    let mut said = String::new();
    for (name, place) in places(&bench) {
        bench.copies.register(name, place).unwrap();
        said += &done(write(&bench, name).await);
        write!(said, "{:?}", one(&bench, name).await).unwrap();
    }
    let mut files = vec![bench.home().join("copies.json")];
    files.extend(std::fs::read_dir(bench.elsewhere()).unwrap().map(|entry| entry.unwrap().path()));
    let texts: Vec<Vec<u8>> =
        files.iter().map(|path| std::fs::read(path).unwrap()).chain([said.into_bytes()]).collect();
    assert!(texts.len() > 3);
    for share in generation(1) {
        for form in [share.clone(), hex(&share).into_bytes(), base64(&share).into_bytes()] {
            let leak = texts.iter().any(|text| text.windows(form.len()).any(|window| window == form));
            assert!(!leak, "a share stands in clear");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
