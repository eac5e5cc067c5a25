//! PushSecret: a Secret, or a new value of a generator, into the vault.

use jiff::SignedDuration;

use super::case::{Case, Target};
use super::external::{interval, overdue};
use super::{Standing, Word};
use crate::app::model::paths::VaultPath;
use crate::app::time::{age, moment, spoken};

/// A generator that pushes more often than this flushes the vault's history of ten versions within a day.
const OFTEN: SignedDuration = SignedDuration::from_hours(2);

pub(super) fn judge(case: &Case<'_>) -> Standing {
    let of = interval(case.seen);
    if let Some(standing) = case.leaving().or_else(|| case.unborn()) {
        return Standing { of, ..standing };
    }
    let refreshed = case.seen.detail.refreshed;
    if !case.green() {
        let lag = refreshed.zip(of).map(|(at, of)| (age(case.now, at) - of).max(SignedDuration::ZERO));
        let standing = case.failing(lag, of);
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
