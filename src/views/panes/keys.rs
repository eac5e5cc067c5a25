//! The keys Secret, what unseals from it, where else the keys are kept, and the proof: everything a restart lives on.

use super::{Entry, Pane, Room, labelled};
use crate::app::id::{FeedId, PaneId};
use crate::app::model::keystore::KeystoreLook;
use crate::app::state::{State, panes};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

mod custody;
mod kept;
mod proof;
mod secret;
mod unsealing;

pub use custody::custody_word;
pub use kept::{ago, copy_word, holding_word, keystore_word, lock_word, places};
pub use proof::proof_word;
pub use secret::{Relation, culprit, relation, relation_word, secret_word, shape, window};
pub use unsealing::{liveness, mounted};

/// The pane.
#[derive(Debug)]
pub struct Keys;

/// The feeds without which nobody can say whether a restart comes back.
pub const FEEDS: [FeedId; 2] = [FeedId::KeysSecret, FeedId::Unsealers];
/// The feeds that see where else the keys are kept.
pub const KEPT: [FeedId; 4] = [FeedId::Keystore, FeedId::Copies, FeedId::Custody, FeedId::Register];

impl Pane for Keys {
    fn id(&self) -> PaneId {
        PaneId::Keys
    }

    fn standing(&self, state: &State) -> (Mark, String) {
        let (mark, word) = secret_word(state);
        if mark != Mark::Ok {
            return (mark, word);
        }
        let dead = state.model.unsealers.as_ref().and_then(|seen| seen.value.found.first()).map(liveness);
        if let Some((mark, word)) = dead.filter(|(mark, _)| *mark != Mark::Ok) {
            return (mark, format!("unsealer {word}"));
        }
        let (proof, proof_said) = proof_word(state);
        if proof == Mark::Bad {
            return (proof, proof_said);
        }
        if let Some(said) = kept_badly(state) {
            return said;
        }
        if proof == Mark::Ok { (Mark::Ok, String::new()) } else { (proof, proof_said) }
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        let mut entries = Vec::new();
        entries.push(secret::entry(state, look, room));
        entries.extend(secret::compared(state, look, room));
        entries.extend(secret::loss(state, look, room));
        if let Some(secret) = state.model.keys_secret() {
            entries.extend(secret::fields(state, secret, look, room));
            entries.extend(secret::danger(secret, look, room));
        }
        if let Some(unsealers) = &state.model.unsealers {
            for unsealer in &unsealers.value.found {
                entries.extend(unsealing::entries(state, unsealer, look, room));
            }
        }
        entries.extend(kept::keystore(state, look, room));
        entries.extend(kept::summary(state, look, room));
        entries.extend(kept::copies(state, look, room));
        entries.extend(kept::elsewhere(state, look, room));
        entries.extend(custody::entries(state, look, room));
        entries.extend(proof::entries(state, look, room));
        let reopens = &state.verdict.reopens;
        let how = format!("by {} ({})", reopens.by.word(), reopens.grade.word());
        entries.push(Entry::note(5, labelled(look, "reopens", vec![look.span(Role::Dim, how)])));
        if room.zoomed {
            for (index, text) in fmt::wrap(&reopens.because, room.width.saturating_sub(super::LABEL)).iter().enumerate()
            {
                let line = labelled(look, "", vec![look.span(Role::Dim, text.clone())]);
                entries.push(Entry { joins: index > 0, ..Entry::note(6, line) });
            }
        }
        entries.extend(sight::entries(state, look, &FEEDS, room));
        // Where else the keys are kept is the second question: its troubles make room first.
        let kept = sight::entries(state, look, &KEPT, room).into_iter();
        entries.extend(kept.map(|entry| Entry { weight: entry.weight.max(4), ..entry }));
        entries
    }
}

/// The worst of what is kept elsewhere, for the title; nothing where it is well or was never begun.
fn kept_badly(state: &State) -> Option<(Mark, String)> {
    if let Some((mark, _)) = relation(state).map(relation_word).filter(|(mark, _)| *mark == Mark::Bad) {
        return Some((mark, "other keys than the keystore".to_owned()));
    }
    match state.model.keystore.as_ref().map(|seen| &seen.value) {
        Some(KeystoreLook::Absent { expected: true, .. }) => return Some((Mark::Bad, "keystore lost".to_owned())),
        Some(KeystoreLook::Unreadable { .. }) => return Some((Mark::Bad, "keystore unreadable".to_owned())),
        Some(KeystoreLook::Absent { expected: false, .. } | KeystoreLook::Present(_)) | None => {}
    }
    let file = panes::custody(state).into_iter().map(|file| (custody_word(file).0, &file.name));
    if let Some((mark, name)) = file.into_iter().find(|(mark, _)| *mark == Mark::Bad) {
        return Some((mark, format!("key file {name}")));
    }
    let held = state.model.keystore().is_some_and(|seen| seen.current().is_some());
    if held && state.model.copies.is_some() && places(state).len() < 2 {
        return Some((Mark::Warn, "only one place holds the keys".to_owned()));
    }
    let copy = panes::copies(state).into_iter().map(|copy| (copy_word(copy, false).0, &copy.name));
    if let Some((mark, name)) = copy.into_iter().find(|(mark, _)| *mark == Mark::Bad) {
        return Some((mark, format!("copy {name}")));
    }
    None
}
