//! What the configuration sets for the core: durations of rules, who is expected to hold shares.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::model::Expectations;
use super::model::fact::Environment;
use super::verdict::Standing;

/// A rule's durations, where the configuration changes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RuleTiming {
    /// How long it must hold before it fires.
    pub hold: Option<SignedDuration>,
    /// How long it must be clear before it clears.
    pub clear: Option<SignedDuration>,
    /// Switched off by configuration: it is still shown as switched off, never as clear.
    pub off: bool,
}

/// Settings of the core.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// By rule name.
    pub rules: BTreeMap<String, RuleTiming>,
    /// What is expected of this vault.
    pub expect: Expectations,
    /// `--read-only`: no action is offered.
    pub read_only: bool,
    /// `keystore.lockAfter`: an unlocked keystore that is not used for so long locks itself; five minutes where unset.
    #[serde(default)]
    pub lock_after: Option<SignedDuration>,
    /// The clusters of the config file, to go to from this one.
    #[serde(default)]
    pub fleet: Vec<Cluster>,
}

/// A cluster of the config file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name there.
    pub name: String,
    /// What is at stake.
    pub environment: Environment,
    /// It is the one of this session.
    pub here: bool,
    /// How it stood when it was last looked at from here.
    pub last: Option<LastSeen>,
}

/// How a cluster stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    /// The state.
    pub state: Standing,
    /// The sentence.
    pub sentence: String,
    /// When that was.
    pub at: Timestamp,
}

impl Settings {
    /// How long an unlocked keystore stays open while nobody uses it.
    pub fn locks_after(&self) -> SignedDuration {
        self.lock_after.unwrap_or(SignedDuration::from_mins(5))
    }
}
