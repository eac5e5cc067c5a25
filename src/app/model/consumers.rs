//! Workloads and the Secrets they consume, their rollouts, and since when their containers run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::Named;
use crate::app::id::ObjectRef;

/// How a container gets at a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// `env[].valueFrom.secretKeyRef`: read once, at start.
    Env,
    /// `envFrom[].secretRef`: read once, at start.
    EnvFrom,
    /// A mounted volume: the kubelet refreshes it.
    Volume,
    /// A projected volume: the kubelet refreshes it.
    Projected,
    /// A mount with `subPath`: never refreshed.
    SubPath,
    /// `imagePullSecrets`: read at each pull.
    ImagePull,
    /// A CSI volume's `nodePublishSecretRef`, or the Secrets Store driver.
    Csi,
}

impl Way {
    /// Whether a running container gets the new value by itself.
    pub const fn refreshes(self) -> bool {
        match self {
            Self::Volume | Self::Projected | Self::ImagePull => true,
            Self::Env | Self::EnvFrom | Self::SubPath | Self::Csi => false,
        }
    }
}

/// One use of one Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// The Secret, in the workload's namespace.
    pub secret: ObjectRef,
    /// How.
    pub way: Way,
    /// In which container; empty for the pod as a whole.
    pub container: String,
    /// It may be missing.
    pub optional: bool,
}

/// One workload. Source: `apps/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerSeen {
    /// Deployment, StatefulSet or DaemonSet.
    pub object: ObjectRef,
    /// Which Secrets it consumes.
    pub uses: Vec<Use>,
    /// `spec.selector` as equalities: what its pods carry.
    pub labels: Vec<(String, String)>,
    /// The restart annotations of its pod template: who and when.
    pub restarted: Vec<(String, Timestamp)>,
    /// How its rollout stands.
    pub rollout: Rollout,
}

impl Named for ConsumerSeen {
    fn object(&self) -> &ObjectRef {
        &self.object
    }
}

/// How a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rollout {
    /// Everything runs as the template says.
    Done,
    /// It goes on.
    Underway {
        /// Replicas of the new template.
        updated: u32,
        /// Replicas wanted.
        wanted: u32,
    },
    /// It stopped: what its condition says.
    Stuck {
        /// Since when.
        since: Option<Timestamp>,
        /// Why.
        why: String,
    },
    /// `spec.paused`.
    Paused,
    /// OnDelete: these pods wait for somebody to delete them.
    OnDelete {
        /// How many.
        waiting: u32,
    },
}

/// One pod and since when its containers run. Source: `v1 Pod`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodLife {
    /// Which pod.
    pub object: ObjectRef,
    /// The workload it belongs to: its controller, a ReplicaSet's name cut back to its Deployment's.
    pub owner: Option<ObjectRef>,
    /// `spec.nodeName`.
    pub node: String,
    /// Label `controller-revision-hash` or `pod-template-hash`.
    pub revision: String,
    /// Running containers: name and `startedAt`.
    pub containers: Vec<(String, Timestamp)>,
    /// The last end of a container that was killed for memory.
    pub oom_killed: Option<Timestamp>,
    /// `status.reason` is `Evicted`.
    pub evicted: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// What Longhorn says of it, for its instance managers: `longhorn.io/component`.
    pub component: Option<String>,
}

impl Named for PodLife {
    fn object(&self) -> &ObjectRef {
        &self.object
    }
}
