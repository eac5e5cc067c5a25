//! The rules: each fires, clears and answers Unknown where it cannot see; and the book that remembers them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use baowatch::app::alerts::book::AlertBook;
use baowatch::app::alerts::{Finding, Firing, Severity, rules};
use baowatch::app::id::{ActionId, FeedId, ObjectRef};
use baowatch::app::model::Model;
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::model::fold;
use baowatch::app::model::keys_secret::{KeysSeen, Shape};
use baowatch::app::model::keystore::KeystoreLook;
use baowatch::app::model::reopens::Mechanism;
use baowatch::app::model::seal::{Role, SealAnswer, SealKind, SealSeen};
use baowatch::app::model::unsealer::{Liveness, UnsealersSeen};
use baowatch::app::settings::Settings;
use baowatch::app::trouble::Trouble;
use world::fed::{answer, denied, feed, healthy, hold, kept, silent};
use world::{at, keys, pod, pods, report, seal, seals, unsealers, workload};

/// What a rule finds about the subject whose name contains `subject`.
fn finds(model: &Model, rule: &str, subject: &str, seconds: i64) -> Finding {
    let judged = rules::find(rule).unwrap().judge(model, at(seconds));
    let found = judged.into_iter().find(|(object, _)| object.name.contains(subject));
    found.map_or(Finding::Clear, |(_, finding)| finding)
}

fn fired(model: &Model, rule: &str, subject: &str) -> Firing {
    match finds(model, rule, subject, 1) {
        Finding::Firing(firing) => {
            assert!(!firing.sentence.is_empty() && !firing.next.is_empty(), "{firing:?}");
            firing
        }
        other => panic!("{rule} about {subject}: {other:?}"),
    }
}

fn clear(model: &Model, rule: &str) {
    for (subject, finding) in rules::find(rule).unwrap().judge(model, at(1)) {
        assert_eq!(finding, Finding::Clear, "{rule} about {subject}");
    }
}

fn unknown(model: &Model, rule: &str, seconds: i64) {
    let judged = rules::find(rule).unwrap().judge(model, at(seconds));
    assert!(!judged.is_empty(), "{rule} says nothing while it sees nothing");
    for (subject, finding) in judged {
        assert!(matches!(finding, Finding::Unknown(_)), "{rule} about {subject}: {finding:?}");
    }
}

#[test]
fn the_registry_is_the_list_of_the_documents() {
    let names: Vec<&str> = rules::all().iter().map(|rule| rule.id().0).collect();
    assert_eq!(
        names,
        [
            "vault-sealed",
            "vault-uninitialized",
            "vault-no-active",
            "vault-unreachable",
            "namespace-sealed",
            "raft-tolerance",
            "raft-lag",
            "keys-secret-missing",
            "keys-secret-empty",
            "keys-secret-field-missing",
            "keys-secret-implausible",
            "unsealer-dead",
            "keys-mismatch",
            "keys-single-copy",
            "keys-unproven",
            "keys-overwritable",
            "keys-mount-optional",
            "keys-in-last-applied",
            "keystore-missing",
            "keystore-unreadable",
            "custody-missing",
            "custody-mismatch",
            "custody-permissions",
            "sync-stale",
            "sync-failed",
            "sync-dropped",
            "sync-behind",
            "store-not-ready",
            "vaultauth-invalid",
            "generator-never-rotates",
            "pushsecret-rotates-on-edit",
            "workload-stale",
            "rollout-stuck",
            "rollout-ondelete-pending",
            "node-memory",
            "memory-forecast",
            "node-pressure",
            "node-not-ready",
            "vault-on-pressured-node",
            "longhorn-memory",
            "token-expiring",
            "token-drift",
            "token-weak",
            "token-capped",
            "root-in-use",
            "rotation-overdue",
            "lease-irrevocable",
            "lease-expiring",
            "cert-expiring",
            "audit-silent",
            "version-advisory",
            "upgrade-trap",
            "clock-skew",
            "feed-stale",
        ]
    );
    for rule in rules::all() {
        let text = rule.runbook();
        assert!(text.starts_with(&format!("# {}\n", rule.id())), "{}", rule.id());
        for part in ["If ignored:", "Check by hand", "Repair"] {
            assert!(text.contains(part), "{}: {part}", rule.id());
        }
        assert!(text.lines().count() <= 40 && text.lines().all(|line| line.chars().count() <= 90), "{}", rule.id());
        assert!(!rule.fires_when().is_empty());
    }
}

#[test]
fn nothing_fires_on_a_healthy_vault_but_what_is_worth_a_word() {
    let mut book = AlertBook::default();
    book.review_once(&kept(), &Settings::default(), at(1));
    let seen = book.all().iter().filter(|alert| alert.state != baowatch::app::alerts::AlertState::Unknown);
    let firing: Vec<&str> = seen.map(|alert| alert.rule.0).collect();
    // The keys of this one were applied: the same apply without them would empty the Secret.
    assert_eq!(firing, ["keys-overwritable"]);
}

#[test]
fn before_anything_was_seen_every_rule_is_unknown() {
    for rule in rules::all() {
        unknown(&Model::default(), rule.id().0, 1);
    }
}

#[test]
fn what_is_stale_is_unknown_and_never_clear() {
    let mut model = kept();
    feed(&mut model, at(0), vec![keys("200", &[]), seals([false, false, true])]);
    for rule in rules::all().iter().filter(|rule| rule.id().0 != "feed-stale") {
        unknown(&model, rule.id().0, 600);
    }
    assert!(matches!(finds(&model, "feed-stale", "seal", 600), Finding::Firing(_)));
}

#[test]
fn vault_sealed() {
    let mut model = healthy();
    clear(&model, "vault-sealed");
    feed(&mut model, at(0), vec![seals([false, false, true])]);
    let firing = fired(&model, "vault-sealed", "openbao-2");
    // Two of three: the next one that goes is an outage.
    assert_eq!((firing.severity, firing.action), (Severity::Critical, Some(ActionId::Unseal)));
    assert_eq!(firing.sentence, "openbao-2 is sealed; others serve");
    assert!(firing.why.contains("its key may be wrong"), "{}", firing.why);
    assert_eq!(firing.evidence_since, Some(at(-86_400)));
    assert_eq!(finds(&model, "vault-sealed", "openbao-0", 1), Finding::Clear);
    // Four of five still tolerate one more.
    let mut five = model.clone();
    let facts = (0..5).map(|n| match n {
        0 => world::says(0, seal(false, Some(Role::Active))),
        4 => world::says(4, seal(true, None)),
        n => world::says(n, seal(false, Some(Role::Standby))),
    });
    let msgs =
        vec![report(FeedId::Workload, vec![Fact::Workload(Some(workload(5)))]), report(FeedId::Seal, facts.collect())];
    feed(&mut five, at(0), msgs);
    assert_eq!(fired(&five, "vault-sealed", "openbao-4").severity, Severity::Warning);
    // Why it did not open by itself.
    feed(&mut model, at(0), vec![keys("200", &[])]);
    assert_eq!(fired(&model, "vault-sealed", "openbao-2").why, "Secret data/openbao-keys is empty");
    for (kind, word) in [(SealKind::Kms("awskms".into()), "awskms"), (SealKind::Transit, "the other vault")] {
        for n in 0..3 {
            let seen = if n == 2 { seal(true, None) } else { seal(false, Some(Role::Standby)) };
            answer(&mut model, n, SealAnswer::Said(SealSeen { kind: kind.clone(), ..seen }));
        }
        let firing = fired(&model, "vault-sealed", "openbao-2");
        assert!(firing.why.contains(word) && firing.action.is_none(), "{firing:?}");
    }
    answer(&mut model, 2, denied());
    assert!(matches!(finds(&model, "vault-sealed", "openbao-2", 1), Finding::Unknown(_)));
}

#[test]
fn vault_uninitialized() {
    let new = SealSeen { initialized: false, threshold: 0, shares: 0, ..seal(true, None) };
    let mut model = healthy();
    clear(&model, "vault-uninitialized");
    // A follower that has not joined yet.
    answer(&mut model, 2, SealAnswer::Said(new.clone()));
    assert_eq!(fired(&model, "vault-uninitialized", "openbao-2").severity, Severity::Warning);
    // The same with another storage, and nobody to join, is a lost volume.
    for n in 0..3 {
        answer(&mut model, n, SealAnswer::Said(new.clone()));
    }
    assert_eq!(fired(&model, "vault-uninitialized", "openbao-0").severity, Severity::Critical);
    let mut fresh = Model::default();
    let facts = (0..3).map(|n| world::says(n, new.clone())).collect();
    let msgs = vec![world::cluster(), pods([1, 1, 1]), unsealers(Liveness::Running), keys("1", &[])];
    feed(&mut fresh, at(0), msgs);
    feed(&mut fresh, at(0), vec![report(FeedId::Seal, facts)]);
    let firing = fired(&fresh, "vault-uninitialized", "openbao-0");
    assert_eq!(firing.severity, Severity::Info);
    assert!(firing.next.contains("bao operator init"), "{}", firing.next);
    // Before init nothing about keys fires.
    let none = KeystoreLook::Absent { path: "/nowhere".into(), expected: false };
    feed(&mut fresh, at(0), world::held(none, Vec::new(), Vec::new()));
    for rule in rules::all().iter().filter(|rule| rule.id().0.starts_with("key")) {
        clear(&fresh, rule.id().0);
    }
}

#[test]
fn vault_no_active() {
    let mut model = healthy();
    clear(&model, "vault-no-active");
    let leaderless = SealSeen { leader: None, ..seal(false, Some(Role::Leaderless)) };
    for n in 0..3 {
        answer(&mut model, n, SealAnswer::Said(leaderless.clone()));
    }
    assert_eq!(fired(&model, "vault-no-active", "openbao").severity, Severity::Critical);
    answer(&mut model, 1, SealAnswer::Said(seal(true, None)));
    answer(&mut model, 2, SealAnswer::Said(seal(true, None)));
    let firing = fired(&model, "vault-no-active", "openbao");
    assert_eq!((firing.why.as_str(), firing.action), ("1 of 3 are open, and a quorum needs 2", Some(ActionId::Unseal)));
    // Standbys that follow somebody whom only we cannot reach.
    answer(&mut model, 0, denied());
    answer(&mut model, 1, SealAnswer::Said(seal(false, Some(Role::Standby))));
    unknown(&model, "vault-no-active", 1);
    // All sealed is another rule's matter.
    feed(&mut model, at(0), vec![seals([true, true, true])]);
    clear(&model, "vault-no-active");
}

#[test]
fn vault_unreachable() {
    let mut model = healthy();
    clear(&model, "vault-unreachable");
    answer(&mut model, 2, silent());
    assert_eq!(fired(&model, "vault-unreachable", "openbao-2").severity, Severity::Warning);
    // The same silence two minutes later; the pods are still there.
    feed(&mut model, at(121), vec![world::cluster(), pods([1, 1, 1])]);
    feed(&mut model, at(121), vec![report(FeedId::Seal, vec![world::silent(2)])]);
    let Finding::Firing(firing) = finds(&model, "vault-unreachable", "openbao-2", 121) else { panic!() };
    assert_eq!(firing.severity, Severity::Critical);
    // Denied is unknown, never unreachable.
    answer(&mut model, 2, denied());
    assert!(matches!(finds(&model, "vault-unreachable", "openbao-2", 1), Finding::Unknown(_)));
    // A pod that was never created because an earlier one is sealed.
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
    let mut model = healthy();
    feed(&mut model, at(0), msgs);
    clear(&model, "vault-unreachable");
    // One that is pending has been silent since it was created, whenever we began to look.
    let mut pending = pod(2, 2);
    pending.phase = "Pending".into();
    pending.containers[0].running = false;
    pending.containers[0].started = None;
    let mut model = healthy();
    answer(&mut model, 2, silent());
    feed(&mut model, at(0), vec![report(FeedId::Pods, vec![Fact::Pods(vec![pod(0, 1), pod(1, 1), pending])])]);
    let firing = fired(&model, "vault-unreachable", "openbao-2");
    assert_eq!((firing.severity, firing.evidence_since), (Severity::Critical, Some(at(-86_400))));
}

type Change = fn(&mut Model);

#[test]
fn each_fault_of_the_keys_has_its_rule() {
    let all = ["keys-secret-missing", "keys-secret-empty", "keys-secret-field-missing", "keys-secret-implausible"];
    let rows: [(&str, Change); 4] = [
        ("keys-secret-missing", |model| {
            let gone = Fact::Keys(KeysSeen::Absent(ObjectRef::secret("data", "openbao-keys")));
            feed(model, at(0), vec![report(FeedId::KeysSecret, vec![gone])]);
        }),
        ("keys-secret-empty", |model| feed(model, at(0), vec![keys("200", &[])])),
        ("keys-secret-field-missing", |model| hold(model, |held| drop(held.fields.remove(0)))),
        ("keys-secret-implausible", |model| {
            hold(model, |held| {
                held.fields[0].shape = Shape::Empty;
                held.fields[0].len = 0;
                held.fields[0].prints.clear();
            });
        }),
    ];
    for (name, change) in rows {
        let mut model = healthy();
        for rule in all {
            clear(&model, rule);
        }
        change(&mut model);
        let firing = fired(&model, name, "openbao-keys");
        assert_eq!(firing.severity, Severity::Critical, "{name}");
        assert!(firing.next.starts_with("Restart nothing") && firing.action.is_none(), "{name}: {firing:?}");
        for rule in all.iter().filter(|rule| **rule != name) {
            clear(&model, rule);
        }
    }
    let mut model = healthy();
    feed(&mut model, at(1), vec![keys("200", &[])]);
    assert!(fired(&model, "keys-secret-empty", "openbao-keys").why.contains("unknown"));
}

#[test]
fn keys_rules_are_off_where_no_secret_is_needed_and_on_where_one_is_configured() {
    let mut model = healthy();
    feed(&mut model, at(0), vec![report(FeedId::Unsealers, vec![Fact::Unsealers(UnsealersSeen::default())])]);
    feed(&mut model, at(0), vec![keys("200", &[])]);
    assert!(rules::find("keys-secret-empty").unwrap().judge(&model, at(1)).is_empty());
    model.expect.keys_secret_configured = true;
    assert_eq!(fired(&model, "keys-secret-empty", "openbao-keys").severity, Severity::Critical);
}

#[test]
fn a_root_token_is_optional() {
    let mut model = healthy();
    model.history.clear();
    hold(&mut model, |held| drop(held.fields.remove(1)));
    model.history.drain(..model.history.len() - 1);
    let rule = "keys-secret-field-missing";
    assert_eq!(fired(&model, rule, "openbao-keys").severity, Severity::Info);
    model.expect.root_token_required = true;
    assert_eq!(fired(&model, rule, "openbao-keys").severity, Severity::Warning);
    // Seen to vanish.
    let mut model = healthy();
    hold(&mut model, |held| drop(held.fields.remove(1)));
    assert_eq!(fired(&model, rule, "openbao-keys").severity, Severity::Warning);
}

#[test]
fn unsealer_dead() {
    let mut model = healthy();
    clear(&model, "unsealer-dead");
    let change = |model: &mut Model, change: fn(&mut UnsealersSeen)| {
        let mut seen = model.unsealers.clone().unwrap().value;
        seen.found[0].sidecar = false;
        change(&mut seen);
        feed(model, at(0), vec![report(FeedId::Unsealers, vec![Fact::Unsealers(seen)])]);
    };
    change(&mut model, |seen| seen.found[0].liveness = Liveness::Dead { why: "scaled to 0".into() });
    let firing = fired(&model, "unsealer-dead", "openbao");
    assert_eq!((firing.severity, firing.why.as_str()), (Severity::Critical, "scaled to 0"));
    change(&mut model, |seen| {
        seen.found[0].liveness = Liveness::Running;
        seen.found[0].uses[0].secret = "another".into();
    });
    assert!(fired(&model, "unsealer-dead", "openbao").sentence.contains("does not use Secret openbao-keys"));
    model.expect.reopens = Some(Mechanism::Kms);
    assert!(rules::find("unsealer-dead").unwrap().judge(&model, at(1)).is_empty());
    let mut model = healthy();
    change(&mut model, |seen| seen.found.clear());
    model.expect.reopens = Some(Mechanism::Secret);
    assert_eq!(fired(&model, "unsealer-dead", "openbao").severity, Severity::Warning);
}

#[test]
fn keys_overwritable() {
    let rule = "keys-overwritable";
    let mut model = healthy();
    assert!(fired(&model, rule, "openbao-keys").why.starts_with("seeder applied the keys"));
    hold(&mut model, |held| held.immutable = true);
    clear(&model, rule);
    hold(&mut model, |held| held.owners[0].apply = false);
    clear(&model, rule);
    // After a restore of ours.
    hold(&mut model, |held| held.owners[0].manager = "baowatch".into());
    clear(&model, rule);
    hold(&mut model, |held| {
        held.owners[0].apply = false;
        held.gitops = Some("Flux".into());
    });
    assert!(fired(&model, rule, "openbao-keys").why.starts_with("Flux"));
}

#[test]
fn keys_mount_optional_and_in_last_applied() {
    let mut model = healthy();
    clear(&model, "keys-mount-optional");
    clear(&model, "keys-in-last-applied");
    let mut seen = model.unsealers.clone().unwrap().value;
    seen.found[0].uses[0].optional = true;
    feed(&mut model, at(0), vec![report(FeedId::Unsealers, vec![Fact::Unsealers(seen)])]);
    assert_eq!(fired(&model, "keys-mount-optional", "openbao-keys").severity, Severity::Info);
    hold(&mut model, |held| held.last_applied = Some(vec!["key".into()]));
    assert_eq!(fired(&model, "keys-in-last-applied", "openbao-keys").severity, Severity::Warning);
    hold(&mut model, |held| held.last_applied = Some(Vec::new()));
    clear(&model, "keys-in-last-applied");
}

#[test]
fn clock_skew() {
    let mut model = healthy();
    clear(&model, "clock-skew");
    for (skew, word) in [(-47, "behind"), (3_600, "ahead of")] {
        answer(&mut model, 1, SealAnswer::Said(SealSeen { skew_seconds: Some(skew), ..seal(true, None) }));
        assert!(fired(&model, "clock-skew", "openbao-1").sentence.contains(word));
    }
    for skew in [None, Some(30), Some(-30)] {
        answer(&mut model, 1, SealAnswer::Said(SealSeen { skew_seconds: skew, ..seal(true, None) }));
        clear(&model, "clock-skew");
    }
}

#[test]
fn feed_stale_knows_denied_from_silent() {
    let mut model = healthy();
    clear(&model, "feed-stale");
    let complain = |model: &mut Model, trouble: Trouble| {
        fold::apply(model, &Report { feed: FeedId::KeysSecret, outcome: Err(trouble) }, at(0));
    };
    complain(&mut model, Trouble::denied("may not get secrets/openbao-keys", "", "Allow get"));
    assert!(matches!(finds(&model, "feed-stale", "keys-secret", 1), Finding::Unknown(_)));
    complain(&mut model, Trouble::unreachable("connection refused", "", ""));
    assert_eq!(finds(&model, "feed-stale", "keys-secret", 1), Finding::Clear);
    assert!(matches!(finds(&model, "feed-stale", "keys-secret", 16), Finding::Firing(_)));
}
