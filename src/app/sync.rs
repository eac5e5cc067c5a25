//! What to believe of an object that brings a secret into the cluster: one word, its reason, how far it lags. Conditions
//! are witnesses here, not the judge.

use jiff::{SignedDuration, Timestamp};

use super::model::Model;
use super::model::sync::SyncSeen;

/// The one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    /// What the vault holds is in the Secret, as far as can be told.
    Synced,
    /// It is looked at too rarely to tell, by its own declaration: read once, pinned, interval 0.
    Unwatched,
    /// Something that should be there to judge by is not in sight.
    Unknown,
    /// It changed in the vault and has not arrived; the cadence allows that still.
    Behind,
    /// No heartbeat for longer than the cadence allows, whatever the conditions say.
    Stale,
    /// Green, and the operator does not look any more.
    Dropped,
    /// It tries and fails.
    Failed,
    /// It never got a status.
    Never,
    /// It does what it says, again and again, and nothing needed it: a restart loop, a certificate loop.
    Looping,
    /// It did what it was told, and the Secret is empty: its value was deleted in the vault.
    Emptied,
}

/// How one object stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The word.
    pub word: Word,
    /// Why, in one line; names what is evidence and what is a stale text.
    pub why: String,
    /// How far what is in the Secret lies behind the vault, or the heartbeat behind the cadence.
    pub lag: Option<SignedDuration>,
    /// What was promised: the cadence.
    pub of: Option<SignedDuration>,
}

/// Judges one object.
pub fn judge(model: &Model, seen: &SyncSeen, now: Timestamp) -> Standing {
    let _ = (model, seen, now);
    Standing { word: Word::Unknown, why: "not judged yet".to_owned(), lag: None, of: None }
}

impl Word {
    /// The word on the screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::Unwatched => "unwatched",
            Self::Unknown => "unknown",
            Self::Behind => "behind",
            Self::Stale => "stale",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
            Self::Never => "never",
            Self::Looping => "looping",
            Self::Emptied => "emptied",
        }
    }
}
