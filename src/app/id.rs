//! The names everything else refers to things by: objects, replicas, feeds, rules, runs, slots.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A Kubernetes object as a person names it: kind, namespace, name.
///
/// Cluster-scoped objects (and vaults that live outside Kubernetes) have an empty namespace. A name is copied into every table
/// and row that speaks of the object: short ones take no memory of their own, long ones are shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// `Secret`, `Pod`, `StatefulSet`, … as in the object's `kind`.
    pub kind: SmolStr,
    /// The object's namespace; empty where there is none.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub namespace: SmolStr,
    /// `metadata.name`.
    pub name: SmolStr,
}

impl ObjectRef {
    /// Names an object.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    /// A pod.
    pub fn pod(namespace: &str, name: &str) -> Self {
        Self::new("Pod", namespace, name)
    }

    /// A Secret.
    pub fn secret(namespace: &str, name: &str) -> Self {
        Self::new("Secret", namespace, name)
    }

    /// `namespace/name`, or the bare name where there is no namespace.
    pub fn path(&self) -> String {
        if self.namespace.is_empty() { self.name.to_string() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.path())
    }
}

/// Everything that reports facts; one variant a feed, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedId {
    /// Seal status, health and leader of every replica, each through its own connection.
    Seal,
    /// The Secret that holds the unseal keys: a watch on its one name.
    KeysSecret,
    /// The pods of the vault.
    Pods,
    /// The vault's StatefulSet: how many replicas are expected, what is mounted where.
    Workload,
    /// What could unseal a replica, and which Secrets it consumes.
    Unsealers,
    /// What this identity may do: answers of SelfSubjectAccessReview.
    Rights,
    /// The header of the local keystore.
    Keystore,
    /// Copies of the keystore in other places, each read when it is due.
    Copies,
    /// Key files of other programs that the keystore keeps a copy of.
    Custody,
    /// The register beside the vault: ConfigMap `baowatch-register`.
    Register,
    /// Custom resources of the Vault Secrets Operator and the External Secrets Operator: watched.
    Sync,
    /// The processes of those operators, and the Events they wrote.
    Operators,
    /// KV metadata of the paths that sync objects name, within a budget a minute; no value is read.
    Paths,
    /// Metadata of Secrets: watched, no value on the wire.
    Secrets,
    /// Deployments, StatefulSets and DaemonSets, and which Secrets they consume: watched.
    Consumers,
    /// Since when each container runs: pods, watched.
    Containers,
    /// Nodes with their conditions, and Longhorn's instance managers.
    Nodes,
    /// What nodes and pods use of their memory.
    Usage,
    /// Our own token, configured token files, the root token in the keys Secret.
    Tokens,
    /// Engines that rotate: database static roles, leases, PKI.
    Engines,
    /// Raft: autopilot, peers, failure tolerance.
    Raft,
    /// The vault's estate: audit devices, mounts, auth methods, namespaces, snapshots.
    Estate,
}

impl FeedId {
    /// Every feed there is.
    pub const ALL: [Self; 22] = [
        Self::Seal,
        Self::KeysSecret,
        Self::Pods,
        Self::Workload,
        Self::Unsealers,
        Self::Rights,
        Self::Keystore,
        Self::Copies,
        Self::Custody,
        Self::Register,
        Self::Sync,
        Self::Operators,
        Self::Paths,
        Self::Secrets,
        Self::Consumers,
        Self::Containers,
        Self::Nodes,
        Self::Usage,
        Self::Tokens,
        Self::Engines,
        Self::Raft,
        Self::Estate,
    ];

    /// The name used in `check --output json` and on the screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::KeysSecret => "keys-secret",
            Self::Pods => "pods",
            Self::Workload => "workload",
            Self::Unsealers => "unsealers",
            Self::Rights => "rights",
            Self::Keystore => "keystore",
            Self::Copies => "copies",
            Self::Custody => "custody",
            Self::Register => "register",
            Self::Sync => "sync",
            Self::Operators => "operators",
            Self::Paths => "paths",
            Self::Secrets => "secrets",
            Self::Consumers => "consumers",
            Self::Containers => "containers",
            Self::Nodes => "nodes",
            Self::Usage => "usage",
            Self::Tokens => "tokens",
            Self::Engines => "engines",
            Self::Raft => "raft",
            Self::Estate => "estate",
        }
    }

    /// How often the feed looks by itself. A watch also looks this often: a silent connection is no heartbeat.
    pub const fn period(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_secs(match self {
            Self::Seal => 2,
            Self::KeysSecret | Self::Pods | Self::Keystore => 5,
            Self::Raft => 10,
            Self::Workload
            | Self::Unsealers
            | Self::Custody
            | Self::Register
            | Self::Sync
            | Self::Secrets
            | Self::Consumers
            | Self::Containers
            | Self::Nodes
            | Self::Usage
            | Self::Engines => 15,
            Self::Operators | Self::Paths => 30,
            Self::Rights | Self::Copies | Self::Tokens | Self::Estate => 60,
        })
    }

    /// Past this age (three periods, and never under ten seconds) what the feed said is stale and no longer counts.
    pub const fn limit(self) -> jiff::SignedDuration {
        let three = self.period().as_secs() * 3;
        jiff::SignedDuration::from_secs(if three < 10 { 10 } else { three })
    }
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The panes of the overview, in the order of their digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaneId {
    /// One row per expected replica.
    Vault,
    /// The keys Secret, what unseals from it, the proof.
    Keys,
    /// Objects that bring secrets from the vault into the cluster, by how far they lag.
    Sync,
    /// Workloads that use a secret, and which of them run with an older one than the cluster holds.
    Workloads,
    /// Nodes by the pressure on their memory.
    Nodes,
    /// Tokens: what they are, how long they last, what they may do.
    Tokens,
    /// What the vault rotates, and whether it arrived.
    Rotation,
    /// One row an application: vault path, sync object, Secret, workload.
    Flow,
    /// Every observed change and action, newest first.
    Timeline,
}

impl PaneId {
    /// Every pane there is, in order.
    pub const ALL: [Self; 9] = [
        Self::Vault,
        Self::Keys,
        Self::Sync,
        Self::Workloads,
        Self::Nodes,
        Self::Tokens,
        Self::Rotation,
        Self::Flow,
        Self::Timeline,
    ];

    /// The title on the card.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Vault => "Vault",
            Self::Keys => "Keys",
            Self::Sync => "Sync",
            Self::Workloads => "Workloads",
            Self::Nodes => "Nodes",
            Self::Tokens => "Tokens",
            Self::Rotation => "Rotation",
            Self::Flow => "Flow",
            Self::Timeline => "Timeline",
        }
    }

    /// The digit that zooms it, starting at 1.
    pub fn digit(self) -> u8 {
        Self::ALL.iter().position(|pane| *pane == self).map_or(0, |index| index as u8 + 1)
    }
}

/// The name of a rule, as in `check --rules` and the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RuleId(pub &'static str);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Every guided action that exists; the registry in `app::actions` asks for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionId {
    /// Open sealed replicas with unseal key shares.
    Unseal,
    /// Put the keys Secret back from the keystore.
    RestoreKeysSecret,
    /// Take the keys from the Secret into the keystore.
    SaveKeys,
    /// Prove on the live vault that keys are its keys, changing nothing.
    ProveKeys,
    /// Bring copies of the keystore up to date.
    CopyKeystore,
    /// Put a key file in custody back to where it belongs.
    RestoreCustody,
}

impl ActionId {
    /// Every action there is.
    pub const ALL: [Self; 6] = [
        Self::Unseal,
        Self::RestoreKeysSecret,
        Self::SaveKeys,
        Self::ProveKeys,
        Self::CopyKeystore,
        Self::RestoreCustody,
    ];

    /// The name on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unseal => "unseal",
            Self::RestoreKeysSecret => "restore-keys-secret",
            Self::SaveKeys => "save-keys",
            Self::ProveKeys => "prove-keys",
            Self::CopyKeystore => "copy-keystore",
            Self::RestoreCustody => "restore-custody",
        }
    }

    /// One word for the footer, where there is no room for the name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unseal => "unseal",
            Self::RestoreKeysSecret | Self::RestoreCustody => "restore",
            Self::SaveKeys => "save",
            Self::ProveKeys => "prove",
            Self::CopyKeystore => "copy",
        }
    }

    /// Whether the first choice of its plan is where keys are taken from.
    pub const fn takes_from_places(self) -> bool {
        match self {
            Self::Unseal | Self::ProveKeys => true,
            Self::RestoreKeysSecret | Self::SaveKeys | Self::CopyKeystore | Self::RestoreCustody => false,
        }
    }
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One confirmed execution of a plan. Taken from the stamp of the confirming message, so that a replay names it alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// Where the runtime keeps a typed secret. The core knows the slot and how many secrets are in it, never their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlotId(pub u64);

/// Which cluster and which vault this is: the UID of `kube-system` and the StatefulSet's path.
///
/// Without Kubernetes: the vault's own cluster id, before init its address. Files, challenges and the register use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Identity(pub String);

impl Identity {
    /// From the UID of namespace `kube-system` and the vault's StatefulSet.
    pub fn of_cluster(kube_system_uid: &str, namespace: &str, name: &str) -> Self {
        Self(format!("{kube_system_uid}/{namespace}/{name}"))
    }

    /// The last six characters of the cluster part: what the strictest challenge asks for.
    pub fn tail(&self) -> String {
        let cluster = self.0.split('/').next().unwrap_or_default();
        let skip = cluster.chars().count().saturating_sub(6);
        cluster.chars().skip(skip).collect()
    }

    /// A name for a folder: the identity with everything but letters, digits, dot and dash replaced.
    pub fn folder(&self) -> String {
        self.0.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' }).collect()
    }
}
