//! The file byte by byte: magic, version, header, nonce, sealed content.

use aes_gcm::Nonce;
use aes_gcm::aead::{Aead as _, Payload as Associated};
use zeroize::Zeroizing;

use super::error::KeystoreError;
use super::header::Header;
use super::slot::{DataKey, cipher, random};

/// The first bytes.
pub const MAGIC: &[u8; 8] = b"BAOKEYS\n";
/// The version that this program writes, and the only one it reads.
pub const VERSION: u16 = 1;
/// Bytes before the header: magic, version, length of the header.
const FRONT: usize = 8 + 2 + 4;
const NONCE: usize = 12;
const TAG: usize = 16;
/// No header is longer.
const LONGEST_HEADER: usize = 1 << 20;
/// No keystore is longer.
pub const LONGEST: u64 = 16 << 20;

/// A keystore taken apart, not opened.
pub struct Parts<'a> {
    /// The header.
    pub header: Header,
    /// Everything before the nonce, as it stands in the file: what the content is bound to.
    pub front: &'a [u8],
    nonce: [u8; NONCE],
    sealed: &'a [u8],
}

/// Takes the bytes apart.
pub fn parts(bytes: &[u8]) -> Result<Parts<'_>, KeystoreError> {
    let short = || KeystoreError::Truncated(bytes.len());
    if bytes.len() as u64 > LONGEST {
        return Err(KeystoreError::TooLong(bytes.len() as u64));
    }
    let magic = bytes.get(..MAGIC.len());
    if magic != Some(MAGIC.as_slice()) {
        let cut = !bytes.is_empty() && MAGIC.starts_with(bytes);
        return Err(if cut { short() } else { KeystoreError::NotAKeystore });
    }
    let number = |at: usize, len: usize| {
        let field = bytes.get(at..at + len).ok_or_else(short)?;
        Ok(field.iter().fold(0_usize, |all, byte| (all << 8) | usize::from(*byte)))
    };
    let version = number(8, 2)? as u16;
    if version != VERSION {
        return Err(KeystoreError::Newer(version));
    }
    let len = number(10, 4)?;
    if len > LONGEST_HEADER {
        return Err(KeystoreError::BadHeader("it is longer than any header".to_owned()));
    }
    let front = bytes.get(..FRONT + len).ok_or_else(short)?;
    let header = Header::read(front.get(FRONT..).unwrap_or_default())?;
    let rest = bytes.get(FRONT + len..).unwrap_or_default();
    let (nonce, sealed) = rest.split_at_checked(NONCE).ok_or_else(short)?;
    if sealed.len() < TAG {
        return Err(short());
    }
    let nonce = <[u8; NONCE]>::try_from(nonce).map_err(|_| short())?;
    Ok(Parts { header, front, nonce, sealed })
}

impl Parts<'_> {
    /// Opens the content. A wrong seal means that header or content were altered: the key came out of a slot.
    pub fn content(&self, key: &DataKey) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
        cipher(key)
            .decrypt(&Nonce::from(self.nonce), Associated { msg: self.sealed, aad: self.front })
            .map(Zeroizing::new)
            .map_err(|_| KeystoreError::Altered)
    }
}

/// Puts a keystore together, under a fresh nonce.
pub fn whole(header: &Header, content: &[u8], key: &DataKey) -> Result<Vec<u8>, KeystoreError> {
    let json = serde_json::to_vec(header).map_err(|_| KeystoreError::Internal("the header could not be written"))?;
    if json.len() > LONGEST_HEADER {
        return Err(KeystoreError::Internal("the header grew too long: prune old generations"));
    }
    let mut bytes = Vec::with_capacity(FRONT + json.len() + NONCE + content.len() + TAG);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&json);
    let nonce = random::<NONCE>()?;
    let sealed = cipher(key)
        .encrypt(&Nonce::from(*nonce), Associated { msg: content, aad: &bytes })
        .map_err(|_| KeystoreError::Internal("the content could not be sealed"))?;
    bytes.extend_from_slice(nonce.as_ref());
    bytes.extend_from_slice(&sealed);
    Ok(bytes)
}
