//! What is held of the keys elsewhere: keystore, copies, key files, the register. Each change is told on the timeline.

use jiff::Timestamp;

use super::say;
use crate::app::id::ObjectRef;
use crate::app::model::Model;
use crate::app::model::copies::{CopySeen, CopyState};
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::model::keystore::KeystoreLook;
use crate::app::model::observed::Observed;
use crate::app::model::register::RegisterSeen;
use crate::app::model::timeline::Tone;

/// Takes one look at the keystore.
pub(super) fn keystore(model: &mut Model, seen: &KeystoreLook, now: Timestamp) {
    let before = model.keystore.replace(Observed::new(seen.clone(), now)).map(|observed| observed.value);
    let subject = ObjectRef::new("Keystore", "", seen.path());
    match (before, seen) {
        (None, _)
        | (Some(KeystoreLook::Absent { .. }), KeystoreLook::Absent { .. })
        | (Some(KeystoreLook::Unreadable { .. }), KeystoreLook::Unreadable { .. }) => {}
        (Some(KeystoreLook::Present(old)), KeystoreLook::Present(new)) => {
            let (was, is) = (old.current().map(|g| g.number), new.current().map(|g| g.number));
            if let (true, Some(is)) = (was != is, is) {
                say(model, now, subject, &format!("holds generation {is} now"), "", Tone::Plain);
            }
        }
        (Some(KeystoreLook::Absent { .. } | KeystoreLook::Unreadable { .. }), KeystoreLook::Present(new)) => {
            say(model, now, subject, "is there", &format!("revision {}", new.revision), Tone::Plain);
        }
        (Some(_), KeystoreLook::Absent { .. }) => say(model, now, subject, "is gone", "", Tone::Grave),
        (Some(_), KeystoreLook::Unreadable { trouble, .. }) => {
            say(model, now, subject, &trouble.what, &trouble.why, Tone::Grave);
        }
    }
}

/// Takes what is known of all copies.
pub(super) fn copies(model: &mut Model, seen: &[CopySeen], now: Timestamp) {
    let before = model.copies.replace(Observed::new(seen.to_vec(), now)).map(|observed| observed.value);
    for copy in seen {
        let old = before.as_ref().and_then(|all| all.iter().find(|old| old.name == copy.name));
        let Some(old) = old.filter(|old| old.state != CopyState::Unchecked) else { continue };
        let lost = old.state.holds_current() && !copy.state.holds_current();
        if lost {
            let says = match &copy.state {
                CopyState::Missing => "is gone",
                CopyState::Unreadable(_) => "cannot be read",
                CopyState::Outdated { .. } => "lacks the current keys",
                CopyState::Same | CopyState::Older { .. } | CopyState::Newer { .. } | CopyState::Unchecked => continue,
            };
            say(model, now, ObjectRef::new("Copy", "", &copy.name), says, &copy.place, Tone::Notable);
        }
    }
}

/// Takes one look at the files in custody.
pub(super) fn custody(model: &mut Model, seen: &[CustodySeen], now: Timestamp) {
    let before = model.custody.replace(Observed::new(seen.to_vec(), now)).map(|observed| observed.value);
    for file in seen {
        let old = before.as_ref().and_then(|all| all.iter().find(|old| old.name == file.name));
        if old.is_none_or(|old| old.state == file.state) {
            continue;
        }
        let subject = ObjectRef::new("KeyFile", "", &file.name);
        let (says, tone) = match &file.state {
            CustodyState::Same => ("is in place again", Tone::Plain),
            CustodyState::Different { .. } | CustodyState::WrongSize { .. } => ("holds other bytes now", Tone::Grave),
            CustodyState::Missing => ("is gone", Tone::Grave),
            CustodyState::Unreadable(_) => ("cannot be read", Tone::Notable),
            CustodyState::Elsewhere { .. } => ("is not looked at from here", Tone::Plain),
        };
        say(model, now, subject, says, &file.path, tone);
    }
}

/// More proofs than honest colleagues write: who may edit the register must not fill this process with them.
const MOST_PROOFS: usize = 4096;

/// Takes one look at the register: proofs that colleagues wrote down count here too. One of a later day would be the last
/// word whatever is proven until then, and no prove-keys could answer it.
pub(super) fn register(model: &mut Model, seen: Option<&RegisterSeen>, now: Timestamp) {
    if let Some(register) = seen.filter(|register| register.comparable) {
        for proof in register.proofs.iter().filter(|proof| !proof.ahead(now) && proof.namespace.is_none()) {
            if model.proofs.len() < MOST_PROOFS && !model.proofs.contains(proof) {
                model.proofs.push(proof.clone());
            }
        }
        model.proofs.sort_by_key(|proof| proof.at);
    }
    model.register = Some(Observed::new(seen.cloned(), now));
}
