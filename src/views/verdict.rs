//! The sentence, the cause, the key to press: what a tired eye lands on first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::theme::{Look, Mark, Role};
use super::{canvas, fmt, keymap};
use crate::app::intent::Intent;
use crate::app::state::State;
use crate::app::verdict::Standing;

/// The mark of a standing.
pub const fn mark(standing: Standing) -> Mark {
    match standing {
        Standing::Down | Standing::WillNotReopen => Mark::Bad,
        Standing::Blind => Mark::Unknown,
        Standing::NeedsHands | Standing::Unproven => Mark::Warn,
        Standing::Survives => Mark::Ok,
    }
}

/// The block in at most `most` rows: the sentence keeps its two lines, then the key, then the causes.
pub fn lines(state: &State, look: &Look, room: usize, most: usize) -> Vec<Line<'static>> {
    let mark = mark(state.verdict.state);
    let indent = look.glyph_width() + 2;
    let prose = room.saturating_sub(indent + 1);
    let sentence =
        if state.verdict.sentence.is_empty() { "Looking for the first time" } else { &state.verdict.sentence };
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (index, text) in fmt::wrap_most(sentence, prose, if most < 3 { 1 } else { 2 }).into_iter().enumerate() {
        let lead = if index == 0 { format!(" {} ", look.glyph(mark)) } else { " ".repeat(indent) };
        let role = if mark == Mark::Bad { Role::Bad } else { Role::Title };
        lines.push(Line::from(vec![look.span(mark.role(), lead), look.span(role, text)]));
    }
    let next = next(state, look, prose, indent);
    let figures = figures(state, look, prose, indent);
    let mut left = most.saturating_sub(lines.len());
    let keep_next = next.len().min(left);
    left -= keep_next;
    for because in &state.verdict.because {
        // What does not fit ends with an ellipsis, never in the middle of nothing.
        let told = fmt::wrap_most(because, prose, left.min(2));
        left -= told.len();
        let indented = |text| Line::from(vec![Span::raw(" ".repeat(indent)), look.span(Role::Plain, text)]);
        lines.extend(told.into_iter().map(indented));
    }
    lines.extend(figures.into_iter().take(left));
    lines.extend(next.into_iter().take(keep_next));
    lines
}

/// The whole state in one line, over a zoomed pane.
pub fn one_line(state: &State, look: &Look, room: usize) -> Line<'static> {
    let mark = mark(state.verdict.state);
    let lead = format!(" {} ", look.glyph(mark));
    let left = room.saturating_sub(fmt::width(&lead) + 1);
    let role = if mark == Mark::Bad { Role::Bad } else { Role::Title };
    let sentence = fmt::end(&state.verdict.sentence, left);
    Line::from(vec![look.span(mark.role(), lead), look.span(role, sentence)])
}

/// Draws lines from the top of `area`.
pub fn draw(look: &Look, area: Rect, lines: &[Line<'static>], buf: &mut Buffer) {
    canvas::lines(buf, look, area, lines, 0);
}

fn figures(state: &State, look: &Look, room: usize, indent: usize) -> Vec<Line<'static>> {
    let mut parts = Vec::new();
    // Who cannot see the vault cannot count its restarts, nor say what could mend it.
    if state.verdict.state == Standing::Blind {
        return Vec::new();
    }
    match state.verdict.restarts_to_outage {
        Some(0) => parts.push("nobody serves".to_owned()),
        Some(1) => parts.push("1 restart to outage".to_owned()),
        Some(n) => parts.push(format!("{n} restarts to outage")),
        None => {}
    }
    let mends = &state.verdict.recoverable;
    if !mends.says.is_empty() {
        parts.push(format!("recoverable: {}", mends.says));
    }
    if parts.is_empty() {
        return Vec::new();
    }
    let text = fmt::end(&parts.join(" · "), room);
    vec![Line::from(vec![Span::raw(" ".repeat(indent)), look.span(Role::Dim, text)])]
}

/// The key and what it does.
fn next(state: &State, look: &Look, room: usize, indent: usize) -> Vec<Line<'static>> {
    if state.verdict.next.is_empty() {
        return Vec::new();
    }
    // The key stands before the words only where it does what they say.
    let action = state.verdict.action.and_then(|_| keymap::key_for(state, &Intent::Suggested));
    let key = action.unwrap_or("");
    let role = if state.verdict.state == Standing::Survives && key.is_empty() { Role::Dim } else { Role::Plain };
    let lead = if key.is_empty() { String::new() } else { format!("{}  ", super::keys::shown(key)) };
    let wide = fmt::width(&lead);
    fmt::wrap_most(&state.verdict.next, room.saturating_sub(wide), 2)
        .into_iter()
        .enumerate()
        .map(|(index, text)| {
            let lead = if index == 0 { lead.clone() } else { " ".repeat(wide) };
            Line::from(vec![Span::raw(" ".repeat(indent)), look.span(Role::Key, lead), look.span(role, text)])
        })
        .collect()
}
