//! Raft as its rules judge it: what may still be lost, who lags, and what nobody can say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use baowatch::app::alerts::{Finding, Severity, rules};
use baowatch::app::id::FeedId;
use baowatch::app::model::Model;
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::model::fold;
use baowatch::app::model::raft::{ClusterView, LogSeen, PeerSeen, RaftSeen};
use baowatch::app::trouble::{Trouble, TroubleKind};
use jiff::SignedDuration;
use world::fed::{feed, healthy};
use world::{at, report};

fn peer(name: &str, healthy: bool) -> PeerSeen {
    PeerSeen {
        id: name.into(),
        address: format!("{name}:8201"),
        leader: name.ends_with("-0"),
        voter: true,
        healthy: Some(healthy),
        last_contact: Some(SignedDuration::from_secs(if healthy { 1 } else { 45 })),
        behind: Some(0),
        version: "2.7.2".into(),
    }
}

fn logs(applied: [u64; 3]) -> Vec<LogSeen> {
    let log = |(n, applied): (usize, &u64)| LogSeen {
        replica: format!("openbao-{n}"),
        leads: n == 0,
        committed: *applied,
        applied: *applied,
    };
    applied.iter().enumerate().map(log).collect()
}

fn view(tolerance: Option<u32>, peers: Vec<PeerSeen>) -> ClusterView {
    ClusterView { tolerance, healthy: Some(true), peers, cleanup_dead: Some(false), dead_after: None }
}

fn all(healthy: [bool; 3]) -> Vec<PeerSeen> {
    healthy.iter().enumerate().map(|(n, well)| peer(&format!("openbao-{n}"), *well)).collect()
}

fn told(model: &mut Model, seen: RaftSeen) {
    feed(model, at(0), vec![report(FeedId::Raft, vec![Fact::Raft(seen)])]);
}

fn judged(seen: RaftSeen, rule: &str) -> Vec<(String, Finding)> {
    let mut model = healthy();
    told(&mut model, seen);
    let judged = rules::find(rule).unwrap().judge(&model, at(1));
    judged.into_iter().map(|(subject, finding)| (subject.name.to_string(), finding)).collect()
}

fn severity(finding: &Finding) -> Option<Severity> {
    if let Finding::Firing(firing) = finding { Some(firing.severity) } else { None }
}

#[test]
fn raft_tolerance() {
    let of = |cluster| judged(RaftSeen { logs: logs([9, 9, 9]), cluster }, "raft-tolerance");
    assert_eq!(of(Ok(view(Some(1), all([true; 3]))))[0].1, Finding::Clear);
    let found = of(Ok(view(Some(0), all([true, true, false]))));
    assert_eq!(severity(&found[0].1), Some(Severity::Critical));
    let Finding::Firing(firing) = &found[0].1 else { panic!() };
    assert!(firing.why.contains("openbao-2 is not healthy, last heard 40s ago"), "{firing:?}");
    // Two voters can never lose one: nothing is broken, and it is worth a word.
    let found = of(Ok(view(Some(0), all([true; 3])[..2].to_vec())));
    assert_eq!(severity(&found[0].1), Some(Severity::Warning));
    assert!(matches!(of(Ok(view(None, all([true; 3]))))[0].1, Finding::Unknown(_)));
}

#[test]
fn a_dead_peer_that_is_still_counted_is_named_with_the_command_that_removes_it() {
    let mut peers = all([true; 3]);
    peers.push(peer("openbao-7", false));
    let found = judged(RaftSeen { logs: logs([9, 9, 9]), cluster: Ok(view(Some(0), peers)) }, "raft-tolerance");
    let Finding::Firing(firing) = &found[0].1 else { panic!("{found:?}") };
    assert!(firing.next.contains("bao operator raft remove-peer openbao-7"), "{firing:?}");
}

#[test]
fn raft_lag() {
    let of = |applied| judged(RaftSeen { logs: logs(applied), cluster: Err(no_token()) }, "raft-lag");
    for (_, finding) in of([5_000, 4_999, 4_500]) {
        assert_eq!(finding, Finding::Clear);
    }
    let found = of([20_000, 18_500, 5_000]);
    assert_eq!(severity(&found[0].1), None);
    assert_eq!(severity(&found[1].1), Some(Severity::Warning), "each replica says it without a token");
    assert_eq!(severity(&found[2].1), Some(Severity::Critical));
    let found =
        judged(RaftSeen { logs: logs([9, 9, 9]), cluster: Ok(view(Some(0), all([true, true, false]))) }, "raft-lag");
    assert_eq!((severity(&found[1].1), severity(&found[2].1)), (None, Some(Severity::Warning)));
}

fn no_token() -> Trouble {
    Trouble::new(TroubleKind::Absent, "No token was given for this vault", "", "")
}

#[test]
fn what_is_absent_is_no_finding_and_what_is_denied_is_unknown() {
    let tolerance = |cluster| judged(RaftSeen { logs: logs([9, 9, 9]), cluster }, "raft-tolerance");
    assert!(tolerance(Err(no_token())).is_empty());
    assert!(matches!(tolerance(Err(Trouble::denied("no", "", "")))[0].1, Finding::Unknown(_)));
    let mut model = healthy();
    let absent = Trouble::new(TroubleKind::Absent, "This vault does not keep its data in raft", "", "");
    fold::apply(&mut model, &Report { feed: FeedId::Raft, outcome: Err(absent) }, at(0));
    for rule in ["raft-tolerance", "raft-lag"] {
        assert!(rules::find(rule).unwrap().judge(&model, at(1)).is_empty(), "{rule}");
    }
}

#[test]
fn one_server_was_never_meant_to_survive_its_own_loss() {
    let mut model = world::fed::of(1);
    let seen =
        RaftSeen { logs: logs([9, 9, 9])[..1].to_vec(), cluster: Ok(view(Some(0), vec![peer("openbao-0", true)])) };
    told(&mut model, seen);
    for (_, finding) in rules::find("raft-tolerance").unwrap().judge(&model, at(1)) {
        assert_eq!(finding, Finding::Clear);
    }
}
