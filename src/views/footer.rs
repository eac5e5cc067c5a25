//! The last line: the keys that work right now, from the table that handles them, or a short remark.

use jiff::SignedDuration;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::keymap::{self, Binding};
use super::theme::{Look, Role};
use super::{canvas, fmt};
use crate::app::state::State;
use crate::app::time::age;

/// How long a remark stays.
const REMARK: SignedDuration = SignedDuration::from_secs(5);

/// Draws it into the first row of `area`.
pub fn draw(state: &State, look: &Look, area: Rect, buf: &mut Buffer) {
    let room = area.width.saturating_sub(2) as usize;
    let remark = state.remark.as_ref().filter(|(_, at)| age(state.now, *at) < REMARK).map(|(text, _)| text.as_str());
    let remark = fmt::end(remark.unwrap_or(""), room / 2);
    let taken = if remark.is_empty() { 0 } else { fmt::width(&remark) + 3 };
    let keys = keys(state, look, room.saturating_sub(taken));
    canvas::put(buf, look, area.x + 1, area.y, room as u16, &keys);
    if taken > 0 {
        let line = Line::from(vec![look.span(Role::Accent, remark)]);
        canvas::put_right(buf, look, Rect { width: area.width.saturating_sub(1), ..area }, &line);
    }
}

/// As many of the available keys as fit, the dispensable ones dropped first.
fn keys(state: &State, look: &Look, room: usize) -> Line<'static> {
    let mut shown: Vec<(&Binding, String)> = keymap::available(state)
        .map(|binding| (binding, (binding.label)(state)))
        .filter(|(_, label)| !label.is_empty())
        .map(|(binding, label)| (binding, format!("{} {label}", binding.written())))
        .collect();
    while total(&shown) > room {
        let worst = shown.iter().enumerate().max_by_key(|(index, (binding, _))| (binding.rank, *index));
        let Some(index) = worst.map(|(index, _)| index) else { break };
        shown.remove(index);
    }
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (binding, _) in &shown {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.push(look.span(Role::Key, binding.written()));
        spans.push(look.span(Role::Dim, format!(" {}", (binding.label)(state))));
    }
    Line::from(spans)
}

fn total(shown: &[(&Binding, String)]) -> usize {
    shown.iter().map(|(_, text)| fmt::width(text)).sum::<usize>() + shown.len().saturating_sub(1) * 2
}
