//! Where the bytes of a keystore lie: a file that is written whole, or memory for the sandbox.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::format;
use crate::app::trouble::Trouble;
use crate::backends::files::atomic::{self, Existing};
use crate::backends::files::{not_written, read_small};

/// A place for one keystore.
pub trait Store: Send + Sync {
    /// How it is called.
    fn path(&self) -> &Path;
    /// Its bytes; `None` where there is none.
    fn read(&self) -> Result<Option<Vec<u8>>, Trouble>;
    /// Replaces it whole: after a crash the old or the new is there, never neither.
    fn replace(&self, bytes: &[u8]) -> Result<(), Trouble>;
    /// Keeps every other writer out until the guard is dropped.
    fn lock(&self) -> Result<Box<dyn Send>, Trouble>;
}

/// A file, 0600 in a 0700 folder.
pub struct FileStore(pub PathBuf);

impl Store for FileStore {
    fn path(&self) -> &Path {
        &self.0
    }

    fn read(&self) -> Result<Option<Vec<u8>>, Trouble> {
        read_small(&self.0, format::LONGEST)
    }

    fn replace(&self, bytes: &[u8]) -> Result<(), Trouble> {
        atomic::write(&self.0, bytes, Existing::Replace).map(|_| ()).map_err(|error| not_written(&self.0, &error))
    }

    fn lock(&self) -> Result<Box<dyn Send>, Trouble> {
        let mut path = self.0.clone().into_os_string();
        path.push(".lock");
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(PathBuf::from(path))
            .map_err(|error| not_written(&self.0, &error))?;
        file.lock().map_err(|error| not_written(&self.0, &error))?;
        Ok(Box::new(file))
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
