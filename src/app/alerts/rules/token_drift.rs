//! A token is not who it should be: a login wrote over its file, or the file is gone.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::fires;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::tokens::{TokenAnswer, TokenOrigin, TokenSeen};
use crate::app::tokens::{self, Drift, Sight, drift, written};

/// The rule.
pub struct TokenDrift;

impl Rule for TokenDrift {
    fn id(&self) -> RuleId {
        RuleId("token-drift")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "a token is not the one that the configuration expects, its file holds none, or (warning) it changed its identity"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/token-drift.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        each_token(model, now, |token| {
            // What a root token is called says nothing of who it is.
            let drift = drift(model, token).filter(|_| token.origin != TokenOrigin::KeysSecret)?;
            Some(drifted(token, &drift, now))
        })
    }
}

fn drifted(token: &TokenSeen, drift: &Drift, now: Timestamp) -> Finding {
    let name = token.origin.name();
    let sentence = match &token.answer {
        TokenAnswer::NoToken(_) => format!("Token {name}: {}", drift.says),
        TokenAnswer::Says(_) | TokenAnswer::Dead | TokenAnswer::Unseen(_) => format!("Token {name} {}", drift.says),
    };
    let parts = [drift.was.clone(), written(token, now)];
    let why = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("; ");
    let (severity, next) = if drift.certain {
        let next =
            "Write the right token back into the file (mode 0600), and keep logins out of it: bao login -no-store";
        (Severity::Critical, next)
    } else {
        let next =
            "If this was not meant, put the other token back; if it was, write its displayName into the configuration";
        (Severity::Warning, next)
    };
    fires(severity, sentence, &why, next, None)
}

/// Judges every token; one that cannot be seen is unknown to every rule, and where there is none there is no finding.
pub(super) fn each_token(
    model: &Model,
    now: Timestamp,
    judge: impl Fn(&TokenSeen) -> Option<Finding>,
) -> Vec<(ObjectRef, Finding)> {
    let seen = match tokens::seen(model, now) {
        Sight::Absent => return Vec::new(),
        Sight::Unseen(unseen) => return vec![(model.vault_ref(), Finding::Unknown(unseen.says()))],
        Sight::Seen(seen) => seen,
    };
    let judged = seen.iter().map(|token| {
        let finding = match (&token.answer, &token.origin) {
            // Nobody asked for it to be watched: not seeing it is nothing to be told.
            (TokenAnswer::Unseen(_), TokenOrigin::KeysSecret) => Finding::Clear,
            (TokenAnswer::Unseen(trouble), TokenOrigin::Own | TokenOrigin::File(_)) => {
                Finding::Unknown(format!("{}: {}", token.origin.name(), trouble.what))
            }
            (TokenAnswer::Says(_) | TokenAnswer::Dead | TokenAnswer::NoToken(_), _) => {
                judge(token).unwrap_or(Finding::Clear)
            }
        };
        (token.origin.subject(), finding)
    });
    judged.collect()
}
