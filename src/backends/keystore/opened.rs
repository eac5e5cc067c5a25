//! An opened keystore: what is in it, what can be changed, and how it is sealed again.

use jiff::Timestamp;

use super::bounds::LAST_REVISION;
use super::error::KeystoreError;
use super::header::Header;
use super::kdf::Cost;
use super::payload::{Payload, SecretBytes};
use super::slot::{self, DataKey, Opener};
use super::{agree, format};
use crate::app::id::Identity;
use crate::app::model::keys_secret::Purpose;
use crate::app::model::keystore::KeyKind;
use crate::backends::keys::Salt;

/// An opened keystore. Its secrets are wiped when it is dropped; it cannot be printed.
pub struct Opened {
    pub(super) header: Header,
    pub(super) payload: Payload,
    pub(super) key: DataKey,
    pub(super) by: u32,
}

/// Keys on their way into a keystore.
pub struct NewKeys {
    /// What they are.
    pub kind: KeyKind,
    /// Shares needed.
    pub threshold: u32,
    /// Shares in existence.
    pub total: u32,
    /// The shares, or the one static key, decoded.
    pub shares: Vec<SecretBytes>,
    /// The root token.
    pub root_token: Option<SecretBytes>,
    /// Fields of the Secret, byte for byte, with what they are for.
    pub fields: Vec<(String, Purpose, SecretBytes)>,
    /// From where.
    pub source: String,
    /// The vault's own cluster id.
    pub vault_cluster_id: Option<String>,
}

impl Opened {
    /// A new, empty keystore with one slot.
    pub fn create(
        identity: &Identity,
        salt: &Salt,
        first: &Opener,
        cost: Cost,
        label: &str,
        now: Timestamp,
    ) -> Result<Self, KeystoreError> {
        let file = hex(slot::random::<16>()?.as_ref());
        let key = DataKey::random()?;
        let entry = slot::wrap_as(1, &file, &key, first, cost, label, now)?;
        let header = Header {
            identity: identity.clone(),
            file,
            revision: 0,
            written: now,
            salt: hex(&salt.0),
            generations: Vec::new(),
            custody: Vec::new(),
            slots: vec![entry],
            next_slot: 2,
        };
        Ok(Self { header, payload: Payload::default(), key, by: 1 })
    }

    /// Opens one with whatever somebody has. Blocks for a derivation where it is a passphrase.
    pub fn open(bytes: &[u8], identity: Option<&Identity>, with: &Opener) -> Result<Self, KeystoreError> {
        let parts = format::parts(bytes)?;
        own(&parts.header, identity)?;
        let (key, by) = slot::unwrap(&parts.header, with)?;
        Self::with(parts, key, by)
    }

    /// Opens one with its data key, taken from an earlier opening.
    pub fn open_with_key(
        bytes: &[u8],
        identity: Option<&Identity>,
        key: &DataKey,
        by: u32,
    ) -> Result<Self, KeystoreError> {
        let parts = format::parts(bytes)?;
        own(&parts.header, identity)?;
        Self::with(parts, key.clone(), by)
    }

    fn with(parts: format::Parts<'_>, key: DataKey, by: u32) -> Result<Self, KeystoreError> {
        let content = parts.content(&key)?;
        let payload = Payload::read(&content)?;
        agree::check(&parts.header, &payload)?;
        Ok(Self { header: parts.header, payload, key, by })
    }

    /// What may be known of it.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its secrets.
    pub const fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Both, to be changed together.
    pub(super) fn parts_mut(&mut self) -> (&mut Header, &mut Payload) {
        (&mut self.header, &mut self.payload)
    }

    /// The data key.
    pub(super) const fn key(&self) -> &DataKey {
        &self.key
    }

    /// The slot that opened it.
    pub const fn opened_by(&self) -> u32 {
        self.by
    }

    /// `slot 2, keyring`.
    pub fn opened_by_words(&self) -> String {
        self.header
            .slot(self.by)
            .map_or_else(|| format!("slot {}", self.by), |slot| format!("slot {}, {}", slot.id, slot.kind.word()))
    }

    /// The salt of its fingerprints.
    pub fn salt(&self) -> Result<Salt, KeystoreError> {
        unhex(&self.header.salt).map(Salt).ok_or_else(|| KeystoreError::BadHeader("its salt is not hex".to_owned()))
    }

    /// The bytes of the file, one revision further, under a fresh nonce.
    pub fn seal(&mut self, now: Timestamp) -> Result<Vec<u8>, KeystoreError> {
        if self.header.revision >= LAST_REVISION {
            return Err(KeystoreError::Internal("it has no further revision"));
        }
        let (before, written) = (self.header.revision, self.header.written);
        self.header.revision += 1;
        self.header.written = now;
        let sealed = self.sealed();
        if sealed.is_err() {
            (self.header.revision, self.header.written) = (before, written);
        }
        sealed
    }

    fn sealed(&self) -> Result<Vec<u8>, KeystoreError> {
        // A mistake of this program is found before it is written, not when the file is needed.
        agree::check(&self.header, &self.payload)?;
        format::whole(&self.header, &self.payload.write()?, &self.key)
    }
}

fn own(header: &Header, identity: Option<&Identity>) -> Result<(), KeystoreError> {
    match identity {
        Some(identity) if header.identity != *identity => Err(KeystoreError::Foreign(header.identity.0.clone())),
        Some(_) | None => Ok(()),
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|n| char::from_digit(u32::from(n), 16)).collect()
}

pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect())
}
