//! The verdict's states from `down` to `blind`, its figures and its words: a row for each row of the table.
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
use baowatch::app::model::fact::Fact;
use baowatch::app::model::observed::Observed;
use baowatch::app::model::proof::{Method, Proof};
use baowatch::app::model::reopens::Mechanism;
use baowatch::app::model::seal::{Role, SealAnswer, SealSeen};
use baowatch::app::model::unsealer::{Liveness, UseHow};
use baowatch::app::trouble::Trouble;
use baowatch::app::verdict::{Standing, Verdict, judge};
use world::fed::{KEY, answer, feed, healthy, of};
use world::{at, keys, pod, pods, print, report, seal, seals, unsealers, workload};

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
        answer(&mut model, n, SealAnswer::Said(leaderless.clone()));
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
fn a_leader_that_lacks_its_quorum_is_not_said_to_serve() {
    let mut model = healthy();
    feed(&mut model, at(0), vec![seals([false, true, true])]);
    let verdict = now(&model);
    assert_eq!(verdict.restarts_to_outage, Some(0));
    let end = "; 2 of 3 sealed; the one that leads lacks a quorum of 3";
    assert!(verdict.sentence.ends_with(end), "{}", verdict.sentence);
    let sealed = baowatch::app::alerts::rules::find("vault-sealed").unwrap().judge(&model, at(61));
    assert!(!format!("{sealed:?}").contains("others serve"), "{sealed:?}");
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

type Blinding = fn(&mut Model);

#[test]
fn each_input_of_the_table_blinds() {
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
            answer(&mut model, i, SealAnswer::Said(SealSeen { storage: Some(storage.into()), ..seen }));
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
