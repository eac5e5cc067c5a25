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
pub use proof::{proof_of, proof_word};
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
        let (proof, said) = proof_word(state, false);
        if proof == Mark::Bad {
            return (proof, format!("keys {said}"));
        }
        if let Some(kept) = kept_badly(state) {
            return kept;
        }
        if proof == Mark::Ok { (Mark::Ok, String::new()) } else { (proof, said) }
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
        entries.push(Entry::note(6, labelled(look, "reopens", vec![look.span(Role::Dim, how)])));
        if room.zoomed {
            for (index, text) in fmt::wrap(&reopens.because, room.width.saturating_sub(super::LABEL)).iter().enumerate()
            {
                let line = labelled(look, "", vec![look.span(Role::Dim, text.clone())]);
                entries.push(Entry { joins: index > 0, ..Entry::note(7, line) });
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
    match relation(state) {
        Some(other @ (Relation::Other | Relation::Older(..))) => return Some(relation_word(other, false)),
        Some(Relation::Same(_) | Relation::Incomparable) | None => {}
    }
    match state.model.keystore.as_ref().map(|seen| &seen.value) {
        Some(KeystoreLook::Absent { expected: true, .. }) => return Some((Mark::Bad, "keystore lost".to_owned())),
        Some(KeystoreLook::Unreadable { .. }) => return Some((Mark::Bad, "keystore unreadable".to_owned())),
        Some(KeystoreLook::Absent { expected: false, .. } | KeystoreLook::Present(_)) | None => {}
    }
    let files = panes::custody(state).into_iter().map(|file| (custody_word(file, false), &file.name));
    if let Some(((mark, word), name)) = files.into_iter().find(|((mark, _), _)| *mark == Mark::Bad) {
        return Some((mark, format!("key file {name}: {word}")));
    }
    let held = state.model.keystore().is_some_and(|seen| seen.current().is_some());
    if held && state.model.copies.is_some() && places(state).len() < 2 {
        return Some((Mark::Warn, "one place holds the keys".to_owned()));
    }
    // One copy less is a warning while others hold the keys.
    let copies = panes::copies(state).into_iter().map(|copy| (copy_word(copy, false), &copy.name));
    let mut bad = copies.filter(|((mark, _), _)| *mark == Mark::Bad);
    bad.next().map(|((_, word), name)| (Mark::Warn, format!("copy {name}: {word}")))
}
