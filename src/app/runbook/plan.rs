//! A plan: exactly the steps that will run, the facts they rest on, and what must be typed to run them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::guard::Basis;
use super::op::Op;
use crate::app::id::{ActionId, FeedId, ObjectRef};
use crate::app::model::keys_secret::Fingerprint;

/// A plan not yet confirmed is void after this long: the world it describes has moved on.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(2);

/// What a person must do to confirm, by how much it could hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Danger {
    /// Answer `y`; the cursor is on no.
    Yes,
    /// Type the target's name.
    Target,
    /// Type the target's name and the last six characters of the cluster id.
    TargetAndCluster,
}

/// What one step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Changes something. Skipped when its replica is found open already.
    Do(Op),
    /// Changes nothing: waits until the feeds have seen this, or gives up.
    Await {
        /// What must be seen.
        expect: Expect,
        /// How long to wait for it.
        within: SignedDuration,
    },
}

/// Something the model can show to be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// This replica says that it is unsealed, in an answer younger than the step.
    Open {
        /// The replica.
        replica: String,
    },
    /// The keys Secret holds exactly these keys, in a look younger than the step.
    KeysAre {
        /// Their fingerprints.
        prints: Vec<Fingerprint>,
    },
    /// The keystore's current generation holds exactly these keys, in a look younger than the step.
    KeystoreHolds {
        /// Their fingerprints.
        prints: Vec<Fingerprint>,
    },
    /// This copy is byte for byte the keystore, in a check younger than the step.
    CopySame {
        /// The copy's name.
        copy: String,
    },
    /// This file in custody is back, with its mode and owner, in a look younger than the step.
    CustodySame {
        /// The name it was given.
        name: String,
    },
}

impl Expect {
    /// The feed that can see it.
    pub const fn feed(&self) -> FeedId {
        match self {
            Self::Open { .. } => FeedId::Seal,
            Self::KeysAre { .. } => FeedId::KeysSecret,
            Self::KeystoreHolds { .. } => FeedId::Keystore,
            Self::CopySame { .. } => FeedId::Copies,
            Self::CustodySame { .. } => FeedId::Custody,
        }
    }
}

/// One line under "Will".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What it does.
    pub kind: StepKind,
    /// In a few words: `give share 1 of 2 to openbao-0`.
    pub says: String,
    /// Beside it, quieter: where from, how checked.
    pub detail: String,
}

/// A fact the plan rests on, with its age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// `Secret data/openbao-keys`, `openbao-0 sealed`.
    pub what: String,
    /// When it was seen.
    pub seen: Timestamp,
}

/// A right the plan needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Right {
    /// `create pods/portforward in data`.
    pub what: String,
    /// Whether we have it; `None` when nobody could say.
    pub allowed: Option<bool>,
}

/// A choice inside the plan's dialog; changing it makes a new plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The question: `Shares from`, `Progress of somebody else`.
    pub label: String,
    /// The possible answers.
    pub options: Vec<String>,
    /// Index of the chosen one.
    pub chosen: usize,
}

/// An immutable plan. What is confirmed is this very value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which action made it.
    pub action: ActionId,
    /// What it is about; its name is the challenge.
    pub target: ObjectRef,
    /// `Unseal data/openbao`.
    pub title: String,
    /// What will happen, in order.
    pub steps: Vec<Step>,
    /// What will not be touched.
    pub will_not: String,
    /// What it rests on.
    pub rests_on: Vec<Rest>,
    /// What it needs.
    pub rights: Vec<Right>,
    /// What can be chosen differently.
    pub choices: Vec<Choice>,
    /// Things to know before saying yes.
    pub warnings: Vec<String>,
    /// How dangerous it is.
    pub danger: Danger,
    /// When it was made.
    pub made: Timestamp,
    /// The facts that must not move before it is confirmed.
    pub basis: Vec<Basis>,
    /// The vault it was made for; a plan never crosses over to another cluster.
    pub identity: crate::app::id::Identity,
}

impl Plan {
    /// What must be typed, for danger above [`Danger::Yes`].
    pub fn challenge(&self) -> String {
        match self.danger {
            Danger::Yes => "y".to_owned(),
            Danger::Target => self.target.name.to_string(),
            Danger::TargetAndCluster => format!("{} {}", self.target.name, self.identity.tail()),
        }
    }
}

/// What an action says when it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Offer {
    /// Here is the plan.
    Ready(Box<Plan>),
    /// Not now, and why, and what would change that.
    Refused(crate::app::trouble::Trouble),
    /// First these many secrets must be typed into a slot; then ask again.
    NeedsShares {
        /// How many.
        count: u32,
        /// What for: the prompt.
        prompt: String,
    },
    /// First the keystore must be unlocked; then ask again.
    NeedsUnlock {
        /// What for: the prompt.
        prompt: String,
    },
}
