//! The encrypted keystore as its header tells of it: readable without unlocking, and without a single key in it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys_secret::{Fingerprint, Purpose};
use crate::app::trouble::Trouble;

/// What opens a keystore. Any one slot does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotKind {
    /// A passphrase, through Argon2id.
    Passphrase,
    /// A random key in the keyring of the operating system.
    Keyring,
    /// A file of 32 random bytes, mode 0400.
    Keyfile,
    /// A code that was shown once, on paper since.
    Recovery,
}

impl SlotKind {
    /// The word on the command line, in the header and on the screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::Keyring => "keyring",
            Self::Keyfile => "keyfile",
            Self::Recovery => "recovery",
        }
    }
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SlotSeen {
    /// Its number, as `keys slots remove` takes it.
    pub id: u32,
    /// What opens it.
    pub kind: SlotKind,
    /// A name somebody gave it: `anna`, `laptop`, `envelope in the safe`.
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
}

/// What the keys of a generation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// Unseal key shares of a Shamir seal.
    Unseal,
    /// Recovery key shares of an auto-unseal vault: they prove who one is and reopen nothing after a lost seal key.
    Recovery,
    /// The 32-byte key of a static seal.
    Static,
}

impl KeyKind {
    /// In a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unseal => "unseal keys",
            Self::Recovery => "recovery keys",
            Self::Static => "static seal key",
        }
    }
}

/// A field of the keys Secret as it was when its bytes were saved: enough to say what a restore would write.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldKept {
    /// Its key in `data`.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Length in bytes.
    pub len: u32,
    /// One for each share or key in it, in order.
    pub prints: Vec<Fingerprint>,
}

/// One generation of keys: what one `init` or one rotation made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationSeen {
    /// Counted from 1; the highest is the current one.
    pub number: u32,
    /// What they are.
    pub kind: KeyKind,
    /// Shares needed; 1 for a static key.
    pub threshold: u32,
    /// Shares in existence, as far as known; never less than those held.
    pub total: u32,
    /// One fingerprint for each share or key held, in order.
    pub prints: Vec<Fingerprint>,
    /// The root token's, if one is held.
    pub root_token: Option<Fingerprint>,
    /// When it was put into the keystore.
    pub created: Timestamp,
    /// From where: `Secret data/openbao-keys`, `typed`, `init.json`.
    pub source: String,
    /// The vault's own cluster id at that moment, where it was known.
    pub vault_cluster_id: Option<String>,
    /// The Secret's fields, where its bytes were saved from one; empty otherwise.
    pub fields: Vec<FieldKept>,
}

/// The header of a keystore.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeystoreSeen {
    /// Where the file lies.
    pub path: String,
    /// Raised by each write.
    pub revision: u64,
    /// When it was last written.
    pub written: Timestamp,
    /// Oldest first.
    pub generations: Vec<GenerationSeen>,
    /// What opens it.
    pub slots: Vec<SlotSeen>,
    /// Its fingerprints were made with the salt of this session: they may be compared.
    pub comparable: bool,
    /// SHA-256 of the whole file, in hex: what a copy is compared with.
    pub digest: String,
}

impl KeystoreSeen {
    /// The current generation; `None` for a keystore that holds no keys yet.
    pub fn current(&self) -> Option<&GenerationSeen> {
        self.generations.iter().max_by_key(|generation| generation.number)
    }

    /// The newest generation of this kind: recovery keys that were taken in later do not stand in for a seal's key.
    pub fn current_of(&self, kind: KeyKind) -> Option<&GenerationSeen> {
        self.generations.iter().filter(|held| held.kind == kind).max_by_key(|held| held.number)
    }

    /// The generation of this number.
    pub fn generation(&self, number: u32) -> Option<&GenerationSeen> {
        self.generations.iter().find(|generation| generation.number == number)
    }

    /// The newest generation that holds exactly these keys.
    pub fn holding(&self, prints: &[Fingerprint]) -> Option<&GenerationSeen> {
        let mut found: Vec<&GenerationSeen> =
            self.generations.iter().filter(|held| super::proof::same_keys(&held.prints, prints)).collect();
        found.sort_by_key(|held| held.number);
        found.pop()
    }
}

/// One look at the keystore.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeystoreLook {
    /// It is there and its header can be read. Whether it was altered only unlocking can tell.
    Present(Box<KeystoreSeen>),
    /// There is none.
    Absent {
        /// Where it would lie.
        path: String,
        /// It was there before (the local register says so): it is lost, not merely never made.
        expected: bool,
    },
    /// It is there and cannot be a keystore of this vault; it is left as it is.
    Unreadable {
        /// Where it lies.
        path: String,
        /// What is wrong with it.
        trouble: Trouble,
    },
}

impl KeystoreLook {
    /// The header, if it could be read.
    pub fn present(&self) -> Option<&KeystoreSeen> {
        match self {
            Self::Present(seen) => Some(seen),
            Self::Absent { .. } | Self::Unreadable { .. } => None,
        }
    }

    /// Where it lies or would lie.
    pub fn path(&self) -> &str {
        match self {
            Self::Present(seen) => &seen.path,
            Self::Absent { path, .. } | Self::Unreadable { path, .. } => path,
        }
    }
}
