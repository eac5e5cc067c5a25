//! A node is not ready: critical where the vault sits on it.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::node_sight::nodes;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::nodes::NodeSeen;
use crate::app::nodes::vault_pods;

/// The rule.
pub struct NodeNotReady;

impl Rule for NodeNotReady {
    fn id(&self) -> RuleId {
        RuleId("node-not-ready")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Nodes, FeedId::Usage, FeedId::Pods, FeedId::Containers]
    }

    fn fires_when(&self) -> &'static str {
        "a node is not ready; critical where a pod of the vault sits on it"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/node-not-ready.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        match nodes(model, &[FeedId::Nodes], now, |node| node.ready == Some(false)) {
            Err(unseen) => unseen,
            Ok(all) => all.into_iter().map(|node| (node.object.clone(), judge(model, node))).collect(),
        }
    }
}

fn judge(model: &Model, node: &NodeSeen) -> Finding {
    let name = node.object.name.as_str();
    match node.ready {
        // One that was made a moment ago has not said anything yet.
        Some(true) | None => return Finding::Clear,
        Some(false) => {}
    }
    let vault = vault_pods(model, name);
    let reason = if node.reason.is_empty() { String::new() } else { format!(" ({})", node.reason) };
    let why = if vault.is_empty() {
        "its pods are evicted after five minutes, and nothing new starts there".to_owned()
    } else {
        format!("{} sits there, and after five minutes Kubernetes deletes what sits there", vault.join(" and "))
    };
    Finding::Firing(Firing {
        severity: if vault.is_empty() { Severity::Warning } else { Severity::Critical },
        sentence: format!("{name} is not ready{reason}"),
        why,
        next: format!("kubectl describe node {name} says since when and why; look at its kubelet and its network"),
        action: None,
        evidence_since: node.unready_since,
    })
}
