//! Slots: each wraps the one data key under a key of its own.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload as Sealed};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::bounds::{LONGEST_NAME, told};
use super::error::KeystoreError;
use super::header::{Header, SlotEntry};
use super::kdf::{self, Cost};
use super::locked::LockedKey;
use super::recovery;
use crate::app::model::keystore::SlotKind;

/// The data key: everything else hangs on these 32 bytes.
pub type DataKey = LockedKey;

/// No passphrase is longer, in bytes.
pub const LONGEST_PASSPHRASE: usize = 1024;

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
    fn key(&self, slot: u32, salt: &[u8], cost: Option<Cost>) -> Result<LockedKey, KeystoreError> {
        match self {
            Self::Passphrase(text) => {
                let cost = cost.ok_or(KeystoreError::Internal("a passphrase slot without costs"))?.check(slot)?;
                kdf::derive(text.as_bytes(), salt, cost)
            }
            // These are random already: a keyed hash is enough.
            Self::Keyring(secret) | Self::Keyfile(secret) => {
                keyed(secret.as_ref(), SLOT_KEY, &[self.kind().word().as_bytes(), b"\0", salt])
            }
            Self::Recovery(code) => keyed(code.as_ref(), SLOT_KEY, &[self.kind().word().as_bytes(), b"\0", salt]),
        }
    }
}

const SLOT_KEY: &[u8] = b"baowatch keystore v1 slot key\0";
const SLOT_CHECK: &[u8] = b"baowatch keystore v1 slot check";

/// HMAC-SHA256 of the purpose and what follows it.
fn mac(secret: &[u8], purpose: &[u8], rest: &[&[u8]]) -> Result<Hmac<Sha256>, KeystoreError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .map_err(|_| KeystoreError::Internal("a key that no keyed hash takes"))?;
    mac.update(purpose);
    rest.iter().for_each(|part| mac.update(part));
    Ok(mac)
}

fn keyed(secret: &[u8], purpose: &[u8], rest: &[&[u8]]) -> Result<LockedKey, KeystoreError> {
    let mut out = mac(secret, purpose, rest)?.finalize().into_bytes();
    let key = LockedKey::copied(out.as_slice()).ok_or(KeystoreError::Internal("a keyed hash of another length"));
    zeroize::Zeroize::zeroize(out.as_mut_slice());
    key
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
    wrap_as(header.next_slot, &header.file, key, opener, cost, label, now)
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
    let unfit = |why: &str| Err(KeystoreError::Unfit(why.to_owned()));
    if let Opener::Passphrase(text) = opener {
        if text.is_empty() {
            return unfit("an empty passphrase protects nothing");
        }
        if text.len() > LONGEST_PASSPHRASE {
            return unfit("the passphrase is longer than 1024 bytes");
        }
    }
    let kind = opener.kind();
    let cost = (kind == SlotKind::Passphrase).then_some(cost);
    let (salt, nonce) = (random::<16>()?, random::<12>()?);
    let wrapping = opener.key(id, salt.as_ref(), cost)?;
    let check = keyed(wrapping.bytes(), SLOT_CHECK, &[])?;
    let aad = bound_to(file, id, kind);
    let wrapped = cipher(&wrapping)
        .encrypt(&Nonce::from(*nonce), Sealed { msg: key.bytes(), aad: &aad })
        .map_err(|_| KeystoreError::Internal("the data key could not be wrapped"))?;
    Ok(SlotEntry {
        id,
        kind,
        label: told(label, LONGEST_NAME),
        created: now,
        cost,
        salt: STANDARD.encode(salt.as_ref()),
        check: STANDARD.encode(check.bytes()),
        nonce: STANDARD.encode(nonce.as_ref()),
        wrapped: STANDARD.encode(wrapped),
    })
}

/// The bytes of a slot.
pub(super) struct SlotBytes {
    salt: [u8; 16],
    check: [u8; 32],
    nonce: [u8; 12],
    wrapped: [u8; 48],
}

impl SlotEntry {
    /// Decoded; `None` where a length is another.
    pub(super) fn sealed(&self) -> Option<SlotBytes> {
        Some(SlotBytes {
            salt: exactly(&self.salt)?,
            check: exactly(&self.check)?,
            nonce: exactly(&self.nonce)?,
            wrapped: exactly(&self.wrapped)?,
        })
    }
}

fn exactly<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// Tries every slot of the opener's kind; the data key and the slot that gave it.
pub fn unwrap(header: &Header, opener: &Opener) -> Result<(DataKey, u32), KeystoreError> {
    let kind = opener.kind();
    let mut worst = KeystoreError::NoSlot(kind);
    for slot in header.slots.iter().filter(|slot| slot.kind == kind) {
        match unwrap_one(header, slot, opener) {
            Ok(key) => return Ok((key, slot.id)),
            // One altered slot is no reason not to try the next.
            Err(altered @ KeystoreError::SlotAltered(_)) => worst = altered,
            Err(KeystoreError::WrongSecret(_)) if matches!(worst, KeystoreError::SlotAltered(_)) => {}
            Err(wrong @ KeystoreError::WrongSecret(_)) => worst = wrong,
            Err(other) => return Err(other),
        }
    }
    Err(worst)
}

/// Whether this very slot opens with it.
pub fn opens(header: &Header, slot: &SlotEntry, opener: &Opener) -> Result<bool, KeystoreError> {
    match unwrap_one(header, slot, opener) {
        Ok(_) => Ok(true),
        Err(KeystoreError::WrongSecret(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Tries this one.
pub(super) fn unwrap_one(header: &Header, slot: &SlotEntry, opener: &Opener) -> Result<DataKey, KeystoreError> {
    let wrong = || KeystoreError::WrongSecret(slot.kind);
    if slot.kind != opener.kind() {
        return Err(wrong());
    }
    if let Opener::Passphrase(text) = opener
        && text.len() > LONGEST_PASSPHRASE
    {
        return Err(wrong());
    }
    let bytes = slot.sealed().ok_or_else(|| KeystoreError::BadHeader(format!("slot {} is not one", slot.id)))?;
    let wrapping = opener.key(slot.id, &bytes.salt, slot.cost)?;
    let right = mac(wrapping.bytes(), SLOT_CHECK, &[])?.verify_slice(&bytes.check).is_ok();
    let aad = bound_to(&header.file, slot.id, slot.kind);
    let opened = cipher(&wrapping).decrypt(&Nonce::from(bytes.nonce), Sealed { msg: &bytes.wrapped, aad: &aad });
    match (opened.map(Zeroizing::new), right) {
        // Without the check a slot could be made that two secrets open, each to another key.
        (Ok(key), true) => LockedKey::copied(&key).ok_or(KeystoreError::SlotAltered(slot.id)),
        (Err(_), true) | (Ok(_), false) => Err(KeystoreError::SlotAltered(slot.id)),
        (Err(_), false) => Err(wrong()),
    }
}

pub(super) fn cipher(key: &LockedKey) -> Aes256Gcm {
    let mut copy = Key::<Aes256Gcm>::from(*key.bytes());
    let cipher = Aes256Gcm::new(&copy);
    zeroize::Zeroize::zeroize(copy.as_mut_slice());
    cipher
}
