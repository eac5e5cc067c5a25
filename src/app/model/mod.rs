//! What is known: facts folded into one model, each with its age. Nothing here concludes anything.

pub mod attribution;
pub mod auths;
pub mod consumers;
pub mod copies;
pub mod custody;
pub mod engines;
pub mod estate;
pub mod fact;
pub mod fold;
pub mod keys_secret;
pub mod keystore;
pub mod nodes;
pub mod observed;
pub mod paths;
pub mod proof;
pub mod raft;
pub mod register;
pub mod reopens;
pub mod seal;
pub mod secrets;
pub mod sync;
pub mod table;
pub mod timeline;
pub mod tokens;
pub mod unsealer;
pub mod withheld;
pub mod workload;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::id::{FeedId, ObjectRef};
use consumers::{ConsumerSeen, PodLife};
use copies::CopySeen;
use custody::CustodySeen;
use engines::EnginesSeen;
use estate::EstateSeen;
use fact::{ClusterSeen, RightSeen};
use keys_secret::{Glimpse, KeysSecret, KeysSeen};
use keystore::{KeystoreLook, KeystoreSeen};
use nodes::{Load, Longhorn, NodeSeen, Trend, UsageSeen};
use observed::{FeedHealth, FeedState, Observed};
use paths::PathsSeen;
use proof::Proof;
use raft::RaftSeen;
use register::RegisterSeen;
use reopens::Mechanism;
use seal::{Replica, Role, SealSeen};
use secrets::SecretSeen;
use sync::{OperatorsSeen, SyncSeen};
use table::Table;
use timeline::Timeline;
use tokens::TokenSeen;
use unsealer::UnsealersSeen;
use withheld::Withheld;
use workload::{PodSeen, WorkloadSeen};

/// What the configuration says about this vault, as far as conclusions depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectations {
    /// `vault.reopens`: how a restarted replica opens again, if somebody wrote it down.
    pub reopens: Option<Mechanism>,
    /// `proof.maxAge`: how long a proof counts.
    pub proof_max_age: SignedDuration,
    /// `vault.rootTokenRequired`: a missing root token is a warning and not a remark.
    pub root_token_required: bool,
    /// A keys Secret is named in the configuration: the keys rules apply whatever the mechanism.
    pub keys_secret_configured: bool,
    /// The vault is known by one address only, which may be a load balancer: it is watched, and never unsealed.
    pub address_only: bool,
    /// A token was given for this vault: a token file or a variable that belongs to it.
    #[serde(default)]
    pub token: bool,
    /// `rules.NAME.warning` and `rules.NAME.critical`: thresholds, in the unit that the rule's text names.
    #[serde(default)]
    pub limits: BTreeMap<String, Limits>,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            reopens: None,
            proof_max_age: SignedDuration::from_hours(30 * 24),
            root_token_required: false,
            keys_secret_configured: false,
            address_only: false,
            token: false,
            limits: BTreeMap::new(),
        }
    }
}

/// Thresholds of one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// From here on it is a warning.
    pub warning: Option<u64>,
    /// From here on it is critical.
    pub critical: Option<u64>,
}

impl Expectations {
    /// The thresholds of a rule, warning and critical, where the configuration does not say otherwise these.
    pub fn limits(&self, rule: &str, warning: u64, critical: u64) -> (u64, u64) {
        let set = self.limits.get(rule).copied().unwrap_or_default();
        (set.warning.unwrap_or(warning), set.critical.unwrap_or(critical))
    }
}

/// Everything known about one vault.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Model {
    /// What we are connected to.
    pub cluster: Option<ClusterSeen>,
    /// The StatefulSet.
    pub workload: Option<Observed<Option<WorkloadSeen>>>,
    /// The pods.
    pub pods: Option<Observed<Vec<PodSeen>>>,
    /// One entry for each expected replica, in order; answers of pods that are not expected any more are dropped.
    pub replicas: Vec<Replica>,
    /// The last answer of any initialised replica: seal type, threshold and storage outlive a silence.
    pub heard: Option<Observed<SealSeen>>,
    /// What could unseal.
    pub unsealers: Option<Observed<UnsealersSeen>>,
    /// The keys Secret.
    pub keys: Option<Observed<KeysSeen>>,
    /// The local keystore.
    #[serde(default)]
    pub keystore: Option<Observed<KeystoreLook>>,
    /// Its copies.
    #[serde(default)]
    pub copies: Option<Observed<Vec<CopySeen>>>,
    /// Key files in custody.
    #[serde(default)]
    pub custody: Option<Observed<Vec<CustodySeen>>>,
    /// The register beside the vault; `Some(None)` when there is none.
    #[serde(default)]
    pub register: Option<Observed<Option<RegisterSeen>>>,
    /// What we may do.
    pub rights: Option<Observed<Vec<RightSeen>>>,
    /// Objects that bring secrets into the cluster.
    #[serde(default)]
    pub sync: Option<Table<SyncSeen>>,
    /// Their operators, and what these wrote in Events.
    #[serde(default)]
    pub operators: Option<Observed<OperatorsSeen>>,
    /// KV metadata of the paths that they name.
    #[serde(default)]
    pub paths: Option<Observed<PathsSeen>>,
    /// Secrets by their metadata.
    #[serde(default)]
    pub secrets: Option<Table<SecretSeen>>,
    /// Workloads and what they consume.
    #[serde(default)]
    pub consumers: Option<Table<ConsumerSeen>>,
    /// Since when each container runs.
    #[serde(default)]
    pub containers: Option<Table<PodLife>>,
    /// Nodes.
    #[serde(default)]
    pub nodes: Option<Table<NodeSeen>>,
    /// What is used of their memory now.
    #[serde(default)]
    pub usage: Option<Observed<UsageSeen>>,
    /// Longhorn as it was when all of it could be read.
    #[serde(default)]
    pub longhorn: Option<Longhorn>,
    /// And was used in the last hour, by node.
    #[serde(default)]
    pub trends: BTreeMap<String, Trend>,
    /// What the pods of each node come to.
    #[serde(default)]
    pub loads: BTreeMap<SmolStr, Load>,
    /// Pods of each node that were killed for memory, or evicted and stand there still.
    #[serde(default)]
    pub struck: BTreeMap<SmolStr, BTreeSet<ObjectRef>>,
    /// Tokens.
    #[serde(default)]
    pub tokens: Option<Observed<Vec<TokenSeen>>>,
    /// Who each of them was when it was first seen in this session, by name.
    #[serde(default)]
    pub token_firsts: BTreeMap<String, tokens::TokenIdentity>,
    /// Engines that rotate.
    #[serde(default)]
    pub engines: Option<Observed<EnginesSeen>>,
    /// The raft cluster.
    #[serde(default)]
    pub raft: Option<Observed<RaftSeen>>,
    /// Audit, mounts, auth methods, namespaces, snapshots.
    #[serde(default)]
    pub estate: Option<Observed<EstateSeen>>,
    /// How the feeds are doing.
    pub feeds: BTreeMap<FeedId, FeedHealth>,
    /// What they may not list while they may list the rest; feeds that may list all of theirs are not in it.
    #[serde(default)]
    pub withheld: BTreeMap<FeedId, Vec<Withheld>>,
    /// The Secret's life, oldest first, across sessions.
    pub history: Vec<Glimpse>,
    /// Proofs, oldest first, across sessions.
    pub proofs: Vec<Proof>,
    /// Proofs of namespaces' own seals, oldest first, across sessions: apart, so that nothing takes them for the vault's.
    #[serde(default)]
    pub namespace_proofs: Vec<Proof>,
    /// What happened.
    pub timeline: Timeline,
    /// Lives of replicas that were seen to end and are not open again yet: how the next opening is told from the last.
    pub restarts: BTreeMap<String, fold::Restart>,
    /// Replicas on which our own unseal works now: their opening is no proof that anything opens by itself.
    pub ours: BTreeMap<String, Timestamp>,
    /// Since when an active node has been missing; `None` while one serves or nobody can tell.
    pub no_active_since: Option<Timestamp>,
    /// That moment only stands for "long enough": a single look cannot know it, and nobody may be told it.
    #[serde(default)]
    pub no_active_undated: bool,
    /// When the vault was last seen to open: a replica that was seen sealed before, while no other was open.
    #[serde(default)]
    pub opened: Option<Timestamp>,
    /// How the sync objects stand, as far as it was asked for already.
    #[serde(skip)]
    pub standings: super::sync::standings::Kept,
    /// What the configuration says.
    pub expect: Expectations,
}

impl Model {
    /// The replica of this name.
    pub fn replica(&self, name: &str) -> Option<&Replica> {
        self.replicas.iter().find(|replica| replica.name == name)
    }

    /// The replica's last answer, whatever its age; `None` while it is silent.
    pub fn said(&self, name: &str) -> Option<&SealSeen> {
        self.replica(name)?.answer.as_ref()?.value.said()
    }

    /// The replica's last answer if it is recent enough to count.
    pub fn fresh_said(&self, name: &str, now: Timestamp) -> Option<&SealSeen> {
        self.replica(name)?.answer.as_ref()?.fresh(now, FeedId::Seal)?.said()
    }

    /// Every replica that answered recently, with its answer.
    pub fn answers(&self, now: Timestamp) -> impl Iterator<Item = (&str, &SealSeen)> {
        self.replicas.iter().filter_map(move |replica| {
            let seen = replica.answer.as_ref()?.fresh(now, FeedId::Seal)?.said()?;
            Some((replica.name.as_str(), seen))
        })
    }

    /// The replica that serves writes, if one says so.
    pub fn active(&self, now: Timestamp) -> Option<&str> {
        self.answers(now).find(|(_, seen)| seen.role == Some(Role::Active)).map(|(name, _)| name)
    }

    /// The keys Secret, whatever its age, if it exists.
    pub fn keys_secret(&self) -> Option<&KeysSecret> {
        self.keys.as_ref()?.value.present()
    }

    /// The keys Secret if it was confirmed recently.
    pub fn fresh_keys(&self, now: Timestamp) -> Option<&KeysSeen> {
        self.keys.as_ref()?.fresh(now, FeedId::KeysSecret)
    }

    /// The header of the local keystore, whatever its age, if there is one that can be read.
    pub fn keystore(&self) -> Option<&KeystoreSeen> {
        self.keystore.as_ref()?.value.present()
    }

    /// The register beside the vault, whatever its age, if there is one.
    pub fn register(&self) -> Option<&RegisterSeen> {
        self.register.as_ref()?.value.as_ref()
    }

    /// The StatefulSet, whatever its age.
    pub fn workload(&self) -> Option<&WorkloadSeen> {
        self.workload.as_ref()?.value.as_ref()
    }

    /// The pod of this name, whatever its age.
    pub fn pod(&self, name: &str) -> Option<&PodSeen> {
        self.pods.as_ref()?.value.iter().find(|pod| pod.name == name)
    }

    /// The word for a feed.
    pub fn feed_state(&self, feed: FeedId, now: Timestamp) -> FeedState {
        self.feeds.get(&feed).map_or(FeedState::Unreachable, |health| health.state(now, feed))
    }

    /// The vault's own cluster id, from any replica that knows it.
    pub fn cluster_id(&self) -> Option<&str> {
        self.replicas.iter().find_map(|r| r.answer.as_ref()?.value.said()?.cluster_id.as_deref())
    }

    /// Namespace and name of the vault, for sentences and subjects.
    pub fn vault_ref(&self) -> super::id::ObjectRef {
        self.workload().map_or_else(
            || super::id::ObjectRef::new("Vault", "", self.cluster.as_ref().map_or("vault", |c| c.vault.as_str())),
            |w| super::id::ObjectRef::new("StatefulSet", &w.namespace, &w.name),
        )
    }

    /// Whether this vault is known through Kubernetes.
    pub fn in_kubernetes(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.kubernetes)
    }
}
