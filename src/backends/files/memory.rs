//! What is kept between sessions about one vault: the Secret's life, the proofs, the salt of its fingerprints.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::atomic::{self, Existing};
use super::register::{KeystoreKnown, Register, hex, salt_of_hex};
use super::{dirs, json_why, left_alone, lock, not_written, read_small};
use crate::app::alerts::silence::Silenced;
use crate::app::id::Identity;
use crate::app::model::keys_secret::Glimpse;
use crate::app::model::proof::Proof;
use crate::app::ports::Memory;
use crate::app::text::clean;
use crate::app::trouble::Trouble;

const SCHEMA: &str = "baowatch.secret-history/v1";
const SILENCES: &str = "baowatch.silences/v1";
const LONGEST: u64 = 16 << 20;
/// Glimpses beyond this many are forgotten, the oldest first.
const KEPT: usize = 200;

/// `secret-history.json`, `register.json` and `silences.json` in one vault's state folder.
#[derive(Debug)]
pub struct FileMemory {
    folder: PathBuf,
    identity: Identity,
    /// The salt that this process makes fingerprints with, once it has asked.
    salt: Mutex<Option<String>>,
}

#[derive(Serialize, Deserialize)]
struct History {
    schema: String,
    glimpses: Vec<Glimpse>,
}

/// `silences.json`.
#[derive(Serialize, Deserialize)]
struct Silences {
    schema: String,
    silences: Vec<Silenced>,
}

impl FileMemory {
    /// Memory in this state folder, about this vault; makes the folder.
    pub fn open(state: &Path, identity: &Identity) -> Result<Self, Trouble> {
        dirs::private(state).map_err(|error| not_written(state, &error))?;
        Ok(Self { folder: state.to_owned(), identity: identity.clone(), salt: Mutex::default() })
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

    fn silences_path(&self) -> PathBuf {
        self.folder.join("silences.json")
    }

    fn all_silences(&self) -> Result<Vec<Silenced>, Trouble> {
        let path = self.silences_path();
        let Some(bytes) = read_small(&path, LONGEST)? else { return Ok(Vec::new()) };
        let read: Silences = serde_json::from_slice(&bytes).map_err(|error| left_alone(&path, &json_why(&error)))?;
        if read.schema == SILENCES {
            Ok(read.silences)
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

    /// The keystore that was last seen for this vault.
    pub fn keystore(&self) -> Result<Option<KeystoreKnown>, Trouble> {
        Ok(Register::read(&self.register_path(), &self.identity)?.and_then(|register| register.keystore))
    }

    /// Remembers that this keystore was seen.
    pub fn keep_keystore(&self, known: KeystoreKnown) -> Result<(), Trouble> {
        let _lock = self.lock()?;
        let mut register = self.register()?;
        if register.keystore.as_ref() == Some(&known) {
            return Ok(());
        }
        register.keystore = Some(known);
        register.write(&self.register_path(), Existing::Replace)?;
        Ok(())
    }

    /// Whether fingerprints were made here before.
    pub fn has_salt(&self) -> Result<bool, Trouble> {
        Ok(Register::read(&self.register_path(), &self.identity)?.is_some())
    }

    /// Makes fingerprints with this salt from now on. What was kept under another one cannot be compared with anything any
    /// more: it is set aside under new names, which are the answer, and never deleted.
    pub fn adopt(&self, salt: &[u8]) -> Result<Vec<PathBuf>, Trouble> {
        let path = self.register_path();
        let wanted = hex(salt);
        if salt_of_hex(&wanted).is_none() {
            return Err(left_alone(&path, "the salt to be adopted is not 16 bytes"));
        }
        let _lock = self.lock()?;
        let before = Register::read(&path, &self.identity)?;
        self.made_with(&wanted);
        if before.as_ref().is_some_and(|register| register.salt == wanted) {
            return Ok(Vec::new());
        }
        let mut aside = Vec::new();
        let mut register = Register::fresh(&self.identity, &path)?;
        if let Some(before) = &before {
            aside.extend(set_aside(&self.history_path(), &before.salt)?);
            // Copied, and then replaced in one go: at no moment is there no register.
            let to = free_name(&path, &before.salt)?;
            before.write(&to, Existing::Keep)?;
            aside.push(to);
            register.keystore.clone_from(&before.keystore);
            register.vault_cluster_id.clone_from(&before.vault_cluster_id);
        }
        register.salt = wanted;
        register.write(&path, Existing::Replace)?;
        Ok(aside)
    }

    fn made_with(&self, salt: &str) {
        *self.salt.lock().unwrap_or_else(PoisonError::into_inner) = Some(salt.to_owned());
    }

    /// Another process may have adopted another salt: what this one knows does not belong beside what that one writes.
    fn still_ours(&self) -> Result<(), Trouble> {
        let Some(ours) = self.salt.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(()) };
        let path = self.register_path();
        match Register::read(&path, &self.identity)? {
            Some(register) if register.salt != ours => Err(Trouble::local(
                &format!("{} has another salt than this session", path.display()),
                "another session adopted the salt of the cluster or of the keystore",
                "Start this one anew; nothing was written",
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// A name beside the file that says which salt it was made with; nothing is written over.
fn free_name(path: &Path, salt: &str) -> Result<PathBuf, Trouble> {
    let tail: String = salt.chars().take(8).collect();
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // The same salt may have been left before.
    (0..1000)
        .map(|n| match n {
            0 => path.with_file_name(format!("{name}.salt-{tail}.json")),
            n => path.with_file_name(format!("{name}.salt-{tail}-{n}.json")),
        })
        .find(|to| !to.exists())
        .ok_or_else(|| left_alone(path, "there is no free name left to set it aside under"))
}

fn set_aside(path: &Path, salt: &str) -> Result<Option<PathBuf>, Trouble> {
    let to = free_name(path, salt)?;
    match std::fs::rename(path, &to) {
        Ok(()) => {
            atomic::sync_folder(path.parent().unwrap_or(Path::new("."))).map_err(|error| not_written(path, &error))?;
            Ok(Some(to))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(not_written(path, &error)),
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
        self.still_ours()?;
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
        self.still_ours()?;
        let mut register = self.register()?;
        register.add(proof);
        register.write(&self.register_path(), Existing::Replace)?;
        Ok(())
    }

    fn silences(&self, now: Timestamp) -> Result<Vec<Silenced>, Trouble> {
        let mut silences = self.all_silences()?;
        silences.retain(|one| one.silence.until > now);
        // The file may have been written by anybody: what it says is drawn.
        for one in &mut silences {
            one.silence.reason = clean(&one.silence.reason);
        }
        Ok(silences)
    }

    fn keep_silence(&self, silenced: &Silenced, now: Timestamp) -> Result<(), Trouble> {
        let _lock = self.lock()?;
        let path = self.silences_path();
        // Read under the lock: another console's silences stay.
        let silences =
            Silences { schema: SILENCES.to_owned(), silences: silenced.clone().joined(self.all_silences()?, now) };
        let bytes = serde_json::to_vec(&silences).map_err(|error| not_written(&path, &error.into()))?;
        atomic::write(&path, &bytes, Existing::Replace).map_err(|error| not_written(&path, &error))?;
        Ok(())
    }

    fn salt(&self, identity: &Identity) -> Result<Vec<u8>, Trouble> {
        let path = self.register_path();
        if *identity != self.identity {
            return Err(left_alone(&path, "it belongs to another cluster or vault"));
        }
        let _lock = self.lock()?;
        let register = self.register()?;
        self.made_with(&register.salt);
        register.salt_bytes().ok_or_else(|| left_alone(&path, "its salt is not 16 bytes in hex"))
    }
}
