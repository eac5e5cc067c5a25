//! The Secret that holds the unseal keys, reduced to what may be known of it: names, lengths, shapes, owners.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::id::ObjectRef;

/// HMAC-SHA256 over decoded key bytes with a public random salt of this cluster, cut to eight bytes, in hex.
///
/// Safe to show because shares, seal keys and root tokens are random; it is never made of anything a person chose.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head: String = self.0.chars().take(4).collect();
        let next: String = self.0.chars().skip(4).take(4).collect();
        write!(f, "{head}·{next}")
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a field of the Secret is for, judged by its name and shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// One or more unseal key shares.
    Shares,
    /// A static seal's key.
    SealKey,
    /// The root token.
    RootToken,
    /// Anything else.
    Other,
}

/// What the bytes of a field look like. The bytes themselves never leave the backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// No bytes, or only white space.
    Empty,
    /// Decodes to this many shares of a possible length (32 bytes for a single key, 33 for a share of several).
    Shares {
        /// How many.
        count: u32,
        /// Length of each in bytes once decoded.
        bytes: u32,
    },
    /// 32 bytes, raw, hex or base64: can be a seal key.
    Key32,
    /// Printable, and looks like a token.
    Token,
    /// Has bytes, and they cannot be what the field is for; says why in words.
    Implausible(String),
    /// Not judged.
    Other,
}

/// One field of the Secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldSeen {
    /// Its key in `data`.
    pub name: String,
    /// Length in bytes of the decoded `data` value.
    pub len: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// What it looks like.
    pub shape: Shape,
    /// One for each share or key in it, in order.
    pub prints: Vec<Fingerprint>,
}

/// One entry of `metadata.managedFields`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnerSeen {
    /// `manager`.
    pub manager: String,
    /// `operation` is `Apply` (server-side apply), as opposed to `Update`.
    pub apply: bool,
    /// `time`; missing for applies that changed nothing.
    pub time: Option<Timestamp>,
    /// Fields of `data` (or `stringData`) that it owns.
    pub data: Vec<String>,
}

/// The Secret as one look found it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeysSecret {
    /// Where it lies.
    pub object: ObjectRef,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub version: String,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// `immutable`.
    pub immutable: bool,
    /// Its fields by name.
    pub fields: Vec<FieldSeen>,
    /// Who owns what.
    pub owners: Vec<OwnerSeen>,
    /// The annotation `kubectl.kubernetes.io/last-applied-configuration` exists, with these fields under `data`.
    pub last_applied: Option<Vec<String>>,
    /// A controller that may put its own idea of the Secret back, from labels and annotations: `Argo CD`, `Flux`, `Helm`.
    pub gitops: Option<String>,
}

impl KeysSecret {
    /// Every share or seal key in it, by fingerprint, in order of fields.
    pub fn prints(&self) -> Vec<Fingerprint> {
        self.fields
            .iter()
            .filter(|field| matches!(field.purpose, Purpose::Shares | Purpose::SealKey))
            .flat_map(|field| field.prints.iter().cloned())
            .collect()
    }

    /// How many different shares it holds.
    pub fn shares(&self) -> u32 {
        let mut prints = self.prints();
        prints.sort();
        prints.dedup();
        prints.len() as u32
    }

    /// The field with this purpose.
    pub fn field(&self, purpose: Purpose) -> Option<&FieldSeen> {
        self.fields.iter().find(|field| field.purpose == purpose)
    }

    /// No fields, or nothing but empty ones.
    pub fn is_empty(&self) -> bool {
        self.fields.iter().all(|field| field.len == 0)
    }
}

/// The keys Secret, or that it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeysSeen {
    /// It exists.
    Present(Box<KeysSecret>),
    /// The API server says there is none of that name.
    Absent(ObjectRef),
}

impl KeysSeen {
    /// The Secret, if it exists.
    pub fn present(&self) -> Option<&KeysSecret> {
        match self {
            Self::Present(secret) => Some(secret),
            Self::Absent(_) => None,
        }
    }

    /// Which Secret this is about.
    pub fn object(&self) -> &ObjectRef {
        match self {
            Self::Present(secret) => &secret.object,
            Self::Absent(object) => object,
        }
    }
}

/// One moment in the Secret's life, kept across restarts so that a later look can say what changed and who did it.
/// Holds names, lengths and fingerprints; never values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glimpse {
    /// When the change was received.
    pub at: Timestamp,
    /// When this state was last confirmed.
    pub until: Timestamp,
    /// What was seen.
    pub seen: KeysSeen,
}
