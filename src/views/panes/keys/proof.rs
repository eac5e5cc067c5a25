//! The proof in the pane: whether the vault takes these keys, since when that is known, and for how long it counts.

use crate::app::model::keys_secret::{Fingerprint, KeysSecret};
use crate::app::model::proof::{Answer, Proof, last_answer, same_keys};
use crate::app::state::State;
use crate::app::time::{age, spoken};
use crate::app::verdict::{Standing, standing_proof};
use crate::views::fmt;
use crate::views::panes::{Entry, Room, aside, labelled};
use crate::views::theme::{Look, Mark};

/// The proof and its age, in a mark and words; as many words as the room allows.
pub fn proof_word(state: &State, roomy: bool) -> (Mark, String) {
    let when = |proof: &Proof| fmt::when(state.now, proof.at);
    let prints = state.model.keys_secret().map(KeysSecret::prints).unwrap_or_default();
    if let Some(refused) = answer(state, &prints).filter(|proof| proof.answer == Answer::Refused) {
        let what = if roomy { "the vault refused the Secret's keys" } else { "refused" };
        return (Mark::Bad, format!("{what} {}", when(refused)));
    }
    if let Some(proof) = standing_proof(&state.model, state.now) {
        return (Mark::Ok, format!("proven {}", when(proof)));
    }
    let accepted = state.model.proofs.iter().rev().find(|proof| proof.answer == Answer::Accepted);
    let Some(last) = accepted else {
        return (Mark::Unknown, "unproven".to_owned());
    };
    let max = state.model.expect.proof_max_age;
    let gone = age(state.now, last.at);
    // What it was made with cannot be seen now.
    if state.verdict.state == Standing::Blind {
        return (Mark::Unknown, format!("last proven {}", when(last)));
    }
    if prints.is_empty()
        && let Some(kept) = of_keystore(state).filter(|proof| proof.answer == Answer::Accepted)
    {
        let gone = age(state.now, kept.at);
        let whose = if roomy { "of the keystore's keys" } else { "keystore's keys" };
        return if gone <= max {
            (Mark::Ok, format!("{whose}, {}", when(kept)))
        } else {
            (Mark::Warn, format!("{whose}, {} old", spoken(gone)))
        };
    }
    if gone > max {
        return (Mark::Warn, format!("{} old, limit {}", spoken(gone), spoken(max)));
    }
    if prints.is_empty() && !last.prints.is_empty() {
        return (Mark::Warn, format!("of lost keys, {}", when(last)));
    }
    (Mark::Warn, "of other keys".to_owned())
}

/// What the vault last said to exactly these keys.
fn answer<'a>(state: &'a State, prints: &[Fingerprint]) -> Option<&'a Proof> {
    let id = state.model.cluster_id().or_else(|| state.model.heard.as_ref()?.value.cluster_id.as_deref());
    last_answer(&state.model.proofs, id, prints)
}

/// What the vault last said to exactly these keys, in a mark and words; nothing if it was never asked.
pub fn proof_of(state: &State, prints: &[Fingerprint]) -> Option<(Mark, String)> {
    let proof = answer(state, prints)?;
    let when = fmt::when(state.now, proof.at);
    Some(match proof.answer {
        Answer::Accepted if age(state.now, proof.at) > state.model.expect.proof_max_age => {
            (Mark::Warn, format!("the vault took these {when}, which is too long ago to count"))
        }
        Answer::Accepted => (Mark::Ok, format!("the vault took these {when}: {}", proof.method.words())),
        Answer::Refused => (Mark::Bad, format!("the vault does not take these: it refused them {when}")),
    })
}

/// What the vault last said to the keystore's current keys.
fn of_keystore(state: &State) -> Option<&Proof> {
    let keystore = state.model.keystore().filter(|keystore| keystore.comparable)?;
    answer(state, &keystore.current()?.prints)
}

/// The proof's row, and what the vault said to the keystore's keys where those are others than the Secret's.
pub(super) fn entries(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    let roomy = room.width >= 60;
    let (mark, word) = proof_word(state, roomy);
    let line = labelled(look, "proof", vec![look.mark(mark, &word)]);
    let told = match state.model.proofs.last() {
        Some(proof) if mark == Mark::Ok && room.zoomed => {
            format!("{}; counts for {}", proof.method.words(), spoken(state.model.expect.proof_max_age))
        }
        Some(proof) if proof.answer == Answer::Accepted => proof.method.words().to_owned(),
        Some(_) | None => String::new(),
    };
    let mut entries = vec![Entry::row("proof", 0, aside(look, line, &told, room.width))];
    let prints = state.model.keys_secret().map(KeysSecret::prints).unwrap_or_default();
    let apart = of_keystore(state).filter(|proof| !prints.is_empty() && !same_keys(&proof.prints, &prints));
    if let Some(proof) = apart {
        let (mark, verb) = match proof.answer {
            Answer::Accepted => (Mark::Ok, "took"),
            Answer::Refused => (Mark::Bad, "refused"),
        };
        let when = fmt::when(state.now, proof.at);
        let words =
            if roomy { format!("it {verb} the keystore's keys {when}") } else { format!("{verb} the keystore's keys") };
        entries.push(Entry::note(1, labelled(look, "", vec![look.mark(mark, &words)])));
    }
    entries
}
