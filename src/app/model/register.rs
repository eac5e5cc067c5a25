//! The register beside the vault: what colleagues, a wall and a CronJob may know of proofs and copies.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys_secret::Fingerprint;
use super::proof::Proof;
use crate::app::id::ObjectRef;

/// One place that holds the keys, as somebody registered it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// Who holds it: the label of a machine or of a person.
    pub holder: String,
    /// `keystore`, or the name of a copy.
    pub name: String,
    /// What kind of place; no address and no path that would help a thief.
    pub kind: String,
    /// The newest generation in it.
    pub generation: u32,
    /// Fingerprints of that generation.
    pub prints: Vec<Fingerprint>,
    /// Why it is no second place, where it is none.
    pub near: Option<String>,
    /// When it was last read and compared.
    pub checked: Option<Timestamp>,
    /// When it was last opened and its keys compared.
    pub tested: Option<Timestamp>,
}

/// The register as one look found it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RegisterSeen {
    /// The ConfigMap.
    pub object: ObjectRef,
    /// `metadata.resourceVersion`.
    pub version: String,
    /// The label under which this machine writes into it.
    pub holder: String,
    /// Its fingerprints were made with the salt of this session.
    pub comparable: bool,
    /// Places that hold the keys.
    pub holdings: Vec<Holding>,
    /// Proofs.
    pub proofs: Vec<Proof>,
}

impl RegisterSeen {
    /// Places that others hold.
    pub fn of_others(&self) -> impl Iterator<Item = &Holding> {
        self.holdings.iter().filter(|holding| holding.holder != self.holder)
    }
}
