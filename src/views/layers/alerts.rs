//! The alerts, worst first; the selected one tells why and what next.

use ratatui::text::{Line, Span};

use super::{Sheet, hang};
use crate::app::alerts::{Alert, Severity};
use crate::app::id::ObjectRef;
use crate::app::state::State;
use crate::app::state::alerts::{Order, is};
use crate::app::text::count;
use crate::app::time::moment;
use crate::views::about::{alert_mark, alert_word};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{canvas, fmt};

/// Writes it.
pub fn sheet(state: &State, look: &Look, selected: Option<&(String, ObjectRef)>, room: usize) -> Sheet {
    let (alerts, all) = (state.listed_alerts(), state.alerts.all().len());
    let mut sheet = Sheet::new(look, "Alerts");
    let firing = [(Severity::Critical, Mark::Bad), (Severity::Warning, Mark::Warn)];
    for (severity, mark) in firing.into_iter().filter(|(severity, _)| state.alerts.firing(*severity) > 0) {
        let firing = state.alerts.firing(severity);
        let plural = severity == Severity::Warning && firing != 1;
        let words = format!("{firing} {}{}", severity.word(), if plural { "s" } else { "" });
        sheet.title.spans.push(Span::raw("  "));
        sheet.title.spans.push(look.mark(mark, &words));
    }
    let list = &state.alert_list;
    if all > 0 && (state.filtering || !list.filter.is_empty()) {
        let caret = if state.filtering { "▏" } else { "" };
        let words = format!("  filter: {}{caret} · {} of {all}", list.filter, alerts.len());
        sheet.title.spans.push(look.span(Role::Accent, words));
    }
    if list.order != Order::Worst {
        sheet.title.spans.push(look.span(Role::Dim, format!("  by {}", list.order.word())));
    }
    if alerts.is_empty() && all > 0 {
        sheet.lines.push(Line::from(vec![look.span(Role::Dim, "None of them has these words in it; Esc shows all.")]));
        return sheet;
    }
    if alerts.is_empty() {
        sheet.lines.push(Line::from(vec![look.mark(Mark::Ok, "Nothing is wrong that a rule can see.")]));
        let blind = crate::views::sight::troubled(state);
        if blind > 0 {
            let words = format!("{} not live: what they feed is unknown, not clear.", count(blind, "feed"));
            sheet.lines.push(Line::from(vec![look.mark(Mark::Unknown, &words)]));
        }
        return sheet;
    }
    let chosen = |alert: &&Alert| selected.is_some_and(|(rule, subject)| is(alert, rule, subject));
    let chosen_at = alerts.iter().position(chosen).unwrap_or(0);
    for (index, alert) in alerts.iter().enumerate() {
        let is_chosen = index == chosen_at;
        if is_chosen {
            sheet.focus = Some(sheet.lines.len());
        }
        let mut line = head(state, look, alert, is_chosen, room);
        if is_chosen {
            canvas::embolden(&mut line);
        }
        sheet.lines.push(line);
        let indent = " ".repeat(look.glyph_width() + 3);
        let role = if is_chosen { Role::Title } else { Role::Plain };
        sheet.lines.extend(hang(look, Role::Dim, &indent, role, &alert.sentence, room));
        if let Some(silence) = state.alerts.silence_of(alert) {
            let words = format!("silent until {}: {}", moment(state.now, silence.until), silence.reason);
            sheet.lines.extend(hang(look, Role::Dim, &indent, Role::Dim, &words, room));
        }
        if is_chosen {
            sheet.lines.extend(hang(look, Role::Dim, &indent, Role::Plain, &alert.why, room));
            sheet.lines.extend(hang(look, Role::Accent, &format!("{indent}→ "), Role::Plain, &alert.next, room));
            sheet.focus = Some(sheet.lines.len().saturating_sub(1));
        }
    }
    sheet
}

fn head(state: &State, look: &Look, alert: &Alert, chosen: bool, room: usize) -> Line<'static> {
    let mark = alert_mark(alert);
    let bar = if chosen { look.cursor() } else { " " };
    let tail = format!("{}  since {}", alert_word(alert), fmt::when(state.now, alert.since));
    let left = room.saturating_sub(look.glyph_width() + 3 + fmt::width(&tail) + 2);
    let name = fmt::middle(&format!("{}  {}", alert.rule, alert.subject), left);
    Line::from(vec![
        look.span(Role::Accent, bar),
        Span::raw(" "),
        look.span(mark.role(), look.glyph(mark)),
        Span::raw(" "),
        look.span(mark.role(), fmt::left(&name, left)),
        Span::raw("  "),
        look.span(Role::Dim, tail),
    ])
}
