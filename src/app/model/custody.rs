//! Key files of other programs that the keystore keeps a copy of: a static seal's key, a daemon's master key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys_secret::Fingerprint;
use crate::app::trouble::Trouble;

/// How the file stood when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CustodyState {
    /// The very bytes that are kept.
    Same,
    /// There, and other bytes than those kept: a daemon may have made itself a new key.
    Different {
        /// Fingerprint of what lies there now.
        print: Fingerprint,
    },
    /// There, and not of the size that was kept.
    WrongSize {
        /// Bytes found.
        len: u64,
    },
    /// Nothing is there.
    Missing,
    /// It cannot be read from here.
    Unreadable(Trouble),
    /// It belongs on another machine, which alone can look at it.
    Elsewhere {
        /// That machine.
        host: String,
    },
}

impl CustodyState {
    /// What lies there, as a plan names it: its fingerprint, or its size where that is wrong already; `None` where
    /// nothing does. `kept` is the fingerprint of the bytes that are kept.
    pub fn found(&self, kept: &Fingerprint) -> Option<Fingerprint> {
        match self {
            Self::Same => Some(kept.clone()),
            Self::Different { print } => Some(print.clone()),
            Self::WrongSize { len } => Some(Fingerprint(format!("{len} bytes"))),
            Self::Missing | Self::Unreadable(_) | Self::Elsewhere { .. } => None,
        }
    }

    /// In a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Same => "in place".to_owned(),
            Self::Different { print } => format!("OTHER BYTES: {print}"),
            Self::WrongSize { len } => format!("WRONG SIZE: {}", crate::app::text::count(*len as usize, "byte")),
            Self::Missing => "MISSING".to_owned(),
            Self::Unreadable(trouble) => format!("UNREADABLE: {}", trouble.what),
            Self::Elsewhere { host } => format!("on host {host}, not looked at from here"),
        }
    }
}

/// One file in custody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CustodySeen {
    /// The name it was given.
    pub name: String,
    /// Where it belongs: a path on this host, or a field of a Secret that a pod mounts.
    pub path: String,
    /// How it stands.
    pub state: CustodyState,
    /// Permission bits that it should have: `0400`.
    pub mode: u32,
    /// Permission bits that it has.
    pub mode_found: Option<u32>,
    /// Owner and group that it should have.
    pub owner: (u32, u32),
    /// Owner and group that it has.
    pub owner_found: Option<(u32, u32)>,
    /// Size in bytes.
    pub size: u64,
    /// Fingerprint of the newest version kept.
    pub print: Fingerprint,
    /// The newest version kept, counted from 1.
    pub version: u32,
    /// When that version was taken.
    pub kept: Timestamp,
    /// The only copies of this file are on the host that it lies on.
    pub near: Option<String>,
}

impl CustodySeen {
    /// What is wrong with its mode or owner, in words.
    pub fn permissions(&self) -> Option<String> {
        let mode = self.mode_found.filter(|found| *found != self.mode);
        let owner = self.owner_found.filter(|found| *found != self.owner);
        match (mode, owner) {
            (None, None) => None,
            (Some(mode), None) => Some(format!("mode {mode:04o}, should be {:04o}", self.mode)),
            (None, Some((uid, gid))) => {
                Some(format!("owned by {uid}:{gid}, should be {}:{}", self.owner.0, self.owner.1))
            }
            (Some(mode), Some((uid, gid))) => Some(format!(
                "mode {mode:04o} owned by {uid}:{gid}, should be {:04o} {}:{}",
                self.mode, self.owner.0, self.owner.1
            )),
        }
    }
}
