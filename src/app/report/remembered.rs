//! What one run of `check` tells the next: since when each alert holds, and what the verdict was.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::alerts::{Alert, AlertState};
use crate::app::id::{Identity, ObjectRef};
use crate::app::state::State;
use crate::app::trouble::Trouble;
use crate::app::verdict::Standing;

/// The name of the file's format.
pub const SCHEMA: &str = "baowatch.check-state/v1";

/// The memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remembered {
    /// [`SCHEMA`].
    pub schema: String,
    /// Which vault it is about; `None` before the first run.
    pub identity: Option<Identity>,
    /// The last verdict that was not `blind`, and when it last held.
    pub sighted: Option<Sighted>,
    /// Alerts that held.
    pub alerts: Vec<Held>,
}

/// A verdict and when it last held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighted {
    /// The verdict.
    pub state: Standing,
    /// When.
    pub at: Timestamp,
}

/// One alert that held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which rule.
    pub rule: String,
    /// About what.
    pub subject: ObjectRef,
    /// Since when.
    pub since: Timestamp,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { schema: SCHEMA.to_owned(), identity: None, sighted: None, alerts: Vec::new() }
    }
}

impl Remembered {
    /// Refuses a memory of another vault: its times mean nothing here.
    pub fn belongs_to(&self, identity: &Identity) -> Result<(), Trouble> {
        if self.identity.as_ref().is_none_or(|theirs| theirs == identity) {
            return Ok(());
        }
        Err(Trouble::local(
            "the state file belongs to another cluster or vault",
            "its times would be taken for this one's",
            "Give each vault a --state file of its own; this one was left as it is",
        ))
    }

    /// For [`State::sighted`]: what a blind verdict says it was before.
    pub fn sighted(&self) -> Option<(Standing, Timestamp)> {
        self.sighted.map(|sighted| (sighted.state, sighted.at))
    }

    /// For `AlertBook::restore`: since when each alert has held.
    pub fn held(&self) -> Vec<(String, ObjectRef, Timestamp)> {
        self.alerts.iter().map(|held| (held.rule.clone(), held.subject.clone(), held.since)).collect()
    }

    /// What the next run should know. An alert that cannot be seen now keeps its place if it was seen to hold before;
    /// one that has only ever been unknown, or that is clear, is not kept.
    #[must_use]
    pub fn next(&self, state: &State) -> Self {
        let alerts = counted(state)
            .filter(|alert| alert.state != AlertState::Unknown || self.holds(alert))
            .map(|alert| Held { rule: alert.rule.0.to_owned(), subject: alert.subject.clone(), since: alert.since })
            .collect();
        let now = Sighted { state: state.verdict.state, at: state.now };
        Self {
            schema: SCHEMA.to_owned(),
            identity: state.model.cluster.as_ref().map(|cluster| cluster.identity.clone()).or(self.identity.clone()),
            sighted: if state.verdict.state == Standing::Blind { self.sighted } else { Some(now) },
            alerts,
        }
    }

    fn holds(&self, alert: &Alert) -> bool {
        self.alerts.iter().any(|held| held.rule == alert.rule.0 && held.subject == alert.subject)
    }
}

/// The alerts that count in one look. One that waits out its `clear` duration is left out: the look found it clear, and
/// no later look of this process will say so again.
pub fn counted(state: &State) -> impl Iterator<Item = &Alert> {
    state.alerts.all().iter().filter(|alert| alert.clear_since.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::model::fact::{ClusterSeen, Environment};
    use crate::app::settings::Settings;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn state(now: i64, standing: Standing) -> State {
        let mut state = State::new(Settings::default(), at(now));
        state.verdict.state = standing;
        state.model.cluster = Some(ClusterSeen {
            name: "lab".into(),
            context: None,
            vault: "data/openbao".into(),
            identity: Identity("uid/data/openbao".into()),
            environment: Environment::Lab,
            kubernetes: true,
            notes: Vec::new(),
        });
        state
    }

    #[test]
    fn a_blind_run_keeps_what_was_seen_last() {
        let first = Remembered::default().next(&state(100, Standing::Survives));
        let second = first.next(&state(200, Standing::Blind));
        assert_eq!(second.sighted(), Some((Standing::Survives, at(100))));
        assert_eq!(second.identity, Some(Identity("uid/data/openbao".into())));
        assert!(second.belongs_to(&Identity("other".into())).is_err());
        assert!(Remembered::default().belongs_to(&Identity("other".into())).is_ok());
    }
}
