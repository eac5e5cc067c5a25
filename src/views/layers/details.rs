//! The drawer with everything known about one thing.

use super::Sheet;
use crate::app::id::ObjectRef;
use crate::app::state::State;
use crate::views::theme::Look;
use crate::views::{about, fmt};

/// Writes it.
pub fn sheet(state: &State, look: &Look, subject: &ObjectRef, scroll: usize, room: usize) -> Sheet {
    let title = fmt::middle(&subject.to_string(), room.saturating_sub(4));
    let mut sheet = Sheet::new(look, &title);
    sheet.lines = about::lines(state, look, subject, room);
    sheet.scroll = scroll;
    sheet
}
