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

impl Word {
    /// How bad it is: 0 is well, the highest is looked at first.
    pub const fn badness(self) -> u8 {
        self as u8
    }

    /// The word itself.
    pub const fn name(self) -> &'static str {
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
    /// When its operator last looked at it, by what it wrote.
    pub looked: Option<Timestamp>,
    /// Something else that is wrong with it and does not change the word.
    pub also: Option<String>,
}

impl Standing {
    /// How bad it is: 0 is well, the highest is looked at first.
    pub const fn badness(&self) -> u8 {
        self.word.badness()
    }
}

/// Judges objects of one model at one moment.
#[derive(Debug)]
pub struct Witnesses<'a> {
    model: &'a Model,
    now: Timestamp,
}

impl<'a> Witnesses<'a> {
    /// For many objects.
    pub const fn of(model: &'a Model, now: Timestamp) -> Self {
        Self { model, now }
    }

    /// The same without any text.
    #[must_use]
    pub const fn silent(self) -> Self {
        self
    }

    /// Judges one object.
    pub fn judge(&self, seen: &SyncSeen) -> Standing {
        let _ = (self.model, self.now, seen);
        let why = "not judged yet".to_owned();
        Standing { word: Word::Unknown, why, lag: None, of: None, looked: None, also: None }
    }
}

/// Judges one object.
pub fn judge(model: &Model, seen: &SyncSeen, now: Timestamp) -> Standing {
    Witnesses::of(model, now).judge(seen)
}
