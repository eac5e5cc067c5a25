//! A new data key for an opened keystore, wrapped anew for the slots that stay.

use jiff::Timestamp;

use super::error::KeystoreError;
use super::opened::Opened;
use super::slot::{self, Opener};

impl Opened {
    /// Puts a new data key in place of the old one. Slots whose secret is not among `kept` are gone afterwards; those
    /// that stay keep number, label and costs. Nothing is changed where it fails.
    pub fn rotate(&mut self, kept: &[(u32, Opener)], _now: Timestamp) -> Result<(), KeystoreError> {
        let key = slot::random::<32>()?;
        let header = self.header();
        let mut slots = Vec::with_capacity(kept.len());
        for entry in &header.slots {
            let Some((_, opener)) = kept.iter().find(|(id, _)| *id == entry.id) else { continue };
            let cost = entry.cost.unwrap_or(super::kdf::Cost::FLOOR);
            let made = entry.created;
            slots.push(slot::wrap_as(entry.id, &header.file, &key, opener, cost, &entry.label, made)?);
        }
        let Some(first) = slots.first().map(|slot| slot.id) else {
            return Err(KeystoreError::Internal("a keystore without a slot"));
        };
        self.parts_mut().0.slots = slots;
        self.set_key(key, first);
        Ok(())
    }
}
