//! What is sealed inside: shares, root tokens, seal keys and key files, in types that cannot be printed.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::error::KeystoreError;

/// Bytes that nobody may see. Wiped when dropped; base64 in the payload.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes them over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Lends them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.0.len())
    }
}

impl Serialize for SecretBytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut text = Zeroizing::new(String::with_capacity(self.0.len().div_ceil(3) * 4));
        STANDARD.encode_string(self.0.as_slice(), &mut text);
        to.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Base64;
        impl Visitor<'_> for Base64 {
            type Value = SecretBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretBytes, E> {
                // Decoded in place: what is left of a failed attempt is wiped too.
                let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
                STANDARD.decode_vec(text, &mut bytes).map_err(|_| E::custom("not base64"))?;
                Ok(SecretBytes(bytes))
            }
        }
        from.deserialize_str(Base64).map_err(|_| D::Error::custom("not base64"))
    }
}

/// The sealed content. Generations and files are described in the header; here are only their bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Payload {
    /// One for each generation of the header, in the same order.
    pub generations: Vec<Generation>,
    /// One for each version of each file in custody.
    pub custody: Vec<CustodyBytes>,
}

/// The secrets of one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Generation {
    /// Its number.
    pub number: u32,
    /// The shares, or the one static key, decoded.
    pub shares: Vec<SecretBytes>,
    /// The root token.
    pub root_token: Option<SecretBytes>,
    /// Fields of the Secret, byte for byte, where they were taken from one.
    pub fields: Vec<FieldBytes>,
}

/// One field of the Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldBytes {
    /// Its key in `data`.
    pub name: String,
    /// Its value.
    pub bytes: SecretBytes,
}

/// One version of a key file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustodyBytes {
    /// The name it was given.
    pub name: String,
    /// Which version.
    pub number: u32,
    /// Its content.
    pub bytes: SecretBytes,
}

impl Payload {
    /// The secrets of this generation.
    pub fn generation(&self, number: u32) -> Option<&Generation> {
        self.generations.iter().find(|generation| generation.number == number)
    }

    /// From JSON. What the parser says may repeat a value; its place is enough.
    pub fn read(content: &[u8]) -> Result<Self, KeystoreError> {
        serde_json::from_slice(content).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            KeystoreError::BadContent(format!("it is not what version 1 writes, at line {line}, column {column}"))
        })
    }

    /// As JSON, in a buffer that is exactly long enough from the start: one that grew would leave copies behind.
    pub fn write(&self) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
        let failed = |_| KeystoreError::Internal("the content could not be written");
        let mut length = Length(0);
        serde_json::to_writer(&mut length, self).map_err(failed)?;
        let mut content = Zeroizing::new(Vec::with_capacity(length.0));
        serde_json::to_writer(&mut *content, self).map_err(failed)?;
        Ok(content)
    }
}

/// Counts what would be written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_of_the_content_never_grows_and_nothing_prints_a_secret() {
        let secret = |n: usize| SecretBytes::new(vec![0xab; n]);
        for n in [0, 1, 2, 33, 5_000] {
            let field = FieldBytes { name: "a \"quoted\" name".into(), bytes: secret(n) };
            let payload = Payload {
                generations: vec![Generation {
                    number: 1,
                    shares: vec![secret(n)],
                    root_token: None,
                    fields: vec![field],
                }],
                custody: vec![CustodyBytes { name: "x".into(), number: 1, bytes: secret(n) }],
            };
            let written = payload.write().unwrap();
            assert_eq!(written.len(), written.capacity(), "{n}");
            assert_eq!(Payload::read(&written).unwrap(), payload);
            assert!(!format!("{payload:?}").contains("171"), "{payload:?}");
        }
    }

    #[test]
    fn what_the_parser_says_of_a_secret_is_not_repeated() {
        let text = r#"{"generations":[{"number":"SECRET","shares":[],"rootToken":null,"fields":[]}],"custody":[]}"#;
        let error = Payload::read(text.as_bytes()).unwrap_err();
        assert!(matches!(error, KeystoreError::BadContent(_)));
        assert!(!error.to_string().contains("SECRET"));
    }
}
