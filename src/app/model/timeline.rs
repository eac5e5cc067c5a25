//! What happened before what: every observed change and every action, newest last.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::id::ObjectRef;

/// How many lines are kept: a night's incident, not a month's.
const KEPT: usize = 500;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Good news or none.
    Plain,
    /// Worth a look.
    Notable,
    /// Bad news.
    Grave,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When it was seen (not necessarily when it happened).
    pub at: Timestamp,
    /// What it is about.
    pub subject: ObjectRef,
    /// What happened, in the perfect or past tense.
    pub says: String,
    /// Quieter: resourceVersion, manager, grade.
    pub detail: String,
    /// How much it matters.
    pub tone: Tone,
}

/// The lines, bounded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timeline {
    moments: std::collections::VecDeque<Moment>,
}

impl Timeline {
    /// Adds a line; the oldest falls out past the bound.
    pub fn push(&mut self, moment: Moment) {
        if self.moments.len() >= KEPT {
            self.moments.pop_front();
        }
        self.moments.push_back(moment);
    }

    /// Newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Moment> {
        self.moments.iter().rev()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.moments.len()
    }

    /// Whether nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }
}
