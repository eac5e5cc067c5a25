//! The vault as Kubernetes runs it: the StatefulSet's promise and the pods that exist.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The vault's StatefulSet, as far as Baowatch needs it. Source: `apps/v1 StatefulSet`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkloadSeen {
    /// `metadata.namespace`; empty where the vault is known by addresses only.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `spec.replicas`: the number that is expected, whoever answers.
    pub replicas: u32,
    /// Names of the expected replicas, in order: `openbao-0`, `openbao-1`, …
    pub members: Vec<String>,
    /// `spec.podManagementPolicy` is `OrderedReady`: pod 1 waits for pod 0.
    pub ordered: bool,
    /// `spec.updateStrategy.type` is `OnDelete`: changes wait for somebody to delete pods.
    pub on_delete: bool,
    /// `status.currentRevision` differs from `status.updateRevision`: an OnDelete backlog or a rollout under way.
    pub rollout_pending: bool,
    /// Whether the servers speak TLS, and how they were found to.
    pub tls: bool,
}

/// One container of a pod, from `status.containerStatuses`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerSeen {
    /// Its name.
    pub name: String,
    /// Running, as opposed to waiting or terminated.
    pub running: bool,
    /// Passed its readiness probe.
    pub ready: bool,
    /// `state.running.startedAt`.
    pub started: Option<Timestamp>,
    /// `restartCount`.
    pub restarts: u32,
    /// Reason of the waiting or terminated state: `CrashLoopBackOff`, `ContainerCreating`, …
    pub reason: Option<String>,
}

/// One pod, from `v1 Pod`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodSeen {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`: a new one means a new pod under the old name.
    pub uid: String,
    /// `status.phase`.
    pub phase: String,
    /// `spec.nodeName`.
    pub node: Option<String>,
    /// `metadata.deletionTimestamp` is set.
    pub deleting: bool,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// Its containers.
    pub containers: Vec<ContainerSeen>,
}

impl PodSeen {
    /// The container that runs the server: `openbao` or `vault` in the charts, else the first.
    pub fn server(&self) -> Option<&ContainerSeen> {
        self.containers.iter().find(|c| c.name == "openbao" || c.name == "vault").or_else(|| self.containers.first())
    }

    /// Restarts of the server's container.
    pub fn restarts(&self) -> u32 {
        self.server().map_or(0, |c| c.restarts)
    }

    /// What tells one life of the server from the next: the pod's uid and the container's restart count.
    pub fn life(&self) -> (String, u32) {
        (self.uid.clone(), self.restarts())
    }
}
