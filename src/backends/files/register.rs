//! The local register: this cluster's salt for fingerprints, whose it is, and the proofs so far.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic::{self, Existing};
use super::{json_why, left_alone, not_written, read_small};
use crate::app::id::Identity;
use crate::app::model::proof::Proof;
use crate::app::trouble::Trouble;

pub const SCHEMA: &str = "baowatch.register/v1";
const LONGEST: u64 = 4 << 20;
/// Proofs beyond this many are forgotten, the oldest first.
const KEPT: usize = 200;
pub const SALT_BYTES: usize = 16;

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect()
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    pub schema: String,
    /// Hex. Public: it only keeps fingerprints of two clusters from being compared.
    pub salt: String,
    pub identity: Identity,
    /// The vault's own cluster id, from the newest proof that knew it.
    pub vault_cluster_id: Option<String>,
    pub proofs: Vec<Proof>,
    /// The keystore as it was last seen: one that is not there any more is a loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keystore: Option<KeystoreKnown>,
}

/// A keystore that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeystoreKnown {
    /// Where it lay.
    pub path: PathBuf,
    /// Its revision.
    pub revision: u64,
    /// SHA-256 of the whole file, in hex.
    pub digest: String,
}

impl Register {
    /// A new one with a fresh salt.
    pub fn fresh(identity: &Identity, path: &Path) -> Result<Self, Trouble> {
        let mut salt = [0_u8; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|error| {
            Trouble::local(
                &format!("no salt for {}", path.display()),
                &format!("the system has no random bytes: {error}"),
                "Without it fingerprints cannot be made; try again",
            )
        })?;
        Ok(Self {
            schema: SCHEMA.to_owned(),
            salt: hex(&salt),
            identity: identity.clone(),
            vault_cluster_id: None,
            proofs: Vec::new(),
            keystore: None,
        })
    }

    /// Reads it; `None` where there is none. One that cannot be read, or is another cluster's, is left as it is.
    pub fn read(path: &Path, identity: &Identity) -> Result<Option<Self>, Trouble> {
        let Some(bytes) = read_small(path, LONGEST)? else { return Ok(None) };
        let register: Self = serde_json::from_slice(&bytes).map_err(|error| left_alone(path, &json_why(&error)))?;
        if register.schema != SCHEMA {
            return Err(left_alone(path, "another version of Baowatch wrote it"));
        }
        if register.identity != *identity {
            return Err(left_alone(path, "it belongs to another cluster or vault"));
        }
        if register.salt_bytes().is_none() {
            return Err(left_alone(path, "its salt is not 16 bytes in hex"));
        }
        Ok(Some(register))
    }

    /// Writes it whole.
    pub fn write(&self, path: &Path, existing: Existing) -> Result<bool, Trouble> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| not_written(path, &error.into()))?;
        bytes.push(b'\n');
        atomic::write(path, &bytes, existing).map_err(|error| not_written(path, &error))
    }

    pub fn salt_bytes(&self) -> Option<Vec<u8>> {
        salt_of_hex(&self.salt)
    }

    /// Adds a proof, once.
    pub fn add(&mut self, proof: &Proof) {
        if self.proofs.contains(proof) {
            return;
        }
        self.proofs.push(proof.clone());
        self.proofs.sort_by_key(|proof| proof.at);
        let surplus = self.proofs.len().saturating_sub(KEPT);
        self.proofs.drain(..surplus);
        self.vault_cluster_id = self.proofs.iter().rev().find_map(|proof| proof.cluster_id.clone());
    }
}

/// A salt in hex, wherever it is written down.
pub fn salt_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.trim().chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == SALT_BYTES * 2)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect())
}
