//! Slots: each wraps the one data key under a key of its own.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload as Sealed};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::KeystoreError;
use super::header::{Header, SlotEntry};
use super::kdf::{self, Cost};
use super::recovery;
use crate::app::model::keystore::SlotKind;

/// The data key: everything else hangs on these 32 bytes.
pub type DataKey = Zeroizing<[u8; 32]>;

/// What somebody opens a slot with. Cannot be printed.
pub enum Opener {
    /// A typed passphrase, as UTF-8.
    Passphrase(Zeroizing<String>),
    /// 32 bytes from the keyring of the operating system.
    Keyring(Zeroizing<[u8; 32]>),
    /// 32 bytes of a keyfile.
    Keyfile(Zeroizing<[u8; 32]>),
    /// A recovery code, read.
    Recovery(Zeroizing<[u8; recovery::BYTES]>),
}

impl Opener {
    /// Which slots it can open.
    pub const fn kind(&self) -> SlotKind {
        match self {
            Self::Passphrase(_) => SlotKind::Passphrase,
            Self::Keyring(_) => SlotKind::Keyring,
            Self::Keyfile(_) => SlotKind::Keyfile,
            Self::Recovery(_) => SlotKind::Recovery,
        }
    }

    /// What was typed: a recovery code where it can be one, else a passphrase.
    pub fn typed(text: &str) -> Self {
        match recovery::read(text) {
            Ok(code) => Self::Recovery(code),
            Err(_) => Self::Passphrase(Zeroizing::new(text.to_owned())),
        }
    }

    /// The key of the slot.
    fn key(&self, slot: u32, salt: &[u8], cost: Option<Cost>) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
        match self {
            Self::Passphrase(text) => {
                let cost = cost.ok_or(KeystoreError::Internal("a passphrase slot without costs"))?.check(slot)?;
                kdf::derive(text.as_bytes(), salt, cost)
            }
            // These are random already: a keyed hash is enough.
            Self::Keyring(secret) | Self::Keyfile(secret) => strong(secret.as_ref(), self.kind(), salt),
            Self::Recovery(code) => strong(code.as_ref(), self.kind(), salt),
        }
    }
}

fn strong(secret: &[u8], kind: SlotKind, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .map_err(|_| KeystoreError::Internal("a key that no keyed hash takes"))?;
    mac.update(b"baowatch keystore v1 slot key\0");
    mac.update(kind.word().as_bytes());
    mac.update(b"\0");
    mac.update(salt);
    let mut out = mac.finalize().into_bytes();
    let mut key = Zeroizing::new([0_u8; 32]);
    for (to, from) in key.iter_mut().zip(out.iter()) {
        *to = *from;
    }
    zeroize::Zeroize::zeroize(out.as_mut_slice());
    Ok(key)
}

/// What a slot is bound to: the file, its own number and kind. A slot of another file or another place does not unwrap.
fn bound_to(file: &str, id: u32, kind: SlotKind) -> Vec<u8> {
    format!("baowatch keystore v1 slot\0{file}\0{id}\0{}", kind.word()).into_bytes()
}

/// Random bytes from the system.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeystoreError> {
    let mut bytes = Zeroizing::new([0_u8; N]);
    getrandom::fill(bytes.as_mut()).map_err(|error| KeystoreError::NoRandom(error.to_string()))?;
    Ok(bytes)
}

/// Wraps the data key in a new slot.
pub fn wrap(
    header: &Header,
    key: &DataKey,
    opener: &Opener,
    cost: Cost,
    label: &str,
    now: Timestamp,
) -> Result<SlotEntry, KeystoreError> {
    let id = header.slots.iter().map(|slot| slot.id).max().unwrap_or(0) + 1;
    wrap_as(id, &header.file, key, opener, cost, label, now)
}

/// Wraps it under this number.
pub fn wrap_as(
    id: u32,
    file: &str,
    key: &DataKey,
    opener: &Opener,
    cost: Cost,
    label: &str,
    now: Timestamp,
) -> Result<SlotEntry, KeystoreError> {
    let kind = opener.kind();
    let cost = (kind == SlotKind::Passphrase).then_some(cost);
    let (salt, nonce) = (random::<16>()?, random::<12>()?);
    let wrapping = opener.key(id, salt.as_ref(), cost)?;
    let aad = bound_to(file, id, kind);
    let wrapped = cipher(&wrapping)
        .encrypt(&Nonce::from(*nonce), Sealed { msg: key.as_ref(), aad: &aad })
        .map_err(|_| KeystoreError::Internal("the data key could not be wrapped"))?;
    Ok(SlotEntry {
        id,
        kind,
        label: label.to_owned(),
        created: now,
        cost,
        salt: STANDARD.encode(salt.as_ref()),
        nonce: STANDARD.encode(nonce.as_ref()),
        wrapped: STANDARD.encode(wrapped),
    })
}

/// Tries every slot of the opener's kind; the data key and the slot that gave it.
pub fn unwrap(header: &Header, opener: &Opener) -> Result<(DataKey, u32), KeystoreError> {
    let kind = opener.kind();
    let mut any = false;
    for slot in header.slots.iter().filter(|slot| slot.kind == kind) {
        any = true;
        if let Some(key) = try_one(header, slot, opener)? {
            return Ok((key, slot.id));
        }
    }
    Err(if any { KeystoreError::WrongSecret(kind) } else { KeystoreError::NoSlot(kind) })
}

/// Whether this very slot opens with it.
pub fn opens(header: &Header, slot: &SlotEntry, opener: &Opener) -> Result<bool, KeystoreError> {
    Ok(slot.kind == opener.kind() && try_one(header, slot, opener)?.is_some())
}

fn try_one(header: &Header, slot: &SlotEntry, opener: &Opener) -> Result<Option<DataKey>, KeystoreError> {
    let bad = || KeystoreError::BadHeader(format!("slot {} is not one", slot.id));
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| bad());
    let (salt, nonce, wrapped) = (decode(&slot.salt)?, decode(&slot.nonce)?, decode(&slot.wrapped)?);
    let nonce = <[u8; 12]>::try_from(nonce.as_slice()).map_err(|_| bad())?;
    if salt.len() != 16 || wrapped.len() != 48 {
        return Err(bad());
    }
    let wrapping = opener.key(slot.id, &salt, slot.cost)?;
    let aad = bound_to(&header.file, slot.id, slot.kind);
    let Ok(key) = cipher(&wrapping).decrypt(&Nonce::from(nonce), Sealed { msg: &wrapped, aad: &aad }) else {
        return Ok(None);
    };
    let key = Zeroizing::new(key);
    let mut data = Zeroizing::new([0_u8; 32]);
    if key.len() != data.len() {
        return Err(bad());
    }
    for (to, from) in data.iter_mut().zip(key.iter()) {
        *to = *from;
    }
    Ok(Some(data))
}

pub(super) fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    let mut copy = Key::<Aes256Gcm>::from(*key);
    let cipher = Aes256Gcm::new(&copy);
    zeroize::Zeroize::zeroize(copy.as_mut_slice());
    cipher
}
