//! The vault sits where something runs out: what an eviction there would do to it.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::node_sight::{nodes, was_high};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::nodes::NodeSeen;
use crate::app::nodes::{FULL, HIGH, HOUR, about, evicted, fresh_usage, full_in, vault_pods};
use crate::app::verdict::replicas::headcount;
use crate::app::verdict::{Standing, judge as verdict, sight};

/// The rule.
pub struct VaultOnPressuredNode;

impl Rule for VaultOnPressuredNode {
    fn id(&self) -> RuleId {
        RuleId("vault-on-pressured-node")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Nodes, FeedId::Usage, FeedId::Pods, FeedId::Containers]
    }

    fn fires_when(&self) -> &'static str {
        "a pod of the vault sits on a node that is full, fills up within the hour, or is under pressure"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/vault-on-pressured-node.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let carries = |node: &NodeSeen| !vault_pods(model, &node.object.name).is_empty();
        let bad = |node: &NodeSeen| carries(node) && (!node.pressures.is_empty() || was_high(model, node));
        let all = match nodes(model, &[FeedId::Nodes], now, bad) {
            Err(unseen) => return unseen,
            Ok(all) => all,
        };
        let unseen = sight::missing(model, FeedId::Pods, now);
        let judged = all.into_iter().filter_map(|node| match (strain(model, node, now), &unseen) {
            (Strain::None, _) => Some((node.object.clone(), Finding::Clear)),
            // Where the pods sit is not in sight, and this is where it would matter.
            (_, Some(unseen)) => Some((node.object.clone(), Finding::Unknown(unseen.says()))),
            (_, None) if !carries(node) => None,
            (Strain::Unseen(why), None) => Some((node.object.clone(), Finding::Unknown(why))),
            (Strain::Now(what), None) => Some((node.object.clone(), firing(model, node, &what, true, now))),
            (Strain::Soon(what), None) => Some((node.object.clone(), firing(model, node, &what, false, now))),
        });
        judged.collect()
    }
}

/// What runs out on a node.
enum Strain {
    None,
    /// The kubelet evicts, or may at any moment.
    Now(String),
    /// Within the hour.
    Soon(String),
    /// It was high, and nobody sees how high it is.
    Unseen(String),
}

fn strain(model: &Model, node: &NodeSeen, now: Timestamp) -> Strain {
    let name = node.object.name.as_str();
    if !node.pressures.is_empty() {
        let what: Vec<&str> = node.pressures.iter().map(|(pressure, _)| pressure.as_str()).collect();
        return Strain::Now(format!("{name} has {}", what.join(" and ")));
    }
    let figure = fresh_usage(model, now).and_then(|usage| usage.figure(name, now));
    let Some(percent) = figure.and_then(|figure| node.percent(figure.bytes)) else {
        return if was_high(model, node) {
            Strain::Unseen(format!("nothing says any more how much memory {name} uses"))
        } else {
            Strain::None
        };
    };
    let (_, critical) = model.expect.limits("node-memory", HIGH, FULL);
    if percent >= critical {
        return Strain::Now(format!("{name} uses {percent}% of its memory"));
    }
    match full_in(model, node, now).filter(|left| *left <= HOUR) {
        Some(left) => Strain::Soon(format!("{name} is full in {}", about(left))),
        None => Strain::None,
    }
}

fn firing(model: &Model, node: &NodeSeen, what: &str, present: bool, now: Timestamp) -> Finding {
    let name = node.object.name.as_str();
    let pods = vault_pods(model, name);
    let cost = evicted(model, &pods, now);
    let gone = pods.len() as u32;
    let outage = headcount(model, now).restarts_to_outage().is_none_or(|left| left <= gone);
    let stays = match verdict(model, now, None).state {
        Standing::WillNotReopen | Standing::Down | Standing::NeedsHands => true,
        Standing::Blind | Standing::Unproven | Standing::Survives => false,
    };
    let severity = if present && (outage || stays) { Severity::Critical } else { Severity::Warning };
    Finding::Firing(Firing {
        severity,
        sentence: format!("{} sits where memory or disk runs out: {what}", pods.join(" and ")),
        why: cost.unwrap_or_else(|| "what its eviction would cost cannot be told now".to_owned()),
        next: format!(
            "Make room on {name}: move other pods away from it, and cordon it (kubectl cordon {name}) so that none comes"
        ),
        action: None,
        evidence_since: node.pressures.iter().filter_map(|(_, since)| *since).min(),
    })
}
