//! What the verdict makes of keystore, copies, register, refused keys and key files in custody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use baowatch::app::id::{ActionId, FeedId};
use baowatch::app::model::Model;
use baowatch::app::model::custody::{CustodySeen, CustodyState};
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::model::fold;
use baowatch::app::model::keystore::{KeyKind, KeystoreLook, KeystoreSeen};
use baowatch::app::model::proof::{Answer, Method, Proof};
use baowatch::app::model::seal::SealKind;
use baowatch::app::model::unsealer::{SecretUse, StaticKeySeen, UnsealersSeen, UseHow};
use baowatch::app::settings::Settings;
use baowatch::app::state::State;
use baowatch::app::trouble::Trouble;
use baowatch::app::verdict::{Standing, Verdict, judge};
use world::fed::{KEY, each, feed, healthy, hold, keep, kept};
use world::{at, held, holding, key_file, keys, keystore, print, proof, register, report, seals};

fn now(model: &Model) -> Verdict {
    judge(model, at(1), None)
}

fn present(keystore: KeystoreSeen) -> KeystoreLook {
    KeystoreLook::Present(Box::new(keystore))
}

/// The keys are in a keystore, and the Secret has lost them.
fn wiped() -> Model {
    let mut model = kept();
    feed(&mut model, at(0), vec![keys("200", &[])]);
    model
}

fn by(verdict: &Verdict) -> (&'static str, Option<u32>) {
    (verdict.recoverable.by, verdict.recoverable.generation)
}

#[test]
fn the_keystore_mends_a_lost_secret() {
    let mut model = wiped();
    keep(&mut model, present(keystore(&[&["first"], &["second"], &[KEY]])));
    let verdict = now(&model);
    assert_eq!((verdict.state, by(&verdict)), (Standing::WillNotReopen, ("keystore", Some(3))));
    assert_eq!(verdict.next, "The keystore can mend it (generation 3, proven 24h ago): restore the Secret");
    assert_eq!(verdict.action, Some(ActionId::RestoreKeysSecret));
    // A proof of long ago is still one of these keys; without any it is said.
    model.proofs.clear();
    assert!(now(&model).next.contains("(generation 3, unproven)"), "{}", now(&model).next);
    // What is sealed already is opened from it first.
    feed(&mut model, at(0), vec![seals([true, true, true])]);
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.action), (Standing::Down, Some(ActionId::Unseal)));
    assert_eq!(verdict.next, "Unseal 3 sealed replicas from the keystore (generation 3, unproven)");
    feed(&mut model, at(0), vec![seals([false, false, true])]);
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.action), (Standing::WillNotReopen, Some(ActionId::Unseal)));
    assert!(verdict.next.ends_with("then restore the Secret"), "{}", verdict.next);
}

#[test]
fn a_keystore_counts_only_where_it_can_open_this_vault() {
    type Change = fn(&mut KeystoreSeen);
    let rows: [(&str, Change); 5] = [
        ("another salt", |seen| seen.comparable = false),
        ("recovery keys", |seen| seen.generations[0].kind = KeyKind::Recovery),
        ("too few", |seen| seen.generations[0].threshold = 2),
        ("no keys yet", |seen| seen.generations.clear()),
        ("of a vault before it was initialised anew", |seen| {
            seen.generations[0].vault_cluster_id = Some("c0".into());
        }),
    ];
    for (why, change) in rows {
        let mut model = wiped();
        let mut seen = keystore(&[&[KEY]]);
        change(&mut seen);
        feed(&mut model, at(0), held(present(seen), Vec::new(), Vec::new()));
        let verdict = now(&model);
        assert_eq!((by(&verdict), verdict.action), (("none-known", None), None), "{why}");
    }
    // Refused by the vault, though an older generation was proven.
    let mut model = wiped();
    keep(&mut model, present(keystore(&[&["old"], &[KEY]])));
    model.proofs = vec![proof(Method::Rotation, Answer::Refused, &[KEY])];
    assert_ne!(by(&now(&model)).0, "keystore");
    model.proofs.push(proof(Method::Rotation, Answer::Accepted, &["old"]));
    assert_eq!(by(&now(&model)), ("keystore", Some(1)));
    // Threshold of the vault itself.
    let mut model = wiped();
    each(&mut model, |seen| (seen.threshold, seen.shares) = (2, 3));
    feed(&mut model, at(0), held(present(keystore(&[&[KEY, KEY]])), Vec::new(), Vec::new()));
    assert_eq!(by(&now(&model)).0, "none-known");
}

#[test]
fn what_is_held_is_no_input_of_how_it_reopens() {
    let mut model = kept();
    assert_eq!(now(&model).state, Standing::Survives);
    for id in [FeedId::Keystore, FeedId::Copies, FeedId::Custody, FeedId::Register] {
        let outcome = Err(Trouble::denied("may not", "", "Allow it"));
        fold::apply(&mut model, &Report { feed: id, outcome }, at(0));
    }
    (model.keystore, model.copies, model.custody, model.register) = (None, None, None, None);
    assert_eq!(now(&model).state, Standing::Survives);
    feed(&mut model, at(0), vec![keys("200", &[])]);
    let verdict = now(&model);
    assert_eq!((verdict.state, by(&verdict).0), (Standing::WillNotReopen, "none-known"));
    assert!(verdict.recoverable.says.ends_with("the keystore is not in sight"), "{}", verdict.recoverable.says);
}

#[test]
fn a_copy_and_what_a_colleague_registered_come_next() {
    let mut model = wiped();
    keep(&mut model, KeystoreLook::Absent { path: "/gone".into(), expected: true });
    let verdict = now(&model);
    assert_eq!(by(&verdict), ("copy", None));
    assert!(verdict.next.ends_with("from its copy at /media/stick/prod-fra.keystore"), "{}", verdict.next);
    feed(&mut model, at(0), held(KeystoreLook::Absent { path: "/no".into(), expected: false }, Vec::new(), Vec::new()));
    let seen = Some(register(vec![holding("laptop-ben", &[KEY])], Vec::new()));
    feed(&mut model, at(0), vec![report(FeedId::Register, vec![Fact::Register(seen)])]);
    let verdict = now(&model);
    assert_eq!(by(&verdict), ("copy", None));
    assert!(verdict.next.contains("Ask laptop-ben, who holds generation 1"), "{}", verdict.next);
    // Keys that the vault refused help nobody.
    model.proofs = vec![proof(Method::Rotation, Answer::Refused, &[KEY])];
    assert_eq!(by(&now(&model)).0, "none-known");
}

#[test]
fn keys_that_the_vault_refused_do_not_reopen_it() {
    let mut model = kept();
    hold(&mut model, |held| held.fields[0].prints = vec![print("wrong")]);
    assert_eq!(now(&model).state, Standing::Unproven);
    model.proofs.push(proof(Method::Rotation, Answer::Refused, &["wrong"]));
    let verdict = now(&model);
    assert_eq!((verdict.state, by(&verdict)), (Standing::WillNotReopen, ("keystore", Some(1))));
    assert!(verdict.because[0].contains("keys that the vault refused 24h ago"), "{:?}", verdict.because);
    assert_eq!(verdict.action, Some(ActionId::RestoreKeysSecret));
    // Of a part of the keys, of another vault, by recovery keys: not about these keys. A later acceptance outweighs it.
    let refusal = || proof(Method::Rotation, Answer::Refused, &["wrong"]);
    let rows = [
        Proof { prints: vec![print("wrong"), print("more")], ..refusal() },
        Proof { cluster_id: Some("c0".into()), ..refusal() },
        Proof { method: Method::Recovery, ..refusal() },
        Proof { answer: Answer::Accepted, at: at(-10), ..refusal() },
    ];
    for row in rows {
        model.proofs = if row.answer == Answer::Accepted { vec![refusal(), row] } else { vec![row] };
        assert_ne!(now(&model).state, Standing::WillNotReopen, "{:?}", model.proofs);
    }
}

#[test]
fn neither_a_refusal_nor_recovery_keys_are_a_proof() {
    let mut model = kept();
    for answer in [proof(Method::Recovery, Answer::Accepted, &[KEY]), proof(Method::Rotation, Answer::Refused, &["x"])]
    {
        model.proofs = vec![answer];
        let verdict = now(&model);
        assert_eq!(verdict.state, Standing::Unproven);
        assert!(verdict.sentence.contains("nothing proves it"), "{}", verdict.sentence);
    }
    model.proofs = vec![proof(Method::Rotation, Answer::Accepted, &[KEY])];
    assert_eq!(now(&model).state, Standing::Survives);
}

#[test]
fn a_proof_of_keys_that_were_rotated_away_since_is_none() {
    let mut model = kept();
    model.proofs.push(Proof { at: at(-60), ..proof(Method::Rotation, Answer::Accepted, &["rotated"]) });
    let verdict = now(&model);
    assert_eq!(verdict.state, Standing::Unproven);
    assert!(verdict.sentence.contains("the last proof is of other keys"), "{}", verdict.sentence);
    // Nor does it make the keystore's old generation a proven one.
    feed(&mut model, at(0), vec![keys("200", &[])]);
    assert!(now(&model).next.contains("(generation 1, unproven)"), "{}", now(&model).next);
    // The other way round, and of another vault, it says nothing.
    let mut model = kept();
    model.proofs.insert(0, Proof { at: at(-90_000), ..proof(Method::Rotation, Answer::Accepted, &["before"]) });
    let other = Proof { cluster_id: Some("c0".into()), ..proof(Method::Rotation, Answer::Accepted, &["other"]) };
    model.proofs.push(Proof { at: at(-60), ..other });
    assert_eq!(now(&model).state, Standing::Survives);
}

#[test]
fn a_proof_by_a_key_is_none_for_the_provider_that_the_seal_was_migrated_to() {
    let mut model = kept();
    each(&mut model, |seen| seen.kind = SealKind::Kms("awskms".into()));
    assert_eq!(now(&model).state, Standing::Unproven);
    model.proofs.push(proof(Method::CameBack, Answer::Accepted, &[]));
    assert_eq!(now(&model).state, Standing::Survives);
}

#[test]
fn recovery_keys_taken_in_later_do_not_hide_the_key_of_the_seal() {
    let mut model = wiped();
    let mut seen = keystore(&[&[KEY], &["recovery"]]);
    seen.generations[1].kind = KeyKind::Recovery;
    model.proofs.clear();
    keep(&mut model, present(seen));
    assert_eq!(by(&now(&model)), ("keystore", Some(1)));
    // A keystore with nothing but recovery keys, and its copies, recover nothing.
    let mut seen = keystore(&[&["recovery"]]);
    seen.generations[0].kind = KeyKind::Recovery;
    keep(&mut model, present(seen));
    assert_eq!(by(&now(&model)).0, "none-known");
}

#[test]
fn a_proof_that_a_wrong_clock_dated_ahead_is_not_taken_from_the_register() {
    let mut model = kept();
    model.proofs.push(Proof { at: at(-60), ..proof(Method::Rotation, Answer::Refused, &[KEY]) });
    let ahead = Proof { at: at(86_400), ..proof(Method::Rotation, Answer::Accepted, &[KEY]) };
    let seen = Some(register(Vec::new(), vec![ahead]));
    feed(&mut model, at(0), vec![report(FeedId::Register, vec![Fact::Register(seen)])]);
    assert_eq!(now(&model).state, Standing::WillNotReopen);
}

#[test]
fn unproven_leads_to_the_proof_only_where_one_is_possible() {
    let mut model = kept();
    model.proofs.clear();
    assert_eq!(now(&model).action, None, "no token");
    model.expect.token = true;
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.action), (Standing::Unproven, Some(ActionId::ProveKeys)));
    for version in ["2.4.0", "2.5.1"] {
        each(&mut model, |seen| seen.version = version.into());
        assert_eq!(now(&model).action, None, "{version}");
    }
    each(&mut model, |seen| seen.version = "2.5.2".into());
    assert_eq!(now(&model).action, Some(ActionId::ProveKeys));
    model.expect.address_only = true;
    assert_eq!(now(&model).action, None);
}

#[test]
fn a_static_seal_whose_key_file_is_in_custody_is_found_before_the_restart() {
    let mut model = kept();
    each(&mut model, |seen| seen.kind = SealKind::Static);
    let key = StaticKeySeen { source: "file:///etc/seal.key".into(), from: None };
    let seen = UnsealersSeen { static_key: Some(key), ..UnsealersSeen::default() };
    feed(&mut model, at(0), vec![report(FeedId::Unsealers, vec![Fact::Unsealers(seen)])]);
    let file = |model: &mut Model, file: CustodySeen| {
        feed(model, at(0), vec![report(FeedId::Custody, vec![Fact::Custody(vec![file])])]);
    };
    file(&mut model, key_file("seal", CustodyState::Same));
    assert_ne!(now(&model).state, Standing::WillNotReopen);
    for state in [CustodyState::Different { print: print("other") }, CustodyState::Missing] {
        file(&mut model, key_file("seal", state));
        let verdict = now(&model);
        assert_eq!((verdict.state, by(&verdict).0), (Standing::WillNotReopen, "keystore"), "{:?}", verdict.because);
        assert_eq!(verdict.action, Some(ActionId::RestoreCustody));
        assert!(verdict.because[0].contains("/etc/seal.key"), "{:?}", verdict.because);
    }
    // This one file is an input: not to see it is to be blind.
    file(&mut model, key_file("seal", CustodyState::Unreadable(Trouble::denied("may not open it", "", ""))));
    assert_eq!(now(&model).state, Standing::Blind);
    // Where a Secret fills it, a file of the same path on this host is a spare at best.
    let used =
        SecretUse { secret: "openbao-seal".into(), how: UseHow::Volume, optional: false, fields: vec!["key".into()] };
    let mounted = StaticKeySeen { source: "file:///etc/seal.key".into(), from: Some(used) };
    let mut elsewhere = model.clone();
    let seen = UnsealersSeen { static_key: Some(mounted), ..UnsealersSeen::default() };
    feed(&mut elsewhere, at(0), vec![report(FeedId::Unsealers, vec![Fact::Unsealers(seen)])]);
    file(&mut elsewhere, key_file("seal", CustodyState::Missing));
    assert!(now(&elsewhere).because.iter().all(|line| !line.contains("/etc/seal.key")), "{:?}", now(&elsewhere));
    // Another program's file is none of the vault's.
    file(&mut model, key_file("daemon", CustodyState::Missing));
    assert_ne!(now(&model).state, Standing::WillNotReopen);
}

#[test]
fn the_document_says_which_generation() {
    use baowatch::app::report::check::document;
    use baowatch::app::report::exit::Asked;
    let mut state = State::new(Settings::default(), at(1));
    state.model = wiped();
    state.verdict = now(&state.model);
    let json = serde_json::to_value(document(&state, &Asked::default())).unwrap();
    assert_eq!(json["verdict"]["recoverable"]["by"], "keystore");
    assert_eq!(json["verdict"]["recoverable"]["generation"], 1);
    state.model = healthy();
    state.verdict = now(&state.model);
    let json = serde_json::to_value(document(&state, &Asked::default())).unwrap();
    assert!(json["verdict"]["recoverable"].get("generation").is_none(), "{json}");
}
