//! `[keystore]` of a scenario: what the sandbox's engineer holds of the keys when it begins.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::seed::{Seed, hex};
use crate::app::id::ObjectRef;
use crate::app::model::copies::{CopyKind, CopySeen, CopyState};
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::register::{Holding, RegisterSeen};
use crate::app::trouble::Trouble;

/// Whose keys the newest generation holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySort {
    /// The vault's own.
    #[default]
    Same,
    /// Others: plausible and wrong.
    Other,
}

/// How the file is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSort {
    /// As it was written.
    #[default]
    Whole,
    /// There was one, and it is gone.
    Lost,
    /// Cut off in the middle.
    Damaged,
}

/// The section. Without one there is no keystore and never was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct KeystoreSettings {
    /// How many generations it holds; 0 for no keystore.
    pub generations: u32,
    /// What the newest of them holds; the older ones hold keys of before.
    pub keys: KeySort,
    /// How the file is found.
    pub file: FileSort,
    /// How long ago a replica was last seen to come back with the vault's keys.
    pub proven: Option<SignedDuration>,
    /// Copies.
    pub copies: Vec<CopyWords>,
    /// Key files in custody.
    pub custody: Vec<CustodyWords>,
    /// What others wrote into the register; without any there is no register.
    pub others: Vec<OtherWords>,
}

/// One copy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyWords {
    name: String,
    kind: CopyKind,
    place: String,
    /// Why it is no second place.
    near: Option<String>,
    #[serde(default)]
    state: CopySort,
    /// How long ago it was read.
    checked: Option<SignedDuration>,
    /// How long ago it was opened.
    tested: Option<SignedDuration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CopySort {
    #[default]
    Same,
    Outdated,
    Missing,
}

impl CopyWords {
    /// As its feed would report it, of a keystore that has been written `behind` times since.
    pub(super) fn seen(&self, start: Timestamp, revision: u64, behind: Behind) -> CopySeen {
        let ago = |age: Option<SignedDuration>| age.and_then(|age| start.checked_sub(age).ok());
        let state = match (self.state, behind) {
            (CopySort::Missing, _) => CopyState::Missing,
            (CopySort::Outdated, _) => CopyState::Outdated { revision: revision.saturating_sub(1), generation: 1 },
            (CopySort::Same, Behind::Not) => CopyState::Same,
            (CopySort::Same, Behind::Older) => CopyState::Older { revision },
            (CopySort::Same, Behind::Outdated(generation)) => CopyState::Outdated { revision, generation },
        };
        CopySeen {
            name: self.name.clone(),
            kind: self.kind,
            place: self.place.clone(),
            near: self.near.clone(),
            state,
            checked: ago(self.checked),
            tested: ago(self.tested).map(|at| (at, "slot 1, keyfile".to_owned())),
            versions: None,
            holder: super::held::HOLDER.to_owned(),
        }
    }
}

/// How far the copies are behind the keystore by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// They are as it is.
    Not,
    /// It was written since, with the same keys.
    Older,
    /// It has newer keys than this generation.
    Outdated(u32),
}

/// One key file in custody.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustodyWords {
    name: String,
    path: String,
    #[serde(default)]
    state: CustodySort,
    /// Permission bits found, where they are not 0400.
    mode: Option<u32>,
    near: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CustodySort {
    #[default]
    Same,
    Different,
    Missing,
}

impl CustodyWords {
    /// As its feed would report it.
    pub(super) fn seen(&self, start: Timestamp) -> CustodySeen {
        let print = |which: &str| Fingerprint(hex(&Seed::of(&format!("{which} key file {}", self.name)).bytes(8)));
        let there = self.state != CustodySort::Missing;
        CustodySeen {
            name: self.name.clone(),
            path: self.path.clone(),
            state: match self.state {
                CustodySort::Same => CustodyState::Same,
                CustodySort::Different => CustodyState::Different { print: print("another") },
                CustodySort::Missing => CustodyState::Missing,
            },
            mode: 0o400,
            mode_found: there.then_some(self.mode.unwrap_or(0o400)),
            owner: (991, 991),
            owner_found: there.then_some((991, 991)),
            size: 32,
            print: print("the"),
            version: 1,
            kept: start.checked_sub(SignedDuration::from_hours(20 * 24)).unwrap_or(start),
            near: self.near.clone(),
        }
    }
}

/// What somebody else holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherWords {
    holder: String,
    name: String,
    kind: String,
    /// How long ago it was read.
    checked: Option<SignedDuration>,
}

/// The register with what the others hold: the vault's own keys, in the generation of this number.
pub(super) fn register(
    others: &[OtherWords],
    namespace: &str,
    generation: u32,
    prints: &[Fingerprint],
    start: Timestamp,
) -> RegisterSeen {
    let held = others.iter().map(|other| Holding {
        holder: other.holder.clone(),
        name: other.name.clone(),
        kind: other.kind.clone(),
        generation,
        prints: prints.to_vec(),
        near: None,
        checked: other.checked.and_then(|age| start.checked_sub(age).ok()),
        tested: None,
    });
    RegisterSeen {
        object: ObjectRef::new("ConfigMap", namespace, "baowatch-register"),
        version: "8000".to_owned(),
        holder: super::held::HOLDER.to_owned(),
        comparable: true,
        holdings: held.collect(),
        proofs: Vec::new(),
    }
}

impl KeystoreSettings {
    /// What does not fit together.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        let file = self.file != FileSort::Whole || self.keys != KeySort::Same || !self.copies.is_empty();
        if self.generations == 0 && file {
            return Err(Trouble::local("a keystore that never was has no file, no keys and no copies", "", ""));
        }
        Ok(())
    }

    /// The same for what is kept later on. A proof is of before the scenario: what is proven in it, it shows.
    pub(super) fn check_later(&self) -> Result<(), Trouble> {
        if self.proven.is_some() {
            return Err(Trouble::local("`proven` is of the time before the scenario", "", ""));
        }
        self.check()
    }
}
