//! A node's kubelet says that something runs out: it evicts pods now.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::node_sight::nodes;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::nodes::NodeSeen;
use crate::app::nodes::vault_pods;

/// The rule.
pub struct NodePressure;

impl Rule for NodePressure {
    fn id(&self) -> RuleId {
        RuleId("node-pressure")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Nodes, FeedId::Usage, FeedId::Pods, FeedId::Containers]
    }

    fn fires_when(&self) -> &'static str {
        "a node has MemoryPressure (critical), DiskPressure or PIDPressure"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/node-pressure.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        match nodes(model, &[FeedId::Nodes], now, |node| !node.pressures.is_empty()) {
            Err(unseen) => unseen,
            Ok(all) => all.into_iter().map(|node| (node.object.clone(), judge(model, node))).collect(),
        }
    }
}

fn judge(model: &Model, node: &NodeSeen) -> Finding {
    if node.pressures.is_empty() {
        return Finding::Clear;
    }
    let name = node.object.name.as_str();
    let what: Vec<&str> = node.pressures.iter().map(|(pressure, _)| pressure.as_str()).collect();
    let vault = vault_pods(model, name);
    let sits = if vault.is_empty() { String::new() } else { format!("; {} sits there", vault.join(" and ")) };
    Finding::Firing(Firing {
        severity: if what.contains(&"MemoryPressure") { Severity::Critical } else { Severity::Warning },
        sentence: format!("{name} has {}", what.join(" and ")),
        why: format!("its kubelet evicts pods until it has room again, and takes no new ones{sits}"),
        next: format!("kubectl describe node {name} says what runs out; free it there"),
        action: None,
        evidence_since: node.pressures.iter().filter_map(|(_, since)| *since).min(),
    })
}
