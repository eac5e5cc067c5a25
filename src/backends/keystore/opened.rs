//! An opened keystore: what is in it, what can be changed, and how it is sealed again.

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::error::KeystoreError;
use super::format;
use super::header::Header;
use super::kdf::Cost;
use super::payload::{FieldBytes, Generation, Payload, SecretBytes};
use super::slot::{self, DataKey, Opener};
use crate::app::id::Identity;
use crate::app::model::keys_secret::Purpose;
use crate::app::model::keystore::{FieldKept, GenerationSeen, KeyKind};
use crate::backends::keys::{Salt, fingerprint};

/// An opened keystore. Its secrets are wiped when it is dropped; it cannot be printed.
pub struct Opened {
    header: Header,
    payload: Payload,
    key: DataKey,
    by: u32,
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
        let key = slot::random::<32>()?;
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
        let payload: Payload = serde_json::from_slice(&content).map_err(|error| {
            // The parser's words may repeat a value.
            KeystoreError::BadContent(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let described = parts.header.generations.iter().map(|generation| generation.number);
        if !described.eq(payload.generations.iter().map(|generation| generation.number)) {
            return Err(KeystoreError::BadContent("its generations are not those of its header".to_owned()));
        }
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

    /// Puts another data key in its place; its slots must wrap that one already.
    pub(super) fn set_key(&mut self, key: DataKey, by: u32) {
        self.key = key;
        self.by = by;
    }

    /// The slot that opened it.
    pub const fn opened_by(&self) -> u32 {
        self.by
    }

    /// `slot 2, keyring`.
    pub fn opened_by_words(&self) -> String {
        let slot = self.header.slots.iter().find(|slot| slot.id == self.by);
        slot.map_or_else(|| format!("slot {}", self.by), |slot| format!("slot {}, {}", slot.id, slot.kind.word()))
    }

    /// Adds a generation; its number. Earlier ones stay.
    pub fn add_generation(&mut self, keys: NewKeys, now: Timestamp) -> Result<u32, KeystoreError> {
        let salt = self.salt()?;
        let number = self.header.generations.last().map_or(1, |last| last.number + 1);
        let print = |bytes: &SecretBytes| fingerprint(&salt, bytes.expose());
        let fields = keys
            .fields
            .iter()
            .map(|(name, purpose, bytes)| FieldKept {
                name: name.clone(),
                purpose: *purpose,
                len: bytes.expose().len() as u32,
                prints: crate::backends::keys::shares_in(bytes.expose())
                    .iter()
                    .map(|share| fingerprint(&salt, share.bytes()))
                    .collect(),
            })
            .collect();
        self.header.generations.push(GenerationSeen {
            number,
            kind: keys.kind,
            threshold: keys.threshold,
            total: keys.total.max(keys.shares.len() as u32),
            prints: keys.shares.iter().map(print).collect(),
            root_token: keys.root_token.as_ref().map(print),
            created: now,
            source: keys.source,
            vault_cluster_id: keys.vault_cluster_id,
            fields,
        });
        self.payload.generations.push(Generation {
            number,
            shares: keys.shares,
            root_token: keys.root_token,
            fields: keys.fields.into_iter().map(|(name, _, bytes)| FieldBytes { name, bytes }).collect(),
        });
        Ok(number)
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
        Ok(id)
    }

    /// Removes a slot; false where there is none of that number or it is the last.
    pub fn remove_slot(&mut self, id: u32) -> bool {
        if self.header.slots.len() < 2 {
            return false;
        }
        let before = self.header.slots.len();
        self.header.slots.retain(|slot| slot.id != id);
        self.header.slots.len() < before
    }

    /// The salt of its fingerprints.
    pub fn salt(&self) -> Result<Salt, KeystoreError> {
        unhex(&self.header.salt).map(Salt).ok_or_else(|| KeystoreError::BadHeader("its salt is not hex".to_owned()))
    }

    /// The bytes of the file, one revision further, under a fresh nonce.
    pub fn seal(&mut self, now: Timestamp) -> Result<Vec<u8>, KeystoreError> {
        self.header.revision += 1;
        self.header.written = now;
        let content = self.content()?;
        format::whole(&self.header, &content, &self.key)
    }

    /// The payload as JSON, in a buffer that is long enough from the start: one that grew would leave copies behind.
    fn content(&self) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
        let keys = self.payload.generations.iter().map(|generation| {
            let fields = generation.fields.iter().map(|field| field.bytes.expose().len() + field.name.len() + 64);
            let shares = generation.shares.iter().map(|share| share.expose().len() + 64);
            256 + fields.sum::<usize>() + shares.sum::<usize>() + 512
        });
        let files = self.payload.custody.iter().map(|file| file.bytes.expose().len() + file.name.len() + 128);
        let room = (keys.sum::<usize>() + files.sum::<usize>() + 1024) * 2;
        let mut content = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *content, &self.payload)
            .map_err(|_| KeystoreError::Internal("the content could not be written"))?;
        Ok(content)
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
