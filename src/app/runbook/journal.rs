//! What is written down before and after each step, so that a crash between any two leaves a run that can be judged.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::app::id::RunId;
use crate::app::trouble::Trouble;

/// One line of a run's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// The plan was confirmed. Always the first line.
    Begun {
        /// When.
        at: Timestamp,
        /// The whole plan.
        plan: Box<Plan>,
    },
    /// A step is about to be performed: from here until its end it is in doubt.
    Started {
        /// When.
        at: Timestamp,
        /// Which, counted from 0.
        step: usize,
    },
    /// A step was done or seen to be done.
    Succeeded {
        /// When.
        at: Timestamp,
        /// Which.
        step: usize,
        /// What shows it.
        evidence: String,
    },
    /// A step was not needed.
    Skipped {
        /// When.
        at: Timestamp,
        /// Which.
        step: usize,
        /// Why not.
        why: String,
    },
    /// A step failed; the run ends here.
    Failed {
        /// When.
        at: Timestamp,
        /// Which.
        step: usize,
        /// Why.
        trouble: Trouble,
    },
    /// The run is over. Always the last line.
    Ended {
        /// When.
        at: Timestamp,
        /// How, in words.
        how: String,
    },
}

/// A journal as read back from disk: never empty, first line [`Entry::Begun`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Which run.
    pub run: RunId,
    /// Its lines in order.
    pub entries: Vec<Entry>,
}

impl Journal {
    /// Whether it was brought to its end.
    pub fn ended(&self) -> bool {
        matches!(self.entries.last(), Some(Entry::Ended { .. }))
    }

    /// The plan it was about.
    pub fn plan(&self) -> Option<&Plan> {
        match self.entries.first() {
            Some(Entry::Begun { plan, .. }) => Some(plan),
            Some(
                Entry::Started { .. }
                | Entry::Succeeded { .. }
                | Entry::Skipped { .. }
                | Entry::Failed { .. }
                | Entry::Ended { .. },
            )
            | None => None,
        }
    }

    /// The step that was started and whose end was never written.
    pub fn in_doubt(&self) -> Option<usize> {
        let mut open = None;
        for entry in &self.entries {
            match entry {
                Entry::Started { step, .. } => open = Some(*step),
                Entry::Succeeded { .. } | Entry::Skipped { .. } | Entry::Failed { .. } | Entry::Ended { .. } => {
                    open = None;
                }
                Entry::Begun { .. } => {}
            }
        }
        open
    }
}

/// Whether `next` may follow `last`: a journal that breaks this is refused rather than believed.
pub fn may_follow(last: Option<&Entry>, next: &Entry) -> bool {
    let Some(last) = last else { return matches!(next, Entry::Begun { .. }) };
    match (last, next) {
        (
            Entry::Started { step: open, .. },
            Entry::Succeeded { step, .. } | Entry::Failed { step, .. } | Entry::Skipped { step, .. },
        ) => open == step,
        // Nothing begins twice or follows the end; one step at a time, and none after a failed one.
        (_, Entry::Begun { .. })
        | (Entry::Ended { .. }, _)
        | (Entry::Started { .. } | Entry::Failed { .. }, Entry::Started { .. }) => false,
        (
            Entry::Begun { .. }
            | Entry::Started { .. }
            | Entry::Succeeded { .. }
            | Entry::Skipped { .. }
            | Entry::Failed { .. },
            Entry::Started { .. }
            | Entry::Succeeded { .. }
            | Entry::Skipped { .. }
            | Entry::Failed { .. }
            | Entry::Ended { .. },
        ) => true,
    }
}
