//! What one replica says of its seal: `/sys/seal-status`, `/sys/health` and `/sys/leader`, folded.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::trouble::Trouble;

/// The kind of seal, from `type` of `/sys/seal-status`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealKind {
    /// Key shares held by people or by a Secret.
    Shamir,
    /// One key file or variable beside the server (OpenBao 2.4 and later).
    Static,
    /// The transit engine of another vault.
    Transit,
    /// A provider that cannot be asked from here: awskms, gcpckms, azurekeyvault, pkcs11, kmip, …
    Kms(String),
}

impl SealKind {
    /// From the API's word.
    pub fn of(word: &str) -> Self {
        match word {
            "shamir" | "" => Self::Shamir,
            "static" => Self::Static,
            "transit" => Self::Transit,
            other => Self::Kms(crate::app::text::clean(other)),
        }
    }

    /// The API's word.
    pub fn word(&self) -> &str {
        match self {
            Self::Shamir => "shamir",
            Self::Static => "static",
            Self::Transit => "transit",
            Self::Kms(name) => name,
        }
    }
}

/// What a replica that is open does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Serves writes: `/sys/health` says neither sealed nor standby.
    Active,
    /// Open, follows the active node.
    Standby,
    /// Open, and `/sys/leader` names no leader: quorum lost, or an election under way.
    Leaderless,
}

impl Role {
    /// The word on the screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Standby => "standby",
            Self::Leaderless => "no leader",
        }
    }
}

/// One replica's answer. Sealed and uninitialised nodes also claim to be standbys: only the three flags of
/// `initialized`, `sealed`, `standby` are believed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SealSeen {
    /// `initialized`. A raft follower that has not joined yet says `false` in an initialised cluster.
    pub initialized: bool,
    /// `sealed`.
    pub sealed: bool,
    /// `type`.
    pub kind: SealKind,
    /// `t`: shares needed. 0 before init and after self-initialisation.
    pub threshold: u32,
    /// `n`: shares in existence.
    pub shares: u32,
    /// `progress`: shares given so far in this attempt.
    pub progress: u32,
    /// `nonce` of the attempt; empty without one.
    pub nonce: String,
    /// `version`.
    pub version: String,
    /// `storage_type`; absent on old servers.
    pub storage: Option<String>,
    /// `migration`: a seal migration is under way.
    pub migration: bool,
    /// Set only while open.
    pub role: Option<Role>,
    /// The vault's own cluster id; only open replicas know it.
    pub cluster_id: Option<String>,
    /// `leader_address` as this replica believes it.
    pub leader: Option<String>,
    /// `server_time_utc` minus our clock at receipt, in seconds: the clock skew.
    pub skew_seconds: Option<i64>,
}

impl SealSeen {
    /// Open for business: initialised and not sealed.
    pub const fn open(&self) -> bool {
        self.initialized && !self.sealed
    }

    /// A rotation would cost this server's shares, even a cancelled one: nothing is proven by rotation on it.
    pub fn rotates_otherwise(&self) -> bool {
        self.kind == SealKind::Shamir && crate::app::advisories::destroys_shares(&self.version)
    }

    /// Shares still missing in the attempt under way.
    pub const fn missing(&self) -> u32 {
        self.threshold.saturating_sub(self.progress)
    }
}

/// A replica's answer, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealAnswer {
    /// It answered.
    Said(SealSeen),
    /// It did not; denied and unreachable are different things.
    Silent(Trouble),
}

impl SealAnswer {
    /// What it said, if it answered.
    pub const fn said(&self) -> Option<&SealSeen> {
        match self {
            Self::Said(seen) => Some(seen),
            Self::Silent(_) => None,
        }
    }
}

/// One replica that is expected to exist, whether or not anything is known of it yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    /// The pod's name, or the member's name where addresses are configured.
    pub name: String,
    /// Its last answer.
    pub answer: Option<super::observed::Observed<SealAnswer>>,
    /// Since when it has given this kind of answer (open, sealed, uninitialised, silent).
    pub since: Option<Timestamp>,
}
