//! What every kind of place can do: be read, be written with the earlier version kept, list its versions.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::place::Near;
use crate::app::trouble::{Trouble, TroubleKind};

/// One version that is kept in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// As `--version` takes it.
    pub id: String,
    /// The keystore's revision, where the place says.
    pub revision: Option<u64>,
    /// When it was put there, where the place says.
    pub at: Option<Timestamp>,
}

/// A keystore on its way into a place.
pub struct Writing {
    /// Its bytes: ciphertext.
    pub bytes: Vec<u8>,
    /// Its revision.
    pub revision: u64,
    /// What lies there now, with its revision: kept beside the new one.
    pub old: Option<(Vec<u8>, u64)>,
}

/// One place.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// What lies there; `None` where nothing does.
    async fn read(&self) -> Result<Option<Vec<u8>>, Trouble>;
    /// The versions kept there, oldest first; `None` where this kind of place keeps none.
    async fn versions(&self) -> Result<Option<Vec<Version>>, Trouble>;
    /// One version.
    async fn version(&self, id: &str) -> Result<Option<Vec<u8>>, Trouble>;
    /// Writes it whole and keeps what was there; in words, how that was kept.
    async fn write(&self, writing: &Writing) -> Result<String, Trouble>;
    /// Whether it is a second place.
    async fn near(&self) -> Near;
}

/// `v000007`: the name of a version wherever it needs one.
pub fn label(revision: u64) -> String {
    format!("v{revision:06}")
}

/// The revision that somebody asked for: `7`, `v7`, `v000007`.
pub fn revision(text: &str) -> Option<u64> {
    let digits = text.trim().trim_start_matches(['v', 'V']);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) { None } else { digits.parse().ok() }
}

/// Waits for a place no longer than this.
pub async fn within<T>(
    limit: Duration,
    place: &str,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(Trouble::unreachable(
            &format!("{place} gave no answer"),
            &format!("it took longer than {} s", limit.as_secs()),
            "Look whether the place can be reached from this machine",
        ))
    })
}

/// Runs what blocks on a thread of its own: a file server that hangs must hold up nobody else.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Trouble::new(
            TroubleKind::Local,
            "a look at a copy failed inside Baowatch",
            "this is a mistake of the program",
            "Report this with the log",
        ))
    })
}
