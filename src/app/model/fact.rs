//! What a feed can report. Facts are in the perfect tense: they say what was seen, never what to conclude.

use serde::{Deserialize, Serialize};

use super::consumers::{ConsumerSeen, PodLife};
use super::copies::CopySeen;
use super::custody::CustodySeen;
use super::engines::EnginesSeen;
use super::estate::EstateSeen;
use super::keys_secret::{Glimpse, KeysSeen};
use super::keystore::KeystoreLook;
use super::nodes::{NodeSeen, UsageSeen};
use super::paths::PathsSeen;
use super::proof::Proof;
use super::raft::RaftSeen;
use super::register::RegisterSeen;
use super::seal::SealAnswer;
use super::secrets::SecretSeen;
use super::sync::{OperatorsSeen, SyncSeen};
use super::table::Delta;
use super::tokens::TokenSeen;
use super::unsealer::UnsealersSeen;
use super::withheld::Withheld;
use super::workload::{PodSeen, WorkloadSeen};
use crate::app::id::{FeedId, Identity};
use crate::app::trouble::Trouble;

/// Who and what this console is connected to. Sent once at the start, and again when it changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClusterSeen {
    /// The name on the banner: from the config, else the context's.
    pub name: String,
    /// The kubeconfig context; `None` in-cluster and without Kubernetes.
    pub context: Option<String>,
    /// `namespace/name` of the StatefulSet, or the address.
    pub vault: String,
    /// Which cluster and vault this is.
    pub identity: Identity,
    /// `production` unless the config says otherwise.
    pub environment: Environment,
    /// False for a vault that is known by addresses only.
    pub kubernetes: bool,
    /// Something the person should know about how the target was chosen, e.g. a `VAULT_ADDR` that was not used.
    pub notes: Vec<String>,
}

/// What is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// A cluster whose environment is not configured counts as production.
    #[default]
    Production,
    /// Before production.
    Staging,
    /// For work.
    Development,
    /// For play: the sandbox and the lab.
    Lab,
}

impl Environment {
    /// The word on the banner.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Production => "PRODUCTION",
            Self::Staging => "staging",
            Self::Development => "development",
            Self::Lab => "lab",
        }
    }
}

/// One answer to "may I?", from SelfSubjectAccessReview.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RightSeen {
    /// `get`, `create`, …
    pub verb: String,
    /// `secrets`, `pods/portforward`, …
    pub resource: String,
    /// The name, where the review asked for one.
    pub name: Option<String>,
    /// The namespace.
    pub namespace: String,
    /// The answer.
    pub allowed: bool,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// The connection's own identity.
    Connected(ClusterSeen),
    /// The StatefulSet, or that there is none (any more).
    Workload(Option<WorkloadSeen>),
    /// All pods of the vault: a relist arrives as one fact.
    Pods(Vec<PodSeen>),
    /// One replica's answer.
    Seal {
        /// Which replica.
        replica: String,
        /// What it said, or why it is silent.
        answer: SealAnswer,
    },
    /// What could unseal.
    Unsealers(UnsealersSeen),
    /// The keys Secret.
    Keys(KeysSeen),
    /// What this identity may do.
    Rights(Vec<RightSeen>),
    /// The local keystore.
    Keystore(KeystoreLook),
    /// Its copies, all of them: those not read this time with what was known of them.
    Copies(Vec<CopySeen>),
    /// Key files in custody.
    Custody(Vec<CustodySeen>),
    /// The register beside the vault, or that there is none.
    Register(Option<RegisterSeen>),
    /// Objects that bring secrets into the cluster.
    Sync(Delta<SyncSeen>),
    /// Their operators.
    Operators(OperatorsSeen),
    /// KV metadata of the paths that they name.
    Paths(PathsSeen),
    /// Secrets by their metadata.
    Secrets(Delta<SecretSeen>),
    /// Workloads and what they consume.
    Consumers(Delta<ConsumerSeen>),
    /// Since when containers run.
    Containers(Delta<PodLife>),
    /// Nodes.
    Nodes(Delta<NodeSeen>),
    /// What is used of their memory.
    Usage(UsageSeen),
    /// Tokens.
    Tokens(Vec<TokenSeen>),
    /// Engines that rotate.
    Engines(EnginesSeen),
    /// The raft cluster.
    Raft(RaftSeen),
    /// Audit, mounts, auth methods, namespaces, snapshots.
    Estate(Box<EstateSeen>),
    /// What this feed may not list, all of it, while it may list the rest. Nothing of it is known to be gone.
    Withheld {
        /// Which feed.
        feed: FeedId,
        /// Empty where it may list everything again.
        parts: Vec<Withheld>,
    },
    /// What an earlier session wrote down.
    Recalled {
        /// The Secret's life so far, oldest first.
        history: Vec<Glimpse>,
        /// Proofs so far, oldest first.
        proofs: Vec<Proof>,
    },
}

/// One report of one feed: it either saw something or it says what is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who reports.
    pub feed: FeedId,
    /// Facts of one look, all of the same moment; or the trouble.
    pub outcome: Result<Vec<Fact>, Trouble>,
}
