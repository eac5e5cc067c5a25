//! Copies of the keystore in other places, and whether each may count as a second one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::trouble::Trouble;

/// Where a copy lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyKind {
    /// A file on another mount or stick.
    File,
    /// A Secret in another Kubernetes context.
    Secret,
    /// A path in the KV engine of another vault.
    Kv,
    /// A pair of commands, `put` and `get`.
    Command,
}

impl CopyKind {
    /// The word on the command line and on the screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Secret => "secret",
            Self::Kv => "kv",
            Self::Command => "command",
        }
    }
}

/// How a copy stood when it was last read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyState {
    /// Byte for byte the keystore as it is.
    Same,
    /// A keystore of this vault with the current keys, written before the last change of the original.
    Older {
        /// Its revision.
        revision: u64,
    },
    /// A keystore of this vault that lacks the current keys.
    Outdated {
        /// Its revision.
        revision: u64,
        /// Its newest generation.
        generation: u32,
    },
    /// A keystore of this vault that was written after the original, or holds what the original lacks; there may be no
    /// original at all. It is never overwritten.
    Newer {
        /// Its revision.
        revision: u64,
        /// Its newest generation.
        generation: u32,
    },
    /// Nothing is there.
    Missing,
    /// Something is there that is no keystore of this vault, or the place cannot be read.
    Unreadable(Trouble),
    /// Not looked at yet.
    Unchecked,
}

impl CopyState {
    /// Whether the current keys could be taken from it.
    pub const fn holds_current(&self) -> bool {
        match self {
            Self::Same | Self::Older { .. } | Self::Newer { .. } => true,
            Self::Outdated { .. } | Self::Missing | Self::Unreadable(_) | Self::Unchecked => false,
        }
    }

    /// In a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Same => "the same".to_owned(),
            Self::Older { revision } => format!("older, revision {revision}, the current keys are in it"),
            Self::Outdated { revision, generation } => {
                format!("outdated, revision {revision}, generation {generation}: lacks the current keys")
            }
            Self::Newer { revision, generation } => {
                format!("newer than the original, revision {revision}, generation {generation}")
            }
            Self::Missing => "MISSING".to_owned(),
            Self::Unreadable(trouble) => format!("UNREADABLE: {}", trouble.what),
            Self::Unchecked => "not looked at yet".to_owned(),
        }
    }
}

/// One copy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CopySeen {
    /// The name it was given.
    pub name: String,
    /// What kind of place it is.
    pub kind: CopyKind,
    /// Where: `/media/stick/prod.keystore`, `Secret ops/baowatch-prod in context mgmt`.
    pub place: String,
    /// Why it is no second place (`same file system as the keystore`, `same cluster as the vault`); `None` when it is one.
    pub near: Option<String>,
    /// How it stood.
    pub state: CopyState,
    /// When it was last read.
    pub checked: Option<Timestamp>,
    /// When it was last opened with a slot and its keys compared, and with which slot.
    pub tested: Option<(Timestamp, String)>,
    /// Versions kept there, where that can be counted.
    pub versions: Option<u32>,
    /// Who holds it: the label of the machine that registered it.
    pub holder: String,
}

impl CopySeen {
    /// Whether it is a second place that holds the current keys.
    pub const fn counts(&self) -> bool {
        self.near.is_none() && self.state.holds_current()
    }
}
