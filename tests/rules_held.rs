//! The rules about what is held of the keys elsewhere: keystore, copies, register, proof, key files in custody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use baowatch::app::alerts::{Finding, Firing, Severity, rules};
use baowatch::app::id::{ActionId, FeedId};
use baowatch::app::model::Model;
use baowatch::app::model::copies::CopyState;
use baowatch::app::model::custody::{CustodySeen, CustodyState};
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::model::fold;
use baowatch::app::model::keystore::{KeystoreLook, KeystoreSeen};
use baowatch::app::model::proof::{Answer, Method, Proof};
use baowatch::app::model::reopens::Mechanism;
use baowatch::app::trouble::Trouble;
use world::fed::{KEY, feed, healthy, keep, kept};
use world::{at, copy, held, holding, key_file, keys, keystore, print, proof, register, report};

fn finds(model: &Model, rule: &str) -> Vec<Finding> {
    rules::find(rule).unwrap().judge(model, at(1)).into_iter().map(|(_, finding)| finding).collect()
}

fn fired(model: &Model, rule: &str) -> Firing {
    match finds(model, rule).as_slice() {
        [Finding::Firing(firing)] => {
            assert!(!firing.sentence.is_empty() && !firing.next.is_empty(), "{firing:?}");
            firing.clone()
        }
        other => panic!("{rule}: {other:?}"),
    }
}

fn clear(model: &Model, rule: &str) {
    for finding in finds(model, rule) {
        assert_eq!(finding, Finding::Clear, "{rule}");
    }
}

fn unknown(model: &Model, rule: &str) {
    let found = finds(model, rule);
    assert!(!found.is_empty() && found.iter().all(|f| matches!(f, Finding::Unknown(_))), "{rule}: {found:?}");
}

fn present(keystore: KeystoreSeen) -> KeystoreLook {
    KeystoreLook::Present(Box::new(keystore))
}

fn deny(model: &mut Model, id: FeedId) {
    let outcome = Err(Trouble::denied("may not get it", "", "Allow get"));
    fold::apply(model, &Report { feed: id, outcome }, at(0));
}

#[test]
fn keys_mismatch() {
    let rule = "keys-mismatch";
    let mut model = kept();
    clear(&model, rule);
    // A part of the shares is no other key.
    keep(&mut model, present(keystore(&[&[KEY, "second", "third"]])));
    clear(&model, rule);
    keep(&mut model, present(keystore(&[&[KEY], &["another"]])));
    model.proofs.clear();
    // One address may be a load balancer: it is asked nothing.
    model.expect.address_only = true;
    let unasked = fired(&model, rule);
    assert_eq!((unasked.severity, unasked.action), (Severity::Critical, None));
    assert!(unasked.why.ends_with("not proven: it is generation 1 again"), "{}", unasked.why);
    model.expect.address_only = false;
    model.expect.token = true;
    assert_eq!(fired(&model, rule).action, Some(ActionId::ProveKeys));
    let rows = [
        (Answer::Accepted, KEY, Some(ActionId::SaveKeys)),
        (Answer::Refused, KEY, Some(ActionId::RestoreKeysSecret)),
        (Answer::Accepted, "another", Some(ActionId::RestoreKeysSecret)),
        (Answer::Refused, "another", Some(ActionId::ProveKeys)),
    ];
    for (answer, key, action) in rows {
        model.proofs = vec![proof(Method::Rotation, answer, &[key])];
        assert_eq!(fired(&model, rule).action, action, "{answer:?} {key}");
    }
    // Both were taken, before and after a rotation: the later answer counts, whichever it is about.
    for (last, action) in [(KEY, ActionId::SaveKeys), ("another", ActionId::RestoreKeysSecret)] {
        model.proofs = [KEY, "another"].map(|key| proof(Method::Rotation, Answer::Accepted, &[key])).into();
        model.proofs.push(Proof { at: at(-60), ..proof(Method::Rotation, Answer::Accepted, &[last]) });
        assert_eq!(fired(&model, rule).action, Some(action), "{last}");
    }
    model.proofs = [KEY, "another"].map(|key| proof(Method::Rotation, Answer::Refused, &[key])).into();
    let both = fired(&model, rule);
    assert_eq!((both.action, both.why.as_str()), (None, "the vault refused both"));
    // Recovery keys prove nothing here.
    model.proofs = vec![proof(Method::Recovery, Answer::Accepted, &["another"])];
    assert_eq!(fired(&model, rule).action, Some(ActionId::ProveKeys));
    // What is lost is no other key; what cannot be compared is unknown.
    feed(&mut model, at(0), vec![keys("200", &[])]);
    clear(&model, rule);
    feed(&mut model, at(0), vec![keys("201", &[KEY])]);
    keep(&mut model, present(KeystoreSeen { comparable: false, ..keystore(&[&["another"]]) }));
    unknown(&model, rule);
}

#[test]
fn keys_single_copy() {
    let rule = "keys-single-copy";
    clear(&kept(), rule);
    let with = |copies, others: Vec<_>| {
        let mut model = healthy();
        feed(&mut model, at(0), held(present(keystore(&[&[KEY]])), copies, Vec::new()));
        let seen = Some(register(others, Vec::new()));
        feed(&mut model, at(0), vec![report(FeedId::Register, vec![Fact::Register(seen)])]);
        model
    };
    let firing = fired(&with(Vec::new(), Vec::new()), rule);
    assert_eq!((firing.severity, firing.action), (Severity::Warning, None));
    assert_eq!(firing.sentence, "Beside the Secret the keys are in one place: the keystore on this machine");
    clear(&with(vec![copy("stick")], Vec::new()), rule);
    // A copy on the same file system is none.
    let mut near = copy("stick");
    near.near = Some("same file system as the keystore".into());
    assert!(fired(&with(vec![near], Vec::new()), rule).why.contains("same file system"));
    let mut old = copy("stick");
    old.state = CopyState::Older { revision: 6 };
    clear(&with(vec![old.clone()], Vec::new()), rule);
    for state in [CopyState::Outdated { revision: 6, generation: 1 }, CopyState::Missing] {
        old.state = state;
        assert_eq!(fired(&with(vec![old.clone()], Vec::new()), rule).action, Some(ActionId::CopyKeystore));
    }
    old.state = CopyState::Unchecked;
    unknown(&with(vec![old], Vec::new()), rule);
    // What others hold of the same keys counts; our own entry and other keys do not.
    clear(&with(Vec::new(), vec![holding("laptop-ben", &[KEY])]), rule);
    for held in [holding("laptop-ben", &["another"]), holding("laptop-anna", &[KEY])] {
        fired(&with(Vec::new(), vec![held]), rule);
    }
    // Two places stay two, whatever is out of sight. One may be two where the register may not be read: nobody must have
    // that right, so it is said and not unknown. A register that should answer and does not is.
    let mut model = with(vec![copy("stick")], Vec::new());
    model.register = None;
    deny(&mut model, FeedId::Register);
    clear(&model, rule);
    let mut model = with(Vec::new(), Vec::new());
    model.register = None;
    deny(&mut model, FeedId::Register);
    let firing = fired(&model, rule);
    assert!(firing.sentence.starts_with("This machine knows of one place"), "{}", firing.sentence);
    assert!(firing.why.contains("may not be read"), "{}", firing.why);
    let mut model = with(Vec::new(), Vec::new());
    model.register = None;
    model.feeds.remove(&FeedId::Register);
    unknown(&model, rule);
    // Copies of keys that the vault refused are copies of nothing.
    let mut model = with(vec![copy("stick"), copy("safe")], Vec::new());
    model.proofs.push(proof(Method::Rotation, Answer::Refused, &[KEY]));
    assert!(fired(&model, rule).sentence.starts_with("The keys are in no place"));
    // Where nobody can hold a key, there is none to copy.
    for by in [Mechanism::Kms, Mechanism::People] {
        let mut model = with(Vec::new(), Vec::new());
        model.expect.reopens = Some(by);
        assert!(finds(&model, rule).is_empty());
    }
}

#[test]
fn keys_unproven() {
    let rule = "keys-unproven";
    let mut model = kept();
    clear(&model, rule);
    model.proofs[0].at = at(-31 * 86_400);
    model.expect.address_only = true;
    let firing = fired(&model, rule);
    assert_eq!((firing.severity, firing.action), (Severity::Warning, None));
    assert!(firing.why.contains("31d old"), "{}", firing.why);
    model.expect.address_only = false;
    model.expect.token = true;
    assert_eq!(fired(&model, rule).action, Some(ActionId::ProveKeys));
    model.proofs[0].at = at(86_400);
    assert!(fired(&model, rule).why.contains("age cannot be told"));
    // A refusal and recovery keys are no proof.
    for proof in [proof(Method::Recovery, Answer::Accepted, &[KEY]), proof(Method::Rotation, Answer::Refused, &["x"])] {
        model.proofs = vec![proof];
        assert!(fired(&model, rule).why.starts_with("no replica was seen"));
    }
    // The Secret is empty: those of the keystore are what counts.
    let mut model = kept();
    feed(&mut model, at(0), vec![keys("200", &[])]);
    clear(&model, rule);
    model.proofs.clear();
    assert!(fired(&model, rule).sentence.contains("generation 1"));
}

#[test]
fn keystore_missing() {
    let rule = "keystore-missing";
    let mut model = kept();
    clear(&model, rule);
    let absent = |expected| KeystoreLook::Absent { path: "/home/anna/prod.keystore".into(), expected };
    feed(&mut model, at(0), held(absent(true), Vec::new(), Vec::new()));
    assert_eq!(fired(&model, rule).severity, Severity::Critical);
    let seen = Some(register(vec![holding("laptop-ben", &[KEY])], Vec::new()));
    feed(&mut model, at(0), vec![report(FeedId::Register, vec![Fact::Register(seen)])]);
    let firing = fired(&model, rule);
    assert!(firing.severity == Severity::Info && firing.why.contains("laptop-ben"), "{firing:?}");
    feed(&mut model, at(0), held(absent(false), Vec::new(), Vec::new()));
    let firing = fired(&model, rule);
    assert!(firing.severity == Severity::Info && firing.next.contains("keys init"), "{firing:?}");
    // Nobody needs one for a provider's seal.
    model.expect.reopens = Some(Mechanism::Kms);
    clear(&model, rule);
}

#[test]
fn keystore_unreadable() {
    let rule = "keystore-unreadable";
    let mut model = kept();
    clear(&model, rule);
    let trouble = Trouble::local("the keystore is cut off", "it ends in its header", "");
    keep(&mut model, KeystoreLook::Unreadable { path: "/home/anna/prod.keystore".into(), trouble });
    let firing = fired(&model, rule);
    assert_eq!((firing.severity, firing.sentence.as_str()), (Severity::Critical, "the keystore is cut off"));
    clear(&model, "keystore-missing");
    unknown(&model, "keys-mismatch");
}

fn with_file(change: impl FnOnce(&mut CustodySeen)) -> Model {
    let mut file = key_file("daemon", CustodyState::Same);
    change(&mut file);
    let mut model = kept();
    feed(&mut model, at(0), vec![report(FeedId::Custody, vec![Fact::Custody(vec![file])])]);
    model
}

#[test]
fn custody_missing() {
    let rule = "custody-missing";
    clear(&with_file(|_| {}), rule);
    let firing = fired(&with_file(|file| file.state = CustodyState::Missing), rule);
    assert_eq!((firing.severity, firing.action), (Severity::Critical, Some(ActionId::RestoreCustody)));
    let firing = fired(&with_file(|file| file.near = Some("the keystore lies on the same host".into())), rule);
    assert_eq!(firing.severity, Severity::Warning);
}

#[test]
fn custody_mismatch() {
    let rule = "custody-mismatch";
    clear(&with_file(|_| {}), rule);
    for state in [CustodyState::Different { print: print("00112233") }, CustodyState::WrongSize { len: 0 }] {
        let firing = fired(&with_file(|file| file.state = state), rule);
        assert_eq!(firing.severity, Severity::Critical);
    }
    clear(&with_file(|file| file.state = CustodyState::Missing), rule);
}

#[test]
fn custody_permissions() {
    let rule = "custody-permissions";
    clear(&with_file(|_| {}), rule);
    let firing = fired(&with_file(|file| file.mode_found = Some(0o644)), rule);
    assert_eq!(
        (firing.severity, firing.next.as_str()),
        (Severity::Warning, "chmod 0400 /etc/daemon.key; chown 100:1000 /etc/daemon.key")
    );
    fired(&with_file(|file| file.owner_found = Some((0, 0))), rule);
}

#[test]
fn a_key_file_that_cannot_be_read_is_unknown_to_every_rule_about_it() {
    let trouble = Trouble::denied("may not open it", "", "");
    let model = with_file(|file| file.state = CustodyState::Unreadable(trouble));
    for rule in ["custody-missing", "custody-mismatch", "custody-permissions"] {
        unknown(&model, rule);
    }
}
