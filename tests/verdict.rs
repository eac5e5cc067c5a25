//! The verdict, a row for each row of its table: mechanisms, states, figures, proof, words.

mod world;

use baowatch::app::id::{ActionId, FeedId, ObjectRef};
use baowatch::app::model::Model;
use baowatch::app::model::fact::Fact;
use baowatch::app::model::fold;
use baowatch::app::model::keys_secret::{FieldSeen, KeysSecret, KeysSeen, Purpose, Shape};
use baowatch::app::model::observed::Observed;
use baowatch::app::model::proof::{Method, Proof};
use baowatch::app::model::reopens::{Grade, Mechanism};
use baowatch::app::model::seal::{Role, SealAnswer, SealKind, SealSeen};
use baowatch::app::model::unsealer::{Liveness, SecretUse, StaticKeySeen, UnsealersSeen, UseHow};
use baowatch::app::model::workload::PodSeen;
use baowatch::app::msg::Msg;
use baowatch::app::trouble::Trouble;
use baowatch::app::verdict::{Standing, Verdict, judge};
use jiff::{SignedDuration, Timestamp};
use world::{at, keys, pod, pods, print, report, seal, seals, secret, unsealers, workload};

const KEY: &str = "7f3a91c2aabbccdd";

fn feed(model: &mut Model, now: Timestamp, msgs: Vec<Msg>) {
    for msg in msgs {
        let Msg::Seen(seen) = msg else { continue };
        fold::apply(model, &seen, now);
    }
}

fn healthy() -> Model {
    let mut model = Model::default();
    feed(&mut model, at(0), world::healthy());
    model
}

/// The same with `n` replicas, the first active.
fn of(n: u32) -> Model {
    let mut model = healthy();
    let roles = (0..n).map(|i| world::says(i, seal(false, Some(if i == 0 { Role::Active } else { Role::Standby }))));
    let msgs = vec![
        report(FeedId::Workload, vec![Fact::Workload(Some(workload(n)))]),
        report(FeedId::Pods, vec![Fact::Pods((0..n).map(|i| pod(i, 1)).collect())]),
        report(FeedId::Seal, roles.collect()),
    ];
    feed(&mut model, at(0), msgs);
    model
}

fn says(model: &mut Model, n: u32, seen: SealSeen) {
    feed(model, at(0), vec![report(FeedId::Seal, vec![world::says(n, seen)])]);
}

fn kind(model: &mut Model, kind: &SealKind) {
    for n in 0..model.replicas.len() as u32 {
        let role = if n == 0 { Role::Active } else { Role::Standby };
        says(model, n, SealSeen { kind: kind.clone(), ..seal(false, Some(role)) });
    }
}

fn no_unsealer(model: &mut Model) {
    let seen = UnsealersSeen::default();
    feed(model, at(0), vec![report(FeedId::Unsealers, vec![Fact::Unsealers(seen)])]);
    model.keys = None;
    model.history.clear();
}

fn came_back(days: i64, prints: &[&str]) -> Proof {
    Proof {
        method: Method::CameBack,
        at: at(-days * 86_400),
        replica: "openbao-1".into(),
        cluster_id: Some("c1".into()),
        prints: prints.iter().map(|text| print(text)).collect(),
    }
}

fn now(model: &Model) -> Verdict {
    judge(model, at(1), None)
}

fn hold(model: &mut Model, change: impl FnOnce(&mut KeysSecret)) {
    let mut held = secret("200", &[KEY]);
    change(&mut held);
    feed(model, at(0), vec![report(FeedId::KeysSecret, vec![Fact::Keys(KeysSeen::Present(Box::new(held)))])]);
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
    for n in 0..3 {
        let role = if n == 0 { Role::Active } else { Role::Standby };
        says(&mut model, n, SealSeen { threshold: 2, shares: 3, ..seal(false, Some(role)) });
    }
    hold(&mut model, |held| {
        held.fields[0].shape = Shape::Shares { count: 2, bytes: 33 };
        held.fields[0].prints = vec![print(KEY), print("second")];
    });
    assert_eq!(now(&model).state, Standing::Unproven);
    model.proofs[0].prints.push(print("second"));
    assert_eq!(now(&model).state, Standing::Survives);
}

#[test]
fn lost_keys_on_one_and_on_three_replicas() {
    for (n, restarts, start) in [(1, 1, "ONE RESTART FROM BLACKOUT"), (3, 2, "TWO RESTARTS FROM OUTAGE"), (5, 3, "THREE")] {
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

#[test]
fn every_fault_of_the_secret() {
    let field = |shape: Shape, len: u32| {
        move |held: &mut KeysSecret| {
            held.fields[0].shape = shape;
            held.fields[0].len = len;
            held.fields[0].prints.clear();
        }
    };
    type Change = Box<dyn FnOnce(&mut KeysSecret)>;
    let rows: Vec<(&str, Change)> = vec![
        ("field key is empty", Box::new(field(Shape::Empty, 0))),
        ("field key is a placeholder", Box::new(field(Shape::Implausible("is a placeholder".into()), 11))),
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
    for n in 0..3 {
        let role = if n == 0 { Role::Active } else { Role::Standby };
        says(&mut model, n, SealSeen { threshold: 2, shares: 3, ..seal(false, Some(role)) });
    }
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
    kind(&mut model, &SealKind::Static);
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
        kind(&mut model, &seal);
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
    for n in 0..3 {
        let role = if n == 0 { Role::Active } else { Role::Standby };
        says(&mut model, n, SealSeen { threshold: 3, shares: 5, ..seal(false, Some(role)) });
    }
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.recoverable.by), (Standing::NeedsHands, "people"));
    assert_eq!((verdict.reopens.by, verdict.reopens.grade), (Mechanism::People, Grade::Inferred));
    assert_eq!(verdict.sentence, "A RESTART NEEDS HANDS: people must bring 3 of 5 shares; two at once are an outage");
    model.expect.reopens = Some(Mechanism::People);
    assert_eq!(now(&model).reopens.grade, Grade::Configured);
}

#[test]
fn down_when_nobody_can_serve() {
    let mut model = healthy();
    feed(&mut model, at(0), vec![seals([true, true, true])]);
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.sentence.as_str()), (Standing::Down, "DOWN: all 3 replicas are sealed"));
    assert_eq!((verdict.restarts_to_outage, verdict.action), (Some(0), Some(ActionId::Unseal)));
    assert_eq!(verdict.next, "Unseal 3 sealed replicas with what Secret data/openbao-keys holds");
    // Lost keys outrank nothing here: down is worse, and says what is still needed.
    feed(&mut model, at(0), vec![keys("200", &[])]);
    let verdict = now(&model);
    assert_eq!(verdict.state, Standing::Down);
    assert!(verdict.next.starts_with("Find 1 share"), "{}", verdict.next);
    assert_eq!(verdict.recoverable.by, "none-known");
}

#[test]
fn ordered_pods_wait_for_the_first_and_are_not_unreachable() {
    let mut model = healthy();
    let mut ordered = workload(3);
    ordered.ordered = true;
    let mut first = pod(0, 2);
    first.containers[0].ready = false;
    let facts = vec![world::says(0, seal(true, None)), world::silent(1), world::silent(2)];
    let msgs = vec![
        report(FeedId::Workload, vec![Fact::Workload(Some(ordered))]),
        report(FeedId::Pods, vec![Fact::Pods(vec![first])]),
        report(FeedId::Seal, facts),
    ];
    feed(&mut model, at(0), msgs);
    let verdict = now(&model);
    assert_eq!(verdict.sentence, "DOWN: openbao-0 is sealed, and 2 others wait for it");
    assert!(verdict.because.contains(&"openbao-1 is waiting for openbao-0".to_owned()), "{:?}", verdict.because);
}

#[test]
fn no_active_node_is_down_after_thirty_seconds_and_not_before() {
    let mut model = healthy();
    let leaderless = SealSeen { leader: None, ..seal(false, Some(Role::Leaderless)) };
    for n in 0..3 {
        says(&mut model, n, leaderless.clone());
    }
    assert_eq!(model.no_active_since, Some(at(0)));
    assert_eq!(now(&model).state, Standing::Unproven);
    let later = |seconds| {
        let mut model = model.clone();
        let facts = (0..3).map(|n| world::says(n, leaderless.clone())).collect();
        feed(&mut model, at(seconds), vec![world::cluster(), pods([1, 1, 1]), unsealers(Liveness::Running)]);
        feed(&mut model, at(seconds), vec![keys("100", &[KEY]), report(FeedId::Seal, facts)]);
        judge(&model, at(seconds), None)
    };
    assert_eq!(later(29).state, Standing::Unproven);
    assert_eq!(later(30).state, Standing::Down);
    assert!(later(30).sentence.starts_with("DOWN: no active node"), "{}", later(30).sentence);
}

#[test]
fn a_fresh_install_is_down_in_friendly_words() {
    let mut model = Model::default();
    let new = SealSeen { initialized: false, threshold: 0, shares: 0, ..seal(true, None) };
    let facts = (0..3).map(|n| world::says(n, new.clone())).collect();
    feed(&mut model, at(0), vec![world::cluster(), pods([1, 1, 1]), unsealers(Liveness::Running), keys("1", &[])]);
    feed(&mut model, at(0), vec![report(FeedId::Seal, facts)]);
    let verdict = now(&model);
    assert_eq!(verdict.state, Standing::Down);
    assert!(verdict.sentence.starts_with("NOT INITIALISED YET"), "{}", verdict.sentence);
    assert!(verdict.next.contains("kubectl -n data exec -ti openbao-0 -- bao operator init"), "{}", verdict.next);
    assert!(!verdict.because.iter().any(|line| line.contains("empty")), "{:?}", verdict.because);
    // The same words from replicas whose keys exist are no fresh install.
    feed(&mut model, at(0), vec![keys("2", &[KEY])]);
    assert!(now(&model).sentence.starts_with("DOWN: it answers as if it were new"), "{}", now(&model).sentence);
    assert!(now(&model).next.starts_with("Initialise nothing"));
}

#[test]
fn a_sealed_standby_is_degraded_and_not_down() {
    let mut model = healthy();
    feed(&mut model, at(0), vec![seals([false, false, true])]);
    let verdict = now(&model);
    assert_eq!((verdict.state, verdict.restarts_to_outage), (Standing::Unproven, Some(1)));
    assert!(verdict.sentence.contains("1 of 3 sealed, others serve"), "{}", verdict.sentence);
    assert_eq!(verdict.action, Some(ActionId::Unseal));
}

#[test]
fn a_replica_that_stays_sealed_beside_a_running_unsealer_shows_that_it_does_not_work() {
    let mut model = healthy();
    model.proofs = vec![came_back(1, &[KEY])];
    let later = |seconds| {
        let mut model = model.clone();
        feed(&mut model, at(0), vec![seals([false, false, true])]);
        feed(&mut model, at(seconds), vec![world::cluster(), pods([1, 1, 1]), unsealers(Liveness::Running)]);
        feed(&mut model, at(seconds), vec![keys("100", &[KEY]), seals([false, false, true])]);
        judge(&model, at(seconds), None)
    };
    assert_eq!(later(60).state, Standing::Survives);
    let verdict = later(300);
    assert_eq!(verdict.state, Standing::WillNotReopen);
    assert_eq!(verdict.sentence, "ONE RESTART FROM OUTAGE, and openbao-2 does not come back");
    assert!(verdict.because[0].contains("inferred"), "{:?}", verdict.because);
}

#[test]
fn blind_says_which_since_when_and_what_it_was() {
    let model = healthy();
    // Only the seal feed and the keys go on.
    let mut model = model;
    let later = at(120);
    feed(&mut model, later, vec![seals([false, false, false]), keys("100", &[KEY])]);
    let sighted = Some((Standing::Survives, at(40)));
    let verdict = judge(&model, later, sighted);
    assert_eq!(verdict.state, Standing::Blind);
    assert!(verdict.sentence.starts_with("BLIND: cannot see the StatefulSet and 2 more inputs since 04:00:00Z"));
    assert!(verdict.sentence.ends_with("it would have survived then"), "{}", verdict.sentence);
    let was = verdict.was.unwrap();
    assert_eq!((was.state, was.since), (Standing::Survives, at(0)));
    assert!(verdict.because.iter().any(|line| line.contains("the pods: not seen since 04:00:00Z")));
}

#[test]
fn each_input_of_the_table_blinds() {
    type Blinding = fn(&mut Model);
    let rows: [(&str, Blinding); 5] = [
        ("the StatefulSet", |m| m.workload.as_mut().unwrap().at = at(-3_600)),
        ("the pods", |m| m.pods.as_mut().unwrap().at = at(-3_600)),
        ("what could unseal", |m| m.unsealers.as_mut().unwrap().at = at(-3_600)),
        ("the keys Secret", |m| m.keys.as_mut().unwrap().at = at(-3_600)),
        ("openbao-1", |m| m.replicas[1].answer.as_mut().unwrap().at = at(-3_600)),
    ];
    for (input, blinding) in rows {
        let mut model = healthy();
        model.proofs = vec![came_back(1, &[KEY])];
        blinding(&mut model);
        let verdict = now(&model);
        assert_eq!(verdict.state, Standing::Blind, "{input}");
        assert!(verdict.sentence.contains(input), "{input}: {}", verdict.sentence);
    }
}

#[test]
fn a_known_fault_outranks_blindness_elsewhere_and_a_stale_one_does_not() {
    let mut model = healthy();
    feed(&mut model, at(0), vec![keys("200", &[])]);
    model.pods.as_mut().unwrap().at = at(-3_600);
    let verdict = now(&model);
    assert_eq!(verdict.state, Standing::WillNotReopen);
    assert!(verdict.because.iter().any(|line| line.starts_with("Not in sight: the pods")), "{:?}", verdict.because);
    let verdict = judge(&model, at(600), Some((Standing::WillNotReopen, at(15))));
    assert_eq!(verdict.state, Standing::Blind);
    assert!(verdict.sentence.ends_with("it would not have reopened then"), "{}", verdict.sentence);
}

#[test]
fn denied_is_blind_and_a_pod_that_does_not_run_is_not() {
    let answer = |kind_of: fn() -> Trouble| {
        let mut model = healthy();
        let fact = Fact::Seal { replica: "openbao-2".into(), answer: SealAnswer::Silent(kind_of()) };
        feed(&mut model, at(0), vec![report(FeedId::Seal, vec![fact])]);
        model
    };
    let denied = answer(|| Trouble::denied("may not forward ports", "", "Allow create on pods/portforward"));
    let verdict = now(&denied);
    assert_eq!((verdict.state, verdict.restarts_to_outage), (Standing::Blind, None));
    assert_eq!(verdict.next, "Allow create on pods/portforward");
    assert!(!verdict.because.iter().any(|line| line.contains("unreachable")), "{:?}", verdict.because);
    let mut silent = answer(|| Trouble::unreachable("connection refused", "", ""));
    assert_eq!(now(&silent).state, Standing::Blind, "its pod runs: nobody can say");
    feed(&mut silent, at(0), vec![report(FeedId::Pods, vec![Fact::Pods(vec![pod(0, 1), pod(1, 1)])])]);
    let verdict = now(&silent);
    assert_eq!((verdict.state, verdict.restarts_to_outage), (Standing::Unproven, Some(1)));
}

#[test]
fn nothing_seen_yet_is_blind_without_alarm() {
    let verdict = judge(&Model::default(), at(0), None);
    assert_eq!(verdict.state, Standing::Blind);
    assert!(verdict.sentence.starts_with("LOOKING"), "{}", verdict.sentence);
    assert_eq!(verdict.was, None);
}

#[test]
fn several_candidates_are_named_and_not_guessed_between() {
    let mut model = healthy();
    let mut seen = model.unsealers.clone().unwrap().value;
    seen.chosen = None;
    seen.candidates = vec!["bao-keys".into(), "old-keys".into()];
    seen.found[0].uses.clear();
    model.unsealers = Some(Observed::new(seen, at(0)));
    model.keys = None;
    let verdict = now(&model);
    assert_eq!(verdict.state, Standing::Blind);
    assert!(verdict.because.iter().any(|line| line.contains("bao-keys, old-keys")), "{:?}", verdict.because);
}

#[test]
fn what_makes_a_restart_likely_is_said_in_the_same_breath() {
    let mut model = healthy();
    feed(&mut model, at(0), vec![keys("200", &[])]);
    let mut pending = workload(3);
    pending.rollout_pending = true;
    feed(&mut model, at(0), vec![report(FeedId::Workload, vec![Fact::Workload(Some(pending))])]);
    assert!(now(&model).sentence.ends_with("an OnDelete update waits for somebody to delete pods"));
    let mut leaving = vec![pod(0, 1), pod(1, 1), pod(2, 1)];
    leaving[1].deleting = true;
    feed(&mut model, at(0), vec![report(FeedId::Pods, vec![Fact::Pods(leaving)])]);
    assert!(now(&model).sentence.ends_with("openbao-1 is being deleted"), "{}", now(&model).sentence);
}

#[test]
fn restarts_to_outage_by_storage() {
    let storage = |n: u32, open: u32, storage: &str| {
        let mut model = of(n);
        for i in 0..n {
            let role = if i == 0 { Role::Active } else { Role::Standby };
            let seen = if i < open { seal(false, Some(role)) } else { seal(true, None) };
            says(&mut model, i, SealSeen { storage: Some(storage.into()), ..seen });
        }
        now(&model).restarts_to_outage
    };
    for (n, open, expected) in [(1, 1, 1), (3, 3, 2), (3, 2, 1), (5, 5, 3), (5, 4, 2), (5, 3, 1)] {
        assert_eq!(storage(n, open, "raft"), Some(expected), "{open} of {n} on raft");
    }
    for (n, open, expected) in [(1, 1, 1), (2, 2, 2), (3, 2, 2)] {
        assert_eq!(storage(n, open, "consul"), Some(expected), "{open} of {n} on consul");
    }
}

#[test]
fn a_single_replica_whose_pod_is_gone_is_down_after_thirty_seconds() {
    let mut model = of(1);
    let gone = |model: &mut Model, seconds| {
        feed(model, at(seconds), vec![report(FeedId::Workload, vec![Fact::Workload(Some(workload(1)))])]);
        feed(model, at(seconds), vec![unsealers(Liveness::Running), keys("100", &[KEY])]);
        feed(model, at(seconds), vec![report(FeedId::Pods, vec![Fact::Pods(Vec::new())])]);
        feed(model, at(seconds), vec![report(FeedId::Seal, vec![world::silent(0)])]);
    };
    gone(&mut model, 1);
    let verdict = judge(&model, at(1), None);
    assert_eq!((verdict.state, verdict.reopens.by), (Standing::Unproven, Mechanism::Secret));
    gone(&mut model, 40);
    assert_eq!(judge(&model, at(40), None).state, Standing::Down);
}

#[test]
fn a_copy_may_live_on_in_a_running_unsealer() {
    let mut model = healthy();
    let mut seen = model.unsealers.clone().unwrap().value;
    seen.found[0].uses[0].how = UseHow::Env;
    model.unsealers = Some(Observed::new(seen, at(0)));
    feed(&mut model, at(0), vec![keys("200", &[])]);
    let verdict = now(&model);
    assert_eq!(verdict.recoverable.by, "copy");
    assert!(verdict.recoverable.says.contains("environment (inferred)"), "{}", verdict.recoverable.says);
}

#[test]
fn the_first_line_fits_a_narrow_terminal() {
    let mut model = healthy();
    let fits = |model: &Model| {
        let sentence = now(model).sentence;
        assert!(sentence.chars().count() <= 90, "{sentence}");
    };
    fits(&model);
    feed(&mut model, at(0), vec![keys("200", &[])]);
    fits(&model);
    feed(&mut model, at(0), vec![seals([true, true, true])]);
    fits(&model);
}
