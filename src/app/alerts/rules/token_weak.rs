//! A token cannot do what it must, or does not stay secret, or is spent by being used.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::fires;
use super::token_drift::each_token;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::tokens::{TokenAnswer, TokenSays, TokenSeen};
use crate::app::text::count;
use crate::app::tokens::{lacking, policy_lines, spends};

/// The rule.
pub struct TokenWeak;

impl Rule for TokenWeak {
    fn id(&self) -> RuleId {
        RuleId("token-weak")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "a token lacks a capability that the configuration names, or its file is open to others; info where ours may not \
         answer all questions"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/token-weak.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each_token(model, now, |token| {
            let says = match &token.answer {
                TokenAnswer::Says(says) => Some(says),
                // Whoever can read a dead token's file can read the next one too.
                TokenAnswer::Dead => None,
                TokenAnswer::NoToken(_) | TokenAnswer::Unseen(_) => return None,
            };
            let lacks = says.and_then(|says| lacks(token, says));
            lacks.or_else(|| open(token)).or_else(|| says.and_then(|says| blind(token, says)))
        })
    }
}

fn lacks(token: &TokenSeen, says: &TokenSays) -> Option<Finding> {
    let name = token.origin.name();
    let Some(lacks) = lacking(says, &token.wants.needs) else {
        return Some(Finding::Unknown(format!(
            "{name}: what it may do is not known: asking would spend one of its uses, or it may not ask"
        )));
    };
    let (path, caps) = lacks.iter().next()?;
    let more = lacks.len() - 1;
    let also = if more == 0 { String::new() } else { format!(", and {}", count(more, "path")) };
    Some(fires(
        Severity::Warning,
        format!("Token {name} may not {} {path}{also}", caps.join(", ")),
        "the vault was asked what it may do there (sys/capabilities)",
        &format!("Add to one of its policies: {}", policy_lines(&lacks)),
        None,
    ))
}

fn open(token: &TokenSeen) -> Option<Finding> {
    let file = token.file.as_ref()?;
    let wrong = file.permissions()?;
    let sentence = format!("The file of token {} has the wrong permissions: {wrong}", token.origin.name());
    let why = format!("whoever reads {} has the token", file.path);
    Some(fires(Severity::Warning, sentence, &why, &format!("chmod 0600 {}, and make it yours", file.path), None))
}

fn blind(token: &TokenSeen, says: &TokenSays) -> Option<Finding> {
    if spends(token, says) {
        return Some(fires(
            Severity::Warning,
            format!("Our own token has {} left", count(says.uses_left as usize, "use")),
            "every question that is asked with it spends one, until it is gone",
            "Give Baowatch a periodic token without num_uses",
            None,
        ));
    }
    let lacks = lacking(says, &token.wants.asks).filter(|lacks| !lacks.is_empty())?;
    let names: Vec<&str> = lacks.keys().map(String::as_str).collect();
    Some(fires(
        Severity::Info,
        format!("Our own token does not see {}", names.join(", ")),
        "what these would show stays unseen; nothing else depends on it",
        &format!("Allow it in a policy of the token: {}", policy_lines(&lacks)),
        None,
    ))
}
