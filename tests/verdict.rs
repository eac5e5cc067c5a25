//! The verdict, a row for each row of its table: mechanisms, states, figures, proof, words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use baowatch::app::id::{FeedId, ObjectRef};
use baowatch::app::model::Model;
use baowatch::app::model::fact::Fact;
use baowatch::app::model::keys_secret::{FieldSeen, KeysSecret, KeysSeen, Purpose, Shape};
use baowatch::app::model::observed::Observed;
use baowatch::app::model::proof::{Method, Proof};
use baowatch::app::model::reopens::{Grade, Mechanism};
use baowatch::app::model::seal::SealKind;
use baowatch::app::model::unsealer::{Liveness, SecretUse, StaticKeySeen, UnsealersSeen, UseHow};
use baowatch::app::model::workload::PodSeen;
use baowatch::app::verdict::{Standing, Verdict, judge};
use jiff::SignedDuration;
use world::fed::{KEY, each, feed, healthy, hold, of};
use world::{at, keys, pods, print, report, seals, secret, unsealers};

fn no_unsealer(model: &mut Model) {
    let seen = UnsealersSeen::default();
    feed(model, at(0), vec![report(FeedId::Unsealers, vec![Fact::Unsealers(seen)])]);
    model.keys = None;
    model.history.clear();
}

fn came_back(days: i64, prints: &[&str]) -> Proof {
    Proof {
        answer: baowatch::app::model::proof::Answer::Accepted,
        method: Method::CameBack,
        at: at(-days * 86_400),
        replica: "openbao-1".into(),
        cluster_id: Some("c1".into()),
        prints: prints.iter().map(|text| print(text)).collect(),
        namespace: None,
    }
}

fn now(model: &Model) -> Verdict {
    judge(model, at(1), None)
}

#[test]
fn keys_proven_or_not() {
    let mut model = healthy();
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.restarts_to_outage), (Standing::Unproven, Some(2)));
    assert_eq!((verdict.reopens.by, verdict.reopens.grade), (Mechanism::Secret, Grade::Seen));
    assert_eq!(verdict.recoverable.by, "secret");
    model.proofs = vec![came_back(2, &[KEY])];
    let verdict = now(&model);
    assert_eq!(verdict.state, Standing::Survives);
    assert_eq!(verdict.sentence, "WOULD SURVIVE A RESTART, proven 2d ago; two at once are an outage");
    for (proof, word) in [
        (came_back(31, &[KEY]), "old"),
        (came_back(2, &["another"]), "other keys"),
        (Proof { cluster_id: Some("c0".into()), ..came_back(2, &[KEY]) }, "anew"),
    ] {
        model.proofs = vec![proof];
        let verdict = now(&model);
        assert_eq!(verdict.state, Standing::Unproven);
        assert!(verdict.sentence.contains(word), "{}", verdict.sentence);
    }
    // Thirty days are a default and not a law.
    model.proofs = vec![came_back(31, &[KEY])];
    model.expect.proof_max_age = SignedDuration::from_hours(24 * 60);
    assert_eq!(now(&model).state, Standing::Survives);
}

#[test]
fn an_own_unseal_proves_the_shares_it_used_and_no_more() {
    let mut model = healthy();
    model.proofs = vec![Proof { method: Method::OwnUnseal, ..came_back(1, &[KEY]) }];
    assert_eq!(now(&model).state, Standing::Survives);
    // One share of two opens nothing.
    each(&mut model, |seen| (seen.threshold, seen.shares) = (2, 3));
    hold(&mut model, |held| {
        held.fields[0].shape = Shape::Shares { count: 2, bytes: 33 };
        held.fields[0].prints = vec![print(KEY), print("second")];
    });
    assert_eq!(now(&model).state, Standing::Unproven);
    model.proofs[0].prints.push(print("second"));
    assert_eq!(now(&model).state, Standing::Survives);
}

/// A replica restarts, is seen sealed for so many seconds, and is open again.
fn comes_back(model: &mut Model, sealed_for: i64) -> usize {
    let proofs = model.proofs.len();
    feed(model, at(10), vec![pods([1, 2, 1]), seals([false, true, false])]);
    let then = at(10 + sealed_for);
    model.keys.as_mut().unwrap().at = then;
    model.unsealers.as_mut().unwrap().at = then;
    feed(model, then, vec![seals([false, false, false])]);
    model.proofs.len() - proofs
}

#[test]
fn what_came_back_proves_the_mechanism_only_where_nothing_else_can_have_opened_it() {
    assert_eq!(comes_back(&mut healthy(), 8), 1);
    // Nothing in the cluster takes this long: somebody came with shares.
    assert_eq!(comes_back(&mut healthy(), 180), 0);
    // The sidecar of this very pod does not run.
    let mut model = healthy();
    feed(&mut model, at(10), vec![pods([1, 2, 1]), seals([false, true, false])]);
    let mut seen = model.pods.clone().unwrap().value;
    seen[1].containers[1].running = false;
    for second in [11, 200] {
        feed(&mut model, at(second), vec![report(FeedId::Pods, vec![Fact::Pods(seen.clone())])]);
        feed(&mut model, at(second), vec![keys("100", &[KEY]), unsealers(Liveness::Running)]);
        feed(&mut model, at(second), vec![seals([false, false, false])]);
    }
    assert_eq!(model.proofs.len(), 0);
    // Initialised anew in between: the Secret holds what opens nothing any more.
    let mut model = healthy();
    feed(&mut model, at(10), vec![pods([1, 2, 1]), seals([false, true, false])]);
    let mut seen = world::seal(false, Some(baowatch::app::model::seal::Role::Standby));
    seen.cluster_id = Some("c2".into());
    feed(&mut model, at(12), vec![report(FeedId::Seal, vec![world::says(1, seen)])]);
    assert_eq!(model.proofs.len(), 0);
    // The Secret was out of sight while it opened.
    let mut model = healthy();
    feed(&mut model, at(40), vec![pods([1, 2, 1]), unsealers(Liveness::Running), seals([false, true, false])]);
    feed(&mut model, at(44), vec![seals([false, false, false])]);
    assert_eq!(model.proofs.len(), 0);
}

#[test]
fn an_unsealer_that_still_holds_the_key_of_before_proves_nothing_of_the_new_one() {
    for (how, proofs) in [(UseHow::Env, 0), (UseHow::Volume, 0)] {
        let mut model = healthy();
        feed(&mut model, at(5), vec![keys("200", &["another"])]);
        let mut seen = model.unsealers.clone().unwrap().value;
        seen.found[0].sidecar = false;
        seen.found[0].object = ObjectRef::new("Deployment", "data", "unsealer");
        seen.found[0].uses[0].how = how;
        model.unsealers = Some(Observed::new(seen, at(5)));
        assert_eq!(comes_back(&mut model, 8), proofs, "{how:?}");
    }
}

#[test]
fn a_proof_is_of_exactly_these_keys_of_this_vault_and_not_of_the_future() {
    let mut model = healthy();
    each(&mut model, |seen| (seen.threshold, seen.shares) = (2, 3));
    hold(&mut model, |held| {
        held.fields[0].shape = Shape::Shares { count: 3, bytes: 33 };
        held.fields[0].prints = vec![print("a"), print("b"), print("c")];
    });
    for method in [Method::OwnUnseal, Method::CameBack] {
        // The third may be rubbish, and nobody knows which two are taken.
        model.proofs = vec![Proof { method, ..came_back(1, &["a", "b"]) }];
        assert_eq!(now(&model).state, Standing::Unproven, "{method:?}");
        model.proofs = vec![Proof { method, ..came_back(1, &["c", "a", "b"]) }];
        assert_eq!(now(&model).state, Standing::Survives, "{method:?}");
    }
    for proof in [
        Proof { cluster_id: None, ..came_back(1, &["a", "b", "c"]) },
        Proof { at: at(86_400), ..came_back(1, &["a", "b", "c"]) },
    ] {
        model.proofs = vec![proof];
        assert_eq!(now(&model).state, Standing::Unproven);
    }
    // Two vaults under one name.
    model.proofs = vec![came_back(1, &["a", "b", "c"])];
    let mut seen = world::seal(false, Some(baowatch::app::model::seal::Role::Standby));
    (seen.threshold, seen.shares, seen.cluster_id) = (2, 3, Some("c2".into()));
    feed(&mut model, at(0), vec![report(FeedId::Seal, vec![world::says(2, seen)])]);
    assert_ne!(now(&model).state, Standing::Survives);
}

#[test]
fn facts_stamped_before_the_clock_was_set_back_do_not_count() {
    let model = healthy();
    assert_eq!(judge(&model, at(-3_600), None).state, Standing::Blind);
}

#[test]
fn lost_keys_on_one_and_on_three_replicas() {
    for (n, restarts, start) in
        [(1, 1, "ONE RESTART FROM BLACKOUT"), (3, 2, "TWO RESTARTS FROM OUTAGE"), (5, 3, "THREE")]
    {
        let mut model = of(n);
        feed(&mut model, at(0), vec![keys("200", &[])]);
        let verdict = now(&model);
        assert_eq!((verdict.state, verdict.restarts_to_outage), (Standing::WillNotReopen, Some(restarts)));
        assert!(verdict.sentence.starts_with(start), "{}", verdict.sentence);
        assert!(verdict.sentence.ends_with("no replica that restarts comes back"), "{}", verdict.sentence);
        assert_eq!(verdict.recoverable.by, "none-known");
        assert!(verdict.next.starts_with("Hold the pods"), "{}", verdict.next);
        assert_eq!(verdict.because[0], "It runs from memory: Secret data/openbao-keys has been empty for <5s");
    }
}

#[test]
fn the_age_of_the_loss_is_its_own() {
    let mut model = healthy();
    feed(&mut model, at(60), vec![keys("200", &[])]);
    // A label changed later, and everything is confirmed 48 minutes after the loss.
    let now = at(60 + 48 * 60);
    let msgs = vec![world::cluster(), pods([1, 1, 1]), unsealers(Liveness::Running), keys("201", &[])];
    feed(&mut model, now, msgs);
    feed(&mut model, now, vec![seals([false, false, false])]);
    let verdict = judge(&model, now, None);
    assert_eq!(verdict.because[0], "It runs from memory: Secret data/openbao-keys has been empty for 48m");
    assert!(verdict.because[1].contains("unknown between 04:00:00Z and 04:01:00Z"), "{:?}", verdict.because);
    assert!(verdict.because.iter().all(|line| line.chars().count() <= 120), "{:?}", verdict.because);
}

type Change = Box<dyn FnOnce(&mut KeysSecret)>;

#[test]
fn every_fault_of_the_secret() {
    let field = |shape: Shape, len: u32| {
        move |held: &mut KeysSecret| {
            held.fields[0].shape = shape;
            held.fields[0].len = len;
            held.fields[0].prints.clear();
        }
    };
    let rows: Vec<(&str, Change)> = vec![
        ("field key is empty", Box::new(field(Shape::Empty, 0))),
        (
            "field key holds 8 characters",
            Box::new(field(Shape::Implausible("8 characters, an unseal key has 44 or 64".into()), 11)),
        ),
        ("has no field that holds an unseal key", Box::new(|held: &mut KeysSecret| drop(held.fields.remove(0)))),
        (
            "share of several",
            Box::new(|held: &mut KeysSecret| held.fields[0].shape = Shape::Shares { count: 1, bytes: 33 }),
        ),
    ];
    for (word, change) in rows {
        let mut model = healthy();
        hold(&mut model, change);
        let verdict = now(&model);
        assert_eq!(verdict.state, Standing::WillNotReopen, "{word}");
        assert!(verdict.because[0].contains(word), "{word}: {:?}", verdict.because);
    }
    let mut model = healthy();
    let gone = Fact::Keys(KeysSeen::Absent(ObjectRef::secret("data", "openbao-keys")));
    feed(&mut model, at(0), vec![report(FeedId::KeysSecret, vec![gone])]);
    assert_eq!(now(&model).state, Standing::WillNotReopen);
    assert!(now(&model).because[0].contains("has been gone"), "{:?}", now(&model).because);
}

#[test]
fn fewer_different_shares_than_the_threshold() {
    let mut model = healthy();
    each(&mut model, |seen| (seen.threshold, seen.shares) = (2, 3));
    // The same share twice is one share.
    hold(&mut model, |held| {
        held.fields[0].shape = Shape::Shares { count: 2, bytes: 33 };
        held.fields[0].prints = vec![print("a"), print("a")];
    });
    assert!(now(&model).because[0].contains("holds 1 share of the 2 that it takes"), "{:?}", now(&model).because);
    hold(&mut model, |held| {
        held.fields[0].shape = Shape::Shares { count: 2, bytes: 33 };
        held.fields[0].prints = vec![print("a"), print("b")];
    });
    assert_eq!(now(&model).state, Standing::Unproven);
}

#[test]
fn a_dead_unsealer_with_good_keys_can_be_mended() {
    let mut model = healthy();
    let mut seen = model.unsealers.clone().unwrap().value;
    seen.found[0].sidecar = false;
    seen.found[0].object = ObjectRef::new("Deployment", "data", "unsealer");
    seen.found[0].liveness = Liveness::Dead { why: "scaled to 0".into() };
    model.unsealers = Some(Observed::new(seen, at(0)));
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.recoverable.by), (Standing::WillNotReopen, "secret"));
    assert_eq!(verdict.recoverable.says, "Secret data/openbao-keys still holds 1 plausible share");
    assert_eq!(verdict.next, "Mend what unseals: kubectl -n data describe deployment/unsealer");
    assert_eq!(verdict.because[0], "What unseals does not run: Deployment data/unsealer (scaled to 0)");
}

#[test]
fn a_sidecar_that_starts_with_its_pod_is_not_dead() {
    let mut model = healthy();
    let starting = |model: &mut Model, reason: &str| {
        let mut seen: Vec<PodSeen> = model.pods.clone().unwrap().value;
        seen[1].containers[1].running = false;
        seen[1].containers[1].reason = Some(reason.into());
        model.pods = Some(Observed::new(seen, at(0)));
        let msgs = vec![unsealers(Liveness::Partly { missing: vec!["openbao-1".into()] })];
        feed(model, at(0), msgs);
    };
    starting(&mut model, "ContainerCreating");
    assert_eq!(now(&model).state, Standing::Unproven);
    starting(&mut model, "CrashLoopBackOff");
    let verdict = now(&model);
    assert_eq!(verdict.state, Standing::WillNotReopen);
    assert_eq!(verdict.sentence, "TWO RESTARTS FROM OUTAGE, and openbao-1 does not come back");
}

#[test]
fn a_static_seal_is_judged_by_its_key_secret() {
    let mut model = healthy();
    each(&mut model, |seen| seen.kind = SealKind::Static);
    let from = SecretUse { secret: "openbao-seal".into(), how: UseHow::Volume, optional: false, fields: Vec::new() };
    let key = StaticKeySeen { source: "/openbao/seal/key".into(), from: Some(from) };
    let seen = UnsealersSeen {
        static_key: Some(key.clone()),
        chosen: Some("openbao-seal".into()),
        ..UnsealersSeen::default()
    };
    feed(&mut model, at(0), vec![report(FeedId::Unsealers, vec![Fact::Unsealers(seen)])]);
    let mut held = secret("300", &[]);
    held.object.name = "openbao-seal".into();
    let mut put = |model: &mut Model, seconds, shape, prints: &[&str]| {
        held.fields = vec![FieldSeen {
            name: "key".into(),
            len: 32,
            purpose: Purpose::SealKey,
            shape,
            prints: prints.iter().map(|text| print(text)).collect(),
        }];
        let fact = Fact::Keys(KeysSeen::Present(Box::new(held.clone())));
        feed(model, at(seconds), vec![report(FeedId::KeysSecret, vec![fact])]);
    };
    model.history.clear();
    put(&mut model, -90_000, Shape::Key32, &["first"]);
    put(&mut model, 0, Shape::Key32, &["first"]);
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.reopens.by), (Standing::Unproven, Mechanism::Static));
    model.proofs = vec![came_back(1, &["first"])];
    assert_eq!(now(&model).state, Standing::Survives);
    // The servers were started a day ago with the first key.
    put(&mut model, 0, Shape::Key32, &["second"]);
    let verdict = now(&model);
    assert_eq!(verdict.state, Standing::WillNotReopen);
    assert!(verdict.because[0].contains("another key"), "{:?}", verdict.because);
    put(&mut model, 0, Shape::Implausible("has 12 bytes".into()), &[]);
    assert_eq!(now(&model).state, Standing::WillNotReopen);
    // A key that no Secret fills cannot be looked at: only a replica that came back proves anything.
    let seen = UnsealersSeen { static_key: Some(StaticKeySeen { from: None, ..key }), ..UnsealersSeen::default() };
    model.unsealers = Some(Observed::new(seen, at(0)));
    assert_eq!(now(&model).state, Standing::Survives);
    model.proofs.clear();
    assert_eq!(now(&model).state, Standing::Unproven);
}

#[test]
fn a_kms_is_proven_by_a_replica_that_came_back_and_needs_no_secret() {
    for (seal, by) in [(SealKind::Kms("awskms".into()), Mechanism::Kms), (SealKind::Transit, Mechanism::Transit)] {
        let mut model = healthy();
        each(&mut model, |seen| seen.kind = seal.clone());
        no_unsealer(&mut model);
        model.unsealers = None;
        let verdict = now(&model);
        assert_eq!((verdict.state, verdict.reopens.by), (Standing::Unproven, by));
        model.proofs = vec![came_back(1, &[])];
        assert_eq!(now(&model).state, Standing::Survives);
        model.proofs[0].method = Method::OwnUnseal;
        assert_eq!(now(&model).state, Standing::Unproven);
    }
}

#[test]
fn people_open_what_nothing_in_the_cluster_opens() {
    let mut model = healthy();
    no_unsealer(&mut model);
    each(&mut model, |seen| (seen.threshold, seen.shares) = (3, 5));
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.recoverable.by), (Standing::NeedsHands, "people"));
    assert_eq!((verdict.reopens.by, verdict.reopens.grade), (Mechanism::People, Grade::Inferred));
    assert_eq!(verdict.sentence, "A RESTART NEEDS HANDS: people must bring 3 of 5 shares; two at once are an outage");
    model.expect.reopens = Some(Mechanism::People);
    assert_eq!(now(&model).reopens.grade, Grade::Configured);
}

#[test]
fn a_proof_is_void_once_another_key_lies_where_the_proven_one_lay() {
    let mut model = healthy();
    model.history[0].at = at(-90_000);
    model.proofs = vec![came_back(1, &[KEY])];
    assert_eq!(now(&model).state, Standing::Survives);
    // The proven key is put aside, and another takes its place.
    hold(&mut model, |held| {
        let mut aside = held.fields[0].clone();
        aside.name = "key-old".into();
        held.fields[0].prints = vec![print("another")];
        held.fields.push(aside);
    });
    assert_eq!(now(&model).state, Standing::Unproven);
    // The same key under another name: what unseals reads names.
    hold(&mut model, |held| held.fields[0].name = "unseal-key".into());
    assert_ne!(now(&model).state, Standing::Survives);
}

#[test]
fn who_opened_it_late_or_unwatched_may_have_been_a_person() {
    let open = |seconds: i64, wait: i64, watched: bool| {
        let mut model = healthy();
        let pods_at = |model: &mut Model, second, life| feed(model, at(second), vec![pods([1, 1, life])]);
        if watched {
            pods_at(&mut model, seconds - 5, 1);
        }
        pods_at(&mut model, seconds, 2);
        feed(&mut model, at(seconds + 1), vec![seals([false, false, true])]);
        let looked = vec![keys("100", &[KEY]), world::unsealers(Liveness::Running), seals([false, false, false])];
        feed(&mut model, at(seconds + wait), looked);
        model.proofs.len()
    };
    assert_eq!(open(600, 12, true), 1, "an unsealer");
    assert_eq!(open(600, 45, true), 0, "perhaps a person");
    assert_eq!(open(36_000, 12, false), 0, "nobody watched for hours");
}

#[test]
fn open_replicas_without_a_leader_serve_nobody() {
    let mut model = of(3);
    no_unsealer(&mut model);
    feed(&mut model, at(0), vec![seals([false, false, true])]);
    each(&mut model, |seen| {
        seen.role = Some(baowatch::app::model::seal::Role::Leaderless);
        seen.leader = None;
    });
    world::fed::answer(&mut model, 2, world::fed::silent());
    let verdict = now(&model);
    assert!(!verdict.sentence.contains("others serve"), "{}", verdict.sentence);
}

#[test]
fn the_only_replica_proves_itself_too() {
    let mut model = of(1);
    let only = |life| report(FeedId::Pods, vec![Fact::Pods(vec![world::pod(0, life)])]);
    feed(&mut model, at(10), vec![only(1)]);
    feed(&mut model, at(12), vec![report(FeedId::Pods, vec![Fact::Pods(Vec::new())])]);
    feed(&mut model, at(14), vec![only(2)]);
    feed(&mut model, at(15), vec![report(FeedId::Seal, vec![world::silent(0)])]);
    let open = world::says(0, world::seal(false, Some(baowatch::app::model::seal::Role::Active)));
    feed(&mut model, at(18), vec![keys("100", &[KEY]), report(FeedId::Seal, vec![open])]);
    assert_eq!(model.proofs.len(), 1);
}
