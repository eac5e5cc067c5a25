//! A refusal as a place to stand: what, why, what next.

use ratatui::text::Line;

use super::{Sheet, hang};
use crate::app::trouble::Trouble;
use crate::views::theme::{Look, Mark, Role};

/// Writes it.
pub fn sheet(look: &Look, trouble: &Trouble, room: usize) -> Sheet {
    let mut sheet = Sheet::new(look, "Not done");
    let lead = format!("{} ", look.glyph(Mark::Bad));
    sheet.lines.extend(hang(look, Role::Bad, &lead, Role::Title, &trouble.what, room));
    let indent = " ".repeat(look.glyph_width() + 1);
    sheet.lines.extend(hang(look, Role::Dim, &indent, Role::Plain, &trouble.why, room));
    if !trouble.next.is_empty() {
        sheet.lines.push(Line::default());
        sheet.lines.extend(hang(look, Role::Accent, "→ ", Role::Plain, &trouble.next, room));
    }
    sheet
}
