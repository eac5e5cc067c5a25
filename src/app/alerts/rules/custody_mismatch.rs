//! A key file is not the one that is kept: somebody replaced it, or a daemon made itself a new key.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::{each_file, fires, restores};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::custody::CustodyState;

/// The rule.
pub struct CustodyMismatch;

impl Rule for CustodyMismatch {
    fn id(&self) -> RuleId {
        RuleId("custody-mismatch")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "a key file differs from the copy in custody"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/custody-mismatch.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each_file(model, now, |file| {
            let why = match &file.state {
                CustodyState::Different { print } => format!("it is {print}, and {} is kept", file.print),
                CustodyState::WrongSize { len } => format!("it has {len} bytes, and {} are kept", file.size),
                CustodyState::Same
                | CustodyState::Missing
                | CustodyState::Unreadable(_)
                | CustodyState::Elsewhere { .. } => return None,
            };
            Some(fires(
                Severity::Critical,
                format!("Key file {} is not the one that is kept: {}", file.name, file.path),
                &why,
                "Find out who wrote it. Put the kept one back, unless what is encrypted since needs the new one",
                restores(file),
            ))
        })
    }
}
