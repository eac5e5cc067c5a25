//! A key file that is kept in custody is not where it belongs, or is kept nowhere else.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::{each_file, fires, restores};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::custody::CustodyState;

/// The rule.
pub struct CustodyMissing;

impl Rule for CustodyMissing {
    fn id(&self) -> RuleId {
        RuleId("custody-missing")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "a key file in custody is gone; a warning where its only copies are on the host it lies on"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/custody-missing.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each_file(model, now, |file| match (&file.state, &file.near) {
            (CustodyState::Missing, _) => Some(fires(
                Severity::Critical,
                format!("Key file {} is gone: {}", file.name, file.path),
                "what reads it will not start again, or will make itself another key",
                "Put it back from the keystore before anything that reads it restarts",
                restores(file),
            )),
            (_, Some(near)) => Some(fires(
                Severity::Warning,
                format!("The only copies of key file {} are on the host it lies on", file.name),
                near,
                "Put a copy of the keystore on another machine or stick: `baowatch keys copy add`",
                None,
            )),
            (CustodyState::Same | CustodyState::Different { .. } | CustodyState::WrongSize { .. }, None)
            | (CustodyState::Unreadable(_) | CustodyState::Elsewhere { .. }, None) => None,
        })
    }
}
