//! The local keystore is not there: lost, or never made.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::{Applies, applies, fires, subject};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::keystore::KeystoreLook;
use crate::app::model::observed::FeedState;
use crate::app::model::register::Holding;
use crate::app::verdict::{held, sight};

/// The rule.
pub struct KeystoreMissing;

impl Rule for KeystoreMissing {
    fn id(&self) -> RuleId {
        RuleId("keystore-missing")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "the keystore was there and is gone; info where the register names another holder, or where none was ever made"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keystore-missing.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let subject = subject(model);
        let look = model.keystore.as_ref();
        let finding = match look.and_then(|look| look.fresh(now, FeedId::Keystore)) {
            None if model.feed_state(FeedId::Keystore, now) == FeedState::Absent => Finding::Clear,
            None => Finding::Unknown(sight::feed(model, FeedId::Keystore, look.map(|look| look.at), now).says()),
            Some(KeystoreLook::Present(_) | KeystoreLook::Unreadable { .. }) => Finding::Clear,
            Some(KeystoreLook::Absent { path, expected: true }) => lost(model, path, now),
            Some(KeystoreLook::Absent { path, expected: false }) => never(model, path, now),
        };
        vec![(subject, finding)]
    }
}

fn other<'a>(model: &'a Model, now: Timestamp) -> Option<&'a Holding> {
    held::register(model, now).ok().flatten()?.of_others().find(|held| !held.prints.is_empty())
}

fn lost(model: &Model, path: &str, now: Timestamp) -> Finding {
    let sentence = format!("The keystore {path} is gone");
    if let Some(held) = other(model, now) {
        let why = format!("{} still holds generation {} ({})", held.holder, held.generation, held.name);
        let next = "Bring a copy of it back, or make a new one: `baowatch keys init`";
        return fires(Severity::Info, sentence, &why, next, None);
    }
    let copy = held::copies(model, now).unwrap_or_default().iter().find(|copy| copy.counts());
    let next = copy.map_or_else(
        || "Look for it where it may have been moved to; else take the keys from the Secret into a new one".to_owned(),
        |copy| format!("Bring its copy back: {}", copy.place),
    );
    fires(Severity::Critical, sentence, "it was there before: what it held may exist nowhere else", &next, None)
}

fn never(model: &Model, path: &str, now: Timestamp) -> Finding {
    match applies(model, now) {
        Applies::No | Applies::NotYet => Finding::Clear,
        Applies::Unknown(why) => Finding::Unknown(why),
        Applies::Yes(_) => {
            let why = match other(model, now) {
                Some(held) => format!("{} holds the keys ({})", held.holder, held.name),
                None => "nothing on this machine could put lost keys back".to_owned(),
            };
            let next = "Make one with `baowatch keys init`, then take the keys into it: `baowatch keys import`";
            fires(Severity::Info, format!("There is no keystore at {path}"), &why, next, None)
        }
    }
}
