//! Typing shares, hidden: how many are complete, and whether the one being typed could be a share. Never what, and
//! never how long.

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
        let words = format!("{} to go. Type or paste each and press Enter.", count(missing as usize, "share"));
        sheet.say(look, Role::Plain, "", &words, room);
    }
    sheet.say(look, Role::Dim, "", "Not shown, not logged, kept in memory only, wiped when this closes.", room);
    sheet
}

fn row(look: &Look, dialog: &SharesDialog, index: u32, rows: u32) -> Line<'static> {
    let label = look.span(Role::Plain, format!("  share {} of {rows}  ", index + 1));
    let rest: Vec<Span<'static>> = if index < dialog.complete {
        vec![look.span(Role::Plain, "••••  "), look.mark(Mark::Ok, "taken")]
    } else if index > dialog.complete {
        vec![look.span(Role::Dim, "·")]
    } else {
        match dialog.pending {
            Pending::Empty => vec![look.span(Role::Accent, "▏")],
            Pending::Typing => {
                vec![
                    look.span(Role::Plain, "••••"),
                    look.span(Role::Accent, "▏ "),
                    look.mark(Mark::Unknown, "not a whole share yet"),
                ]
            }
            Pending::Plausible => {
                vec![
                    look.span(Role::Plain, "••••"),
                    look.span(Role::Accent, "▏ "),
                    look.mark(Mark::Ok, "could be a share"),
                ]
            }
        }
    };
    let mut spans = vec![label];
    spans.extend(rest);
    Line::from(spans)
}
