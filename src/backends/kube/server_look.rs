//! Finds the server's configuration files where the pod mounts them, and with them TLS, port and CA.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::port::Kube;
use super::server_config::{self, ServerConfig};
use super::{mounts, unsealers};
use crate::app::text::clean;
use crate::app::trouble::Trouble;

/// The charts' port.
const PORT: u16 = 8200;
/// A CA bundle larger than this is none.
const LARGEST_CA: usize = 1 << 20;

/// What one look at the configuration found.
#[derive(Debug, Clone, Default)]
pub struct ServerLook {
    /// From its files.
    pub config: ServerConfig,
    /// Whether it speaks TLS, from its files, else from the address that the chart gives its own client.
    pub tls: bool,
    /// Where it listens.
    pub port: u16,
    /// How TLS was found out, for the screen.
    pub how: String,
    /// What could not be read on the way.
    pub troubles: Vec<Trouble>,
}

/// The container of the server in a StatefulSet.
fn server(set: &StatefulSet) -> Option<(&PodSpec, &Container)> {
    let spec = set.spec.as_ref()?.template.spec.as_ref()?;
    Some((spec, unsealers::server(spec)?))
}

/// Reads the configuration of the server, as far as this identity may.
pub async fn look(kube: &dyn Kube, set: &StatefulSet) -> ServerLook {
    let mut found = ServerLook { port: PORT, ..ServerLook::default() };
    let Some((spec, container)) = server(set) else { return found };
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let mut files: Vec<String> = Vec::new();
    for name in mounts::config_maps(spec, container) {
        match kube.config_map(namespace, &name).await {
            Ok(map) => files.extend(
                map.and_then(|map| map.data)
                    .into_iter()
                    .flatten()
                    .filter(|(key, _)| is_config(key))
                    .map(|(_, text)| text),
            ),
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    // A configuration with credentials in it lies in a Secret, named by -config. Only that very Secret is read.
    for path in config_paths(container) {
        let Some((used, Some(field))) = mounts::behind_path(spec, container, &path) else { continue };
        match kube.secret(namespace, &used.secret).await {
            Ok(secret) => {
                let value = secret.and_then(|secret| secret.data?.remove(&field));
                files.extend(value.and_then(|value| String::from_utf8(value.0).ok()));
            }
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    let local = |name: &str| matches!(name, "VAULT_LOCAL_CONFIG" | "BAO_LOCAL_CONFIG");
    files.extend(variables(container).filter(|(name, _)| local(name)).map(|(_, value)| value.to_owned()));
    found.config = server_config::read(files.iter().map(String::as_str));
    let own = variables(container).find(|(name, _)| matches!(*name, "VAULT_ADDR" | "BAO_ADDR")).map(|(_, value)| value);
    (found.tls, found.how) = match (found.config.tls, own) {
        (Some(tls), _) => (tls, "from the listener in its configuration".to_owned()),
        (None, Some(own)) => {
            (own.starts_with("https:"), format!("from the address in its own environment, {}", clean(own)))
        }
        (None, None) => (false, "assumed: its configuration could not be read".to_owned()),
    };
    if let Some(port) = found.config.port {
        found.port = port;
    } else if let Some(port) = named_port(container) {
        found.port = port;
    }
    found
}

/// The CA that signed the server's certificate, from the Secret or ConfigMap that the pod itself mounts it from, with
/// words for where it was found.
pub async fn ca(
    kube: &dyn Kube,
    set: &StatefulSet,
    config: &ServerConfig,
) -> Result<Option<(Vec<u8>, String)>, Trouble> {
    let Some((spec, container)) = server(set) else { return Ok(None) };
    let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
    let own = variables(container).find(|(name, _)| matches!(*name, "VAULT_CACERT" | "BAO_CACERT"));
    let beside = config.certificate.as_ref().and_then(|path| Some(format!("{}/ca.crt", path.rsplit_once('/')?.0)));
    let paths = [own.map(|(_, value)| value.to_owned()), config.client_ca.clone(), beside];
    let mut tried: Vec<(String, String)> = Vec::new();
    for path in paths.into_iter().flatten() {
        let Some((used, Some(field))) = mounts::behind_path(spec, container, &path) else { continue };
        let place = (used.secret.clone(), field.clone());
        if tried.contains(&place) {
            continue;
        }
        tried.push(place);
        let value = kube.secret(namespace, &used.secret).await?.and_then(|secret| secret.data?.remove(&field));
        if let Some(value) = value.filter(|value| !value.0.is_empty() && value.0.len() <= LARGEST_CA) {
            return Ok(Some((value.0, format!("Secret {namespace}/{}, field {}", used.secret, clean(&field)))));
        }
    }
    Ok(None)
}

fn is_config(key: &str) -> bool {
    [".hcl", ".json", ".conf"].iter().any(|end| key.ends_with(end))
}

/// Paths given with `-config`, wherever in a command line or script.
fn config_paths(container: &Container) -> Vec<String> {
    let words = container.command.iter().chain(container.args.iter()).flatten();
    let parts = words.flat_map(|word| word.split(|c: char| c.is_whitespace() || matches!(c, '=' | '"' | '\'' | ';')));
    parts.filter(|part| part.starts_with('/') && is_config(part)).map(str::to_owned).collect()
}

fn variables(container: &Container) -> impl Iterator<Item = (&str, &str)> {
    container.env.iter().flatten().filter_map(|variable| Some((variable.name.as_str(), variable.value.as_deref()?)))
}

fn named_port(container: &Container) -> Option<u16> {
    let ports = container.ports.iter().flatten();
    let api = ports.into_iter().find(|port| matches!(port.name.as_deref(), Some("http" | "https" | "api")))?;
    u16::try_from(api.container_port).ok()
}
