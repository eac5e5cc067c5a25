//! A pod reduced to its life: whose it is, since when each of its containers runs, and how the last ones ended.

use jiff::Timestamp;
use serde_json::Value;

use super::at::At as _;
use super::quantity::units;
use crate::app::id::ObjectRef;
use crate::app::model::consumers::PodLife;
use crate::app::text::clean;

/// One pod.
pub fn digest(object: &Value) -> Option<PodLife> {
    let meta = object.get("metadata")?;
    let namespace = clean(text(meta, "namespace"));
    let statuses = |list: &str| {
        let found = object.at(&format!("/status/{list}")).and_then(Value::as_array);
        found.into_iter().flatten()
    };
    let started = |status: &Value, state: &str| {
        let at = time(status.at(&format!("/state/{state}/startedAt")))?;
        Some((clean(text(status, "name")).into(), at))
    };
    let all = || statuses("containerStatuses").chain(statuses("initContainerStatuses"));
    Some(PodLife {
        owner: owner(meta, &namespace),
        node: clean(object.at("/spec/nodeName").and_then(Value::as_str).unwrap_or_default()).into(),
        revision: clean(revision(meta).unwrap_or_default()).into(),
        containers: all().filter_map(|status| started(status, "running")).collect(),
        init: statuses("initContainerStatuses").filter_map(|status| started(status, "terminated")).collect(),
        oom_killed: all().flat_map(killed).max(),
        evicted: object.at("/status/reason").and_then(Value::as_str) == Some("Evicted"),
        deleting: meta.get("deletionTimestamp").is_some(),
        component: label(meta, "longhorn.io/component").map(clean),
        requests: requests(object),
        object: ObjectRef::pod(&namespace, &clean(text(meta, "name"))),
    })
}

/// What it requests of its node's memory, bytes, as the scheduler counts it; nothing where it holds nothing there.
fn requests(pod: &Value) -> u64 {
    let phase = pod.at("/status/phase").and_then(Value::as_str);
    if pod.at("/spec/nodeName").is_none() || matches!(phase, Some("Succeeded" | "Failed")) {
        return 0;
    }
    let each = |list: &str| pod.at(list).and_then(Value::as_array).into_iter().flatten();
    let quantity = |value: Option<&Value>| value.and_then(Value::as_str).and_then(units).unwrap_or_default();
    let of = |container: &Value| quantity(container.at("/resources/requests/memory"));
    let sidecar = |container: &&Value| text(container, "restartPolicy") == "Always";
    let beside = each("/spec/initContainers").filter(sidecar);
    let steady = each("/spec/containers").chain(beside).map(of).fold(0, u64::saturating_add);
    // Init containers run one after the other, before the others.
    let before = each("/spec/initContainers").filter(|one| !sidecar(one)).map(of).max().unwrap_or_default();
    steady.max(before).saturating_add(quantity(pod.at("/spec/overhead/memory")))
}

/// When a container was killed for memory: in its last life, or now.
fn killed(status: &Value) -> impl Iterator<Item = Timestamp> + '_ {
    ["/lastState/terminated", "/state/terminated"]
        .into_iter()
        .filter_map(|state| status.at(state))
        .filter(|end| text(end, "reason") == "OOMKilled")
        .filter_map(|end| time(end.get("finishedAt")))
}

/// The controller; a ReplicaSet stands for what made it, whose name it carries with the hash of the template behind it.
fn owner(meta: &Value, namespace: &str) -> Option<ObjectRef> {
    let owners = meta.get("ownerReferences").and_then(Value::as_array)?;
    let owner = owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
    let (kind, name) = (text(owner, "kind"), text(owner, "name"));
    if kind == "ReplicaSet" {
        for (maker, hash) in [("Rollout", "rollouts-pod-template-hash"), ("Deployment", "pod-template-hash")] {
            let made = label(meta, hash).and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'));
            if let Some(made) = made {
                return Some(ObjectRef::new(maker, namespace, &clean(made)));
            }
        }
    }
    Some(ObjectRef::new(&clean(kind), namespace, &clean(name)))
}

fn revision(meta: &Value) -> Option<&str> {
    ["controller-revision-hash", "rollouts-pod-template-hash", "pod-template-hash"]
        .into_iter()
        .find_map(|key| label(meta, key))
}

fn label<'a>(meta: &'a Value, key: &str) -> Option<&'a str> {
    meta.get("labels")?.get(key)?.as_str()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value.and_then(Value::as_str)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_count_as_the_scheduler_does() {
        let of = |memory: &str| json!({"resources": {"requests": {"memory": memory}}});
        let mut init = of("5Gi");
        let mut pod =
            json!({"spec": {"nodeName": "a", "containers": [of("1Gi"), of("512Mi"), {}], "initContainers": [init]}});
        assert_eq!(requests(&pod), 5 << 30);
        init["restartPolicy"] = json!("Always");
        pod["spec"]["initContainers"] = json!([init]);
        assert_eq!(requests(&pod), (6 << 30) + (512 << 20));
        pod["status"]["phase"] = json!("Succeeded");
        assert_eq!(requests(&pod), 0);
    }
}
