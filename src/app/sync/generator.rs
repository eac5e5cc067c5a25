//! Generators of ESO: they have no status of their own, and make a value whenever an object that names them is read or
//! pushed. What names them is all the evidence.

use super::case::Case;
use super::external::{declaration, interval};
use super::{Standing, Word};
use crate::app::model::sync::{SyncKind, SyncSeen};
use crate::app::text::count;
use crate::app::time::spoken;

pub(super) fn judge(case: &Case<'_>) -> Standing {
    if let Some(standing) = case.leaving() {
        return standing;
    }
    let users = case.w.users(&case.seen.object);
    let Some(first) = users.iter().copied().min_by_key(|user| (interval(user).is_none(), interval(user))) else {
        return case.stands(Word::Unwatched, || {
            "Nothing in sight takes a value from it: no ExternalSecret and no PushSecret names it".to_owned()
        });
    };
    let looked = users.iter().filter_map(|user| user.detail.refreshed).max();
    let of = interval(first);
    let word = if of.is_some() { Word::Synced } else { Word::Unwatched };
    let standing = case.stands(word, || {
        let last = looked.map_or_else(|| ", none yet".to_owned(), |at| format!(", the last {}", case.ago(at)));
        if let Some(of) = of {
            return format!("Makes a new value for {} every {}{last}{}", first.object, spoken(of), never(&users));
        }
        let others = users.len() - 1;
        let others = if others == 0 { String::new() } else { format!(" and {}", count(others, "other")) };
        format!("Never rotates: {} of {}{others}{last}; {}", declaration(first), first.object, edited(first))
    });
    Standing { of, looked, ..standing }
}

/// Those beside the first that do not rotate.
fn never(users: &[&SyncSeen]) -> String {
    match users.iter().filter(|user| interval(user).is_none()).count() {
        0 => String::new(),
        n => format!("; {} of the {} that name it never rotate", n, users.len()),
    }
}

/// What makes it make another all the same.
fn edited(user: &SyncSeen) -> &'static str {
    match (user.kind, user.detail.policy.as_deref()) {
        (SyncKind::PushSecret, _) => "any edit of that makes another",
        (_, Some("OnChange")) => "an edit of that makes another",
        (_, _) => "it makes another where the Secret is missing or altered",
    }
}
