//! KV paths in the vault: when they were last changed, without their values.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::app::trouble::Trouble;

/// What was read of a path this long ago says what was there then, and no more what is there.
pub const METADATA_COUNTS: SignedDuration = SignedDuration::from_mins(10);

/// A place in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VaultPath {
    /// Of OpenBao or Vault Enterprise; empty for the root.
    #[serde(default)]
    pub namespace: SmolStr,
    /// The mount, without slashes at its ends.
    pub mount: SmolStr,
    /// The path in it: `shop/web`, `creds/app`, `static-creds/fleet`, `issue/web`.
    pub path: SmolStr,
    /// What kind of engine is read there.
    pub engine: EngineKind,
}

impl VaultPath {
    /// `kv/shop/web`, with the namespace in front where there is one.
    pub fn words(&self) -> String {
        let namespace = if self.namespace.is_empty() { String::new() } else { format!("{}/", self.namespace) };
        format!("{namespace}{}/{}", self.mount, self.path)
    }

    /// A namespace alone: what a login adds to a place.
    pub const fn of_namespace(namespace: SmolStr) -> Self {
        Self { namespace, mount: SmolStr::new_static(""), path: SmolStr::new_static(""), engine: EngineKind::Other }
    }

    /// A place as an object names it, with what its way to the vault adds: a store its mount, a VaultAuth the namespace
    /// where the object names none itself.
    #[must_use]
    pub fn through(&self, way: Option<&Self>) -> Self {
        match way {
            Some(store) if self.mount.is_empty() => self.within(store),
            Some(login) if self.namespace.is_empty() => Self { namespace: login.namespace.clone(), ..self.clone() },
            Some(_) | None => self.clone(),
        }
    }

    /// A key as an ExternalSecret names it, in the mount of its store: the same folding that the operator does, which
    /// takes `shop/web`, `kv/shop/web` and `kv/data/shop/web` alike.
    #[must_use]
    pub fn within(&self, store: &Self) -> Self {
        let (mount, path) = if store.mount.is_empty() {
            let (mount, path) = self.path.split_once('/').unwrap_or((self.path.as_str(), ""));
            (mount, path.strip_prefix("data/").filter(|_| store.engine == EngineKind::Kv2).unwrap_or(path))
        } else {
            let inside = self.path.strip_prefix(store.mount.as_str()).and_then(|rest| rest.strip_prefix('/'));
            let bare = inside.map(|rest| match store.engine {
                EngineKind::Kv2 => rest.strip_prefix("data/").unwrap_or(rest),
                EngineKind::Kv1 | EngineKind::Dynamic | EngineKind::Pki | EngineKind::Other => rest,
            });
            (store.mount.as_str(), bare.unwrap_or(&self.path))
        };
        Self { namespace: store.namespace.clone(), mount: mount.into(), path: path.into(), engine: store.engine }
    }
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// KV version 1: no times, no versions.
    Kv1,
    /// KV version 2.
    Kv2,
    /// Leased or static credentials.
    Dynamic,
    /// Certificates.
    Pki,
    /// Not known.
    Other,
}

/// KV version 2 metadata of one path. Source: `GET /v1/MOUNT/metadata/PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathSeen {
    /// Which.
    pub path: VaultPath,
    /// What was found, or why nothing was.
    pub found: Result<PathState, Trouble>,
    /// When it was asked.
    pub at: Timestamp,
}

/// What the vault holds there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathState {
    /// Nothing was ever written there.
    Absent,
    /// Something was.
    Present {
        /// `updated_time`.
        updated: Option<Timestamp>,
        /// `current_version`.
        version: u64,
        /// The current version's `deletion_time`, where it was deleted.
        deleted: Option<Timestamp>,
        /// The current version was destroyed.
        destroyed: bool,
    },
}

/// What the paths feed saw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PathsSeen {
    /// One entry a path that sync objects name, in their order; those not asked this time with what was known of them.
    pub found: Vec<PathSeen>,
    /// Requests that may be made in a minute.
    pub budget: u32,
    /// Requests made in the last minute.
    pub spent: u32,
    /// The server asked to slow down until then (429).
    pub held_until: Option<Timestamp>,
}

impl PathsSeen {
    /// What is known of one path. They are in order of their paths.
    pub fn get(&self, path: &VaultPath) -> Option<&PathSeen> {
        let at = self.found.binary_search_by(|seen| seen.path.cmp(path)).ok()?;
        self.found.get(at)
    }
}
