//! Journals, memory and check state on a real disk: torn, locked, damaged, made by several at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::path::Path;
use std::sync::Barrier;

use baowatch::app::alerts::Severity;
use baowatch::app::alerts::silence::{Silence, Silenced};
use baowatch::app::id::{ActionId, Identity, ObjectRef, RunId};
use baowatch::app::model::keys_secret::{Fingerprint, Glimpse, KeysSeen};
use baowatch::app::model::proof::{Method, Proof};
use baowatch::app::ports::{JournalStore, Memory};
use baowatch::app::report::remembered::Remembered;
use baowatch::app::runbook::journal::{Entry, Journal};
use baowatch::app::runbook::plan::{Danger, Plan};
use baowatch::backends::files::atomic::{self, Existing};
use baowatch::backends::files::check_state;
use baowatch::backends::files::journal::FileJournal;
use baowatch::backends::files::memory::FileMemory;
use jiff::Timestamp;
use tempfile::TempDir;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn identity() -> Identity {
    Identity::of_cluster("uid-1", "data", "openbao")
}

fn begun(second: i64) -> Entry {
    let plan = Plan {
        action: ActionId::Unseal,
        target: ObjectRef::new("StatefulSet", "data", "openbao"),
        title: "Unseal data/openbao".into(),
        steps: Vec::new(),
        will_not: String::new(),
        rests_on: Vec::new(),
        rights: Vec::new(),
        choices: Vec::new(),
        warnings: Vec::new(),
        danger: Danger::Target,
        made: at(second),
        basis: Vec::new(),
        identity: identity(),
    };
    Entry::Begun { at: at(second), plan: Box::new(plan) }
}

fn started(step: usize) -> Entry {
    Entry::Started { at: at(1), step }
}

fn succeeded(step: usize) -> Entry {
    Entry::Succeeded { at: at(2), step, evidence: "open".into() }
}

fn ended() -> Entry {
    Entry::Ended { at: at(3), how: "succeeded".into() }
}

fn file_of(state: &Path, run: u64) -> std::path::PathBuf {
    state.join(format!("journal/{run:x}.jsonl"))
}

/// Journals as a session that died left them: written by one store, which is then dropped with its locks.
fn left_behind(entries: &[Entry]) -> TempDir {
    let state = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(state.path()).unwrap();
    for entry in entries {
        journal.append(RunId(7), entry).unwrap();
    }
    state
}

fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777
}

#[test]
fn a_run_is_written_and_read_back() {
    let state = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(state.path()).unwrap();
    let entries = [begun(0), started(0), succeeded(0), ended()];
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(journal.append(RunId(7), entry).unwrap() as usize, index + 1);
    }
    assert!(journal.unfinished().unwrap().is_empty());
    assert_eq!(mode(&state.path().join("journal")), 0o700);
    assert_eq!(mode(&file_of(state.path(), 7)), 0o600);
}

#[test]
fn a_run_that_was_not_ended_is_found_by_the_next_session() {
    let entries = [begun(0), started(0)];
    let state = left_behind(&entries);
    let journal = FileJournal::open(state.path()).unwrap();
    let found = journal.unfinished().unwrap();
    assert_eq!(found, [Journal { run: RunId(7), entries: entries.to_vec() }]);
    assert_eq!(found[0].in_doubt(), Some(0));
}

#[test]
fn a_torn_last_line_is_not_believed_and_not_touched() {
    for cut in [1, 5, 20] {
        let state = left_behind(&[begun(0), started(0), succeeded(0)]);
        let path = file_of(state.path(), 7);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - cut);
        std::fs::write(&path, &bytes).unwrap();
        let journal = FileJournal::open(state.path()).unwrap();
        let found = journal.unfinished().unwrap();
        assert_eq!(found[0].entries, [begun(0), started(0)], "the end that was not acknowledged does not count");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);

        assert_eq!(journal.append(RunId(7), &ended()).unwrap(), 3);
        assert!(std::fs::read(&path).unwrap().starts_with(&bytes), "the torn bytes stay");
        assert!(journal.unfinished().unwrap().is_empty());
    }
}

#[test]
fn a_torn_first_line_is_a_run_that_never_began() {
    let state = left_behind(&[begun(0)]);
    let path = file_of(state.path(), 7);
    for bytes in [&b""[..], &std::fs::read(&path).unwrap()[..30]] {
        std::fs::write(&path, bytes).unwrap();
        assert!(FileJournal::open(state.path()).unwrap().unfinished().unwrap().is_empty());
    }
}

#[test]
fn a_run_of_another_session_is_ended_but_never_continued() {
    let state = left_behind(&[begun(0), started(0)]);
    let journal = FileJournal::open(state.path()).unwrap();
    assert!(journal.append(RunId(7), &succeeded(0)).is_err());
    assert!(journal.append(RunId(7), &begun(1)).is_err());
    assert!(journal.append(RunId(8), &started(0)).is_err());
    assert_eq!(journal.unfinished().unwrap()[0].entries.len(), 2);
    journal.append(RunId(7), &ended()).unwrap();
    assert!(journal.unfinished().unwrap().is_empty());
    assert!(journal.append(RunId(7), &ended()).is_err());
}

#[test]
fn entries_out_of_order_are_refused() {
    let state = tempfile::tempdir().unwrap();
    let journal = FileJournal::open(state.path()).unwrap();
    journal.append(RunId(7), &begun(0)).unwrap();
    journal.append(RunId(7), &started(0)).unwrap();
    assert!(journal.append(RunId(7), &succeeded(1)).is_err());
    assert_eq!(FileJournal::open(state.path()).unwrap().unfinished().unwrap()[0].entries.len(), 2);
}

#[test]
fn damaged_journals_are_named_left_alone_and_hide_nothing() {
    let state = left_behind(&[begun(0)]);
    let swapped = {
        let lines = [ended(), begun(0)].map(|entry| serde_json::to_string(&entry).unwrap());
        format!("{}\n{}\n", lines[0], lines[1])
    };
    let rubbish: [&[u8]; 4] = [b"rubbish\n", b"\xff\xfe\n{}\n", b"{\"started\":\n{\"x\":1}\n", swapped.as_bytes()];
    for (index, bytes) in rubbish.iter().enumerate() {
        let path = file_of(state.path(), 0x20 + index as u64);
        std::fs::write(&path, bytes).unwrap();
    }
    let journal = FileJournal::open(state.path()).unwrap();
    let survey = journal.survey();
    assert_eq!(survey.unfinished.len(), 1);
    let trouble = survey.trouble.unwrap();
    assert!(trouble.what.contains(".jsonl") && trouble.what.contains("3 more"), "{trouble}");
    assert!(trouble.next.contains("left exactly as it is"), "{trouble}");
    assert!(journal.unfinished().is_err());
    for (index, bytes) in rubbish.iter().enumerate() {
        assert_eq!(std::fs::read(file_of(state.path(), 0x20 + index as u64)).unwrap(), *bytes);
    }
}

#[test]
fn two_consoles_cannot_run_at_once() {
    let state = tempfile::tempdir().unwrap();
    let (first, second) = (FileJournal::open(state.path()).unwrap(), FileJournal::open(state.path()).unwrap());
    first.append(RunId(7), &begun(0)).unwrap();
    assert!(second.unfinished().unwrap().is_empty(), "what a living process writes is not left behind");
    let trouble = second.append(RunId(8), &begun(0)).unwrap_err();
    assert!(trouble.what.contains("another Baowatch"), "{trouble}");
    assert!(!file_of(state.path(), 8).exists());
    first.append(RunId(7), &ended()).unwrap();
    second.append(RunId(8), &begun(0)).unwrap();
}

#[test]
fn only_the_newest_hundred_ended_journals_are_kept() {
    let state = left_behind(&[begun(0), started(0)]);
    let journal = FileJournal::open(state.path()).unwrap();
    for run in 100..210 {
        journal.append(RunId(run), &begun(run.cast_signed())).unwrap();
        journal.append(RunId(run), &ended()).unwrap();
    }
    let count = std::fs::read_dir(state.path().join("journal")).unwrap().count();
    assert!((100..=104).contains(&count), "{count}");
    assert!(file_of(state.path(), 7).exists() && file_of(state.path(), 209).exists());
}

#[test]
fn everybody_who_makes_the_salt_gets_the_same() {
    let state = tempfile::tempdir().unwrap();
    let barrier = Barrier::new(8);
    let salts: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let memory = FileMemory::open(state.path(), &identity()).unwrap();
                    barrier.wait();
                    memory.salt(&identity()).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(salts.iter().all(|salt| salt == &salts[0] && salt.len() == 16));
    let other = tempfile::tempdir().unwrap();
    let other = FileMemory::open(other.path(), &identity()).unwrap().salt(&identity()).unwrap();
    assert_ne!(other, salts[0]);
}

fn proof(second: i64) -> Proof {
    Proof {
        answer: baowatch::app::model::proof::Answer::Accepted,
        method: Method::CameBack,
        at: at(second),
        replica: "openbao-0".into(),
        cluster_id: Some("vault-id".into()),
        prints: vec![Fingerprint("7f3a91c200000000".into())],
        namespace: None,
    }
}

fn glimpse(second: i64) -> Glimpse {
    Glimpse { at: at(second), until: at(second), seen: KeysSeen::Absent(ObjectRef::secret("data", "keys")) }
}

#[test]
fn memory_survives_and_is_bounded() {
    let state = tempfile::tempdir().unwrap();
    let memory = FileMemory::open(state.path(), &identity()).unwrap();
    assert_eq!(memory.recall().unwrap(), (Vec::new(), Vec::new()));
    let salt = memory.salt(&identity()).unwrap();
    let life: Vec<Glimpse> = (0..250).map(glimpse).collect();
    memory.keep_history(&life).unwrap();
    memory.keep_proof(&proof(5)).unwrap();
    memory.keep_proof(&proof(4)).unwrap();
    memory.keep_proof(&proof(5)).unwrap();
    let again = FileMemory::open(state.path(), &identity()).unwrap();
    let (history, proofs) = again.recall().unwrap();
    assert_eq!(history, life[50..]);
    assert_eq!(proofs, [proof(4), proof(5)]);
    assert_eq!(again.salt(&identity()).unwrap(), salt);
    for name in ["register.json", "secret-history.json"] {
        assert_eq!(mode(&state.path().join(name)), 0o600);
    }
    let register = std::fs::read_to_string(state.path().join("register.json")).unwrap();
    assert!(register.contains("baowatch.register/v1") && register.contains("vault-id"), "{register}");
}

#[test]
fn proofs_of_several_processes_are_all_kept() {
    let state = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for second in 0..12 {
            let state = state.path();
            scope.spawn(move || FileMemory::open(state, &identity()).unwrap().keep_proof(&proof(second)).unwrap());
        }
    });
    assert_eq!(FileMemory::open(state.path(), &identity()).unwrap().recall().unwrap().1.len(), 12);
}

fn silenced(name: &str, until: i64) -> Silenced {
    let silence = Silence { severity: Severity::Critical, until: at(until), reason: "it is known".to_owned() };
    Silenced { rule: "vault-sealed".to_owned(), subject: ObjectRef::pod("data", name), silence }
}

#[test]
fn silences_of_several_processes_are_all_kept_until_they_end_or_are_lifted() {
    let state = tempfile::tempdir().unwrap();
    let open = || FileMemory::open(state.path(), &identity()).unwrap();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let memory = open();
            scope.spawn(move || memory.keep_silence(&silenced(&format!("openbao-{n}"), 100 + n), at(0)).unwrap());
        }
    });
    assert_eq!(open().silences(at(0)).unwrap().len(), 8);
    assert_eq!(open().silences(at(103)).unwrap().len(), 4, "what has ended is not told");
    open().keep_silence(&silenced("openbao-7", 50), at(50)).unwrap();
    let left = open().silences(at(50)).unwrap();
    assert_eq!(left.len(), 7, "{left:?}");
    assert!(left.iter().all(|one| one.subject.name != "openbao-7"), "{left:?}");
    assert_eq!(mode(&state.path().join("silences.json")), 0o600);
    // By hand, anything can be in it.
    let path = state.path().join("silences.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("it is known", "it\\u001b[2J is known");
    std::fs::write(&path, text).unwrap();
    assert!(open().silences(at(50)).unwrap().iter().all(|one| !one.silence.reason.contains('\u{1b}')));
}

#[test]
fn damaged_memory_is_named_and_never_overwritten() {
    let state = tempfile::tempdir().unwrap();
    let memory = FileMemory::open(state.path(), &identity()).unwrap();
    let canary = "{\"schema\": 5, \"x\": \"hvs.CANARY\"}";
    for name in ["register.json", "secret-history.json", "silences.json"] {
        std::fs::write(state.path().join(name), canary).unwrap();
    }
    let troubles = [
        memory.recall().unwrap_err(),
        memory.keep_history(&[glimpse(0)]).unwrap_err(),
        memory.keep_proof(&proof(0)).unwrap_err(),
        memory.salt(&identity()).unwrap_err(),
        memory.silences(at(0)).unwrap_err(),
        memory.keep_silence(&silenced("openbao-0", 60), at(0)).unwrap_err(),
    ];
    for trouble in troubles {
        assert!(trouble.what.contains(".json") && trouble.next.contains("left exactly"), "{trouble}");
        assert!(!trouble.to_string().contains("CANARY"), "{trouble}");
    }
    for name in ["register.json", "secret-history.json", "silences.json"] {
        assert_eq!(std::fs::read_to_string(state.path().join(name)).unwrap(), canary);
    }
}

#[test]
fn a_register_of_another_vault_is_refused() {
    let state = tempfile::tempdir().unwrap();
    FileMemory::open(state.path(), &identity()).unwrap().salt(&identity()).unwrap();
    let other = Identity::of_cluster("uid-2", "data", "openbao");
    assert!(FileMemory::open(state.path(), &other).unwrap().salt(&other).is_err());
    assert!(FileMemory::open(state.path(), &identity()).unwrap().salt(&other).is_err());
}

#[test]
fn check_state_begins_empty_and_a_foreign_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/check.json");
    assert_eq!(check_state::load(&path).unwrap(), Remembered::default());
    let remembered = Remembered { identity: Some(identity()), ..Remembered::default() };
    check_state::save(&path, &remembered).unwrap();
    assert_eq!(check_state::load(&path).unwrap(), remembered);
    assert_eq!(mode(&path), 0o600);
    assert!(remembered.belongs_to(&Identity("other".into())).is_err());

    for foreign in ["{}", "not json", "{\"schema\":\"x\",\"identity\":null,\"sighted\":null,\"alerts\":[]}"] {
        std::fs::write(&path, foreign).unwrap();
        assert!(check_state::load(&path).is_err());
        assert!(check_state::save(&path, &remembered).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign);
    }
}

#[test]
fn whole_files_leave_nothing_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    assert!(atomic::write(&path, b"one", Existing::Keep).unwrap());
    assert!(!atomic::write(&path, b"two", Existing::Keep).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"one");
    assert!(atomic::write(&path, b"three", Existing::Replace).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"three");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_is_torn_off_what_is_believed_was_written(cut in 0_usize..2_000, tail in proptest::collection::vec(0_u8.., 0..40)) {
        let all = [begun(0), started(0), succeeded(0)];
        let state = left_behind(&all);
        let path = file_of(state.path(), 7);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(cut);
        bytes.extend(&tail);
        std::fs::write(&path, &bytes).unwrap();
        let survey = FileJournal::open(state.path()).unwrap().survey();
        for journal in survey.unfinished {
            proptest::prop_assert!(all.starts_with(&journal.entries), "{:?}", journal.entries);
        }
        proptest::prop_assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

/// Not a test by itself: the process that the crash test below kills.
#[test]
#[ignore = "run by a_kill_at_every_boundary_leaves_a_run_that_can_be_judged"]
fn child_that_runs_to_its_end() {
    let Ok(state) = std::env::var("BAOWATCH_TEST_CHILD_STATE") else { return };
    let journal = FileJournal::open(Path::new(&state)).unwrap();
    for entry in [begun(0), started(0), succeeded(0), ended()] {
        journal.append(RunId(7), &entry).unwrap();
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_kill_at_every_boundary_leaves_a_run_that_can_be_judged() {
    use std::os::unix::process::ExitStatusExt;
    let all = [begun(0), started(0), succeeded(0), ended()];
    for (variable, survives) in
        [("BAOWATCH_TEST_ABORT_BEFORE_JOURNAL_WRITE", 0), ("BAOWATCH_TEST_ABORT_AFTER_JOURNAL_WRITE", 1)]
    {
        for n in 1..=all.len() {
            let state = tempfile::tempdir().unwrap();
            let output = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "child_that_runs_to_its_end", "--ignored"])
                .env("BAOWATCH_TEST_CHILD_STATE", state.path())
                .env(variable, n.to_string())
                .output()
                .unwrap();
            assert_eq!(output.status.signal(), Some(9), "{variable}={n}: {output:?}");
            let written = n - 1 + survives;
            let journal = FileJournal::open(state.path()).unwrap();
            let found = journal.unfinished().unwrap();
            match written {
                0 | 4 => assert_eq!(found, [], "{variable}={n}"),
                _ => assert_eq!(found[0].entries, all[..written], "{variable}={n}"),
            }
            journal.append(RunId(8), &begun(9)).expect("the locks died with their process");
        }
    }
}
