//! What to believe of an object that brings a secret into the cluster: one word, its reason, how far it lags. Conditions
//! are witnesses here, not the judge.

mod case;
mod cause;
mod dynamic;
mod external;
mod generator;
mod kv;
mod login;
mod pki;
mod push;
pub mod standings;
mod ways;
pub mod windows;
mod witnesses;

use jiff::{SignedDuration, Timestamp};

use super::model::Model;
use super::model::sync::SyncSeen;

pub use witnesses::Witnesses;

/// The one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Word {
    /// What the vault holds is in the Secret, as far as can be told.
    Synced,
    /// It is looked at too rarely to tell, by its own declaration: read once, pinned, interval 0.
    Unwatched,
    /// Something that should be there to judge by is not in sight.
    Unknown,
    /// It changed in the vault and has not arrived; the cadence allows that still, or nobody will ever look again.
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
    /// Every condition may be True, and the Secret is empty: its value was deleted in the vault, or nobody repairs it.
    Emptied,
}

impl Word {
    /// How bad it is: 0 is well, the highest is looked at first.
    pub const fn badness(self) -> u8 {
        match self {
            Self::Synced => 0,
            Self::Unwatched => 1,
            Self::Unknown => 2,
            Self::Behind => 3,
            Self::Looping => 4,
            Self::Never => 5,
            Self::Stale => 6,
            Self::Dropped => 7,
            Self::Failed => 8,
            Self::Emptied => 9,
        }
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
    /// How far what is in the Secret lies behind the vault, or the heartbeat behind the cadence. Zero where the Secret is
    /// shown to be current; `None` where nothing says how far.
    pub lag: Option<SignedDuration>,
    /// What was promised: the cadence.
    pub of: Option<SignedDuration>,
    /// When its operator last looked at it, by what it wrote.
    pub looked: Option<Timestamp>,
    /// Something else that is wrong with it and does not change the word.
    pub also: Option<String>,
    /// It fails because the vault is sealed, as far as can be told, and that has an alarm of its own.
    pub by_vault: bool,
    /// Whoever reads the Secret has nothing that works: it is missing or empty, or what is in it has run out.
    pub dire: bool,
}

impl Standing {
    /// How bad it is: 0 is well, the highest is looked at first.
    pub const fn badness(&self) -> u8 {
        match (self.word, &self.also) {
            (Word::Synced, Some(_)) => 1,
            (word, _) => word.badness(),
        }
    }
}

/// Judges one object. Whoever judges many asks [`Witnesses::of`] once, which finds events and paths by name.
pub fn judge(model: &Model, seen: &SyncSeen, now: Timestamp) -> Standing {
    Witnesses::alone(model, now).judge(seen)
}
