//! Locks between processes, by `flock`: they end with the process that holds them, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use crate::app::trouble::Trouble;

/// A short wait: what is done under such a lock takes milliseconds.
const PAUSE: Duration = Duration::from_millis(10);
const TRIES: u32 = 300;

/// Takes the lock, waiting for a moment where somebody has it. It is given back when the file is dropped.
pub fn brief(path: &Path) -> Result<File, Trouble> {
    let file = open(path)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
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
pub fn at_once(path: &Path) -> Result<Option<File>, Trouble> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
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
