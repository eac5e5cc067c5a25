//! There is a file where the keystore should be, and it is none of this vault.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::{fires, subject};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::keystore::KeystoreLook;
use crate::app::model::observed::FeedState;
use crate::app::verdict::sight;

/// The rule.
pub struct KeystoreUnreadable;

impl Rule for KeystoreUnreadable {
    fn id(&self) -> RuleId {
        RuleId("keystore-unreadable")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn fires_when(&self) -> &'static str {
        "the keystore is there and cannot be read, was altered, or belongs to another vault"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keystore-unreadable.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let look = model.keystore.as_ref();
        let finding = match look.and_then(|look| look.fresh(now, FeedId::Keystore)) {
            None if model.feed_state(FeedId::Keystore, now) == FeedState::Absent => Finding::Clear,
            None => Finding::Unknown(sight::feed(model, FeedId::Keystore, look.map(|look| look.at), now).says()),
            Some(KeystoreLook::Present(_) | KeystoreLook::Absent { .. }) => Finding::Clear,
            Some(KeystoreLook::Unreadable { trouble, .. }) => {
                let next = if trouble.next.is_empty() {
                    "Leave the file as it is, and bring a copy of it back beside it"
                } else {
                    &trouble.next
                };
                fires(Severity::Critical, trouble.what.clone(), &trouble.why, next, None)
            }
        };
        vec![(subject(model), finding)]
    }
}
