//! The model → one sentence: would the vault survive a restart right now, why, and what to press.

use serde::Serialize;

use super::id::ActionId;
use super::model::reopens::Reopens;

mod because;
pub mod held;
mod judge;
pub mod keys;
pub mod recover;
pub mod replicas;
mod sentence;
pub mod sight;
pub mod unsealing;

pub use judge::{judge, standing_proof};

/// The six states; the first that holds, from the top, wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// No active node serves, or all replicas are sealed or uninitialised.
    Down,
    /// At least one replica that restarts now will stay sealed.
    WillNotReopen,
    /// An input has not been seen within its limit.
    Blind,
    /// Restarts come back only when people bring shares.
    NeedsHands,
    /// Everything looks right and nothing proves it.
    Unproven,
    /// Everything looks right and a proof of these very keys is young enough.
    Survives,
}

impl Standing {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::WillNotReopen => "will-not-reopen",
            Self::Blind => "blind",
            Self::NeedsHands => "needs-hands",
            Self::Unproven => "unproven",
            Self::Survives => "survives",
        }
    }
}

/// Where help could come from if the mechanism fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recoverable {
    /// `secret` · `keystore` · `copy` · `people` · `none-known`.
    pub by: &'static str,
    /// Which generation of the keystore, where it is that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Where it lies or who it is, in words.
    pub says: String,
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Which of the six.
    pub state: Standing,
    /// The one sentence.
    pub sentence: String,
    /// What it rests on, worst first; each one line.
    pub because: Vec<String>,
    /// What to do next, in words; names only what exists.
    pub next: String,
    /// How many replicas must restart until nobody serves; `None` when it cannot be counted.
    pub restarts_to_outage: Option<u32>,
    /// Where help could come from.
    pub recoverable: Recoverable,
    /// How a restarted replica opens again.
    pub reopens: Reopens,
    /// While blind: what the verdict was before, and since when it is blind.
    pub was: Option<Was>,
    /// The action that `next` names, where one exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionId>,
}

/// The verdict before the program went blind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Was {
    /// What it was.
    pub state: Standing,
    /// Since when nothing newer is known.
    pub since: jiff::Timestamp,
}
