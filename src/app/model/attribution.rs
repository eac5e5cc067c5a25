//! Who emptied or changed the keys Secret: named, inferred or unknown, with the evidence.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys_secret::Glimpse;

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Culprit {
    /// The object itself names the actor: a fresh apply that dropped the fields, or a re-creation.
    Named,
    /// Concluded from neighbouring observations.
    Inferred,
    /// The object carries no trace.
    Unknown,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// How sure.
    pub grade: Culprit,
    /// The field manager, where one is named.
    pub who: Option<String>,
    /// Not before.
    pub after: Option<Timestamp>,
    /// Not later.
    pub before: Option<Timestamp>,
    /// What was lost: names of fields.
    pub lost: Vec<String>,
    /// What it rests on, a line each.
    pub evidence: Vec<String>,
}

/// Looks at the Secret's life and says who took the keys away last; `None` when nobody did.
pub fn attribute(_history: &[Glimpse]) -> Option<Attribution> {
    None
}
