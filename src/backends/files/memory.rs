//! What is kept between sessions about one vault: the Secret's life, the proofs, the salt of its fingerprints.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic::{self, Existing};
use super::register::Register;
use super::{dirs, json_why, left_alone, lock, not_written, read_small};
use crate::app::id::Identity;
use crate::app::model::keys_secret::Glimpse;
use crate::app::model::proof::Proof;
use crate::app::ports::Memory;
use crate::app::trouble::Trouble;

const SCHEMA: &str = "baowatch.secret-history/v1";
const LONGEST: u64 = 16 << 20;
/// Glimpses beyond this many are forgotten, the oldest first.
const KEPT: usize = 200;

/// `secret-history.json` and `register.json` in one vault's state folder.
#[derive(Debug)]
pub struct FileMemory {
    folder: PathBuf,
    identity: Identity,
}

#[derive(Serialize, Deserialize)]
struct History {
    schema: String,
    glimpses: Vec<Glimpse>,
}

impl FileMemory {
    /// Memory in this state folder, about this vault; makes the folder.
    pub fn open(state: &Path, identity: &Identity) -> Result<Self, Trouble> {
        dirs::private(state).map_err(|error| not_written(state, &error))?;
        Ok(Self { folder: state.to_owned(), identity: identity.clone() })
    }

    /// Takes over the salt of the register beside the vault, where this machine has made none of its own yet.
    pub fn adopt(&self, salt: &[u8]) -> Result<(), Trouble> {
        let _lock = self.lock()?;
        let path = self.register_path();
        if let (None, Some(register)) =
            (Register::read(&path, &self.identity)?, Register::with_salt(&self.identity, salt))
        {
            register.write(&path, Existing::Keep)?;
        }
        Ok(())
    }

    /// Whether this machine has a salt already.
    pub fn has_salt(&self) -> bool {
        self.register_path().exists()
    }

    fn history_path(&self) -> PathBuf {
        self.folder.join("secret-history.json")
    }

    fn register_path(&self) -> PathBuf {
        self.folder.join("register.json")
    }

    fn lock(&self) -> Result<lock::Held, Trouble> {
        lock::brief(&self.folder.join("memory.lock"))
    }

    fn history(&self) -> Result<Vec<Glimpse>, Trouble> {
        let path = self.history_path();
        let Some(bytes) = read_small(&path, LONGEST)? else { return Ok(Vec::new()) };
        let history: History = serde_json::from_slice(&bytes).map_err(|error| left_alone(&path, &json_why(&error)))?;
        if history.schema == SCHEMA {
            Ok(history.glimpses)
        } else {
            Err(left_alone(&path, "another version of Baowatch wrote it"))
        }
    }

    /// The register, made where it is missing. Where another process makes it at the same time, whoever was first wins
    /// and everybody reads that one: two salts would be two fingerprints for one key.
    fn register(&self) -> Result<Register, Trouble> {
        let path = self.register_path();
        if let Some(register) = Register::read(&path, &self.identity)? {
            return Ok(register);
        }
        let fresh = Register::fresh(&self.identity, &path)?;
        if fresh.write(&path, Existing::Keep)? {
            return Ok(fresh);
        }
        Register::read(&path, &self.identity)?.ok_or_else(|| left_alone(&path, "it vanished while it was read"))
    }
}

impl Memory for FileMemory {
    fn recall(&self) -> Result<(Vec<Glimpse>, Vec<Proof>), Trouble> {
        let history = self.history()?;
        let register = Register::read(&self.register_path(), &self.identity)?;
        Ok((history, register.map(|register| register.proofs).unwrap_or_default()))
    }

    fn keep_history(&self, history: &[Glimpse]) -> Result<(), Trouble> {
        let _lock = self.lock()?;
        // Reading first: a file that cannot be read is evidence, and is not overwritten.
        self.history()?;
        let newest = history.get(history.len().saturating_sub(KEPT)..).unwrap_or_default();
        let path = self.history_path();
        let history = History { schema: SCHEMA.to_owned(), glimpses: newest.to_vec() };
        let bytes = serde_json::to_vec(&history).map_err(|error| not_written(&path, &error.into()))?;
        atomic::write(&path, &bytes, Existing::Replace).map_err(|error| not_written(&path, &error))?;
        Ok(())
    }

    fn keep_proof(&self, proof: &Proof) -> Result<(), Trouble> {
        let _lock = self.lock()?;
        let mut register = self.register()?;
        register.add(proof);
        register.write(&self.register_path(), Existing::Replace)?;
        Ok(())
    }

    fn salt(&self, identity: &Identity) -> Result<Vec<u8>, Trouble> {
        let path = self.register_path();
        if *identity != self.identity {
            return Err(left_alone(&path, "it belongs to another cluster or vault"));
        }
        let _lock = self.lock()?;
        self.register()?.salt_bytes().ok_or_else(|| left_alone(&path, "its salt is not 16 bytes in hex"))
    }
}
