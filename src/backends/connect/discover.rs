//! Finds the vault in a cluster: by name, by the charts' labels, or by nothing but its pods.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;

use super::{Asked, NotConnected};
use crate::app::text::{clean, count};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::digest;
use crate::backends::kube::port::Kube;
use crate::backends::kube::real::VAULTS;

/// A vault that was found.
pub(super) struct Found {
    pub namespace: String,
    pub name: String,
    /// `None` where it may not be read.
    pub set: Option<StatefulSet>,
    /// Names of pods, where they are all that can be seen.
    pub pods: Vec<String>,
}

impl Found {
    fn of(set: StatefulSet) -> Self {
        Self {
            namespace: set.metadata.namespace.clone().unwrap_or_default(),
            name: set.metadata.name.clone().unwrap_or_default(),
            set: Some(set),
            pods: Vec::new(),
        }
    }
}

/// Finds it; what had to be done without goes into the notes.
pub(super) async fn discover(
    kube: &dyn Kube,
    asked: &Asked,
    own: &str,
    notes: &mut Vec<String>,
) -> Result<Found, NotConnected> {
    if let Some((namespace, name)) = &asked.vault {
        return match kube.stateful_set(namespace, name).await {
            Ok(Some(set)) => Ok(Found::of(set)),
            Ok(None) => Err(no_such(kube, namespace, name).await.into()),
            Err(trouble) if trouble.kind == TroubleKind::Denied => {
                notes.push(trouble.to_string());
                let pods = pods_of(kube, namespace).await.unwrap_or_default().remove(name).unwrap_or_default();
                Ok(Found { namespace: namespace.clone(), name: name.clone(), set: None, pods })
            }
            Err(trouble) => Err(trouble.into()),
        };
    }
    let asked_for = asked.namespace.as_deref();
    let (sets, place) = match kube.vaults(asked_for).await {
        Ok(sets) => (sets, asked_for),
        // Listing the whole cluster is a privilege; the context's own namespace is the next best place to look.
        Err(trouble) if trouble.kind == TroubleKind::Denied && asked_for.is_none() => {
            match kube.vaults(Some(own)).await {
                Ok(sets) => (sets, Some(own)),
                Err(inner) if inner.kind == TroubleKind::Denied => return by_pods(kube, own, inner, notes).await,
                Err(inner) => return Err(inner.into()),
            }
        }
        Err(trouble) if trouble.kind == TroubleKind::Denied => {
            return by_pods(kube, asked_for.unwrap_or(own), trouble, notes).await;
        }
        Err(trouble) => return Err(trouble.into()),
    };
    let names: Vec<String> = sets.iter().map(path).collect();
    let mut sets = sets.into_iter();
    match (sets.next(), sets.next()) {
        (Some(one), None) => Ok(Found::of(one)),
        (None, _) => Err(none_found(place).into()),
        (Some(_), Some(_)) => Err(several(names)),
    }
}

fn path(set: &StatefulSet) -> String {
    let part = |text: &Option<String>| clean(text.as_deref().unwrap_or_default());
    format!("{}/{}", part(&set.metadata.namespace), part(&set.metadata.name))
}

fn none_found(place: Option<&str>) -> Trouble {
    let place = place.map_or_else(|| "any namespace".to_owned(), |ns| format!("namespace {ns}"));
    Trouble::new(
        TroubleKind::Absent,
        "No OpenBao or Vault was found",
        &format!("no StatefulSet in {place} is labelled app.kubernetes.io/name=openbao or =vault"),
        "Name it with --vault NAMESPACE/STATEFULSET, or choose another --context or -n",
    )
}

fn several(mut names: Vec<String>) -> NotConnected {
    names.sort();
    let trouble = Trouble::local(
        &format!("There are {} here", count(names.len(), "vault")),
        &names.join(", "),
        &format!("Choose one: --vault {}", names.first().map_or("NAMESPACE/STATEFULSET", String::as_str)),
    );
    let pair = |name: &String| name.split_once('/').map(|(ns, name)| (ns.to_owned(), name.to_owned()));
    NotConnected { several: names.iter().filter_map(pair).collect(), trouble }
}

async fn no_such(kube: &dyn Kube, namespace: &str, name: &str) -> Trouble {
    let known = match kube.vaults(None).await {
        Ok(sets) => sets,
        Err(_) => kube.vaults(Some(namespace)).await.unwrap_or_default(),
    };
    let names: Vec<String> = known.iter().map(path).collect();
    let why = if names.is_empty() {
        "no other vault was found either".to_owned()
    } else {
        format!("there is {}", names.join(", "))
    };
    Trouble::new(
        TroubleKind::Absent,
        &format!("StatefulSet {namespace}/{name} does not exist"),
        &why,
        "Check --vault NAMESPACE/STATEFULSET and the context",
    )
}

/// Names of StatefulSets by their pods' owners, with the pods.
async fn pods_of(kube: &dyn Kube, namespace: &str) -> Result<BTreeMap<String, Vec<String>>, Trouble> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in kube.pods(namespace, VAULTS).await? {
        if let (Some(owner), Some(name)) = (digest::owner(&pod), &pod.metadata.name) {
            found.entry(owner.to_owned()).or_default().push(clean(name));
        }
    }
    for pods in found.values_mut() {
        pods.sort_by_key(|name| digest::ordinal(name));
    }
    Ok(found)
}

/// Who may see nothing but pods still gets to see the vault's.
async fn by_pods(
    kube: &dyn Kube,
    namespace: &str,
    denied: Trouble,
    notes: &mut Vec<String>,
) -> Result<Found, NotConnected> {
    let Ok(sets) = pods_of(kube, namespace).await else { return Err(denied.into()) };
    let names: Vec<String> = sets.keys().map(|name| format!("{namespace}/{}", clean(name))).collect();
    let mut sets = sets.into_iter();
    match (sets.next(), sets.next()) {
        (Some((name, pods)), None) => {
            // Who may not list may still be allowed to read the one whose name the pods told.
            if let Ok(Some(set)) = kube.stateful_set(namespace, &name).await {
                return Ok(Found::of(set));
            }
            notes.push(denied.to_string());
            Ok(Found { namespace: namespace.to_owned(), name, set: None, pods })
        }
        (None, _) => Err(denied.into()),
        (Some(_), Some(_)) => Err(several(names)),
    }
}
