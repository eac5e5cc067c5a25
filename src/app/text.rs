//! Makes text from outside safe to draw: object names, events and error bodies may carry escape sequences.

/// The longest piece of foreign text that is kept; a 10 MB error body helps nobody at 03:00.
const LONGEST: usize = 400;

/// Removes control characters, bidirectional overrides and zero-width characters, folds white space, bounds the length.
///
/// Everything that came from a server passes through here once, at the boundary, so that neither a terminal nor a log
/// nor a pasted report can be steered by it.
pub fn clean(text: &str) -> String {
    if is_clean(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len().min(LONGEST));
    let mut kept = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() {
            gap = !out.is_empty();
            continue;
        }
        if c.is_control() || is_invisible(c) {
            continue;
        }
        if kept >= LONGEST {
            out.push('…');
            break;
        }
        if gap {
            out.push(' ');
            gap = false;
        }
        out.push(c);
        kept += 1;
    }
    out
}

/// Names, which are most of what comes: short, plain, and without two spaces in a row.
fn is_clean(text: &str) -> bool {
    let bytes = text.as_bytes();
    let plain = |byte: &u8| matches!(byte, b' '..=b'~');
    let gaps = || bytes.starts_with(b" ") || bytes.ends_with(b" ") || bytes.windows(2).any(|pair| pair == b"  ");
    bytes.len() <= LONGEST && bytes.iter().all(plain) && !gaps()
}

/// Characters that change how their neighbours are drawn without being seen themselves.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{feff}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `1 replica`, `3 replicas`: a count with its noun.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A small number in words, as a sentence wants it: `ONE`, `TWO`, … `12`.
pub fn in_words(n: u32) -> String {
    const WORDS: [&str; 10] = ["NO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"];
    WORDS.get(n as usize).map_or_else(|| n.to_string(), |word| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_overrides_do_not_survive() {
        assert_eq!(clean("a\u{1b}[31mred\u{7}\u{202e}x\u{200b}"), "a[31mredx");
        assert_eq!(clean(" two \n lines\t"), "two lines");
        assert_eq!(clean(&"x".repeat(10_000)).chars().count(), LONGEST + 1);
    }
}
