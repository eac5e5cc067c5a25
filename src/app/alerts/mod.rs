//! Rules judge the model; the book remembers since when, and what somebody has said about it.

pub mod book;
pub mod rules;
pub mod silence;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::id::{ActionId, FeedId, ObjectRef, RuleId};
use super::model::Model;

/// How bad it is; the order is the order on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Now.
    Critical,
    /// Today.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// The word in JSON and on the screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What a rule says about one subject. Three-valued: losing sight is `Unknown`, never `Clear`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is so.
    Firing(Firing),
    /// It was looked at and is not so.
    Clear,
    /// It could not be looked at; why.
    Unknown(String),
    /// It could not be looked at, for a reason that has an alarm of its own: what fired before keeps its place as unknown,
    /// and nothing is made anew. One cause is one alarm.
    Kept(String),
}

/// A rule that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// How bad, for this subject, now.
    pub severity: Severity,
    /// What is wrong, one line.
    pub sentence: String,
    /// Why it matters or how it came, one line; may be empty.
    pub why: String,
    /// What to do next; names only what exists.
    pub next: String,
    /// The action that repairs it, where one exists.
    pub action: Option<ActionId>,
    /// Since when, by the evidence's own time (container start, condition time), where it has one.
    pub evidence_since: Option<Timestamp>,
}

/// One rule: one file in `rules/` and one line in its registry.
pub trait Rule: Sync {
    /// Its name.
    fn id(&self) -> RuleId;

    /// How bad it is at worst, as listed; what fires says it for its subject.
    fn severity(&self) -> Severity;

    /// How long it must hold before it fires.
    fn hold(&self) -> SignedDuration {
        SignedDuration::ZERO
    }

    /// How long it must be clear before it clears: flapping is one alert, not ten.
    fn clear(&self) -> SignedDuration {
        SignedDuration::ZERO
    }

    /// One line for lists and docs: when it fires.
    fn fires_when(&self) -> &'static str;

    /// The runbook text, shown beside the alert.
    fn runbook(&self) -> &'static str;

    /// What its findings rest on, for a rule with very many subjects: it is judged anew when one of these feeds said
    /// something, and every few seconds, and not at every message. Empty for a rule that is judged at every message.
    fn rests_on(&self) -> &'static [FeedId] {
        &[]
    }

    /// Judges the model as it is at `now`. Reads no clock. Subjects it does not mention are clear.
    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)>;
}

/// The word in `alerts[].state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// It has held for as long as its rule asks.
    Firing,
    /// It holds, and not for long enough yet.
    Pending,
    /// It cannot be seen now; it is not clear.
    Unknown,
    /// Somebody said: seen.
    Acknowledged,
    /// Somebody said: not until then.
    Silenced,
}

impl AlertState {
    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Acknowledged => "acknowledged",
            Self::Silenced => "silenced",
        }
    }
}

/// One alert: a rule and a subject, with its memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Which rule.
    pub rule: RuleId,
    /// About what.
    pub subject: ObjectRef,
    /// How bad.
    pub severity: Severity,
    /// Where it stands.
    pub state: AlertState,
    /// Since when it holds (or has been unknown without ever having held).
    pub since: Timestamp,
    /// What is wrong.
    pub sentence: String,
    /// Why.
    pub why: String,
    /// What next.
    pub next: String,
    /// The action that repairs it.
    pub action: Option<ActionId>,
    /// Since when it has been clear, while its rule waits before it clears it.
    #[serde(skip)]
    pub clear_since: Option<Timestamp>,
    /// Acknowledged by a person.
    #[serde(skip)]
    pub acknowledged: bool,
    /// Silenced until then.
    #[serde(skip)]
    pub silenced_until: Option<Timestamp>,
    /// It has fired; kept while it is unknown, so that it does not become milder by not being seen.
    #[serde(skip)]
    pub fired: bool,
}
