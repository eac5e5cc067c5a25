//! What lies in a place: a keystore's header in short, compared with the original without opening either.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::id::Identity;
use crate::app::model::copies::CopyState;
use crate::app::model::keys_secret::Fingerprint;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keystore::format;
use crate::backends::keystore::header::Header;
use crate::backends::keystore::keeper::digest;

/// A keystore as its header tells of it, as much as a comparison needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Held {
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Its revision.
    pub revision: u64,
    /// When it was written.
    pub written: Timestamp,
    /// The salt of its fingerprints.
    pub salt: String,
    /// Number and fingerprints of each generation, oldest first.
    pub generations: Vec<(u32, Vec<Fingerprint>)>,
    /// Name and fingerprint of each version of each file in custody.
    pub custody: Vec<(String, Fingerprint)>,
}

/// What a reading found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// A keystore of this vault.
    Keystore(Held),
    /// Nothing.
    Missing,
    /// Something else, or the place cannot be read.
    Unreadable(Trouble),
}

/// Reads a keystore of this vault; `place` is named in what is wrong with it.
pub fn read(bytes: &[u8], identity: &Identity, place: &str) -> Result<Held, Trouble> {
    let parts = format::parts(bytes).map_err(|error| {
        Trouble::new(
            TroubleKind::Unusable,
            &format!("what lies at {place} is no keystore that can be read"),
            &error.to_string(),
            "It is left as it is. Look at its versions: `baowatch keys copy versions`",
        )
    })?;
    if parts.header.identity != *identity {
        return Err(Trouble::new(
            TroubleKind::Unusable,
            &format!("what lies at {place} is the keystore of another cluster or vault"),
            &parts.header.identity.0,
            "It is left as it is. Name another place for this vault's copy",
        ));
    }
    Ok(Held::of(&parts.header, bytes))
}

impl Held {
    fn of(header: &Header, bytes: &[u8]) -> Self {
        let custody = header
            .custody
            .iter()
            .flat_map(|file| file.versions.iter().map(|version| (file.name.clone(), version.print.clone())));
        Self {
            digest: digest(bytes),
            revision: header.revision,
            written: header.written,
            salt: header.salt.clone(),
            generations: header.generations.iter().map(|one| (one.number, one.prints.clone())).collect(),
            custody: custody.collect(),
        }
    }

    fn newest(&self) -> u32 {
        self.generations.last().map_or(0, |(number, _)| *number)
    }

    /// What this one holds and that one does not, in words; fingerprints of different salts cannot be compared.
    pub fn beyond(&self, other: &Self) -> Option<String> {
        let generation =
            self.generations.iter().find(|(_, prints)| !other.generations.iter().any(|(_, o)| o == prints));
        if let Some((number, _)) = generation {
            return Some(format!("generation {number} of the keys"));
        }
        let file = self.custody.iter().find(|held| !other.custody.contains(held));
        file.map(|(name, print)| format!("the key file {name} {print}"))
    }

    /// How a copy stands to the original; without one, whatever can be read is all there is.
    pub fn against(&self, original: Option<&Self>) -> CopyState {
        let newer = CopyState::Newer { revision: self.revision, generation: self.newest() };
        let Some(original) = original else { return newer };
        if self.digest == original.digest {
            return CopyState::Same;
        }
        if self.salt != original.salt {
            return CopyState::Unreadable(Trouble::new(
                TroubleKind::Unusable,
                "another keystore of this vault lies there",
                "it was made separately, so its fingerprints cannot be compared with those of the one here",
                "Open it with `baowatch keys restore-test`, or name another place for this copy",
            ));
        }
        let current = original.generations.last();
        let holds = current.is_none_or(|(_, prints)| self.generations.iter().any(|(_, held)| held == prints));
        match (holds, self.revision > original.revision || self.beyond(original).is_some()) {
            (true, true) => newer,
            (true, false) if self.revision == original.revision => newer,
            (true, false) => CopyState::Older { revision: self.revision },
            (false, _) => CopyState::Outdated { revision: self.revision, generation: self.newest() },
        }
    }

    /// What would be lost if `original` were written over this one.
    pub fn would_lose(&self, original: &Self) -> Option<String> {
        if self.digest == original.digest {
            return None;
        }
        if self.salt != original.salt {
            return Some("another keystore of this vault, made separately".to_owned());
        }
        if let Some(beyond) = self.beyond(original) {
            return Some(format!("{beyond}, which the keystore here does not hold"));
        }
        if self.revision > original.revision {
            return Some(format!(
                "revision {}, and the keystore here is of revision {}",
                self.revision, original.revision
            ));
        }
        if self.revision == original.revision {
            return Some(format!("another content under the same revision {}", self.revision));
        }
        None
    }
}

impl Found {
    /// How a copy in which this was found stands.
    pub fn state(&self, original: Option<&Held>) -> CopyState {
        match self {
            Self::Keystore(held) => held.against(original),
            Self::Missing => CopyState::Missing,
            Self::Unreadable(trouble) => CopyState::Unreadable(trouble.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(digest: &str, revision: u64, generations: &[&str], salt: &str) -> Held {
        Held {
            digest: digest.to_owned(),
            revision,
            written: Timestamp::UNIX_EPOCH,
            salt: salt.to_owned(),
            generations: (1..)
                .zip(generations)
                .map(|(number, print)| (number, vec![Fingerprint((*print).to_owned())]))
                .collect(),
            custody: Vec::new(),
        }
    }

    #[test]
    fn a_copy_is_same_older_outdated_newer_or_of_another_making() {
        let original = held("d", 5, &["a", "b"], "s");
        let state = |copy: &Held| copy.against(Some(&original));
        assert_eq!(state(&held("d", 5, &["a", "b"], "s")), CopyState::Same);
        assert_eq!(state(&held("c", 4, &["a", "b"], "s")), CopyState::Older { revision: 4 });
        assert_eq!(state(&held("c", 3, &["a"], "s")), CopyState::Outdated { revision: 3, generation: 1 });
        assert_eq!(state(&held("c", 6, &["a", "b"], "s")), CopyState::Newer { revision: 6, generation: 2 });
        assert_eq!(state(&held("c", 5, &["a", "b"], "s")), CopyState::Newer { revision: 5, generation: 2 });
        assert_eq!(state(&held("c", 4, &["a", "b", "c"], "s")), CopyState::Newer { revision: 4, generation: 3 });
        // Two machines went on from the same keystore, each with keys of its own: the original's are not in it.
        assert_eq!(state(&held("c", 6, &["a", "x"], "s")), CopyState::Outdated { revision: 6, generation: 2 });
        assert!(matches!(state(&held("c", 4, &["a", "b"], "t")), CopyState::Unreadable(_)));
        assert_eq!(held("c", 4, &["a"], "s").against(None), CopyState::Newer { revision: 4, generation: 1 });
        assert!(state(&held("c", 6, &["a", "b"], "s")).holds_current());
    }

    #[test]
    fn nothing_is_written_over_what_the_original_lacks() {
        let original = held("d", 5, &["a", "b"], "s");
        let lost = |copy: &Held| copy.would_lose(&original);
        assert_eq!(lost(&held("d", 5, &["a", "b"], "s")), None);
        assert_eq!(lost(&held("c", 4, &["a", "b"], "s")), None);
        assert_eq!(lost(&held("c", 3, &["a"], "s")), None);
        assert!(lost(&held("c", 4, &["a", "x"], "s")).unwrap().contains("generation 2"));
        assert!(lost(&held("c", 6, &["a", "b"], "s")).unwrap().contains("revision 6"));
        assert!(lost(&held("c", 5, &["a", "b"], "s")).unwrap().contains("same revision"));
        assert!(lost(&held("c", 4, &["a"], "t")).unwrap().contains("separately"));
        let mut with_file = held("c", 4, &["a", "b"], "s");
        with_file.custody.push(("db".to_owned(), Fingerprint("f".to_owned())));
        assert!(lost(&with_file).unwrap().contains("key file db"));
    }
}
