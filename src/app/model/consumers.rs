//! Workloads and the Secrets they consume, their rollouts, and since when their containers run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

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
    /// A CSI volume's `nodePublishSecretRef`: the driver's own credentials.
    Csi,
    /// A SecretProviderClass that the Secrets Store CSI driver mounts: straight from the vault, with no Secret between.
    SecretsStore,
}

impl Way {
    /// Whether what a container has of it is what was there when it started, for as long as it runs.
    pub const fn stays(self) -> bool {
        match self {
            Self::Env | Self::EnvFrom | Self::SubPath => true,
            Self::Volume | Self::Projected | Self::ImagePull | Self::Csi | Self::SecretsStore => false,
        }
    }

    /// As a person calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::EnvFrom => "envFrom",
            Self::Volume => "volume",
            Self::Projected => "projected",
            Self::SubPath => "subPath",
            Self::ImagePull => "image pull",
            Self::Csi => "CSI",
            Self::SecretsStore => "CSI Secrets Store",
        }
    }

    /// What becomes of a new value.
    pub const fn follows(self) -> &'static str {
        match self {
            Self::Env | Self::EnvFrom => "read once, when the container starts",
            Self::SubPath => "never refreshed: a mount with subPath",
            Self::Volume | Self::Projected => "the kubelet refreshes the file by itself, in a minute or two",
            Self::ImagePull => "read at each pull of an image",
            Self::Csi => "read by its CSI driver when it mounts",
            Self::SecretsStore => {
                "mounted straight from the vault; a new value comes only where the driver's rotation is switched on"
            }
        }
    }

    /// Whether a running container gets the new value by itself.
    pub const fn refreshes(self) -> bool {
        match self {
            Self::Volume | Self::Projected | Self::ImagePull => true,
            Self::Env | Self::EnvFrom | Self::SubPath | Self::Csi | Self::SecretsStore => false,
        }
    }
}

/// One use of one Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// The Secret, in the workload's namespace; the SecretProviderClass where that is what is mounted.
    pub secret: ObjectRef,
    /// How.
    pub way: Way,
    /// In which container; empty for the pod as a whole.
    pub container: String,
    /// It may be missing.
    pub optional: bool,
}

/// One workload. Source: `apps/v1`, and `argoproj.io/v1alpha1 Rollout` where it is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerSeen {
    /// Deployment, StatefulSet, DaemonSet, or Rollout (Argo).
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
        /// When its status last moved, where no controller calls it late: StatefulSets and DaemonSets have no deadline.
        #[serde(default)]
        moved: Option<Timestamp>,
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
        /// `status.updateRevision`: what a pod carries in `controller-revision-hash` once it was replaced. Empty where the
        /// status does not say.
        #[serde(default)]
        revision: String,
        /// How many, by the counters of the status.
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
    pub node: SmolStr,
    /// Label `controller-revision-hash` or `pod-template-hash`.
    pub revision: SmolStr,
    /// Running containers: name and `startedAt`.
    pub containers: Vec<(SmolStr, Timestamp)>,
    /// Init containers that ended: name and when that run of them began.
    #[serde(default)]
    pub init: Vec<(SmolStr, Timestamp)>,
    /// The last end of a container that was killed for memory.
    pub oom_killed: Option<Timestamp>,
    /// `status.reason` is `Evicted`.
    pub evicted: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// What Longhorn says of it, for its instance managers: `longhorn.io/component`.
    pub component: Option<String>,
    /// The memory that it holds on its node by what its containers request, bytes; 0 where it has ended.
    #[serde(default)]
    pub requests: u64,
}

impl Named for PodLife {
    fn object(&self) -> &ObjectRef {
        &self.object
    }

    fn belongs_to(&self) -> Option<&ObjectRef> {
        self.owner.as_ref()
    }
}
