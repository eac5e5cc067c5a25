//! The keystore, its copies and what colleagues hold, in the pane: where the keys are kept besides the Secret, and what
//! of that counts.

use jiff::Timestamp;

use crate::app::id::FeedId;
use crate::app::model::copies::{CopySeen, CopyState};
use crate::app::model::keystore::{GenerationSeen, KeyKind, KeystoreLook};
use crate::app::model::proof::same_keys;
use crate::app::model::register::Holding;
use crate::app::state::{Lock, State, panes};
use crate::app::text::count;
use crate::app::time::{age, quiet, spoken};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::views::canvas::line_width;
use crate::views::panes::{Entry, LABEL, Room, aside, labelled};
use crate::views::table::{Cell, Column, lay};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

/// A name and how it stands: what a small card has room for.
pub(super) const SMALL: [Column; 2] = [Column::name("", 0, 6), Column::name("", 0, 8)];

/// What could not be read is unknown where it was not reached, and wrong where it was.
pub(super) const fn unread(trouble: &Trouble) -> Mark {
    match trouble.kind {
        TroubleKind::Denied | TroubleKind::Unreachable => Mark::Unknown,
        TroubleKind::Absent | TroubleKind::Unusable | TroubleKind::Refused | TroubleKind::Local => Mark::Bad,
    }
}

/// How the keystore stands, in a mark and words; as many words as the room allows.
pub fn keystore_word(state: &State, roomy: bool) -> (Mark, String) {
    let Some(observed) = &state.model.keystore else {
        let blind = sight::blindness(state, FeedId::Keystore);
        return blind.map_or((Mark::Absent, "looking".to_owned()), |blind| (blind.mark, blind.word));
    };
    let (mark, words) = match &observed.value {
        KeystoreLook::Present(seen) => match seen.current() {
            Some(current) => holds(state, current, seen.written, roomy),
            None => (Mark::Warn, "holds no keys yet".to_owned()),
        },
        KeystoreLook::Absent { expected: true, .. } => (Mark::Bad, "lost: it was there before".to_owned()),
        KeystoreLook::Absent { expected: false, .. } => (Mark::Absent, "none: baowatch keys init".to_owned()),
        KeystoreLook::Unreadable { trouble, .. } => (unread(trouble), format!("unreadable: {}", trouble.what)),
    };
    match observed.fresh(state.now, FeedId::Keystore) {
        Some(_) => (mark, words),
        None => (Mark::Warn, format!("was {words}, stale {}", quiet(observed.age(state.now)))),
    }
}

fn holds(state: &State, current: &GenerationSeen, written: Timestamp, roomy: bool) -> (Mark, String) {
    let mut parts = vec![format!("generation {}", current.number)];
    let held = current.prints.len();
    let enough = held >= current.threshold as usize;
    if roomy {
        parts.extend(current.prints.first().map(ToString::to_string));
    }
    match current.kind {
        KeyKind::Static if roomy => parts.push(current.kind.words().to_owned()),
        KeyKind::Recovery => parts.push("recovery keys".to_owned()),
        KeyKind::Unseal if !enough => parts.push(format!("{held} of {} shares needed", current.threshold)),
        KeyKind::Unseal if roomy && current.total > 1 => parts.push(format!("{held} of {} shares", current.total)),
        KeyKind::Unseal | KeyKind::Static => {}
    }
    let copies = state.model.copies.as_ref().map(|seen| seen.value.iter().filter(|copy| copy.counts()).count());
    match copies {
        Some(0) => parts.push("no copy".to_owned()),
        Some(copies) => parts.push(if copies == 1 { "1 copy".to_owned() } else { format!("{copies} copies") }),
        None => {}
    }
    if roomy {
        parts.push(format!("written {}", ago(state, written)));
    }
    (if enough { Mark::Ok } else { Mark::Bad }, parts.join(", "))
}

/// `2d ago`.
pub fn ago(state: &State, at: Timestamp) -> String {
    format!("{} ago", quiet(age(state.now, at)))
}

/// Whether it is open in this process, and for how long.
pub fn lock_word(state: &State) -> Option<String> {
    state.model.keystore()?;
    Some(match &state.keystore {
        Lock::Locked => "locked".to_owned(),
        Lock::Open { used, .. } => {
            let left = state.settings.locks_after() - age(state.now, *used);
            format!("open, locks itself in {}", if left.as_secs() < 60 { "<1m".to_owned() } else { spoken(left) })
        }
    })
}

/// Its row; while it was never seen the trouble of its feed says so.
pub(super) fn keystore(state: &State, look: &Look, room: Room) -> Option<Entry> {
    let observed = state.model.keystore.as_ref()?;
    let lock = lock_word(state).unwrap_or_default();
    let left = room.width.saturating_sub(LABEL + look.glyph_width() + 1);
    let (mark, words) = [true, false]
        .into_iter()
        .map(|roomy| keystore_word(state, roomy))
        .find(|(_, words)| fmt::width(words) + fmt::width(&lock) + 2 <= left)
        .unwrap_or_else(|| keystore_word(state, false));
    let stale = observed.fresh(state.now, FeedId::Keystore).is_none();
    let role = if stale { Role::Dim } else { mark.role() };
    let words = fmt::end(&words, left);
    let line = labelled(look, "keystore", vec![look.span(role, format!("{} {words}", look.glyph(mark)))]);
    let open = matches!(state.keystore, Lock::Open { .. });
    let used = line_width(&line);
    let line = if open && used + 2 + fmt::width(&lock) <= room.width {
        let mut line = line;
        line.spans.push(ratatui::text::Span::raw(" ".repeat(room.width - used - fmt::width(&lock))));
        line.spans.push(look.span(Role::Accent, lock));
        line
    } else {
        aside(look, line, &lock, room.width)
    };
    Some(Entry::row("keystore", 0, line))
}

/// The places that hold the current keys and count as places of their own.
pub fn places(state: &State) -> Vec<String> {
    let mut places = Vec::new();
    if let Some(current) = state.model.keystore().and_then(|seen| seen.current()) {
        places.push("keystore".to_owned());
        let copies = panes::copies(state).into_iter().filter(|copy| copy.counts());
        places.extend(copies.map(|copy| copy.name.clone()));
        let others = panes::elsewhere(state).into_iter().filter(|held| held.near.is_none());
        let comparable = state.model.register().is_some_and(|register| register.comparable);
        let same = others.filter(|held| comparable && same_keys(&held.prints, &current.prints));
        places.extend(same.map(|held| format!("{} of {}", held.name, held.holder)));
    }
    places
}

/// `2 places hold the keys: keystore, stick`; the Secret that the vault itself uses is none of them.
pub(super) fn summary(state: &State, look: &Look, room: Room) -> Option<Entry> {
    state.model.keystore().and_then(|seen| seen.current())?;
    let places = places(state);
    let keystore = state.model.keystore.as_ref().and_then(|seen| seen.fresh(state.now, FeedId::Keystore));
    let copies = state.model.copies.as_ref().and_then(|seen| seen.fresh(state.now, FeedId::Copies));
    let register = state.model.register.as_ref().is_none_or(|seen| seen.fresh(state.now, FeedId::Register).is_some());
    let seen = keystore.is_some() && copies.is_some() && register;
    let (mark, words) = match places.as_slice() {
        [] => (Mark::Bad, "nothing holds the keys".to_owned()),
        [one] => (Mark::Warn, format!("only one place holds the keys: {one}")),
        several => (Mark::Ok, format!("{} places hold the keys: {}", several.len(), several.join(", "))),
    };
    let short = match places.len() {
        1 => "only one holds the keys".to_owned(),
        n => format!("{n} hold the keys"),
    };
    let left = room.width.saturating_sub(LABEL + look.glyph_width() + 1);
    let words = if fmt::width(&words) <= left || room.zoomed { fmt::end(&words, left) } else { short };
    // What was counted and is not in sight any more is remembered, and no longer well.
    let (role, mark, words) =
        if seen { (mark.role(), mark, words) } else { (Role::Dim, Mark::Warn, format!("{words}, when last seen")) };
    let words = fmt::end(&words, left);
    let weight = if mark == Mark::Ok { 4 } else { 2 };
    Some(Entry::note(weight, labelled(look, "places", vec![look.span(role, format!("{} {words}", look.glyph(mark)))])))
}

/// How a copy stands, in a mark and words; as many words as the room allows.
pub fn copy_word(copy: &CopySeen, roomy: bool) -> (Mark, String) {
    let not = if roomy { "not counted: " } else { "" };
    match (&copy.state, &copy.near) {
        (CopyState::Missing, _) => (Mark::Bad, "gone".to_owned()),
        (CopyState::Unreadable(trouble), _) => (unread(trouble), format!("cannot be read: {}", trouble.kind.word())),
        (CopyState::Outdated { generation, .. }, _) => (Mark::Warn, format!("{not}old keys, generation {generation}")),
        (CopyState::Unchecked, _) => (Mark::Unknown, "not checked yet".to_owned()),
        (CopyState::Same | CopyState::Older { .. } | CopyState::Newer { .. }, Some(near)) => {
            (Mark::Warn, format!("{not}{near}"))
        }
        (CopyState::Older { .. }, None) => (Mark::Ok, "current keys, older write".to_owned()),
        (CopyState::Newer { generation, .. }, None) => (Mark::Warn, format!("newer, generation {generation}")),
        (CopyState::Same, None) => (Mark::Ok, "same".to_owned()),
    }
}

/// One row a copy.
pub(super) fn copies(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    const COLUMNS: [Column; 5] = [
        Column::name("", 0, 8),
        Column::name("", 0, 20),
        Column::name("", 3, 12),
        Column::new("", 1),
        Column::new("", 2),
    ];
    let copies = panes::copies(state);
    let late = state.model.copies.as_ref().filter(|seen| seen.fresh(state.now, FeedId::Copies).is_none());
    let roomy = room.zoomed && room.width >= 100;
    let rows: Vec<Vec<Cell>> = copies
        .iter()
        .map(|copy| {
            let (mark, word) = match late {
                Some(seen) => {
                    let word = copy_word(copy, false).1;
                    (Mark::Warn, format!("was {word}, stale {}", quiet(seen.age(state.now))))
                }
                None => copy_word(copy, roomy),
            };
            let role = if late.is_some() { Role::Dim } else { mark.role() };
            let checked = copy.checked.map(|at| format!("checked {}", ago(state, at)));
            let tested = match &copy.tested {
                Some((at, _)) => format!("tested {}", ago(state, *at)),
                None => "never tested".to_owned(),
            };
            vec![
                Cell::new(role, format!("{} {}", look.glyph(mark), copy.name)),
                Cell::new(role, word),
                Cell::new(Role::Dim, &copy.place),
                Cell::new(Role::Dim, checked.unwrap_or_default()),
                Cell::new(Role::Dim, tested),
            ]
        })
        .collect();
    let columns = if room.zoomed { &COLUMNS[..] } else { &SMALL };
    let lines = lay(look, columns, &rows, room.width.saturating_sub(LABEL), false);
    let mut entries = Vec::new();
    for (index, (copy, line)) in copies.iter().zip(lines).enumerate() {
        let label = if index == 0 { "copies" } else { "" };
        let weight = if late.is_none() && copy_word(copy, false).0 == Mark::Ok { 5 } else { 1 };
        entries.push(Entry::row(format!("copy {}", copy.name), weight, labelled(look, label, line.spans)));
    }
    if copies.is_empty() && room.zoomed && state.model.copies.is_some() && state.model.keystore().is_some() {
        let words = look.mark(Mark::Warn, "none: baowatch keys copy add");
        entries.push(Entry::note(3, labelled(look, "copies", vec![words])));
    }
    entries
}

/// How a colleague's place stands against what is known here, in a mark and words.
pub fn holding_word(state: &State, held: &Holding) -> (Mark, String) {
    let register = state.model.register();
    let here = state.model.keystore().and_then(|seen| seen.current()).map(|current| current.prints.clone());
    let here = here.or_else(|| state.model.keys_secret().map(crate::app::model::keys_secret::KeysSecret::prints));
    let here = here.filter(|prints| !prints.is_empty());
    let holds = format!("holds generation {}", held.generation);
    if let Some(near) = &held.near {
        return (Mark::Warn, format!("{holds}, {near}"));
    }
    match here {
        Some(_) if register.is_some_and(|register| !register.comparable) => {
            (Mark::Unknown, format!("{holds}, fingerprints of another salt"))
        }
        Some(prints) if !same_keys(&prints, &held.prints) => (Mark::Warn, format!("{holds}, other keys")),
        Some(_) => (Mark::Ok, format!("{holds}, the same keys")),
        None => (Mark::Absent, holds),
    }
}

/// What colleagues hold, as the register names it.
pub(super) fn elsewhere(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    const COLUMNS: [Column; 5] = [
        Column::name("", 0, 8),
        Column::name("", 0, 8),
        Column::name("", 3, 8),
        Column::new("", 1),
        Column::new("", 2),
    ];
    let others = panes::elsewhere(state);
    let late = state.model.register.as_ref().filter(|seen| seen.fresh(state.now, FeedId::Register).is_none());
    let rows: Vec<Vec<Cell>> = others
        .iter()
        .map(|held| {
            let (mark, word) = match late {
                Some(seen) => {
                    let word = holding_word(state, held).1;
                    (Mark::Warn, format!("{word}, stale {}", quiet(seen.age(state.now))))
                }
                None => holding_word(state, held),
            };
            let role = if late.is_some() { Role::Dim } else { mark.role() };
            let checked = held.checked.map_or("never checked".to_owned(), |at| format!("checked {}", ago(state, at)));
            let tested = held.tested.map(|at| format!("tested {}", ago(state, at)));
            vec![
                Cell::new(role, format!("{} {}", look.glyph(mark), held.holder)),
                Cell::new(role, word),
                Cell::new(Role::Dim, &held.name),
                Cell::new(Role::Dim, checked),
                Cell::new(Role::Dim, tested.unwrap_or_default()),
            ]
        })
        .collect();
    let columns = if room.zoomed { &COLUMNS[..] } else { &SMALL };
    let lines = lay(look, columns, &rows, room.width.saturating_sub(LABEL), false);
    let mut entries = Vec::new();
    for (index, (held, line)) in others.iter().zip(lines).enumerate() {
        let label = if index == 0 { "others" } else { "" };
        let key = format!("holding {}/{}", held.holder, held.name);
        entries.push(Entry::row(key, 6, labelled(look, label, line.spans)));
    }
    entries.extend(register(state, look, room));
    entries
}

fn register(state: &State, look: &Look, room: Room) -> Option<Entry> {
    let seen = state.model.register.as_ref()?;
    let Some(register) = &seen.value else {
        let words = look.mark(Mark::Absent, "none beside the vault");
        return room.zoomed.then(|| Entry::note(8, labelled(look, "register", vec![words])));
    };
    let stale = seen.fresh(state.now, FeedId::Register).is_none();
    let holdings = count(register.holdings.len(), "place");
    let words = format!("{holdings}, {}", count(register.proofs.len(), "proof"));
    let (mark, words) = match (stale, register.comparable) {
        (true, _) => (Mark::Warn, format!("was {words}, stale {}", quiet(seen.age(state.now)))),
        (false, false) => (Mark::Unknown, format!("{words}, fingerprints of another salt")),
        (false, true) => (Mark::Ok, words),
    };
    let role = if stale { Role::Dim } else { mark.role() };
    let line = labelled(look, "register", vec![look.span(role, format!("{} {words}", look.glyph(mark)))]);
    let used = line_width(&line);
    let line =
        aside(look, line, &fmt::middle(&register.object.path(), room.width.saturating_sub(used + 2)), room.width);
    Some(Entry::row("register", 8, line))
}
