//! The keys Secret in the pane: whether it can be what opens the vault, whether the keystore holds the same, who emptied
//! it and who could again.

use ratatui::text::Span;

use crate::app::id::FeedId;
use crate::app::model::attribution::{Attribution, Culprit, attribute};
use crate::app::model::keys_secret::{FieldSeen, KeysSecret, KeysSeen, Purpose, Shape};
use crate::app::model::proof::same_keys;
use crate::app::model::reopens::Mechanism;
use crate::app::model::seal::SealSeen;
use crate::app::state::State;
use crate::app::text::count;
use crate::app::time::quiet;
use crate::views::panes::{Entry, LABEL, Room, aside, labelled};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

/// How the Secret stands, in a mark and a word.
pub fn secret_word(state: &State) -> (Mark, String) {
    let said = |mark, word: &str| (mark, word.to_owned());
    let Some(keys) = &state.model.keys else {
        return unseen(state);
    };
    if keys.fresh(state.now, FeedId::KeysSecret).is_none() {
        return (Mark::Warn, format!("stale {}", quiet(keys.age(state.now))));
    }
    let KeysSeen::Present(secret) = &keys.value else {
        return said(if initialised(state) { Mark::Bad } else { Mark::Absent }, "gone");
    };
    if secret.is_empty() {
        return said(if initialised(state) { Mark::Bad } else { Mark::Absent }, "empty");
    }
    if let Some(field) = secret.fields.iter().find(|field| implausible(field)) {
        return (Mark::Bad, format!("{} implausible", field.name));
    }
    if secret.field(Purpose::SealKey).is_some_and(|field| field.shape == Shape::Key32) {
        return said(Mark::Ok, "seal key");
    }
    let needed = state.model.replicas.iter().find_map(|r| state.model.said(&r.name)).map_or(0, |seen| seen.threshold);
    let has = secret.shares();
    match (has, needed) {
        (0, _) => said(if initialised(state) { Mark::Bad } else { Mark::Absent }, "no share"),
        (has, needed) if has < needed => (Mark::Bad, format!("{has} of {needed} shares")),
        (has, _) => (Mark::Ok, count(has as usize, "share")),
    }
}

fn implausible(field: &FieldSeen) -> bool {
    matches!(field.purpose, Purpose::Shares | Purpose::SealKey) && matches!(field.shape, Shape::Implausible(_))
}

/// Before init an empty Secret is as it should be.
fn initialised(state: &State) -> bool {
    let mut said = state.model.replicas.iter().filter_map(|r| state.model.said(&r.name)).peekable();
    said.peek().is_none() || said.any(|seen: &SealSeen| seen.initialized)
}

fn unseen(state: &State) -> (Mark, String) {
    if let Some(blind) = sight::blindness(state, FeedId::KeysSecret).filter(|blind| blind.mark != Mark::Absent) {
        return (blind.mark, blind.word);
    }
    match state.verdict.reopens.by {
        Mechanism::Kms | Mechanism::Transit | Mechanism::People => (Mark::Absent, "none needed".to_owned()),
        Mechanism::Secret | Mechanism::Static | Mechanism::Unknown => {
            let several = state.model.unsealers.as_ref().filter(|seen| seen.value.chosen.is_none());
            match several.map(|seen| seen.value.candidates.len()) {
                Some(0) => (Mark::Absent, "none found".to_owned()),
                Some(1..) => (Mark::Unknown, "not certain which".to_owned()),
                None => (Mark::Absent, "looking".to_owned()),
            }
        }
    }
}

pub(super) fn entry(state: &State, look: &Look, room: Room) -> Entry {
    let (mark, word) = secret_word(state);
    let mut spans = vec![look.mark(mark, &word)];
    let mut quiet_words = String::new();
    if let Some(keys) = &state.model.keys {
        quiet_words = keys.value.object().path();
        if keys.value.present().is_some_and(|secret| secret.immutable) {
            spans.push(look.span(Role::Dim, "  immutable"));
        }
    } else if let Some(unsealers) = state.model.unsealers.as_ref().filter(|seen| seen.value.chosen.is_none()) {
        quiet_words = unsealers.value.candidates.join(", ");
    }
    let line = labelled(look, "Secret", spans);
    let used = crate::views::canvas::line_width(&line);
    let line = aside(look, line, &fmt::middle(&quiet_words, room.width.saturating_sub(used + 2)), room.width);
    match &state.model.keys {
        Some(_) => Entry::row("secret", 0, line),
        None => Entry::note(0, line),
    }
}

/// Who emptied it: the grade is part of the words.
pub(super) fn loss(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    let (mark, _) = secret_word(state);
    let Some(lost) = attribute(&state.model.history).filter(|_| mark == Mark::Bad || room.zoomed) else {
        return Vec::new();
    };
    let mut entries = Vec::new();
    let left = room.width.saturating_sub(LABEL);
    let mut short = lost.clone();
    let frame = fmt::width(&culprit(&lost)) - lost.who.as_deref().map_or(0, fmt::width);
    short.who = lost.who.as_deref().map(|who| fmt::middle(who, left.saturating_sub(frame)));
    let secret = state.model.keys.as_ref().and_then(|keys| keys.value.present());
    // Something is in the fields, and it is no key.
    let filled = |name: &String| secret.is_some_and(|it| it.fields.iter().any(|one| one.name == *name && one.len > 0));
    let label = if lost.lost.iter().any(filled) { "changed" } else { "emptied" };
    for (weight, label, words) in [(0, label, culprit(&short)), (1, "", window(state, &lost))] {
        if !words.is_empty() {
            entries.push(Entry::note(weight, labelled(look, label, vec![look.span(Role::Plain, words)])));
        }
    }
    if room.zoomed {
        for line in &lost.evidence {
            for line in fmt::wrap(line, room.width.saturating_sub(LABEL + 2)) {
                entries.push(Entry::note(6, labelled(look, "", vec![look.span(Role::Dim, line)])));
            }
        }
    }
    entries
}

/// `by kubectl (named)`, `by kubectl? (inferred)`, `by nobody can say whom`.
pub fn culprit(lost: &Attribution) -> String {
    match (&lost.who, lost.grade) {
        (Some(who), Culprit::Named) => format!("by {who} (named)"),
        (Some(who), Culprit::Inferred) => format!("by {who}? (inferred)"),
        (Some(who), Culprit::Unknown) => format!("perhaps by {who} (unknown)"),
        (None, Culprit::Named | Culprit::Inferred | Culprit::Unknown) => "by whom is unknown".to_owned(),
    }
}

/// Between which two moments, as far as they are known.
pub fn window(state: &State, lost: &Attribution) -> String {
    let when = |at| fmt::when(state.now, at);
    match (lost.after, lost.before) {
        (Some(after), Some(before)) if after == before => format!("at {}", when(before)),
        (Some(after), Some(before)) => format!("{} to {}", when(after), when(before)),
        (None, Some(before)) => format!("before {}", when(before)),
        (Some(after), None) => format!("after {}", when(after)),
        (None, None) => String::new(),
    }
}

/// Whether the Secret was confirmed recently; what was not keeps its words and loses its colour.
fn stale(state: &State) -> bool {
    state.model.fresh_keys(state.now).is_none()
}

pub(super) fn fields(state: &State, secret: &KeysSecret, look: &Look, room: Room) -> Vec<Entry> {
    if secret.fields.is_empty() && room.zoomed {
        return vec![Entry::note(7, labelled(look, "fields", vec![look.span(Role::Dim, "none")]))];
    }
    let stale = stale(state);
    let name_room = secret.fields.iter().map(|field| fmt::width(&field.name)).max().unwrap_or(0).clamp(4, 18);
    let mut entries = Vec::new();
    for (index, field) in secret.fields.iter().enumerate() {
        let (mark, words) = shape(field);
        let name = fmt::left(&fmt::middle(&field.name, name_room), name_room);
        let words = format!("{} {words}", look.glyph(if stale { Mark::Warn } else { mark }));
        let role = if stale { Role::Dim } else { mark.role() };
        let mut spans = vec![look.span(Role::Plain, name), Span::raw("  "), look.span(role, &words)];
        let mut used = LABEL + name_room + 2 + fmt::width(&words);
        for print in field.prints.iter().take(if room.zoomed { 8 } else { 1 }) {
            let print = format!("  {print}");
            used += fmt::width(&print);
            if used <= room.width {
                spans.push(look.span(Role::Dim, print));
            }
        }
        let label = if index == 0 { "fields" } else { "" };
        let line = labelled(look, label, spans);
        let line = if room.zoomed { aside(look, line, &fmt::bytes(field.len), room.width) } else { line };
        entries.push(Entry::note(if mark == Mark::Bad { 2 } else { 7 }, line));
    }
    entries
}

/// What a field looks like, in a mark and words.
pub fn shape(field: &FieldSeen) -> (Mark, String) {
    let is_key = matches!(field.purpose, Purpose::Shares | Purpose::SealKey);
    match &field.shape {
        Shape::Empty => (if is_key { Mark::Bad } else { Mark::Warn }, "empty".to_owned()),
        Shape::Shares { count: many, .. } => (Mark::Ok, count(*many as usize, "share")),
        Shape::Key32 => (Mark::Ok, "32-byte key".to_owned()),
        Shape::Token => (Mark::Ok, "token".to_owned()),
        Shape::Implausible(why) => (if is_key { Mark::Bad } else { Mark::Warn }, why.clone()),
        Shape::Other => (Mark::Absent, "not a key".to_owned()),
    }
}

/// Who owns its fields and could empty it again.
pub(super) fn danger(secret: &KeysSecret, look: &Look, room: Room) -> Vec<Entry> {
    let mut entries = Vec::new();
    if let Some(gitops) = secret.gitops.as_ref().filter(|_| !secret.immutable) {
        let words = look.mark(Mark::Warn, &format!("{gitops} may put its own back"));
        entries.push(Entry::note(2, labelled(look, "mutable", vec![words])));
    }
    if secret.last_applied.as_ref().is_some_and(|fields| !fields.is_empty()) {
        let words = look.mark(Mark::Warn, "lies in the last-applied annotation");
        entries.push(Entry::note(3, labelled(look, "key", vec![words])));
    }
    for (index, owner) in secret.owners.iter().filter(|owner| !owner.data.is_empty()).enumerate() {
        let how = if owner.apply { "applies" } else { "updates" };
        let words = format!("{} {how} {}", owner.manager, owner.data.join(", "));
        let label = if index == 0 { "owners" } else { "" };
        let words = look.span(Role::Plain, fmt::end(&words, room.width.saturating_sub(LABEL)));
        entries.push(Entry::note(7, labelled(look, label, vec![words])));
    }
    entries
}

/// How the Secret's keys compare with those in the keystore, by fingerprint alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The same as the current generation, which is this one.
    Same(u32),
    /// The same as an older generation than the current one.
    Older(u32, u32),
    /// None of its generations.
    Other,
    /// The fingerprints were made with another salt.
    Incomparable,
}

/// The comparison, where there is something on both sides.
pub fn relation(state: &State) -> Option<Relation> {
    let prints = state.model.keys_secret()?.prints();
    let keystore = state.model.keystore()?;
    let current = keystore.current()?;
    if prints.is_empty() {
        return None;
    }
    if !keystore.comparable {
        return Some(Relation::Incomparable);
    }
    Some(match keystore.holding(&prints) {
        Some(_) if same_keys(&current.prints, &prints) => Relation::Same(current.number),
        Some(held) => Relation::Older(held.number, current.number),
        None => Relation::Other,
    })
}

/// The same in a mark and words; as many words as the room allows.
pub fn relation_word(relation: Relation, roomy: bool) -> (Mark, String) {
    match relation {
        Relation::Same(number) if roomy => (Mark::Ok, format!("same as the keystore, generation {number}")),
        Relation::Same(_) => (Mark::Ok, "same as the keystore".to_owned()),
        Relation::Older(number, current) if roomy => {
            (Mark::Bad, format!("the keys of generation {number}, the keystore is at {current}"))
        }
        Relation::Older(number, current) => (Mark::Bad, format!("generation {number}, current is {current}")),
        Relation::Other => (Mark::Bad, "not the keystore's keys".to_owned()),
        Relation::Incomparable => (Mark::Unknown, "fingerprints differ in salt".to_owned()),
    }
}

/// A line below the Secret: whether the keystore holds the same keys.
pub(super) fn compared(state: &State, look: &Look, room: Room) -> Option<Entry> {
    let (mark, words) = relation_word(relation(state)?, room.width >= 60);
    let kept = state.model.keystore.as_ref().is_some_and(|seen| seen.fresh(state.now, FeedId::Keystore).is_some());
    let (role, glyph, words) = if kept && !stale(state) {
        (mark.role(), mark, words)
    } else {
        (Role::Dim, Mark::Warn, format!("was {words}"))
    };
    let words = fmt::end(&words, room.width.saturating_sub(LABEL + look.glyph_width() + 1));
    let words = look.span(role, format!("{} {words}", look.glyph(glyph)));
    Some(Entry::note(if mark == Mark::Ok { 4 } else { 0 }, labelled(look, "compared", vec![words])))
}
