//! How does a restarted replica open again? Found first: every rule about keys depends on it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Model;
use super::observed::FeedState;
use super::seal::SealKind;
use super::unsealer::{SecretUse, UnsealerSeen};
use crate::app::id::FeedId;

/// The mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// Shamir, and something in the cluster unseals from a Secret.
    Secret,
    /// Static seal: a key file or variable.
    Static,
    /// Another vault's transit engine.
    Transit,
    /// A provider that cannot be asked from here.
    Kms,
    /// Shamir, and nothing in the cluster that could unseal: share holders.
    People,
    /// Not enough rights to tell.
    Unknown,
}

impl Mechanism {
    /// The word in JSON, configuration and on the screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Static => "static",
            Self::Transit => "transit",
            Self::Kms => "kms",
            Self::People => "people",
            Self::Unknown => "unknown",
        }
    }
}

/// How sure a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Written in the configuration.
    Configured,
    /// Seen itself.
    Seen,
    /// Concluded from what was seen.
    Inferred,
    /// Nobody can say.
    Unknown,
}

impl Grade {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Seen => "seen",
            Self::Inferred => "inferred",
            Self::Unknown => "unknown",
        }
    }
}

/// The answer, with its grade and reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopens {
    /// By what.
    pub by: Mechanism,
    /// How sure.
    pub grade: Grade,
    /// Why, in one line.
    pub because: String,
}

/// Concludes the mechanism from the seal type and from what consumes which Secret.
pub fn reopens(model: &Model, now: Timestamp) -> Reopens {
    let said = |by, grade, because: &str| Reopens { by, grade, because: because.to_owned() };
    if let Some(by) = model.expect.reopens {
        return said(by, Grade::Configured, "the configuration says so");
    }
    // A replica that is silent for a moment has not changed its seal.
    let heard = model.heard.as_ref().map(|heard| &heard.value);
    let told = model.replicas.iter().find_map(|r| r.answer.as_ref()?.value.said()).or(heard);
    match told.map(|seen| &seen.kind) {
        None => said(Mechanism::Unknown, Grade::Unknown, "no replica has told its seal type yet"),
        Some(SealKind::Static) => said(Mechanism::Static, Grade::Seen, "seal type static"),
        Some(SealKind::Transit) => said(Mechanism::Transit, Grade::Seen, "seal type transit"),
        Some(SealKind::Kms(name)) => said(Mechanism::Kms, Grade::Seen, &format!("seal type {name}")),
        Some(SealKind::Shamir) => shamir(model, now),
    }
}

fn shamir(model: &Model, now: Timestamp) -> Reopens {
    let said = |by, grade, because: String| Reopens { by, grade, because };
    if !model.in_kubernetes() {
        return said(
            Mechanism::People,
            Grade::Inferred,
            "Shamir seal, and no cluster in which anything could unseal".into(),
        );
    }
    if let Some(first) = unsealer(model) {
        return said(Mechanism::Secret, Grade::Seen, format!("{}: {}", first.object, first.because));
    }
    match (&model.unsealers, model.feed_state(FeedId::Unsealers, now)) {
        (Some(seen), FeedState::Live | FeedState::Stale) => {
            // Keys that lie about unused are worth a word: perhaps what used them was deleted.
            let lies = match seen.value.candidates.as_slice() {
                [] => String::new(),
                several => format!(", though these Secrets look like keys: {}", several.join(", ")),
            };
            let because = format!("Shamir seal, and nothing in the cluster that unseals{lies}");
            said(Mechanism::People, Grade::Inferred, because)
        }
        (Some(_) | None, FeedState::Denied) => said(
            Mechanism::Unknown,
            Grade::Unknown,
            "this identity may not list the workloads that could unseal".into(),
        ),
        (Some(_) | None, _) => {
            said(Mechanism::Unknown, Grade::Unknown, "what could unseal has not been seen yet".into())
        }
    }
}

/// The likeliest unsealer, alive or not.
pub fn unsealer(model: &Model) -> Option<&UnsealerSeen> {
    model.unsealers.as_ref()?.value.found.first()
}

/// The way in which the keys Secret is consumed by what unseals, if it is.
pub fn keys_use(model: &Model) -> Option<&SecretUse> {
    let unsealers = &model.unsealers.as_ref()?.value;
    let chosen = unsealers.chosen.as_deref();
    unsealers
        .found
        .iter()
        .flat_map(|unsealer| unsealer.uses.iter())
        .chain(unsealers.static_key.iter().filter_map(|key| key.from.as_ref()))
        .find(|used| chosen.is_none_or(|name| name == used.secret))
}
