//! What unseals from the Secret, in the pane: whether it runs, and how the Secret reaches it.

use ratatui::text::Span;

use crate::app::id::FeedId;
use crate::app::model::unsealer::{Liveness, SecretUse, UnsealerSeen};
use crate::app::state::State;
use crate::views::fmt;
use crate::views::panes::{Entry, Room, aside, labelled};
use crate::views::theme::{Look, Mark, Role};

pub(super) fn entries(state: &State, unsealer: &UnsealerSeen, look: &Look, room: Room) -> Vec<Entry> {
    let fresh = state.model.unsealers.as_ref().is_some_and(|seen| seen.fresh(state.now, FeedId::Unsealers).is_some());
    let (mark, word) = liveness(unsealer);
    let (mark, word) = if fresh { (mark, word) } else { (Mark::Warn, format!("was {word}, stale")) };
    let line = labelled(look, "unsealer", vec![look.mark(mark, &word)]);
    let name = format!("{}/{}", unsealer.object.name, unsealer.container);
    let used = crate::views::canvas::line_width(&line);
    let line = aside(look, line, &fmt::middle(&name, room.width.saturating_sub(used + 2)), room.width);
    let weight = if mark == Mark::Ok { 3 } else { 0 };
    let mut entries = vec![Entry::row(format!("unsealer {}/{}", unsealer.object, unsealer.container), weight, line)];
    let watched = state.model.keys.as_ref().map(|keys| keys.value.object().name.as_str());
    for used in unsealer.uses.iter().filter(|used| room.zoomed || watched.is_none_or(|name| name == used.secret)) {
        let weight = if used.optional { 3 } else { 5 };
        entries.push(Entry::note(weight, labelled(look, "mounted", mounted(used, look, room.zoomed))));
    }
    entries
}

/// How the Secret reaches the unsealer.
pub fn mounted(used: &SecretUse, look: &Look, with_name: bool) -> Vec<Span<'static>> {
    let mut words =
        if with_name { format!("{} as {}", used.secret, used.how.words()) } else { used.how.words().to_owned() };
    if !used.fields.is_empty() {
        words = format!("{words}: {}", used.fields.join(", "));
    }
    let mut spans = vec![look.span(Role::Plain, words)];
    if used.optional {
        spans.push(look.span(Role::Warn, ", optional"));
        spans.push(look.span(Role::Dim, ": a loss is silent"));
    }
    spans
}

/// Whether an unsealer runs, in a mark and words.
pub fn liveness(unsealer: &UnsealerSeen) -> (Mark, String) {
    match &unsealer.liveness {
        Liveness::Running => (Mark::Ok, "running".to_owned()),
        Liveness::Partly { missing } => (Mark::Warn, format!("not on {}", missing.join(", "))),
        Liveness::Dead { why } => (Mark::Bad, format!("dead: {why}")),
    }
}
