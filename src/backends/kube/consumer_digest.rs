//! A workload reduced to the Secrets that it consumes, how its rollout stands, and who restarted it.

use jiff::Timestamp;
use serde_json::Value;

use super::at::At as _;
use crate::app::id::ObjectRef;
use crate::app::model::consumers::{ConsumerSeen, Rollout, Use, Way};
use crate::app::text::clean;

/// A Deployment that uses a Secret.
pub fn deployment(object: &Value) -> Option<ConsumerSeen> {
    digest(object, "Deployment", of_deployment)
}

/// A StatefulSet that uses a Secret, or that is a vault.
pub fn stateful_set(object: &Value) -> Option<ConsumerSeen> {
    digest(object, "StatefulSet", of_stateful_set)
}

/// A DaemonSet that uses a Secret.
pub fn daemon_set(object: &Value) -> Option<ConsumerSeen> {
    digest(object, "DaemonSet", of_daemon_set)
}

/// An Argo Rollout that uses a Secret.
pub fn argo_rollout(object: &Value) -> Option<ConsumerSeen> {
    digest(object, "Rollout", of_argo)
}

fn digest(object: &Value, kind: &str, rollout: fn(&Value) -> Rollout) -> Option<ConsumerSeen> {
    let meta = object.get("metadata")?;
    let namespace = clean(text(meta, "namespace"));
    let uses = object.at("/spec/template/spec").map(|spec| uses(&namespace, spec)).unwrap_or_default();
    if uses.is_empty() && !is_vault(meta, kind) {
        return None;
    }
    let labels = object.at("/spec/selector/matchLabels").and_then(Value::as_object).into_iter().flatten();
    Some(ConsumerSeen {
        uses,
        labels: labels.filter_map(|(key, value)| Some((clean(key), clean(value.as_str()?)))).collect(),
        restarted: restarted(object),
        rollout: rollout(object),
        object: ObjectRef::new(kind, &namespace, &clean(text(meta, "name"))),
    })
}

/// As the charts label it: its rollouts are told whether it consumes a Secret or not.
fn is_vault(meta: &Value, kind: &str) -> bool {
    let name = meta.get("labels").map_or("", |labels| text(labels, "app.kubernetes.io/name"));
    kind == "StatefulSet" && matches!(name, "openbao" | "vault")
}

/// Every way in which a pod gets at a Secret, each once. Tokens of ServiceAccounts are none.
pub fn uses(namespace: &str, spec: &Value) -> Vec<Use> {
    let mut found: Vec<Use> = Vec::new();
    let mut add = |name: &str, way: Way, container: &str, optional: bool| {
        let kind = if way == Way::SecretsStore { "SecretProviderClass" } else { "Secret" };
        let secret = ObjectRef::new(kind, namespace, &clean(name));
        let used = Use { secret, way, container: clean(container), optional };
        if !name.is_empty() && !found.contains(&used) {
            found.push(used);
        }
    };
    let containers: Vec<&Value> = list(spec, "containers").chain(list(spec, "initContainers")).collect();
    for container in &containers {
        let name = text(container, "name");
        for key in list(container, "env").filter_map(|variable| variable.at("/valueFrom/secretKeyRef")) {
            add(text(key, "name"), Way::Env, name, flag(key, "optional"));
        }
        for source in list(container, "envFrom").filter_map(|source| source.get("secretRef")) {
            add(text(source, "name"), Way::EnvFrom, name, flag(source, "optional"));
        }
    }
    for volume in list(spec, "volumes") {
        let sources = sources(volume);
        let mut mounted = false;
        for container in &containers {
            let name = text(volume, "name");
            for mount in list(container, "volumeMounts").filter(|mount| text(mount, "name") == name) {
                mounted = true;
                let sub_path = ["subPath", "subPathExpr"].iter().any(|key| !text(mount, key).is_empty());
                for (secret, way, optional) in &sources {
                    // A driver's own credentials do not become files.
                    let driven = matches!(way, Way::Csi | Way::SecretsStore);
                    let way = if sub_path && !driven { Way::SubPath } else { *way };
                    add(secret, way, text(container, "name"), *optional);
                }
            }
        }
        if !mounted {
            for (secret, way, optional) in &sources {
                add(secret, *way, "", *optional);
            }
        }
    }
    for secret in list(spec, "imagePullSecrets") {
        add(text(secret, "name"), Way::ImagePull, "", true);
    }
    found
}

/// The Secrets behind a volume: name, way, optional.
fn sources(volume: &Value) -> Vec<(&str, Way, bool)> {
    let mut found = Vec::new();
    if let Some(secret) = volume.get("secret") {
        found.push((text(secret, "secretName"), Way::Volume, flag(secret, "optional")));
    }
    let projected = volume.get("projected").into_iter().flat_map(|projected| list(projected, "sources"));
    for secret in projected.filter_map(|source| source.get("secret")) {
        found.push((text(secret, "name"), Way::Projected, flag(secret, "optional")));
    }
    if let Some(secret) = volume.at("/csi/nodePublishSecretRef") {
        found.push((text(secret, "name"), Way::Csi, false));
    }
    if volume.at("/csi/driver").and_then(Value::as_str) == Some("secrets-store.csi.k8s.io")
        && let Some(class) = volume.at("/csi/volumeAttributes/secretProviderClass").and_then(Value::as_str)
    {
        found.push((class, Way::SecretsStore, false));
    }
    found
}

/// Restart annotations of the pod template by who writes them, and Argo's `spec.restartAt`; newest first.
fn restarted(object: &Value) -> Vec<(String, Timestamp)> {
    let notes = object.at("/spec/template/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
    let mut found: Vec<(String, Timestamp)> = notes
        .filter_map(|(key, value)| {
            let who = match key.strip_suffix("/restartedAt")? {
                "kubectl.kubernetes.io" => "kubectl",
                "vso.secrets.hashicorp.com" => "VSO",
                other => other,
            };
            Some((clean(who), value.as_str()?.parse().ok()?))
        })
        .collect();
    found.extend(time(object.at("/spec/restartAt")).map(|at| ("Argo Rollouts".to_owned(), at)));
    found.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    found
}

/// Whether the status speaks of the spec as it is.
fn observed(object: &Value) -> bool {
    let generation = object.at("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    let seen = object.at("/status/observedGeneration").and_then(Value::as_i64).unwrap_or(0);
    seen >= generation
}

fn of_deployment(object: &Value) -> Rollout {
    if object.at("/spec/paused") == Some(&Value::Bool(true)) {
        return Rollout::Paused;
    }
    let conditions = object.get("status").into_iter().flat_map(|status| list(status, "conditions"));
    let mut progress = conditions.filter(|condition| text(condition, "type") == "Progressing");
    let late = progress.find(|c| text(c, "status") == "False" && text(c, "reason") == "ProgressDeadlineExceeded");
    if let Some(condition) = late.filter(|_| observed(object)) {
        return Rollout::Stuck {
            since: time(condition.get("lastTransitionTime")),
            why: clean(text(condition, "message")),
        };
    }
    let (wanted, updated) = (wanted(object), counter(object, "updatedReplicas"));
    let done = observed(object)
        && updated == wanted
        && counter(object, "replicas") == updated
        && counter(object, "availableReplicas") == updated;
    if done { Rollout::Done } else { Rollout::Underway { updated, wanted, moved: None } }
}

/// When a controller last changed what it says in the status: its entry of the managed fields. A rollout that waits for a
/// pod to become ready changes nothing.
fn moved(object: &Value) -> Option<Timestamp> {
    let entries = object.get("metadata").into_iter().flat_map(|meta| list(meta, "managedFields"));
    entries.filter(|entry| text(entry, "subresource") == "status").filter_map(|entry| time(entry.get("time"))).max()
}

fn of_stateful_set(object: &Value) -> Rollout {
    let status = object.get("status").unwrap_or(&Value::Null);
    let (current, revision) = (text(status, "currentRevision"), text(status, "updateRevision"));
    let (wanted, updated) = (wanted(object), counter(object, "updatedReplicas"));
    if object.at("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
        let waiting = counter(object, "replicas").saturating_sub(updated);
        if !observed(object) {
            return Rollout::Underway { updated, wanted, moved: None };
        }
        // The current revision does not catch up by itself: that the two differ says nothing once all pods are new.
        return if waiting > 0 && revision != current {
            Rollout::OnDelete { revision: clean(revision), waiting }
        } else {
            Rollout::Done
        };
    }
    let partition = object.at("/spec/updateStrategy/rollingUpdate/partition").and_then(Value::as_u64).unwrap_or(0);
    let new = revision == current || u64::from(updated) + partition >= u64::from(wanted);
    let done = observed(object) && counter(object, "readyReplicas") == wanted && new;
    // A pod that is not ready is no rollout: only where the new revision is not everywhere yet does something wait.
    // Behind a partition the two revisions stay apart when all that was asked for is done.
    let waits = if partition == 0 { revision != current } else { !new };
    let moved = moved(object).filter(|_| observed(object) && waits);
    if done { Rollout::Done } else { Rollout::Underway { updated, wanted, moved } }
}

fn of_daemon_set(object: &Value) -> Rollout {
    let (wanted, updated) = (counter(object, "desiredNumberScheduled"), counter(object, "updatedNumberScheduled"));
    let on_delete = object.at("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete");
    if on_delete && observed(object) {
        let waiting = counter(object, "currentNumberScheduled").saturating_sub(updated);
        return if waiting > 0 { Rollout::OnDelete { revision: String::new(), waiting } } else { Rollout::Done };
    }
    let done = observed(object) && updated == wanted && counter(object, "numberAvailable") == wanted;
    let moved = moved(object).filter(|_| observed(object) && updated < wanted);
    if done { Rollout::Done } else { Rollout::Underway { updated, wanted, moved } }
}

fn of_argo(object: &Value) -> Rollout {
    let status = object.get("status").unwrap_or(&Value::Null);
    if object.at("/spec/paused") == Some(&Value::Bool(true)) {
        return Rollout::Paused;
    }
    match text(status, "phase") {
        "Healthy" => Rollout::Done,
        "Paused" => Rollout::Paused,
        "Degraded" => Rollout::Stuck { since: None, why: clean(text(status, "message")) },
        _ => Rollout::Underway { updated: counter(object, "updatedReplicas"), wanted: wanted(object), moved: None },
    }
}

/// `spec.replicas`, which is 1 where it is left out.
fn wanted(object: &Value) -> u32 {
    object.at("/spec/replicas").and_then(Value::as_u64).map_or(1, |n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// A counter of the status: left out means 0.
fn counter(object: &Value, name: &str) -> u32 {
    let found = object.at(&format!("/status/{name}")).and_then(Value::as_u64);
    found.map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn time(value: Option<&Value>) -> Option<Timestamp> {
    value.and_then(Value::as_str)?.parse().ok()
}
