//! Key files of other programs inside a keystore: taken in, taken out, version by version.

use jiff::Timestamp;

use super::error::KeystoreError;
use super::header::{CustodyEntry, CustodyVersion};
use super::opened::Opened;
use super::payload::{CustodyBytes, SecretBytes};
use crate::backends::keys::fingerprint;

/// No key file is longer.
pub const LONGEST_FILE: usize = 64 * 1024;

/// A key file on its way into a keystore.
pub struct NewFile {
    /// The name it is given.
    pub name: String,
    /// Where it belongs.
    pub path: String,
    /// The machine that the path is on; empty for a field of a Secret.
    pub host: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Its content.
    pub bytes: SecretBytes,
}

impl Opened {
    /// Takes a file in; false where one of this name is kept already.
    pub fn add_custody(&mut self, file: NewFile, now: Timestamp) -> Result<bool, KeystoreError> {
        if self.header().custody.iter().any(|kept| kept.name == file.name) {
            return Ok(false);
        }
        let version = self.version_of(1, &file.bytes, now)?;
        let (header, payload) = self.parts_mut();
        header.custody.push(CustodyEntry {
            name: file.name.clone(),
            path: file.path,
            host: file.host,
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            versions: vec![version],
        });
        payload.custody.push(CustodyBytes { name: file.name, number: 1, bytes: file.bytes });
        Ok(true)
    }

    /// Takes other bytes of a file in, as its newest version; its number. `None` where none of this name is kept. Earlier
    /// versions stay.
    pub fn add_custody_version(
        &mut self,
        name: &str,
        bytes: SecretBytes,
        now: Timestamp,
    ) -> Result<Option<u32>, KeystoreError> {
        let kept = self.header().custody.iter().find(|kept| kept.name == name);
        let Some(number) = kept.map(|kept| kept.versions.last().map_or(1, |last| last.number + 1)) else {
            return Ok(None);
        };
        let version = self.version_of(number, &bytes, now)?;
        let (header, payload) = self.parts_mut();
        if let Some(kept) = header.custody.iter_mut().find(|kept| kept.name == name) {
            kept.versions.push(version);
        }
        payload.custody.push(CustodyBytes { name: name.to_owned(), number, bytes });
        Ok(Some(number))
    }

    /// Forgets a file with all its versions; false where none of this name is kept.
    pub fn remove_custody(&mut self, name: &str) -> bool {
        let (header, payload) = self.parts_mut();
        let before = header.custody.len();
        header.custody.retain(|kept| kept.name != name);
        payload.custody.retain(|kept| kept.name != name);
        header.custody.len() < before
    }

    /// The bytes of one version.
    pub fn custody_bytes(&self, name: &str, version: u32) -> Option<&SecretBytes> {
        let kept = &self.payload().custody;
        kept.iter().find(|kept| kept.name == name && kept.number == version).map(|kept| &kept.bytes)
    }

    fn version_of(&self, number: u32, bytes: &SecretBytes, now: Timestamp) -> Result<CustodyVersion, KeystoreError> {
        let salt = self.salt()?;
        let print = fingerprint(&salt, bytes.expose());
        Ok(CustodyVersion { number, size: bytes.expose().len() as u64, print, kept: now })
    }
}
