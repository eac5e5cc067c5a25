//! Alerts that somebody does not want to hear of for a while. They outlive the session: a console that is started anew, and
//! every `check` on the same machine, keeps to them until they end.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Severity;
use crate::app::id::ObjectRef;

/// Until when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// How bad it was then: what gets worse than that is heard.
    pub severity: Severity,
    /// Until when.
    pub until: Timestamp,
    /// Why, in that person's words.
    pub reason: String,
}

/// A silence and the alert that it is about, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silenced {
    /// The rule's name: whoever reads it may know other rules.
    pub rule: String,
    /// About what.
    pub subject: ObjectRef,
    /// One that has ended lifts what was there before.
    #[serde(flatten)]
    pub silence: Silence,
}

impl Silenced {
    /// What is in force at `now` once this was added: the newest word on an alert counts, and what has ended is left out.
    #[must_use]
    pub fn joined(self, others: Vec<Self>, now: Timestamp) -> Vec<Self> {
        let same = |other: &Self| other.rule == self.rule && other.subject == self.subject;
        let mut all: Vec<Self> = others.into_iter().filter(|other| !same(other)).collect();
        all.push(self);
        all.retain(|one| one.silence.until > now);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silenced(rule: &str, name: &str, until: i64) -> Silenced {
        let until = Timestamp::from_second(until).unwrap();
        let silence = Silence { severity: Severity::Warning, until, reason: "it is known".to_owned() };
        Silenced { rule: rule.to_owned(), subject: ObjectRef::pod("data", name), silence }
    }

    #[test]
    fn the_newest_word_counts_and_what_has_ended_goes() {
        let before = vec![silenced("a", "0", 50), silenced("a", "1", 200), silenced("b", "1", 300)];
        let now = Timestamp::from_second(100).unwrap();
        let after = silenced("a", "1", 400).joined(before.clone(), now);
        assert_eq!(after, [silenced("b", "1", 300), silenced("a", "1", 400)]);
        let lifted = silenced("a", "1", 100).joined(before, now);
        assert_eq!(lifted, [silenced("b", "1", 300)]);
    }

    #[test]
    fn it_is_written_as_one_flat_object() {
        let text = serde_json::to_string(&silenced("vault-sealed", "0", 0)).unwrap();
        assert_eq!(
            text,
            r#"{"rule":"vault-sealed","subject":{"kind":"Pod","namespace":"data","name":"0"},"severity":"warning","until":"1970-01-01T00:00:00Z","reason":"it is known"}"#
        );
        assert_eq!(serde_json::from_str::<Silenced>(&text).unwrap(), silenced("vault-sealed", "0", 0));
    }
}
