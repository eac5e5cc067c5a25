//! Aligned columns that drop out by priority as the width shrinks, and never wrap into soup.

use ratatui::text::{Line, Span};

use super::fmt;
use super::theme::{Look, Role};

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Heading, shown when zoomed.
    pub title: &'static str,
    /// 0 never drops out; the highest goes first.
    pub rank: u8,
    /// Figures are aligned right.
    pub right: bool,
    /// May be cut in the middle down to this many columns before another column drops out.
    pub least: Option<usize>,
}

impl Column {
    /// Text, aligned left.
    pub const fn new(title: &'static str, rank: u8) -> Self {
        Self { title, rank, right: false, least: None }
    }

    /// A figure, aligned right.
    pub const fn figure(title: &'static str, rank: u8) -> Self {
        Self { title, rank, right: true, least: None }
    }

    /// A name that may be cut in the middle.
    pub const fn name(title: &'static str, rank: u8, least: usize) -> Self {
        Self { title, rank, right: false, least: Some(least) }
    }
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    role: Role,
}

impl Cell {
    /// Text in a role.
    pub fn new(role: Role, text: impl AsRef<str>) -> Self {
        Self { text: fmt::safe(text.as_ref()), role }
    }

    /// Nothing.
    pub fn empty() -> Self {
        Self::new(Role::Plain, "")
    }
}

const GAP: usize = 2;

/// Lays rows out in `room` columns; the heading comes first if asked for.
pub fn lay(look: &Look, columns: &[Column], rows: &[Vec<Cell>], room: usize, heading: bool) -> Vec<Line<'static>> {
    let mut all: Vec<Vec<Cell>> = Vec::new();
    if heading {
        all.push(columns.iter().map(|column| Cell::new(Role::Dim, column.title)).collect());
    }
    all.extend(rows.iter().cloned());
    let widths = widths(columns, rows, room, heading);
    all.iter().map(|row| line(look, columns, row, &widths)).collect()
}

/// The width of each column; 0 for one that dropped out or has nothing to say.
fn widths(columns: &[Column], rows: &[Vec<Cell>], room: usize, heading: bool) -> Vec<usize> {
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let widest = rows.iter().filter_map(|row| row.get(index)).map(|cell| fmt::width(&cell.text)).max();
            match widest {
                None | Some(0) => 0,
                Some(widest) if heading => widest.max(fmt::width(column.title)),
                Some(widest) => widest,
            }
        })
        .collect();
    loop {
        let shown = widths.iter().filter(|width| **width > 0).count();
        let total = widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1);
        let Some(over) = total.checked_sub(room).filter(|over| *over > 0) else {
            return widths;
        };
        if shrink(columns, &mut widths, over) {
            continue;
        }
        let next = columns
            .iter()
            .enumerate()
            .filter(|(index, column)| column.rank > 0 && widths.get(*index).is_some_and(|width| *width > 0))
            .max_by_key(|(_, column)| column.rank);
        let Some((index, _)) = next else {
            return widths;
        };
        if let Some(width) = widths.get_mut(index) {
            *width = 0;
        }
    }
}

/// Takes what is over from the widest column that may be cut; false if none has that much to give.
fn shrink(columns: &[Column], widths: &mut [usize], over: usize) -> bool {
    let best = columns
        .iter()
        .zip(widths.iter_mut())
        .filter_map(|(column, width)| column.least.map(|least| (width.saturating_sub(least), width)))
        .max_by_key(|(spare, _)| *spare);
    match best {
        Some((spare, width)) if spare >= over => {
            *width -= over;
            true
        }
        Some(_) | None => false,
    }
}

fn line(look: &Look, columns: &[Column], row: &[Cell], widths: &[usize]) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for ((column, cell), width) in columns.iter().zip(row).zip(widths) {
        if *width == 0 {
            continue;
        }
        if !spans.is_empty() {
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        let text = fmt::middle(&cell.text, *width);
        let text = if column.right { fmt::right(&text, *width) } else { fmt::left(&text, *width) };
        spans.push(look.span(cell.role, text));
    }
    Line::from(spans)
}
