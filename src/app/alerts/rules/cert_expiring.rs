//! A certificate ends soon: that of an issuer, under which everything then fails, or one that an operator should have renewed.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::engines_blind;
use super::sync_objects::hidden;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::engines::{EnginesSeen, Part, PkiSeen};
use crate::app::model::observed::FeedState;
use crate::app::model::sync::{SyncKind, SyncSeen};
use crate::app::model::table::Table;
use crate::app::rotation::{CERT_DAYS, issuer_ref, nearness};
use crate::app::time::{date_clock, moment, spoken};
use crate::app::verdict::sight;

/// After the planned moment a renewal takes some minutes at most.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// The rule.
pub struct CertExpiring;

impl Rule for CertExpiring {
    fn id(&self) -> RuleId {
        RuleId("cert-expiring")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Engines, FeedId::Sync]
    }

    fn fires_when(&self) -> &'static str {
        "an issuer ends within 30 days (critical: 7), or a synced certificate was not renewed in time"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/cert-expiring.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let table = model.sync.as_ref().and_then(|table| table.fresh(now, FeedId::Sync));
        let unseen = table.is_none() && model.feed_state(FeedId::Sync, now) != FeedState::Absent;
        let synced = table.into_iter().flat_map(Table::iter);
        let synced = synced.filter(|sync| sync.kind == SyncKind::VaultPKISecret && !hidden(model, sync));
        let synced = synced.filter_map(|sync| Some((sync.object.clone(), synced_one(sync, now)?)));
        let (seen, mut findings) = match engines_blind::look(model, "Issuer", &[Part::Issuer], now) {
            Ok(found) => found,
            // Who sees neither says it once.
            Err(findings) if !findings.is_empty() => return findings.into_iter().chain(synced).collect(),
            Err(_) => (&EnginesSeen::default(), Vec::new()),
        };
        if unseen {
            let says = sight::missing(model, FeedId::Sync, now).map(|unseen| unseen.says()).unwrap_or_default();
            findings.push((model.vault_ref(), Finding::Unknown(says)));
        } else if let Some(why) = model.withheld_sync(|kind| kind == SyncKind::VaultPKISecret) {
            findings.push((model.vault_ref(), Finding::Unknown(why)));
        }
        let limits = model.expect.limits(self.id().0, CERT_DAYS.0, CERT_DAYS.1);
        let issuers = seen.pki.iter().filter_map(|pki| Some((issuer_ref(pki), issuer(pki, pki.expires?, limits, now))));
        findings.extend(issuers.chain(synced));
        findings
    }
}

fn issuer(pki: &PkiSeen, ends: Timestamp, limits: (u64, u64), now: Timestamp) -> Finding {
    let severity = match nearness(ends, now, limits) {
        0 => return Finding::Clear,
        1 => Severity::Warning,
        _ => Severity::Critical,
    };
    let left = ends.duration_since(now);
    let what = pki.place.words();
    let sentence = if left > SignedDuration::ZERO {
        format!("The issuer of {what} ends in {}", spoken(left))
    } else {
        format!("The issuer of {what} ended at {}", date_clock(ends))
    };
    Finding::Firing(Firing {
        severity,
        sentence,
        why: "every certificate under it ends with it, and none that would outlive it is issued".to_owned(),
        next: "Make the next issuer, let everybody trust it, then make it the default".to_owned(),
        action: None,
        evidence_since: None,
    })
}

/// `None` for one that has no certificate yet: that is another rule's matter.
fn synced_one(sync: &SyncSeen, now: Timestamp) -> Option<Finding> {
    let ends = sync.detail.expires?;
    let offset = sync.detail.expiry_offset.unwrap_or(SignedDuration::ZERO);
    let wanted = ends.checked_sub(offset).ok()?.checked_add(GRACE.min(offset)).ok()?;
    if now < wanted {
        return Some(Finding::Clear);
    }
    let ended = now >= ends;
    let path = sync.object.path();
    Some(Finding::Firing(Firing {
        severity: if ended { Severity::Critical } else { Severity::Warning },
        sentence: if ended {
            format!("The certificate of {path} ended at {} and was not renewed", moment(now, ends))
        } else {
            format!("The certificate of {path} ends in {} and was not renewed", spoken(ends.duration_since(now)))
        },
        why: sync
            .detail
            .error
            .clone()
            .filter(|error| !error.is_empty())
            .unwrap_or_else(|| format!("its operator meant to renew it {} before its end", spoken(offset))),
        next: "See whether the operator runs and can log in; its Events name what the vault refused".to_owned(),
        action: None,
        evidence_since: Some(wanted),
    }))
}
