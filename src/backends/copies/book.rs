//! What is registered: each copy's place, how it stood when it was last read, when it was last opened. `copies.json` in
//! the vault's state folder; no secret in it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::held::Found;
use crate::app::id::Identity;
use crate::app::model::copies::CopyKind;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::files::atomic::{self, Existing};
use crate::backends::files::{dirs, json_why, left_alone, lock, not_written, read_small};

const SCHEMA: &str = "baowatch.copies/v1";
const LONGEST: u64 = 4 << 20;

/// Where a copy lies, as it was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Place {
    /// A file.
    File {
        /// Absolute.
        path: PathBuf,
    },
    /// A Secret in another cluster.
    #[serde(rename_all = "camelCase")]
    Secret {
        /// The kubeconfig context.
        context: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A path in the KV engine of another vault.
    #[serde(rename_all = "camelCase")]
    Kv {
        /// That vault.
        address: String,
        /// Mount and path: `secret/baowatch/prod`.
        path: String,
        /// A file with a token for it.
        token_file: PathBuf,
        /// A PEM file with its CA.
        ca_file: Option<PathBuf>,
    },
    /// A pair of commands.
    Command {
        /// Takes the keystore on its standard input.
        put: String,
        /// Writes it to its standard output.
        get: String,
    },
}

impl Place {
    /// What kind of place.
    pub const fn kind(&self) -> CopyKind {
        match self {
            Self::File { .. } => CopyKind::File,
            Self::Secret { .. } => CopyKind::Secret,
            Self::Kv { .. } => CopyKind::Kv,
            Self::Command { .. } => CopyKind::Command,
        }
    }

    /// In words, for the screen.
    pub fn words(&self) -> String {
        match self {
            Self::File { path } => path.display().to_string(),
            Self::Secret { context, namespace, name } => format!("Secret {namespace}/{name} in context {context}"),
            Self::Kv { address, path, .. } => format!("{path} in the vault {address}"),
            Self::Command { put, .. } => format!("command {put}"),
        }
    }
}

/// One registered copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// The name it was given.
    pub name: String,
    /// Where it lies.
    pub place: Place,
    /// When it was registered.
    pub registered: Timestamp,
    /// By whom: the label of that machine.
    pub holder: String,
    /// Why it is no second place, as last found out; it outlives a time in which nobody can tell.
    pub near: Option<String>,
    /// Whether that was ever found out.
    pub placed: bool,
    /// When it was last written from here.
    pub written: Option<Timestamp>,
    /// What the last reading found, and when.
    pub last: Option<(Timestamp, Found)>,
    /// When it was last opened and its keys compared, and with which slot.
    pub tested: Option<(Timestamp, String)>,
    /// Versions kept there, where that can be counted.
    pub versions: Option<u32>,
    /// Revisions that were written by a command with `{version}` in it: nobody else can list them.
    pub put: Vec<u64>,
}

impl Entry {
    /// A new one, of which nothing is known.
    pub fn new(name: &str, place: Place, holder: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            place,
            registered: now,
            holder: holder.to_owned(),
            near: None,
            placed: false,
            written: None,
            last: None,
            tested: None,
            versions: None,
            put: Vec::new(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pages {
    schema: String,
    identity: Identity,
    copies: Vec<Entry>,
}

/// The file.
#[derive(Debug, Clone)]
pub struct Book {
    folder: PathBuf,
    identity: Identity,
}

impl Book {
    /// In this state folder, about this vault's keystore.
    pub fn new(folder: &Path, identity: &Identity) -> Self {
        Self { folder: folder.to_owned(), identity: identity.clone() }
    }

    fn path(&self) -> PathBuf {
        self.folder.join("copies.json")
    }

    /// All entries, in the order in which they were registered.
    pub fn read(&self) -> Result<Vec<Entry>, Trouble> {
        let path = self.path();
        let Some(bytes) = read_small(&path, LONGEST)? else { return Ok(Vec::new()) };
        let pages: Pages = serde_json::from_slice(&bytes).map_err(|error| left_alone(&path, &json_why(&error)))?;
        if pages.schema != SCHEMA {
            return Err(left_alone(&path, "another version of Baowatch wrote it"));
        }
        if pages.identity != self.identity {
            return Err(left_alone(&path, "it belongs to another cluster or vault"));
        }
        Ok(pages.copies)
    }

    /// The entry of this name.
    pub fn entry(&self, name: &str) -> Result<Entry, Trouble> {
        let all = self.read()?;
        let known: Vec<&str> = all.iter().map(|entry| entry.name.as_str()).collect();
        let known =
            if known.is_empty() { "none is registered".to_owned() } else { format!("there is {}", known.join(", ")) };
        all.iter().find(|entry| entry.name == name).cloned().ok_or_else(|| {
            Trouble::new(
                TroubleKind::Absent,
                &format!("there is no copy {name}"),
                &known,
                "See `baowatch keys copy list`; add one with `baowatch keys copy add`",
            )
        })
    }

    /// Changes it: locked against other programs, written whole.
    pub fn change<R>(&self, change: impl FnOnce(&mut Vec<Entry>) -> Result<R, Trouble>) -> Result<R, Trouble> {
        let path = self.path();
        dirs::private(&self.folder).map_err(|error| not_written(&self.folder, &error))?;
        let _held = lock::brief(&self.folder.join("copies.lock"))?;
        let mut copies = self.read()?;
        let before = copies.clone();
        let result = change(&mut copies)?;
        if copies != before {
            let pages = Pages { schema: SCHEMA.to_owned(), identity: self.identity.clone(), copies };
            let mut bytes = serde_json::to_vec_pretty(&pages).map_err(|error| not_written(&path, &error.into()))?;
            bytes.push(b'\n');
            atomic::write(&path, &bytes, Existing::Replace).map_err(|error| not_written(&path, &error))?;
        }
        Ok(result)
    }

    /// Changes one entry, where it is still the one that was read.
    pub fn note(&self, known: &Entry, change: impl FnOnce(&mut Entry)) -> Result<(), Trouble> {
        self.change(|copies| {
            let found = copies.iter_mut().find(|entry| entry.name == known.name && entry.place == known.place);
            if let Some(entry) = found {
                change(entry);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn book(folder: &Path) -> Book {
        Book::new(folder, &Identity("c/data/openbao".to_owned()))
    }

    fn now() -> Timestamp {
        "2026-11-22T05:00:00Z".parse().unwrap()
    }

    #[test]
    fn every_kind_of_place_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let places = [
            Place::File { path: "/media/stick/x".into() },
            Place::Secret { context: "mgmt".into(), namespace: "ops".into(), name: "k".into() },
            Place::Kv { address: "https://v:8200".into(), path: "kv/x".into(), token_file: "/t".into(), ca_file: None },
            Place::Command { put: "cat > f".into(), get: "cat f".into() },
        ];
        let entries: Vec<Entry> = places
            .into_iter()
            .enumerate()
            .map(|(n, place)| {
                let mut entry = Entry::new(&format!("copy-{n}"), place, "me", now());
                entry.last = Some((now(), Found::Missing));
                entry
            })
            .collect();
        book(folder.path())
            .change(|all| {
                all.clone_from(&entries);
                Ok(())
            })
            .unwrap();
        assert_eq!(book(folder.path()).read().unwrap(), entries);
        let mode = std::fs::metadata(folder.path().join("copies.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_read_is_left_as_it_is_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copies.json");
        for (text, why) in [
            ("{", "ends too early"),
            (r#"{"schema":"baowatch.copies/v9","identity":"c/data/openbao","copies":[]}"#, "another version"),
            (r#"{"schema":"baowatch.copies/v1","identity":"other","copies":[]}"#, "another cluster"),
            (r#"{"schema":"baowatch.copies/v1","identity":"c/data/openbao","copies":[],"x":1}"#, "another shape"),
        ] {
            std::fs::write(&path, text).unwrap();
            let trouble = book(folder.path()).read().unwrap_err().to_string();
            assert!(trouble.contains(why) && trouble.contains("copies.json"), "{trouble}");
            let changed = book(folder.path()).change(|all| {
                all.clear();
                Ok(())
            });
            assert!(changed.is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "left as it is");
        }
    }
}
