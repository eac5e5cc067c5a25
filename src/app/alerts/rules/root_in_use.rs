//! A root token does daily work.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::fires;
use super::token_drift::each_token;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::tokens::{TokenAnswer, TokenOrigin};

/// The rule.
pub struct RootInUse;

impl Rule for RootInUse {
    fn id(&self) -> RuleId {
        RuleId("root-in-use")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "our own token or a configured one is a root token; the one in the keys Secret is only shown"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/root-in-use.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each_token(model, now, |token| {
            let TokenAnswer::Says(says) = &token.answer else { return None };
            if !says.root || token.origin == TokenOrigin::KeysSecret {
                return None;
            }
            Some(fires(
                Severity::Warning,
                format!("Token {} is a root token in daily use", token.origin.name()),
                "it may do everything and never ends: whoever gets it has the vault",
                "Make a periodic orphan token with a policy of its own, and revoke this one",
                None,
            ))
        })
    }
}
