//! Silencing an alert: until when, and why. It stays in the list with both.

use ratatui::text::{Line, Span};

use super::{Sheet, headed};
use crate::app::state::State;
use crate::app::state::layers::{SilenceDialog, Until};
use crate::app::time::date_clock;
use crate::views::fmt;
use crate::views::theme::{Look, Role};

/// Writes it.
pub fn sheet(state: &State, look: &Look, dialog: &SilenceDialog, room: usize) -> Sheet {
    let mut sheet = Sheet::new(look, &fmt::middle(&format!("Silence {}", dialog.rule), room.saturating_sub(4)));
    if let Some(alert) = state.alerts.get(&dialog.rule, &dialog.subject) {
        sheet.say(look, Role::Plain, "", &alert.sentence, room);
        sheet.blank();
    }
    for (index, until) in Until::all(dialog.silent).iter().copied().enumerate() {
        let chosen = until == dialog.until;
        let (dot, role) = if chosen { ("(•) ", Role::Title) } else { ("( ) ", Role::Plain) };
        let mut rest = vec![look.span(role, format!("{dot}{}", until.words()))];
        if chosen && until != Until::Lifted {
            rest.push(look.span(Role::Dim, format!("  ends {}", date_clock(until.moment(state.now)))));
        }
        sheet.lines.push(headed(look, if index == 0 { "For" } else { "" }, rest));
    }
    sheet.blank();
    let reason = tail(&dialog.reason, room.saturating_sub(super::HEADING + 2));
    sheet.lines.push(headed(
        look,
        "Because",
        vec![look.span(Role::Title, reason), look.span(Role::Accent, "▏"), Span::raw(" ")],
    ));
    sheet.focus = Some(sheet.lines.len().saturating_sub(1));
    let words = "It stays listed with the reason, counts for nothing until then, and comes back by itself, or when it gets \
                 worse. The silence is kept on this machine: for the next session, and for `check`.";
    sheet.foot.extend(fmt::wrap(words, room).into_iter().map(|line| Line::from(vec![look.span(Role::Dim, line)])));
    sheet
}

/// The end of a text that is longer than its field, where the cursor is.
fn tail(text: &str, room: usize) -> String {
    let mut text = fmt::safe(text);
    while fmt::width(&text) > room && !text.is_empty() {
        text.remove(0);
    }
    text
}
