//! The memory of alerts: since when, fired or pending, acknowledged, silenced; losing sight clears nothing.

use jiff::Timestamp;

use super::{Alert, AlertState, Severity};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::settings::Settings;

/// All alerts, worst first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertBook {
    alerts: Vec<Alert>,
}

impl AlertBook {
    /// Worst first, then oldest.
    pub fn all(&self) -> &[Alert] {
        &self.alerts
    }

    /// How many of this severity are firing.
    pub fn firing(&self, severity: Severity) -> usize {
        self.alerts.iter().filter(|a| a.severity == severity && a.state == AlertState::Firing).count()
    }

    /// One alert.
    pub fn get(&self, rule: &str, subject: &ObjectRef) -> Option<&Alert> {
        self.alerts.iter().find(|a| a.rule.0 == rule && a.subject == *subject)
    }

    /// Judges every rule anew.
    pub fn review(&mut self, _model: &Model, _settings: &Settings, _now: Timestamp) {}

    /// Somebody has seen it.
    pub fn acknowledge(&mut self, _rule: &RuleId, _subject: &ObjectRef) {}

    /// Not until then.
    pub fn silence(&mut self, _rule: &RuleId, _subject: &ObjectRef, _until: Timestamp) {}
}
