//! Resolves what is meant: which cluster, which vault in it, and by which way each replica is reached.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use sha2::{Digest, Sha256};

use super::kube::client::{self, Wanted};
use super::kube::digest;
use super::kube::forward::PortForward;
use super::kube::port::Kube;
use super::kube::real::{RealKube, VAULTS};
use super::kube::server_look::{self, ServerLook};
use crate::app::id::Identity;
use crate::app::model::fact::{ClusterSeen, Environment};
use crate::app::text::{clean, count};
use crate::app::trouble::{Trouble, TroubleKind};

/// Everything that was said about the target: arguments, environment, configuration.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// One or several files, as in the variable `KUBECONFIG`; `None` reads the variable itself.
    pub kubeconfig: Option<OsString>,
    /// `--context`.
    pub context: Option<String>,
    /// `-n`.
    pub namespace: Option<String>,
    /// `--vault NS/NAME`.
    pub vault: Option<(String, String)>,
    /// `--address`: this one, and no cluster.
    pub address: Option<String>,
    /// `BAO_ADDR` or `VAULT_ADDR` with its value: only where there is no cluster.
    pub env_address: Option<(String, String)>,
    /// `vault.members`: names and addresses of replicas.
    pub members: Vec<(String, String)>,
    /// `vault.ca`, `VAULT_CACERT`, `BAO_CACERT`.
    pub ca_file: Option<PathBuf>,
    /// `vault.serverName`.
    pub server_name: Option<String>,
    /// `vault.scheme`, where the configuration overrules what is found.
    pub tls: Option<bool>,
    /// `vault.port`, likewise.
    pub port: Option<u16>,
    /// `vault.keysSecret`.
    pub keys_secret: Option<String>,
    /// What is at stake.
    pub environment: Environment,
    /// The cluster's name on the banner; the context's otherwise.
    pub display_name: Option<String>,
}

/// How requests reach one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Through the API server to the pod of the same name. The URL is what the replica is called behind its headless
    /// Service: it gives the scheme, and the host that the certificate must name.
    Tunnel(String),
    /// Directly: scheme, host and port, without a path.
    Address(String),
}

/// How requests reach every replica, those that do not exist yet included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routes {
    /// By name, from configuration or `--address`.
    pub given: BTreeMap<String, String>,
    /// For every other name.
    pub otherwise: Option<Pods>,
}

/// The way to pods by their names: `scheme://pod.domain:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pods {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The headless Service, which publishes pods that are not ready too; with the namespace where DNS is really asked.
    pub domain: String,
    pub port: u16,
    /// Through the API server; false inside the cluster, where pods can be reached by themselves.
    pub tunnel: bool,
}

impl Routes {
    /// The way to this replica, if there is one.
    pub fn to(&self, replica: &str) -> Option<Route> {
        if let Some(address) = self.given.get(replica) {
            return Some(Route::Address(address.clone()));
        }
        let Pods { scheme, domain, port, tunnel } = self.otherwise.as_ref()?;
        let url = format!("{scheme}://{replica}.{domain}:{port}");
        Some(if *tunnel { Route::Tunnel(url) } else { Route::Address(url) })
    }
}

/// TLS to the replicas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Whether to speak it through tunnels and to pods; an address says so itself.
    pub on: bool,
    /// PEM of the CA to trust, in place of the system's; with where it was found.
    pub ca: Option<(Vec<u8>, String)>,
    /// The name that the configuration wants verified, in place of the one in the route's URL.
    pub server_name: Option<String>,
}

/// What was resolved.
pub struct Target {
    /// For the banner, and the first fact.
    pub cluster: ClusterSeen,
    /// Of the vault; empty without Kubernetes.
    pub namespace: String,
    /// Of its StatefulSet; empty without Kubernetes.
    pub name: String,
    /// Replicas known so far.
    pub members: Vec<String>,
    /// Label selector of its pods.
    pub selector: Option<String>,
    /// The cluster.
    pub kube: Option<Arc<dyn Kube>>,
    /// Opens tunnels; `None` without Kubernetes.
    pub forward: Option<PortForward>,
    pub routes: Routes,
    pub tls: Tls,
    /// The keys Secret that the configuration names.
    pub keys_secret: Option<String>,
}

/// Why nothing was connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotConnected {
    /// For a person.
    pub trouble: Trouble,
    /// Namespace and name of each vault, where there are several and none was named: whoever can ask, asks.
    pub several: Vec<(String, String)>,
}

impl From<Trouble> for NotConnected {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, several: Vec::new() }
    }
}

/// Resolves the target. A cluster that is named wins over an address that merely stands in the environment.
pub async fn connect(asked: &Asked) -> Result<Target, NotConnected> {
    if let Some(address) = &asked.address {
        return Ok(by_address(asked, address, Vec::new())?);
    }
    let wanted = Wanted { kubeconfig: asked.kubeconfig.clone(), context: asked.context.clone() };
    let Some(connection) = client::connect(&wanted).await? else {
        return match &asked.env_address {
            Some((_, address)) => Ok(by_address(asked, address, Vec::new())?),
            None if !asked.members.is_empty() => Ok(by_address(asked, "", Vec::new())?),
            None => Err(Trouble::local(
                "There is nothing to connect to",
                "no kubeconfig was found, this is no pod, and neither --address nor VAULT_ADDR nor BAO_ADDR is set",
                "Set KUBECONFIG or give --address; baowatch demo shows everything without a cluster",
            )
            .into()),
        };
    };
    let real = RealKube::new(connection.client.clone());
    let kube: Arc<dyn Kube> = Arc::new(real);
    in_cluster(asked, &connection, kube).await
}

async fn in_cluster(asked: &Asked, connection: &client::Connection, kube: Arc<dyn Kube>) -> Result<Target, NotConnected> {
    let mut notes = Vec::new();
    let found = discover(kube.as_ref(), asked, &connection.namespace, &mut notes).await?;
    if let Some((variable, address)) = &asked.env_address {
        notes.push(format!("{variable} points to {address} and is not used: the Kubernetes context decides"));
    }
    let uid = match kube.kube_system_uid().await {
        Ok(uid) => uid,
        Err(trouble) if trouble.kind == TroubleKind::Denied => {
            notes.push(
                "namespace kube-system cannot be read: this cluster is told from others by its server address"
                    .to_owned(),
            );
            address_id(&connection.server)
        }
        Err(trouble) => return Err(trouble.into()),
    };
    let server = match &found.set {
        Some(set) => server_look::look(kube.as_ref(), set).await,
        None => ServerLook {
            port: 8200,
            how: "assumed: the StatefulSet could not be read".to_owned(),
            ..ServerLook::default()
        },
    };
    let port = asked.port.unwrap_or(server.port);
    let tls = tls(asked, kube.as_ref(), &found, &server, &mut notes).await?;
    let given: BTreeMap<String, String> = asked.members.iter().cloned().collect();
    let service = found.set.as_ref().and_then(service).unwrap_or_else(|| format!("{}-internal", found.name));
    let inside = connection.in_cluster();
    let otherwise = Some(Pods {
        scheme: if tls.on { "https" } else { "http" },
        domain: if inside { format!("{service}.{}.svc", found.namespace) } else { service },
        port,
        tunnel: !inside,
    });
    let context_name = connection.context.clone().unwrap_or_else(|| connection.cluster.clone());
    let cluster = ClusterSeen {
        name: clean(asked.display_name.as_deref().unwrap_or(&context_name)),
        context: connection.context.as_deref().map(clean),
        vault: clean(&format!("{}/{}", found.namespace, found.name)),
        identity: Identity::of_cluster(&uid, &found.namespace, &found.name),
        environment: asked.environment,
        kubernetes: true,
        notes: notes.iter().map(|note| clean(note)).collect(),
    };
    let members = found.set.as_ref().map_or_else(|| found.pods.clone(), |set| digest::workload(set, tls.on).members);
    Ok(Target {
        cluster,
        members,
        selector: found.set.as_ref().and_then(digest::selector),
        forward: Some(PortForward { client: connection.client.clone(), namespace: found.namespace.clone(), port }),
        namespace: found.namespace,
        name: found.name,
        kube: Some(kube),
        routes: Routes { given, otherwise },
        tls,
        keys_secret: asked.keys_secret.clone(),
    })
}

/// The headless Service that gives pods their names.
fn service(set: &StatefulSet) -> Option<String> {
    set.spec.as_ref()?.service_name.clone().filter(|name| !name.is_empty())
}

async fn tls(
    asked: &Asked,
    kube: &dyn Kube,
    found: &Found,
    server: &ServerLook,
    notes: &mut Vec<String>,
) -> Result<Tls, Trouble> {
    let on = asked.tls.unwrap_or(server.tls);
    if asked.tls.is_none() && server.config.tls.is_none() {
        notes.push(format!("{} is {}", if on { "TLS" } else { "plain HTTP" }, server.how));
    }
    let mut ca = read_ca(asked)?;
    if on
        && ca.is_none()
        && let Some(set) = &found.set
    {
        match server_look::ca(kube, set, &server.config).await {
            Ok(found) => ca = found,
            Err(trouble) => notes.push(format!("the vault's CA could not be read where its pods mount it: {trouble}")),
        }
    }
    Ok(Tls { on, ca, server_name: asked.server_name.clone() })
}

fn read_ca(asked: &Asked) -> Result<Option<(Vec<u8>, String)>, Trouble> {
    let Some(path) = &asked.ca_file else { return Ok(None) };
    let place = path.display().to_string();
    let pem = std::fs::read(path).map_err(|error| {
        Trouble::local(
            &format!("The CA file {place} cannot be read"),
            &error.kind().to_string(),
            "Check the path and its permissions",
        )
    })?;
    Ok(Some((pem, place)))
}

/// A vault that is known by addresses alone.
fn by_address(asked: &Asked, address: &str, notes: Vec<String>) -> Result<Target, Trouble> {
    super::tls_provider();
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    let mut members = Vec::new();
    let single = [("vault".to_owned(), address.to_owned())];
    // Members by name are replicas; a single address may be a load balancer in front of them.
    let listed = if asked.members.is_empty() { single.as_slice() } else { asked.members.as_slice() };
    for (name, address) in listed {
        let base = base(address)?;
        members.push(clean(name));
        given.insert(clean(name), base);
    }
    let first = given.values().next().cloned().unwrap_or_default();
    let shown = if address.is_empty() { first } else { base(address)? };
    let cluster = ClusterSeen {
        name: clean(asked.display_name.as_deref().unwrap_or(&shown)),
        context: None,
        vault: clean(&shown),
        identity: Identity(shown.clone()),
        environment: asked.environment,
        kubernetes: false,
        notes,
    };
    Ok(Target {
        cluster,
        namespace: String::new(),
        name: String::new(),
        members,
        selector: None,
        kube: None,
        forward: None,
        routes: Routes { given, otherwise: None },
        tls: Tls { on: shown.starts_with("https:"), ca: read_ca(asked)?, server_name: asked.server_name.clone() },
        keys_secret: None,
    })
}

/// Scheme, host and port of an address; a path is cut off, a login in it is refused.
fn base(address: &str) -> Result<String, Trouble> {
    let wrong = |why: &str| {
        Trouble::local("The vault's address cannot be used", why, "Write it like https://vault.example.org:8200")
    };
    let uri: http::Uri = address.trim().parse().map_err(|_| wrong("it is no URL"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("it has no http:// or https:// in front"));
    };
    if !matches!(scheme, "http" | "https") {
        return Err(wrong("only http:// and https:// are spoken"));
    }
    if authority.as_str().contains('@') {
        return Err(wrong("it holds a user name or password, which would end up in logs"));
    }
    Ok(format!("{scheme}://{authority}"))
}

/// A cluster's identity where its uid cannot be read.
fn address_id(server: &str) -> String {
    let hash = Sha256::digest(server.as_bytes());
    hash.iter().take(12).fold("server-".to_owned(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A vault that was found.
struct Found {
    namespace: String,
    name: String,
    /// `None` where it may not be read.
    set: Option<StatefulSet>,
    /// Names of pods, where they are all that can be seen.
    pods: Vec<String>,
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

async fn discover(kube: &dyn Kube, asked: &Asked, own: &str, notes: &mut Vec<String>) -> Result<Found, NotConnected> {
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
async fn by_pods(kube: &dyn Kube, namespace: &str, denied: Trouble, notes: &mut Vec<String>) -> Result<Found, NotConnected> {
    let Ok(sets) = pods_of(kube, namespace).await else { return Err(denied.into()) };
    let names: Vec<String> = sets.keys().map(|name| format!("{namespace}/{}", clean(name))).collect();
    let mut sets = sets.into_iter();
    match (sets.next(), sets.next()) {
        (Some((name, pods)), None) => {
            notes.push(denied.to_string());
            Ok(Found { namespace: namespace.to_owned(), name, set: None, pods })
        }
        (None, _) => Err(denied.into()),
        (Some(_), Some(_)) => Err(several(names)),
    }
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
