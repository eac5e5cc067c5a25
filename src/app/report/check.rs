//! The document of `check --output json`: schema `baowatch.check/v1`, a contract that people script against.

use jiff::Timestamp;
use serde::Serialize;

use super::exit::{Asked, code};
use super::remembered::counted;
use crate::app::alerts::silence::Silence;
use crate::app::id::FeedId;
use crate::app::model::attribution::{Attribution, attribute};
use crate::app::model::observed::FeedState;
use crate::app::model::withheld::Withheld;
use crate::app::state::State;
use crate::app::time::age;
use crate::app::trouble::Trouble;
use crate::app::verdict::{Standing, Verdict};

/// The name of the document's format.
pub const SCHEMA: &str = "baowatch.check/v1";

/// The document. Within `v1` fields are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckDocument {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When it was looked.
    pub observed_at: Timestamp,
    /// What was looked at; `null` when nothing could be connected to.
    pub cluster: Option<ClusterPart>,
    /// The sentence and what it rests on.
    pub verdict: VerdictPart,
    /// The exit code of the process.
    pub exit: u8,
    /// Worst first.
    pub alerts: Vec<AlertPart>,
    /// Every feed there is.
    pub feeds: Vec<FeedPart>,
}

/// `cluster`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterPart {
    /// The config entry's name, else the context's.
    pub name: String,
    /// The kubeconfig context, where there is one.
    pub context: Option<String>,
    /// `namespace/name` of the StatefulSet, or the address.
    pub vault: String,
}

/// `verdict`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictPart {
    /// One of the six states.
    pub state: &'static str,
    /// The sentence.
    pub sentence: String,
    /// What it rests on, worst first.
    pub because: Vec<String>,
    /// What to do next.
    pub next: String,
    /// How many replicas must restart until nobody serves; `null` when it cannot be counted.
    pub restarts_to_outage: Option<u32>,
    /// Where help could come from.
    pub recoverable: RecoverablePart,
    /// How a restarted replica opens again.
    pub reopens: ReopensPart,
    /// While blind: what it was before.
    pub was: Option<WasPart>,
    /// While keys are missing from the Secret: who took them away, as far as can be told.
    pub attribution: Option<Attribution>,
}

/// `verdict.recoverable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecoverablePart {
    /// By what.
    pub by: &'static str,
    /// Which generation of the keystore, where it is that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Where it lies or who it is.
    pub says: String,
}

/// `verdict.reopens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReopensPart {
    /// By what.
    pub by: &'static str,
    /// How sure.
    pub grade: &'static str,
}

/// `verdict.was`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WasPart {
    /// One of the six states.
    pub state: &'static str,
    /// Since when nothing newer is known.
    pub since: Timestamp,
}

/// One of `alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertPart {
    /// The rule's name.
    pub rule: &'static str,
    /// `critical`, `warning`, `info`.
    pub severity: &'static str,
    /// `firing`, `pending`, `unknown`, `acknowledged`, `silenced`.
    pub state: &'static str,
    /// About what.
    pub subject: SubjectPart,
    /// Since when.
    pub since: Timestamp,
    /// What is wrong.
    pub sentence: String,
    /// Why.
    pub why: String,
    /// What next.
    pub next: String,
    /// The action that repairs it; `null` where none exists.
    pub action: Option<&'static str>,
    /// Until when somebody does not want to hear of it, why, and how bad it was then; left out where nobody said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence: Option<Silence>,
}

/// `alerts[].subject`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectPart {
    /// `Pod`, `Secret`, …
    pub kind: String,
    /// Empty where there is none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// One of `feeds`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedPart {
    /// The feed's name.
    pub name: &'static str,
    /// `live`, `stale`, `denied`, `unreachable`, `absent`.
    pub state: &'static str,
    /// How long ago it last answered; `null` when it never has.
    pub age_seconds: Option<f64>,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
    /// What of it may not be listed while the rest may; left out where it is nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
}

/// The document of this state, with the exit code in it.
pub fn document(state: &State, asked: &Asked) -> CheckDocument {
    let alerts = counted(state)
        .filter(|alert| asked.shows(alert.rule.0))
        .map(|alert| AlertPart {
            rule: alert.rule.0,
            severity: alert.severity.word(),
            state: alert.state.word(),
            subject: SubjectPart {
                kind: alert.subject.kind.to_string(),
                namespace: alert.subject.namespace.to_string(),
                name: alert.subject.name.to_string(),
            },
            since: seconds(alert.since),
            sentence: alert.sentence.clone(),
            why: alert.why.clone(),
            next: alert.next.clone(),
            action: alert.action.map(crate::app::id::ActionId::name),
            silence: state
                .alerts
                .silence_of(alert)
                .map(|silence| Silence { until: seconds(silence.until), ..silence.clone() }),
        })
        .collect();
    let cluster = state.model.cluster.as_ref().map(|cluster| ClusterPart {
        name: cluster.name.clone(),
        context: cluster.context.clone(),
        vault: cluster.vault.clone(),
    });
    CheckDocument {
        schema: SCHEMA,
        observed_at: seconds(state.now),
        cluster,
        verdict: VerdictPart { attribution: attribute(&state.model.history), ..verdict(&state.verdict) },
        exit: code(state.verdict.state, counted(state), asked),
        alerts,
        feeds: FeedId::ALL.into_iter().map(|feed| feed_part(state, feed)).collect(),
    }
}

/// The document when there was nothing to look at: no kubeconfig, several vaults, a wrong address. Exit code 3.
pub fn sightless(trouble: &Trouble, now: Timestamp) -> CheckDocument {
    CheckDocument {
        schema: SCHEMA,
        observed_at: seconds(now),
        cluster: None,
        verdict: VerdictPart {
            state: Standing::Blind.word(),
            sentence: trouble.what.clone(),
            because: Some(trouble.why.clone()).into_iter().filter(|why| !why.is_empty()).collect(),
            next: trouble.next.clone(),
            restarts_to_outage: None,
            recoverable: RecoverablePart { by: "none-known", generation: None, says: String::new() },
            reopens: ReopensPart { by: "unknown", grade: "unknown" },
            was: None,
            attribution: None,
        },
        exit: 3,
        alerts: Vec::new(),
        feeds: Vec::new(),
    }
}

fn verdict(verdict: &Verdict) -> VerdictPart {
    VerdictPart {
        state: verdict.state.word(),
        sentence: verdict.sentence.clone(),
        because: verdict.because.clone(),
        next: verdict.next.clone(),
        restarts_to_outage: verdict.restarts_to_outage,
        recoverable: RecoverablePart {
            by: verdict.recoverable.by,
            generation: verdict.recoverable.generation,
            says: verdict.recoverable.says.clone(),
        },
        reopens: ReopensPart { by: verdict.reopens.by.word(), grade: verdict.reopens.grade.word() },
        was: verdict.was.as_ref().map(|was| WasPart { state: was.state.word(), since: seconds(was.since) }),
        attribution: None,
    }
}

fn feed_part(state: &State, feed: FeedId) -> FeedPart {
    let health = state.model.feeds.get(&feed);
    // A vault that is known by its address has no cluster whose feeds could be out of reach.
    let nowhere = health.is_none() && state.model.cluster.is_some() && !state.model.in_kubernetes();
    let word = if nowhere { FeedState::Absent } else { state.model.feed_state(feed, state.now) };
    let answered = health.and_then(|health| health.answered);
    FeedPart {
        name: feed.name(),
        state: word.word(),
        age_seconds: answered.map(|at| (age(state.now, at).as_secs_f64() * 10.0).round() / 10.0),
        trouble: health.and_then(|health| health.trouble.as_ref()).map(|trouble| trouble.value.clone()),
        withheld: state.model.withheld.get(&feed).cloned().unwrap_or_default(),
    }
}

/// Whole seconds: nobody compares alerts by the nanosecond.
fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_document_has_the_fields_of_the_contract() {
        let state = State::new(Settings::default(), at("2026-11-22T05:00:00.123Z"));
        let json = serde_json::to_value(document(&state, &Asked::default())).unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut top = keys(&json);
        top.sort();
        assert_eq!(top, ["alerts", "cluster", "exit", "feeds", "observedAt", "schema", "verdict"]);
        assert_eq!(json["observedAt"], "2026-11-22T05:00:00Z");
        let mut verdict = keys(&json["verdict"]);
        verdict.sort();
        let expected = [
            "attribution",
            "because",
            "next",
            "recoverable",
            "reopens",
            "restartsToOutage",
            "sentence",
            "state",
            "was",
        ];
        assert_eq!(verdict, expected);
        assert_eq!(json["feeds"].as_array().unwrap().len(), FeedId::ALL.len());
        assert_eq!(json["feeds"][0]["ageSeconds"], serde_json::Value::Null);
        assert_eq!(json["exit"], 3);
    }

    #[test]
    fn nothing_to_look_at_is_unknown_and_says_why() {
        let trouble = Trouble::local("several vaults", "data/a and data/b", "Choose with --vault");
        let json = serde_json::to_value(sightless(&trouble, at("2026-11-22T05:00:00Z"))).unwrap();
        assert_eq!(json["verdict"]["state"], "blind");
        assert_eq!(json["verdict"]["next"], "Choose with --vault");
        assert_eq!(json["exit"], 3);
        assert_eq!(json["cluster"], serde_json::Value::Null);
    }
}
