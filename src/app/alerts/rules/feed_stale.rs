//! A feed has not answered for three periods: what it fed is unknown, never clear.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::observed::{FeedHealth, FeedState};
use crate::app::time::{age, moment};
use crate::app::trouble::TroubleKind;

/// The rule.
pub struct FeedStale;

impl Rule for FeedStale {
    fn id(&self) -> RuleId {
        RuleId("feed-stale")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "a feed has not answered for 3 periods"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/feed-stale.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if model.feeds.is_empty() {
            return vec![(model.vault_ref(), Finding::Unknown("no feed has been asked yet".to_owned()))];
        }
        let judged = model
            .feeds
            .iter()
            .map(|(feed, health)| (ObjectRef::new("Feed", "", feed.name()), judge(*feed, health, now)));
        judged.collect()
    }
}

fn judge(feed: FeedId, health: &FeedHealth, now: Timestamp) -> Finding {
    let trouble = health.trouble.as_ref().map(|seen| &seen.value);
    let what = trouble.map(|trouble| trouble.what.clone()).unwrap_or_default();
    // Nothing rests on the register alone: who may not read it, or finds a newer version's, sees the rest as well as ever.
    let spared = |kind| matches!(kind, TroubleKind::Denied | TroubleKind::Unusable);
    if feed == FeedId::Register && trouble.is_some_and(|trouble| spared(trouble.kind)) {
        return Finding::Clear;
    }
    match health.state(now, feed) {
        FeedState::Live | FeedState::Absent => Finding::Clear,
        // It answers, and the answer is no: more waiting brings nothing.
        FeedState::Denied => Finding::Unknown(format!("{feed} is denied: {what}")),
        FeedState::Unreachable if health.asked.is_none_or(|asked| age(now, asked) <= feed.limit()) => Finding::Clear,
        FeedState::Stale | FeedState::Unreachable => {
            let sentence = match health.answered {
                Some(at) => format!("{feed} has not answered since {}", moment(now, at)),
                None => format!("{feed} has never answered"),
            };
            let next = trouble.map(|trouble| trouble.next.clone()).filter(|next| !next.is_empty());
            Finding::Firing(Firing {
                severity: Severity::Warning,
                sentence,
                why: what,
                next: next.unwrap_or_else(|| "It tries again by itself; see whether the API server answers".to_owned()),
                action: None,
                evidence_since: health.answered.or(health.asked),
            })
        }
    }
}
