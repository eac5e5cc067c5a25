//! Everything known about the keys Secret, what unseals from it, and the proofs.

use super::Page;
use crate::app::id::ObjectRef;
use crate::app::model::attribution::attribute;
use crate::app::model::keys_secret::{KeysSecret, KeysSeen};
use crate::app::model::proof::{Answer, Proof, same_keys};
use crate::app::model::unsealer::UnsealerSeen;
use crate::app::state::State;
use crate::app::time::{date_clock, spoken};
use crate::views::fmt;
use crate::views::panes::keys::{
    FEEDS, ago, culprit, liveness, proof_of, proof_word, relation, relation_word, secret_word, shape, window,
};
use crate::views::theme::{Mark, Role};

pub(super) fn secret(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(keys) = state.model.keys.as_ref().filter(|keys| keys.value.object() == subject) else {
        page.feeds(state, &FEEDS);
        return;
    };
    let (mark, word) = secret_word(state);
    page.state("Secret", mark, &word);
    if let Some(relation) = relation(state) {
        let (mark, words) = relation_word(relation, true);
        page.state("compared", mark, &words);
    }
    let held = keys.value.present().map(KeysSecret::prints).unwrap_or_default();
    if let Some((mark, words)) = proof_of(state, &held) {
        page.state("proof", mark, &words);
    }
    if let KeysSeen::Present(secret) = &keys.value {
        present(state, secret, page);
    }
    if let Some(lost) = attribute(&state.model.history) {
        page.blank();
        page.heading("Who emptied it");
        page.fact("lost", &lost.lost.join(", "));
        page.fact("by", &culprit(&lost));
        page.fact("when", &window(state, &lost));
        for line in &lost.evidence {
            page.hang(Role::Dim, "  · ", Role::Dim, line);
        }
    }
    page.feeds(state, &FEEDS);
}

fn present(state: &State, secret: &KeysSecret, page: &mut Page<'_>) {
    page.fact("immutable", if secret.immutable { "yes" } else { "no: whoever may write it may empty it" });
    page.fact("version", &secret.version);
    page.fact("uid", &secret.uid);
    if let Some(created) = secret.created {
        page.fact("created", &fmt::when(state.now, created));
    }
    if let Some(gitops) = &secret.gitops {
        page.state("managed", Mark::Warn, &format!("{gitops} may put its own idea of it back"));
    }
    if let Some(fields) = secret.last_applied.as_ref().filter(|fields| !fields.is_empty()) {
        page.state("annotation", Mark::Warn, &format!("last-applied holds {} in base64", fields.join(", ")));
    }
    page.blank();
    page.heading("Fields");
    if secret.fields.is_empty() {
        page.say(Role::Dim, "none");
    }
    for field in &secret.fields {
        let (mark, words) = shape(field);
        let prints: Vec<String> = field.prints.iter().map(ToString::to_string).collect();
        let label = fmt::middle(&field.name, super::LABEL - 1);
        page.state(&label, mark, &format!("{words}, {}  {}", fmt::bytes(field.len), prints.join(" ")));
    }
    if !secret.owners.is_empty() {
        page.blank();
        page.heading("Owners");
    }
    for owner in &secret.owners {
        let how = if owner.apply { "applies" } else { "updates" };
        let what = if owner.data.is_empty() { "no data".to_owned() } else { owner.data.join(", ") };
        let at = owner.time.map(|at| format!(", last {}", fmt::when(state.now, at))).unwrap_or_default();
        page.hang(Role::Plain, "", Role::Plain, &format!("{} {how} {what}{at}", owner.manager));
    }
}

pub(super) fn unsealer(seen: &UnsealerSeen, page: &mut Page<'_>) {
    page.heading(&format!("Unsealer {}", seen.container));
    let (mark, word) = liveness(seen);
    page.state("runs", mark, &word);
    page.fact("reach", if seen.sidecar { "its own pod only" } else { "every replica" });
    page.fact("known by", &seen.because);
    for used in &seen.uses {
        let fields = if used.fields.is_empty() { "all fields".to_owned() } else { used.fields.join(", ") };
        page.fact("mounts", &format!("{} as {}, {fields}", used.secret, used.how.words()));
        if used.optional {
            page.state("", Mark::Warn, "optional: a loss is silent, and a new pod starts without the key");
        }
    }
}

pub(super) fn proofs(state: &State, page: &mut Page<'_>) {
    let (mark, word) = proof_word(state, true);
    page.state("proof", mark, &word);
    let limit = spoken(state.model.expect.proof_max_age);
    page.fact("counts for", &format!("{limit}; a refusal counts until the keys are others"));
    page.fact("", "Equality of two copies is never proof: only a server that was asked is.");
    for proof in state.model.proofs.iter().rev().take(8) {
        page.blank();
        self::proof(state, proof, page);
    }
}

/// One proof: what was said to which keys, how and when.
pub(super) fn proof(state: &State, proof: &Proof, page: &mut Page<'_>) {
    let when = format!("{}, {}", date_clock(proof.at), ago(state, proof.at));
    match proof.answer {
        Answer::Accepted => {
            page.state("accepted", Mark::Ok, &when);
            page.fact("how", &format!("{}, on {}", proof.method.words(), proof.replica));
        }
        Answer::Refused => {
            page.state("refused", Mark::Bad, &when);
            page.fact("how", &format!("the live server was asked and does not take them, on {}", proof.replica));
        }
    }
    let prints: Vec<String> = proof.prints.iter().map(ToString::to_string).collect();
    page.fact("of keys", &prints.join(" "));
    page.fact("held by", &owner(state, proof).unwrap_or_default());
    page.fact("of vault", proof.cluster_id.as_deref().unwrap_or_default());
}

/// Where these keys lie today.
fn owner(state: &State, proof: &Proof) -> Option<String> {
    if proof.prints.is_empty() {
        return None;
    }
    let secret = state.model.keys_secret().is_some_and(|secret| same_keys(&secret.prints(), &proof.prints));
    let kept = state.model.keystore().filter(|keystore| keystore.comparable);
    let kept = kept.and_then(|keystore| keystore.holding(&proof.prints)).map(|held| held.number);
    Some(match (secret, kept) {
        (true, Some(number)) => format!("the Secret, and the keystore as generation {number}"),
        (true, None) => "the Secret".to_owned(),
        (false, Some(number)) => format!("the keystore as generation {number}"),
        (false, None) => "neither the Secret nor the keystore, now".to_owned(),
    })
}
