//! Everything known about one namespace of the vault: its own seal, and what was proven of its shares.

use super::Page;
use crate::app::estate;
use crate::app::id::FeedId;
use crate::app::state::State;
use crate::views::fmt;
use crate::views::panes::vault::namespace_seal;
use crate::views::theme::{Mark, Role};

pub(super) fn facts(state: &State, path: &str, page: &mut Page<'_>) {
    let Some(one) = estate::namespace(&state.model, path) else { return };
    let (mark, word) = namespace_seal(one);
    page.state("seal", mark, &word);
    if let Some((needed, of)) = one.shares {
        page.fact("shares", &format!("any {needed} of {of}, its own: the vault's unseal keys do not open it"));
    }
    if let Some(seen) = &state.model.estate {
        page.fact("seen", &fmt::when(state.now, seen.at));
    }
    if let Some(trouble) = &one.unread {
        page.trouble("because", trouble);
    } else if one.sealed == Some(true) {
        page.hang(Role::Accent, "          → ", Role::Plain, &format!("bao namespace unseal {path}"));
    } else if one.sealable() {
        page.fact("proof", "its shares can be proven while it is open: baowatch act run prove-keys Namespace/NAME");
    } else {
        page.state("proof", Mark::Absent, "it is sealed and opened with the vault");
    }
    for proof in
        state.model.namespace_proofs.iter().rev().filter(|proof| proof.namespace.as_deref() == Some(path)).take(8)
    {
        page.blank();
        super::keys::proof(state, proof, page);
    }
    page.feeds(state, &[FeedId::Estate]);
}

/// One entry of the list of advisories.
pub(super) fn advisory(id: &str, page: &mut Page<'_>) {
    let Some(entry) = crate::app::advisories::find(id) else { return };
    page.fact("what", &entry.sentence);
    page.fact("do", &entry.next);
    page.fact("source", &entry.source);
}
