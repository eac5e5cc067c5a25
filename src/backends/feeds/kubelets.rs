//! What kubelets say of their nodes' memory, where no metrics API is installed: a few a round, the vault's nodes first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::mirror::Mirror;
use super::nodes::NODES;
use super::usage::{Ages, figures, right, take};
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::nodes::{PodUse, Source, UsageSeen};
use crate::app::time::within;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::node_digest;
use crate::backends::kube::port::{Kube, Many};

/// Kubelets that are asked in one look, the vault's included.
const BUDGET: usize = 8;
/// Looks that pass before kubelets that may not be asked, or that do not answer, are asked again: five minutes.
const REST: u32 = 20;
/// A kubelet that takes longer is left out of this look.
const LONGEST: Duration = Duration::from_secs(5);
/// A figure counts at least this many seconds.
const COUNTS: i64 = 300;

/// The kubelets of this cluster.
pub(super) struct Kubelets {
    kube: Arc<dyn Kube>,
    names: Mirror<String>,
    /// The last one that was asked in its turn.
    turn: String,
    ages: Ages,
    /// And what their pods used then.
    pods: BTreeMap<String, (Timestamp, Vec<PodUse>)>,
    rest: u32,
    refused: String,
}

impl Kubelets {
    pub(super) fn new(kube: &Arc<dyn Kube>) -> Self {
        let nodes = Many { metadata_only: true, ..Many::of(NODES, None) };
        Self {
            kube: Arc::clone(kube),
            names: Mirror::new(Arc::clone(kube), nodes, name),
            turn: String::new(),
            ages: Ages::new(),
            pods: BTreeMap::new(),
            rest: 0,
            refused: String::new(),
        }
    }

    /// Whether they are left alone in this look.
    pub(super) const fn resting(&mut self) -> bool {
        let resting = self.rest > 0;
        self.rest = self.rest.saturating_sub(1);
        resting
    }

    /// Something better answers: what they said is old when they are asked again.
    pub(super) fn forget(&mut self) {
        self.ages.clear();
        self.pods.clear();
        self.rest = 0;
    }

    /// Why nothing says what is used.
    pub(super) fn why(&self, lacks: &str) -> String {
        format!("{lacks}, and {}", self.refused)
    }

    /// Keeps the names of the nodes.
    pub(super) fn stream(&self) -> BoxStream<'static, Result<Vec<Fact>, Trouble>> {
        self.names.stream()
    }

    /// Asks a few; `None` where none of them says anything. `lacks` says why nothing better was asked.
    pub(super) async fn look(&mut self, first: &BTreeSet<String>, now: Timestamp, lacks: &str) -> Option<UsageSeen> {
        let names: BTreeSet<String> = match self.names.rows().await {
            Ok(names) => names.into_iter().collect(),
            // The vault's own nodes are known by its pods.
            Err(_) => first.clone(),
        };
        let rounds = names.len().div_ceil(BUDGET.saturating_sub(first.len().min(BUDGET - 1)));
        let rounds = i64::try_from(rounds).unwrap_or(i64::MAX);
        let round = rounds.saturating_mul(FeedId::Usage.period().as_secs());
        let limit = COUNTS.max(round.saturating_mul(2));
        let counts = |at: Timestamp| within(now, at, SignedDuration::from_secs(limit));
        self.ages.retain(|node, (_, figure)| names.contains(node) && counts(figure.at));
        self.pods.retain(|node, (at, _)| names.contains(node) && counts(*at));
        let asked = self.chosen(&names, first);
        let kube = &self.kube;
        let allow = right("", "nodes/proxy", "get");
        let answers = join_all(asked.into_iter().map(|node| {
            let allow = allow.clone();
            async move {
                let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
                // One that hangs must not cost the others their figures.
                let answer = tokio::time::timeout(LONGEST, kube.raw(&path, &allow)).await.unwrap_or_else(|_| {
                    Err(Trouble::unreachable(&format!("the kubelet of {node}"), "nothing came within 5 s", ""))
                });
                (node, answer)
            }
        }))
        .await;
        let mut refused = None;
        for (node, answer) in answers {
            match answer.map(|answer| answer.and_then(|answer| node_digest::summary(&answer, &node))) {
                Ok(Some((time, bytes, pods))) => {
                    take(&mut self.ages, node.clone(), time, bytes, now);
                    self.pods.insert(node, (now, pods));
                }
                Ok(None) => {
                    refused.get_or_insert_with(|| "the kubelets have no stats/summary".to_owned());
                }
                Err(trouble) if trouble.kind == TroubleKind::Denied => {
                    refused = Some(format!("kubelets may not be asked. {}", trouble.next));
                }
                Err(trouble) => {
                    refused.get_or_insert_with(|| format!("the kubelets do not answer ({})", trouble.why));
                }
            }
        }
        if self.ages.is_empty() {
            self.rest = REST;
            self.refused = refused.unwrap_or_else(|| "no kubelet is known".to_owned());
            return None;
        }
        Some(UsageSeen {
            source: Source::Kubelet,
            why: format!("{lacks}: kubelets are asked in turn"),
            nodes: figures(&self.ages),
            limit,
            pods: self.pods.values().flat_map(|(_, pods)| pods).cloned().collect(),
            longhorn: None,
            unread: Vec::new(),
        })
    }

    /// Which are asked now: the vault's nodes, and then those whose turn it is.
    fn chosen(&mut self, names: &BTreeSet<String>, first: &BTreeSet<String>) -> Vec<String> {
        let mut chosen: Vec<String> = names.intersection(first).take(BUDGET - 1).cloned().collect();
        let after = names.iter().filter(|name| **name > self.turn);
        let around = after.chain(names.iter().filter(|name| **name <= self.turn));
        let others: Vec<String> =
            around.filter(|name| !chosen.contains(name)).take(BUDGET - chosen.len()).cloned().collect();
        if let Some(last) = others.last() {
            self.turn.clone_from(last);
        }
        chosen.extend(others);
        chosen
    }
}

/// A name that is safe in a path.
fn name(object: &Value) -> Option<String> {
    let name = object.pointer("/metadata/name")?.as_str()?;
    let safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    (!name.is_empty() && name.chars().all(safe)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::kube::fake::FakeKube;

    #[test]
    fn a_thousand_nodes_take_turns_and_the_vaults_go_first() {
        let kube: Arc<dyn Kube> = Arc::new(FakeKube::default());
        let mut kubelets = Kubelets::new(&kube);
        let names: BTreeSet<String> = (0..100).map(|n| format!("node-{n:03}")).collect();
        let first: BTreeSet<String> = ["node-050", "node-099", "elsewhere"].map(str::to_owned).into();
        let mut asked: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..17 {
            let chosen = kubelets.chosen(&names, &first);
            assert_eq!(chosen.len(), BUDGET);
            assert_eq!(chosen[..2], ["node-050", "node-099"]);
            for name in chosen {
                *asked.entry(name).or_default() += 1;
            }
        }
        assert_eq!(asked.len(), 100, "each has had its turn");
        assert!(asked.iter().all(|(name, times)| first.contains(name) || *times <= 2));
    }

    #[test]
    fn few_nodes_are_asked_once_each() {
        let kube: Arc<dyn Kube> = Arc::new(FakeKube::default());
        let mut kubelets = Kubelets::new(&kube);
        let names: BTreeSet<String> = ["a", "b", "c"].map(str::to_owned).into();
        for _ in 0..3 {
            let mut chosen = kubelets.chosen(&names, &["b".to_owned()].into());
            assert_eq!(chosen.remove(0), "b");
            assert_eq!(chosen, ["a", "c"]);
        }
        assert_eq!(name(&serde_json::json!({"metadata": {"name": "a/../b"}})), None);
    }
}
