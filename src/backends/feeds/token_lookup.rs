//! One token asked about: through our own where that is allowed, else by itself, and never so that counted uses are spent.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;

use crate::app::model::tokens::{TokenAnswer, TokenSays, Wants};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::ask::{self, Ask};
use crate::backends::bao::error::classify;
use crate::backends::bao::token_wire::{self, About, Heard};
use crate::backends::keys::Salt;

/// What is asked, and with what.
pub(super) struct Question<'a> {
    /// Asks with the token itself.
    pub own: &'a Ask,
    /// Asks with our own, about it.
    pub asker: Option<&'a Ask>,
    pub token: &'a SecretString,
    pub namespace: &'a str,
    pub salt: &'a Salt,
    pub wants: &'a Wants,
    /// Its uses are counted, as far as is known already.
    pub counted: bool,
}

/// What came of it.
pub(super) enum Answered {
    Heard {
        answer: TokenAnswer,
        /// It asked for itself.
        itself: bool,
        counted: bool,
    },
    /// Asking would spend one of its uses.
    NotAsked(Trouble),
    /// Nobody answered.
    Unreached(Trouble),
}

pub(super) async fn lookup(question: &Question<'_>) -> Answered {
    match through_own(question).await {
        Ok(Some(answer)) => return answer,
        Ok(None) if question.counted => return Answered::NotAsked(counted()),
        Ok(None) => {}
        Err(trouble) => return Answered::Unreached(trouble),
    }
    by_itself(question).await.unwrap_or_else(Answered::Unreached)
}

/// Asks our own token about it; `None` where our own may not be told.
async fn through_own(question: &Question<'_>) -> Result<Option<Answered>, Trouble> {
    let Some(asker) = question.asker else { return Ok(None) };
    let answer = asker.about(question.namespace, About::Lookup(question.token)).await?;
    let answer = match token_wire::lookup(&answer, question.salt, true) {
        Heard::Says(says) => says,
        Heard::Dead => return Ok(Some(heard(TokenAnswer::Dead, false, question.counted))),
        Heard::MayNot => return Ok(None),
        // Not a no: asking the token itself instead could spend a use of it.
        Heard::Other => return Err(classify("the vault", "/v1/auth/token/lookup", &answer)),
    };
    // That settles it, whatever was assumed before.
    let uses_counted = answer.uses_left > 0;
    let capabilities = capabilities(question, uses_counted).await?;
    let says = TokenSays { capabilities, ..*answer };
    Ok(Some(heard(TokenAnswer::Says(Box::new(says)), false, uses_counted)))
}

async fn by_itself(question: &Question<'_>) -> Result<Answered, Trouble> {
    let this = ask::Question::LookupSelf;
    let answer = question.own.answer(question.namespace, &this).await?;
    Ok(match token_wire::lookup(&answer, question.salt, false) {
        Heard::Says(says) => {
            let counted = says.uses_left > 0;
            let capabilities = capabilities(question, counted).await?;
            heard(TokenAnswer::Says(Box::new(TokenSays { capabilities, ..*says })), true, counted)
        }
        Heard::Dead => heard(TokenAnswer::Dead, true, false),
        Heard::MayNot => {
            let line = "path \"auth/token/lookup-self\" { capabilities = [\"read\"] }";
            let trouble = Trouble::denied(
                "the token is accepted and may not look itself up",
                "it lacks the policy `default`, which allows that",
                &format!("Allow it in a policy of the token: {line}"),
            );
            heard(TokenAnswer::Unseen(trouble), true, false)
        }
        Heard::Other if answer.status == 200 => heard(TokenAnswer::Unseen(ask_rubbish(&answer)), true, false),
        Heard::Other => Answered::Unreached(classify("the vault", "/v1/auth/token/lookup-self", &answer)),
    })
}

fn ask_rubbish(answer: &crate::backends::bao::transport::Response) -> Trouble {
    crate::backends::bao::error::rubbish("the vault", "/v1/auth/token/lookup-self", answer)
}

/// What it may do on the paths that somebody named. `None` where asking would spend one of its uses.
async fn capabilities(
    question: &Question<'_>,
    counted: bool,
) -> Result<Option<BTreeMap<String, Vec<String>>>, Trouble> {
    let wants = question.wants;
    let paths: BTreeSet<&String> = wants.needs.keys().chain(wants.asks.keys()).collect();
    let paths: Vec<String> = paths.into_iter().cloned().collect();
    if paths.is_empty() {
        return Ok(Some(BTreeMap::new()));
    }
    if !counted {
        let this = ask::Question::Capabilities { paths: paths.clone() };
        let answer = question.own.answer(question.namespace, &this).await?;
        if let Some(seen) = token_wire::capabilities(&answer, &paths) {
            return Ok(Some(seen));
        }
    }
    let Some(asker) = question.asker else { return Ok(None) };
    let answer = asker.about(question.namespace, About::Capabilities(question.token, &paths)).await?;
    Ok(token_wire::capabilities(&answer, &paths))
}

const fn heard(answer: TokenAnswer, itself: bool, counted: bool) -> Answered {
    Answered::Heard { answer, itself, counted }
}

fn counted() -> Trouble {
    Trouble::new(
        TroubleKind::Denied,
        "its uses may be counted, and asking it about itself would spend one",
        "our own token may not look up others, which spends nothing",
        "Allow it in a policy of our own token: path \"auth/token/lookup\" { capabilities = [\"update\"] }; \
         path \"sys/capabilities\" { capabilities = [\"update\"] }. Or say `limited: false` of it in the configuration, \
         where its uses are not counted",
    )
}
