//! Locks between processes, by `flock`: they end with the process that holds them, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use crate::app::trouble::Trouble;

/// A short wait: what is done under such a lock takes milliseconds.
const PAUSE: Duration = Duration::from_millis(10);
const TRIES: u32 = 300;

/// A lock that is held, given back when it is dropped.
#[derive(Debug)]
pub struct Held(File);

impl Held {
    /// Over a file on which the caller holds the lock.
    pub const fn of(file: File) -> Self {
        Self(file)
    }

    /// The locked file.
    pub const fn file(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing is not enough: a credential plugin that is being forked at this moment shares the open file, and with
        // it the lock, until it has become another program.
        let _ = self.0.unlock();
    }
}

/// Takes the lock, waiting for a moment where somebody has it.
pub fn brief(path: &Path) -> Result<Held, Trouble> {
    let file = open(path)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Held(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(super::not_written(path, &error)),
        }
    }
    Err(Trouble::local(
        &format!("{} is locked by another Baowatch", path.display()),
        "it has held the lock for seconds",
        "End the other one if it hangs; nothing was written",
    ))
}

/// Takes the lock at once; `None` where somebody else has it.
pub fn at_once(path: &Path) -> Result<Option<Held>, Trouble> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Held(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(super::not_written(path, &error)),
    }
}

fn open(path: &Path) -> Result<File, Trouble> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .read(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| super::not_written(path, &error))
}
