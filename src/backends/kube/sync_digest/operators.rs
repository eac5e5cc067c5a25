//! The operators themselves: their Deployments with the containers that run, and the Events they write.

use jiff::Timestamp;
use serde_json::Value;

use super::{cleaned, kind_of, list, moment, text};
use crate::app::id::ObjectRef;
use crate::app::model::sync::{EventSeen, Operator, OperatorSeen};
use crate::backends::kube::at::At as _;

/// An Event about an object of either operator, of `v1` or of `events.k8s.io/v1`; `None` for one about anything else.
pub fn event(object: &Value) -> Option<EventSeen> {
    let about = object.get("involvedObject").or_else(|| object.get("regarding"))?;
    let (_, called) = kind_of(text(about, "/apiVersion"), text(about, "/kind"))?;
    let first_of = |pointers: &[&str]| pointers.iter().find_map(|pointer| moment(object, pointer));
    let first =
        first_of(&["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime", "/metadata/creationTimestamp"]);
    let last = first_of(&["/series/lastObservedTime", "/lastTimestamp", "/deprecatedLastTimestamp", "/eventTime"]);
    let count = ["/series/count", "/count", "/deprecatedCount"].iter().find_map(|at| object.at(at)?.as_u64());
    Some(EventSeen {
        object: ObjectRef::new(
            called,
            &cleaned(about, "/namespace").unwrap_or_default(),
            &cleaned(about, "/name").filter(|name| !name.is_empty())?,
        ),
        reason: cleaned(object, "/reason").unwrap_or_default(),
        warning: text(object, "/type") == Some("Warning"),
        message: cleaned(object, "/message").or_else(|| cleaned(object, "/note")).unwrap_or_default(),
        first,
        last: last.or(first),
        count: u32::try_from(count.unwrap_or(1)).unwrap_or(u32::MAX).max(1),
    })
}

/// The operator that a Deployment runs, with those of these pods that are its own; `None` where it runs neither.
pub fn operator(deployment: &Value, pods: &[Value]) -> Option<OperatorSeen> {
    let containers = list(deployment, "/spec/template/spec/containers");
    let (operator, name, image) = containers.iter().find_map(|container| {
        let image = text(container, "/image")?;
        Some((operator_of(deployment, container, image)?, text(container, "/name")?, image))
    })?;
    let number = |pointer: &str| deployment.at(pointer).and_then(Value::as_u64);
    let namespace = cleaned(deployment, "/metadata/namespace").unwrap_or_default();
    let since = pods.iter().filter(|pod| belongs(deployment, pod)).filter_map(|pod| running(pod, name)).min();
    Some(OperatorSeen {
        operator,
        object: ObjectRef::new("Deployment", &namespace, &cleaned(deployment, "/metadata/name")?),
        // The API server's own default.
        wanted: u32::try_from(number("/spec/replicas").unwrap_or(1)).unwrap_or(u32::MAX),
        ready: u32::try_from(number("/status/readyReplicas").unwrap_or(0)).unwrap_or(u32::MAX),
        since,
        version: crate::app::text::clean(tag(image)),
    })
}

/// By the image, wherever it is mirrored to; the other two processes of ESO run the same image with a subcommand.
fn operator_of(deployment: &Value, container: &Value, image: &str) -> Option<Operator> {
    let path = image.split(['@']).next().unwrap_or_default();
    let repository = path.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let label = deployment.at("/metadata/labels").and_then(|labels| labels.get("app.kubernetes.io/name")?.as_str());
    let label = label.unwrap_or_default();
    if repository.starts_with("vault-secrets-operator") {
        return Some(Operator::Vso);
    }
    let subcommand = list(container, "/args").iter().find_map(Value::as_str).unwrap_or_default();
    let beside = matches!(subcommand, "webhook" | "certcontroller") || label.starts_with("external-secrets-");
    (repository.starts_with("external-secrets") && !beside).then_some(Operator::Eso)
}

fn tag(image: &str) -> &str {
    let last = image.split('@').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    last.split_once(':').map_or("", |(_, tag)| tag)
}

fn belongs(deployment: &Value, pod: &Value) -> bool {
    let same = text(deployment, "/metadata/namespace") == text(pod, "/metadata/namespace");
    let wanted = deployment.at("/spec/selector/matchLabels").and_then(Value::as_object);
    same && wanted.is_some_and(|wanted| {
        !wanted.is_empty()
            && wanted.iter().all(|(key, value)| {
                pod.at("/metadata/labels").and_then(|labels| labels.get(key)).is_some_and(|found| found == value)
            })
    })
}

fn running(pod: &Value, container: &str) -> Option<Timestamp> {
    let statuses = list(pod, "/status/containerStatuses");
    statuses
        .iter()
        .find(|status| text(status, "/name") == Some(container))
        .and_then(|status| moment(status, "/state/running/startedAt"))
}
