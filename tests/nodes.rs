//! Nodes: the rules about them fire, clear, and answer Unknown where figures are gone; what an eviction costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use baowatch::app::alerts::{Finding, Severity, rules};
use baowatch::app::id::{FeedId, ObjectRef};
use baowatch::app::model::Model;
use baowatch::app::model::consumers::PodLife;
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::model::fold;
use baowatch::app::model::nodes::{Figure, Longhorn, Manager, NodeSeen, Source, UsageSeen, VolumeSeen};
use baowatch::app::model::table::Delta;
use baowatch::app::nodes::{evicted, views};
use baowatch::app::trouble::{Trouble, TroubleKind};
use proptest::prelude::*;
use world::at;
use world::fed::healthy_at;

const GI: u64 = 1 << 30;

fn node(name: &str) -> NodeSeen {
    NodeSeen {
        object: ObjectRef::new("Node", "", name),
        capacity: 64 * GI,
        ready: Some(true),
        reason: String::new(),
        pressures: Vec::new(),
        unready_since: None,
        cordoned: false,
    }
}

fn usage(seconds: i64, percent: u64) -> UsageSeen {
    let figure = |percent: u64| Figure { bytes: (64 * GI * percent).div_ceil(100), at: at(seconds) };
    UsageSeen {
        source: Source::Metrics,
        why: String::new(),
        nodes: BTreeMap::from([("node-0".to_owned(), figure(percent)), ("node-1".to_owned(), figure(40))]),
        limit: 300,
        pods: Vec::new(),
        longhorn: None,
        unread: Vec::new(),
    }
}

fn told(model: &mut Model, feed: FeedId, fact: Fact, seconds: i64) {
    fold::apply(model, &Report { feed, outcome: Ok(vec![fact]) }, at(seconds));
}

fn of(percent: u64) -> Model {
    let mut model = healthy_at(0);
    told(&mut model, FeedId::Nodes, Fact::Nodes(Delta::whole(vec![node("node-0"), node("node-1")])), 0);
    told(&mut model, FeedId::Usage, Fact::Usage(usage(0, percent)), 0);
    model
}

fn finds(model: &Model, rule: &str, subject: &str, seconds: i64) -> Finding {
    let judged = rules::find(rule).unwrap().judge(model, at(seconds));
    judged.into_iter().find(|(object, _)| object.name == subject).map_or(Finding::Clear, |(_, finding)| finding)
}

fn severity(model: &Model, rule: &str, subject: &str) -> Option<Severity> {
    match finds(model, rule, subject, 1) {
        Finding::Firing(firing) => Some(firing.severity),
        Finding::Clear => None,
        Finding::Unknown(why) | Finding::Kept(why) => panic!("{rule}: {why}"),
    }
}

#[test]
fn memory_by_its_limits() {
    assert_eq!(severity(&of(84), "node-memory", "node-0"), None);
    assert_eq!(severity(&of(85), "node-memory", "node-0"), Some(Severity::Warning));
    assert_eq!(severity(&of(95), "node-memory", "node-0"), Some(Severity::Critical));
    assert_eq!(severity(&of(95), "node-memory", "node-1"), None);
}

#[test]
fn a_figure_that_is_gone_is_unknown_and_one_that_never_was_is_nothing() {
    let mut model = of(96);
    assert!(matches!(finds(&model, "node-memory", "node-0", 60), Finding::Unknown(_)), "stale");
    let mut gone = usage(10, 96);
    gone.nodes.clear();
    gone.source = Source::Requests;
    told(&mut model, FeedId::Usage, Fact::Usage(gone.clone()), 1);
    for rule in ["node-memory", "vault-on-pressured-node"] {
        assert!(matches!(finds(&model, rule, "node-0", 1), Finding::Unknown(_)), "{rule}");
    }
    // A cluster without any figures has no finding about memory.
    let mut model = healthy_at(0);
    told(&mut model, FeedId::Nodes, Fact::Nodes(Delta::whole(vec![node("node-0")])), 0);
    told(&mut model, FeedId::Usage, Fact::Usage(gone), 0);
    assert!(rules::find("node-memory").unwrap().judge(&model, at(1)).is_empty());
}

#[test]
fn without_a_cluster_nothing_is_said() {
    let mut model = healthy_at(0);
    for feed in [FeedId::Nodes, FeedId::Usage] {
        let trouble = Trouble::new(TroubleKind::Absent, "no cluster", "", "");
        fold::apply(&mut model, &Report { feed, outcome: Err(trouble) }, at(0));
    }
    for rule in ["node-memory", "memory-forecast", "node-pressure", "node-not-ready", "longhorn-memory"] {
        assert!(rules::find(rule).unwrap().judge(&model, at(1)).is_empty(), "{rule}");
    }
}

#[test]
fn a_rise_is_forecast_after_five_minutes() {
    let mut model = of(60);
    for minute in 1..=8 {
        let seconds = minute * 60;
        told(&mut model, FeedId::Nodes, Fact::Nodes(Delta::Same), seconds);
        told(&mut model, FeedId::Usage, Fact::Usage(usage(seconds, 60 + minute as u64)), seconds);
        let fires = matches!(finds(&model, "memory-forecast", "node-0", seconds), Finding::Firing(_));
        assert_eq!(fires, minute >= 5, "minute {minute}");
    }
    let view = views(&model, at(480)).remove(0);
    let left = view.full_in.unwrap().as_secs();
    assert!((1_560..=1_680).contains(&left), "27 minutes, not {left} s");
}

#[test]
fn pressure_on_the_vaults_node_is_joined_with_the_verdict() {
    let mut model = of(40);
    let mut pressed = node("node-0");
    pressed.pressures = vec![("MemoryPressure".to_owned(), Some(at(-60)))];
    told(&mut model, FeedId::Nodes, Fact::Nodes(Delta::put(vec![pressed])), 0);
    assert_eq!(severity(&model, "node-pressure", "node-0"), Some(Severity::Critical));
    let Finding::Firing(firing) = finds(&model, "vault-on-pressured-node", "node-0", 1) else { panic!("quiet") };
    assert!(firing.sentence.contains("openbao-0"), "{firing:?}");
    assert!(firing.why.contains("evicting openbao-0 leaves it one restart from an outage"), "{firing:?}");
    assert_eq!(firing.evidence_since, Some(at(-60)));
    let both = evicted(&model, &["openbao-0", "openbao-1"], at(1)).unwrap();
    assert!(both.contains("is an outage"), "{both}");
}

#[test]
fn a_node_that_is_not_ready_is_critical_where_the_vault_sits() {
    let mut model = of(40);
    let mut away = [node("node-0"), node("node-9")];
    for one in &mut away {
        (one.ready, one.unready_since) = (Some(false), Some(at(-90)));
    }
    told(&mut model, FeedId::Nodes, Fact::Nodes(Delta::put(away)), 0);
    assert_eq!(severity(&model, "node-not-ready", "node-0"), Some(Severity::Critical));
    assert_eq!(severity(&model, "node-not-ready", "node-9"), Some(Severity::Warning));
}

#[test]
fn longhorns_manager_is_told_with_what_hangs_on_it() {
    let mut model = of(40);
    let mut seen = usage(0, 40);
    let claim = ObjectRef::new("PersistentVolumeClaim", "data", "data-openbao-0");
    let volume =
        VolumeSeen { name: "pvc-1".into(), node: "node-0".into(), claim: Some(claim), pods: vec!["openbao-0".into()] };
    let manager = |bytes| Manager {
        object: ObjectRef::pod("longhorn-system", "instance-manager-1"),
        node: "node-0".into(),
        bytes,
    };
    for (bytes, wanted) in [(Some(9_000_000_000), None), (Some(10_100_000_000), Some(Severity::Warning)), (None, None)]
    {
        seen.longhorn = Some(Longhorn { managers: vec![manager(bytes)], volumes: vec![volume.clone()] });
        told(&mut model, FeedId::Usage, Fact::Usage(seen.clone()), 0);
        assert_eq!(severity(&model, "longhorn-memory", "instance-manager-1"), wanted, "{bytes:?}");
    }
    seen.longhorn = Some(Longhorn { managers: vec![manager(Some(12_000_000_000))], volumes: vec![volume] });
    told(&mut model, FeedId::Usage, Fact::Usage(seen.clone()), 0);
    let Finding::Firing(firing) = finds(&model, "longhorn-memory", "instance-manager-1", 1) else { panic!("quiet") };
    assert!(firing.why.contains("1 attached volume") && firing.why.contains("data/data-openbao-0"), "{firing:?}");
    // Nobody may list its volumes any more, or the memory of pods: what was over the limit is not well by that.
    seen.unread = vec![Trouble::denied("The volumes of Longhorn: denied", "403", "Allow it")];
    for hidden in [None, seen.longhorn.clone().map(|all| Longhorn { managers: vec![manager(None)], ..all })] {
        seen.longhorn = hidden;
        told(&mut model, FeedId::Usage, Fact::Usage(seen.clone()), 2);
        let found = finds(&model, "longhorn-memory", "instance-manager-1", 2);
        assert_eq!(found, Finding::Kept("The volumes of Longhorn: denied".to_owned()));
    }
}

proptest! {
    #[test]
    fn what_pods_request_of_a_node_is_their_sum_whatever_came_when(
        steps in prop::collection::vec((0_u8..6, 0_u8..6, 0_u8..4, 0_u64..3), 1..40)
    ) {
        let pod = |n: u8, place: u8, requests: u64| PodLife {
            object: ObjectRef::pod(if n.is_multiple_of(2) { "a" } else { "b" }, &format!("pod-{n}")),
            owner: None,
            node: if place == 0 { "".into() } else { format!("node-{place}").into() },
            revision: "".into(),
            containers: Vec::new(),
            init: Vec::new(),
            oom_killed: (requests == 1).then(|| at(0)),
            evicted: requests == 2,
            deleting: false,
            component: None,
            requests: requests * GI,
        };
        let mut model = healthy_at(0);
        told(&mut model, FeedId::Containers, Fact::Containers(Delta::whole(Vec::new())), 0);
        for (step, n, place, requests) in steps {
            let delta = match step {
                0 => Delta::whole([pod(n, place, requests), pod((n + 1) % 6, place, 1)]),
                1 => Delta::Part {
                    kind: "Pod".into(),
                    namespace: Some("a".into()),
                    rows: vec![Arc::new(pod(n / 2 * 2, place, requests))],
                },
                2 => Delta::Gone(vec![pod(n, place, requests).object]),
                3 => Delta::Same,
                _ => Delta::put([pod(n, place, requests), pod(n, (place + 1) % 4, requests)]),
            };
            told(&mut model, FeedId::Containers, Fact::Containers(delta), 0);
            let mut sums: BTreeMap<String, (u32, u64)> = BTreeMap::new();
            for pod in model.containers.as_ref().unwrap().iter().filter(|pod| !pod.node.is_empty()) {
                let sum = sums.entry(pod.node.to_string()).or_default();
                *sum = (sum.0 + 1, sum.1 + pod.requests);
            }
            let kept: BTreeMap<String, (u32, u64)> =
                model.loads.iter().map(|(node, load)| (node.to_string(), (load.pods, load.requests))).collect();
            prop_assert_eq!(kept, sums);
            let mut struck: BTreeMap<String, BTreeSet<ObjectRef>> = BTreeMap::new();
            for pod in model.containers.as_ref().unwrap().iter() {
                if !pod.node.is_empty() && (pod.oom_killed.is_some() || pod.evicted) {
                    struck.entry(pod.node.to_string()).or_default().insert(pod.object.clone());
                }
            }
            let kept: BTreeMap<String, BTreeSet<ObjectRef>> =
                model.struck.iter().map(|(node, pods)| (node.to_string(), pods.clone())).collect();
            prop_assert_eq!(kept, struck);
        }
    }
}
