//! One frame: a state in, cells out. Pure; the same call draws the terminal, `--print` and the picture in the README.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::theme::{Look, Role};
use super::{banner, canvas, fmt, footer, layers, overview, verdict};
use crate::app::state::State;

pub use super::keymap::{Keyboard, intent_for};

/// Smaller than this only the sentence is shown.
const LEAST: (u16, u16) = (40, 10);

/// From this height on there is air between the parts.
const AIRY: u16 = 34;

/// Draws the whole of `state` into `buf`.
pub fn render(state: &State, look: &Look, buf: &mut Buffer) {
    let area = *buf.area();
    canvas::clear(buf, area);
    if area.is_empty() {
        return;
    }
    if area.width < LEAST.0 || area.height < LEAST.1 {
        sentence_only(state, look, area, buf);
        return;
    }
    let airy = area.height >= AIRY;
    let mut y = area.y;
    banner::draw(state, look, Rect { height: 1, ..area }, buf);
    y += 1 + u16::from(airy);
    let room = area.width as usize;
    let covered = state.zoom.is_some() || state.top().is_some();
    // What the sentence has to say changes; where the cards stand does not.
    let (lines, height) = if covered {
        (vec![verdict::one_line(state, look, room)], 1)
    } else {
        let height = ((area.height - 2) / 5).clamp(3, 9);
        (verdict::lines(state, look, room, height as usize), height)
    };
    verdict::draw(look, Rect { y, height, ..area }, &lines, buf);
    y += height + u16::from(airy);
    let middle = Rect { y, height: area.bottom().saturating_sub(y + 1), ..area };
    overview::draw(state, look, middle, buf);
    layers::draw(state, look, middle, buf);
    footer::draw(state, look, Rect { y: area.bottom() - 1, height: 1, ..area }, buf);
}

/// Where panes and dialogs are drawn while one line tells the state: in a window of this size, if it is large enough.
pub fn middle(size: (u16, u16)) -> Option<Rect> {
    if size.0 < LEAST.0 || size.1 < LEAST.1 {
        return None;
    }
    let y = 2 * (1 + u16::from(size.1 >= AIRY));
    Some(Rect { x: 0, y, width: size.0, height: size.1.saturating_sub(y + 1) })
}

/// A window too small for panes still says the sentence.
fn sentence_only(state: &State, look: &Look, area: Rect, buf: &mut Buffer) {
    let mark = verdict::mark(state.verdict.state);
    let sentence =
        if state.verdict.sentence.is_empty() { "Looking for the first time" } else { &state.verdict.sentence };
    let text = format!("{} {sentence}", look.glyph(mark));
    let more = if state.top().is_some() { "a dialog waits: enlarge" } else { "40×10 shows more" };
    let tell = area.height >= 4 && area.width >= 16;
    let rows = area.height - u16::from(tell);
    for (row, line) in fmt::wrap_most(&text, area.width as usize, rows as usize).iter().enumerate() {
        canvas::text(buf, look, area.x, area.y + row as u16, area.width, mark.role(), line);
    }
    if tell {
        let more = fmt::end(more, area.width as usize);
        canvas::text(buf, look, area.x, area.bottom() - 1, area.width, Role::Dim, &more);
    }
}

/// One screen as text, without trailing spaces: for `--print`, for a chat, for the README.
pub fn print(state: &State, look: &Look, width: u16, height: u16) -> String {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    render(state, look, &mut buf);
    let mut out = String::new();
    for row in rows(&buf) {
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

/// The rows of a buffer as text, each exactly as wide as the buffer.
pub fn rows(buf: &Buffer) -> Vec<String> {
    let area = *buf.area();
    (area.top()..area.bottom())
        .map(|y| {
            let mut row = String::new();
            let mut x = area.left();
            while x < area.right() {
                let symbol = buf.cell((x, y)).map_or(" ", ratatui::buffer::Cell::symbol);
                row.push_str(symbol);
                x += (symbol.width() as u16).max(1);
            }
            row
        })
        .collect()
}
