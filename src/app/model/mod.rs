//! What is known: facts folded into one model, each with its age. Nothing here concludes anything.

pub mod attribution;
pub mod copies;
pub mod custody;
pub mod fact;
pub mod fold;
pub mod keys_secret;
pub mod keystore;
pub mod observed;
pub mod proof;
pub mod register;
pub mod reopens;
pub mod seal;
pub mod timeline;
pub mod unsealer;
pub mod workload;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::id::FeedId;
use copies::CopySeen;
use custody::CustodySeen;
use fact::{ClusterSeen, RightSeen};
use keys_secret::{Glimpse, KeysSecret, KeysSeen};
use keystore::{KeystoreLook, KeystoreSeen};
use observed::{FeedHealth, FeedState, Observed};
use proof::Proof;
use register::RegisterSeen;
use reopens::Mechanism;
use seal::{Replica, Role, SealSeen};
use timeline::Timeline;
use unsealer::UnsealersSeen;
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
        }
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
    /// How the feeds are doing.
    pub feeds: BTreeMap<FeedId, FeedHealth>,
    /// The Secret's life, oldest first, across sessions.
    pub history: Vec<Glimpse>,
    /// Proofs, oldest first, across sessions.
    pub proofs: Vec<Proof>,
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
