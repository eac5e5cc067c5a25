//! Pods and the StatefulSet reduced to what the model knows of them.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::app::model::workload::{ContainerSeen, PodSeen, WorkloadSeen};
use crate::app::text::clean;

/// More replicas than anybody runs; a mistyped `replicas` must not fill the screen and the memory.
const MOST_REPLICAS: u32 = 99;

/// The StatefulSet's promise. `tls` is found elsewhere, in the server's configuration.
pub fn workload(set: &StatefulSet, tls: bool) -> WorkloadSeen {
    let spec = set.spec.as_ref();
    let name = clean(set.metadata.name.as_deref().unwrap_or_default());
    // The API server's own default.
    let replicas = spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let replicas = u32::try_from(replicas).unwrap_or(0).min(MOST_REPLICAS);
    let start =
        spec.and_then(|spec| spec.ordinals.as_ref()?.start).and_then(|start| u32::try_from(start).ok()).unwrap_or(0);
    let status = set.status.as_ref();
    let current = status.and_then(|status| status.current_revision.as_deref()).unwrap_or_default();
    let update = status.and_then(|status| status.update_revision.as_deref()).unwrap_or_default();
    WorkloadSeen {
        namespace: clean(set.metadata.namespace.as_deref().unwrap_or_default()),
        members: members(&name, start, replicas),
        name,
        replicas,
        ordered: spec.is_none_or(|spec| spec.pod_management_policy.as_deref() != Some("Parallel")),
        on_delete: spec
            .and_then(|spec| spec.update_strategy.as_ref()?.type_.as_deref())
            .is_some_and(|strategy| strategy == "OnDelete"),
        rollout_pending: !update.is_empty() && current != update,
        tls,
    }
}

/// `openbao-0`, `openbao-1`, …
fn members(name: &str, start: u32, replicas: u32) -> Vec<String> {
    (start..start.saturating_add(replicas)).map(|ordinal| format!("{name}-{ordinal}")).collect()
}

/// The label selector of the StatefulSet's pods, as a list request wants it.
pub fn selector(set: &StatefulSet) -> Option<String> {
    let labels = set.spec.as_ref()?.selector.match_labels.as_ref()?;
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

/// The StatefulSet that owns a pod.
pub fn owner(pod: &Pod) -> Option<&str> {
    pod.metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.kind == "StatefulSet")
        .map(|owner| owner.name.as_str())
}

/// Pods of one StatefulSet, in order of their ordinals.
pub fn pods(pods: &[Pod], set: &str) -> Vec<PodSeen> {
    let mut seen: Vec<PodSeen> =
        pods.iter().filter(|pod| owner(pod).is_none_or(|owner| owner == set)).map(self::pod).collect();
    seen.sort_by_key(|pod| (ordinal(&pod.name), pod.name.clone()));
    seen
}

/// The number at the end of a pod's name.
pub fn ordinal(name: &str) -> u32 {
    name.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(u32::MAX)
}

/// One pod.
pub fn pod(pod: &Pod) -> PodSeen {
    let (meta, status) = (&pod.metadata, pod.status.as_ref());
    let told: Vec<&ContainerStatus> = status
        .into_iter()
        .flat_map(|status| status.container_statuses.iter().chain(status.init_container_statuses.iter()).flatten())
        .collect();
    // In the order of the spec: the server first, and native sidecars but no init container that ends.
    let names = pod.spec.iter().flat_map(super::mounts::lasting).map(|container| container.name.as_str());
    let containers = names
        .map(|name| {
            told.iter().find(|status| status.name == name).map_or_else(
                || ContainerSeen {
                    name: clean(name),
                    running: false,
                    ready: false,
                    started: None,
                    restarts: 0,
                    reason: None,
                },
                |status| container(status),
            )
        })
        .collect();
    PodSeen {
        name: clean(meta.name.as_deref().unwrap_or_default()),
        uid: clean(meta.uid.as_deref().unwrap_or_default()),
        phase: clean(status.and_then(|status| status.phase.as_deref()).unwrap_or("Unknown")),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).map(clean),
        deleting: meta.deletion_timestamp.is_some(),
        created: meta.creation_timestamp.as_ref().map(|time| time.0),
        containers,
    }
}

fn container(status: &ContainerStatus) -> ContainerSeen {
    let state = status.state.as_ref();
    let running = state.and_then(|state| state.running.as_ref());
    let waiting = state.and_then(|state| state.waiting.as_ref()).and_then(|waiting| waiting.reason.as_deref());
    let ended = state.and_then(|state| state.terminated.as_ref());
    ContainerSeen {
        name: clean(&status.name),
        running: running.is_some(),
        ready: status.ready,
        started: running.and_then(|running| running.started_at.as_ref()).map(|time| time.0),
        restarts: u32::try_from(status.restart_count).unwrap_or(0),
        reason: waiting
            .map(clean)
            .or_else(|| ended.map(|ended| clean(ended.reason.as_deref().unwrap_or("Terminated")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_stateful_set_promises_its_members() {
        let set: StatefulSet = serde_json::from_value(json!({
            "metadata": {"name": "openbao", "namespace": "data"},
            "spec": {"replicas": 3, "serviceName": "openbao-internal", "selector": {"matchLabels": {"component": "server", "app": "x"}},
                     "template": {}, "updateStrategy": {"type": "OnDelete"}},
            "status": {"replicas": 3, "currentRevision": "a", "updateRevision": "b"}
        }))
        .unwrap();
        let seen = workload(&set, true);
        assert_eq!(seen.members, ["openbao-0", "openbao-1", "openbao-2"]);
        assert!(seen.ordered && seen.on_delete && seen.rollout_pending && seen.tls);
        assert_eq!(selector(&set).as_deref(), Some("app=x,component=server"));
        let bare: StatefulSet = serde_json::from_value(json!({"metadata": {"name": "v"}, "spec": {
            "podManagementPolicy": "Parallel", "ordinals": {"start": 4}, "selector": {}, "template": {}}}))
        .unwrap();
        assert_eq!(workload(&bare, false).members, ["v-4"]);
        assert!(!workload(&bare, false).ordered && selector(&bare).is_none());
    }

    #[test]
    fn a_pod_is_told_safely() {
        let raw: Pod = serde_json::from_value(json!({
            "metadata": {"name": "openbao-0\u{1b}[2J", "uid": "u", "creationTimestamp": "2026-11-22T05:00:00Z",
                         "deletionTimestamp": "2026-11-22T05:10:00Z"},
            "spec": {"nodeName": "n1", "containers": [{"name": "openbao"}, {"name": "unsealer"}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "unsealer", "ready": false, "restartCount": 4, "image": "", "imageID": "",
                 "state": {"waiting": {"reason": "CrashLoopBackOff\u{202e}"}}},
                {"name": "openbao", "ready": true, "restartCount": 1, "image": "", "imageID": "",
                 "state": {"running": {"startedAt": "2026-11-22T05:01:00Z"}}}]}
        }))
        .unwrap();
        let seen = pod(&raw);
        assert_eq!(seen.name, "openbao-0[2J");
        assert!(seen.deleting && seen.created.is_some());
        assert_eq!(seen.containers[0].name, "openbao");
        assert!(seen.containers[0].running && seen.containers[0].started.is_some());
        assert_eq!(seen.containers[1].reason.as_deref(), Some("CrashLoopBackOff"));
        assert_eq!(seen.life(), ("u".to_owned(), 1));
    }

    #[test]
    fn pods_come_in_order_and_of_one_set() {
        let of = |name: &str, owner: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": name, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": owner, "uid": "u"}]}}))
            .unwrap()
        };
        let all = [of("b-10", "b"), of("b-2", "b"), of("other-0", "other")];
        assert_eq!(pods(&all, "b").iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["b-2", "b-10"]);
    }
}
