//! The ways to the vault: VaultAuth and VaultConnection, which nobody tries, and the stores of ESO, which are tried.

use super::case::Case;
use super::witnesses::{Process, VaultNow};
use super::{Standing, Word};
use crate::app::model::auths::Gap;
use crate::app::model::sync::{Condition, SyncKind, SyncSeen};
use crate::app::time::moment;

/// Once they are valid they are looked at on a change of their spec and at the operator's start only: what goes through
/// them is the only evidence.
pub(super) fn judge(case: &Case<'_>) -> Standing {
    if let Some(standing) = case.leaving().or_else(|| case.unborn()) {
        return standing;
    }
    if case.seen.detail.valid == Some(false) || case.ready().is_some() && !case.green() {
        return invalid(case);
    }
    let mut users = case.w.users(&case.seen.object);
    if case.seen.kind == SyncKind::VaultConnection {
        users = users.into_iter().flat_map(|auth| case.w.users(&auth.object)).collect();
    }
    if let Some(standing) = refused(case, &users) {
        return standing;
    }
    let young = users.iter().filter_map(|user| proof(case, user)).max();
    let sealed = case.w.vault() == VaultNow::Sealed;
    match young {
        Some(at) if !sealed => case.stands(Word::Synced, || format!("What goes through it was read {}", case.ago(at))),
        _ => {
            let looked = case.beat();
            case.stands(Word::Unwatched, || {
                let when = looked.map(|at| format!(", last at {}", moment(case.now, at))).unwrap_or_default();
                let sealed = if sealed { "; the vault is sealed now, which it would not show" } else { "" };
                format!("Looked at when its spec changes and when the operator starts{when}: its True says nothing about now{sealed}")
            })
        }
    }
}

/// The last moment at which an object read something through it, where that is not long ago.
fn proof(case: &Case<'_>, user: &SyncSeen) -> Option<jiff::Timestamp> {
    let of_user = Case::new(case.w, user);
    let beat = of_user.beat().filter(|_| of_user.green())?;
    // Static credentials beat without a read after a restart with a cached token.
    let reads = user.kind == SyncKind::VaultStaticSecret;
    (reads && crate::app::time::within(case.now, beat, jiff::SignedDuration::from_mins(5))).then_some(beat)
}

fn invalid(case: &Case<'_>) -> Standing {
    let standing = case.failing(None, None);
    let said = case.seen.detail.error.as_deref().or_else(|| {
        let failed = ["ResourceValidation", "VaultPing"].iter().find_map(|kind| case.seen.condition(kind));
        failed.filter(|condition| condition.status == "False").map(|condition: &Condition| condition.message.as_str())
    });
    match said {
        Some(said) => Standing { why: case.w.say(|| case.cause_of(said).text), also: None, dire: false, ..standing },
        None => Standing { also: None, dire: false, ..standing },
    }
}

/// Every object that goes through it fails to log in, while its own status stays True.
fn refused(case: &Case<'_>, users: &[&SyncSeen]) -> Option<Standing> {
    if case.seen.kind != SyncKind::VaultAuth || users.is_empty() {
        return None;
    }
    let mut text = None;
    for user in users {
        let of_user = Case::new(case.w, user);
        let said = of_user.seen.condition("SecretSynced").filter(|said| said.status == "False" && !of_user.green());
        let event = of_user.complaint_after(of_user.beat().or(user.created));
        let message = said.map(|said| said.message.as_str()).or_else(|| event.map(|event| event.message.as_str()))?;
        let cause = super::cause::read(message);
        let of_login = matches!(cause.kind, super::cause::Kind::Login | super::cause::Kind::Unreachable)
            || cause.text.starts_with("ServiceAccount ");
        text = Some(of_login.then_some(cause.text)?);
    }
    let text = text?;
    Some(case.stands(Word::Failed, || {
        let role = case.w.role_of(&case.seen.object).filter(|role| !role.is_empty());
        let role = role.map(|role| format!(" as role {role}")).unwrap_or_default();
        let n = crate::app::text::count(users.len(), "object");
        format!("Nobody can log in through it{role}: {text} ({n}); its own status is True, because it is never tried")
    }))
}

/// A VaultAuthGlobal has no status and nobody tries it: VaultAuths that name it say what is wrong with it.
pub(super) fn global(case: &Case<'_>) -> Standing {
    if let Some(standing) = case.leaving() {
        return standing;
    }
    let model = case.w.model;
    let auths = case.w.auths();
    let takes = |auth: &&&SyncSeen| {
        model.login(&auth.object).and_then(|login| login.global).as_ref() == Some(&case.seen.object)
    };
    let refused =
        |auth: &&&SyncSeen| matches!(model.gap(auth), Some(Gap::Refuses(object, _)) if object == case.seen.object);
    let users = auths.iter().filter(takes).count();
    let refused: Vec<String> = auths.iter().filter(refused).map(|auth| auth.object.path()).collect();
    let standing = case.stands(Word::Unwatched, || match users {
        0 => "No VaultAuth in sight takes anything from it".to_owned(),
        1 => "1 VaultAuth takes from it; it has no status of its own".to_owned(),
        users => format!("{users} VaultAuths take from it; it has no status of its own"),
    });
    let also = (!refused.is_empty())
        .then(|| case.w.say(|| format!("{} may not use it (allowedNamespaces)", refused.join(", "))));
    Standing { also, looked: None, ..standing }
}

/// A store of ESO logs in each time it is validated: its Ready is a probe.
pub(super) fn store(case: &Case<'_>) -> Standing {
    if let Some(standing) = case.leaving().or_else(|| case.unborn()) {
        return Standing { dire: false, ..standing };
    }
    if !case.green() {
        let mut standing = case.failing(None, None);
        standing.dire = false;
        if case.complaint().is_none() {
            standing.why = case
                .w
                .say(|| "It cannot make a client of the vault; the Event that says why is not in sight".to_owned());
        }
        return standing;
    }
    let operator = case.operator();
    if case.process() == Process::Dead {
        return case.stands(Word::Dropped, || format!("Ready is True, and {operator} is not running"));
    }
    let validated = case.event(&["Valid"]).and_then(|event| event.last);
    case.stands(Word::Synced, || {
        let since = case.beat().map(|at| format!(" since {}", moment(case.now, at))).unwrap_or_default();
        let last = validated.map(|at| format!(", last {}", case.ago(at))).unwrap_or_default();
        let sealed = if case.w.vault() == VaultNow::Sealed { "; the vault is sealed now" } else { "" };
        let used = match case.w.users(&case.seen.object).len() {
            0 => "nothing in sight goes through it".to_owned(),
            1 => "1 object goes through it".to_owned(),
            n => format!("{n} objects go through it"),
        };
        format!("Its login works{since}{last}{sealed}; {used}")
    })
}
