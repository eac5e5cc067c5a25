//! Turns the bytes of a Secret's field into unseal key shares, whatever form somebody stored them in.

use std::fmt;
use std::fmt::Write as _;

use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

pub use super::digest::{Salt, digest, fingerprint, nth_share};
pub use super::names::FieldNames;
use crate::app::runtime::share_text;

/// Keys of an `operator init` document that hold unseal keys, best first; the others repeat the same keys. Recovery keys
/// are left out on purpose: they unseal nothing.
const INIT_KEYS: [&str; 4] = ["unseal_keys_b64", "keys_base64", "unseal_keys_hex", "keys"];

/// One unseal key or share. Wiped when dropped; has no way to be printed.
pub struct SecretShare {
    bytes: Zeroizing<Vec<u8>>,
    text: Zeroizing<String>,
}

impl fmt::Debug for SecretShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretShare({} bytes)", self.bytes.len())
    }
}

impl SecretShare {
    /// One share in writing; `None` when it cannot be one.
    pub fn read(text: &str) -> Option<Self> {
        share_text::decode(text).map(Self::of)
    }

    /// The decoded bytes: what a fingerprint is made of.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is submitted: always hex, which the server tries first, so that it cannot be taken for base64.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(in crate::backends) fn of(bytes: Zeroizing<Vec<u8>>) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
        for byte in bytes.iter() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self { bytes, text }
    }
}

/// Every share in these bytes, in the order in which they are written; empty when nothing in them can be one.
///
/// Understands one key as hex, base64 or 32 or 33 raw bytes; a JSON list; the JSON and the text that `operator init`
/// prints; lists by line or comma.
pub fn shares_in(bytes: &[u8]) -> Vec<SecretShare> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return raw(bytes);
    };
    if let Some(one) = SecretShare::read(text) {
        return vec![one];
    }
    if let Ok(mut value) = serde_json::from_str::<Value>(text) {
        let found = in_json(&value);
        wipe(&mut value);
        return found;
    }
    let found: Vec<_> = text.lines().flat_map(share_text::in_line).filter_map(SecretShare::read).collect();
    if found.is_empty() && !printable(text) { raw(bytes) } else { found }
}

/// 32 or 33 bytes that are not text. Text of that length is a password or a placeholder, never a share.
fn raw(bytes: &[u8]) -> Vec<SecretShare> {
    if share_text::possible(bytes.len()) { vec![SecretShare::of(Zeroizing::new(bytes.to_vec()))] } else { Vec::new() }
}

pub(super) fn printable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c.is_whitespace())
}

fn in_json(value: &Value) -> Vec<SecretShare> {
    match value {
        Value::String(text) => SecretShare::read(text).into_iter().collect(),
        Value::Array(items) => items.iter().flat_map(in_json).collect(),
        Value::Object(fields) => {
            let init = INIT_KEYS.iter().filter_map(|name| fields.get(*name)).map(in_json).find(|s| !s.is_empty());
            init.unwrap_or_else(|| {
                // Somebody's own document: fields whose names say that they are shares.
                let names = FieldNames::default();
                let ours = |name: &str| names.purpose(name) == crate::app::model::keys_secret::Purpose::Shares;
                fields.iter().filter(|(name, _)| ours(name)).flat_map(|(_, value)| in_json(value)).collect()
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// Overwrites every string of a parsed document: `serde_json` does not.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, value)| wipe(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn lens(bytes: &[u8]) -> Vec<usize> {
        shares_in(bytes).iter().map(|share| share.bytes().len()).collect()
    }

    fn hex(byte: u8) -> String {
        format!("{byte:02x}").repeat(33)
    }

    fn b64(byte: u8) -> String {
        STANDARD.encode([byte; 33])
    }

    #[test]
    fn one_key_in_every_writing() {
        assert_eq!(lens("ab".repeat(32).as_bytes()), [32]);
        assert_eq!(lens(format!("{}\n", hex(7)).as_bytes()), [33]);
        assert_eq!(lens(STANDARD.encode([9; 32]).as_bytes()), [32]);
        assert_eq!(lens(&[0xf1; 32]), [32]);
        assert_eq!(lens(&[1; 33]), [33]);
        assert_eq!(lens(b"correct horse battery staple 123"), [0; 0]);
        assert_eq!(lens(b"placeholder"), [0; 0]);
        assert_eq!(lens(&[0xff; 500]), [0; 0]);
    }

    #[test]
    fn the_printed_forms_of_init() {
        let bao = serde_json::json!({"keys": [hex(1), hex(2), hex(3)], "keys_base64": [b64(1), b64(2), b64(3)],
            "root_token": "s.abcdefghijklmnopqrstuvwx"});
        assert_eq!(lens(bao.to_string().as_bytes()), [33; 3]);
        let vault = serde_json::json!({"unseal_keys_b64": [b64(1), b64(2)], "unseal_keys_hex": [hex(1), hex(2)],
            "unseal_shares": 2, "unseal_threshold": 2, "recovery_keys_b64": [b64(9)], "root_token": "hvs.x"});
        assert_eq!(lens(vault.to_string().as_bytes()), [33; 2]);
        let auto = serde_json::json!({"unseal_keys_b64": [], "keys": [], "recovery_keys_b64": [b64(9)],
            "recovery_keys": [hex(9)], "recovery_keys_base64": [b64(9)], "root_token": "hvs.x"});
        assert!(shares_in(auto.to_string().as_bytes()).is_empty());
        let text = format!(
            "Unseal Key 1: {}\nUnseal Key 2: {}\n\nInitial Root Token: s.abc\n\nVault initialized with 2 key shares",
            b64(1),
            b64(2)
        );
        assert_eq!(lens(text.as_bytes()), [33; 2]);
        assert!(shares_in(format!("Recovery Key 1: {}\n", b64(9)).as_bytes()).is_empty());
    }

    #[test]
    fn lists_keep_their_order() {
        let of = |text: String| shares_in(text.as_bytes()).iter().map(|s| s.bytes()[0]).collect::<Vec<_>>();
        assert_eq!(of(format!("{}\n{}\n", hex(2), hex(1))), [2, 1]);
        assert_eq!(of(format!("{},{}", b64(3), hex(1))), [3, 1]);
        assert_eq!(of(serde_json::json!([hex(5), b64(4)]).to_string()), [5, 4]);
        assert_eq!(of(serde_json::json!({"unseal_key_1": hex(5), "unseal_key_2": hex(6)}).to_string()), [5, 6]);
    }

    #[test]
    fn nothing_of_it_can_be_printed() {
        let share = SecretShare::read(&hex(0xca)).unwrap();
        assert_eq!(format!("{share:?}"), "SecretShare(33 bytes)");
        assert_eq!(share.text(), hex(0xca));
    }
}
