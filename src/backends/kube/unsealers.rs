//! What in the vault's namespace could unseal it, from which Secret, and whether that something lives.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec};

use super::candidates::{Known, Likelihood};
use super::mounts;
use super::server_config::{ServerConfig, StaticSource};
use crate::app::id::ObjectRef;
use crate::app::model::unsealer::{Liveness, SecretUse, StaticKeySeen, UnsealerSeen, UnsealersSeen, UseHow};
use crate::app::model::workload::PodSeen;
use crate::app::text::clean;

/// Everything that one look at the namespace found.
pub struct Around<'a> {
    /// The vault itself.
    pub set: &'a StatefulSet,
    /// Its pods, for whether a sidecar runs; `None` where they cannot be seen.
    pub pods: Option<&'a [PodSeen]>,
    pub deployments: &'a [Deployment],
    pub daemon_sets: &'a [DaemonSet],
    pub cron_jobs: &'a [CronJob],
    /// Secrets by name.
    pub secrets: &'a Known,
    /// The server's own configuration.
    pub config: &'a ServerConfig,
    /// The keys Secret that Baowatch's configuration names.
    pub configured: Option<&'a str>,
}

/// A container in which something unseals, before it is known whether it lives.
struct Suspect {
    container: String,
    uses: Vec<SecretUse>,
    because: String,
    likelihood: Likelihood,
    named: bool,
}

/// The container that runs the server: named as in the charts, else the one that starts a server, else the first.
pub fn server(spec: &PodSpec) -> Option<&Container> {
    let named = |c: &&Container| matches!(c.name.as_str(), "openbao" | "vault" | "bao");
    let starts = |c: &&Container| words(c).any(|word| word.split_whitespace().any(|part| part == "server"));
    spec.containers
        .iter()
        .find(named)
        .or_else(|| spec.containers.iter().find(starts))
        .or_else(|| spec.containers.first())
}

/// Folds one look into what the model knows.
pub fn seen(around: &Around<'_>) -> UnsealersSeen {
    let mut found: Vec<(Suspect, ObjectRef, bool, Liveness)> = Vec::new();
    let namespace = around.set.metadata.namespace.clone().unwrap_or_default();
    let object = |kind: &str, name: Option<&String>| {
        ObjectRef::new(kind, &clean(&namespace), &clean(name.map_or("", String::as_str)))
    };
    let spec = around.set.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    if let Some(spec) = spec {
        let server = server(spec).map(|container| container.name.as_str());
        let sts = object("StatefulSet", around.set.metadata.name.as_ref());
        for container in mounts::lasting(spec) {
            let suspect = if Some(container.name.as_str()) == server {
                post_start(around, spec, container)
            } else {
                suspect(around, spec, container, None, true)
            };
            if let Some(suspect) = suspect {
                let liveness = sidecar(&suspect.container, around.pods);
                found.push((suspect, sts.clone(), true, liveness));
            }
        }
    }
    for deployment in around.deployments {
        let spec = deployment.spec.as_ref();
        let name = deployment.metadata.name.as_ref();
        for suspect in elsewhere(around, spec.and_then(|spec| spec.template.spec.as_ref()), name) {
            let wanted = spec.and_then(|spec| spec.replicas).unwrap_or(1);
            let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
            found.push((suspect, object("Deployment", name), false, scaled(wanted, ready)));
        }
    }
    for set in around.daemon_sets {
        let name = set.metadata.name.as_ref();
        let spec = set.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
        for suspect in elsewhere(around, spec, name) {
            let (wanted, ready) = set.status.as_ref().map_or((0, 0), |s| (s.desired_number_scheduled, s.number_ready));
            let liveness = match (wanted, ready) {
                (0, _) => Liveness::Dead { why: "scheduled on no node".into() },
                (_, 0) => Liveness::Dead { why: format!("none of {wanted} pods is ready") },
                (wanted, ready) if ready < wanted => {
                    Liveness::Partly { missing: vec![format!("{} of {wanted} nodes", wanted - ready)] }
                }
                _ => Liveness::Running,
            };
            found.push((suspect, object("DaemonSet", name), false, liveness));
        }
    }
    for job in around.cron_jobs {
        let name = job.metadata.name.as_ref();
        let spec = job.spec.as_ref().and_then(|spec| spec.job_template.spec.as_ref()?.template.spec.as_ref());
        for suspect in elsewhere(around, spec, name) {
            let suspended = job.spec.as_ref().and_then(|spec| spec.suspend).unwrap_or(false);
            let liveness = if suspended { Liveness::Dead { why: "suspended".into() } } else { Liveness::Running };
            found.push((suspect, object("CronJob", name), false, liveness));
        }
    }
    // The likeliest first; of equals the one that lives; the order of discovery is kept otherwise.
    found.sort_by_key(|(suspect, _, sidecar, liveness)| {
        let alive = !matches!(liveness, Liveness::Dead { .. });
        std::cmp::Reverse((suspect.likelihood, suspect.named, alive, *sidecar))
    });
    let found: Vec<UnsealerSeen> = found
        .into_iter()
        .map(|(suspect, object, sidecar, liveness)| UnsealerSeen {
            object,
            container: suspect.container,
            sidecar,
            liveness,
            uses: suspect.uses,
            because: suspect.because,
        })
        .collect();
    let static_key = spec.and_then(|spec| static_key(spec, around.config));
    choose(around, found, static_key)
}

/// A container of a workload beside the vault.
fn elsewhere(around: &Around<'_>, spec: Option<&PodSpec>, workload: Option<&String>) -> Vec<Suspect> {
    let Some(spec) = spec else { return Vec::new() };
    let workload = workload.map_or("", String::as_str);
    // A job's work may stand in an init container that ends.
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    containers.filter_map(|container| suspect(around, spec, container, Some(workload), false)).collect()
}

/// Whether a container unseals: its words say so and it has a Secret, or it sits beside the server with the keys mounted.
fn suspect(
    around: &Around<'_>,
    spec: &PodSpec,
    container: &Container,
    workload: Option<&str>,
    beside: bool,
) -> Option<Suspect> {
    let says = says_unseal(container, workload);
    let mut uses = mounts::uses(spec, container);
    uses.extend(
        by_name(around, container)
            .filter(|used| !uses.iter().any(|known| known.secret == used.secret))
            .collect::<Vec<_>>(),
    );
    let judged = |used: &SecretUse| around.secrets.judge(&used.secret, &used.fields);
    uses.retain(|used| judged(used) > Likelihood::No || Some(used.secret.as_str()) == around.configured);
    // The likeliest Secret first: it is the one that sentences speak of.
    uses.sort_by_key(|used| std::cmp::Reverse(judged(used)));
    let likelihood = uses.first().map(judged)?;
    let first = clean(&uses.first()?.secret);
    let because = match (&says, likelihood) {
        (Some(says), _) => format!("{says}, and it consumes Secret {first}"),
        (None, Likelihood::Likely) if beside => {
            format!("container {} runs beside the server and consumes Secret {first}", clean(&container.name))
        }
        (None, _) => return None,
    };
    Some(Suspect { container: clean(&container.name), uses, because, likelihood, named: says.is_some() })
}

/// A server that unseals itself in its postStart hook.
fn post_start(around: &Around<'_>, spec: &PodSpec, container: &Container) -> Option<Suspect> {
    let hook = container.lifecycle.as_ref()?.post_start.as_ref()?.exec.as_ref()?.command.as_ref()?;
    if !hook.iter().any(|word| mentions(word)) {
        return None;
    }
    let mut found = suspect(around, spec, container, Some("unseal"), true)?;
    found.because =
        format!("the server's postStart hook unseals, and it consumes Secret {}", found.uses.first()?.secret);
    Some(found)
}

/// Where unsealing is mentioned.
fn says_unseal(container: &Container, workload: Option<&str>) -> Option<String> {
    let name = clean(&container.name);
    if mentions(&container.name) {
        return Some(format!("container {name} is named for unsealing"));
    }
    if workload.is_some_and(mentions) {
        return Some("the workload is named for unsealing".to_owned());
    }
    if container.image.as_deref().is_some_and(mentions) {
        return Some(format!("the image of container {name} unseals"));
    }
    words(container).any(mentions).then(|| format!("the command of container {name} mentions unseal"))
}

fn mentions(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("unseal") || text.contains("bank-vaults")
}

fn words(container: &Container) -> impl Iterator<Item = &str> {
    container.command.iter().chain(container.args.iter()).flatten().map(String::as_str)
}

/// Secrets that a container reads through the API: named in its arguments, its script or its variables.
fn by_name<'a>(around: &'a Around<'_>, container: &'a Container) -> impl Iterator<Item = SecretUse> + use<'a> {
    let variables = container.env.iter().flatten().filter_map(|variable: &EnvVar| variable.value.as_deref());
    let texts: Vec<&str> = words(container).chain(variables).collect();
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    around
        .secrets
        .names()
        .chain(around.configured)
        .filter(move |name| {
            texts.iter().any(|text| text.split(|c| !part(c)).any(|word| word == *name))
                && around.secrets.judge(name, &[]) == Likelihood::Likely
        })
        .map(|name| SecretUse { secret: name.to_owned(), how: UseHow::Config, optional: false, fields: Vec::new() })
}

/// Where a container of the vault's own pods runs.
fn sidecar(container: &str, pods: Option<&[PodSeen]>) -> Liveness {
    // Pods that cannot be seen are the pod feed's trouble; a sidecar is not dead for it.
    let Some(pods) = pods else { return Liveness::Running };
    if pods.is_empty() {
        return Liveness::Dead { why: "the vault has no pod".into() };
    }
    let of = |pod: &PodSeen| pod.containers.iter().find(|c| c.name == container).cloned();
    let missing: Vec<&PodSeen> = pods.iter().filter(|pod| !of(pod).is_some_and(|c| c.running)).collect();
    if missing.is_empty() {
        return Liveness::Running;
    }
    if missing.len() < pods.len() {
        return Liveness::Partly { missing: missing.iter().map(|pod| pod.name.clone()).collect() };
    }
    let why = match missing.first().map(|pod| of(pod)) {
        Some(Some(seen)) => seen.reason.unwrap_or_else(|| "not started".into()),
        Some(None) | None => "the pods are older than the container and do not have it".into(),
    };
    Liveness::Dead { why }
}

fn scaled(wanted: i32, ready: i32) -> Liveness {
    match (wanted, ready) {
        (0, _) => Liveness::Dead { why: "scaled to 0".into() },
        (1, 0) => Liveness::Dead { why: "its pod is not ready".into() },
        (wanted, 0) => Liveness::Dead { why: format!("none of its {wanted} pods is ready") },
        // One that is ready unseals every replica.
        _ => Liveness::Running,
    }
}

/// The key of a static seal, traced to its Secret.
fn static_key(spec: &PodSpec, config: &ServerConfig) -> Option<StaticKeySeen> {
    let container = server(spec)?;
    let source = config.static_key.as_ref()?;
    let from = match source {
        StaticSource::File(path) => mounts::behind_path(spec, container, path).map(|(used, _)| used),
        StaticSource::Env(name) => by_variable(spec, container, name),
        StaticSource::Inline => None,
    };
    Some(StaticKeySeen { source: source.words(), from })
}

fn by_variable(spec: &PodSpec, container: &Container, name: &str) -> Option<SecretUse> {
    let own = container.env.iter().flatten().find(|variable| variable.name == name);
    if let Some(variable) = own {
        let key = variable.value_from.as_ref()?.secret_key_ref.as_ref()?;
        let optional = key.optional.unwrap_or(false);
        return Some(SecretUse { secret: clean(&key.name), how: UseHow::Env, optional, fields: vec![clean(&key.key)] });
    }
    let mut whole =
        mounts::uses(spec, container).into_iter().filter(|used| used.how == UseHow::Env && used.fields.is_empty());
    // envFrom of several Secrets: which one brings the variable cannot be told from here.
    let (first, second) = (whole.next(), whole.next());
    first.filter(|_| second.is_none())
}

/// The keys Secret: what the unsealer mounts, then configuration, then the single one that looks like it.
fn choose(around: &Around<'_>, found: Vec<UnsealerSeen>, static_key: Option<StaticKeySeen>) -> UnsealersSeen {
    let vault = around.set.metadata.name.as_deref().unwrap_or_default();
    let configured = around.configured.map(str::to_owned);
    let mut candidates: Vec<String> = Vec::new();
    let mounted: Vec<String> = match (&static_key, found.first()) {
        (Some(key), _) => key.from.iter().map(|used| used.secret.clone()).collect(),
        (None, Some(unsealer)) => {
            let judged = |used: &&SecretUse| around.secrets.judge(&used.secret, &used.fields);
            let best = unsealer.uses.iter().map(|used| judged(&used)).max();
            unsealer.uses.iter().filter(|used| Some(judged(used)) == best).map(|used| used.secret.clone()).collect()
        }
        (None, None) => Vec::new(),
    };
    for name in mounted.iter().cloned().chain(around.secrets.candidates(vault)) {
        if !candidates.contains(&name) {
            candidates.push(name);
        }
    }
    let mut only = mounted.clone();
    only.sort();
    only.dedup();
    let chosen = match (only.as_slice(), &configured) {
        ([one], _) => Some(one.clone()),
        (_, Some(name)) => Some(name.clone()),
        ([], None) if candidates.len() == 1 => candidates.first().cloned(),
        ([] | [_, ..], None) => None,
    };
    UnsealersSeen { found, static_key, candidates, configured, chosen }
}

#[cfg(test)]
#[path = "unsealers_tests.rs"]
mod tests;
