//! The drawer with everything known about one thing.

use ratatui::text::Line;

use super::Sheet;
use crate::app::id::ObjectRef;
use crate::app::state::State;
use crate::views::theme::{Look, Role};
use crate::views::{about, fmt};

/// Writes it; `next` is what Enter goes on to.
pub fn sheet(
    state: &State,
    look: &Look,
    subject: &ObjectRef,
    next: Option<&ObjectRef>,
    scroll: usize,
    room: usize,
) -> Sheet {
    let title = fmt::middle(&subject.to_string(), room.saturating_sub(4));
    let mut sheet = Sheet::new(look, &title);
    if let Some(next) = next {
        let words = fmt::middle(&next.to_string(), room.saturating_sub(9));
        let onward = vec![look.span(Role::Accent, "Enter → "), look.span(Role::Plain, words)];
        sheet.lines.extend([Line::from(onward), Line::default()]);
    }
    sheet.lines.extend(about::lines(state, look, subject, room));
    sheet.scroll = scroll;
    sheet
}
