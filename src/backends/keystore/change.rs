//! What can be changed in an opened keystore: generations of keys, slots, and the data key itself.

use jiff::Timestamp;

use super::agree::token_print;
use super::bounds::{LONGEST_TEXT, told};
use super::error::KeystoreError;
use super::header::SlotEntry;
use super::kdf::Cost;
use super::opened::{NewKeys, Opened};
use super::payload::{FieldBytes, Generation, SecretBytes};
use super::slot::{self, DataKey, Opener};
use crate::app::model::keys_secret::{Fingerprint, Purpose};
use crate::app::model::keystore::{FieldKept, GenerationSeen};
use crate::backends::keys::{Salt, fingerprint, shares_in};

impl Opened {
    /// Adds a generation; its number. Earlier ones stay. Where the current one holds all of it already, nothing is added
    /// and the number is that one's.
    pub fn add_generation(&mut self, keys: NewKeys, now: Timestamp) -> Result<u32, KeystoreError> {
        let salt = self.salt()?;
        let number = self.header.generations.last().map_or(1, |last| last.number.saturating_add(1));
        if keys.threshold == 0 {
            return Err(KeystoreError::Unfit("how many of the shares are needed is not said".to_owned()));
        }
        let seen = described(&salt, number, &keys, now);
        if let Some(current) = self.held_already(&seen, &keys) {
            return Ok(current);
        }
        self.header.generations.push(seen);
        self.payload.generations.push(Generation {
            number,
            shares: keys.shares,
            root_token: keys.root_token,
            fields: keys.fields.into_iter().map(|(name, _, bytes)| FieldBytes { name, bytes }).collect(),
        });
        self.checked(|opened| {
            opened.header.generations.pop();
            opened.payload.generations.pop();
        })?;
        Ok(number)
    }

    /// The current generation's number, where everything that is offered is in it: the same keys in whatever order, and
    /// no root token, field or cluster id that it has not.
    fn held_already(&self, seen: &GenerationSeen, keys: &NewKeys) -> Option<u32> {
        let (current, held) = self.header.generations.last().zip(self.payload.generations.last())?;
        let sorted = |prints: &[Fingerprint]| {
            let mut prints = prints.to_vec();
            prints.sort();
            prints
        };
        let same = current.kind == seen.kind
            && current.threshold == seen.threshold
            && current.total >= seen.total
            && sorted(&current.prints) == sorted(&seen.prints)
            && (seen.vault_cluster_id.is_none() || seen.vault_cluster_id == current.vault_cluster_id)
            && (keys.root_token.is_none() || keys.root_token == held.root_token);
        let known =
            |name: &str, bytes: &SecretBytes| held.fields.iter().any(|kept| kept.name == name && kept.bytes == *bytes);
        (same && keys.fields.iter().all(|(name, _, bytes)| known(name, bytes))).then_some(current.number)
    }

    /// Forgets a generation for ever; false where there is none of that number. The current one is not pruned.
    pub fn prune(&mut self, number: u32) -> bool {
        if self.header.current().is_none_or(|current| current.number == number) {
            return false;
        }
        let before = self.header.generations.len();
        self.header.generations.retain(|generation| generation.number != number);
        self.payload.generations.retain(|generation| generation.number != number);
        self.header.generations.len() < before
    }

    /// Adds a slot; its number.
    pub fn add_slot(&mut self, opener: &Opener, cost: Cost, label: &str, now: Timestamp) -> Result<u32, KeystoreError> {
        let entry = slot::wrap(&self.header, &self.key, opener, cost, label, now)?;
        let id = entry.id;
        self.header.slots.push(entry);
        self.header.next_slot = id.saturating_add(1);
        self.checked(|opened| {
            opened.header.slots.pop();
        })?;
        Ok(id)
    }

    /// Removes a slot; false where there is none of that number or it is the last.
    ///
    /// Whoever has the slot's secret and an older copy of the file still has the data key: see [`Self::rotate`].
    pub fn remove_slot(&mut self, id: u32) -> bool {
        if self.header.slots.len() < 2 {
            return false;
        }
        let before = self.header.slots.len();
        self.header.slots.retain(|slot| slot.id != id);
        self.header.slots.len() < before
    }

    /// Seals everything under a new data key, so that no earlier copy and no removed slot opens what is written from now
    /// on. A slot stays only if what opens it is given, and does open it; at least one. On an error nothing is changed.
    pub fn rotate(&mut self, keep: &[(u32, &Opener)]) -> Result<(), KeystoreError> {
        if keep.is_empty() {
            return Err(KeystoreError::Unfit("no slot would be left that opens it".to_owned()));
        }
        let key = DataKey::random()?;
        let mut slots = Vec::with_capacity(keep.len());
        for slot in &self.header.slots {
            let Some((_, opener)) = keep.iter().find(|(id, _)| *id == slot.id) else { continue };
            // A typing mistake must not become the new passphrase.
            slot::unwrap_one(&self.header, slot, opener)?;
            slots.push(self.wrapped_anew(slot, &key, opener)?);
        }
        if let Some((missing, _)) = keep.iter().find(|(id, _)| !slots.iter().any(|slot| slot.id == *id)) {
            return Err(KeystoreError::Unfit(format!("it has no slot {missing}")));
        }
        let first = slots.first().map_or(self.by, |slot| slot.id);
        if !slots.iter().any(|slot| slot.id == self.by) {
            self.by = first;
        }
        self.header.slots = slots;
        self.key = key;
        Ok(())
    }

    fn wrapped_anew(&self, slot: &SlotEntry, key: &DataKey, opener: &Opener) -> Result<SlotEntry, KeystoreError> {
        let cost = slot.cost.unwrap_or(Cost::FLOOR);
        slot::wrap_as(slot.id, &self.header.file, key, opener, cost, &slot.label, slot.created)
    }

    /// Takes a change back that this program itself would refuse to read.
    pub(super) fn checked(&mut self, undo: impl FnOnce(&mut Self)) -> Result<(), KeystoreError> {
        let mut header = self.header.clone();
        header.revision = header.revision.max(1);
        let Err(error) = super::bounds::check(&header) else { return Ok(()) };
        undo(self);
        Err(match error {
            KeystoreError::BadHeader(why) => KeystoreError::Unfit(format!("the keystore cannot keep this: {why}")),
            other => other,
        })
    }
}

/// Keys as the header tells of them.
fn described(salt: &Salt, number: u32, keys: &NewKeys, now: Timestamp) -> GenerationSeen {
    GenerationSeen {
        number,
        kind: keys.kind,
        threshold: keys.threshold,
        total: keys.total.max(keys.shares.len() as u32).max(keys.threshold),
        prints: keys.shares.iter().map(|share| fingerprint(salt, share.expose())).collect(),
        root_token: keys.root_token.as_ref().and_then(|token| token_print(salt, token)),
        created: now,
        source: told(&keys.source, LONGEST_TEXT),
        vault_cluster_id: keys.vault_cluster_id.clone(),
        fields: keys.fields.iter().map(|(name, purpose, bytes)| field(salt, name, *purpose, bytes)).collect(),
    }
}

fn field(salt: &Salt, name: &str, purpose: Purpose, bytes: &SecretBytes) -> FieldKept {
    let prints = match purpose {
        Purpose::Shares => shares_in(bytes.expose()).iter().map(|share| fingerprint(salt, share.bytes())).collect(),
        Purpose::SealKey => seal_key(salt, bytes),
        Purpose::RootToken => token_print(salt, bytes).into_iter().collect(),
        // It may hold something that a person chose.
        Purpose::Other => Vec::new(),
    };
    FieldKept { name: name.to_owned(), purpose, len: bytes.expose().len() as u32, prints }
}

/// The server takes 32 bytes as they are, whether they look like text or not.
fn seal_key(salt: &Salt, bytes: &SecretBytes) -> Vec<Fingerprint> {
    let found = shares_in(bytes.expose());
    if found.is_empty() && bytes.expose().len() == 32 {
        return vec![fingerprint(salt, bytes.expose())];
    }
    found.iter().filter(|key| key.bytes().len() == 32).map(|key| fingerprint(salt, key.bytes())).collect()
}
