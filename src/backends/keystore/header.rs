//! The header: everything about a keystore that may be known without opening it. JSON, bound to the content by its seal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::KeystoreError;
use super::kdf::Cost;
use super::{bounds, wire};
use crate::app::id::Identity;
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::keystore::{GenerationSeen, KeystoreSeen, SlotKind, SlotSeen};

/// The header as it stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    /// Whose keys these are.
    pub identity: Identity,
    /// 32 hex digits, random, made once: binds slots to this file and no other.
    pub file: String,
    /// Raised by each write.
    pub revision: u64,
    /// When it was written.
    pub written: Timestamp,
    /// The public salt of the fingerprints, in hex.
    pub salt: String,
    /// Oldest first.
    #[serde(with = "wire::generations")]
    pub generations: Vec<GenerationSeen>,
    /// Key files of other programs that are kept in it.
    pub custody: Vec<CustodyEntry>,
    /// What opens it; never empty.
    pub slots: Vec<SlotEntry>,
    /// The number of the next slot: higher than any there was, so that a removed one is never mistaken for a new one.
    pub next_slot: u32,
}

/// A key file in custody, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustodyEntry {
    /// The name it was given.
    pub name: String,
    /// Where it belongs: an absolute path on `host`, or `secret:NAMESPACE/NAME:FIELD`.
    pub path: String,
    /// The machine that the path is on; empty for a Secret.
    pub host: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Versions, oldest first; never empty.
    pub versions: Vec<CustodyVersion>,
}

/// One version of a key file, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustodyVersion {
    /// Counted from 1.
    pub number: u32,
    /// Size in bytes.
    pub size: u64,
    /// Keyed fingerprint of the bytes.
    pub print: Fingerprint,
    /// When it was taken.
    pub kept: Timestamp,
}

/// One slot: the data key, wrapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlotEntry {
    /// Its number; never used again in this file.
    pub id: u32,
    /// What opens it.
    pub kind: SlotKind,
    /// A name somebody gave it.
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
    /// Costs of the derivation; for passphrases only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// 16 random bytes, base64.
    pub salt: String,
    /// 32 bytes that only the right secret gives, base64: tells a wrong secret from an altered slot.
    pub check: String,
    /// 12 random bytes, base64.
    pub nonce: String,
    /// The data key under the slot's key: 32 bytes and a tag of 16, base64.
    pub wrapped: String,
}

/// Most slots that a keystore has: each may cost a derivation.
pub const MOST_SLOTS: usize = 32;

impl Header {
    /// Reads it and refuses what no program of this version writes.
    pub fn read(bytes: &[u8]) -> Result<Self, KeystoreError> {
        let header: Self = serde_json::from_slice(bytes).map_err(|error| {
            // The words of the parser may repeat a value; its place is enough.
            let (line, column) = (error.line(), error.column());
            KeystoreError::BadHeader(format!("it is not what version 1 writes, at line {line}, column {column}"))
        })?;
        bounds::check(&header)?;
        Ok(header)
    }

    /// As the core sees it.
    pub fn seen(&self, path: &str, digest: &str, comparable: bool) -> KeystoreSeen {
        KeystoreSeen {
            path: path.to_owned(),
            revision: self.revision,
            written: self.written,
            generations: self.generations.clone(),
            slots: self
                .slots
                .iter()
                .map(|slot| SlotSeen { id: slot.id, kind: slot.kind, label: slot.label.clone(), created: slot.created })
                .collect(),
            comparable,
            digest: digest.to_owned(),
        }
    }

    /// The current generation.
    pub fn current(&self) -> Option<&GenerationSeen> {
        self.generations.last()
    }

    /// The slot of this number.
    pub fn slot(&self, id: u32) -> Option<&SlotEntry> {
        self.slots.iter().find(|slot| slot.id == id)
    }

    /// The key file in custody of this name.
    pub fn in_custody(&self, name: &str) -> Option<&CustodyEntry> {
        self.custody.iter().find(|entry| entry.name == name)
    }
}
