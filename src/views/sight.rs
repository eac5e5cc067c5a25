//! What cannot be seen and what would let it be: the feeds' own trouble in words, and how old the view as a whole is.

use jiff::{SignedDuration, Timestamp};
use ratatui::text::Line;

use super::fmt;
use super::panes::{Entry, Room};
use super::theme::{Look, Mark, Role};
use crate::app::id::FeedId;
use crate::app::model::observed::FeedState;
use crate::app::model::withheld::Withheld;
use crate::app::state::State;
use crate::app::time::{age, quiet, spoken};
use crate::app::trouble::{Trouble, TroubleKind};

/// Why a feed is not live.
#[derive(Debug, Clone)]
pub struct Blindness<'a> {
    /// Which feed.
    pub feed: FeedId,
    /// How it is marked.
    pub mark: Mark,
    /// `denied`, `stale 40s`, `unreachable`, `looking`.
    pub word: String,
    /// What it complained of.
    pub trouble: Option<&'a Trouble>,
}

/// `None` for a feed that is live.
pub fn blindness(state: &State, feed: FeedId) -> Option<Blindness<'_>> {
    let Some(health) = state.model.feeds.get(&feed).filter(|health| health.spoke()) else {
        return Some(Blindness { feed, mark: Mark::Absent, word: "looking".to_owned(), trouble: None });
    };
    let trouble = health.trouble.as_ref().map(|trouble| &trouble.value);
    let (mark, word) = match health.state(state.now, feed) {
        FeedState::Live => return None,
        FeedState::Stale => {
            let gone = health.answered.map_or(SignedDuration::ZERO, |at| age(state.now, at));
            (Mark::Warn, format!("stale {}", quiet(gone)))
        }
        FeedState::Denied => (Mark::Unknown, "denied".to_owned()),
        FeedState::Unreachable => {
            let word = trouble.map_or(TroubleKind::Unreachable, |trouble| trouble.kind).word();
            (Mark::Unknown, word.to_owned())
        }
        FeedState::Absent => (Mark::Absent, "absent".to_owned()),
    };
    Some(Blindness { feed, mark, word, trouble })
}

/// Feeds that suffer from the same thing, told together.
fn grouped<'a>(state: &'a State, feeds: &[FeedId]) -> Vec<(Vec<FeedId>, Blindness<'a>)> {
    let mut groups: Vec<(Vec<FeedId>, Blindness<'a>)> = Vec::new();
    for blind in feeds.iter().filter_map(|feed| blindness(state, *feed)) {
        let same = |(_, other): &&mut (Vec<FeedId>, Blindness<'a>)| {
            (&other.word, other.trouble) == (&blind.word, blind.trouble)
        };
        match groups.iter_mut().find(same) {
            Some((feeds, _)) => feeds.push(blind.feed),
            None => groups.push((vec![blind.feed], blind)),
        }
    }
    groups
}

fn names(feeds: &[FeedId]) -> String {
    feeds.iter().map(|feed| feed.name()).collect::<Vec<_>>().join(", ")
}

/// The troubles of some feeds as lines of a card: what is denied, and the Role line that would allow it.
pub fn entries(state: &State, look: &Look, feeds: &[FeedId], room: Room) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut advised: Vec<&str> = Vec::new();
    for (feeds, blind) in grouped(state, feeds) {
        let weight = if blind.mark == Mark::Absent { 6 } else { 0 };
        let head = look.mark(blind.mark, &fmt::end(&format!("{} {}", names(&feeds), blind.word), room.width - 3));
        let Some(trouble) = blind.trouble else {
            entries.push(Entry::note(weight, Line::from(vec![head])));
            continue;
        };
        let taken = fmt::width(&head.content);
        let left = room.width.saturating_sub(taken + 2);
        if fmt::width(&trouble.what) <= left {
            let what = look.span(Role::Dim, format!("  {}", trouble.what));
            entries.push(Entry::note(weight, Line::from(vec![head, what])));
        } else {
            entries.push(Entry::note(weight, Line::from(vec![head])));
            for (index, line) in fmt::wrap_most(&trouble.what, room.width.saturating_sub(4), 2).iter().enumerate() {
                let line = Line::from(vec![look.span(Role::Dim, format!("    {line}"))]);
                entries.push(Entry { joins: index > 0, ..Entry::note(weight.max(3), line) });
            }
        }
        // What blinds one feed usually blinds all: said once.
        if !advised.contains(&trouble.next.as_str()) {
            advised.push(&trouble.next);
            entries.extend(advice(state, look, trouble, room, weight.max(1)));
        }
    }
    for (feed, parts) in withheld(state, feeds) {
        let head = look.mark(Mark::Unknown, &format!("{} denied in part", feed.name()));
        entries.push(Entry::note(0, Line::from(vec![head])));
        for (index, line) in fmt::wrap_most(&kinds(parts), room.width.saturating_sub(4), 2).iter().enumerate() {
            let line = Line::from(vec![look.span(Role::Dim, format!("    {line}"))]);
            entries.push(Entry { joins: index > 0, ..Entry::note(1, line) });
        }
        for part in parts {
            if !advised.contains(&part.trouble.next.as_str()) {
                advised.push(&part.trouble.next);
                entries.extend(advice(state, look, &part.trouble, room, 1));
            }
        }
    }
    entries
}

/// What these feeds may not list while they may list the rest.
fn withheld<'a>(state: &'a State, feeds: &'a [FeedId]) -> impl Iterator<Item = (FeedId, &'a [Withheld])> {
    feeds.iter().filter_map(|feed| Some((*feed, state.model.withheld.get(feed)?.as_slice())))
}

/// `PushSecrets, SecretStores may not be listed`.
fn kinds(parts: &[Withheld]) -> String {
    let names: Vec<String> = parts.iter().map(Withheld::words).collect();
    format!("{} may not be listed", names.join(", "))
}

/// What a trouble says to do next, such as the Role line that would allow what was denied. Nothing where the sentence at
/// the top of the overview says the same.
pub fn advice(state: &State, look: &Look, trouble: &Trouble, room: Room, weight: u8) -> Vec<Entry> {
    let next = if trouble.next.is_empty() { &trouble.why } else { &trouble.next };
    if !room.zoomed && *next == state.verdict.next {
        return Vec::new();
    }
    let lines = fmt::wrap_most(next, room.width.saturating_sub(4), 4).into_iter().enumerate();
    lines
        .map(|(index, line)| {
            let arrow = if index == 0 { "  → " } else { "    " };
            let line = Line::from(vec![look.span(Role::Accent, arrow), look.span(Role::Plain, line)]);
            Entry { joins: index > 0, ..Entry::note(weight + u8::from(index > 0), line) }
        })
        .collect()
}

/// The words `what: why. next` of every feed in trouble, wrapped, for drawers.
pub fn told(state: &State, look: &Look, feeds: &[FeedId], room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (feeds, blind) in grouped(state, feeds) {
        let noun = if feeds.len() == 1 { "feed" } else { "feeds" };
        lines.push(Line::from(vec![look.mark(blind.mark, &format!("{noun} {} {}", names(&feeds), blind.word))]));
        if let Some(trouble) = blind.trouble {
            lines.extend(complaint(look, trouble, room, "  "));
        }
    }
    for (feed, parts) in withheld(state, feeds) {
        lines.push(Line::from(vec![look.mark(Mark::Unknown, &format!("feed {} denied in part", feed.name()))]));
        let mut told: Vec<&str> = Vec::new();
        for part in parts {
            if !told.contains(&part.trouble.next.as_str()) {
                told.push(&part.trouble.next);
                let trouble = Trouble { what: kinds(parts), ..part.trouble.clone() };
                lines.extend(complaint(look, &trouble, room, "  "));
            }
        }
    }
    lines
}

/// A trouble as a place to stand: what, why, what next.
pub fn complaint(look: &Look, trouble: &Trouble, room: usize, indent: &str) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let room = room.saturating_sub(fmt::width(indent) + 2);
    for (role, text, lead) in
        [(Role::Plain, &trouble.what, "  "), (Role::Dim, &trouble.why, "  "), (Role::Plain, &trouble.next, "→ ")]
    {
        for (index, line) in fmt::wrap(text, room).into_iter().enumerate() {
            let lead = if index == 0 { lead } else { "  " };
            lines.push(Line::from(vec![look.span(Role::Accent, format!("{indent}{lead}")), look.span(role, line)]));
        }
    }
    lines
}

/// `seen <20s` while every feed that the verdict rests on keeps its pace, else the age of the oldest.
///
/// A figure that followed each answer would move every second on a quiet night; the bound is as true and stands still.
pub fn seen(state: &State) -> Option<String> {
    let mut bound = 0;
    let mut late: Option<SignedDuration> = None;
    for (feed, health) in &state.model.feeds {
        // What is looked at once a minute or half a minute is about everything around, and says nothing about the vault.
        let around = feed.period().as_secs() > 15;
        if around {
            continue;
        }
        let gone = match (health.state(state.now, *feed), health.answered) {
            (FeedState::Live, answered) => answered.map_or(SignedDuration::ZERO, |at| age(state.now, at)),
            // One that has lost its sight makes the view as old as what it saw last.
            (FeedState::Stale | FeedState::Unreachable, Some(at)) => age(state.now, at),
            (FeedState::Stale | FeedState::Unreachable, None) | (FeedState::Denied | FeedState::Absent, _) => continue,
        };
        let pace = pace(*feed);
        bound = bound.max(pace);
        if gone.as_secs() >= pace {
            late = Some(late.map_or(gone, |before| before.max(gone)));
        }
    }
    match (late, bound) {
        (None, 0) => None,
        (None, bound) => Some(format!("seen <{bound}s")),
        (Some(gone), _) => Some(format!("seen {}", quiet(gone))),
    }
}

/// `<2m` while what was seen then is as new as its feed's pace promises, else its age: the bound stands still between two
/// looks, and a figure would not.
pub fn looked(now: Timestamp, at: Timestamp, feed: FeedId) -> String {
    let (gone, pace) = (age(now, at), pace(feed));
    if gone.as_secs() < pace { format!("<{}", spoken(SignedDuration::from_secs(pace))) } else { quiet(gone) }
}

/// Within how many seconds a healthy feed has always answered: its period and some air, on a round figure.
fn pace(feed: FeedId) -> i64 {
    let slow = feed.period().as_secs() * 5 / 4 + 1;
    [5, 10, 20, 30, 60].into_iter().find(|step| slow <= *step).unwrap_or(120)
}

/// How many feeds are not live, without those whose object does not exist here.
pub fn troubled(state: &State) -> usize {
    let troubled = |feed: &&FeedId| match blindness(state, **feed) {
        Some(blind) => blind.mark != Mark::Absent,
        None => state.model.withholds_some(**feed),
    };
    FeedId::ALL.iter().filter(troubled).count()
}
