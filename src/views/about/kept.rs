//! Everything known about the keystore, one of its copies, what a colleague holds, and the register.

use super::Page;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::copies::CopyState;
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::keystore::{GenerationSeen, KeyKind, KeystoreLook, KeystoreSeen};
use crate::app::state::{State, panes};
use crate::app::time::{date_clock, quiet};
use crate::app::trouble::Trouble;
use crate::views::fmt;
use crate::views::panes::keys::{
    ago, copy_word, holding_word, keystore_word, lock_word, places, proof_of, relation, relation_word,
};
use crate::views::theme::{Mark, Role};

/// Where every byte of the format is written down.
const FORMAT: &str = "assets/keystore-format.md";

pub(super) fn keystore(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(seen) = state.model.keystore.as_ref().filter(|seen| seen.value.path() == subject.name) else {
        page.feeds(state, &[FeedId::Keystore]);
        return;
    };
    let (mark, word) = keystore_word(state, false);
    page.state("keystore", mark, &word);
    page.fact("file", seen.value.path());
    match &seen.value {
        KeystoreLook::Present(keystore) => present(state, keystore, page),
        KeystoreLook::Absent { expected, .. } => absent(state, *expected, page),
        KeystoreLook::Unreadable { trouble, .. } => {
            complaint(trouble, page);
            page.fact("left as is", "Nothing writes to a file that this program cannot read.");
        }
    }
    page.feeds(state, &[FeedId::Keystore]);
}

fn complaint(trouble: &Trouble, page: &mut Page<'_>) {
    page.fact("what", &trouble.what);
    page.fact("why", &trouble.why);
    page.hang(Role::Accent, "          → ", Role::Plain, &trouble.next);
}

fn absent(state: &State, expected: bool, page: &mut Page<'_>) {
    let copies = panes::copies(state).into_iter().find(|copy| copy.state.holds_current() || expected);
    match (expected, copies) {
        (true, Some(copy)) => {
            page.fact("was there", "It is not merely never made: this machine wrote it before.");
            page.hang(Role::Accent, "          → ", Role::Plain, &format!("baowatch keys copy restore {}", copy.name));
        }
        (true, None) => {
            page.fact("was there", "It is not merely never made: this machine wrote it before.");
            let next = "Find where it went, or take the keys in again while the vault runs: baowatch keys init, then \
                        baowatch keys import";
            page.hang(Role::Accent, "          → ", Role::Plain, next);
        }
        (false, _) => {
            page.fact(
                "why one",
                "While the Secret is the only place that holds the keys, whoever empties it ends the vault.",
            );
            let next = "baowatch keys init, then baowatch keys import, then baowatch keys copy add";
            page.hang(Role::Accent, "          → ", Role::Plain, next);
        }
    }
}

fn present(state: &State, keystore: &KeystoreSeen, page: &mut Page<'_>) {
    let written = format!("{}, {}", keystore.revision, date_clock(keystore.written));
    page.fact("revision", &format!("{written}, {}", ago(state, keystore.written)));
    page.fact("lock", &lock_word(state).unwrap_or_default());
    if let Some(relation) = relation(state) {
        let (mark, words) = relation_word(relation, true);
        page.state("Secret", mark, &words);
    }
    if !keystore.comparable {
        page.state(
            "compare",
            Mark::Unknown,
            "its fingerprints have another salt than this session's: they cannot be compared",
        );
    }
    let places = places(state);
    let mark = if places.len() > 1 { Mark::Ok } else { Mark::Warn };
    page.state("places", mark, &format!("{} that count: {}", places.len(), places.join(", ")));
    page.blank();
    page.heading("Generations");
    if keystore.generations.is_empty() {
        page.say(Role::Dim, "none: it holds no keys yet; baowatch keys import takes them in");
    }
    let mut generations: Vec<&GenerationSeen> = keystore.generations.iter().collect();
    generations.sort_by_key(|generation| std::cmp::Reverse(generation.number));
    for (index, generation) in generations.into_iter().enumerate() {
        self::generation(state, generation, index == 0, page);
    }
    page.blank();
    page.heading("Slots: any one of them opens it");
    for slot in &keystore.slots {
        let label = format!("{} {}", slot.id, slot.kind.word());
        page.fact(&label, &format!("{}, made {}", slot.label, ago(state, slot.created)));
    }
    if keystore.slots.len() == 1 {
        page.state("", Mark::Warn, "only one: whoever loses it loses all copies too; baowatch keys slots add");
    }
    page.say(Role::Dim, "Whether a slot still opens it only unlocking can tell.");
    page.blank();
    page.say(
        Role::Dim,
        &format!("It can be opened without this program: {FORMAT} in the source tells every byte, and how to read it."),
    );
}

fn generation(state: &State, generation: &GenerationSeen, current: bool, page: &mut Page<'_>) {
    let prints: Vec<String> = generation.prints.iter().map(Fingerprint::to_string).collect();
    let held = match generation.kind {
        KeyKind::Static => generation.kind.words().to_owned(),
        KeyKind::Unseal | KeyKind::Recovery => format!(
            "{} {} of {}, any {} needed",
            generation.kind.words(),
            generation.prints.len(),
            generation.total,
            generation.threshold
        ),
    };
    let label = format!("{}{}", generation.number, if current { " current" } else { "" });
    page.fact(&label, &format!("{held}: {}", prints.join(" ")));
    let token = if generation.root_token.is_some() { ", with the root token" } else { ", without a root token" };
    page.fact("", &format!("from {}, {}{token}", generation.source, ago(state, generation.created)));
    if generation.kind == KeyKind::Recovery {
        page.state("", Mark::Warn, "recovery keys prove who one is; they reopen nothing after a lost seal key");
    }
    if let Some((mark, words)) = proof_of(state, &generation.prints) {
        page.state("", mark, &words);
    }
}

pub(super) fn copy(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(copy) = panes::copies(state).into_iter().find(|copy| copy.name == subject.name) else {
        page.feeds(state, &[FeedId::Copies]);
        return;
    };
    let (mark, word) = copy_word(copy, true);
    page.state("copy", mark, &word);
    page.fact("lies in", &copy.place);
    page.fact("kind", copy.kind.word());
    page.fact("holder", &copy.holder);
    match &copy.checked {
        Some(at) => page.fact("checked", &format!("{}, {}", date_clock(*at), ago(state, *at))),
        None => page.state("checked", Mark::Unknown, "never, by this session"),
    }
    let written = state.model.keystore().map_or(0, |keystore| keystore.revision);
    match &copy.state {
        CopyState::Same => page.fact("content", "byte for byte the keystore as it is"),
        CopyState::Older { revision } => {
            page.fact("content", &format!("the current keys; revision {revision}, the keystore is at {written}"));
        }
        CopyState::Outdated { revision, generation } => {
            let words = format!("revision {revision} with generation {generation}: it lacks the current keys");
            page.fact("content", &words);
        }
        CopyState::Newer { revision, generation } => {
            let words =
                format!("revision {revision} with generation {generation}, newer than the keystore at {written}");
            page.fact("content", &words);
            page.fact("bring back", &format!("baowatch keys copy restore {}", copy.name));
        }
        CopyState::Missing => page.fact("content", "nothing is there"),
        CopyState::Unreadable(trouble) => complaint(trouble, page),
        CopyState::Unchecked => page.fact("content", "unknown until it is read"),
    }
    if let Some(near) = &copy.near {
        page.state("counts", Mark::Warn, &format!("no: {near}"));
        page.fact(
            "",
            "What takes the original takes this one too: a second place fails for other reasons than the first.",
        );
    } else if copy.counts() {
        page.state("counts", Mark::Ok, "yes: a second place that holds the current keys");
    } else {
        page.state("counts", Mark::Warn, "no: the current keys cannot be taken from it");
    }
    if let Some(versions) = copy.versions {
        page.fact("versions", &format!("{versions} kept there: baowatch keys copy versions {}", copy.name));
    }
    page.blank();
    page.heading("Restore test");
    match &copy.tested {
        Some((at, slot)) => page.fact("opened", &format!("{} with {slot}, {}", date_clock(*at), ago(state, *at))),
        None => page.state("opened", Mark::Warn, "never: that it can be opened is hope"),
    }
    page.fact("test it", &format!("baowatch keys restore-test {}", copy.name));
    if !matches!(copy.state, CopyState::Same) {
        page.fact("refresh it", &format!("baowatch act run copy-keystore {}", copy.name));
    }
    page.feeds(state, &[FeedId::Copies]);
}

pub(super) fn holding(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let mut others = panes::elsewhere(state).into_iter();
    let Some(held) = others.find(|held| held.holder == subject.namespace && held.name == subject.name) else {
        page.feeds(state, &[FeedId::Register]);
        return;
    };
    let (mark, word) = holding_word(state, held);
    page.state("place", mark, &word);
    page.fact("holder", &held.holder);
    page.fact("kind", &held.kind);
    let prints: Vec<String> = held.prints.iter().map(Fingerprint::to_string).collect();
    page.fact("keys", &prints.join(" "));
    if let Some(near) = &held.near {
        page.state("counts", Mark::Warn, &format!("no: {near}"));
    }
    let dated = |at: Option<jiff::Timestamp>| at.map(|at| format!("{}, {}", date_clock(at), ago(state, at)));
    page.fact("checked", dated(held.checked).as_deref().unwrap_or("never"));
    page.fact("opened", dated(held.tested).as_deref().unwrap_or("never: no restore test is known"));
    page.blank();
    page.say(Role::Dim, "The register says so; from here nobody can look. Ask whoever holds it before you rely on it.");
    page.feeds(state, &[FeedId::Register]);
}

pub(super) fn register(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(register) = state.model.register().filter(|register| register.object == *subject) else { return };
    let seen = state.model.register.as_ref().map(|seen| quiet(seen.age(state.now))).unwrap_or_default();
    page.fact("register", "what colleagues, a wall and a CronJob may know of proofs and copies; it holds no key");
    page.fact("seen", &format!("version {}, {seen} ago", register.version));
    page.fact("writes as", &register.holder);
    if !register.comparable {
        let words = "its fingerprints have another salt than this session's: nothing in it can be compared";
        page.state("compare", Mark::Unknown, words);
    }
    page.blank();
    page.heading("Places");
    if register.holdings.is_empty() {
        page.say(Role::Dim, "none");
    }
    for held in &register.holdings {
        let (mark, word) = holding_word(state, held);
        let checked = held.checked.map_or("never checked".to_owned(), |at| format!("checked {}", ago(state, at)));
        page.state(&fmt::middle(&held.holder, super::LABEL - 1), mark, &format!("{}: {word}, {checked}", held.name));
    }
    page.blank();
    page.heading("Proofs");
    if register.proofs.is_empty() {
        page.say(Role::Dim, "none");
    }
    for proof in register.proofs.iter().rev().take(8) {
        super::keys::proof(state, proof, page);
    }
    page.feeds(state, &[FeedId::Register]);
}
