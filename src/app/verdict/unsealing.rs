//! Whether the thing that unseals is alive: a Secret full of keys opens nothing by itself.

use jiff::Timestamp;

use super::sight::{self, Unseen};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::reopens::Mechanism;
use crate::app::model::unsealer::{Liveness, UnsealerSeen};

/// How the unsealer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hands {
    /// The mechanism has none.
    NotNeeded,
    /// One runs and uses the Secret.
    Alive(ObjectRef),
    /// The configuration says that a Secret reopens the vault, and nothing here was recognised as doing it.
    NoneFound,
    /// None runs; which, and why.
    Dead(ObjectRef, String),
    /// It runs, and in these pods it does not.
    Partly(ObjectRef, Vec<String>),
    /// It runs and does not use the Secret that holds the keys.
    Unmounted(ObjectRef, String),
    /// Nobody can say.
    Unseen(Unseen),
}

/// Judges what unseals, on fresh data only.
pub fn hands(model: &Model, by: Mechanism, now: Timestamp) -> Hands {
    if by != Mechanism::Secret {
        return Hands::NotNeeded;
    }
    if model.cluster.is_none() {
        return Hands::Unseen(sight::feed(model, FeedId::Unsealers, None, now));
    }
    if !model.in_kubernetes() {
        return Hands::NotNeeded;
    }
    let seen = match (sight::missing(model, FeedId::Unsealers, now), &model.unsealers) {
        (Some(unseen), _) => return Hands::Unseen(unseen),
        (None, Some(seen)) => &seen.value,
        (None, None) => return Hands::NoneFound,
    };
    let secret = seen.chosen.as_deref().or(seen.configured.as_deref());
    let uses = |unsealer: &UnsealerSeen| {
        secret.is_none_or(|name| unsealer.uses.is_empty() || unsealer.uses.iter().any(|used| used.secret == name))
    };
    let fitting: Vec<&UnsealerSeen> = seen.found.iter().filter(|unsealer| uses(unsealer)).collect();
    let Some(likeliest) = fitting.first() else {
        return match (seen.found.first(), secret) {
            (Some(other), Some(secret)) => Hands::Unmounted(other.object.clone(), secret.to_owned()),
            (Some(_) | None, _) => Hands::NoneFound,
        };
    };
    let mut worst = None;
    for unsealer in &fitting {
        match verdict_of(model, unsealer, now) {
            Hands::Alive(object) => return Hands::Alive(object),
            other => worst = worst.or(Some(other)),
        }
    }
    worst.unwrap_or_else(|| Hands::Alive(likeliest.object.clone()))
}

fn verdict_of(model: &Model, unsealer: &UnsealerSeen, now: Timestamp) -> Hands {
    let object = unsealer.object.clone();
    match &unsealer.liveness {
        Liveness::Running => Hands::Alive(object),
        Liveness::Dead { why } => {
            let broken = if unsealer.sidecar { broken_sidecars(model, unsealer, now) } else { None };
            // Every pod is on its way up: its sidecar comes with it.
            let comes = broken.is_some_and(|broken| broken.is_empty());
            if comes { Hands::Alive(object) } else { Hands::Dead(object, why.clone()) }
        }
        Liveness::Partly { missing } => {
            let broken = if unsealer.sidecar { broken_sidecars(model, unsealer, now) } else { Some(Vec::new()) };
            let broken: Vec<String> =
                missing.iter().filter(|pod| broken.as_ref().is_none_or(|list| list.contains(pod))).cloned().collect();
            if broken.is_empty() { Hands::Alive(object) } else { Hands::Partly(object, broken) }
        }
    }
}

/// Pods whose server runs while the sidecar beside it does not; `None` when the pods are not in sight. A pod that is
/// only just starting is not broken.
fn broken_sidecars(model: &Model, unsealer: &UnsealerSeen, now: Timestamp) -> Option<Vec<String>> {
    let pods = model.pods.as_ref()?.fresh(now, FeedId::Pods)?;
    Some(
        pods.iter()
            .filter(|pod| !pod.deleting && pod.server().is_some_and(|server| server.running))
            .filter(|pod| {
                let sidecar = pod.containers.iter().find(|container| container.name == unsealer.container);
                sidecar.is_none_or(|c| !c.running && !starting(c.reason.as_deref()))
            })
            .map(|pod| pod.name.clone())
            .collect(),
    )
}

fn starting(reason: Option<&str>) -> bool {
    matches!(reason, Some("ContainerCreating" | "PodInitializing"))
}
