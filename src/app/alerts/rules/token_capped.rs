//! A token that is meant to be renewed for ever has an end.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::fires;
use super::token_drift::each_token;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::tokens::TokenAnswer;
use crate::app::tokens::capped;

/// The rule.
pub struct TokenCapped;

impl Rule for TokenCapped {
    fn id(&self) -> RuleId {
        RuleId("token-capped")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "explicit_max_ttl or the cap on leases ends a token for good, or shortens it at its next renewal"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/token-capped.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each_token(model, now, |token| {
            let TokenAnswer::Says(says) = &token.answer else { return None };
            let capped = capped(token, says)?;
            Some(fires(
                Severity::Warning,
                format!("Token {} {}", token.origin.name(), capped.says),
                &capped.why,
                "Before then replace it by a periodic orphan token without explicit_max_ttl",
                None,
            ))
        })
    }
}
