//! By which way each replica is reached, and the transport that goes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::task::TaskTracker;

use super::Target;
use crate::app::model::seal::SealSeen;
use crate::app::runtime::clock;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::http::{self, Dial, HttpOptions, HttpTransport, TunnelIo};
use crate::backends::bao::read::BaoRead;
use crate::backends::feeds::seal::SealReader;
use crate::backends::kube::forward::PortForward;

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

impl Target {
    /// The HTTP transport to all replicas, those included that appear later.
    pub fn transport(&self, tasks: TaskTracker) -> Result<HttpTransport, Trouble> {
        let options = HttpOptions {
            ca: self.tls.ca.as_ref().map(|(pem, _)| pem.clone()),
            server_name: self.tls.server_name.clone(),
            ..HttpOptions::default()
        };
        let routes = self.routes.clone();
        let dial = self.forward.clone().map(|forward| Arc::new(forward) as Arc<dyn Dial>);
        let find = move |replica: &str| match (routes.to(replica), &dial) {
            (Some(Route::Address(address)), _) => http::Route::address(&address),
            (Some(Route::Tunnel(url)), Some(dial)) => http::Route::tunnel(&url, Arc::clone(dial)),
            (Some(Route::Tunnel(_)) | None, _) => Err(Trouble::new(
                TroubleKind::Absent,
                &format!("There is no way to {replica}"),
                "it is none of the members that are listed, and no cluster is connected",
                "List it under vault.members in the configuration",
            )),
        };
        Ok(HttpTransport::new(options, tasks)?.otherwise(Box::new(find)))
    }
}

#[async_trait]
impl Dial for PortForward {
    async fn dial(&self, replica: &str) -> Result<Box<dyn TunnelIo>, Trouble> {
        // The method of the same name that the type itself has.
        Ok(Box::new(Self::dial(self, replica).await?))
    }
}

#[async_trait]
impl SealReader for BaoRead {
    async fn seal(&self, replica: &str) -> Result<SealSeen, Trouble> {
        // Named by its type: this method has the same name.
        Self::seal(self, replica, clock::now()).await
    }
}
