//! A key file can be read by others than its owner, or not by its owner.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::{each_file, fires, restores};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;

/// The rule.
pub struct CustodyPermissions;

impl Rule for CustodyPermissions {
    fn id(&self) -> RuleId {
        RuleId("custody-permissions")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "a key file has another mode or another owner than it should have"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/custody-permissions.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each_file(model, now, |file| {
            let wrong = file.permissions()?;
            let (uid, gid) = file.owner;
            let next = format!("chmod {:04o} {path}; chown {uid}:{gid} {path}", file.mode, path = file.path);
            let sentence = format!("Key file {} has the wrong permissions: {wrong}", file.name);
            Some(fires(Severity::Warning, sentence, &file.path, &next, restores(file)))
        })
    }
}
