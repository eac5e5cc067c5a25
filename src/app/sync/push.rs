//! PushSecret: a Secret, or a new value of a generator, into the vault.

use jiff::SignedDuration;

use super::case::{Case, Target};
use super::external::{broken, interval, overdue};
use super::{Standing, Word};
use crate::app::model::paths::VaultPath;
use crate::app::model::sync::SyncKind;
use crate::app::time::{age, moment, spoken};

/// A generator that pushes more often than this flushes the vault's history of ten versions within a day.
const OFTEN: SignedDuration = SignedDuration::from_hours(2);

pub(super) fn judge(case: &Case<'_>) -> Standing {
    let of = interval(case.seen);
    if let Some(standing) = case.leaving().or_else(|| aimless(case)).or_else(|| unborn(case)) {
        return Standing { of, ..standing };
    }
    let standing = judged(case, of);
    // What failed says by itself how far it came.
    match standing.word {
        Word::Failed | Word::Dropped => standing,
        _ if standing.also.is_some() => standing,
        _ => Standing { also: left_out(case), ..standing },
    }
}

/// Its labels mean no store: the operator leaves it alone then, and writes nothing.
fn aimless(case: &Case<'_>) -> Option<Standing> {
    let detail = &case.seen.detail;
    let none = !detail.selects.is_empty() && case.w.ways(case.seen).is_empty();
    // Stores of the whole cluster may be out of sight where those of a namespace are not.
    let known = detail.selects.iter().all(|selector| !selector.cluster || case.w.sees(SyncKind::ClusterSecretStore));
    if !none || !known || !case.w.fresh() {
        return None;
    }
    let word = if case.seen.conditions.is_empty() { Word::Never } else { Word::Dropped };
    let standing = case.stands(word, || {
        "Its labelSelector means no store that exists: nothing is pushed, and its status does not say so".to_owned()
    });
    let since = detail.refreshed.or(case.seen.created);
    Some(Standing { lag: since.map(|since| age(case.now, since)), ..standing })
}

/// Without a status: a store that is broken tells why.
fn unborn(case: &Case<'_>) -> Option<Standing> {
    let standing = case.unborn()?;
    Some(match broken_store(case) {
        Some((why, by_vault)) if standing.word == Word::Failed => Standing { why, by_vault, ..standing },
        _ => standing,
    })
}

/// The first of its stores that is broken, by name.
fn broken_store(case: &Case<'_>) -> Option<(String, bool)> {
    let ways = case.w.ways(case.seen);
    let (why, by_vault) = ways.iter().find_map(|store| broken(case, store))?;
    let others = case.seen.detail.pushed.iter().filter(|store| ways.contains(store)).count();
    let why = case.w.say(|| match (ways.len(), others) {
        (0 | 1, _) => why,
        (n, 0) => format!("{why}; nothing was pushed to any of its {n} stores"),
        (n, others) => format!("{why}; something was pushed to {others} of its {n} stores before"),
    });
    Some((why, by_vault))
}

/// Pushed, by its own account, and not to every store that it names or means.
fn left_out(case: &Case<'_>) -> Option<String> {
    let pushed = &case.seen.detail.pushed;
    let stores = case.w.ways(case.seen);
    if pushed.is_empty() || stores.len() < 2 {
        return None;
    }
    let without = stores.into_iter().find(|store| !pushed.contains(store))?;
    Some(case.w.say(|| format!("nothing was pushed to {without}")))
}

fn judged(case: &Case<'_>, of: Option<SignedDuration>) -> Standing {
    let refreshed = case.seen.detail.refreshed;
    if !case.green() {
        let lag = refreshed.zip(of).map(|(at, of)| (age(case.now, at) - of).max(SignedDuration::ZERO));
        let mut standing = case.failing(lag, of);
        if let Some(why) = broken_store(case) {
            (standing.why, standing.by_vault) = why;
        } else if let Some(lacking) = case.seen.detail.generators.iter().find(|generator| case.w.lacks(generator)) {
            let why = case.w.say(|| format!("Its generator {lacking} does not exist"));
            (standing.why, standing.by_vault) = (why, false);
        }
        // What it reads is there or not; nobody reads what it writes in the cluster.
        return Standing { dire: false, ..standing };
    }
    let Some(refreshed) = refreshed else {
        return case.stands(Word::Unknown, || "Ready is True, and its status names no time of a push".to_owned());
    };
    if let Some(standing) = overdue(case, refreshed, of) {
        return Standing { of, dire: false, ..standing };
    }
    let place = || case.places().iter().map(VaultPath::words).collect::<Vec<_>>().join(", ");
    let standing = match (&case.seen.detail.generator, of) {
        (_, Some(of)) if case.seen.detail.if_absent => case.stands(Word::Synced, || {
            format!("Looked {}, every {}; what is at {} is never overwritten (updatePolicy IfNotExists)", case.ago(refreshed), spoken(of), place())
        }),
        (Some((kind, name)), Some(of)) if of < OFTEN => case.stands(Word::Looping, || {
            format!("Generator {kind} {name} writes a new value over {} every {}, the last {}; the vault keeps ten versions", place(), spoken(of), case.ago(refreshed))
        }),
        (Some((kind, name)), None) => case.stands(Word::Unwatched, || {
            format!("Pushed {}; at interval 0 nothing follows until somebody edits it, and any edit makes {kind} {name} write a new value over {}", case.ago(refreshed), place())
        }),
        (None, None) => case.stands(Word::Unwatched, || format!("Pushed {}, and not again: {}", case.ago(refreshed), super::external::declaration(case.seen))),
        (Some(_) | None, Some(of)) => return pushed(case, refreshed, of),
    };
    Standing { of, ..standing }
}

fn pushed(case: &Case<'_>, refreshed: jiff::Timestamp, of: SignedDuration) -> Standing {
    let changed = match case.target() {
        Target::Held(secret) => secret.changed.as_ref().map(|changed| changed.at),
        Target::Missing | Target::Empty(_) | Target::Unseen => None,
    };
    let standing = match changed.filter(|changed| *changed > refreshed) {
        Some(changed) => {
            let standing = case.stands(Word::Behind, || {
                format!(
                    "The Secret changed at {}; the next push is due within {}",
                    moment(case.now, changed),
                    spoken(of)
                )
            });
            Standing { lag: Some(age(case.now, changed)), ..standing }
        }
        None => case.stands(Word::Synced, || format!("Pushed {}", case.ago(refreshed))),
    };
    Standing { of: Some(of), ..standing }
}
