//! The vault has no audit device: nobody will ever know who read what.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use crate::app::estate::estate;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::raft::{InSight, part};

/// The rule.
pub struct AuditSilent;

impl Rule for AuditSilent {
    fn id(&self) -> RuleId {
        RuleId("audit-silent")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn hold(&self) -> SignedDuration {
        SignedDuration::ZERO
    }

    fn fires_when(&self) -> &'static str {
        "the vault has no audit device"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/audit-silent.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let finding = match estate(model, now) {
            InSight::Absent => return Vec::new(),
            InSight::Unseen(why) => Finding::Unknown(why),
            InSight::Here(seen) => match part(&seen.audit) {
                InSight::Absent => return Vec::new(),
                InSight::Unseen(why) => Finding::Unknown(why),
                InSight::Here(devices) if devices.is_empty() => Finding::Firing(Firing {
                    severity: Severity::Warning,
                    sentence: "The vault has no audit device".to_owned(),
                    why: "no request is written down anywhere: who read or changed what cannot be told".to_owned(),
                    next:
                        "Declare one in the server's configuration: audit \"file\" \"to-file\" { options { file_path = \
                           \"stdout\" } }"
                            .to_owned(),
                    action: None,
                    evidence_since: None,
                }),
                InSight::Here(_) => Finding::Clear,
            },
        };
        vec![(model.vault_ref(), finding)]
    }
}
