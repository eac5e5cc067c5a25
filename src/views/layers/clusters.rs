//! The clusters of the config file: what is at stake in each, and how it stood when it was last looked at.

use ratatui::text::{Line, Span};

use super::{Sheet, hang};
use crate::app::model::fact::Environment;
use crate::app::settings::LastSeen;
use crate::app::state::State;
use crate::views::theme::{Look, Mark, Role};
use crate::views::{canvas, fmt, verdict};

/// Writes it.
pub fn sheet(state: &State, look: &Look, cursor: usize, room: usize) -> Sheet {
    let mut sheet = Sheet::new(look, "Clusters");
    let fleet = &state.settings.fleet;
    let cursor = cursor.min(fleet.len().saturating_sub(1));
    let widest = fleet.iter().map(|cluster| fmt::width(&cluster.name)).max().unwrap_or(0).min(room / 2);
    for (index, cluster) in fleet.iter().enumerate() {
        let chosen = index == cursor;
        let role = match cluster.environment {
            Environment::Production => Role::Title,
            Environment::Staging | Environment::Development | Environment::Lab => Role::Dim,
        };
        let mut line = Line::from(vec![
            look.span(Role::Accent, if chosen { look.cursor() } else { " " }),
            Span::raw(" "),
            look.span(Role::Plain, fmt::left(&fmt::middle(&cluster.name, widest), widest)),
            Span::raw("  "),
            look.span(role, cluster.environment.word()),
            look.span(Role::Accent, if cluster.here { "  you are here" } else { "" }),
        ]);
        if chosen {
            canvas::embolden(&mut line);
            sheet.focus = Some(sheet.lines.len() + 1);
        }
        sheet.lines.push(line);
        let (mark, words) = if cluster.here {
            (verdict::mark(state.verdict.state), format!("{}, now", state.verdict.sentence))
        } else {
            stood(state, cluster.last.as_ref())
        };
        sheet.lines.extend(hang(look, mark.role(), &format!("    {} ", look.glyph(mark)), Role::Plain, &words, room));
    }
    let warning = "Going to another ends this session; what is watched here is not watched meanwhile.";
    sheet.foot.extend(hang(look, Role::Dim, "", Role::Dim, warning, room));
    sheet
}

/// A verdict that was left behind says when it was made, and is never shown as good: nobody looks there now.
fn stood(state: &State, last: Option<&LastSeen>) -> (Mark, String) {
    let Some(last) = last else { return (Mark::Unknown, "not looked at from here yet".to_owned()) };
    let mark = match verdict::mark(last.state) {
        Mark::Ok => Mark::Unknown,
        mark @ (Mark::Warn | Mark::Bad | Mark::Unknown | Mark::Absent) => mark,
    };
    (mark, format!("{}, last seen {}", last.sentence, fmt::when(state.now, last.at)))
}
