//! Whether header and content tell of the same keys: a header that names other keys than it holds is worse than none.

use super::error::KeystoreError;
use super::header::{CustodyEntry, Header};
use super::opened::unhex;
use super::payload::{CustodyBytes, Generation, Payload, SecretBytes};
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::keystore::{FieldKept, GenerationSeen};
use crate::backends::keys::{Salt, fingerprint};

/// Every fingerprint is made again from the bytes. Fingerprints of fields are not: what a writer recognises in a field may
/// get better, and an old file must stay readable.
pub(super) fn check(header: &Header, payload: &Payload) -> Result<(), KeystoreError> {
    let bad = |why: String| Err(KeystoreError::BadContent(why));
    let salt = salt(header)?;
    let described = header.generations.iter().map(|generation| generation.number);
    if !described.eq(payload.generations.iter().map(|generation| generation.number)) {
        return bad("its generations are not those of its header".to_owned());
    }
    for (seen, held) in header.generations.iter().zip(&payload.generations) {
        if let Some(why) = differs(&salt, seen, held) {
            return bad(format!("generation {}: {why}", seen.number));
        }
    }
    let mut files = payload.custody.iter();
    for entry in &header.custody {
        if !versions_fit(&salt, entry, &mut files) {
            return bad("a file in custody is not the one of its header".to_owned());
        }
    }
    if files.next().is_some() { bad("it holds a file that its header does not name".to_owned()) } else { Ok(()) }
}

/// The salt of the fingerprints.
pub(super) fn salt(header: &Header) -> Result<Salt, KeystoreError> {
    unhex(&header.salt).map(Salt).ok_or_else(|| KeystoreError::BadHeader("its salt is not hex".to_owned()))
}

/// The fingerprint that a header shows of a root token: none of one that a person made up, which could be guessed from it.
pub(super) fn token_print(salt: &Salt, token: &SecretBytes) -> Option<Fingerprint> {
    let token = token.expose().trim_ascii();
    let random = [b"s.".as_slice(), b"hvs.", b"b.", b"hvb."].iter().any(|head| token.starts_with(head));
    (random && token.len() >= 20).then(|| fingerprint(salt, token))
}

fn differs(salt: &Salt, seen: &GenerationSeen, held: &Generation) -> Option<&'static str> {
    let prints = held.shares.iter().map(|share| fingerprint(salt, share.expose()));
    if !prints.eq(seen.prints.iter().cloned()) {
        return Some("its keys are not those of its header");
    }
    if held.root_token.as_ref().and_then(|token| token_print(salt, token)) != seen.root_token {
        return Some("its root token is not that of its header");
    }
    let same = |(seen, held): (&FieldKept, &super::payload::FieldBytes)| {
        seen.name == held.name && seen.len as usize == held.bytes.expose().len()
    };
    let fields = seen.fields.len() == held.fields.len() && seen.fields.iter().zip(&held.fields).all(same);
    (!fields).then_some("its fields are not those of its header")
}

/// Takes the versions of this entry off the list; false where one is missing or another.
fn versions_fit<'a>(salt: &Salt, entry: &CustodyEntry, files: &mut impl Iterator<Item = &'a CustodyBytes>) -> bool {
    entry.versions.iter().all(|version| {
        files.next().is_some_and(|file| {
            let bytes = file.bytes.expose();
            file.name == entry.name
                && file.number == version.number
                && bytes.len() as u64 == version.size
                && fingerprint(salt, bytes) == version.print
        })
    })
}
