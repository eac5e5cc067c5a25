//! The palette: what is typed, what it could mean, and the key that does the same without typing.

use ratatui::text::{Line, Span};

use super::Sheet;
use crate::app::state::State;
use crate::app::state::layers::PaletteDialog;
use crate::app::state::palette::candidates;
use crate::views::theme::{Look, Role};
use crate::views::{canvas, fmt, keymap};

/// Lines of what it could mean: always as many, so that the box keeps still.
const LINES: usize = 10;
/// Columns of a name, where there is room for it.
const NAME: usize = 34;

/// Writes it.
pub fn sheet(state: &State, look: &Look, dialog: &PaletteDialog, room: usize) -> Sheet {
    let mut sheet = Sheet::new(look, "Go to, or do");
    let typed = fmt::middle(&dialog.text, room.saturating_sub(4));
    sheet.lines.push(Line::from(vec![
        look.span(Role::Accent, ": "),
        look.span(Role::Title, typed),
        look.span(Role::Accent, "▏"),
    ]));
    let found = candidates(state, &dialog.text);
    let cursor = dialog.cursor.min(found.len().saturating_sub(1));
    let first = super::super::panes::listing::page(cursor, LINES, found.len());
    let name_room = NAME.min(room / 2);
    for (index, candidate) in found.iter().enumerate().skip(first).take(LINES) {
        let chosen = index == cursor;
        let key = keymap::home_key(state, &candidate.intent).unwrap_or_default();
        let says_room = room.saturating_sub(2 + name_room + 2 + 6);
        let mut line = Line::from(vec![
            look.span(Role::Accent, if chosen { look.cursor() } else { " " }),
            Span::raw(" "),
            look.span(Role::Plain, fmt::left(&fmt::middle(&candidate.name, name_room), name_room)),
            Span::raw("  "),
            look.span(Role::Dim, fmt::left(&fmt::end(&candidate.says, says_room), says_room)),
            look.span(Role::Key, fmt::right(&key, 5)),
        ]);
        if chosen {
            canvas::embolden(&mut line);
        }
        sheet.lines.push(line);
    }
    if found.is_empty() {
        sheet.lines.push(Line::from(vec![look.span(Role::Dim, "  Nothing is called that.")]));
    }
    sheet.lines.resize(LINES + 1, Line::default());
    let more = found.len().saturating_sub(LINES);
    let words = if more > 0 { format!("{} in all. ", found.len()) } else { String::new() };
    let words = format!("{words}Nothing changes before a plan is shown and confirmed.");
    sheet.foot.push(Line::from(vec![look.span(Role::Dim, fmt::end(&words, room))]));
    sheet
}
