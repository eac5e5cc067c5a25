//! Facts folded into the model: what is new, what moved, what the timeline says of it.

use serde::{Deserialize, Serialize};

use super::Model;
use super::fact::Report;
use crate::app::effect::Effect;

/// A life of a replica that ended, waiting for the next one to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// Fingerprints of the keys in place when it ended.
    pub prints: Vec<super::keys_secret::Fingerprint>,
}

/// Takes one report; what must be remembered comes back as effects.
pub fn apply(_model: &mut Model, _report: &Report, _now: jiff::Timestamp) -> Vec<Effect> {
    Vec::new()
}
