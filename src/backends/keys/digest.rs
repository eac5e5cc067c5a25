//! Reduces a Secret's data to what may be known of it: purposes, shapes and fingerprints, never a value.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use k8s_openapi::ByteString;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::material::{SecretShare, printable, shares_in};
use super::names::FieldNames;
use crate::app::model::keys_secret::{FieldSeen, Fingerprint, Purpose, Shape};
use crate::app::runtime::share_text;

/// The public random salt of one cluster's fingerprints.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt(pub Vec<u8>);

impl Salt {
    /// In lower-case hex, as registers and keystores write it.
    pub fn hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(self.0.len() * 2), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Salt({} bytes)", self.0.len())
    }
}

/// Names key material without showing it: HMAC-SHA256 with the salt, cut to eight bytes. Made of decoded bytes, so that
/// hex and base64 of one key have one name.
pub fn fingerprint(salt: &Salt, bytes: &[u8]) -> Fingerprint {
    // HMAC takes a key of any length: the error case does not exist, and without a name nothing would match.
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(&salt.0) else {
        return Fingerprint(String::new());
    };
    mac.update(bytes);
    let mut hex = String::with_capacity(16);
    for byte in mac.finalize().into_bytes().iter().take(8) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Fingerprint(hex)
}

/// What may be known of each field, by name.
pub fn digest(data: &BTreeMap<String, ByteString>, names: &FieldNames, salt: &Salt) -> Vec<FieldSeen> {
    data.iter()
        .map(|(name, value)| {
            let judged = judge(name, &value.0, names);
            let prints = judged.material.iter().map(|share| fingerprint(salt, share.bytes())).collect();
            let token = judged.token.iter().map(|token| fingerprint(salt, token.as_bytes()));
            FieldSeen {
                name: crate::app::text::clean(name),
                len: u32::try_from(value.0.len()).unwrap_or(u32::MAX),
                purpose: judged.purpose,
                shape: judged.shape,
                prints: if judged.token.is_some() { token.collect() } else { prints },
            }
        })
        .collect()
}

/// The n-th key of the Secret, counted as [`KeysSecret::prints`](crate::app::model::keys_secret::KeysSecret::prints)
/// does. `None` when there is none, or when it is a static seal's key: that is never submitted as a share.
pub fn nth_share(data: &BTreeMap<String, ByteString>, names: &FieldNames, index: u32) -> Option<SecretShare> {
    let (purpose, share) = data
        .iter()
        .map(|(name, value)| judge(name, &value.0, names))
        .filter(|judged| matches!(judged.purpose, Purpose::Shares | Purpose::SealKey))
        .flat_map(|judged| judged.material.into_iter().map(move |share| (judged.purpose, share)))
        .nth(index as usize)?;
    (purpose == Purpose::Shares).then_some(share)
}

/// What a Secret holds of keys, lent for one use and wiped afterwards.
#[derive(Default)]
pub struct Taken {
    /// Its different shares and seal keys, in the order of its fields.
    pub keys: Vec<SecretShare>,
    /// The root token, where it is one that the server made up.
    pub root_token: Option<Zeroizing<String>>,
    /// The plausible fields among them, with what they are for.
    pub fields: Vec<(String, Purpose)>,
}

/// Takes the keys out of a Secret's data.
pub fn take(data: &BTreeMap<String, ByteString>, names: &FieldNames) -> Taken {
    let mut taken = Taken::default();
    for (name, value) in data {
        let judged = judge(name, &value.0, names);
        match judged.shape {
            Shape::Shares { .. } | Shape::Key32 | Shape::Token => {}
            Shape::Empty | Shape::Implausible(_) | Shape::Other => continue,
        }
        taken.fields.push((name.clone(), judged.purpose));
        for key in judged.material {
            if taken.keys.iter().all(|held| held.bytes() != key.bytes()) {
                taken.keys.push(key);
            }
        }
        taken.root_token = taken.root_token.take().or(judged.token);
    }
    taken
}

struct Judged {
    purpose: Purpose,
    shape: Shape,
    material: Vec<SecretShare>,
    /// A root token, for its fingerprint.
    token: Option<Zeroizing<String>>,
}

impl Judged {
    const fn bare(purpose: Purpose, shape: Shape) -> Self {
        Self { purpose, shape, material: Vec::new(), token: None }
    }
}

fn judge(name: &str, bytes: &[u8], names: &FieldNames) -> Judged {
    let mut purpose = names.purpose(name);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Judged::bare(purpose, Shape::Empty);
    }
    if purpose == Purpose::Other && init_document(bytes) {
        purpose = Purpose::Shares;
    }
    match purpose {
        Purpose::Shares => shares(bytes),
        Purpose::SealKey => seal_key(bytes),
        Purpose::RootToken => root_token(bytes),
        Purpose::Other => Judged::bare(Purpose::Other, Shape::Other),
    }
}

fn shares(bytes: &[u8]) -> Judged {
    let material = shares_in(bytes);
    let shape = match material.first() {
        Some(first) => Shape::Shares {
            count: material.len() as u32,
            bytes: u32::try_from(first.bytes().len()).unwrap_or_default(),
        },
        None => Shape::Implausible(format!("{}, an unseal key has 44 or 64", size(bytes))),
    };
    Judged { purpose: Purpose::Shares, shape, material, token: None }
}

fn seal_key(bytes: &[u8]) -> Judged {
    let text = std::str::from_utf8(bytes).ok();
    let written = text.and_then(SecretShare::read).filter(|key| key.bytes().len() == 32);
    // The server takes the file's 32 bytes as they are, so text of exactly that length is a key here.
    let key = written.or_else(|| (bytes.len() == 32).then(|| SecretShare::raw(bytes)));
    match key {
        Some(key) => Judged { purpose: Purpose::SealKey, shape: Shape::Key32, material: vec![key], token: None },
        None => Judged::bare(
            Purpose::SealKey,
            Shape::Implausible(format!("{}, a static seal's key has 32 bytes, 44 or 64 characters", size(bytes))),
        ),
    }
}

fn root_token(bytes: &[u8]) -> Judged {
    let text = std::str::from_utf8(bytes).ok().map(str::trim).filter(|text| printable(text));
    let Some(text) = text else {
        return Judged::bare(Purpose::RootToken, Shape::Implausible(format!("{}, a token is text", size(bytes))));
    };
    let random = ["s.", "hvs.", "b.", "hvb."].iter().any(|head| text.starts_with(head)) && text.len() >= 20;
    let old = text.len() == 36 && text.chars().filter(|c| *c == '-').count() == 4;
    if text.contains(char::is_whitespace) || !(random || old) {
        let says = format!("{}, and not the form of a token", size(bytes));
        return Judged::bare(Purpose::RootToken, Shape::Implausible(says));
    }
    // Only a token that the server made up is random enough to be named in public.
    let token = random.then(|| Zeroizing::new(text.to_owned()));
    Judged { purpose: Purpose::RootToken, shape: Shape::Token, material: Vec::new(), token }
}

/// Whether this is what `operator init` printed, under whatever name it was stored.
fn init_document(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let told = ["unseal_keys_b64", "unseal_keys_hex", "keys_base64", "Unseal Key 1"];
    told.iter().any(|word| text.contains(word)) && !shares_in(bytes).is_empty()
}

fn size(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes).map(str::trim) {
        Ok(text) if printable(text) => crate::app::text::count(text.chars().count(), "character"),
        _ => format!("{} that are not text", crate::app::text::count(bytes.len(), "byte")),
    }
}

impl SecretShare {
    /// 32 bytes as they lie in the file of a static seal.
    fn raw(bytes: &[u8]) -> Self {
        Self::of(Zeroizing::new(bytes.to_vec()))
    }
}

/// Checks one typed or read share without keeping it: what is wrong with it, in words without its content.
pub fn implausible(text: &str) -> Option<String> {
    match share_text::decode(text) {
        Some(_) => None,
        None => Some(format!("{}, an unseal key has 44 or 64", size(text.as_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::id::ObjectRef;
    use crate::app::model::keys_secret::KeysSecret;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn data(fields: &[(&str, &[u8])]) -> BTreeMap<String, ByteString> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), ByteString(value.to_vec()))).collect()
    }

    fn salt() -> Salt {
        Salt(vec![7; 32])
    }

    fn secret(fields: Vec<FieldSeen>) -> KeysSecret {
        KeysSecret {
            object: ObjectRef::secret("data", "openbao-keys"),
            uid: String::new(),
            version: String::new(),
            created: None,
            immutable: false,
            fields,
            owners: Vec::new(),
            last_applied: None,
            gitops: None,
        }
    }

    #[test]
    fn hex_and_base64_of_one_key_have_one_fingerprint() {
        let hex = "ab".repeat(33);
        let b64 = STANDARD.encode([0xab; 33]);
        let seen =
            digest(&data(&[("key", hex.as_bytes()), ("unseal-key", b64.as_bytes())]), &FieldNames::default(), &salt());
        assert_eq!(seen[0].prints, seen[1].prints);
        assert_eq!(seen[0].prints[0].0.len(), 16);
        assert_ne!(fingerprint(&Salt(vec![8; 32]), &[0xab; 33]), seen[0].prints[0]);
        assert_eq!(seen[0].shape, Shape::Shares { count: 1, bytes: 33 });
    }

    #[test]
    fn emptied_and_implausible_fields_say_so_without_content() {
        let canary = b"CANARY-12345";
        let seen = digest(
            &data(&[
                ("key", b""),
                ("keys", b" \n"),
                ("unseal-key", canary),
                ("unseal-key-2", &[0xff, 0, 1]),
                ("root-token", b"CANARY"),
                ("static", b"CANARY"),
            ]),
            &FieldNames::default(),
            &salt(),
        );
        let shape = |name: &str| seen.iter().find(|field| field.name == name).unwrap().shape.clone();
        assert_eq!(shape("key"), Shape::Empty);
        assert_eq!(shape("keys"), Shape::Empty);
        assert_eq!(shape("unseal-key"), Shape::Implausible("12 characters, an unseal key has 44 or 64".into()));
        assert_eq!(
            shape("unseal-key-2"),
            Shape::Implausible("3 bytes that are not text, an unseal key has 44 or 64".into())
        );
        assert!(matches!(shape("root-token"), Shape::Implausible(_)));
        assert!(matches!(shape("static"), Shape::Implausible(_)));
        assert!(!format!("{seen:?}").contains("CANARY"));
        assert!(!serde_json::to_string(&seen).unwrap().contains("CANARY"));
        assert!(implausible("CANARY").is_some_and(|why| !why.contains("CANARY")));
    }

    #[test]
    fn the_nth_share_is_the_one_of_the_nth_fingerprint() {
        let list = serde_json::json!({"keys": ["01".repeat(33), "02".repeat(33)], "root_token": "s.x"}).to_string();
        let key = "03".repeat(33);
        let data = data(&[
            ("zz-notes", list.replace("keys", "keys_base64").as_bytes()),
            ("unseal-key", key.as_bytes()),
            ("root-token", b"s.abcdefghijklmnopqrstuvwx"),
            ("seal-key", &[4; 32]),
            ("other", b"nothing"),
        ]);
        let names = FieldNames::default();
        let prints = secret(digest(&data, &names, &salt())).prints();
        assert_eq!(prints.len(), 4);
        for (index, print) in prints.iter().enumerate() {
            match nth_share(&data, &names, index as u32) {
                Some(share) => assert_eq!(&fingerprint(&salt(), share.bytes()), print),
                None => assert_eq!(index, 0, "only the seal key, first by name, is never a share"),
            }
        }
        assert!(nth_share(&data, &names, 4).is_none());
        let token = digest(&data, &names, &salt()).into_iter().find(|f| f.purpose == Purpose::RootToken).unwrap();
        assert_eq!((token.shape, token.prints.len()), (Shape::Token, 1));
    }
}
