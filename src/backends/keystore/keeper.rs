//! The one place in a session through which the keystore is reached: locked, or open for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::error::KeystoreError;
use super::format;
use super::opened::{Opened, hex};
use super::slot::{DataKey, Opener};
use super::store::Store;
use crate::app::id::Identity;
use crate::app::model::keystore::{KeystoreLook, KeystoreSeen};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keys::Salt;

/// What opens the keystore without anybody being asked: the keyring, then a configured keyfile; or why one does not.
pub type Silently = dyn Fn(&super::header::Header) -> Vec<Result<Opener, Trouble>> + Send + Sync;

/// Told of every keystore that is seen there, once for each of its states.
pub type Remember = dyn Fn(&KeystoreSeen) + Send + Sync;

/// One try at opening: what was asked for before the keystore was locked again does not open it afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt(u64);

/// Whether it is open, and how often it was locked.
#[derive(Default)]
struct Door {
    open: Option<(DataKey, u32)>,
    locked: u64,
}

/// The keystore of one vault. Clones share whether it is open.
#[derive(Clone)]
pub struct Keeper {
    store: Arc<dyn Store>,
    identity: Identity,
    salt: Salt,
    door: Arc<Mutex<Door>>,
    silently: Arc<Silently>,
    remember: Arc<Remember>,
    /// The digest of the state that was told of last.
    told: Arc<Mutex<String>>,
    /// It was there before: its absence is a loss.
    expected: Arc<AtomicBool>,
}

impl Keeper {
    /// A keeper of what lies in this store. `expected`: an earlier session saw a keystore there.
    pub fn new(store: Arc<dyn Store>, identity: Identity, salt: Salt, silently: Arc<Silently>, expected: bool) -> Self {
        Self {
            store,
            identity,
            salt,
            door: Arc::default(),
            silently,
            remember: Arc::new(|_| ()),
            told: Arc::default(),
            expected: Arc::new(expected.into()),
        }
    }

    /// The same, telling this of every keystore that is seen.
    #[must_use]
    pub fn remembering(self, remember: Arc<Remember>) -> Self {
        Self { remember, ..self }
    }

    /// Where it lies.
    pub fn path(&self) -> &std::path::Path {
        self.store.path()
    }

    /// The identity whose keys it holds.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The salt of this session's fingerprints.
    pub const fn salt(&self) -> &Salt {
        &self.salt
    }

    /// The bytes of the file as they are now.
    pub fn bytes(&self) -> Result<Option<Vec<u8>>, Trouble> {
        self.store.read()
    }

    /// What its header says, without opening it.
    pub fn look(&self) -> KeystoreLook {
        let path = self.path().display().to_string();
        let bytes = match self.store.read() {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                return KeystoreLook::Absent { path, expected: self.expected.load(Ordering::Relaxed) };
            }
            Err(trouble) => return KeystoreLook::Unreadable { path, trouble },
        };
        let parts = format::parts(&bytes).and_then(|parts| {
            if parts.header.identity == self.identity {
                Ok(parts)
            } else {
                Err(KeystoreError::Foreign(parts.header.identity.0.clone()))
            }
        });
        match parts {
            Ok(parts) => {
                self.expected.store(true, Ordering::Relaxed);
                let comparable = parts.header.salt == hex(&self.salt.0);
                let seen = parts.header.seen(&path, &digest(&bytes), comparable);
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                if *told != seen.digest {
                    (self.remember)(&seen);
                    told.clone_from(&seen.digest);
                }
                KeystoreLook::Present(Box::new(seen))
            }
            Err(error) => KeystoreLook::Unreadable { path, trouble: error.trouble(self.path()) },
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.door().open.is_some()
    }

    /// Begins a try: to be taken when somebody asks, before anything blocks.
    pub fn attempt(&self) -> Attempt {
        Attempt(self.door().locked)
    }

    /// Opens it; which slot did, in words. Blocks for a derivation.
    pub fn unlock(&self, with: &Opener) -> Result<String, Trouble> {
        self.unlock_in(self.attempt(), with)
    }

    /// The same, unless it was locked since the try began.
    pub fn unlock_in(&self, attempt: Attempt, with: &Opener) -> Result<String, Trouble> {
        let opened = self.opened_by(with)?;
        let mut door = self.door();
        if door.locked != attempt.0 {
            return Err(left());
        }
        door.open = Some((opened.key().clone(), opened.opened_by()));
        Ok(opened.opened_by_words())
    }

    /// Opens it with what is at hand, asking nobody.
    pub fn unlock_silently(&self) -> Result<String, Trouble> {
        self.unlock_silently_in(self.attempt())
    }

    /// The same, unless it was locked since the try began. Absent says that there was nothing to try.
    pub fn unlock_silently_in(&self, attempt: Attempt) -> Result<String, Trouble> {
        let bytes = self.existing()?;
        let parts = format::parts(&bytes).map_err(|error| error.trouble(self.path()))?;
        let mut first = None;
        for opener in (self.silently)(&parts.header) {
            match opener.and_then(|opener| self.unlock_in(attempt, &opener)) {
                Ok(words) => return Ok(words),
                // The first is what usually opens it: why that did not is what somebody wants to know.
                Err(trouble) => first = first.or(Some(trouble)),
            }
        }
        Err(first.unwrap_or_else(|| {
            Trouble::new(
                TroubleKind::Absent,
                "nothing at hand opens the keystore",
                "it has no keyring slot, and no keyfile is configured",
                "Type its passphrase or its recovery code",
            )
        }))
    }

    /// Closes it, and with it the door before every try that is under way.
    pub fn lock(&self) {
        let mut door = self.door();
        door.open = None;
        door.locked += 1;
    }

    /// Opens a keystore of this vault without keeping it open.
    pub fn opened_by(&self, with: &Opener) -> Result<Opened, Trouble> {
        let bytes = self.existing()?;
        Opened::open(&bytes, Some(&self.identity), with).map_err(|error| error.trouble(self.path()))
    }

    /// What is at hand to open a keystore with this header: a keyring entry, a keyfile.
    pub fn at_hand(&self, header: &super::header::Header) -> Vec<Opener> {
        (self.silently)(header).into_iter().filter_map(Result::ok).collect()
    }

    /// Opens other bytes of this keystore, a copy of it, with the key that it is open with; `None` while it is locked.
    pub fn open_other(&self, bytes: &[u8]) -> Option<Result<Opened, KeystoreError>> {
        let (key, by) = self.door().open.clone()?;
        Some(Opened::open_with_key(bytes, Some(&self.identity), &key, by))
    }

    /// Puts a copy in the place of the keystore, whether there is one or not; `keep` is lent what is there before it goes.
    /// It is locked afterwards.
    pub fn bring_back(&self, bytes: &[u8], keep: impl FnOnce(&[u8]) -> Result<(), Trouble>) -> Result<(), Trouble> {
        let parts = format::parts(bytes).map_err(|error| error.trouble(self.path()))?;
        if parts.header.identity != self.identity {
            return Err(KeystoreError::Foreign(parts.header.identity.0.clone()).trouble(self.path()));
        }
        let _guard = self.store.lock()?;
        if let Some(there) = self.store.read()? {
            keep(&there)?;
        }
        self.store.replace(bytes)?;
        self.lock();
        if self.existing()? == bytes {
            return Ok(());
        }
        Err(Trouble::local(
            &format!("{} was written and reads back differently", self.path().display()),
            "the disk, or another program that does not keep to the lock",
            "Check the disk and the file's copies before anything else",
        ))
    }

    /// Lends the opened keystore as it is in the file now.
    pub fn with<R>(&self, use_it: impl FnOnce(&Opened) -> R) -> Result<R, Trouble> {
        Ok(use_it(&self.reopened()?))
    }

    /// Changes it: locked against other writers, written whole, read back and opened before this returns.
    pub fn change<R>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut Opened) -> Result<R, Trouble>,
    ) -> Result<R, Trouble> {
        let attempt = self.attempt();
        let _guard = self.store.lock()?;
        let mut opened = self.reopened()?;
        let result = change(&mut opened)?;
        self.write(&mut opened, now)?;
        // The change may have been of the data key itself.
        self.stays_open(attempt, &opened);
        Ok(result)
    }

    /// Makes a new one; refuses where there is anything already. It is open afterwards.
    pub fn create(&self, mut new: Opened, now: Timestamp) -> Result<(), Trouble> {
        let attempt = self.attempt();
        let _guard = self.store.lock()?;
        if self.store.read()?.is_some() {
            return Err(Trouble::new(
                TroubleKind::Refused,
                &format!("there is a keystore already: {}", self.path().display()),
                "what it holds would be lost",
                "Use it, or move it away yourself; nothing was changed",
            ));
        }
        self.write(&mut new, now)?;
        self.stays_open(attempt, &new);
        Ok(())
    }

    /// Remembers what it is open with, unless it was locked meanwhile: a write that waits for a lock, a disk or a keyring
    /// must not open again what a person or the idle time has closed.
    fn stays_open(&self, attempt: Attempt, opened: &Opened) {
        let mut door = self.door();
        if door.locked == attempt.0 {
            door.open = Some((opened.key().clone(), opened.opened_by()));
        }
    }

    fn write(&self, opened: &mut Opened, now: Timestamp) -> Result<(), Trouble> {
        let bytes = opened.seal(now).map_err(|error| error.trouble(self.path()))?;
        Store::replace(self.store.as_ref(), &bytes)?;
        let back = self.existing()?;
        let reread = Opened::open_with_key(&back, Some(&self.identity), opened.key(), opened.opened_by())
            .map_err(|error| error.trouble(self.path()))?;
        if back != bytes || reread.payload() != opened.payload() {
            return Err(Trouble::local(
                &format!("{} was written and reads back differently", self.path().display()),
                "the disk, or another program that does not keep to the lock",
                "Check the disk and the file's copies before anything else",
            ));
        }
        Ok(())
    }

    fn reopened(&self) -> Result<Opened, Trouble> {
        let Some((key, by)) = self.door().open.clone() else {
            return Err(Trouble::new(
                TroubleKind::Refused,
                "the keystore is locked",
                "it locks itself when nobody uses it",
                "Unlock it and ask again; nothing was changed",
            ));
        };
        let bytes = self.existing()?;
        match Opened::open_with_key(&bytes, Some(&self.identity), &key, by) {
            Ok(opened) => Ok(opened),
            // The key came out of this file's own slot: either the file has another key now, or somebody altered it.
            // Only a slot can tell which, so one is asked for.
            Err(KeystoreError::Altered) => {
                self.lock();
                Err(Trouble::new(
                    TroubleKind::Refused,
                    "the keystore was sealed under another key since it was unlocked",
                    "another Baowatch rotated it, or somebody altered it; it was locked here",
                    "Unlock it and ask again: that tells which; nothing was changed",
                ))
            }
            Err(error) => Err(error.trouble(self.path())),
        }
    }

    fn existing(&self) -> Result<Vec<u8>, Trouble> {
        self.store.read()?.ok_or_else(|| {
            Trouble::new(
                TroubleKind::Absent,
                &format!("there is no keystore at {}", self.path().display()),
                "",
                "Make one with `baowatch keys init`, or bring a copy of it back",
            )
        })
    }

    fn door(&self) -> std::sync::MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keystore was locked, or its dialog left, while a slot was being tried.
fn left() -> Trouble {
    Trouble::new(
        TroubleKind::Refused,
        "the keystore stays locked",
        "it was locked again while a slot was being tried",
        "Unlock it anew if it is still wanted",
    )
}

/// SHA-256 in hex: what a copy is compared with.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
