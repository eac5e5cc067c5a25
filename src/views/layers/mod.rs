//! Dialogs and drawers over the overview: one file each writes its sheet, this one draws whichever is on top.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::theme::{Glyphs, Look, Role};
use super::{canvas, fmt};
use crate::app::state::State;
use crate::app::state::layers::Layer;

pub mod actions;
pub mod alerts;
mod clusters;
pub mod details;
pub mod help;
pub mod leave;
mod palette;
pub mod plan;
pub mod refused;
pub mod run;
pub mod shares;
mod silence;
mod unlock;

/// What a layer wants to show.
#[derive(Debug, Default)]
pub struct Sheet {
    /// On the border.
    pub title: Line<'static>,
    /// What scrolls if it does not fit.
    pub lines: Vec<Line<'static>>,
    /// What always stays visible below it: the challenge, the outcome.
    pub foot: Vec<Line<'static>>,
    /// First visible line.
    pub scroll: usize,
    /// A line that must be visible, whatever the scroll.
    pub focus: Option<usize>,
}

impl Sheet {
    /// An empty sheet with a title.
    pub fn new(look: &Look, title: &str) -> Self {
        Self { title: Line::from(vec![look.span(Role::Title, title)]), ..Self::default() }
    }

    /// Adds wrapped text.
    pub fn say(&mut self, look: &Look, role: Role, lead: &str, text: &str, room: usize) {
        self.lines.extend(hang(look, Role::Dim, lead, role, text, room));
    }

    /// Adds air, never twice.
    pub fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.spans.is_empty()) {
            self.lines.push(Line::default());
        }
    }
}

/// Wrapped text with something in front of its first line, aligned below it.
pub fn hang(look: &Look, lead_role: Role, lead: &str, role: Role, text: &str, room: usize) -> Vec<Line<'static>> {
    let wide = fmt::width(lead);
    fmt::wrap(text, room.saturating_sub(wide).max(8))
        .into_iter()
        .enumerate()
        .map(|(index, line)| {
            let lead = if index == 0 { lead.to_owned() } else { " ".repeat(wide) };
            Line::from(vec![look.span(lead_role, lead), look.span(role, line)])
        })
        .collect()
}

/// Draws the topmost layer, if there is one, in the middle of `area`; what is below recedes.
pub fn draw(state: &State, look: &Look, area: Rect, buf: &mut Buffer) {
    let Some(layer) = state.top() else { return };
    let widest = widest(layer).min(area.width);
    let sheet = written(state, look, layer, area);
    let height = height(&sheet, area);
    recede(look, area, buf);
    let place =
        Rect { x: area.x + (area.width - widest) / 2, y: area.y + (area.height - height) / 3, width: widest, height };
    // Halves of words left and right of the box would only disturb.
    canvas::clear(buf, Rect { y: place.y, height, ..area });
    let inner = canvas::boxed(buf, look, place, sheet.title.clone());
    let (foot, body) = split(&sheet, inner.height);
    let body = Rect { height: body, ..inner };
    let scroll = visible(sheet.scroll, sheet.focus, body.height as usize);
    canvas::lines(buf, look, body, &sheet.lines, scroll);
    for (row, line) in sheet.foot.iter().enumerate().take(foot as usize) {
        canvas::put(buf, look, inner.x, inner.bottom() - foot + row as u16, inner.width, line);
    }
}

fn written(state: &State, look: &Look, layer: &Layer, area: Rect) -> Sheet {
    let room = widest(layer).min(area.width).saturating_sub(4) as usize;
    sheet(state, look, layer, room, area.height.saturating_sub(2) as usize)
}

/// How tall the box is.
fn height(sheet: &Sheet, area: Rect) -> u16 {
    let gap = u16::from(!sheet.foot.is_empty());
    let wants = sheet.lines.len() as u16 + sheet.foot.len() as u16 + gap + 2;
    wants.clamp(3, area.height.max(3)).min(area.height)
}

/// Rows of the foot and of the body in a box with so many rows inside; a line of air between them where there is room.
fn split(sheet: &Sheet, inner: u16) -> (u16, u16) {
    let foot = (sheet.foot.len() as u16).min(inner);
    let roomy = foot > 0 && inner > sheet.lines.len() as u16 + foot;
    (foot, inner - foot - u16::from(roomy))
}

/// Where the topmost layer is scrolled to, and how far it could be; `None` where everything is in sight.
pub fn scrolled(state: &State) -> Option<(usize, usize)> {
    let layer = state.top()?;
    let area = super::console::middle(state.size)?;
    let of = |glyphs| {
        let sheet = written(state, &Look { glyphs, ..Look::default() }, layer, area);
        let (_, body) = split(&sheet, height(&sheet, area).saturating_sub(2));
        let most = sheet.lines.len().saturating_sub(body as usize);
        (visible(sheet.scroll, sheet.focus, body as usize).min(most), most)
    };
    // Marks of two columns may take a line more; where the terminal draws which, the state does not know.
    let (at, most) = of(Glyphs::Unicode).max(of(Glyphs::Ascii));
    (most > 0).then_some((at, most))
}

/// The scroll that keeps `focus` in a window of `height` rows, with a row to spare for the marks of what is out of sight.
fn visible(scroll: usize, focus: Option<usize>, height: usize) -> usize {
    match focus {
        Some(line) if scroll > 0 && line <= scroll => line.saturating_sub(1),
        Some(line) if line + 2 > scroll + height => (line + 2).saturating_sub(height),
        Some(_) | None => scroll,
    }
}

/// Everything below a layer loses its colour, so that the eye lands on the layer.
fn recede(look: &Look, area: Rect, buf: &mut Buffer) {
    for position in area.intersection(*buf.area()).positions() {
        if let Some(cell) = buf.cell_mut(position) {
            let symbol = cell.symbol().to_owned();
            cell.reset();
            cell.set_symbol(&symbol);
            cell.set_style(look.style(Role::Rule));
        }
    }
}

const fn widest(layer: &Layer) -> u16 {
    match layer {
        Layer::Help { .. } | Layer::Alerts { .. } | Layer::Details { .. } => 110,
        Layer::Plan(_) | Layer::Run { .. } => 100,
        Layer::Actions { .. }
        | Layer::Shares(_)
        | Layer::Unlock(_)
        | Layer::Leave
        | Layer::Refused(_)
        | Layer::Palette(_)
        | Layer::Clusters { .. }
        | Layer::Silence(_) => 80,
    }
}

fn sheet(state: &State, look: &Look, layer: &Layer, room: usize, height: usize) -> Sheet {
    match layer {
        Layer::Help { scroll } => help::sheet(look, *scroll, room),
        Layer::Alerts { selected } => alerts::sheet(state, look, selected.as_ref(), room),
        Layer::Details { subject, scroll, onward } => {
            details::sheet(state, look, subject, onward.first(), *scroll, room)
        }
        Layer::Actions { cursor, target } => actions::sheet(state, look, *cursor, target.as_ref(), room),
        Layer::Shares(dialog) => shares::sheet(look, dialog, room),
        Layer::Unlock(dialog) => unlock::sheet(state, look, dialog, room),
        Layer::Plan(dialog) => plan::sheet(state, look, dialog, room, height),
        Layer::Run { run, scroll } => run::sheet(state, look, *run, *scroll, room, height),
        Layer::Leave => leave::sheet(state, look, room),
        Layer::Refused(trouble) => refused::sheet(look, trouble, room),
        Layer::Palette(dialog) => palette::sheet(state, look, dialog, room),
        Layer::Clusters { cursor } => clusters::sheet(state, look, *cursor, room),
        Layer::Silence(dialog) => silence::sheet(state, look, dialog, room),
    }
}

/// A heading column: `Will`, `Will not`, `Rests on`, one below the other.
pub fn headed(look: &Look, heading: &str, rest: Vec<Span<'static>>) -> Line<'static> {
    let mut spans = vec![look.span(Role::Dim, fmt::left(heading, HEADING))];
    spans.extend(rest);
    Line::from(spans)
}

/// Columns of such a heading.
pub const HEADING: usize = 11;
