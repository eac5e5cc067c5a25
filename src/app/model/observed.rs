//! A value with the moment at which it was seen, and the feeds' own health.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::app::{
    id::FeedId,
    time::{age, within},
    trouble::{Trouble, TroubleKind},
};

/// What a feed saw, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed<T> {
    /// The value as it was then.
    pub value: T,
    /// When it was last confirmed to be so, not when it last changed.
    pub at: Timestamp,
}

impl<T> Observed<T> {
    /// Seen at `at`.
    pub const fn new(value: T, at: Timestamp) -> Self {
        Self { value, at }
    }

    /// How long ago it was seen.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        age(now, self.at)
    }

    /// The value, if it was seen within the limit of the feed that brings it; what is older no longer counts.
    pub fn fresh(&self, now: Timestamp, feed: FeedId) -> Option<&T> {
        within(now, self.at, feed.limit()).then_some(&self.value)
    }
}

/// How one feed is doing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FeedHealth {
    /// When it last brought an answer.
    pub answered: Option<Timestamp>,
    /// When it was first asked.
    pub asked: Option<Timestamp>,
    /// What it complained of since then, if anything.
    pub trouble: Option<Observed<Trouble>>,
}

/// The word for a feed in `check --output json` and on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedState {
    /// Answered within its limit.
    Live,
    /// Has answered once, and not within its limit.
    Stale,
    /// This identity may not see it.
    Denied,
    /// Has never answered.
    Unreachable,
    /// What it looks at does not exist here.
    Absent,
}

impl FeedState {
    /// The word itself.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Denied => "denied",
            Self::Unreachable => "unreachable",
            Self::Absent => "absent",
        }
    }
}

impl FeedHealth {
    /// Folds the feed's last answer and its last trouble into one word.
    pub fn state(&self, now: Timestamp, feed: FeedId) -> FeedState {
        let answered = self.answered.is_some_and(|at| within(now, at, feed.limit()));
        match (&self.trouble, answered) {
            (Some(trouble), _) if trouble.value.kind == TroubleKind::Denied => FeedState::Denied,
            (Some(trouble), _) if trouble.value.kind == TroubleKind::Absent => FeedState::Absent,
            (_, true) => FeedState::Live,
            (_, false) if self.answered.is_some() => FeedState::Stale,
            (_, false) => FeedState::Unreachable,
        }
    }

    /// Whether the feed has said anything at all yet, be it an answer or a trouble.
    pub const fn spoke(&self) -> bool {
        self.answered.is_some() || self.trouble.is_some()
    }
}
