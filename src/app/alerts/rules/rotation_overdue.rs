//! A static role should have been rotated and was not: usually its database does not answer the vault.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::engines_blind;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::engines::{Part, StaticRoleSeen};
use crate::app::rotation::{Standing, role_ref, standing};
use crate::app::time::{age, moment, spoken};

/// The rule.
pub struct RotationOverdue;

impl Rule for RotationOverdue {
    fn id(&self) -> RuleId {
        RuleId("rotation-overdue")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Engines, FeedId::Sync]
    }

    fn fires_when(&self) -> &'static str {
        "a database static role is late; critical from a whole period on"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/rotation-overdue.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let (seen, mut findings) = match engines_blind::look(model, "StaticRole", &[Part::StaticRoles], now) {
            Ok(found) => found,
            Err(findings) => return findings,
        };
        let limits = model.expect.limits(self.id().0, 0, 100);
        findings.extend(seen.static_roles.iter().map(|role| (role_ref(role), judge(role, limits, now))));
        if seen.unread > 0 {
            let unread = format!("{} static roles were not read yet, within the questions of a look", seen.unread);
            findings.push((ObjectRef::new("StaticRole", "", "unread"), Finding::Unknown(unread)));
        }
        findings
    }
}

fn judge(role: &StaticRoleSeen, (warning, critical): (u64, u64), now: Timestamp) -> Finding {
    let (due, percent) = match standing(role, now) {
        Standing::Overdue { due, percent } if percent >= warning => (due, percent),
        Standing::Overdue { .. } | Standing::Current { .. } | Standing::Queued { .. } | Standing::Never => {
            return Finding::Clear;
        }
    };
    let late = spoken(age(now, due));
    let rotated = role.rotated.map(|at| moment(now, at)).unwrap_or_default();
    Finding::Firing(Firing {
        severity: if percent >= critical { Severity::Critical } else { Severity::Warning },
        sentence: format!("{} is overdue for rotation by {late}", role.place.under(&role.role)),
        why: format!(
            "last rotated at {rotated}; the vault goes on handing out the old password of {} and reports no error",
            role.username
        ),
        next: format!("See whether the database of connection {} answers the vault", role.connection),
        action: None,
        evidence_since: Some(due),
    })
}
