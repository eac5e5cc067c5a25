//! The book of alerts: durations, silence, acknowledgement, order; and that losing sight clears nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use baowatch::app::alerts::book::{AlertBook, Turn};
use baowatch::app::alerts::silence::{Silence, Silenced};
use baowatch::app::alerts::{Alert, AlertState, Finding, Firing, Rule, Severity};
use baowatch::app::id::{FeedId, ObjectRef, RuleId};
use baowatch::app::model::Model;
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::model::fold;
use baowatch::app::model::unsealer::{Liveness, UnsealersSeen};
use baowatch::app::settings::{RuleTiming, Settings};
use baowatch::app::trouble::Trouble;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use world::fed::{answer, denied, feed, healthy_at, sealed_at, silent};
use world::{at, keys, pod, report};

fn one<'a>(book: &'a AlertBook, rule: &str) -> &'a Alert {
    book.all().iter().find(|alert| alert.rule.0 == rule).unwrap()
}

fn state(book: &AlertBook, rule: &str) -> Option<AlertState> {
    book.all().iter().find(|alert| alert.rule.0 == rule && alert.state != AlertState::Unknown).map(|alert| alert.state)
}

#[test]
fn pending_then_firing_then_clear() {
    let settings = Settings::default();
    let mut book = AlertBook::default();
    book.review(&healthy_at(0), &settings, at(0));
    book.review(&sealed_at(10), &settings, at(10));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Pending));
    assert_eq!(one(&book, "vault-sealed").since, at(10));
    book.review(&sealed_at(69), &settings, at(69));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Pending));
    book.review(&sealed_at(70), &settings, at(70));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Firing));
    let before = book.clone();
    book.review(&sealed_at(71), &settings, at(71));
    assert_eq!(book, before, "nothing changed, so nothing may differ");
    book.review(&healthy_at(72), &settings, at(72));
    assert_eq!(state(&book, "vault-sealed"), None);
}

#[test]
fn what_begins_and_what_ends_is_told_once_and_what_was_so_at_first_sight_is_not() {
    let settings = Settings::default();
    let told = |turns: Vec<Turn>| -> Vec<(&'static str, Option<i64>)> {
        turns.into_iter().map(|turn| (turn.rule.0, turn.over.map(|over| over.as_secs()))).collect()
    };
    let mut book = AlertBook::default();
    assert_eq!(told(book.review(&healthy_at(0), &settings, at(0))), []);
    assert_eq!(told(book.review(&sealed_at(10), &settings, at(10))), [], "it is pending");
    assert_eq!(told(book.review(&sealed_at(70), &settings, at(70))), [("vault-sealed", None)]);
    assert_eq!(told(book.review(&sealed_at(71), &settings, at(71))), []);
    assert_eq!(told(book.review(&healthy_at(72), &settings, at(72))), [("vault-sealed", Some(62))]);
    let mut late = AlertBook::default();
    assert_eq!(told(late.review(&sealed_at(0), &settings, at(0))), [], "it was so before anybody looked");
    assert_eq!(one(&late, "vault-sealed").state, AlertState::Firing);
}

#[test]
fn what_was_so_at_first_sight_is_dated_by_its_evidence() {
    // The server was started a day ago and is sealed now: nobody saw it open.
    let mut book = AlertBook::default();
    book.review(&sealed_at(0), &Settings::default(), at(0));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Firing));
    assert_eq!(one(&book, "vault-sealed").since, at(-86_400));
}

#[test]
fn settings_change_durations_and_switch_rules_off() {
    let mut settings = Settings::default();
    let timing =
        RuleTiming { hold: Some(SignedDuration::from_secs(2)), clear: Some(SignedDuration::from_secs(20)), off: false };
    settings.rules.insert("vault-sealed".into(), timing);
    let mut book = AlertBook::default();
    book.review(&healthy_at(0), &settings, at(0));
    book.review(&sealed_at(1), &settings, at(1));
    book.review(&sealed_at(3), &settings, at(3));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Firing));
    // Flapping is one alert.
    book.review(&healthy_at(10), &settings, at(10));
    book.review(&healthy_at(29), &settings, at(29));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Firing));
    assert_eq!(one(&book, "vault-sealed").since, at(1));
    book.review(&healthy_at(30), &settings, at(30));
    assert_eq!(state(&book, "vault-sealed"), None);
    settings.rules.insert("vault-sealed".into(), RuleTiming { off: true, ..RuleTiming::default() });
    book.review(&sealed_at(40), &settings, at(40));
    assert!(book.all().iter().all(|alert| alert.rule.0 != "vault-sealed"));
    assert_eq!(book.off(), [RuleId("vault-sealed")]);
}

#[test]
fn losing_sight_keeps_what_fired_and_its_time() {
    let settings = Settings::default();
    let mut book = AlertBook::default();
    book.review(&healthy_at(0), &settings, at(0));
    book.review(&sealed_at(1), &settings, at(1));
    let model = sealed_at(100);
    book.review(&model, &settings, at(100));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Firing));
    book.review(&model, &settings, at(10_000));
    let subject = ObjectRef::pod("data", "openbao-2");
    let alert = book.get("vault-sealed", &subject).unwrap();
    assert_eq!((alert.state, alert.since, alert.severity), (AlertState::Unknown, at(1), Severity::Critical));
    assert!(alert.sentence.contains("is sealed") && alert.why.starts_with("not in sight"), "{alert:?}");
    // Even with nothing left to look at.
    book.review(&Model::default(), &settings, at(10_001));
    assert_eq!(book.get("vault-sealed", &subject).unwrap().state, AlertState::Unknown);
    // It is seen again, and has been so all the time.
    book.review(&sealed_at(10_002), &settings, at(10_002));
    assert_eq!(book.get("vault-sealed", &subject).unwrap().state, AlertState::Firing);
}

#[test]
fn one_look_judges_durations_by_the_evidence_or_lets_them_pass() {
    let settings = Settings::default();
    let mut model = sealed_at(0);
    let mut book = AlertBook::default();
    book.review_once(&model, &settings, at(1));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Firing));
    // A server that was started 20 s ago has not been sealed for 60 s.
    let mut young = vec![pod(0, 1), pod(1, 1), pod(2, 1)];
    young[2].containers[0].started = Some(at(-20));
    feed(&mut model, at(0), vec![report(FeedId::Pods, vec![Fact::Pods(young)])]);
    book.review_once(&model, &settings, at(1));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Pending));
    // No evidence, no waiting.
    answer(&mut model, 2, silent());
    book.review_once(&model, &settings, at(1));
    assert_eq!(state(&book, "vault-unreachable"), Some(AlertState::Firing));
}

#[test]
fn acknowledged_silenced_and_worse() {
    let settings = Settings::default();
    let (rule, subject) = (RuleId("vault-sealed"), ObjectRef::pod("data", "openbao-2"));
    let mut book = AlertBook::default();
    book.review(&sealed_at(0), &settings, at(0));
    book.acknowledge(&rule, &subject);
    assert_eq!(state(&book, rule.0), Some(AlertState::Acknowledged));
    book.review(&sealed_at(1), &settings, at(1));
    assert_eq!(state(&book, rule.0), Some(AlertState::Acknowledged));
    let silenced = |until| Silenced {
        rule: rule.0.to_owned(),
        subject: subject.clone(),
        silence: Silence { severity: Severity::Critical, until, reason: "node-a is being replaced".to_owned() },
    };
    book.silence(silenced(at(60)), at(1));
    let said = book.silence_of(book.get(rule.0, &subject).unwrap()).unwrap();
    assert_eq!((said.until, said.reason.as_str()), (at(60), "node-a is being replaced"));
    book.review(&sealed_at(2), &settings, at(2));
    assert_eq!(state(&book, rule.0), Some(AlertState::Silenced));
    // A silence outlives a moment of quiet, and ends when it ends.
    book.review(&healthy_at(3), &settings, at(3));
    book.review(&sealed_at(4), &settings, at(4));
    assert_eq!(state(&book, rule.0), Some(AlertState::Silenced));
    book.review(&sealed_at(70), &settings, at(70));
    assert_eq!(state(&book, rule.0), Some(AlertState::Firing));
    // And before, where somebody lifts it.
    book.silence(silenced(at(200)), at(71));
    book.review(&sealed_at(72), &settings, at(72));
    assert_eq!(state(&book, rule.0), Some(AlertState::Silenced));
    book.silence(silenced(at(73)), at(73));
    book.review(&sealed_at(73), &settings, at(73));
    assert_eq!(state(&book, rule.0), Some(AlertState::Firing));
}

#[test]
fn what_gets_worse_than_what_was_silenced_is_heard() {
    let (settings, subject) = (Settings::default(), ObjectRef::pod("data", "openbao-2"));
    let silenced = |severity| Silenced {
        rule: "vault-sealed".to_owned(),
        subject: subject.clone(),
        silence: Silence { severity, until: at(900), reason: "known".to_owned() },
    };
    for (severity, expected) in [(Severity::Warning, AlertState::Firing), (Severity::Critical, AlertState::Silenced)] {
        let mut book = AlertBook::default();
        book.silence(silenced(severity), at(0));
        book.review(&sealed_at(1), &settings, at(1));
        book.review(&sealed_at(70), &settings, at(70));
        // Two of three are open: one restart more is an outage.
        let alert = one(&book, "vault-sealed");
        assert_eq!((alert.severity, alert.state), (Severity::Critical, expected));
        assert_eq!(book.silence_of(alert).is_some(), expected == AlertState::Silenced);
    }
}

#[test]
fn a_silence_of_an_earlier_session_is_kept_before_anything_was_seen() {
    let (settings, subject) = (Settings::default(), ObjectRef::pod("data", "openbao-2"));
    let silence = Silence { severity: Severity::Critical, until: at(60), reason: "known".to_owned() };
    let silenced = |rule: &str| Silenced { rule: rule.to_owned(), subject: subject.clone(), silence: silence.clone() };
    let mut book = AlertBook::default();
    book.silence(silenced("a-rule-of-another-version"), at(0));
    book.silence(silenced("vault-sealed"), at(0));
    book.review(&sealed_at(1), &settings, at(1));
    assert_eq!(state(&book, "vault-sealed"), Some(AlertState::Silenced));
    let mut once = AlertBook::default();
    once.silence(silenced("vault-sealed"), at(0));
    once.review_once(&sealed_at(1), &settings, at(1));
    assert_eq!(state(&once, "vault-sealed"), Some(AlertState::Silenced));
}

struct Moody(std::sync::atomic::AtomicU8);

impl Rule for Moody {
    fn id(&self) -> RuleId {
        RuleId("moody")
    }
    fn severity(&self) -> Severity {
        Severity::Critical
    }
    fn fires_when(&self) -> &'static str {
        "it is told to"
    }
    fn runbook(&self) -> &'static str {
        ""
    }
    fn judge(&self, _: &Model, _: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let severity = match self.0.load(std::sync::atomic::Ordering::Relaxed) {
            0 => Severity::Warning,
            2 => return vec![(ObjectRef::new("Thing", "", "one"), Finding::Kept("said elsewhere".into()))],
            _ => Severity::Critical,
        };
        let firing = Firing {
            severity,
            sentence: "so".into(),
            why: String::new(),
            next: String::new(),
            action: None,
            evidence_since: None,
        };
        vec![(ObjectRef::new("Thing", "", "one"), Finding::Firing(firing))]
    }
}

#[test]
fn who_acknowledged_a_warning_has_not_acknowledged_that_it_became_critical() {
    let rule = Moody(std::sync::atomic::AtomicU8::new(0));
    let mut book = AlertBook::default();
    let look = |book: &mut AlertBook| book.review_with(&[&rule], &Model::default(), &Settings::default(), at(0));
    look(&mut book);
    book.acknowledge(&rule.id(), &ObjectRef::new("Thing", "", "one"));
    look(&mut book);
    assert_eq!(one(&book, "moody").state, AlertState::Acknowledged);
    rule.0.store(1, std::sync::atomic::Ordering::Relaxed);
    look(&mut book);
    assert_eq!(one(&book, "moody").state, AlertState::Firing);
}

#[test]
fn what_has_an_alarm_of_its_own_makes_none_anew_and_clears_none() {
    let rule = Moody(std::sync::atomic::AtomicU8::new(2));
    let mut book = AlertBook::default();
    let mut look = |mood, seconds| {
        rule.0.store(mood, std::sync::atomic::Ordering::Relaxed);
        book.review_with(&[&rule], &Model::default(), &Settings::default(), at(seconds));
        book.all().iter().map(|alert| (alert.state, alert.since)).collect::<Vec<_>>()
    };
    assert_eq!(look(2, 0), []);
    assert_eq!(look(0, 1), [(AlertState::Firing, at(1))]);
    assert_eq!(look(2, 2), [(AlertState::Unknown, at(1))]);
    assert_eq!(look(2, 3), [(AlertState::Unknown, at(1))]);
    assert_eq!(look(0, 4), [(AlertState::Firing, at(1))]);
    // What has not held for long enough is nothing that anybody was told.
    let slow = Settings {
        rules: [("moody".into(), RuleTiming { hold: Some(SignedDuration::from_secs(30)), ..RuleTiming::default() })]
            .into(),
        ..Settings::default()
    };
    let mut book = AlertBook::default();
    for (mood, left) in [(0, 1), (2, 0)] {
        rule.0.store(mood, std::sync::atomic::Ordering::Relaxed);
        book.review_with(&[&rule], &Model::default(), &slow, at(5));
        assert_eq!(book.all().len(), left);
    }
}

#[test]
fn restored_alerts_keep_their_time_and_clear_only_when_seen_clear() {
    let settings = Settings::default();
    let subject = ObjectRef::pod("data", "openbao-2");
    let mut book = AlertBook::default();
    book.restore(vec![
        ("vault-sealed".into(), subject.clone(), at(-300)),
        ("no-such-rule".into(), subject.clone(), at(0)),
    ]);
    assert_eq!(book.all().len(), 1);
    book.review(&Model::default(), &settings, at(0));
    assert_eq!(book.get("vault-sealed", &subject).unwrap().state, AlertState::Unknown);
    book.review(&sealed_at(1), &settings, at(1));
    let alert = book.get("vault-sealed", &subject).unwrap();
    assert_eq!((alert.state, alert.since), (AlertState::Firing, at(-300)));
    book.review(&healthy_at(2), &settings, at(2));
    assert_eq!(book.get("vault-sealed", &subject), None);
}

#[test]
fn worst_first_then_oldest_and_the_merely_unknown_last() {
    let mut model = sealed_at(0);
    feed(&mut model, at(0), vec![keys("200", &[])]);
    answer(&mut model, 1, denied());
    let mut book = AlertBook::default();
    book.review(&model, &Settings::default(), at(1));
    let order: Vec<(AlertState, Severity)> = book.all().iter().map(|alert| (alert.state, alert.severity)).collect();
    let held = order.iter().take_while(|(state, _)| *state != AlertState::Unknown).count();
    assert!(held > 0 && order[held..].iter().all(|(state, _)| *state == AlertState::Unknown), "{order:?}");
    assert!(order[..held].is_sorted_by_key(|(_, severity)| *severity), "{order:?}");
    assert!(book.firing(Severity::Critical) >= 1);
}

/// Finds something or mentions nothing, as rules do that list only what is wrong.
struct Terse(std::sync::atomic::AtomicBool);

impl Rule for Terse {
    fn id(&self) -> RuleId {
        RuleId("terse")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        ""
    }

    fn runbook(&self) -> &'static str {
        ""
    }

    fn judge(&self, _: &Model, _: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if !self.0.load(std::sync::atomic::Ordering::Relaxed) {
            return Vec::new();
        }
        let firing = Firing {
            severity: Severity::Warning,
            sentence: "so".into(),
            why: String::new(),
            next: String::new(),
            action: None,
            evidence_since: None,
        };
        vec![(ObjectRef::pod("a", "b"), Finding::Firing(firing))]
    }
}

#[test]
fn what_a_terse_rule_finds_after_a_look_at_nothing_began_then() {
    let rule = Terse(std::sync::atomic::AtomicBool::new(false));
    let settings = Settings::default();
    let turns = |book: &mut AlertBook, model: &Model, finds: bool, seconds| {
        rule.0.store(finds, std::sync::atomic::Ordering::Relaxed);
        book.review_with(&[&rule], model, &settings, at(seconds)).len()
    };
    // Before anybody has answered, finding nothing is no look.
    let mut book = AlertBook::default();
    assert_eq!(turns(&mut book, &Model::default(), false, 0), 0);
    assert_eq!(turns(&mut book, &healthy_at(0), true, 1), 0, "it was so before");
    let mut book = AlertBook::default();
    assert_eq!(turns(&mut book, &healthy_at(0), false, 0), 0);
    assert_eq!(turns(&mut book, &healthy_at(1), true, 1), 1, "it began");
}

/// What may happen to a console that has lost its sight: time, and complaints of feeds. Nothing in it says that all is well.
#[derive(Debug, Clone)]
enum Blindness {
    Wait(u16),
    Complain(FeedId, bool),
    Silence(u32, bool),
}

fn blindness() -> impl Strategy<Value = Blindness> {
    prop_oneof![
        (1_u16..4_000).prop_map(Blindness::Wait),
        (0_usize..6, any::<bool>()).prop_map(|(feed, denied)| Blindness::Complain(FeedId::ALL[feed], denied)),
        (0_u32..3, any::<bool>()).prop_map(|(replica, denied)| Blindness::Silence(replica, denied)),
    ]
}

proptest! {
    #[test]
    fn no_sequence_without_sight_clears_what_fired(steps in prop::collection::vec(blindness(), 1..40)) {
        let settings = Settings::default();
        let mut model = sealed_at(0);
        let change = |seen: &mut UnsealersSeen| {
            seen.found[0].sidecar = false;
            seen.found[0].liveness = Liveness::Dead { why: "scaled to 0".into() };
        };
        let mut seen = model.unsealers.clone().unwrap().value;
        change(&mut seen);
        let msgs = vec![report(FeedId::Unsealers, vec![Fact::Unsealers(seen)]), keys("200", &[])];
        feed(&mut model, at(0), msgs);
        let mut book = AlertBook::default();
        book.review_once(&model, &settings, at(0));
        let fired: Vec<(RuleId, ObjectRef, Severity)> =
            book.all().iter().filter(|a| a.fired).map(|a| (a.rule, a.subject.clone(), a.severity)).collect();
        prop_assert!(fired.len() >= 3);
        // Everything that was known is stale from here on; what the pods said last must not be fresh again either.
        let mut now = 120_i64;
        book.review(&model, &settings, at(now));
        for step in steps {
            match step {
                Blindness::Wait(seconds) => now += i64::from(seconds),
                Blindness::Complain(feed, denied) => {
                    let trouble = if denied { Trouble::denied("no", "", "") } else { Trouble::unreachable("no", "", "") };
                    fold::apply(&mut model, &Report { feed, outcome: Err(trouble) }, at(now));
                }
                Blindness::Silence(n, no) => {
                    let fact = Fact::Seal { replica: format!("openbao-{n}"), answer: if no { denied() } else { silent() } };
                    feed(&mut model, at(now), vec![report(FeedId::Seal, vec![fact])]);
                }
            }
            book.review(&model, &settings, at(now));
            for (rule, subject, severity) in &fired {
                let kept = book.get(rule.0, subject);
                prop_assert!(kept.is_some_and(|alert| alert.severity == *severity), "{rule} about {subject} is gone");
            }
        }
    }
}
