//! Key files of other programs in an opened keystore: added, versioned, lent, removed.

use jiff::Timestamp;

use super::bounds::{LONGEST_FILE, SHORTEST_FILE};
use super::error::KeystoreError;
use super::header::{CustodyEntry, CustodyVersion};
use super::opened::Opened;
use super::payload::{CustodyBytes, SecretBytes};
use crate::backends::keys::fingerprint;

/// A key file on its way into custody.
pub struct NewFile {
    /// The name it is given.
    pub name: String,
    /// Where it belongs: an absolute path on `host`, or `secret:NAMESPACE/NAME:FIELD`.
    pub path: String,
    /// The machine that the path is on; empty for a Secret.
    pub host: String,
    /// Permission bits that it should have.
    pub mode: u32,
    /// Owner that it should have.
    pub uid: u32,
    /// Group that it should have.
    pub gid: u32,
    /// What is in it.
    pub bytes: SecretBytes,
}

impl Opened {
    /// Takes a file into custody as version 1. A name that is taken is refused: see [`Self::add_custody_version`].
    pub fn add_custody(&mut self, file: NewFile, now: Timestamp) -> Result<u32, KeystoreError> {
        if self.header.in_custody(&file.name).is_some() {
            return Err(KeystoreError::Unfit("a file of that name is in custody already".to_owned()));
        }
        let version = self.version(1, &file.bytes, now)?;
        let NewFile { name, path, host, mode, uid, gid, bytes } = file;
        self.payload.custody.push(CustodyBytes { name: name.clone(), number: 1, bytes });
        self.header.custody.push(CustodyEntry { name, path, host, mode, uid, gid, versions: vec![version] });
        self.checked(|opened| {
            opened.header.custody.pop();
            opened.payload.custody.pop();
        })?;
        Ok(1)
    }

    /// Keeps another version of it; its number. The same bytes as the newest are no new version.
    pub fn add_custody_version(
        &mut self,
        name: &str,
        bytes: SecretBytes,
        now: Timestamp,
    ) -> Result<u32, KeystoreError> {
        let place = self.header.custody.iter().position(|entry| entry.name == name);
        let newest = self.header.in_custody(name).and_then(|entry| entry.versions.last());
        let (Some(place), Some(newest)) = (place, newest) else {
            return Err(KeystoreError::Unfit("no file of that name is in custody".to_owned()));
        };
        if self.custody_bytes(name, newest.number).is_some_and(|kept| *kept == bytes) {
            return Ok(newest.number);
        }
        let number = newest.number.saturating_add(1);
        let version = self.version(number, &bytes, now)?;
        // The content lists versions in the order of the header.
        let at = self.payload.custody.iter().rposition(|file| file.name == name).map_or(0, |last| last + 1);
        self.payload.custody.insert(at, CustodyBytes { name: name.to_owned(), number, bytes });
        if let Some(entry) = self.header.custody.get_mut(place) {
            entry.versions.push(version);
        }
        self.checked(|opened| {
            opened.payload.custody.remove(at);
            if let Some(entry) = opened.header.custody.get_mut(place) {
                entry.versions.pop();
            }
        })?;
        Ok(number)
    }

    /// Forgets a file with all its versions; false where there is none of that name.
    pub fn remove_custody(&mut self, name: &str) -> bool {
        let before = self.header.custody.len();
        self.header.custody.retain(|entry| entry.name != name);
        self.payload.custody.retain(|file| file.name != name);
        self.header.custody.len() < before
    }

    /// The bytes of one version.
    pub fn custody_bytes(&self, name: &str, number: u32) -> Option<&SecretBytes> {
        let file = self.payload.custody.iter().find(|file| file.name == name && file.number == number);
        file.map(|file| &file.bytes)
    }

    fn version(&self, number: u32, bytes: &SecretBytes, now: Timestamp) -> Result<CustodyVersion, KeystoreError> {
        let size = bytes.expose().len();
        if !(SHORTEST_FILE..=LONGEST_FILE).contains(&size) {
            return Err(KeystoreError::Unfit(format!(
                "a key file has {SHORTEST_FILE} bytes to one MiB, and this one has {size}"
            )));
        }
        let print = fingerprint(&self.salt()?, bytes.expose());
        Ok(CustodyVersion { number, size: size as u64, print, kept: now })
    }
}
