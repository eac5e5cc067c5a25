//! VaultStaticSecret: a KV path into a Secret, looked at on a cadence and compared by a MAC.

use jiff::{SignedDuration, Timestamp};

use super::case::{Case, Target, Upstream};
use super::{Standing, Word};
use crate::app::model::paths::EngineKind;
use crate::app::model::secrets::{Evidence, SecretSeen};
use crate::app::model::sync::SyncSeen;
use crate::app::time::{age, moment, spoken};

/// How often VSO compares by itself where `refreshAfter` is unset: every 48 to 54 s.
const COMPARES: SignedDuration = SignedDuration::from_secs(54);

/// How often it looks; `None` where it reads once and never again.
fn cadence(seen: &SyncSeen) -> Option<SignedDuration> {
    match seen.refresh.filter(|refresh| *refresh > SignedDuration::ZERO) {
        Some(refresh) => Some(refresh),
        None => (seen.detail.hmac != Some(false)).then_some(COMPARES),
    }
}

pub(super) fn judge(case: &Case<'_>) -> Standing {
    let of = cadence(case.seen);
    if let Some(standing) = case.leaving().or_else(|| case.unborn()) {
        return Standing { of, ..standing };
    }
    let up = case.upstream();
    let Some(beat) = case.beat() else { return old_operator(case, &up, of) };
    if !case.green() {
        return case.stale(of).unwrap_or_else(|| case.failing(behind_by_secret(case, &up), of));
    }
    if let Some(event) = case.complaint_after(Some(beat)) {
        return case.failing_by(event, of);
    }
    let standing = emptied(case, &up, of)
        .or_else(|| gone(case, beat, of))
        .or_else(|| of.and_then(|cadence| case.dropped(beat, cadence)))
        .or_else(|| looping(case, beat, of))
        .unwrap_or_else(|| compared(case, &up, beat, of));
    let also = match (standing.word, up.updated) {
        (Word::Dropped, Some(updated)) if updated > beat => {
            Some(case.w.say(|| format!("the value changed in the vault at {}, after that", moment(case.now, updated))))
        }
        _ => standing.also.clone().or_else(|| beside(case)),
    };
    Standing { of, also, ..standing }
}

/// The Secret is there and holds nothing of the value.
fn emptied(case: &Case<'_>, up: &Upstream, of: Option<SignedDuration>) -> Option<Standing> {
    let target = case.target();
    let pinned = case.seen.detail.pinned.is_some();
    let (empty, secret) = match target {
        Target::Empty(secret) => (true, Some(secret)),
        Target::Held(secret) => (false, Some(secret)),
        Target::Missing | Target::Unseen => (false, None),
    };
    let beat = case.beat()?;
    let deleted = up.deleted.as_ref().filter(|_| !pinned);
    if let Some((place, when)) = deleted {
        let noticed = empty || when.is_some_and(|when| beat > when);
        let place = place.words();
        let at = when.map(|when| format!(" at {}", moment(case.now, when))).unwrap_or_default();
        let lag = when.map(|when| age(case.now, when));
        let standing = if noticed {
            case.stands(Word::Emptied, || {
                format!("The value at {place} was deleted in the vault{at}; the operator took that for a success and emptied the Secret")
            })
        } else {
            case.stands(Word::Behind, || {
                format!("The value at {place} was deleted in the vault{at}; the next look empties the Secret")
            })
        };
        return Some(Standing { lag, dire: noticed, ..standing });
    }
    if !empty {
        return None;
    }
    // Who takes everything out leaves no time behind: what is left in the managed fields was written before.
    let timed = |secret: &&SecretSeen| {
        let by = secret.changed.as_ref().map(|changed| changed.by);
        !secret.keys.is_empty() || by.is_some_and(|by| by != Evidence::Managed)
    };
    let changed = secret.filter(timed).and_then(|secret| secret.changed.as_ref()).map(|changed| changed.at);
    let lag = changed.map(|at| age(case.now, at));
    let watched = of.is_some();
    let soon = watched && changed.is_some_and(|at| at > beat) && lag <= of;
    let word = if soon { Word::Behind } else { Word::Emptied };
    let standing = case.stands(word, || match (watched, soon, up.whole) {
        (_, true, _) => "The Secret was emptied; the next look repairs it".to_owned(),
        (false, _, _) => "The Secret was emptied, and nobody repairs it: it is read once and never again (hmacSecretData is false, refreshAfter unset)".to_owned(),
        (true, false, true) => "The Secret holds no key of the value, and the operator looked since and left it so".to_owned(),
        (true, false, false) => "The Secret holds no key of the value: most likely it was deleted in the vault, whose metadata is not in sight".to_owned(),
    });
    Some(Standing { lag, dire: true, ..standing })
}

/// The Secret does not exist.
fn gone(case: &Case<'_>, beat: Timestamp, of: Option<SignedDuration>) -> Option<Standing> {
    if !matches!(case.target(), Target::Missing) {
        return None;
    }
    let late = of.is_none_or(|cadence| case.late(beat, cadence));
    let lag = of.map(|cadence| age(case.now, beat) - cadence).filter(SignedDuration::is_positive);
    let standing = if case.seen.detail.creates {
        let dropped = of.and_then(|cadence| case.dropped(beat, cadence));
        dropped.unwrap_or_else(|| {
            case.stands(Word::Behind, || {
                "Its Secret does not exist; the operator makes it anew when it notices".to_owned()
            })
        })
    } else if late {
        case.stands(Word::Dropped, || {
            format!("Every condition is True, and its Secret does not exist: create is false, so nobody has looked since {}", case.ago(beat))
        })
    } else {
        case.stands(Word::Behind, || {
            "Its Secret does not exist and create is false: it will not be written again".to_owned()
        })
    };
    Some(Standing { lag, dire: true, ..standing })
}

/// With `create: false` there is no label to compare by: it writes, and restarts, at every look.
fn looping(case: &Case<'_>, beat: Timestamp, of: Option<SignedDuration>) -> Option<Standing> {
    let detail = &case.seen.detail;
    if detail.creates || detail.hmac == Some(false) || detail.restarts.is_empty() {
        return None;
    }
    let restarted =
        case.seen.condition("RolloutRestart").filter(|restart| restart.status == "True" && restart.at == Some(beat));
    restarted?;
    Some(case.stands(Word::Looping, || {
        let targets: Vec<String> = detail.restarts.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
        let every = of.map(|of| format!(" (every {})", spoken(of))).unwrap_or_default();
        format!(
            "Restarts {} at every look{every}, whether the value changed or not: create is false",
            targets.join(", ")
        )
    }))
}

/// Green and looked at: what the vault says of the same path.
fn compared(case: &Case<'_>, up: &Upstream, beat: Timestamp, of: Option<SignedDuration>) -> Standing {
    if let Some(version) = case.seen.detail.pinned {
        return case.stands(Word::Unwatched, || {
            let there =
                if up.version > 0 { format!("; the vault is at version {}", up.version) } else { String::new() };
            format!("Pinned to version {version}{there}")
        });
    }
    if let Some(absent) = &up.absent {
        return case.stands(Word::Behind, || {
            format!("Nothing is at {} in the vault any more; the next look fails", absent.words())
        });
    }
    match (up.updated, of) {
        (Some(updated), Some(_)) if updated >= beat => behind(case, updated, beat, of),
        // The heartbeat has whole seconds: a read in the second of the write is taken for one after it.
        (Some(updated), None) if updated.as_second() > beat.as_second() => behind(case, updated, beat, of),
        (Some(_), _) if up.whole => {
            let standing = case.stands(Word::Synced, || {
                let (did, end) = match of {
                    Some(_) => ("Compared", ""),
                    None => ("Read", "; it is never again, for hmacSecretData is false and refreshAfter unset"),
                };
                format!("{did} {}, after the last change in the vault{end}", case.ago(beat))
            });
            Standing { lag: Some(SignedDuration::ZERO), ..standing }
        }
        (_, None) => case.stands(Word::Unwatched, || {
            format!("Read once, {}, and never again: hmacSecretData is false and refreshAfter unset", case.ago(beat))
        }),
        (_, Some(cadence)) if case.late(beat, cadence) => {
            let standing = case.stands(Word::Unknown, || {
                format!(
                    "The last look was {}, later than its cadence of {}; {}",
                    case.ago(beat),
                    spoken(cadence),
                    unseen(case, up)
                )
            });
            Standing { lag: Some(age(case.now, beat) - cadence), ..standing }
        }
        (_, Some(_)) => case.stands(Word::Synced, || {
            format!("The operator compared {}; that is all there is to go by: {}", case.ago(beat), unseen(case, up))
        }),
    }
}

fn unseen(case: &Case<'_>, up: &Upstream) -> String {
    match case.seen.sources.first().map(|place| place.engine) {
        Some(EngineKind::Kv1) => "KV version 1 keeps no times".to_owned(),
        Some(EngineKind::Kv2 | EngineKind::Dynamic | EngineKind::Pki | EngineKind::Other) | None => {
            format!("what the vault holds is not in sight ({})", up.unseen)
        }
    }
}

fn behind(case: &Case<'_>, updated: Timestamp, beat: Timestamp, of: Option<SignedDuration>) -> Standing {
    let standing = case.stands(Word::Behind, || {
        let changed = moment(case.now, updated);
        match of {
            Some(of) => format!("Changed in the vault at {changed}; the next look is due within {}", spoken(of)),
            None => format!(
                "Changed in the vault at {changed}; it was read once, at {}, and never again: hmacSecretData is false and refreshAfter unset",
                moment(case.now, beat)
            ),
        }
    });
    Standing { lag: Some(age(case.now, updated)), ..standing }
}

/// How far a failing object's Secret lies behind, where both are in sight.
fn behind_by_secret(case: &Case<'_>, up: &Upstream) -> Option<SignedDuration> {
    let (Target::Held(secret) | Target::Empty(secret)) = case.target() else { return None };
    let changed = secret.changed.as_ref()?.at;
    let updated = up.updated?;
    if case.seen.detail.pinned.is_some() {
        return None;
    }
    Some(if updated > changed { age(case.now, updated) } else { SignedDuration::ZERO })
}

/// Operators before 1.0 write no conditions: Events and the Secret itself are all that testifies. Each look of 0.4 wrote an
/// Event; later ones write one where something failed or was written.
fn old_operator(case: &Case<'_>, up: &Upstream, of: Option<SignedDuration>) -> Standing {
    if let Some(event) = case.complaint_after(None) {
        return case.failing_by(event, of);
    }
    let target = case.target();
    let changed = match &target {
        Target::Held(secret) => secret.changed.as_ref().map(|changed| changed.at),
        Target::Missing | Target::Empty(_) | Target::Unseen => None,
    };
    let heard = case.event(&["SecretSync", "SecretSynced", "SecretRotated"]).and_then(|event| event.last);
    let deleted =
        up.deleted.as_ref().filter(|_| matches!(target, Target::Empty(_)) && case.seen.detail.pinned.is_none());
    let standing = match (&target, changed.max(heard), up.updated) {
        (Target::Missing, _, _) => Standing {
            dire: true,
            ..case.stands(Word::Behind, || {
                let makes = if case.seen.detail.creates { "the operator makes it anew when it notices" } else { "create is false" };
                format!("Its Secret does not exist; {makes}")
            })
        },
        (Target::Empty(_), _, _) if deleted.is_some() => Standing {
            lag: deleted.and_then(|(_, at)| *at).map(|at| age(case.now, at)),
            dire: true,
            ..case.stands(Word::Emptied, || {
                let place = deleted.map(|(place, _)| place.words()).unwrap_or_default();
                format!("The value at {place} was deleted in the vault; the operator took that for a success and emptied the Secret")
            })
        },
        (_, Some(seen), Some(updated)) if up.whole && seen >= updated => {
            let standing = case.stands(Word::Synced, || {
                let what = if heard > changed { "it looked" } else { "the Secret was written" };
                format!("Its operator writes no conditions (before 1.0); {what} after the last change in the vault")
            });
            Standing { lag: Some(SignedDuration::ZERO), ..standing }
        }
        (_, Some(_), Some(updated)) => behind(case, updated, updated, of),
        _ => case.stands(Word::Unknown, || {
            "Its operator writes no conditions (before 1.0): no heartbeat to judge by".to_owned()
        }),
    };
    Standing { of, looked: standing.looked.or(heard), ..standing }
}

/// What is wrong with it beside.
fn beside(case: &Case<'_>) -> Option<String> {
    let detail = &case.seen.detail;
    if let Some(failed) = case.seen.condition("RolloutRestart").filter(|restart| restart.status == "False") {
        return Some(case.w.say(|| {
            format!("restarting a target failed: {}", failed.message.rsplit("err=").next().unwrap_or_default())
        }));
    }
    if detail.hmac == Some(false) && !detail.restarts.is_empty() {
        return Some(case.w.say(|| "its restart targets are ignored while hmacSecretData is false".to_owned()));
    }
    None
}
