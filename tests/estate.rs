//! The vault's estate as its rules judge it: the audit trail, namespaces' own seals, versions and what they are known for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use baowatch::app::alerts::{Finding, Severity, rules};
use baowatch::app::estate as snapshots;
use baowatch::app::id::FeedId;
use baowatch::app::model::Model;
use baowatch::app::model::estate::{EstateSeen, NamespaceSeen, SnapshotSeen};
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::model::fold;
use baowatch::app::model::seal::SealKind;
use baowatch::app::trouble::{Trouble, TroubleKind};
use jiff::SignedDuration;
use world::fed::{each, feed, healthy};
use world::{at, report};

fn estate() -> EstateSeen {
    EstateSeen {
        audit: Ok(vec![("to-file".into(), "file".into())]),
        mounts: Ok(Vec::new()),
        auth: Ok(Vec::new()),
        namespaces: Ok(Vec::new()),
        snapshots: None,
        left_out: Vec::new(),
    }
}

fn seen(estate: EstateSeen) -> Model {
    let mut model = healthy();
    told(&mut model, estate);
    model
}

fn told(model: &mut Model, estate: EstateSeen) {
    feed(model, at(0), vec![report(FeedId::Estate, vec![Fact::Estate(Box::new(estate))])]);
}

fn found(model: &Model, rule: &str) -> Vec<(String, Finding)> {
    let judged = rules::find(rule).unwrap().judge(model, at(1));
    judged.into_iter().map(|(subject, finding)| (subject.name.to_string(), finding)).collect()
}

fn firing(model: &Model, rule: &str) -> Vec<(String, Severity)> {
    let firing =
        |(name, finding)| if let Finding::Firing(firing) = finding { Some((name, firing.severity)) } else { None };
    found(model, rule).into_iter().filter_map(firing).collect()
}

#[test]
fn audit_silent() {
    assert_eq!(found(&seen(estate()), "audit-silent")[0].1, Finding::Clear);
    let model = seen(EstateSeen { audit: Ok(Vec::new()), ..estate() });
    assert_eq!(firing(&model, "audit-silent")[0].1, Severity::Warning);
    let model = seen(EstateSeen { audit: Err(Trouble::denied("no", "", "")), ..estate() });
    assert!(matches!(found(&model, "audit-silent")[0].1, Finding::Unknown(_)));
    let nothing = Trouble::new(TroubleKind::Absent, "No token was given for this vault", "", "");
    let mut model = seen(EstateSeen { audit: Err(nothing.clone()), ..estate() });
    assert!(found(&model, "audit-silent").is_empty());
    fold::apply(&mut model, &Report { feed: FeedId::Estate, outcome: Err(nothing) }, at(0));
    assert!(found(&model, "namespace-sealed").is_empty());
}

#[test]
fn namespace_sealed() {
    let one = |path: &str, sealed| NamespaceSeen {
        path: path.into(),
        sealed,
        unread: None,
        progress: Some((1, 2)),
        shares: Some((2, 3)),
    };
    let all = vec![one("plain", None), one("open", Some(false)), one("shut/inner", Some(true))];
    let model = seen(EstateSeen { namespaces: Ok(all), ..estate() });
    assert_eq!(firing(&model, "namespace-sealed"), [("shut/inner".to_owned(), Severity::Warning)]);
    let subjects: Vec<String> = found(&model, "namespace-sealed").into_iter().map(|(name, _)| name).collect();
    assert_eq!(subjects, ["plain", "open", "shut/inner"], "those that are well are said to be");
    let hidden = NamespaceSeen { unread: Some(Trouble::denied("no", "", "")), ..one("shut/inner", None) };
    let model = seen(EstateSeen { namespaces: Ok(vec![hidden]), ..estate() });
    assert!(matches!(found(&model, "namespace-sealed")[0].1, Finding::Unknown(_)), "what may not be read is not well");
}

#[test]
fn version_advisory() {
    let mut model = seen(estate());
    assert!(found(&model, "version-advisory").is_empty(), "nothing is known of 2.7.2");
    each(&mut model, |seen| seen.version = "2.5.1".into());
    let ids: Vec<String> = firing(&model, "version-advisory").into_iter().map(|(id, _)| id).collect();
    assert!(ids.contains(&"rotation-destroys-shares".to_owned()), "{ids:?}");
    // It is about the shares of a Shamir seal.
    each(&mut model, |seen| {
        seen.version = "2.5.1".into();
        seen.kind = SealKind::Static;
    });
    let ids: Vec<String> = firing(&model, "version-advisory").into_iter().map(|(id, _)| id).collect();
    assert!(!ids.contains(&"rotation-destroys-shares".to_owned()), "{ids:?}");
    each(&mut model, |seen| seen.version = "2.5.3".into());
    assert!(found(&model, "version-advisory").is_empty());
}

#[test]
fn upgrade_trap() {
    let mut model = seen(EstateSeen { audit: Ok(Vec::new()), ..estate() });
    each(&mut model, |seen| seen.version = "2.6.2".into());
    assert!(found(&model, "upgrade-trap").is_empty());
    each(&mut model, |seen| {
        seen.version = "2.6.2".into();
        seen.storage = Some("file".into());
        seen.kind = SealKind::Kms("awskms".into());
    });
    let ids: Vec<String> = firing(&model, "upgrade-trap").into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["storage-file", "built-in-seal"]);
    each(&mut model, |seen| seen.version = "2.7.0".into());
    assert!(found(&model, "upgrade-trap").is_empty(), "who runs it has passed it");
    // What depends on the audit devices cannot be told while these are not in sight.
    told(&mut model, EstateSeen { audit: Err(Trouble::denied("no", "", "")), ..estate() });
    each(&mut model, |seen| seen.version = "2.6.2".into());
    let unknown = found(&model, "upgrade-trap");
    assert!(matches!(unknown.as_slice(), [(id, Finding::Unknown(_))] if id == "declared-audit"), "{unknown:?}");
}

#[test]
fn a_snapshot_is_late_when_the_next_one_should_have_come_long_ago() {
    let hours = |age: i64| SnapshotSeen { name: format!("{age}.snap"), size: 1, written: at(-3600 * age) };
    let newest = |ages: &[i64]| {
        let seen = EstateSeen { snapshots: Some(Ok(ages.iter().map(|age| hours(*age)).collect())), ..estate() };
        snapshots::newest(&seen, at(0)).unwrap().map(|newest| (newest.age.as_hours(), newest.cadence, newest.late()))
    };
    let every = |hours| Some(SignedDuration::from_hours(hours));
    assert_eq!(newest(&[]), None);
    assert_eq!(newest(&[30, 24, 18, 12]), Some((12, every(6), false)));
    assert_eq!(newest(&[31, 25, 19, 13]), Some((13, every(6), true)));
    // One that somebody made by hand in between says nothing of how often they come.
    assert_eq!(newest(&[60, 48, 47, 36, 24]), Some((24, every(12), false)));
    assert_eq!(newest(&[100]), Some((100, None, false)), "nothing says how often one should come");
    assert_eq!(newest(&[170, 169]), Some((169, None, true)));
}
