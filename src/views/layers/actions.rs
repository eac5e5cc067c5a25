//! What can be done about the selection, and what stands in the way of the rest.

use ratatui::text::{Line, Span};

use super::{Sheet, hang};
use crate::app::actions::{Request, aim, all};
use crate::app::id::ObjectRef;
use crate::app::runbook::plan::Offer;
use crate::app::state::State;
use crate::app::text::count;
use crate::views::theme::{Look, Mark, Role};
use crate::views::{canvas, fmt};

/// Writes it.
pub fn sheet(state: &State, look: &Look, cursor: usize, target: Option<&ObjectRef>, room: usize) -> Sheet {
    let about = target.map_or_else(|| state.model.vault_ref().path(), ObjectRef::path);
    let mut sheet = Sheet::new(look, &format!("Actions for {about}"));
    let cursor = cursor.min(all().len().saturating_sub(1));
    for (index, action) in all().iter().enumerate() {
        let chosen = index == cursor;
        let bar = if chosen { look.cursor() } else { " " };
        let request = Request { target: aim(action.id(), target.cloned()), ..Request::default() };
        let offer = action.offer(state, &request);
        let possible = !matches!(offer, Offer::Refused(_));
        let mut line = Line::from(vec![
            look.span(Role::Accent, bar),
            Span::raw(" "),
            look.span(if possible { Role::Title } else { Role::Dim }, action.id().name()),
            look.span(if possible { Role::Plain } else { Role::Dim }, format!("  {}", action.says())),
        ]);
        if chosen {
            canvas::embolden(&mut line);
        }
        sheet.lines.push(line);
        let (mark, words) = match offer {
            Offer::Ready(plan) => (Mark::Ok, format!("ready: {}", count(plan.steps.len(), "step"))),
            Offer::NeedsShares { count: needed, .. } => {
                (Mark::Absent, format!("asks for {} first, typed hidden", count(needed as usize, "share")))
            }
            Offer::NeedsUnlock { .. } => (Mark::Absent, "asks to unlock the keystore first".to_owned()),
            Offer::Refused(trouble) => {
                let words =
                    if trouble.why.is_empty() { trouble.what } else { format!("{}: {}", trouble.what, trouble.why) };
                (Mark::Absent, format!("not now: {words}"))
            }
        };
        // The whole refusal stands in the dialog that Enter opens.
        let lead = format!("    {} ", look.glyph(mark));
        let words = fmt::wrap_most(&words, room.saturating_sub(fmt::width(&lead)), 2).join(" ");
        sheet.lines.extend(hang(look, mark.role(), &lead, Role::Dim, &words, room));
        if chosen {
            sheet.focus = Some(sheet.lines.len() - 1);
        }
    }
    sheet.foot.push(Line::from(vec![look.span(Role::Dim, "Nothing changes before a plan is shown and confirmed.")]));
    sheet
}
