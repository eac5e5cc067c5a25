//! VaultDynamicSecret: leased credentials, renewed in time, or those of a static role, read at each rotation.

use jiff::{SignedDuration, Timestamp};

use super::case::{Case, Target};
use super::witnesses::{Process, VaultNow};
use super::{Standing, Word};
use crate::app::model::paths::VaultPath;
use crate::app::model::secrets::Evidence;
use crate::app::time::{age, moment, spoken};

/// The vault's own rotation comes up to 5 s after its time, and the operator needs a moment.
const ROTATION_SLACK: SignedDuration = SignedDuration::from_secs(15);

/// What VSO takes where `renewalPercent` is unset.
const RENEWAL_PERCENT: u8 = 67;

pub(super) fn judge(case: &Case<'_>) -> Standing {
    if let Some(standing) = case.leaving().or_else(|| case.unborn()) {
        return standing;
    }
    if case.seen.detail.static_creds { of_role(case) } else { leased(case) }
}

/// When the credentials run out, and when they should have been renewed at the latest.
fn terms(case: &Case<'_>) -> Option<(Timestamp, Timestamp)> {
    let detail = &case.seen.detail;
    let (renewed, lease) = (detail.renewed?, detail.lease?);
    let percent = i32::from(detail.renewal_percent.unwrap_or(RENEWAL_PERCENT).min(90)) + 10;
    Some((renewed + lease, renewed + lease * percent / 100))
}

fn leased(case: &Case<'_>) -> Standing {
    let of = case.seen.detail.lease.or(case.seen.refresh);
    let terms = terms(case);
    let expired = terms.map(|(end, _)| end).filter(|end| *end <= case.now);
    let lag = expired.map(|end| age(case.now, end));
    let standing = if !case.green() {
        case.stale(of).unwrap_or_else(|| case.failing(lag, of))
    } else if let Some(event) = case.complaint_after(case.beat()) {
        case.failing_by(event, of)
    } else if matches!(case.target(), Target::Missing) {
        let word = if case.process() == Process::Dead { Word::Dropped } else { Word::Behind };
        Standing {
            dire: true,
            ..case.stands(word, || "Its Secret does not exist; the operator makes it anew when it notices".to_owned())
        }
    } else {
        lasting(case, terms, of)
    };
    match expired {
        Some(end) => {
            let also = case.w.say(|| format!("the credentials in the Secret ran out at {}", moment(case.now, end)));
            Standing { lag, dire: true, also: Some(also), ..standing }
        }
        None => Standing { also: standing.also.clone().or_else(|| written(case)), ..standing },
    }
}

/// Green credentials, by their own term.
fn lasting(case: &Case<'_>, terms: Option<(Timestamp, Timestamp)>, of: Option<SignedDuration>) -> Standing {
    let operator = case.operator();
    let Some((end, due)) = terms else {
        // An engine without leases: `refreshAfter` is the cadence.
        return match (case.seen.refresh, case.beat()) {
            (Some(cadence), Some(beat)) => case.dropped(beat, cadence).unwrap_or_else(|| Standing {
                of,
                ..case.stands(Word::Synced, || format!("Read {}; by the operator's word alone", case.ago(beat)))
            }),
            _ => case.stands(Word::Unwatched, || "It has no lease and no refreshAfter: it is read once".to_owned()),
        };
    };
    let dead = case.process() == Process::Dead;
    if case.now > due + PATIENCE || (dead && case.now > due) || case.now >= end {
        let standing = case.stands(Word::Dropped, || {
            let who = if dead { format!("; {operator} is not running") } else { String::new() };
            let end = if case.now >= end { "they ran out" } else { "they run out" }.to_owned()
                + &format!(" at {}", moment(case.now, end));
            format!("{}, and the lease was to be renewed by {}: {end}{who}", case.claims(), moment(case.now, due))
        });
        return Standing { lag: Some(age(case.now, due)), of, ..standing };
    }
    let anew = case.seen.condition("LeaseRenewal").filter(|renewal| renewal.status == "False");
    let standing = case.stands(Word::Synced, || {
        let how = match anew {
            Some(renewal) if renewal.message.contains("truncated") => {
                "; they are new because the old ones reached their longest life"
            }
            Some(_) => "; they are new because the old lease could not be renewed",
            None => "",
        };
        format!("The credentials last until {}{how}", moment(case.now, end))
    });
    Standing { lag: Some(SignedDuration::ZERO), of, ..standing }
}

/// A look may be this late because others stand in line.
const PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// Hand edits are never repaired: there is no MAC of credentials.
fn written(case: &Case<'_>) -> Option<String> {
    let Target::Held(secret) = case.target() else { return None };
    let changed = secret.changed.as_ref().filter(|changed| changed.by == Evidence::Managed)?;
    let synced = case.seen.condition("SecretSynced").filter(|synced| synced.status == "True")?.at?;
    (changed.at > synced + SignedDuration::from_secs(5)).then(|| {
        case.w.say(|| {
            format!(
                "the Secret was written at {}, after the operator did; it does not repair that",
                moment(case.now, changed.at)
            )
        })
    })
}

fn of_role(case: &Case<'_>) -> Standing {
    let detail = &case.seen.detail;
    let of = detail.rotation_period;
    let role = case.places().first().and_then(|place| case.w.role(place));
    let server = role.and_then(|(role, _)| role.rotated);
    let lag = match (server, detail.rotated) {
        (Some(server), Some(held)) if server.as_second() != held.as_second() => Some(age(case.now, server)),
        (Some(_), Some(_)) => Some(SignedDuration::ZERO),
        _ => None,
    };
    if !case.green() {
        return case.stale(None).unwrap_or_else(|| case.failing(lag.filter(SignedDuration::is_positive), of));
    }
    if let Some(event) = case.complaint_after(case.beat()) {
        return Standing { lag, ..case.failing_by(event, of) };
    }
    if matches!(case.target(), Target::Missing) {
        let word = if case.process() == Process::Dead { Word::Dropped } else { Word::Behind };
        let standing =
            case.stands(word, || "Its Secret does not exist; the operator makes it anew when it notices".to_owned());
        return Standing { of, dire: true, ..standing };
    }
    let standing = current(case, server, role.is_some_and(|(_, fresh)| fresh));
    Standing { of, also: standing.also.clone().or_else(|| written(case)), ..standing }
}

/// Green: the equality of two times is the only thing that tells whether the password works.
fn current(case: &Case<'_>, server: Option<Timestamp>, fresh: bool) -> Standing {
    let detail = &case.seen.detail;
    let horizon = detail.rotated.zip(detail.rotation_period).map(|(rotated, period)| rotated + period);
    let place = case.places().first().map(VaultPath::words).unwrap_or_default();
    match (server, detail.rotated) {
        (Some(server), Some(held)) if server.as_second() > held.as_second() => {
            let by_hand = horizon.is_some_and(|horizon| server + ROTATION_SLACK < horizon);
            let standing = case.stands(Word::Behind, || {
                let next = horizon
                    .map(|at| format!("; the operator looks again at {}", moment(case.now, at)))
                    .unwrap_or_default();
                let how = if by_hand { " out of turn" } else { "" };
                format!(
                    "The vault rotated the password{how} at {}: the one in the Secret works no more{next}",
                    moment(case.now, server)
                )
            });
            let lag = age(case.now, server);
            return Standing { lag: Some(lag), dire: lag > ROTATION_SLACK, ..standing };
        }
        (Some(server), Some(held)) if server.as_second() == held.as_second() && fresh => {
            let standing = case.stands(Word::Synced, || {
                format!("The Secret holds the password of the last rotation, {}", moment(case.now, server))
            });
            return Standing { lag: Some(SignedDuration::ZERO), ..standing };
        }
        _ => {}
    }
    let late = horizon.filter(|horizon| *horizon + ROTATION_SLACK < case.now);
    if let Some(horizon) = late {
        let operator = case.operator();
        let standing = case.stands(Word::Dropped, || {
            let who = if case.process() == Process::Dead {
                format!("{operator} is not running")
            } else {
                "nobody looked".to_owned()
            };
            format!("{}, and the password was to be rotated at {}: {who}", case.claims(), moment(case.now, horizon))
        });
        return Standing { lag: Some(age(case.now, horizon)), ..standing };
    }
    if case.w.vault() == VaultNow::Sealed {
        return case.stands(Word::Unknown, || {
            let next = horizon.map(|at| format!("; its next look is at {}", moment(case.now, at))).unwrap_or_default();
            format!("The vault is sealed: nobody can tell whether {place} was rotated{next}")
        });
    }
    case.stands(Word::Unwatched, || {
        let read = detail.rotated.map(|at| format!(" the rotation of {}", moment(case.now, at))).unwrap_or_default();
        let next = horizon.map_or_else(String::new, |at| {
            format!(" until {} ({})", moment(case.now, at), spoken(at.duration_since(case.now)))
        });
        format!("Holds{read}; a rotation out of turn would go unnoticed{next}, and the role is not in sight")
    })
}
