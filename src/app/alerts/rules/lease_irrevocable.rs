//! Leases that the vault gave up revoking: database users that nobody removes any more.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::engines_blind;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::engines::Part;
use crate::app::rotation::irrevocable_ref;

/// The rule.
pub struct LeaseIrrevocable;

impl Rule for LeaseIrrevocable {
    fn id(&self) -> RuleId {
        RuleId("lease-irrevocable")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Engines, FeedId::Sync]
    }

    fn fires_when(&self) -> &'static str {
        "leases cannot be revoked: 1 is a warning, 100 are critical"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/lease-irrevocable.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let (seen, mut findings) = match engines_blind::look(model, "Leases", &[Part::Irrevocable], now) {
            Ok(found) => found,
            Err(findings) => return findings,
        };
        let (warning, critical) = model.expect.limits(self.id().0, 1, 100);
        let Some(count) = seen.irrevocable else { return findings };
        if count < warning.max(1) {
            findings.push((irrevocable_ref(), Finding::Clear));
            return findings;
        }
        let why = match seen.irrevocable_errors.first() {
            Some((prefix, error)) => format!("under {prefix}: {error}"),
            None => "the vault gave up after its retries; why, only the list of them says".to_owned(),
        };
        let leases = if count == 1 { "1 lease cannot" } else { &format!("{count} leases cannot") };
        findings.push((
            irrevocable_ref(),
            Finding::Firing(Firing {
                severity: if count >= critical { Severity::Critical } else { Severity::Warning },
                sentence: format!("{leases} be revoked"),
                why,
                next: "Mend what the error names, then revoke them again; what they stand for may live on until then"
                    .to_owned(),
                action: None,
                evidence_since: None,
            }),
        ));
        findings
    }
}
