//! Putting text, rules and boxes into a buffer: the only place that writes cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::fmt::{self, columns};
use super::theme::{Glyphs, Look, Role};

/// Writes one line of spans at (x, y), at most `room` columns; returns the columns used. Wide characters that would
/// stick out are left away, so a row never breaks.
pub fn put(buf: &mut Buffer, look: &Look, x: u16, y: u16, room: u16, line: &Line<'_>) -> u16 {
    let mut used = 0_u16;
    for span in &line.spans {
        let style = line.style.patch(span.style);
        for c in span.content.chars() {
            let wide = columns(c) as u16;
            if wide == 0 {
                continue;
            }
            if used + wide > room {
                return used;
            }
            cell(buf, look, x + used, y, c, wide, style);
            used += wide;
        }
    }
    used
}

fn cell(buf: &mut Buffer, look: &Look, x: u16, y: u16, c: char, wide: u16, style: Style) {
    let area = *buf.area();
    if x < area.left() || x + wide > area.right() || y < area.top() || y >= area.bottom() {
        return;
    }
    let c = if look.glyphs == Glyphs::Ascii && !c.is_ascii() { Look::ascii(c) } else { c };
    for offset in 0..wide {
        if let Some(cell) = buf.cell_mut((x + offset, y)) {
            cell.reset();
            if offset == 0 {
                cell.set_char(c);
            }
            cell.set_style(style);
        }
    }
    if wide == 2
        && c.is_ascii()
        && let Some(cell) = buf.cell_mut((x + 1, y))
    {
        cell.set_char(c);
    }
}

/// As [`put`], and says so with an ellipsis when the line does not fit.
pub fn put_cut(buf: &mut Buffer, look: &Look, x: u16, y: u16, room: u16, line: &Line<'_>) {
    put(buf, look, x, y, room, line);
    if room > 1 && line_width(line) > room as usize {
        // A wide character that began in the column before the last is blanked along with it.
        let (last, style) = (x + room - 1, line.spans.last().map_or(line.style, |span| span.style));
        if buf.cell((last - 1, y)).is_some_and(|cell| cell.symbol().chars().map(columns).sum::<usize>() > 1) {
            cell(buf, look, last - 1, y, ' ', 1, style);
        }
        cell(buf, look, last, y, '…', 1, style);
    }
}

/// Writes text in one role.
pub fn text(buf: &mut Buffer, look: &Look, x: u16, y: u16, room: u16, role: Role, text: &str) -> u16 {
    put(buf, look, x, y, room, &Line::from(look.span(role, text)))
}

/// Writes a line whose right end touches the end of the room.
pub fn put_right(buf: &mut Buffer, look: &Look, area: Rect, line: &Line<'_>) {
    let wide = line_width(line).min(area.width as usize) as u16;
    put(buf, look, area.right() - wide, area.y, wide, line);
}

/// Columns of a line.
pub fn line_width(line: &Line<'_>) -> usize {
    line.spans.iter().map(|span| fmt::width(&span.content)).sum()
}

/// Empties an area.
pub fn clear(buf: &mut Buffer, area: Rect) {
    for position in area.intersection(*buf.area()).positions() {
        if let Some(cell) = buf.cell_mut(position) {
            cell.reset();
        }
    }
}

/// A thin rule over the whole width of `area`'s first row.
pub fn rule(buf: &mut Buffer, look: &Look, area: Rect) {
    text(buf, look, area.x, area.y, area.width, Role::Rule, &"─".repeat(area.width as usize));
}

/// A box with a title; returns the room inside, one column of air left and right.
pub fn boxed(buf: &mut Buffer, look: &Look, area: Rect, title: Line<'_>) -> Rect {
    clear(buf, area);
    if area.width < 4 || area.height < 3 {
        return Rect { height: area.height.min(1), ..area };
    }
    let bar = "─".repeat(area.width as usize - 2);
    text(buf, look, area.x, area.y, area.width, Role::Rule, &format!("┌{bar}┐"));
    text(buf, look, area.x, area.bottom() - 1, area.width, Role::Rule, &format!("└{bar}┘"));
    for y in area.y + 1..area.bottom() - 1 {
        text(buf, look, area.x, y, 1, Role::Rule, "│");
        text(buf, look, area.right() - 1, y, 1, Role::Rule, "│");
    }
    let mut heading = vec![Span::raw(" ")];
    heading.extend(title.spans);
    heading.push(Span::raw(" "));
    put(buf, look, area.x + 1, area.y, area.width - 2, &Line::from(heading));
    Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(4), height: area.height - 2 }
}

/// Lines one below the other from `scroll` on; says at the first and the last row how much more there is.
pub fn lines(buf: &mut Buffer, look: &Look, area: Rect, lines: &[Line<'_>], scroll: usize) {
    if area.height == 0 {
        return;
    }
    let room = area.height as usize;
    let scroll = scroll.min(lines.len().saturating_sub(room));
    for (row, line) in lines.iter().skip(scroll).take(room).enumerate() {
        put(buf, look, area.x, area.y + row as u16, area.width, line);
    }
    if scroll > 0 && area.height > 3 {
        let first = Rect { height: 1, ..area };
        clear(buf, first);
        text(buf, look, first.x, first.y, first.width, Role::Dim, &format!("↑ {} more", scroll + 1));
    }
    let below = lines.len().saturating_sub(scroll + room);
    if below > 0 && area.height > 2 {
        let last = Rect { y: area.bottom() - 1, height: 1, ..area };
        clear(buf, last);
        text(buf, look, last.x, last.y, last.width, Role::Dim, &format!("↓ {} more", below + 1));
    }
}

/// Makes a row stand out without a fill: bold.
pub fn embolden(line: &mut Line<'static>) {
    for span in &mut line.spans {
        span.style = span.style.add_modifier(Modifier::BOLD);
    }
}
