//! What can be done about the selection, and what stands in the way of the rest.

use ratatui::text::{Line, Span};

use super::{Sheet, hang};
use crate::app::actions::{Request, all};
use crate::app::id::ObjectRef;
use crate::app::runbook::plan::Offer;
use crate::app::state::State;
use crate::app::text::count;
use crate::views::canvas;
use crate::views::theme::{Look, Mark, Role};

/// Writes it.
pub fn sheet(state: &State, look: &Look, cursor: usize, target: Option<&ObjectRef>, room: usize) -> Sheet {
    let about = target.map_or_else(|| state.model.vault_ref().path(), ObjectRef::path);
    let mut sheet = Sheet::new(look, &format!("Actions for {about}"));
    let cursor = cursor.min(all().len().saturating_sub(1));
    for (index, action) in all().iter().enumerate() {
        let chosen = index == cursor;
        let bar = if chosen { look.cursor() } else { " " };
        let mut line = Line::from(vec![
            look.span(Role::Accent, bar),
            Span::raw(" "),
            look.span(Role::Title, action.id().name()),
            look.span(Role::Plain, format!("  {}", action.says())),
        ]);
        if chosen {
            canvas::embolden(&mut line);
            sheet.focus = Some(sheet.lines.len());
        }
        sheet.lines.push(line);
        let request = Request { target: target.cloned(), ..Request::default() };
        let (mark, words) = match action.offer(state, &request) {
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
        sheet.lines.extend(hang(look, mark.role(), &format!("    {} ", look.glyph(mark)), Role::Dim, &words, room));
    }
    sheet.foot.push(Line::from(vec![look.span(Role::Dim, "Nothing changes before a plan is shown and confirmed.")]));
    sheet
}
