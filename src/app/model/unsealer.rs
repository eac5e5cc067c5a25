//! What could open a replica by itself: a sidecar, another workload, a key file; and which Secret it lives on.

use serde::{Deserialize, Serialize};

use crate::app::id::ObjectRef;

/// The way a container consumes a Secret, which decides what it sees when the Secret changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SecretUse {
    /// `metadata.name` of the Secret, in the consumer's namespace.
    pub secret: String,
    /// Volume, environment, …
    pub how: UseHow,
    /// `optional: true`: a loss is silent and a new pod starts without the key.
    pub optional: bool,
    /// Field names selected by `items` or `secretKeyRef`; empty means all.
    pub fields: Vec<String>,
}

/// How a Secret reaches a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UseHow {
    /// A whole volume: mirrors the Secret within a minute or two.
    Volume,
    /// A volume with `items`: a missing field stops the update, running pods keep the old file.
    Items,
    /// `subPath`: never updated in a running pod.
    SubPath,
    /// An environment variable: never updated in a running pod.
    Env,
    /// Named in an argument or in the server's own configuration.
    Config,
}

impl UseHow {
    /// The words on the screen.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Items => "volume, named items",
            Self::SubPath => "subPath",
            Self::Env => "environment",
            Self::Config => "configuration",
        }
    }
}

/// Whether the unsealer works right now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Liveness {
    /// Runs wherever it should.
    Running,
    /// Runs in some places; names those where it does not.
    Partly {
        /// Pods without a running unsealer.
        missing: Vec<String>,
    },
    /// Does not run; says why.
    Dead {
        /// `scaled to 0`, `CrashLoopBackOff`, …
        why: String,
    },
}

/// Something that unseals, or would, from a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnsealerSeen {
    /// The workload: the vault's own StatefulSet for a sidecar, else a Deployment, CronJob, DaemonSet.
    pub object: ObjectRef,
    /// The container in it.
    pub container: String,
    /// A sidecar unseals its own pod only.
    pub sidecar: bool,
    /// Whether it runs. For a CronJob: whether it is not suspended.
    pub liveness: Liveness,
    /// The Secrets it consumes that can hold shares.
    pub uses: Vec<SecretUse>,
    /// Why it was taken for an unsealer, for the screen.
    pub because: String,
}

/// Where a static seal's key comes from, read in the server's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StaticKeySeen {
    /// The path or variable in `current_key`, without its content.
    pub source: String,
    /// The Secret behind it, where the path lies in a Secret volume or the variable comes from one.
    pub from: Option<SecretUse>,
}

/// Everything one look at the workloads of the vault's namespace found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct UnsealersSeen {
    /// Likely unsealers, the likeliest first.
    pub found: Vec<UnsealerSeen>,
    /// The key of a static seal, if the configuration names one.
    pub static_key: Option<StaticKeySeen>,
    /// Secrets of the namespace whose name or fields look like unseal keys: candidates, never guessed between.
    pub candidates: Vec<String>,
    /// Set by configuration: the Secret that holds the shares.
    pub configured: Option<String>,
    /// The Secret that is watched, once one is certain.
    pub chosen: Option<String>,
}
