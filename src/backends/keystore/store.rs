//! Where the bytes of a keystore lie: a file that is written whole, or memory for the sandbox.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::OFlags;

use super::format;
use super::write::{self, RealDisk, folder_of};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::files::{atomic, dirs, left_alone, lock, not_written};

/// A place for one keystore.
pub trait Store: Send + Sync {
    /// How it is called.
    fn path(&self) -> &Path;
    /// Its bytes; `None` where there is none.
    fn read(&self) -> Result<Option<Vec<u8>>, Trouble>;
    /// Replaces it whole: after a crash the old or the new is there, never neither.
    fn replace(&self, bytes: &[u8]) -> Result<(), Trouble>;
    /// Keeps every other writer out until the guard is dropped. Waits for seconds, not for ever.
    fn lock(&self) -> Result<Box<dyn Send>, Trouble>;
}

/// A file, 0600 in a 0700 folder.
pub struct FileStore(pub PathBuf);

/// Another writer is done in a moment, unless somebody thinks about a question meanwhile.
const PAUSE: Duration = Duration::from_millis(20);
const TRIES: u32 = 150;

impl Store for FileStore {
    fn path(&self) -> &Path {
        &self.0
    }

    fn read(&self) -> Result<Option<Vec<u8>>, Trouble> {
        let Some(file) = self.existing()? else { return Ok(None) };
        let unread = |error: std::io::Error| left_alone(&self.0, &error.to_string());
        let len = file.metadata().map_err(unread)?.len();
        if len > format::LONGEST {
            return Err(left_alone(&self.0, &format!("it is longer than any keystore ({len} bytes)")));
        }
        // It may grow while it is read; no more than one byte too many is taken.
        let mut bytes = Vec::with_capacity(len as usize);
        file.take(format::LONGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
        Ok(Some(bytes))
    }

    fn replace(&self, bytes: &[u8]) -> Result<(), Trouble> {
        self.folder()?;
        self.own()?;
        write::whole(&RealDisk, &self.0, bytes).map_err(|error| not_written(&self.0, &error))
    }

    fn lock(&self) -> Result<Box<dyn Send>, Trouble> {
        self.folder()?;
        self.own()?;
        let path = self.beside(".lock");
        let failed = |error: std::io::Error| not_written(&path, &error);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(failed)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => {
                    file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
                    write!(file, "{}", std::process::id()).map_err(failed)?;
                    return Ok(Box::new(Writing(lock::Held::of(file))));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        Err(self.held(&mut file))
    }
}

/// The lock of a writer; its file says who holds it.
struct Writing(lock::Held);

impl Drop for Writing {
    fn drop(&mut self) {
        // Only to be read by people: the lock itself ends with the process, whatever stands there.
        let _ = self.0.file().set_len(0);
    }
}

impl FileStore {
    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.0.clone().into_os_string();
        path.push(ending);
        PathBuf::from(path)
    }

    /// The file, opened for reading. Never anything else: a pipe would hang, a link would be replaced instead of followed.
    fn existing(&self) -> Result<Option<File>, Trouble> {
        let link = || left_alone(&self.0, "it is a symbolic link: name the file itself");
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(_) if std::fs::symlink_metadata(&self.0).is_ok_and(|meta| meta.is_symlink()) => return Err(link()),
            Err(error) => return Err(left_alone(&self.0, &error.to_string())),
        };
        if file.metadata().is_ok_and(|meta| meta.is_file()) {
            Ok(Some(file))
        } else {
            Err(left_alone(&self.0, "it is not a regular file"))
        }
    }

    /// Refuses to write over what belongs to somebody else: a file that root replaced locks its owner out.
    fn own(&self) -> Result<(), Trouble> {
        let Some(file) = self.existing()? else { return Ok(()) };
        let owner = file.metadata().map_err(|error| left_alone(&self.0, &error.to_string()))?.uid();
        let us = rustix::process::geteuid().as_raw();
        if owner == us {
            return Ok(());
        }
        Err(Trouble::new(
            TroubleKind::Refused,
            &format!("{} belongs to another user", self.0.display()),
            &format!("its owner is user {owner}, and this is user {us}: written anew, it would change hands"),
            "Run this as its owner; nothing was changed",
        ))
    }

    /// Makes the folder where there is none.
    fn folder(&self) -> Result<(), Trouble> {
        let folder = folder_of(&self.0);
        if folder.is_dir() {
            return Ok(());
        }
        dirs::private(folder)
            .and_then(|()| atomic::sync_folder(folder_of(folder)))
            .map_err(|error| not_written(folder, &error))
    }

    fn held(&self, file: &mut File) -> Trouble {
        let mut who = String::new();
        let told = file.rewind().and_then(|()| file.take(20).read_to_string(&mut who));
        let process = told.ok().and_then(|_| who.trim().parse::<u32>().ok());
        let who = process.map_or_else(|| "another process".to_owned(), |process| format!("process {process}"));
        Trouble::new(
            TroubleKind::Refused,
            &format!("{} is being changed by another Baowatch", self.0.display()),
            &format!("{who} has held its lock for seconds"),
            "Let it finish, or end it if it hangs, and ask again; nothing was changed",
        )
    }
}

/// Memory, for the sandbox and for tests.
pub struct MemoryStore {
    path: PathBuf,
    bytes: Mutex<Option<Vec<u8>>>,
}

impl MemoryStore {
    /// One that holds these bytes and is called like this.
    pub fn new(path: &str, bytes: Option<Vec<u8>>) -> Self {
        Self { path: PathBuf::from(path), bytes: Mutex::new(bytes) }
    }

    /// Somebody else writes it, or takes it away.
    pub fn put(&self, bytes: Option<Vec<u8>>) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }
}

impl Store for MemoryStore {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn replace(&self, bytes: &[u8]) -> Result<(), Trouble> {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.to_vec());
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Send>, Trouble> {
        Ok(Box::new(()))
    }
}
