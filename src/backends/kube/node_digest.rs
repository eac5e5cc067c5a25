//! Nodes, their memory and Longhorn's objects reduced to what the model knows of them; from JSON, as it came.

use jiff::Timestamp;
use serde_json::Value;

use super::at::At as _;
use super::quantity::units;
use crate::app::id::ObjectRef;
use crate::app::model::nodes::{NodeSeen, PodUse, VolumeSeen};
use crate::app::text::clean;

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.at(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn moment(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer).parse().ok()
}

fn each<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.at(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Conditions of a node that mean that something runs out.
const PRESSURES: [&str; 3] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

/// One node. Heartbeats are left out: a node that only lives on is the same node.
pub fn node(object: &Value) -> Option<NodeSeen> {
    let name = clean(text(object, "/metadata/name"));
    if name.is_empty() {
        return None;
    }
    let ready = each(object, "/status/conditions").find(|condition| text(condition, "/type") == "Ready");
    let is_ready = ready.map(|condition| text(condition, "/status") == "True");
    let mut pressures: Vec<_> = each(object, "/status/conditions")
        .filter(|condition| PRESSURES.contains(&text(condition, "/type")) && text(condition, "/status") == "True")
        .map(|condition| (text(condition, "/type").to_owned(), moment(condition, "/lastTransitionTime")))
        .collect();
    pressures.sort();
    let not_ready = ready.filter(|_| is_ready == Some(false));
    Some(NodeSeen {
        object: ObjectRef::new("Node", "", &name),
        capacity: units(text(object, "/status/capacity/memory")).unwrap_or_default(),
        ready: is_ready,
        reason: not_ready.map(|condition| clean(text(condition, "/reason"))).unwrap_or_default(),
        pressures,
        unready_since: not_ready.and_then(|condition| moment(condition, "/lastTransitionTime")),
        cordoned: object.at("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false),
    })
}

/// One figure of a node from `metrics.k8s.io`: name, the source's own time, bytes.
pub fn node_metrics(item: &Value) -> Option<(String, String, u64)> {
    let bytes = units(text(item, "/usage/memory"))?;
    Some((clean(text(item, "/metadata/name")), text(item, "/timestamp").to_owned(), bytes))
}

/// One pod from `metrics.k8s.io`.
pub fn pod_metrics(item: &Value) -> PodUse {
    let bytes = each(item, "/containers").filter_map(|container| units(text(container, "/usage/memory"))).sum();
    let object = ObjectRef::pod(&clean(text(item, "/metadata/namespace")), &clean(text(item, "/metadata/name")));
    PodUse { object, node: None, bytes }
}

/// What a kubelet's `stats/summary` says of its node and its pods: the source's own time, bytes, the pods.
pub fn summary(answer: &Value, node: &str) -> Option<(String, u64, Vec<PodUse>)> {
    let bytes = answer.at("/node/memory/workingSetBytes").and_then(Value::as_u64)?;
    let pods = each(answer, "/pods").map(|pod| {
        let of_containers = || {
            let figures = each(pod, "/containers");
            figures.filter_map(|one| one.at("/memory/workingSetBytes").and_then(Value::as_u64)).sum()
        };
        let whole = pod.at("/memory/workingSetBytes").and_then(Value::as_u64);
        PodUse {
            object: ObjectRef::pod(&clean(text(pod, "/podRef/namespace")), &clean(text(pod, "/podRef/name"))),
            node: Some(node.to_owned()),
            bytes: whole.unwrap_or_else(of_containers),
        }
    });
    Some((text(answer, "/node/memory/time").to_owned(), bytes, pods.collect()))
}

/// An instance manager of Longhorn: the pod and its node.
pub fn manager(pod: &Value) -> Option<(ObjectRef, String)> {
    let node = clean(text(pod, "/spec/nodeName"));
    let object = ObjectRef::pod(&clean(text(pod, "/metadata/namespace")), &clean(text(pod, "/metadata/name")));
    (!node.is_empty()).then_some((object, node))
}

/// A volume of Longhorn.
pub fn volume(object: &Value) -> Option<VolumeSeen> {
    let node = clean(text(object, "/status/currentNodeID"));
    if node.is_empty() {
        return None;
    }
    let claim = text(object, "/status/kubernetesStatus/pvcName");
    let namespace = text(object, "/status/kubernetesStatus/namespace");
    Some(VolumeSeen {
        name: clean(text(object, "/metadata/name")),
        node,
        claim: (!claim.is_empty()).then(|| ObjectRef::new("PersistentVolumeClaim", &clean(namespace), &clean(claim))),
        pods: each(object, "/status/kubernetesStatus/workloadsStatus")
            .map(|one| clean(text(one, "/podName")))
            .filter(|name| !name.is_empty())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lives(heartbeat: &str, pressure: &str, ready: &str) -> Value {
        json!({"kind": "Node", "metadata": {"name": "node-a", "resourceVersion": heartbeat},
            "spec": {"unschedulable": true},
            "status": {"capacity": {"memory": "65536Mi"}, "conditions": [
                {"type": "MemoryPressure", "status": pressure, "lastTransitionTime": "2026-11-22T04:00:00Z", "lastHeartbeatTime": heartbeat},
                {"type": "NetworkUnavailable", "status": "True"},
                {"type": "Ready", "status": ready, "reason": "NodeStatusUnknown", "lastTransitionTime": "2026-11-22T04:01:00Z",
                    "lastHeartbeatTime": heartbeat}]}})
    }

    #[test]
    fn a_heartbeat_changes_nothing() {
        let first = node(&lives("2026-11-22T04:02:00Z", "False", "True")).unwrap();
        assert_eq!(Some(first.clone()), node(&lives("2026-11-22T04:07:00Z", "False", "True")));
        assert_eq!((first.capacity, first.ready, first.cordoned), (64 << 30, Some(true), true));
        assert!(first.pressures.is_empty() && first.unready_since.is_none() && first.reason.is_empty());
    }

    #[test]
    fn unknown_is_not_ready_and_pressure_has_its_time() {
        let seen = node(&lives("x", "True", "Unknown")).unwrap();
        assert_eq!((seen.ready, seen.reason.as_str()), (Some(false), "NodeStatusUnknown"));
        assert_eq!(seen.pressures, [("MemoryPressure".to_owned(), Some("2026-11-22T04:00:00Z".parse().unwrap()))]);
        assert_eq!(seen.unready_since, Some("2026-11-22T04:01:00Z".parse().unwrap()));
        let silent = node(&json!({"metadata": {"name": "new"}})).unwrap();
        assert_eq!((silent.ready, silent.capacity), (None, 0));
    }

    #[test]
    fn a_kubelets_summary() {
        let answer = json!({"node": {"memory": {"time": "t", "workingSetBytes": 100}},
            "pods": [{"podRef": {"name": "p", "namespace": "n"}, "containers": [{"memory": {"workingSetBytes": 3}}, {"memory": {"workingSetBytes": 4}}]}]});
        let (time, bytes, pods) = summary(&answer, "a").unwrap();
        assert_eq!((time.as_str(), bytes, pods[0].bytes), ("t", 100, 7));
        assert_eq!(pods[0].node.as_deref(), Some("a"));
        assert!(summary(&json!({}), "a").is_none());
    }
}
