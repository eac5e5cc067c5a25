//! What one run of `check` tells the next: since when each alert holds, and what the verdict was.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::alerts::{Alert, AlertState, rules};
use crate::app::id::{Identity, ObjectRef};
use crate::app::state::State;
use crate::app::time::age;
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
    /// It was seen to hold once; what has only ever been unknown was not.
    pub seen: bool,
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

    /// What the next run should know: this run's alerts with the earliest time known for each.
    pub fn next(&self, state: &State) -> Self {
        let alerts = as_counted(state, Some(self))
            .into_iter()
            .map(|alert| Held {
                seen: alert.state != AlertState::Unknown || self.held(&alert).is_some_and(|held| held.seen),
                rule: alert.rule.0.to_owned(),
                subject: alert.subject,
                since: alert.since,
            })
            .collect();
        let now = Sighted { state: state.verdict.state, at: state.now };
        Self {
            schema: SCHEMA.to_owned(),
            identity: state.model.cluster.as_ref().map(|cluster| cluster.identity.clone()).or(self.identity.clone()),
            sighted: if state.verdict.state == Standing::Blind { self.sighted } else { Some(now) },
            alerts,
        }
    }

    fn held(&self, alert: &Alert) -> Option<&Held> {
        self.alerts.iter().find(|held| held.rule == alert.rule.0 && held.subject == alert.subject)
    }
}

/// The alerts as one look counts them.
///
/// With a memory, an alert holds since the earliest run that saw it, and fires once that is long enough. Without one, a
/// duration is judged from the evidence's own time, and where there is none it counts as passed.
pub fn as_counted(state: &State, memory: Option<&Remembered>) -> Vec<Alert> {
    state
        .alerts
        .all()
        .iter()
        .map(|alert| {
            let mut alert = alert.clone();
            if let Some(held) = memory.and_then(|memory| memory.held(&alert)) {
                // A time without sight is not a time in which it held.
                if held.seen || alert.state == AlertState::Unknown {
                    alert.since = alert.since.min(held.since);
                }
            }
            let passed = match memory {
                Some(_) => age(state.now, alert.since) >= hold(state, &alert),
                // Older than this look: by the evidence's own time, which has been judged already.
                None => alert.since >= state.began,
            };
            if alert.state == AlertState::Pending && passed {
                alert.state = AlertState::Firing;
            }
            alert
        })
        .collect()
}

fn hold(state: &State, alert: &Alert) -> jiff::SignedDuration {
    let configured = state.settings.rules.get(alert.rule.0).and_then(|timing| timing.hold);
    configured
        .or_else(|| rules::all().iter().find(|rule| rule.id() == alert.rule).map(|rule| rule.hold()))
        .unwrap_or_default()
}
