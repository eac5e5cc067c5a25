//! Journal and memory that end with the process: for the sandbox, whose world ends with it too.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::app::alerts::silence::Silenced;
use crate::app::id::{Identity, RunId};
use crate::app::model::keys_secret::Glimpse;
use crate::app::model::proof::Proof;
use crate::app::ports::{JournalStore, Memory};
use crate::app::runbook::journal::{Entry, Journal};
use crate::app::trouble::Trouble;

/// Journals in memory.
#[derive(Debug, Default)]
pub struct VolatileJournal(Mutex<BTreeMap<RunId, Vec<Entry>>>);

impl JournalStore for VolatileJournal {
    fn append(&self, run: RunId, entry: &Entry) -> Result<u32, Trouble> {
        let mut journals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = journals.entry(run).or_default();
        entries.push(entry.clone());
        Ok(entries.len() as u32)
    }

    fn unfinished(&self) -> Result<Vec<Journal>, Trouble> {
        Ok(Vec::new())
    }
}

/// Memory that forgets.
#[derive(Debug, Default)]
pub struct VolatileMemory;

impl Memory for VolatileMemory {
    fn recall(&self) -> Result<(Vec<Glimpse>, Vec<Proof>), Trouble> {
        Ok((Vec::new(), Vec::new()))
    }

    fn keep_history(&self, _: &[Glimpse]) -> Result<(), Trouble> {
        Ok(())
    }

    fn keep_proof(&self, _: &Proof) -> Result<(), Trouble> {
        Ok(())
    }

    fn silences(&self, _: Timestamp) -> Result<Vec<Silenced>, Trouble> {
        Ok(Vec::new())
    }

    fn keep_silence(&self, _: &Silenced, _: Timestamp) -> Result<(), Trouble> {
        Ok(())
    }

    fn salt(&self, _: &Identity) -> Result<Vec<u8>, Trouble> {
        Ok(Vec::new())
    }
}
