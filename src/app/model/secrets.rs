//! Secrets by their metadata: names of keys, owners, when the data last changed. Never a value.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::table::Named;
use crate::app::id::ObjectRef;

/// One Secret. Source: `PartialObjectMetadata` of `v1 Secret`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSeen {
    /// Which.
    pub object: ObjectRef,
    /// `metadata.uid`.
    pub uid: SmolStr,
    /// `metadata.resourceVersion`.
    pub version: SmolStr,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// Names of the keys in `data` that field managers own; empty where none owns any.
    pub keys: Vec<SmolStr>,
    /// When its data last changed, and how sure that is.
    pub changed: Option<Changed>,
    /// The sync object that writes it: from owner references, labels and managers.
    pub writer: Option<ObjectRef>,
    /// It is being deleted.
    pub deleting: bool,
    /// What later changes are told by.
    #[serde(default)]
    pub marks: Marks,
}

/// What tells a change of the data from a change of labels, from one version to the next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// The manager that wrote last of those that own keys in `data`.
    pub manager: SmolStr,
    /// Stands for labels, annotations, owners and finalizers. Made with a key of this process: compare it, nothing else.
    pub metadata: u64,
    /// Stands for the data, where an annotation says something of it: ESO's data hash, what kubectl applied last.
    pub data: Option<u64>,
    /// Somebody who owns data wrote then under our eyes, and the metadata changed: whether the data too cannot be told.
    pub touched: Option<Timestamp>,
}

impl SecretSeen {
    /// This version after that one: what was seen to happen between two versions outweighs what the last one says of itself.
    #[must_use]
    pub fn after(mut self, before: &Self, now: Timestamp) -> Self {
        if self.uid != before.uid {
            return self;
        }
        let wrote = self.changed.as_ref().map(|changed| changed.at);
        let seen = |by| Some(Changed { at: wrote.unwrap_or(now), by });
        let again = match (before.marks.data, self.marks.data) {
            (Some(then), Some(is)) => Some(then != is),
            (Some(_) | None, None) | (None, Some(_)) => None,
        };
        let stamp = before.changed.as_ref().map(|changed| changed.at).max(before.marks.touched);
        self.marks.touched = before.marks.touched;
        self.changed = match again {
            _ if self.version == before.version => before.changed.clone().or(self.changed),
            _ if self.keys != before.keys => seen(Evidence::Watched),
            Some(true) => seen(Evidence::Hash),
            Some(false) => before.changed.clone(),
            // No owner of data wrote anything: it was a label.
            None if wrote <= stamp && self.marks.manager == before.marks.manager => before.changed.clone(),
            // Everything else is as it was.
            None if self.marks.metadata == before.marks.metadata => seen(Evidence::Watched),
            None => {
                self.marks.touched = wrote;
                before.changed.clone()
            }
        };
        self
    }
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
    /// A version came under our eyes that has other keys, or that differs in nothing but its data.
    Watched,
}
