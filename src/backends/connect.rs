//! Resolves what is meant: which cluster, which vault in it, and by which way each replica is reached.

mod discover;
mod routes;

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
use super::kube::real::RealKube;
use super::kube::server_look::{self, Mounted, ServerLook};
use super::kube::x509;
use crate::app::id::Identity;
use crate::app::model::fact::{ClusterSeen, Environment};
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};

use discover::{Found, discover};
pub use routes::{Pods, Route, Routes, Tls};

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
    /// `vault.caFile`, `VAULT_CACERT`, `BAO_CACERT`.
    pub ca_file: Option<PathBuf>,
    /// `vault.serverName`.
    pub server_name: Option<String>,
    /// `vault.tls`, where the configuration overrules what is found.
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

async fn in_cluster(
    asked: &Asked,
    connection: &client::Connection,
    kube: Arc<dyn Kube>,
) -> Result<Target, NotConnected> {
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
    let inside = connection.in_cluster();
    let (tls, domain) = tls(asked, kube.as_ref(), &found, &server, inside, &mut notes).await?;
    let given: BTreeMap<String, String> = asked.members.iter().cloned().collect();
    let otherwise = Some(Pods { scheme: if tls.on { "https" } else { "http" }, domain, port, tunnel: !inside });
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

/// TLS, and the domain under which the pods are called.
async fn tls(
    asked: &Asked,
    kube: &dyn Kube,
    found: &Found,
    server: &ServerLook,
    inside: bool,
    notes: &mut Vec<String>,
) -> Result<(Tls, String), Trouble> {
    let on = asked.tls.unwrap_or(server.tls);
    if asked.tls.is_none() && server.config.tls.is_none() {
        notes.push(format!("{} is {}", if on { "TLS" } else { "plain HTTP" }, server.how));
    }
    let mut mounted = Mounted::default();
    if on && let Some(set) = &found.set {
        match server_look::mounted(kube, set, &server.config).await {
            Ok(found) => mounted = found,
            Err(trouble) => notes.push(format!("the vault's CA could not be read where its pods mount it: {trouble}")),
        }
    }
    let mut tls = Tls { on, ca: read_ca(asked)?.or(mounted.ca), server_name: asked.server_name.clone() };
    let service = found.set.as_ref().and_then(service).unwrap_or_else(|| format!("{}-internal", found.name));
    let full = format!("{service}.{}.svc", found.namespace);
    let mut domain = full.clone();
    if let (None, Some(pem)) = (&tls.server_name, &mounted.certificate) {
        // The pod's own name first, since it says most; inside the cluster only a domain that DNS knows will do.
        let domains = [full.clone(), format!("{full}.cluster.local"), service];
        let pod = format!("{}-0.", found.name);
        let of_pods: Vec<String> = domains.iter().map(|domain| format!("{pod}{domain}")).collect();
        match x509::first_name(pem, &of_pods).and_then(|name| name.strip_prefix(&pod)) {
            Some(good) if inside && good != full => tls.server_name = Some(format!("{pod}{good}")),
            Some(good) => good.clone_into(&mut domain),
            None => tls.server_name = x509::first_name(pem, &names(found)).map(str::to_owned),
        }
    }
    Ok((tls, domain))
}

/// Names by which certificates commonly call the vault as a whole.
fn names(found: &Found) -> Vec<String> {
    let Found { namespace, name, .. } = found;
    let service = format!("{name}.{namespace}.svc");
    let all =
        [&service, &format!("{service}.cluster.local"), &format!("{name}.{namespace}"), name, "localhost", "127.0.0.1"];
    all.map(str::to_owned).to_vec()
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

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
