//! Something runs: leave all the same?

use ratatui::text::Line;

use super::Sheet;
use crate::app::state::State;
use crate::views::theme::{Look, Mark, Role};

/// Writes it.
pub fn sheet(state: &State, look: &Look, room: usize) -> Sheet {
    let mut sheet = Sheet::new(look, "Leave while something runs?");
    if let Some(run) = state.underway() {
        let words = format!("{} is at {} of {}.", run.plan().title, run.finished_steps(), run.steps.len());
        sheet.lines.push(Line::from(vec![look.mark(Mark::Warn, &words)]));
    }
    sheet.say(
        look,
        Role::Plain,
        "",
        "The step under way may or may not have happened; its journal is kept, and the next start looks at it without \
         changing anything and offers the rest.",
        room,
    );
    sheet.foot.push(Line::from(vec![
        look.span(Role::Key, "y"),
        look.span(Role::Plain, " leave all the same   "),
        look.span(Role::Key, "Enter"),
        look.span(Role::Plain, " stay"),
    ]));
    sheet
}
