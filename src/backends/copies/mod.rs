//! Copies of the keystore in other places: where they are, how they stand, when they were last tested.
//!
//! [`book`] remembers, [`held`] compares, [`place`] judges whether a place is a second one; [`mod@file`], [`secret`], [`kv`]
//! and [`command`] each know one kind of place through [`shelf`]. `write` is for the hands alone.

pub mod book;
pub mod command;
mod drill;
pub mod file;
pub mod held;
pub mod kv;
pub mod own;
pub mod place;
pub mod secret;
pub mod shelf;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};

use crate::app::model::copies::{CopyKind, CopySeen};
use crate::app::ports::Clock;
use crate::app::time::age;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keystore::Keeper;
use book::{Book, Entry, Place};
pub use drill::Tested;
use held::{Found, Held};
use place::{Ground, Near};
use secret::Clusters;
use shelf::{Shelf, Version};
pub use write::Written;

/// A place that is read while others wait: within the limit of a look.
const GLANCE: Duration = Duration::from_secs(8);
/// A place that somebody asked about.
const PATIENCE: Duration = Duration::from_mins(2);
/// What failed or was just written is read again at each look for so long, or this often.
const SOON: SignedDuration = SignedDuration::from_mins(2);
/// Where the configuration says nothing.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

/// What the copies of a vault's keystore stand on.
pub struct Around {
    /// The vault's state folder.
    pub folder: PathBuf,
    /// The keystore.
    pub keeper: Keeper,
    /// What this machine is called in the register.
    pub holder: String,
    /// How often a copy is read back; an hour where it is left out.
    pub every: Option<SignedDuration>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What lies under a path.
    pub ground: Arc<dyn Ground>,
    /// Other clusters.
    pub clusters: Arc<dyn Clusters>,
    /// The vault itself.
    pub own: Arc<dyn kv::Own>,
}

/// The copies of one vault's keystore.
pub struct Copies(Option<Inner>);

struct Inner {
    around: Around,
    book: Book,
    every: SignedDuration,
    /// What was found since the book was last written.
    lately: Mutex<BTreeMap<String, (Timestamp, Found)>>,
}

/// What one reading found.
struct Reading {
    at: Timestamp,
    found: Found,
    near: Near,
    versions: Option<u32>,
}

impl Copies {
    /// Those that are registered in the vault's state folder; none at all in the sandbox.
    pub fn new(around: Option<Around>) -> Self {
        Self(around.map(|around| Inner {
            book: Book::new(&around.folder, around.keeper.identity()),
            every: around.every.unwrap_or(EVERY),
            lately: Mutex::default(),
            around,
        }))
    }

    fn inner(&self) -> Result<&Inner, Trouble> {
        self.0.as_ref().ok_or_else(|| {
            Trouble::new(
                TroubleKind::Refused,
                "there are no copies here",
                "the sandbox leaves nothing behind",
                "Use a real vault",
            )
        })
    }

    /// All of them, with what is known; those that are due are read first.
    pub async fn look(&self) -> Result<Vec<CopySeen>, Trouble> {
        self.look_at(|_| false, GLANCE).await
    }

    /// The same, with this one or all of them read whether they are due or not.
    pub async fn check(&self, name: Option<&str>) -> Result<Vec<CopySeen>, Trouble> {
        if let Some(name) = name {
            self.entry(name)?;
        }
        let seen = self.look_at(|entry| name.is_none_or(|name| name == entry.name), PATIENCE).await?;
        Ok(seen.into_iter().filter(|seen| name.is_none_or(|name| name == seen.name)).collect())
    }

    /// What is known, without reading any place.
    pub fn known(&self) -> Result<Vec<CopySeen>, Trouble> {
        let Some(inner) = &self.0 else { return Ok(Vec::new()) };
        let original = inner.original().ok().flatten();
        Ok(inner.entries()?.iter().map(|entry| seen(entry, original.as_ref())).collect())
    }

    /// Whether a second place holds exactly this version of a file in custody.
    pub fn holds_file(&self, name: &str, print: &crate::app::model::keys_secret::Fingerprint) -> bool {
        let entries = self.0.as_ref().and_then(|inner| inner.entries().ok()).unwrap_or_default();
        entries.iter().filter(|entry| entry.placed && entry.near.is_none()).any(|entry| match &entry.last {
            Some((_, Found::Keystore(held))) => held.custody.iter().any(|(n, p)| n == name && p == print),
            Some((_, Found::Missing | Found::Unreadable(_))) | None => false,
        })
    }

    async fn look_at(&self, also: impl Fn(&Entry) -> bool, limit: Duration) -> Result<Vec<CopySeen>, Trouble> {
        let Some(inner) = &self.0 else { return Ok(Vec::new()) };
        let entries = inner.entries()?;
        let now = inner.around.clock.now();
        let due: Vec<&Entry> = entries.iter().filter(|entry| also(entry) || inner.due(entry, now)).collect();
        let readings = join_all(due.iter().map(|entry| inner.reading(entry, limit))).await;
        let read: Vec<(&Entry, Reading)> = due.into_iter().zip(readings).collect();
        inner.remember(&read)?;
        let original = inner.original()?;
        Ok(inner.entries()?.iter().map(|entry| seen(entry, original.as_ref())).collect())
    }

    /// Registers a place. Whether anything can be written there only writing tells.
    pub fn register(&self, name: &str, place: Place) -> Result<(), Trouble> {
        let inner = self.inner()?;
        let refused = |what: &str, why: &str| Err(Trouble::new(TroubleKind::Refused, what, why, "Nothing was changed"));
        let allowed = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
        if name.is_empty() || name.len() > 63 || !name.chars().all(allowed) {
            return refused(
                "this is no name for a copy",
                "it is letters, digits, dot, dash and underscore, at most 63",
            );
        }
        match &place {
            Place::File { path } if *path == inner.around.keeper.path() => {
                return refused("this is the keystore itself", "a copy lies in another place");
            }
            Place::Command { put, get } if put.contains("{version}") != get.contains("{version}") => {
                return refused(
                    "{version} stands in one of the two commands",
                    "what is put under a version is asked for by it",
                );
            }
            Place::Kv { address, .. } => {
                kv::parse(address)?;
            }
            Place::File { .. } | Place::Secret { .. } | Place::Command { .. } => {}
        }
        let entry = Entry::new(name, place, &inner.around.holder, inner.around.clock.now());
        inner.book.change(|copies| {
            let same = copies.iter().find(|old| old.name == entry.name || old.place == entry.place);
            match same {
                Some(old) if old.name == entry.name => {
                    refused(&format!("there is a copy {name} already"), &old.place.words())
                }
                Some(old) => refused("this place is registered already", &format!("as copy {}", old.name)),
                None => {
                    copies.push(entry);
                    Ok(())
                }
            }
        })
    }

    /// Forgets a place; what lies there stays. Its words.
    pub fn forget(&self, name: &str) -> Result<String, Trouble> {
        let inner = self.inner()?;
        let entry = inner.book.entry(name)?;
        inner.book.change(|copies| {
            copies.retain(|old| old.name != name);
            Ok(())
        })?;
        inner.lately().remove(name);
        Ok(entry.place.words())
    }

    /// Whether it was ever written from here.
    pub fn was_written(&self, name: &str) -> Result<bool, Trouble> {
        Ok(self.entry(name)?.written.is_some())
    }

    /// Whether a place of this name is one in fact; asked before anything is written.
    pub async fn near(&self, name: &str) -> Result<Near, Trouble> {
        let inner = self.inner()?;
        Ok(inner.shelf(&inner.book.entry(name)?, PATIENCE).near().await)
    }

    /// Versions that are kept of it; `None` where its kind keeps none.
    pub async fn versions(&self, name: &str) -> Result<Option<Vec<Version>>, Trouble> {
        let inner = self.inner()?;
        let entry = inner.book.entry(name)?;
        shelf::within(PATIENCE, &entry.place.words(), inner.shelf(&entry, PATIENCE).versions()).await
    }

    fn entry(&self, name: &str) -> Result<Entry, Trouble> {
        self.inner()?.book.entry(name)
    }
}

impl Inner {
    fn lately(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Timestamp, Found)>> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The book, with what was found since it was written.
    fn entries(&self) -> Result<Vec<Entry>, Trouble> {
        let mut entries = self.book.read()?;
        let lately = self.lately();
        for entry in &mut entries {
            if let Some(newer) = lately.get(&entry.name)
                && entry.last.as_ref().is_none_or(|(at, _)| *at < newer.0)
            {
                entry.last = Some(newer.clone());
            }
        }
        Ok(entries)
    }

    /// The keystore itself; `None` where there is none or it cannot be read.
    fn original(&self) -> Result<Option<Held>, Trouble> {
        let Some(bytes) = self.around.keeper.bytes()? else { return Ok(None) };
        let path = self.around.keeper.path().display().to_string();
        Ok(held::read(&bytes, self.around.keeper.identity(), &path).ok())
    }

    fn due(&self, entry: &Entry, now: Timestamp) -> bool {
        let Some((at, found)) = &entry.last else { return true };
        let limit = match (entry.place.kind(), found) {
            // A file costs nothing; what was just written is what somebody waits for.
            (CopyKind::File, _) => return true,
            (_, Found::Keystore(_)) if !entry.placed => SOON,
            (_, Found::Keystore(_)) => self.every,
            (_, Found::Missing | Found::Unreadable(_)) => SOON,
        };
        let written = entry.written.is_some_and(|written| age(now, written) <= SOON);
        written || age(now, *at) >= limit || now < *at
    }

    fn shelf(&self, entry: &Entry, patience: Duration) -> Box<dyn Shelf> {
        let around = &self.around;
        match &entry.place {
            Place::File { path } => Box::new(file::FileShelf {
                path: path.clone(),
                keystore: around.keeper.path().to_owned(),
                ground: Arc::clone(&around.ground),
            }),
            Place::Secret { context, namespace, name } => Box::new(secret::SecretShelf {
                clusters: Arc::clone(&around.clusters),
                context: context.clone(),
                namespace: namespace.clone(),
                name: name.clone(),
                identity: around.keeper.identity().clone(),
            }),
            Place::Kv { address, path, token_file, ca_file } => Box::new(kv::KvShelf {
                address: address.clone(),
                path: path.clone(),
                token_file: token_file.clone(),
                ca_file: ca_file.clone(),
                own: Arc::clone(&around.own),
                known_id: around
                    .keeper
                    .look()
                    .present()
                    .and_then(|seen| seen.generations.iter().rev().find_map(|one| one.vault_cluster_id.clone())),
            }),
            Place::Command { put, get } => Box::new(command::CommandShelf {
                put: put.clone(),
                get: get.clone(),
                known: entry.put.clone(),
                patience,
            }),
        }
    }

    async fn reading(&self, entry: &Entry, limit: Duration) -> Reading {
        let shelf = self.shelf(entry, limit);
        let place = entry.place.words();
        let read = shelf::within(limit, &place, async {
            let bytes = shelf.read().await?;
            // How many there are is told where it can be; that it cannot is no fault of the copy.
            let versions = shelf.versions().await.ok().flatten();
            Ok((bytes, versions))
        });
        let near = shelf::within(limit, &place, async { Ok(shelf.near().await) });
        let (read, near) = futures::future::join(read, near).await;
        let near = near.unwrap_or_else(|trouble| Near::Unknown(trouble.what));
        let at = self.around.clock.now();
        let (found, versions) = match read {
            Ok((None, versions)) => (Found::Missing, versions),
            Ok((Some(bytes), versions)) => (self.found(&bytes, &place), versions),
            Err(trouble) => (Found::Unreadable(trouble), None),
        };
        Reading { at, found, near, versions: versions.map(|all| all.len() as u32) }
    }

    fn found(&self, bytes: &[u8], place: &str) -> Found {
        match held::read(bytes, self.around.keeper.identity(), place) {
            Ok(held) => Found::Keystore(held),
            Err(trouble) => Found::Unreadable(trouble),
        }
    }

    /// Into the book where it says something new; a file that is as it was a minute ago is no reason to write.
    fn remember(&self, read: &[(&Entry, Reading)]) -> Result<(), Trouble> {
        for (entry, reading) in read {
            let near = match &reading.near {
                Near::Elsewhere => Some(None),
                Near::Here(why) => Some(Some(why.clone())),
                Near::Unknown(why) if !entry.placed => Some(Some(why.clone())),
                // What was found out once holds until something else is found out.
                Near::Unknown(_) => None,
            };
            let placed = entry.placed || !matches!(reading.near, Near::Unknown(_));
            let as_before = entry.last.as_ref().is_some_and(|(_, found)| *found == reading.found)
                && near.as_ref().is_none_or(|near| *near == entry.near)
                && placed == entry.placed
                && (reading.versions.is_none() || reading.versions == entry.versions);
            if as_before && entry.place.kind() == CopyKind::File {
                self.lately().insert(entry.name.clone(), (reading.at, reading.found.clone()));
                continue;
            }
            self.book.note(entry, |entry| {
                entry.last = Some((reading.at, reading.found.clone()));
                entry.placed = placed;
                entry.versions = reading.versions.or(entry.versions);
                if let Some(near) = near {
                    entry.near = near;
                }
            })?;
        }
        Ok(())
    }
}

/// One copy as the core sees it.
fn seen(entry: &Entry, original: Option<&Held>) -> CopySeen {
    use crate::app::model::copies::CopyState;
    CopySeen {
        name: entry.name.clone(),
        kind: entry.place.kind(),
        place: crate::app::text::clean(&entry.place.words()),
        near: if entry.placed {
            entry.near.clone()
        } else {
            entry.near.clone().or(Some("not looked at yet".to_owned()))
        },
        state: entry.last.as_ref().map_or(CopyState::Unchecked, |(_, found)| found.state(original)),
        checked: entry.last.as_ref().map(|(at, _)| *at),
        tested: entry.tested.clone(),
        versions: entry.versions,
        holder: entry.holder.clone(),
    }
}
