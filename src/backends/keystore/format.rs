//! The file byte by byte: magic, version, two lengths, header, nonce, sealed content, checksum.

use aes_gcm::Nonce;
use aes_gcm::aead::{Aead as _, Payload as Associated};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::error::KeystoreError;
use super::header::Header;
use super::slot::{DataKey, cipher, random};

/// The first bytes.
pub const MAGIC: &[u8; 8] = b"BAOKEYS\n";
/// The version that this program writes, and the only one it reads.
pub const VERSION: u16 = 1;
/// Bytes before the header: magic, version, length of the header, length of the sealed content.
pub const FRONT: usize = 8 + 2 + 4 + 4;
/// Random bytes before the sealed content.
pub const NONCE: usize = 12;
/// What AES-GCM adds to the content.
pub const TAG: usize = 16;
/// SHA-256 over everything before it.
pub const CHECKSUM: usize = 32;
/// No header is longer.
pub const LONGEST_HEADER: usize = 1 << 20;
/// No keystore is longer.
pub const LONGEST: u64 = 16 << 20;

/// A keystore taken apart, not opened.
pub struct Parts<'a> {
    /// The header. Nobody vouches for it before a slot opened and the seal held.
    pub header: Header,
    /// Everything before the nonce, as it stands in the file: what the content is bound to.
    pub front: &'a [u8],
    nonce: [u8; NONCE],
    sealed: &'a [u8],
}

/// Takes the bytes apart. Copies nothing but the header, which is bounded, and derives nothing.
pub fn parts(bytes: &[u8]) -> Result<Parts<'_>, KeystoreError> {
    let (front, nonce, sealed) = split(bytes)?;
    let header = Header::read(front.get(FRONT..).unwrap_or_default())?;
    Ok(Parts { header, front, nonce, sealed })
}

/// Front with header, nonce, sealed content; the checksum over all of them fits.
fn split(bytes: &[u8]) -> Result<(&[u8], [u8; NONCE], &[u8]), KeystoreError> {
    let short = || KeystoreError::Truncated(bytes.len());
    if bytes.len() as u64 > LONGEST {
        return Err(KeystoreError::TooLong(bytes.len() as u64));
    }
    if !bytes.starts_with(MAGIC) {
        return Err(if MAGIC.starts_with(bytes) { short() } else { KeystoreError::NotAKeystore });
    }
    let number = |at: usize, len: usize| {
        let field = bytes.get(at..at + len).ok_or_else(short)?;
        Ok(field.iter().fold(0_usize, |all, byte| (all << 8) | usize::from(*byte)))
    };
    let version = number(8, 2)? as u16;
    if version != VERSION {
        return Err(KeystoreError::Newer(version));
    }
    let (header, sealed) = (number(10, 4)?, number(14, 4)?);
    if header > LONGEST_HEADER {
        return Err(KeystoreError::BadHeader("it is longer than any header".to_owned()));
    }
    // Both lengths are 32 bits: the sum cannot overflow, and nothing is allocated by it.
    let whole = FRONT as u64 + header as u64 + NONCE as u64 + sealed as u64 + CHECKSUM as u64;
    if whole > LONGEST {
        return Err(KeystoreError::TooLong(whole));
    }
    if sealed < TAG {
        return Err(KeystoreError::BadHeader("its content is shorter than a seal".to_owned()));
    }
    if (bytes.len() as u64) < whole {
        return Err(short());
    }
    if bytes.len() as u64 > whole {
        return Err(KeystoreError::Trailing(bytes.len() - whole as usize));
    }
    let (summed, checksum) = bytes.split_at_checked(whole as usize - CHECKSUM).ok_or_else(short)?;
    if Sha256::digest(summed).as_slice() != checksum {
        return Err(KeystoreError::Damaged);
    }
    let (front, rest) = summed.split_at_checked(FRONT + header).ok_or_else(short)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or_else(short)?;
    Ok((front, *nonce, sealed))
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
    // What this program would refuse to read it does not write.
    Header::read(&json)?;
    bound(&json, content, key)
}

/// The same of a header that is JSON already, whatever it says.
pub fn bound(json: &[u8], content: &[u8], key: &DataKey) -> Result<Vec<u8>, KeystoreError> {
    let all = FRONT + json.len() + NONCE + content.len() + TAG + CHECKSUM;
    if json.len() > LONGEST_HEADER || all as u64 > LONGEST {
        let says = "it would grow longer than a keystore may be: prune old generations or files in custody first";
        return Err(KeystoreError::Unfit(says.to_owned()));
    }
    let mut bytes = Vec::with_capacity(all);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&((content.len() + TAG) as u32).to_be_bytes());
    bytes.extend_from_slice(json);
    let nonce = random::<NONCE>()?;
    let sealed = cipher(key)
        .encrypt(&Nonce::from(*nonce), Associated { msg: content, aad: &bytes })
        .map_err(|_| KeystoreError::Internal("the content could not be sealed"))?;
    bytes.extend_from_slice(nonce.as_ref());
    bytes.extend_from_slice(&sealed);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    Ok(bytes)
}
