//! A lease of an application should have been renewed and was not: when it ends, so does its access.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::sync_objects::hidden;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::observed::FeedState;
use crate::app::model::sync::{SyncKind, SyncSeen};
use crate::app::time::{moment, spoken};
use crate::app::verdict::sight;

/// What VSO takes where `renewalPercent` is left out.
const RENEWAL_PERCENT: u8 = 67;
/// VSO adds up to so many percent at random.
const JITTER: i64 = 10;
/// A reconcile needs some seconds.
const GRACE: SignedDuration = SignedDuration::from_secs(30);

/// The rule.
pub struct LeaseExpiring;

impl Rule for LeaseExpiring {
    fn id(&self) -> RuleId {
        RuleId("lease-expiring")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Engines, FeedId::Sync]
    }

    fn fires_when(&self) -> &'static str {
        "a synced lease was not renewed in time; critical when under 10 % of it are left"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/lease-expiring.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if model.feed_state(FeedId::Sync, now) == FeedState::Absent {
            return Vec::new();
        }
        let Some(table) = model.sync.as_ref().and_then(|table| table.fresh(now, FeedId::Sync)) else {
            let unseen = sight::missing(model, FeedId::Sync, now).map(|unseen| unseen.says()).unwrap_or_default();
            return vec![(model.vault_ref(), Finding::Unknown(unseen))];
        };
        let withheld = model.withheld_sync(|kind| kind == SyncKind::VaultDynamicSecret);
        let withheld = withheld.map(|why| (model.vault_ref(), Finding::Unknown(why)));
        let leased = table.iter().filter(|sync| sync.kind == SyncKind::VaultDynamicSecret && !hidden(model, sync));
        let judged = leased.filter_map(|sync| Some((sync.object.clone(), judge(model, sync, now)?)));
        judged.chain(withheld).collect()
    }
}

/// `None` for one without a lease.
fn judge(model: &Model, sync: &SyncSeen, now: Timestamp) -> Option<Finding> {
    let lease = sync.detail.lease.filter(|lease| *lease > SignedDuration::ZERO)?;
    // Static credentials are rotated, not leased.
    if sync.detail.rotated.is_some() {
        return None;
    }
    let renewed = sync.detail.renewed?;
    let percent = i64::from(sync.detail.renewal_percent.unwrap_or(RENEWAL_PERCENT)) + JITTER;
    let wanted = renewed.checked_add(lease * i32::try_from(percent).ok()? / 100).ok()?.checked_add(GRACE).ok()?;
    let ends = renewed.checked_add(lease).ok()?;
    // A lease so short that the grace outlasts it is judged by its end.
    if now <= wanted.min(ends) {
        return Some(Finding::Clear);
    }
    let left = ends.duration_since(now);
    let (_, critical) = model.expect.limits("lease-expiring", 0, 10);
    let urgent = left <= lease * i32::try_from(critical).ok()? / 100;
    let sentence = if left > SignedDuration::ZERO {
        format!("The lease of {} ends in {} and was not renewed", sync.object.path(), spoken(left))
    } else {
        format!("The lease of {} ended at {} and was not renewed", sync.object.path(), moment(now, ends))
    };
    Some(Finding::Firing(Firing {
        severity: if urgent { Severity::Critical } else { Severity::Warning },
        sentence,
        why: format!(
            "last renewed at {}, for {}; its operator renews well before",
            moment(now, renewed),
            spoken(lease)
        ),
        next: "See whether the operator runs and can log in; its log names the lease".to_owned(),
        action: None,
        evidence_since: Some(wanted.min(ends)),
    }))
}
