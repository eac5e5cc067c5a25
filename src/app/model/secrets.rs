//! Secrets by their metadata: names of keys, owners, when the data last changed. Never a value.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::Named;
use crate::app::id::ObjectRef;

/// One Secret. Source: `PartialObjectMetadata` of `v1 Secret`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSeen {
    /// Which.
    pub object: ObjectRef,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub version: String,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// Names of the keys in `data` that field managers own; empty where none owns any.
    pub keys: Vec<String>,
    /// When its data last changed, and how sure that is.
    pub changed: Option<Changed>,
    /// The sync object that writes it: from owner references, labels and managers.
    pub writer: Option<ObjectRef>,
    /// It is being deleted.
    pub deleting: bool,
}

impl Named for SecretSeen {
    fn object(&self) -> &ObjectRef {
        &self.object
    }
}

/// When data changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Not later than this.
    pub at: Timestamp,
    /// How it is known.
    pub by: Evidence,
}

/// How it is known that data changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The Secret was created then.
    Created,
    /// A manager that owns `f:data` wrote then; it may have written metadata only.
    Managed,
    /// A data-hash annotation changed under our eyes.
    Hash,
    /// The sync object says that it wrote then.
    Synced,
}
