//! Every observed change and action, newest first: what happened before what, in UTC.

use ratatui::text::{Line, Span};

use super::{Entry, Pane, Room, aside};
use crate::app::id::PaneId;
use crate::app::model::timeline::{Moment, Tone};
use crate::app::state::panes::rows;
use crate::app::state::{State, lists};
use crate::app::text::count;
use crate::app::time::{clock, moment};
use crate::views::fmt;
use crate::views::theme::{Look, Mark, Role};

/// The pane.
#[derive(Debug)]
pub struct Timeline;

impl Pane for Timeline {
    fn id(&self) -> PaneId {
        PaneId::Timeline
    }

    fn standing(&self, state: &State) -> (Mark, String) {
        if state.model.timeline.is_empty() {
            (Mark::Absent, "quiet so far".to_owned())
        } else {
            (Mark::Absent, count(state.model.timeline.len(), "line"))
        }
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        if state.model.timeline.is_empty() {
            let since = format!("nothing has changed since this session began at {}", moment(state.now, state.began));
            return vec![Entry::note(0, Line::from(vec![look.span(Role::Dim, fmt::end(&since, room.width))]))];
        }
        let shown = lists::shown(state, PaneId::Timeline);
        // Of five hundred lines only those down to the end of the page are written.
        let selected = lists::selected(state, PaneId::Timeline);
        let chosen = shown.iter().position(|row| selected.is_some_and(|one| one.key == row.key)).unwrap_or(0);
        let needed = (chosen / room.height.max(1) + 1) * room.height;
        let all = rows(state, PaneId::Timeline).iter().zip(state.model.timeline.newest_first());
        let mut wanted = shown.iter().take(needed).peekable();
        let lines: Vec<(&str, &Moment)> = all
            .filter(|(row, _)| wanted.next_if(|shown| shown.key == row.key).is_some())
            .map(|(row, moment)| (row.key.as_str(), moment))
            .collect();
        let widest = lines.iter().map(|(_, at)| moment(state.now, at.at).len()).max().unwrap_or(0);
        let written = lines.into_iter().map(|(key, at)| (key, line(state, look, at, widest, room.width)));
        written.map(|(key, line)| Entry::row(key, 0, line)).collect()
    }

    fn wide(&self) -> bool {
        true
    }
}

/// The mark of a tone.
pub const fn mark(tone: Tone) -> Mark {
    match tone {
        Tone::Plain => Mark::Absent,
        Tone::Notable => Mark::Warn,
        Tone::Grave => Mark::Bad,
    }
}

/// Subject and predicate: `openbao-0 sealed`, `Secret data/openbao-keys lost key`.
fn told(at: &Moment) -> String {
    let subject = match at.subject.kind.as_str() {
        "Pod" | "Cluster" => at.subject.name.to_string(),
        "Feed" => format!("{}:", at.subject.name),
        _ => at.subject.to_string(),
    };
    // A run's title names its target already.
    if at.says.contains(at.subject.name.as_str()) { at.says.clone() } else { format!("{subject} {}", at.says) }
}

fn line(state: &State, look: &Look, at: &Moment, widest: usize, room: usize) -> Line<'static> {
    let mark = mark(at.tone);
    // At 80 columns a moment of another day keeps its date only if there is room for the words.
    let date = if widest > 10 && room < 60 { clock(at.at) } else { fmt::left(&moment(state.now, at.at), widest) };
    let glyph = fmt::left(look.glyph(mark), look.glyph_width());
    let spans = vec![look.span(Role::Dim, format!("{date} ")), look.span(mark.role(), glyph), Span::raw(" ")];
    let used: usize = spans.iter().map(|span| fmt::width(&span.content)).sum();
    let mut spans = spans;
    let role = if at.tone == Tone::Grave { Role::Title } else { Role::Plain };
    spans.push(look.span(role, fmt::end(&told(at), room.saturating_sub(used))));
    let line = Line::from(spans);
    let left = room.saturating_sub(crate::views::canvas::line_width(&line) + 2);
    if left < 6 {
        return line;
    }
    aside(look, line, &fmt::end(&at.detail, left), room)
}
