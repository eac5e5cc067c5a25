//! Typing shares, hidden: how many are complete, and whether the one being typed could be a share. Never what, and
//! never how long.

use std::cmp::Ordering;

use ratatui::text::{Line, Span};

use super::Sheet;
use crate::app::msg::Pending;
use crate::app::state::layers::SharesDialog;
use crate::app::text::count;
use crate::views::theme::{Look, Mark, Role};

/// Writes it.
pub fn sheet(look: &Look, dialog: &SharesDialog, room: usize) -> Sheet {
    let mut sheet = Sheet::new(look, "Unseal key shares");
    sheet.say(look, Role::Plain, "", &dialog.prompt, room);
    sheet.blank();
    let rows = dialog.needed.max(dialog.complete).max(1);
    for index in 0..rows {
        sheet.lines.push(row(look, dialog, index, rows));
        if index == dialog.complete {
            sheet.focus = Some(sheet.lines.len().saturating_sub(1));
        }
    }
    sheet.blank();
    let missing = dialog.needed.saturating_sub(dialog.complete);
    if missing == 0 {
        sheet.lines.push(Line::from(vec![
            look.mark(Mark::Ok, "Enough shares; the plan comes next. Nothing has been sent yet."),
        ]));
    } else {
        let each = if missing == 1 { "it" } else { "each" };
        let words = format!("{} to go. Type or paste {each} and press Enter.", count(missing as usize, "share"));
        sheet.say(look, Role::Plain, "", &words, room);
    }
    sheet.say(look, Role::Dim, "", "Not shown, not logged, kept in memory only, wiped when this closes.", room);
    sheet
}

fn row(look: &Look, dialog: &SharesDialog, index: u32, rows: u32) -> Line<'static> {
    let label = look.span(Role::Plain, format!("  share {} of {rows}  ", index + 1));
    let caret = look.span(Role::Accent, "▏");
    let typed = look.span(Role::Plain, "••••");
    let air = Span::raw("  ");
    let rest = match (index.cmp(&dialog.complete), dialog.pending) {
        (Ordering::Less, _) => vec![typed, air, look.mark(Mark::Ok, "taken")],
        (Ordering::Greater, _) => vec![look.span(Role::Dim, "·")],
        (Ordering::Equal, Pending::Empty) => vec![caret],
        (Ordering::Equal, Pending::Typing) => {
            vec![typed, caret, Span::raw(" "), look.mark(Mark::Unknown, "not a whole share yet")]
        }
        (Ordering::Equal, Pending::Plausible) => {
            vec![typed, caret, Span::raw(" "), look.mark(Mark::Ok, "could be a share")]
        }
    };
    let mut spans = vec![label];
    spans.extend(rest);
    Line::from(spans)
}
