//! What nodes and pods use of their memory: from the metrics API, else from some kubelets at a time, else nothing, and why;
//! and Longhorn's instance managers with the volumes that live in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use serde_json::Value;

use super::kubelets::Kubelets;
use super::mirror::Mirror;
use super::{Feed, LONG_LISTS, Wide};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::fact::Fact;
use crate::app::model::nodes::{Figure, Longhorn, Manager, PodUse, Source, UsageSeen, VolumeSeen};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::fault::Right;
use crate::backends::kube::node_digest;
use crate::backends::kube::port::{Kind, Kube, Many, serves};

const METRICS: &str = "/apis/metrics.k8s.io/v1beta1";
const PODS: Kind = Kind::new("", "v1", "Pod", "pods");
const VOLUMES: Kind = Kind::new("longhorn.io", "v1beta2", "Volume", "volumes");
/// Pods are asked for each this many looks: once a minute. They are many, and they only say who is big.
const PODS_EACH: u64 = 4;
/// The biggest pods that are kept, beside the vault's.
const BIGGEST: usize = 200;
/// Seconds for which a figure of the metrics API counts; metrics-server takes one each 15 to 60 s.
const COUNTS: i64 = 300;

/// Figures by node with the time that their source gave them, so that an old one told again grows no younger.
pub(super) type Ages = BTreeMap<String, (String, Figure)>;

/// Takes a figure.
pub(super) fn take(ages: &mut Ages, node: String, time: String, bytes: u64, now: Timestamp) {
    let again = ages.get(&node).filter(|(before, figure)| !time.is_empty() && *before == time && figure.at <= now);
    let at = again.map_or(now, |(_, figure)| figure.at);
    ages.insert(node, (time, Figure { bytes, at }));
}

pub(super) fn figures(ages: &Ages) -> BTreeMap<String, Figure> {
    ages.iter().map(|(node, (_, figure))| (node.clone(), *figure)).collect()
}

/// The feed.
pub struct UsageFeed {
    wide: Wide,
    kube: Arc<dyn Kube>,
    round: u64,
    ages: Ages,
    pods: Vec<PodUse>,
    pods_unread: Option<Trouble>,
    kubelets: Kubelets,
    managers: Mirror<(ObjectRef, String)>,
    volumes: Mirror<VolumeSeen>,
}

impl UsageFeed {
    /// Looks at this cluster.
    pub fn new(wide: &Wide, kube: Arc<dyn Kube>) -> Self {
        let managers = Many { labels: "longhorn.io/component=instance-manager".to_owned(), ..Many::of(PODS, None) };
        Self {
            wide: wide.clone(),
            round: 0,
            ages: Ages::new(),
            pods: Vec::new(),
            pods_unread: None,
            kubelets: Kubelets::new(&kube),
            managers: Mirror::new(Arc::clone(&kube), managers, node_digest::manager),
            volumes: Mirror::new(Arc::clone(&kube), Many::of(VOLUMES, None), node_digest::volume),
            kube,
        }
    }

    /// The figures of the metrics API; `None` where it is not installed.
    async fn metrics(&mut self, now: Timestamp) -> Result<Option<UsageSeen>, Trouble> {
        let path = format!("{METRICS}/nodes");
        let answer = self.kube.raw(&path, &right("metrics.k8s.io", "nodes", "list")).await.map_err(told)?;
        let Some(answer) = answer else { return Ok(None) };
        let mut ages = std::mem::take(&mut self.ages);
        let mut seen = BTreeSet::new();
        for (node, time, bytes) in items(&answer).filter_map(node_digest::node_metrics) {
            seen.insert(node.clone());
            take(&mut ages, node, time, bytes, now);
        }
        ages.retain(|node, _| seen.contains(node));
        self.ages = ages;
        if self.round % PODS_EACH == 1 {
            (self.pods, self.pods_unread) = self.pods_metrics().await;
        }
        Ok(Some(UsageSeen {
            source: Source::Metrics,
            why: String::new(),
            nodes: figures(&self.ages),
            limit: COUNTS,
            pods: self.pods.clone(),
            longhorn: None,
            unread: self.pods_unread.iter().cloned().collect(),
        }))
    }

    /// What pods use. Who may not see them sees the nodes all the same.
    async fn pods_metrics(&self) -> (Vec<PodUse>, Option<Trouble>) {
        let paths = match self.wide.scope.namespaces.as_slice() {
            [] => vec![format!("{METRICS}/pods")],
            some => some.iter().map(|namespace| format!("{METRICS}/namespaces/{namespace}/pods")).collect(),
        };
        let (mut all, mut unread) = (Vec::new(), None);
        for path in paths {
            match self.kube.raw(&path, &right("metrics.k8s.io", "pods", "list")).await {
                Ok(answer) => all.extend(answer.iter().flat_map(items).map(node_digest::pod_metrics)),
                Err(trouble) => {
                    let what = format!("The memory of pods: {}", trouble.kind.word());
                    unread = Some(Trouble { what, ..trouble });
                }
            }
        }
        (all, unread)
    }

    /// The nodes of the vault's pods: they are asked first.
    async fn vault_nodes(&self) -> BTreeSet<String> {
        let selector = self.wide.roster.now().selector;
        let Some(selector) = selector else { return BTreeSet::new() };
        let pods = self.kube.pods(&self.wide.vault.namespace, &selector).await.unwrap_or_default();
        pods.into_iter().filter_map(|pod| pod.spec?.node_name).collect()
    }

    /// Longhorn, where it is installed.
    async fn longhorn(&mut self, pods: &[PodUse]) -> Result<Option<Longhorn>, Trouble> {
        let of = |part: &str, trouble: Trouble| {
            let what = format!("{part} of Longhorn: {}", trouble.kind.word());
            Trouble { what, ..trouble }
        };
        let volumes = match self.volumes.rows().await {
            Ok(volumes) => volumes,
            Err(trouble) if trouble.kind == TroubleKind::Absent => return Ok(None),
            Err(trouble)
                if trouble.kind == TroubleKind::Denied
                    && !serves(self.kube.as_ref(), VOLUMES).await.unwrap_or(true) =>
            {
                return Ok(None);
            }
            Err(trouble) => return Err(of("The volumes", trouble)),
        };
        let managers = self.managers.rows().await.map_err(|trouble| of("The instance managers", trouble))?;
        let used: BTreeMap<&ObjectRef, u64> = pods.iter().map(|pod| (&pod.object, pod.bytes)).collect();
        let managers = managers.into_iter().map(|(object, node)| {
            let bytes = used.get(&object).copied();
            Manager { object, node, bytes }
        });
        Ok(Some(Longhorn { managers: managers.collect(), volumes }))
    }

    /// The biggest and the vault's, the biggest first.
    fn biggest(&self, mut pods: Vec<PodUse>) -> Vec<PodUse> {
        let members = self.wide.roster.now().members.unwrap_or_default();
        let own = |pod: &PodUse| {
            pod.object.namespace == self.wide.vault.namespace && members.iter().any(|member| pod.object.name == *member)
        };
        pods.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.object.cmp(&b.object)));
        let mut rank = 0;
        pods.retain(|pod| {
            rank += 1;
            rank <= BIGGEST || own(pod)
        });
        pods
    }
}

/// Nothing says what is used, and why.
const fn nothing(why: String) -> UsageSeen {
    UsageSeen {
        source: Source::Requests,
        why,
        nodes: BTreeMap::new(),
        limit: COUNTS,
        pods: Vec::new(),
        longhorn: None,
        unread: Vec::new(),
    }
}

/// The line of a Role that allows this.
pub(super) fn right(group: &str, resource: &str, verb: &str) -> String {
    Right { group, resource, verbs: &[verb], namespace: None, name: None }.line()
}

fn items(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.pointer("/items").and_then(Value::as_array).into_iter().flatten()
}

const DOWN: &str = "The memory in use cannot be read: metrics-server does not answer";

/// The API server answers, and what stands behind it does not: that is metrics-server's trouble.
fn told(trouble: Trouble) -> Trouble {
    if trouble.kind == TroubleKind::Unreachable && trouble.why.contains("answers 503") {
        return Trouble::unreachable(
            DOWN,
            &trouble.why,
            "kubectl get apiservice v1beta1.metrics.k8s.io says why; look at metrics-server's pod and its log",
        );
    }
    trouble
}

#[async_trait]
impl Feed for UsageFeed {
    fn id(&self) -> FeedId {
        FeedId::Usage
    }

    fn patience(&self) -> Duration {
        LONG_LISTS
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        self.round += 1;
        let now = self.wide.clock.now();
        let mut seen = match self.metrics(now).await {
            Ok(Some(seen)) => {
                self.kubelets.forget();
                seen
            }
            // Nobody answers: the kubelets would be asked by way of the same API server.
            Err(trouble) if trouble.kind == TroubleKind::Unreachable && trouble.what != DOWN => return Err(trouble),
            metrics => {
                let lacks = match &metrics {
                    Ok(_) => "no metrics API is installed",
                    Err(trouble) if trouble.kind == TroubleKind::Denied => "the metrics API may not be read",
                    Err(_) => "metrics-server does not answer",
                };
                let by_kubelets = if self.kubelets.resting() {
                    None
                } else {
                    let first = self.vault_nodes().await;
                    self.kubelets.look(&first, now, lacks).await
                };
                match (by_kubelets, metrics) {
                    (Some(seen), _) => seen,
                    (None, Ok(_)) => nothing(self.kubelets.why(lacks)),
                    (None, Err(trouble)) => return Err(trouble),
                }
            }
        };
        match self.longhorn(&seen.pods).await {
            Ok(longhorn) => seen.longhorn = longhorn,
            Err(trouble) => seen.unread.push(trouble),
        }
        seen.pods = self.biggest(seen.pods);
        Ok(vec![Fact::Usage(seen)])
    }

    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        Some(stream::select_all([self.managers.stream(), self.volumes.stream(), self.kubelets.stream()]).boxed())
    }
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
