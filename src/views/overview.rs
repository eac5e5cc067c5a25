//! All panes at once as live cards in fixed places; one zoomed to the whole screen; details beside the list where there
//! is room. A further pane changes nothing here.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::panes::{self, Pane, Room};
use super::theme::{Look, Role};
use super::{about, canvas, fmt};
use crate::app::id::PaneId;
use crate::app::state::State;
use crate::app::state::lists::{self, Sort};

/// From this width on the details of the selected row stand beside the cards.
const BESIDE: u16 = 150;
/// Below this width the cards stand one under the other.
const TWO_COLUMNS: u16 = 64;
/// Rows that are left over go to these cards in turn, again and again: lists and the timeline have most use for them.
const TURNS: [PaneId; 22] = [
    PaneId::Rotation,
    PaneId::Flow,
    PaneId::Timeline,
    PaneId::Sync,
    PaneId::Workloads,
    PaneId::Nodes,
    PaneId::Tokens,
    PaneId::Timeline,
    PaneId::Sync,
    PaneId::Workloads,
    PaneId::Vault,
    PaneId::Keys,
    PaneId::Rotation,
    PaneId::Flow,
    PaneId::Nodes,
    PaneId::Tokens,
    PaneId::Sync,
    PaneId::Workloads,
    PaneId::Timeline,
    PaneId::Vault,
    PaneId::Keys,
    PaneId::Timeline,
];

/// Rows below which a card says nothing, and rows beyond which it only shows air; without its title.
const fn bounds(pane: PaneId) -> (u16, u16) {
    match pane {
        PaneId::Vault | PaneId::Keys => (4, 10),
        PaneId::Sync | PaneId::Workloads => (2, 24),
        PaneId::Nodes | PaneId::Tokens => (2, 16),
        PaneId::Rotation | PaneId::Flow => (1, 16),
        PaneId::Timeline => (2, u16::MAX),
    }
}

/// Draws the panes into `area`.
pub fn draw(state: &State, look: &Look, area: Rect, buf: &mut Buffer) {
    if area.height < 2 || area.width < 8 {
        return;
    }
    let (left, beside) = if area.width >= BESIDE { split(area) } else { (area, None) };
    draw_cards(state, look, left, buf);
    if let Some(beside) = beside {
        draw_beside(state, look, beside, buf);
    }
}

fn draw_cards(state: &State, look: &Look, area: Rect, buf: &mut Buffer) {
    if let Some(pane) = state.zoom.and_then(panes::find) {
        title(state, look, pane, area, 0, buf);
        card(state, look, pane, below_title(area), true, buf);
        return;
    }
    let rows = rows(area.width);
    let Some(heights) = heights(&rows, area.height) else {
        if let Some(pane) = panes::find(state.focus) {
            title(state, look, pane, area, 0, buf);
            card(state, look, pane, below_title(area), false, buf);
        }
        return;
    };
    let mut y = area.y;
    let mut above = None;
    for (row, height) in rows.iter().zip(heights) {
        let place = Rect { y, height, ..area };
        let divided = row.len() > 1;
        draw_row(state, look, row, place, buf);
        let joint = match (above, divided) {
            (Some(true), true) => Some('┼'),
            (Some(true), false) => Some('┴'),
            (Some(false) | None, true) => Some('┬'),
            (Some(false) | None, false) => None,
        };
        if let Some(joint) = joint {
            canvas::text(buf, look, area.x + left_width(area.width), y, 1, Role::Rule, &joint.to_string());
        }
        y += height;
        above = Some(divided);
    }
}

/// Pairs of cards; a pane that wants the whole width, or that has no partner, gets a row of its own.
fn rows(width: u16) -> Vec<Vec<&'static dyn Pane>> {
    let mut rows: Vec<Vec<&'static dyn Pane>> = Vec::new();
    for pane in panes::all() {
        match rows.last_mut() {
            Some(row)
                if width >= TWO_COLUMNS && row.len() == 1 && !pane.wide() && row.iter().all(|other| !other.wide()) =>
            {
                row.push(*pane);
            }
            Some(_) | None => rows.push(vec![*pane]),
        }
    }
    rows
}

/// Heights depend on the size of the screen alone, never on what is in the cards: nothing jumps. `None` where not every
/// card has room for what it has to say.
fn heights(rows: &[Vec<&'static dyn Pane>], height: u16) -> Option<Vec<u16>> {
    let bounds = |row: &Vec<&'static dyn Pane>| {
        row.iter().map(|pane| bounds(pane.id())).fold((0, 0), |(l, m), (least, most)| (l.max(least), m.max(most)))
    };
    let mut heights: Vec<u16> = rows.iter().map(|row| bounds(row).0 + 1).collect();
    let mut left = height.checked_sub(heights.iter().sum())?;
    while left > 0 {
        let before = left;
        for turn in TURNS {
            // The card on the right grows along with its neighbour.
            let Some(at) = rows.iter().position(|row| row.first().is_some_and(|pane| pane.id() == turn)) else {
                continue;
            };
            let most = rows.get(at).map_or(0, |row| bounds(row).1);
            if let Some(tall) = heights.get_mut(at).filter(|tall| left > 0 && **tall <= most) {
                *tall += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    Some(heights)
}

fn left_width(width: u16) -> u16 {
    width * 12 / 25
}

fn draw_row(state: &State, look: &Look, row: &[&'static dyn Pane], area: Rect, buf: &mut Buffer) {
    match row {
        [one] => {
            title(state, look, *one, area, 0, buf);
            card(state, look, *one, below_title(area), false, buf);
        }
        [first, second, ..] => {
            let left = Rect { width: left_width(area.width), ..area };
            let right = Rect { x: left.right() + 1, width: area.width - left.width - 1, ..area };
            title(state, look, *first, area, left.width, buf);
            title(state, look, *second, right, 0, buf);
            for y in area.y + 1..area.bottom() {
                canvas::text(buf, look, left.right(), y, 1, Role::Rule, "│");
            }
            card(state, look, *first, below_title(left), false, buf);
            card(state, look, *second, below_title(right), false, buf);
        }
        [] => {}
    }
}

const fn below_title(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
}

/// `─ 1 Vault ✓ 3 of 3 open ─────`, at most `most` columns of words if that is not 0.
fn title(state: &State, look: &Look, pane: &dyn Pane, area: Rect, most: u16, buf: &mut Buffer) {
    canvas::rule(buf, look, area);
    let focused = state.focus == pane.id() || state.zoom == Some(pane.id());
    let room = (if most == 0 { area.width } else { most }).saturating_sub(4);
    let (mark, words) = pane.standing(state);
    let words = looked_at(state, pane.id(), words);
    let name = if focused { Role::Accent } else { Role::Title };
    let used = fmt::width(pane.id().title()) + 6 + look.glyph_width();
    let words = fmt::end(&words, (room as usize).saturating_sub(used));
    let line = Line::from(vec![
        Span::raw(" "),
        look.span(if focused { Role::Key } else { Role::Dim }, pane.id().digit().to_string()),
        Span::raw(" "),
        look.span(name, pane.id().title()),
        Span::raw(" "),
        look.span(mark.role(), format!("{} {words}", look.glyph(mark)).trim_end()),
        Span::raw(" "),
    ]);
    canvas::put(buf, look, area.x + 1, area.y, room + 2, &line);
}

/// How the pane stands, or what of it is looked at: `filter: ory · 3 of 75`, `by lag`, `new worst: ory/kratos`.
fn looked_at(state: &State, pane: PaneId, standing: String) -> String {
    let typing = state.filtering && state.layers.is_empty() && state.pane() == pane;
    let mut words = Vec::new();
    if typing || state.filter(pane).is_some() {
        let filter = state.lists.get(&pane).map_or("", |view| view.filter.as_str());
        let caret = if typing { "▏" } else { "" };
        let (some, all) = (lists::shown(state, pane).len(), crate::app::state::panes::rows(state, pane).len());
        words.push(format!("filter: {filter}{caret} · {some} of {all}"));
    } else if !standing.is_empty() {
        words.push(standing);
    }
    if state.sort(pane) != Sort::Worst {
        words.push(format!("by {}", state.sort(pane).word()));
    }
    words.extend(lists::news(state, pane));
    words.join(" · ")
}

/// The lines of one pane, with the cursor's bar beside the selected row of the pane that has the focus.
fn card(state: &State, look: &Look, pane: &dyn Pane, area: Rect, zoomed: bool, buf: &mut Buffer) {
    if area.height == 0 || area.width < 4 {
        return;
    }
    let room = Room { width: area.width as usize - 2, height: area.height as usize, zoomed };
    let selected = panes::selected(state, pane.id());
    let focused = zoomed || state.focus == pane.id();
    let entries = panes::fit(panes::entries(state, look, pane, room), room.height, selected.as_deref());
    for (row, entry) in entries.into_iter().enumerate() {
        let y = area.y + row as u16;
        let mut line = entry.line;
        if focused && entry.key.is_some() && entry.key == selected {
            canvas::embolden(&mut line);
            canvas::text(buf, look, area.x, y, 1, Role::Accent, look.cursor());
        }
        canvas::put_cut(buf, look, area.x + 1, y, area.width - 2, &line);
    }
}

fn split(area: Rect) -> (Rect, Option<Rect>) {
    let beside = (area.width * 2 / 5).clamp(56, 90);
    let left = Rect { width: area.width - beside - 1, ..area };
    (left, Some(Rect { x: left.right(), width: beside + 1, ..area }))
}

/// What the cursor is on, told in full.
fn draw_beside(state: &State, look: &Look, area: Rect, buf: &mut Buffer) {
    let pane = state.zoom.unwrap_or(state.focus);
    let row = lists::selected(state, pane);
    canvas::rule(buf, look, area);
    canvas::text(buf, look, area.x, area.y, 1, Role::Rule, "┬");
    for y in area.y + 1..area.bottom() {
        let ruled = buf.cell((area.x - 1, y)).is_some_and(|cell| matches!(cell.symbol(), "─" | "-"));
        canvas::text(buf, look, area.x, y, 1, Role::Rule, if ruled { "┤" } else { "│" });
    }
    let inner = Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(3), height: area.height - 1 };
    let Some(row) = row else { return };
    let name = fmt::middle(&row.subject.to_string(), inner.width as usize - 2);
    canvas::put(
        buf,
        look,
        area.x + 2,
        area.y,
        inner.width,
        &Line::from(vec![look.span(Role::Title, format!(" {name} "))]),
    );
    let lines = about::lines(state, look, &row.subject, inner.width as usize);
    canvas::lines(buf, look, inner, &lines, 0);
}
