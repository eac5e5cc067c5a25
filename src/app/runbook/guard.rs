//! The facts a plan rests on, in a form that can be compared with today's: a plan whose facts moved is void.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::estate;
use crate::app::id::FeedId;
use crate::app::model::Model;
use crate::app::model::keys_secret::{Fingerprint, KeysSeen};
use crate::app::trouble::{Trouble, TroubleKind};

/// One fact that must still be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The replica's seal, its progress and the nonce of the attempt.
    Seal {
        /// The replica.
        replica: String,
        /// `sealed`.
        sealed: bool,
        /// `progress`.
        progress: u32,
        /// `nonce`.
        nonce: String,
    },
    /// The keys in the Secret.
    Keys {
        /// Its uid; empty where there is no such Secret.
        uid: String,
        /// Fingerprints of its shares, in order. Not the resourceVersion: a label edit moves nothing that matters.
        prints: Vec<Fingerprint>,
    },
    /// A namespace's own seal.
    Namespace {
        /// Its path.
        path: String,
        /// `sealed`.
        sealed: Option<bool>,
        /// Threshold and number of its shares.
        shares: Option<(u32, u32)>,
    },
    /// The keys in one generation of the keystore.
    Keystore {
        /// Which generation.
        generation: u32,
        /// Fingerprints of its keys, in order. Not the revision: a slot that was added moves nothing that matters.
        prints: Vec<Fingerprint>,
    },
}

impl Basis {
    /// What this replica says now.
    pub fn seal(model: &Model, replica: &str) -> Option<Self> {
        let seen = model.said(replica)?;
        Some(Self::Seal {
            replica: replica.to_owned(),
            sealed: seen.sealed,
            progress: seen.progress,
            nonce: seen.nonce.clone(),
        })
    }

    /// What the keys Secret holds now. That there is none is a fact too: who makes it meanwhile moves it.
    pub fn keys(model: &Model) -> Option<Self> {
        Some(match &model.keys.as_ref()?.value {
            KeysSeen::Present(secret) => Self::Keys { uid: secret.uid.clone(), prints: secret.prints() },
            KeysSeen::Absent(_) => Self::Keys { uid: String::new(), prints: Vec::new() },
        })
    }

    /// How this namespace's own seal stands now.
    pub fn namespace(model: &Model, path: &str) -> Option<Self> {
        let one = estate::namespace(model, path)?;
        Some(Self::Namespace { path: path.to_owned(), sealed: one.sealed, shares: one.shares })
    }

    /// What this generation of the keystore holds now.
    pub fn keystore(model: &Model, generation: u32) -> Option<Self> {
        let held = model.keystore()?.generation(generation)?;
        Some(Self::Keystore { generation, prints: held.prints.clone() })
    }

    /// The same fact as the model has it now, if it has it at all.
    fn today(&self, model: &Model) -> Option<Self> {
        match self {
            Self::Seal { replica, .. } => Self::seal(model, replica),
            Self::Keys { .. } => Self::keys(model),
            Self::Namespace { path, .. } => Self::namespace(model, path),
            Self::Keystore { generation, .. } => Self::keystore(model, *generation),
        }
    }

    /// The feed that brings it.
    const fn feed(&self) -> FeedId {
        match self {
            Self::Seal { .. } => FeedId::Seal,
            Self::Keys { .. } => FeedId::KeysSecret,
            Self::Namespace { .. } => FeedId::Estate,
            Self::Keystore { .. } => FeedId::Keystore,
        }
    }

    /// What it is about, for the sentence that says that it moved.
    fn subject(&self) -> String {
        match self {
            Self::Seal { replica, .. } => replica.clone(),
            Self::Keys { .. } => "the keys Secret".to_owned(),
            Self::Namespace { path, .. } => format!("namespace {path}"),
            Self::Keystore { generation, .. } => format!("generation {generation} of the keystore"),
        }
    }

    /// Whether the fact was seen recently enough to act on.
    fn fresh(&self, model: &Model, now: Timestamp) -> bool {
        match self {
            Self::Seal { replica, .. } => model
                .replica(replica)
                .and_then(|r| r.answer.as_ref())
                .is_some_and(|answer| answer.fresh(now, FeedId::Seal).is_some()),
            Self::Keys { .. } => model.keys.as_ref().is_some_and(|keys| keys.fresh(now, FeedId::KeysSecret).is_some()),
            Self::Namespace { .. } => {
                model.estate.as_ref().is_some_and(|estate| estate.fresh(now, FeedId::Estate).is_some())
            }
            Self::Keystore { .. } => {
                model.keystore.as_ref().is_some_and(|keystore| keystore.fresh(now, FeedId::Keystore).is_some())
            }
        }
    }
}

/// Whether every fact is still so and young enough.
pub fn check(basis: &[Basis], model: &Model, now: Timestamp) -> Result<(), Trouble> {
    for fact in basis {
        if !fact.fresh(model, now) {
            return Err(Trouble::new(
                TroubleKind::Refused,
                &format!("{} has not been seen recently enough to act on", fact.subject()),
                &format!("the {} feed is stale", fact.feed()),
                "Wait until it is live again, then ask for the plan anew; nothing was changed",
            ));
        }
        let today = fact.today(model);
        if today.is_none() {
            return Err(Trouble::new(
                TroubleKind::Refused,
                &format!("{} cannot be seen now", fact.subject()),
                "what a plan rests on must be seen when it is confirmed",
                "Wait until it answers again, then ask for the plan anew; nothing was changed",
            ));
        }
        if today.as_ref() != Some(fact) {
            return Err(Trouble::new(
                TroubleKind::Refused,
                &format!("{} changed since the plan was made", fact.subject()),
                "a plan holds only for the facts it was shown with",
                "Ask for the plan anew; nothing was changed",
            ));
        }
    }
    Ok(())
}
