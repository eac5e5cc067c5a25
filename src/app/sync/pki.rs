//! VaultPKISecret: a certificate, issued anew some time before its end.

use jiff::{SignedDuration, Timestamp};

use super::case::{Case, Target};
use super::witnesses::Process;
use super::{Standing, Word};
use crate::app::time::{age, moment, spoken};

/// Past its planned time by this much, a certificate is late.
const SLACK: SignedDuration = SignedDuration::from_mins(2);

pub(super) fn judge(case: &Case<'_>) -> Standing {
    if let Some(standing) = case.leaving().or_else(|| case.unborn()) {
        return standing;
    }
    let detail = &case.seen.detail;
    let offset = detail.expiry_offset.unwrap_or(SignedDuration::ZERO);
    let of = detail.expires.zip(detail.issued).map(|(end, issued)| end.duration_since(issued));
    let ended = detail.expires.filter(|end| *end <= case.now);
    let lag = ended.map(|end| age(case.now, end));
    let standing = if !case.green() || detail.valid == Some(false) {
        let standing = case.stale(None).unwrap_or_else(|| case.failing(lag, of));
        let also: Vec<String> = standing.also.iter().cloned().chain(wrong_layer(case)).collect();
        Standing { also: (!also.is_empty()).then(|| also.join("; ")), ..standing }
    } else if let Some(event) = case.complaint_after(case.beat()) {
        case.failing_by(event, of)
    } else if matches!(case.target(), Target::Missing) {
        let word = if case.process() == Process::Dead { Word::Dropped } else { Word::Behind };
        Standing {
            dire: true,
            ..case.stands(word, || "Its Secret does not exist; the operator makes it anew when it notices".to_owned())
        }
    } else {
        looping(case, offset).unwrap_or_else(|| lasting(case, offset))
    };
    match ended {
        Some(end) => {
            let also = case.w.say(|| format!("the certificate in the Secret ended at {}", moment(case.now, end)));
            Standing { lag, of, dire: true, also: Some(also), ..standing }
        }
        None => Standing { of, ..standing },
    }
}

/// `K8sClientError` is a constant: it is written whatever refused.
fn wrong_layer(case: &Case<'_>) -> Option<String> {
    let error = case.seen.detail.error.as_deref().filter(|error| *error == "K8sClientError")?;
    Some(case.w.say(|| format!("its status.error says {error}, which it says of every failure")))
}

/// What is issued inside the renewal window is due again at once: a fixed end, or a life no longer than the offset.
fn looping(case: &Case<'_>, offset: SignedDuration) -> Option<Standing> {
    let detail = &case.seen.detail;
    let (end, issued) = (detail.expires?, detail.issued?);
    let due = end - offset;
    if issued < due {
        return None;
    }
    Some(case.stands(Word::Looping, || {
        let why = match detail.not_after {
            Some(_) => format!("every new one ends at {} too (notAfter is fixed)", moment(case.now, end)),
            None => "it lives no longer than its expiryOffset".to_owned(),
        };
        format!("A new certificate at every look, the last {}: {why}", case.ago(issued))
    }))
}

fn lasting(case: &Case<'_>, offset: SignedDuration) -> Standing {
    let Some(end) = case.seen.detail.expires else {
        return case.stands(Word::Unknown, || "Its status names no end of the certificate".to_owned());
    };
    let due: Timestamp = end - offset;
    let dead = case.process() == Process::Dead;
    if case.now > due + SLACK || (dead && case.now > due) || case.now >= end {
        let operator = case.operator();
        let standing = case.stands(Word::Dropped, || {
            let who = if dead { format!("; {operator} is not running") } else { String::new() };
            format!("{}, and a new certificate was due at {}{who}", case.claims(), moment(case.now, due))
        });
        return Standing { lag: Some(age(case.now, due)), ..standing };
    }
    let standing = case.stands(Word::Synced, || {
        format!(
            "The certificate lasts until {}; the next is due at {} (in {})",
            moment(case.now, end),
            moment(case.now, due),
            spoken(due.duration_since(case.now))
        )
    });
    Standing { lag: Some(SignedDuration::ZERO), ..standing }
}
