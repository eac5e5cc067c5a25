//! Evidence that these very keys open this very vault, or that they do not, with its date.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys_secret::Fingerprint;
use crate::app::time::age;

/// A proof from further ahead than this was dated by a clock that was wrong: it would seem young for ever.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// How it was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// A replica was seen to restart and to come back by itself, keys unchanged: the whole mechanism.
    CameBack,
    /// Our own unseal was accepted with shares from that source: those shares.
    OwnUnseal,
    /// A rotation with verification was begun, the server took the shares for its key, and it was cancelled: those shares.
    Rotation,
    /// The same with recovery keys. They are the recovery keys; they reopen nothing.
    Recovery,
}

impl Method {
    /// The words on the screen.
    pub const fn words(self) -> &'static str {
        match self {
            Self::CameBack => "a replica came back by itself",
            Self::OwnUnseal => "our own unseal was accepted",
            Self::Rotation => "the live server took these shares for its key",
            Self::Recovery => "the live server took these for its recovery keys",
        }
    }
}

/// What the vault said to the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// They are its keys.
    #[default]
    Accepted,
    /// They are not.
    Refused,
}

/// A proof: which keys, which vault, how, when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proof {
    /// How.
    pub method: Method,
    /// What came of it. A refusal is evidence too: these keys open nothing here.
    #[serde(default)]
    pub answer: Answer,
    /// When.
    pub at: Timestamp,
    /// On which replica.
    pub replica: String,
    /// The vault's own cluster id, where it was known: a re-initialised vault voids the proof.
    pub cluster_id: Option<String>,
    /// Fingerprints of the keys that were in place; empty for a mechanism without a Secret (KMS, transit).
    pub prints: Vec<Fingerprint>,
    /// The namespace whose own seal was asked; `None` for the vault's. It never says anything about the vault's keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl Proof {
    /// Whether it speaks for these keys of this vault, and is young enough.
    pub fn holds(
        &self,
        now: Timestamp,
        max_age: SignedDuration,
        cluster_id: Option<&str>,
        prints: &[Fingerprint],
    ) -> bool {
        let young = !self.ahead(now) && age(now, self.at) <= max_age;
        self.answer == Answer::Accepted && young && self.same_vault(cluster_id) && same_keys(&self.prints, prints)
    }

    /// Whether it is of a time that is not yet: no clock of another machine is that wrong.
    pub fn ahead(&self, now: Timestamp) -> bool {
        self.at > now + AHEAD
    }

    /// Whether it says that this vault does not take these keys. That does not age: a key that was wrong stays wrong
    /// until the vault or the key is another one.
    pub fn denies(&self, cluster_id: Option<&str>, prints: &[Fingerprint]) -> bool {
        self.answer == Answer::Refused && self.same_vault(cluster_id) && same_keys(&self.prints, prints)
    }

    /// Whether it is of this vault's own seal. A namespace's seal is another one: whatever is said of it counts for nothing
    /// here.
    fn same_vault(&self, cluster_id: Option<&str>) -> bool {
        if self.namespace.is_some() {
            return false;
        }
        match (self.cluster_id.as_deref(), cluster_id) {
            (Some(then), Some(today)) => then == today,
            // Of which vault it was cannot be told: a vault that was initialised anew may have its old Secret still.
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }
}

/// What the vault last said to exactly these keys, by a test of the keys themselves.
pub fn last_answer<'a>(proofs: &'a [Proof], cluster_id: Option<&str>, prints: &[Fingerprint]) -> Option<&'a Proof> {
    proofs
        .iter()
        .filter(|proof| proof.method != Method::Recovery)
        .filter(|proof| proof.same_vault(cluster_id) && !prints.is_empty() && same_keys(&proof.prints, prints))
        .max_by_key(|proof| proof.at)
}

/// Whether the vault has since taken quite other keys: a rotation lies between, and this proof is of the keys before it.
/// Different shares of one key look the same from here, so that this only ever takes a proof away.
pub fn superseded(proof: &Proof, proofs: &[Proof], cluster_id: Option<&str>) -> bool {
    proofs.iter().any(|later| {
        later.answer == Answer::Accepted
            && later.method != Method::Recovery
            && later.at > proof.at
            && later.same_vault(cluster_id)
            && !later.prints.is_empty()
            && !proof.prints.is_empty()
            && later.prints.iter().all(|print| !proof.prints.contains(print))
    })
}

/// Equality as sets: the order of fields in a Secret means nothing. A part of the set proves nothing of the rest, and
/// nobody knows which of them the next unsealing takes.
pub(crate) fn same_keys(proven: &[Fingerprint], present: &[Fingerprint]) -> bool {
    proven.iter().all(|print| present.contains(print)) && present.iter().all(|print| proven.contains(print))
}
