//! What versions are known to do to their owner, and what newer ones refuse: a list with sources, judged against this vault.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Deserialize;

use super::alerts::Severity;
use super::estate;
use super::model::Model;
use super::model::seal::{SealKind, SealSeen};
use super::raft::{InSight, part};

/// The list as it ships.
const TEXT: &str = include_str!("../../assets/advisories.toml");

/// The entry that forbids every rotation of ours.
const DESTROYS: &str = "rotation-destroys-shares";

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The running version does this.
    Advisory,
    /// A newer version refuses what this vault uses.
    Trap,
}

/// A condition beside the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum When {
    /// A Shamir seal.
    #[serde(rename = "seal shamir")]
    Shamir,
    /// A seal of a cloud or an HSM.
    #[serde(rename = "seal built-in")]
    BuiltIn,
    /// `storage "file"`.
    #[serde(rename = "storage file")]
    File,
    /// It has audit devices.
    #[serde(rename = "audit")]
    Audit,
    /// It has namespaces.
    #[serde(rename = "namespaces")]
    Namespaces,
    /// A database engine is mounted.
    #[serde(rename = "mount database")]
    Database,
}

/// Three numbers, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Version(u32, u32, u32);

impl Version {
    /// `2.5.1`, `v2.5`, `1.15.2+ent`; `None` for what has no two numbers.
    pub fn read(text: &str) -> Option<Self> {
        let plain = text.trim().trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
        let mut parts = plain.split('.');
        let mut number = || parts.next().map(str::parse::<u32>);
        let (Some(Ok(major)), Some(Ok(minor))) = (number(), number()) else { return None };
        let patch = number().map_or(Some(0), Result::ok)?;
        Some(Self(major, minor, patch))
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text).ok_or_else(|| format!("{text} is no version"))
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// Its name.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    from: Version,
    below: Version,
    when: Vec<When>,
    /// How bad.
    pub severity: Severity,
    /// What happens.
    pub sentence: String,
    /// What to do.
    pub next: String,
    /// Where it is written.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    entry: Vec<Advisory>,
}

/// Every entry; a test reads the file, so that it is never empty.
pub fn all() -> &'static [Advisory] {
    static ALL: LazyLock<Vec<Advisory>> =
        LazyLock::new(|| toml::from_str::<File>(TEXT).map(|file| file.entry).unwrap_or_default());
    &ALL
}

/// The entry of this name.
pub fn find(id: &str) -> Option<&'static Advisory> {
    all().iter().find(|entry| entry.id == id)
}

/// Whether a rotation, even a cancelled one, costs a Shamir vault of this version its shares. What cannot be read is not
/// trusted with shares.
pub fn destroys_shares(version: &str) -> bool {
    match (find(DESTROYS), Version::read(version)) {
        (Some(entry), Some(version)) => entry.about(version),
        (_, _) => true,
    }
}

/// Whether an entry concerns this vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// What it depends on cannot be seen; why.
    Untold(String),
}

impl Advisory {
    fn about(&self, version: Version) -> bool {
        (self.from..self.below).contains(&version)
    }

    /// Whether it concerns a vault of which one replica says this.
    pub fn concerns(&self, seen: &SealSeen, model: &Model, now: Timestamp) -> Concern {
        if !Version::read(&seen.version).is_some_and(|version| self.about(version)) {
            return Concern::No;
        }
        let mut untold = None;
        for when in &self.when {
            match holds(*when, seen, model, now) {
                Concern::Yes => {}
                Concern::No => return Concern::No,
                Concern::Untold(why) => untold = Some(why),
            }
        }
        untold.map_or(Concern::Yes, Concern::Untold)
    }
}

fn holds(when: When, seen: &SealSeen, model: &Model, now: Timestamp) -> Concern {
    let is = |yes: bool| if yes { Concern::Yes } else { Concern::No };
    match when {
        When::Shamir => is(seen.kind == SealKind::Shamir),
        When::BuiltIn => is(matches!(seen.kind, SealKind::Kms(_))),
        When::File => is(seen.storage.as_deref() == Some("file")),
        When::Audit | When::Namespaces | When::Database => {
            let seen = match estate::estate(model, now) {
                InSight::Here(seen) => seen,
                InSight::Absent => return Concern::No,
                InSight::Unseen(why) => return Concern::Untold(why),
            };
            let there = match when {
                When::Audit => of(part(&seen.audit), |all| !all.is_empty()),
                When::Namespaces => of(part(&seen.namespaces), |all| !all.is_empty()),
                When::Database => of(part(&seen.mounts), |all| all.iter().any(|mount| mount.kind == "database")),
                When::Shamir | When::BuiltIn | When::File => InSight::Absent,
            };
            match there {
                InSight::Here(yes) => is(yes),
                InSight::Absent => Concern::No,
                InSight::Unseen(why) => Concern::Untold(why),
            }
        }
    }
}

fn of<T>(value: InSight<&T>, look: impl FnOnce(&T) -> bool) -> InSight<bool> {
    match value {
        InSight::Here(value) => InSight::Here(look(value)),
        InSight::Absent => InSight::Absent,
        InSight::Unseen(why) => InSight::Unseen(why),
    }
}

/// Entries of one kind that concern this vault, with the replicas that run such a version.
pub fn concerning(model: &Model, kind: Kind, now: Timestamp) -> Vec<(&'static Advisory, Concern, Vec<String>)> {
    let mut found = Vec::new();
    for entry in all().iter().filter(|entry| entry.kind == kind) {
        let (mut who, mut untold) = (Vec::new(), None);
        for (name, seen) in model.answers(now) {
            match entry.concerns(seen, model, now) {
                Concern::Yes => who.push(name.to_owned()),
                Concern::No => {}
                Concern::Untold(why) => untold = Some(why),
            }
        }
        match untold {
            _ if !who.is_empty() => found.push((entry, Concern::Yes, who)),
            Some(why) => found.push((entry, Concern::Untold(why), who)),
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_and_every_entry_names_its_source() {
        let file: File = toml::from_str(TEXT).unwrap();
        assert!(!file.entry.is_empty());
        let mut ids: Vec<&str> = file.entry.iter().map(|entry| entry.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), file.entry.len(), "each id once");
        for entry in &file.entry {
            assert!(entry.from < entry.below, "{}", entry.id);
            assert!(entry.source.starts_with("https://"), "{}", entry.id);
            assert!(!entry.sentence.is_empty() && !entry.next.is_empty(), "{}", entry.id);
            assert!(entry.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{}", entry.id);
        }
    }

    #[test]
    fn where_a_rotation_costs_the_shares() {
        for version in ["2.4.0", "2.4.9", "v2.5.0", "2.5", "2.5.1", "2.5.1+hsm", "", "master", "2", "2.x"] {
            assert!(destroys_shares(version), "{version}");
        }
        for version in ["2.3.2", "2.5.2", "2.6.0", "2.7.2", "1.21.0", "2.0.0", "2.10.0"] {
            assert!(!destroys_shares(version), "{version}");
        }
    }
}
