//! The keys Secret: every version that was seen is kept as a glimpse, so that a loss can be dated and attributed.

use jiff::{SignedDuration, Timestamp};

use super::say;
use crate::app::effect::Effect;
use crate::app::model::Model;
use crate::app::model::attribution::{Culprit, attribute};
use crate::app::model::keys_secret::{Glimpse, KeysSeen};
use crate::app::model::observed::Observed;
use crate::app::model::timeline::Tone;
use crate::app::time::age;

/// Glimpses kept across sessions.
const KEPT: usize = 200;

/// How often an unchanged Secret's confirmation is written down: it bounds "between A and B" after a crash.
const CONFIRM_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// Takes one look at the Secret.
pub(super) fn fold(model: &mut Model, seen: &KeysSeen, now: Timestamp) -> Vec<Effect> {
    let looked = model.keys.replace(Observed::new(seen.clone(), now)).map(|keys| keys.at);
    if let Some(last) = model.history.last_mut()
        && last.seen == *seen
    {
        // Confirming on disk at each look would be a write a look.
        if age(now, last.until) < CONFIRM_EVERY {
            return Vec::new();
        }
        last.until = now;
        return vec![Effect::RememberHistory(model.history.clone())];
    }
    let before = model.history.last().cloned();
    if let (Some(last), Some(looked)) = (model.history.last_mut(), looked) {
        // It was still so at the latest look before this one: the change lies between that look and now.
        last.until = last.until.max(looked);
    }
    model.history.push(Glimpse { at: now, until: now, seen: seen.clone() });
    let surplus = model.history.len().saturating_sub(KEPT);
    model.history.drain(..surplus);
    narrate(model, before.as_ref(), seen, now);
    vec![Effect::RememberHistory(model.history.clone())]
}

fn narrate(model: &mut Model, before: Option<&Glimpse>, seen: &KeysSeen, now: Timestamp) {
    let Some(before) = before else { return };
    let object = seen.object().clone();
    let lost = lost_fields(&before.seen, seen);
    match (&before.seen, seen) {
        (KeysSeen::Present(_), KeysSeen::Absent(_)) => {
            say(model, now, object, "is gone", "", Tone::Grave);
        }
        (KeysSeen::Absent(_), KeysSeen::Present(secret)) => {
            let (says, tone) =
                if secret.is_empty() { ("exists again, empty", Tone::Grave) } else { ("exists again", Tone::Plain) };
            say(model, now, object, says, &format!("rv {}", secret.version), tone);
        }
        (KeysSeen::Present(old), KeysSeen::Present(new)) if !lost.is_empty() => {
            let detail = by_whom(model, &new.version);
            let says = format!("lost {}", lost.join(", "));
            let tone = if old.shares() > new.shares() { Tone::Grave } else { Tone::Notable };
            say(model, now, object, &says, &detail, tone);
        }
        (KeysSeen::Present(old), KeysSeen::Present(new)) if old.prints() != new.prints() => {
            let version = format!("rv {}", new.version);
            let (says, detail, tone) = match (old.prints().is_empty(), new.prints().is_empty()) {
                (true, _) => ("holds keys again", version, Tone::Plain),
                (false, true) => ("holds nothing that can be a key", by_whom(model, &new.version), Tone::Grave),
                (false, false) => ("holds different keys", version, Tone::Grave),
            };
            say(model, now, object, says, &detail, tone);
        }
        (KeysSeen::Present(_), KeysSeen::Present(_)) | (KeysSeen::Absent(_), KeysSeen::Absent(_)) => {}
    }
}

/// Who took keys away, as far as the object says so, and its version.
fn by_whom(model: &Model, version: &str) -> String {
    match attribute(&model.history) {
        Some(found) => match (found.grade, found.who) {
            (Culprit::Named, Some(who)) => format!("{who}  rv {version}"),
            (Culprit::Inferred, Some(who)) => format!("{who}?  rv {version}"),
            (Culprit::Named | Culprit::Inferred | Culprit::Unknown, _) => format!("by ?  rv {version}"),
        },
        None => format!("rv {version}"),
    }
}

/// Names of fields that had bytes before and have none now.
pub(crate) fn lost_fields(before: &KeysSeen, after: &KeysSeen) -> Vec<String> {
    let Some(before) = before.present() else { return Vec::new() };
    before
        .fields
        .iter()
        .filter(|old| old.len > 0)
        .filter(|old| {
            let now = after.present().and_then(|s| s.fields.iter().find(|new| new.name == old.name));
            now.is_none_or(|new| new.len == 0)
        })
        .map(|old| old.name.clone())
        .collect()
}
