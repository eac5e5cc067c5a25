//! Text for cells: cleaned, measured in columns, cut in the middle, padded, wrapped; moments and ages in words.

use jiff::Timestamp;
use unicode_width::UnicodeWidthChar;

use crate::app::time::{age, clock, spoken};

/// Leaves only characters that take one or two columns and change nothing about their neighbours.
///
/// Names were cleaned when they came in; this is the last door before the screen, and it does not trust the first.
pub fn safe(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| shows(*c)).collect()
}

/// Whether a character may be drawn: it has a width, and does not merge with the one before it.
pub fn shows(c: char) -> bool {
    let modifies =
        matches!(c, '\u{1f3fb}'..='\u{1f3ff}' | '\u{1f1e6}'..='\u{1f1ff}' | '\u{115f}' | '\u{1160}' | '\u{3164}');
    !modifies && c.width().is_some_and(|width| width > 0)
}

/// Columns that a character takes.
pub fn columns(c: char) -> usize {
    if shows(c) { c.width().unwrap_or(0) } else { 0 }
}

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The longest head of `text` that fits into `room` columns.
pub fn head(text: &str, room: usize) -> String {
    let mut left = room;
    text.chars()
        .take_while(|c| {
            let fits = columns(*c) <= left;
            left = left.saturating_sub(columns(*c));
            fits
        })
        .collect()
}

/// The longest tail of `text` that fits into `room` columns.
fn tail(text: &str, room: usize) -> String {
    let mut left = room;
    let kept: Vec<char> = text
        .chars()
        .rev()
        .take_while(|c| {
            let fits = columns(*c) <= left;
            left = left.saturating_sub(columns(*c));
            fits
        })
        .collect();
    kept.into_iter().rev().collect()
}

/// Cuts a name in the middle, where names differ least: `lasuite/dri…-worker`.
pub fn middle(text: &str, room: usize) -> String {
    let text = safe(text);
    if width(&text) <= room {
        return text;
    }
    if room < 4 {
        return head(&text, room);
    }
    let front = (room - 1) * 3 / 5;
    format!("{}…{}", head(&text, front), tail(&text, room - 1 - front))
}

/// Cuts prose at its end.
pub fn end(text: &str, room: usize) -> String {
    let text = safe(text);
    if width(&text) <= room {
        return text;
    }
    if room < 2 {
        return head(&text, room);
    }
    format!("{}…", head(&text, room - 1).trim_end())
}

/// Fills up to `room` columns on the right.
pub fn left(text: &str, room: usize) -> String {
    let gap = room.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(gap))
}

/// Fills up to `room` columns on the left.
pub fn right(text: &str, room: usize) -> String {
    let gap = room.saturating_sub(width(text));
    format!("{}{text}", " ".repeat(gap))
}

/// Breaks prose at spaces into lines of at most `room` columns; a word that is too long is cut in pieces.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in safe(text).split_whitespace() {
        let mut word = word.to_owned();
        if !line.is_empty() && width(&line) + 1 + width(&word) > room {
            lines.push(std::mem::take(&mut line));
        }
        while width(&word) > room {
            let piece = head(&word, room);
            if piece.is_empty() {
                word.clear();
                break;
            }
            word = word.chars().skip(piece.chars().count()).collect();
            lines.push(piece);
        }
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Wraps, and if that gives more than `most` lines, ends the last one with an ellipsis.
pub fn wrap_most(text: &str, room: usize, most: usize) -> Vec<String> {
    let mut lines = wrap(text, room);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = format!("{}…", head(last, room.saturating_sub(1)).trim_end());
        }
    }
    lines
}

/// A moment as an event's date: the time today, else how many days ago; never a figure that moves every second.
pub fn when(now: Timestamp, at: Timestamp) -> String {
    let gone = age(now, at);
    if now.strftime("%F").to_string() == at.strftime("%F").to_string() {
        return clock(at);
    }
    if gone.as_hours() >= 48 {
        return format!("{} ago", spoken(gone));
    }
    at.strftime("%m-%d %H:%MZ").to_string()
}

/// `4 B`, `33 B`, `10 MB`.
pub fn bytes(n: u32) -> String {
    match n {
        0..10_000 => format!("{n} B"),
        10_000..10_000_000 => format!("{} kB", n / 1_000),
        _ => format!("{} MB", n / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_in_the_middle_by_columns() {
        assert_eq!(middle("lasuite/drive-celery-worker", 19), "lasuite/dri…-worker");
        assert_eq!(middle("short", 19), "short");
        assert_eq!(width(&middle("倉庫倉庫倉庫倉庫倉庫", 7)), 7);
        assert_eq!(middle("abcdef", 3), "abc");
    }

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        assert_eq!(safe("a\u{1b}[31mb\u{202e}c\u{200d}\u{301}\n"), "a[31mbc ");
        assert_eq!(width("\u{1b}\u{7}x"), 1);
    }

    #[test]
    fn prose_is_wrapped_and_long_words_are_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap_most("one two three four", 7, 1), ["one tw…"]);
        assert_eq!(wrap("倉庫", 1), Vec::<String>::new());
    }
}
