//! Keystores with known secrets, and the tools to damage them: what a test opens, swaps and breaks.

use std::path::PathBuf;

use baowatch::app::id::Identity;
use baowatch::app::model::keys_secret::Purpose;
use baowatch::app::model::keystore::KeyKind;
use baowatch::backends::keys::Salt;
use baowatch::backends::keystore::format::{self, CHECKSUM, FRONT};
use baowatch::backends::keystore::kdf::Cost;
use baowatch::backends::keystore::opened::NewKeys;
use baowatch::backends::keystore::{NewFile, Opened, Opener, SecretBytes, recovery, slot};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The passphrase of the vectors, as the format page gives it.
pub const PASSPHRASE: &str = "correct horse battery staple";

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

pub fn identity() -> Identity {
    Identity::of_cluster("0f6f2a2e-6f0b-4a8e-9f4e-4f6f1c7a9d21", "data", "openbao")
}

pub fn salt() -> Salt {
    Salt((0..32).collect())
}

pub fn keyfile() -> Opener {
    Opener::Keyfile(Zeroizing::new([0x11; 32]))
}

pub fn other_keyfile() -> Opener {
    Opener::Keyfile(Zeroizing::new([0x12; 32]))
}

pub fn keyring() -> Opener {
    Opener::Keyring(Zeroizing::new([0x33; 32]))
}

pub fn code() -> Zeroizing<String> {
    recovery::write(&[0x2a; recovery::BYTES])
}

pub fn recovery_code() -> Opener {
    Opener::Recovery(recovery::read(&code()).unwrap())
}

pub fn passphrase() -> Opener {
    Opener::Passphrase(Zeroizing::new(PASSPHRASE.to_owned()))
}

pub fn secret(byte: u8, len: usize) -> SecretBytes {
    SecretBytes::new((0..len).map(|place| byte.wrapping_add(place as u8)).collect())
}

/// Three shares of five that differ with the seed, as a Secret held them.
pub fn shares(seed: u8) -> NewKeys {
    let hex: String = (0..33_u8).map(|place| format!("{:02x}", seed.wrapping_add(place))).collect();
    NewKeys {
        kind: KeyKind::Unseal,
        threshold: 3,
        total: 5,
        shares: (0..3).map(|n| secret(seed.wrapping_add(n * 40), 33)).collect(),
        root_token: Some(SecretBytes::new(format!("hvs.{seed:03}AAAAAAAAAAAAAAAAAAAAAAAA").into_bytes())),
        fields: vec![
            ("unseal-key".to_owned(), Purpose::Shares, SecretBytes::new(hex.into_bytes())),
            ("note".to_owned(), Purpose::Other, SecretBytes::new(b"kept by anna".to_vec())),
        ],
        source: "Secret data/openbao-keys".to_owned(),
        vault_cluster_id: Some("3a0b3f5e-8a2d-4f4e-8f43-5e4f3f9f7b10".to_owned()),
    }
}

pub fn file(name: &str, byte: u8) -> NewFile {
    NewFile {
        name: name.to_owned(),
        path: "/etc/openbao/seal.key".to_owned(),
        host: "vault-1".to_owned(),
        mode: 0o400,
        uid: 100,
        gid: 1000,
        bytes: secret(byte, 32),
    }
}

/// One that a keyfile opens, without content: nothing in it costs a derivation.
pub fn cheap() -> Opened {
    Opened::create(&identity(), &salt(), &keyfile(), Cost::FLOOR, "laptop", at(0)).unwrap()
}

/// Everything that a keystore can have: two generations, a file in two versions, a slot of each kind, two keyfiles.
pub fn full() -> Opened {
    let mut opened = cheap();
    opened.add_slot(&passphrase(), Cost::FLOOR, "anna", at(1)).unwrap();
    opened.add_slot(&recovery_code(), Cost::FLOOR, "envelope in the safe", at(2)).unwrap();
    opened.add_slot(&keyring(), Cost::FLOOR, "desk", at(3)).unwrap();
    opened.add_slot(&other_keyfile(), Cost::FLOOR, "stick", at(4)).unwrap();
    opened.add_generation(shares(1), at(5)).unwrap();
    opened.add_generation(shares(2), at(6)).unwrap();
    opened.add_custody(file("static seal", 7), at(7)).unwrap();
    opened.add_custody_version("static seal", secret(8, 32), at(8)).unwrap();
    opened
}

pub fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/keystore/vectors")
}

/// The header of a file as JSON.
pub fn header_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(&format::parts(bytes).unwrap().front[FRONT..]).unwrap()
}

/// The content of a file that the first keyfile opens, as JSON.
pub fn content_of(bytes: &[u8]) -> Value {
    let parts = format::parts(bytes).unwrap();
    let (key, _) = slot::unwrap(&parts.header, &keyfile()).unwrap();
    serde_json::from_slice(&parts.content(&key).unwrap()).unwrap()
}

/// The file with another header and content, sealed rightly by somebody who has the key.
pub fn sealed_anew(bytes: &[u8], header: &str, content: &str) -> Vec<u8> {
    let parts = format::parts(bytes).unwrap();
    let (key, _) = slot::unwrap(&parts.header, &keyfile()).unwrap();
    format::bound(header.as_bytes(), content.as_bytes(), &key).unwrap()
}

/// The file with another header, sealed rightly.
pub fn with_header(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut header = header_of(bytes);
    change(&mut header);
    sealed_anew(bytes, &header.to_string(), &content_of(bytes).to_string())
}

/// The file with another content, sealed rightly.
pub fn with_content(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut content = content_of(bytes);
    change(&mut content);
    sealed_anew(bytes, &header_of(bytes).to_string(), &content.to_string())
}

/// The file with another header in front of the same seal, the lengths and the checksum made to fit: what somebody does who
/// has not the key.
pub fn header_swapped(bytes: &[u8], header: &str) -> Vec<u8> {
    let old = FRONT + u32::from_be_bytes(bytes[10..14].try_into().unwrap()) as usize;
    let mut new = bytes[..FRONT].to_vec();
    new[10..14].copy_from_slice(&(header.len() as u32).to_be_bytes());
    new.extend_from_slice(header.as_bytes());
    new.extend_from_slice(&bytes[old..]);
    summed(new)
}

/// The file with a checksum that fits what is in it.
pub fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - CHECKSUM);
    let sum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}
