//! The first line: which cluster, how much is at stake, which vault, how much is wrong, how old the view is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::theme::{Glyphs, Look, Mark, Role};
use super::{canvas, fmt, sight};
use crate::app::alerts::Severity;
use crate::app::model::fact::Environment;
use crate::app::state::State;
use crate::app::text::count;

/// Draws it into the first row of `area`.
pub fn draw(state: &State, look: &Look, area: Rect, buf: &mut Buffer) {
    let room = area.width as usize;
    let wordy = room >= 72;
    let mut right = tally(state, look, wordy);
    if let Some(seen) = sight::seen(state) {
        right.push(look.span(Role::Dim, format!("  {seen}")));
    }
    let right = Line::from(right);
    let right_width = canvas::line_width(&right);
    let left = name(state, look, room.saturating_sub(right_width + 4));
    let left_width = canvas::line_width(&left);
    canvas::put(buf, look, area.x + 1, area.y, area.width.saturating_sub(1), &left);
    if left_width + right_width + 3 <= room {
        let area = Rect { width: area.width.saturating_sub(1), height: 1, ..area };
        canvas::put_right(buf, look, area, &right);
    }
}

fn name(state: &State, look: &Look, room: usize) -> Line<'static> {
    let Some(cluster) = &state.model.cluster else {
        return Line::from(vec![look.span(Role::Title, "baowatch"), look.span(Role::Dim, "  connecting")]);
    };
    let badge = badge(look, cluster.environment);
    let badge_width = fmt::width(&badge.content);
    let name = fmt::middle(&cluster.name, room.saturating_sub(badge_width + 1).clamp(4, 40));
    let mut used = fmt::width(&name) + 1 + badge_width;
    let mut spans = vec![look.span(Role::Title, name), Span::raw(" "), badge];
    if state.settings.read_only {
        spans.push(look.span(Role::Accent, "  read-only"));
        used += 11;
    }
    let left = room.saturating_sub(used + 2);
    if left >= 8 {
        spans.push(look.span(Role::Plain, format!("  {}", fmt::middle(&cluster.vault, left))));
    }
    Line::from(spans)
}

/// Production is the one thing on the screen with a background.
fn badge(look: &Look, environment: Environment) -> Span<'static> {
    let word = environment.word();
    match environment {
        Environment::Production => match look.glyphs {
            Glyphs::Unicode => look.span(Role::Badge, format!("▌{word}▐")),
            Glyphs::Ascii => look.span(Role::Badge, format!("[{word}]")),
        },
        Environment::Staging | Environment::Development | Environment::Lab => look.span(Role::Dim, word),
    }
}

fn tally(state: &State, look: &Look, wordy: bool) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for (severity, mark) in [(Severity::Critical, Mark::Bad), (Severity::Warning, Mark::Warn)] {
        let firing = state.alerts.firing(severity);
        if firing == 0 {
            continue;
        }
        let words = if wordy { format!("{firing} {}", severity.word()) } else { firing.to_string() };
        spans.push(Span::raw("  "));
        spans.push(look.mark(mark, &words));
    }
    let blind = sight::troubled(state);
    if blind > 0 {
        let words = if wordy { format!("{} blind", count(blind, "feed")) } else { blind.to_string() };
        spans.push(Span::raw("  "));
        spans.push(look.mark(Mark::Unknown, &words));
    }
    spans
}
