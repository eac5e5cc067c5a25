//! What moved between two looks at the tokens, told on the timeline; and who each was when it was first seen.

use jiff::Timestamp;

use super::say;
use crate::app::model::Model;
use crate::app::model::timeline::Tone;
use crate::app::model::tokens::{TokenAnswer, TokenSays, TokenSeen};
use crate::app::time::quiet;

/// Compares each token with what it was.
pub(super) fn tell(model: &mut Model, before: &[TokenSeen], seen: &[TokenSeen], now: Timestamp) {
    for token in seen {
        if let TokenAnswer::Says(says) = &token.answer {
            model.token_firsts.entry(token.origin.name().to_owned()).or_insert_with(|| says.identity());
        }
        let Some(old) = before.iter().find(|old| old.origin == token.origin) else { continue };
        let Some((what, detail, tone)) = moved(old, token) else { continue };
        say(model, now, token.origin.subject(), &what, &detail, tone);
    }
}

fn moved(old: &TokenSeen, new: &TokenSeen) -> Option<(String, String, Tone)> {
    let file = new.file.as_ref().map(|file| file.path.clone()).unwrap_or_default();
    match (&old.answer, &new.answer) {
        (TokenAnswer::Says(was), TokenAnswer::Says(is)) => changed(was, is, &file),
        (TokenAnswer::Says(_) | TokenAnswer::NoToken(_) | TokenAnswer::Unseen(_), TokenAnswer::Dead) => {
            Some(("is not accepted any more".to_owned(), "expired, revoked or used up".to_owned(), Tone::Grave))
        }
        (TokenAnswer::Dead | TokenAnswer::NoToken(_), TokenAnswer::Says(is)) => {
            Some((format!("is {} and works", named(is)), file, Tone::Plain))
        }
        (TokenAnswer::Says(_) | TokenAnswer::Dead | TokenAnswer::Unseen(_), TokenAnswer::NoToken(trouble)) => {
            Some((trouble.what.clone(), trouble.why.clone(), Tone::Grave))
        }
        // Losing sight of one is told by its row and by the feed.
        (TokenAnswer::Dead, TokenAnswer::Dead)
        | (TokenAnswer::NoToken(_), TokenAnswer::NoToken(_))
        | (TokenAnswer::Unseen(_), TokenAnswer::Says(_))
        | (_, TokenAnswer::Unseen(_)) => None,
    }
}

fn changed(was: &TokenSays, is: &TokenSays, file: &str) -> Option<(String, String, Tone)> {
    if was.identity() != is.identity() {
        return Some((format!("is {} now, it was {}", named(is), named(was)), file.to_owned(), Tone::Grave));
    }
    if !was.same_token(is) {
        return Some((format!("was replaced by another {}", named(is)), file.to_owned(), Tone::Plain));
    }
    // A token that lasts for minutes is renewed every few of them: only the long ones are news.
    let renewed = is.renewed.filter(|_| was.renewed != is.renewed);
    let lasts = is.ttl.filter(|ttl| ttl.as_hours() >= 1)?;
    renewed.map(|_| ("was renewed".to_owned(), format!("{} left", quiet(lasts)), Tone::Plain))
}

fn named(says: &TokenSays) -> &str {
    if says.display_name.is_empty() { "a token without a name" } else { &says.display_name }
}
