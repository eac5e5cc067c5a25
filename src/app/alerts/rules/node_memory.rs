//! A node uses most of its memory: a warning from 85 % of its capacity, critical from 95 %.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::node_sight::{figureless, nodes, was_high};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::nodes::NodeSeen;
use crate::app::nodes::{FULL, HIGH, biggest, fresh_usage, memory, vault_pods};

/// The rule.
pub struct NodeMemory;

impl Rule for NodeMemory {
    fn id(&self) -> RuleId {
        RuleId("node-memory")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn clear(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Nodes, FeedId::Usage, FeedId::Containers]
    }

    fn fires_when(&self) -> &'static str {
        "a node uses 85 % (critical: 95 %) of its memory or more"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/node-memory.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        match nodes(model, &[FeedId::Nodes, FeedId::Usage], now, |node| was_high(model, node)) {
            Err(unseen) => unseen,
            Ok(all) => {
                let judged = all.into_iter().filter_map(|node| Some((node.object.clone(), judge(model, node, now)?)));
                judged.collect()
            }
        }
    }
}

fn judge(model: &Model, node: &NodeSeen, now: Timestamp) -> Option<Finding> {
    let name = node.object.name.as_str();
    let figure = fresh_usage(model, now).and_then(|usage| usage.figure(name, now));
    let Some((figure, percent)) = figure.and_then(|figure| Some((figure, node.percent(figure.bytes)?))) else {
        return figureless(model, node, now);
    };
    let (warning, critical) = model.expect.limits("node-memory", HIGH, FULL);
    if percent < warning.min(critical) {
        return Some(Finding::Clear);
    }
    let big: Vec<String> = biggest(model, name, now)
        .into_iter()
        .take(3)
        .map(|pod| format!("{} {}", pod.object.path(), memory(pod.bytes)))
        .collect();
    let mut why = format!("{} of {} are in use", memory(figure.bytes), memory(node.capacity));
    if !big.is_empty() {
        why = format!("{why}; the biggest: {}", big.join(", "));
    }
    let vault = vault_pods(model, name);
    let next = if vault.is_empty() {
        format!(
            "Find what grows: kubectl top pods -A --sort-by=memory; then move it away from {name}, or give it a limit"
        )
    } else {
        format!(
            "{} sits there: move what grows away from {name} before the kubelet chooses whom to evict",
            vault.join(" and ")
        )
    };
    Some(Finding::Firing(Firing {
        severity: if percent >= critical { Severity::Critical } else { Severity::Warning },
        sentence: format!("{name} uses {percent}% of its memory"),
        why,
        next,
        action: None,
        evidence_since: None,
    }))
}
