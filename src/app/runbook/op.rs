//! Every change this program can make to anything outside itself, in one enum. Who audits Baowatch reads this file.

use serde::{Deserialize, Serialize};

use crate::app::id::{ObjectRef, SlotId};
use crate::app::model::keys_secret::Fingerprint;

/// A mutation. `backends::hands` is the only place that performs one, and only inside an
/// [`Act`](super::run::Act), which only a confirmed plan can produce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// `PUT /v1/sys/unseal {"key": …}` to one named replica.
    SubmitShare {
        /// The replica.
        replica: String,
        /// Where the share comes from; its bytes are read at the moment of use and never pass through the core.
        share: ShareRef,
    },
    /// `PUT /v1/sys/unseal {"reset": true}` to one named replica: discards the progress of an attempt.
    ResetUnseal {
        /// The replica.
        replica: String,
    },
}

impl Op {
    /// The replica it changes.
    pub fn replica(&self) -> &str {
        match self {
            Self::SubmitShare { replica, .. } | Self::ResetUnseal { replica } => replica,
        }
    }
}

/// Names one share without holding it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShareRef {
    /// The n-th share of a Secret, which must still have this fingerprint when it is read.
    Secret {
        /// The Secret.
        object: ObjectRef,
        /// Which share, counted from 0 over its fields in order.
        index: u32,
        /// What it was when the plan was made.
        print: Fingerprint,
    },
    /// The n-th secret typed into a slot of this session.
    Typed {
        /// The slot.
        slot: SlotId,
        /// Which one, counted from 0.
        index: u32,
    },
}

/// What a performed operation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done; what the server answered, in words.
    Done {
        /// The evidence, for the dialog and the journal.
        evidence: String,
    },
    /// Found done already by somebody else, right before it was to be performed: nothing was sent, and nothing is proven.
    Unneeded {
        /// What was found.
        why: String,
    },
    /// Refused or failed; nothing beyond what `trouble.what` says was changed.
    Failed {
        /// Why.
        trouble: crate::app::trouble::Trouble,
    },
}
