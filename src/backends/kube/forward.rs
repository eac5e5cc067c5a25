//! A tunnel to one pod through the API server: the only way to a sealed replica, which no Service reaches.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Portforwarder;
use kube::{Api, Client};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::fault::{Right, trouble};
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};

/// The tunnel must stand within this.
const OPENING: Duration = Duration::from_secs(5);

/// Opens tunnels to the pods of one namespace.
#[derive(Clone)]
pub struct PortForward {
    pub client: Client,
    pub namespace: String,
    /// The port inside the pod, 8200 for both charts.
    pub port: u16,
}

impl PortForward {
    /// Opens one. The far side's end of stream does not arrive through it: whoever reads must know where an answer ends,
    /// and must give up by the clock.
    pub async fn dial(&self, pod: &str) -> Result<PodStream, Trouble> {
        let what = format!("No tunnel to pod {}/{pod}", self.namespace);
        let right = Right {
            group: "",
            resource: "pods/portforward",
            // Over WebSocket the API server asks for get, over SPDY for create.
            verbs: &["get", "create"],
            namespace: Some(&self.namespace),
            name: None,
        };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let opened = tokio::time::timeout(OPENING, api.portforward(pod, &[self.port])).await;
        let mut forwarder = match opened {
            Ok(Ok(forwarder)) => forwarder,
            Ok(Err(error)) => {
                let said = trouble(&what, &right, &error);
                return Err(match said.kind {
                    TroubleKind::Denied | TroubleKind::Absent | TroubleKind::Local => said,
                    TroubleKind::Unreachable | TroubleKind::Unusable | TroubleKind::Refused => {
                        self.phase(&api, pod, &what).await.unwrap_or(said)
                    }
                });
            }
            Err(_) => {
                return Err(Trouble::unreachable(
                    &what,
                    &format!("the API server did not open it within {} s", OPENING.as_secs()),
                    "Check the pod's node: the API server reaches pods through its kubelet",
                ));
            }
        };
        let broken: BoxFuture<'static, Option<String>> = match forwarder.take_error(self.port) {
            Some(error) => Box::pin(error),
            None => Box::pin(std::future::pending()),
        };
        match forwarder.take_stream(self.port) {
            Some(stream) => Ok(PodStream { stream, broken: Some(broken), _forwarder: Guard(forwarder) }),
            None => Err(Trouble::unreachable(&what, "the API server opened it without this port", "")),
        }
    }

    /// A pod that does not run explains a tunnel that does not open.
    async fn phase(&self, api: &Api<Pod>, name: &str, what: &str) -> Option<Trouble> {
        let pod = tokio::time::timeout(OPENING, api.get_opt(name)).await.ok()?.ok()?;
        let Some(pod) = pod else {
            return Some(Trouble::new(
                TroubleKind::Absent,
                what,
                "there is no such pod",
                "It appears when its StatefulSet creates it",
            ));
        };
        let phase = pod.status.and_then(|status| status.phase).unwrap_or_default();
        (phase != "Running").then(|| {
            Trouble::unreachable(what, &format!("the pod is {phase}"), "Look at the pod's events: kubectl describe pod")
        })
    }
}

/// The bytes of one tunnel. Ends its background task when it is dropped: the far side would keep it for ever.
pub struct PodStream {
    stream: DuplexStream,
    broken: Option<BoxFuture<'static, Option<String>>>,
    _forwarder: Guard,
}

struct Guard(Portforwarder);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl PodStream {
    /// Whether the far side has said that the port is of no use: nothing listens, the pod is gone.
    fn said_broken(&mut self, cx: &mut Context<'_>) -> Option<std::io::Error> {
        let Poll::Ready(said) = self.broken.as_mut()?.as_mut().poll(cx) else { return None };
        self.broken = None;
        said.map(|message| std::io::Error::new(std::io::ErrorKind::ConnectionRefused, clean(&message)))
    }
}

impl AsyncRead for PodStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if let Some(error) = self.said_broken(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for PodStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        if let Some(error) = self.said_broken(cx) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
