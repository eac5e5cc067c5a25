//! What the vault consists of beside its keys: audit devices, mounts, auth methods, namespaces, snapshots.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::trouble::Trouble;

/// What the estate feed saw; a part that may not be read is a trouble of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EstateSeen {
    /// Audit devices: path and type.
    pub audit: Result<Vec<(String, String)>, Trouble>,
    /// Secrets engines: path, type, KV version.
    pub mounts: Result<Vec<MountSeen>, Trouble>,
    /// Auth methods: path and type.
    pub auth: Result<Vec<AuthSeen>, Trouble>,
    /// Namespaces with what is known of their seals.
    pub namespaces: Result<Vec<NamespaceSeen>, Trouble>,
    /// Snapshots in the configured place, newest last; `None` where no place is configured.
    pub snapshots: Option<Result<Vec<SnapshotSeen>, Trouble>>,
    /// What a look leaves out, in words: there is more of it than is asked about.
    #[serde(default)]
    pub left_out: Vec<String>,
}

/// One raft snapshot in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSeen {
    /// The file's name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written.
    pub written: Timestamp,
}

/// One secrets engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSeen {
    /// Its path, without slashes at its ends.
    pub path: String,
    /// `kv`, `database`, `pki`, `transit`, …
    pub kind: String,
    /// `options.version` of KV.
    pub version: Option<u8>,
}

/// One auth method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthSeen {
    /// Its path, without slashes at its ends.
    pub path: String,
    /// `kubernetes`, `jwt`, `token`, …
    pub kind: String,
    /// Whether it is configured, where that can be read; Kubernetes and JWT only.
    pub configured: Option<bool>,
    /// Roles that sync objects log in with.
    pub roles: Vec<RoleSeen>,
}

/// One role that something in the cluster logs in with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoleSeen {
    /// Its name.
    pub name: String,
    /// The OpenBao namespace that it lies in; empty for the root.
    pub namespace: String,
    /// The policies that a login with it gets.
    pub policies: Vec<String>,
    /// What is wrong with it: that it does not exist, a policy that does not exist, a path that no policy allows.
    pub wrong: Vec<String>,
    /// What could not be told, and why.
    pub untold: Vec<String>,
}

impl NamespaceSeen {
    /// It has a seal of its own.
    pub const fn sealable(&self) -> bool {
        self.sealed.is_some()
    }
}

/// One namespace. Source: `LIST /v1/sys/namespaces`, `GET …/NAME/seal-status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceSeen {
    /// Its path, without a slash at its end.
    pub path: String,
    /// It has a seal of its own, which is closed or open; `None` for one that cannot be sealed, or whose seal may not be read.
    pub sealed: Option<bool>,
    /// Why its seal could not be read.
    #[serde(default)]
    pub unread: Option<Trouble>,
    /// Shares given and needed while it is sealed.
    pub progress: Option<(u32, u32)>,
    /// Threshold and number of its shares, for a seal of its own.
    pub shares: Option<(u32, u32)>,
}
