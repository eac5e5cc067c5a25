//! A token is about to end, or has ended.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::fires;
use super::token_drift::each_token;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::tokens::{TokenAnswer, TokenOrigin, TokenSays, TokenSeen};
use crate::app::time::spoken;
use crate::app::tokens::{EXPIRING, left, percent_left, whole, written};

/// The rule.
pub struct TokenExpiring;

impl Rule for TokenExpiring {
    fn id(&self) -> RuleId {
        RuleId("token-expiring")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "less than a quarter of a token's period is left; critical below a twentieth, or when it is not accepted any more"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/token-expiring.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each_token(model, now, |token| match &token.answer {
            TokenAnswer::Says(says) => expiring(model, token, says, now),
            TokenAnswer::Dead => Some(dead(token, now)),
            // That its file is empty is another rule's matter.
            TokenAnswer::NoToken(_) | TokenAnswer::Unseen(_) => None,
        })
    }
}

fn dead(token: &TokenSeen, now: Timestamp) -> Finding {
    let name = token.origin.name();
    match &token.origin {
        TokenOrigin::KeysSecret => fires(
            Severity::Info,
            "The root token in the keys Secret does not work".to_owned(),
            "the vault does not accept it: it was revoked, or is of another vault",
            "If it was revoked on purpose, take its field out of the Secret and out of the keystore",
            None,
        ),
        TokenOrigin::Own | TokenOrigin::File(_) => fires(
            Severity::Critical,
            format!("Token {name} is not accepted any more"),
            &because("it is expired, revoked, used up or of another vault", &written(token, now)),
            "Make a new one (periodic, orphan, with its own policy) and write it into its file, mode 0600",
            None,
        ),
    }
}

fn expiring(model: &Model, token: &TokenSeen, says: &TokenSays, now: Timestamp) -> Option<Finding> {
    let (warning, critical) = model.expect.limits("token-expiring", EXPIRING.0, EXPIRING.1);
    let percent = percent_left(token, says, now)?;
    let severity = match percent {
        percent if percent < critical => Severity::Critical,
        percent if percent < warning => Severity::Warning,
        _ => return None,
    };
    let (left, whole) = (left(token, says, now)?, whole(says)?);
    let sentence = format!("Token {} ends in {} of {}", token.origin.name(), spoken(left), spoken(whole));
    let why = match (says.period.is_some(), says.renewed) {
        (true, None) => "it is periodic and was never renewed: whatever should renew it does not run",
        (true, Some(_)) => "it is periodic and was not renewed lately: whatever should renew it stopped",
        (false, _) if says.renewable => "nobody renewed it",
        (false, _) => "it cannot be renewed",
    };
    let next = if says.renewable && says.uses_left == 0 {
        "Renew it with itself: bao token renew; then mend what should do it regularly"
    } else {
        "Make a new one and write it into its file, mode 0600"
    };
    Some(fires(severity, sentence, why, next, None))
}

fn because(why: &str, also: &str) -> String {
    if also.is_empty() { why.to_owned() } else { format!("{why}; {also}") }
}
