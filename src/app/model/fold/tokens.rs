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
        return Some((became(was, is), file.to_owned(), Tone::Grave));
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

/// What makes it somebody else: its name, or behind the same name its policies or its entity.
fn became(was: &TokenSays, is: &TokenSays) -> String {
    let name = named(is);
    if was.display_name != is.display_name {
        return format!("is {name} now, it was {}", named(was));
    }
    let lacks = |one: &TokenSays, other: &TokenSays| {
        let names: Vec<&str> =
            one.policies.iter().filter(|policy| !other.policies.contains(policy)).map(String::as_str).collect();
        names.join(", ")
    };
    match (lacks(is, was), lacks(was, is)) {
        (gained, lost) if gained.is_empty() && lost.is_empty() => format!("is {name} still, of another entity"),
        (gained, lost) if lost.is_empty() => format!("is another {name}: it has {gained} besides"),
        (gained, lost) if gained.is_empty() => format!("is another {name}: it lost {lost}"),
        (gained, lost) => format!("is another {name}: it has {gained} now, it had {lost}"),
    }
}
