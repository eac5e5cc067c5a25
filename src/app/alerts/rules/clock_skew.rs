//! A server's clock differs from ours: tokens and certificates end early or late, and ages on the screen lie.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::{no_replicas, replica_ref};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::seal::SealSeen;
use crate::app::verdict::replicas::{Condition, conditions};

/// Seconds that are tolerated: a slow answer and rounding to seconds explain a few.
const TOLERATED: u64 = 30;

/// The rule.
pub struct ClockSkew;

impl Rule for ClockSkew {
    fn id(&self) -> RuleId {
        RuleId("clock-skew")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    /// One answer that was held up is no skew.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(10)
    }

    fn fires_when(&self) -> &'static str {
        "a server's clock is off by more than 30 s"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/clock-skew.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Some(blind) = no_replicas(model, now) {
            return blind;
        }
        let judged = conditions(model, now).into_iter().map(|(replica, condition)| {
            let finding = match condition {
                Condition::Open(seen) | Condition::Sealed(seen) | Condition::Uninitialised(seen) => {
                    judge(&replica.name, seen)
                }
                Condition::Unreachable(trouble) => Finding::Unknown(format!("it does not answer: {}", trouble.what)),
                Condition::Unseen(unseen) => Finding::Unknown(unseen.why),
                Condition::Gone(_) | Condition::Waiting(_) => Finding::Clear,
            };
            (replica_ref(model, &replica.name), finding)
        });
        judged.collect()
    }
}

fn judge(name: &str, seen: &SealSeen) -> Finding {
    // Old servers do not tell their time: then there is nothing to compare.
    let Some(skew) = seen.skew_seconds.filter(|skew| skew.unsigned_abs() > TOLERATED) else { return Finding::Clear };
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    // In coarse steps: the last digits change with every answer.
    let about = skew.unsigned_abs() / 10 * 10;
    Finding::Firing(Firing {
        severity: Severity::Warning,
        sentence: format!("The clock of {name} is about {about} s {direction} ours"),
        why: "one of the two is wrong: leases, tokens and certificates end at the wrong time".to_owned(),
        next: "Compare both with a third clock, then mend NTP where it is off".to_owned(),
        action: None,
        evidence_since: None,
    })
}
