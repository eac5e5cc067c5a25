//! Names of keys as a person writes them, `r<Tab><Enter>openbao-0<Enter>`, and back.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::app::trouble::Trouble;

const NAMED: [(&str, KeyCode); 17] = [
    ("Enter", KeyCode::Enter),
    ("CR", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("S-Tab", KeyCode::BackTab),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
    ("BS", KeyCode::Backspace),
    ("Del", KeyCode::Delete),
    ("Space", KeyCode::Char(' ')),
    ("lt", KeyCode::Char('<')),
];

/// One key by its name: a character, or a name in angle brackets.
pub fn parse(name: &str) -> Option<KeyEvent> {
    let mut chars = name.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return Some(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    }
    let inner = name.strip_prefix('<')?.strip_suffix('>')?;
    if let Some(held) = inner.strip_prefix("C-") {
        let mut held = held.chars();
        let c = held.next().filter(|_| held.as_str().is_empty())?;
        return Some(KeyEvent::new(KeyCode::Char(c.to_ascii_lowercase()), KeyModifiers::CONTROL));
    }
    let (_, code) = NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(inner))?;
    let held = if *code == KeyCode::BackTab { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
    Some(KeyEvent::new(*code, held))
}

/// Splits a script into the names of its keys.
///
/// # Errors
/// Names the piece that is no key.
pub fn split(script: &str) -> Result<Vec<String>, Trouble> {
    let mut names = Vec::new();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let name = if c == '<' {
            let end = rest.find('>').map_or(rest.len(), |at| at + 1);
            rest.split_at(end).0
        } else {
            rest.split_at(c.len_utf8()).0
        };
        if parse(name).is_none() || name == "<" {
            return Err(Trouble::local(
                &format!("{name} is no key"),
                "a key is a character or a name in angle brackets",
                "Write <Enter>, <Esc>, <Tab>, <S-Tab>, <Up>, <Down>, <Space>, <C-c>, or <lt> for the character itself",
            ));
        }
        names.push(name.to_owned());
        rest = rest.strip_prefix(name).unwrap_or_default();
    }
    Ok(names)
}

/// Whether the event is the key of this name. Shift is part of a character, not of a key.
pub fn is(event: &KeyEvent, name: &str) -> bool {
    let Some(key) = parse(name) else { return false };
    if event.kind == KeyEventKind::Release || event.code != key.code {
        return false;
    }
    let held = event.modifiers.difference(KeyModifiers::SHIFT);
    held == key.modifiers.difference(KeyModifiers::SHIFT)
}

/// The character that a key types, if it types one.
pub fn character(event: &KeyEvent) -> Option<char> {
    let bare = event.modifiers.difference(KeyModifiers::SHIFT).is_empty();
    match event.code {
        KeyCode::Char(c) if bare && event.kind != KeyEventKind::Release => Some(c),
        _ => None,
    }
}

/// How a key is written on the screen.
pub fn shown(name: &str) -> String {
    match name {
        "<Up>" => "↑".to_owned(),
        "<Down>" => "↓".to_owned(),
        "<Left>" => "←".to_owned(),
        "<Right>" => "→".to_owned(),
        "<S-Tab>" => "Shift-Tab".to_owned(),
        "<lt>" => "<".to_owned(),
        _ => match name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            Some(inner) => match inner.strip_prefix("C-") {
                Some(held) => format!("Ctrl-{}", held.to_uppercase()),
                None => inner.to_owned(),
            },
            None => name.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_split_into_keys() {
        let names = split("r<Tab>a b<Enter><lt><C-c>").unwrap();
        assert_eq!(names, ["r", "<Tab>", "a", " ", "b", "<Enter>", "<lt>", "<C-c>"]);
        assert!(split("<Nope>").unwrap_err().what.contains("<Nope>"));
        assert!(split("a<").is_err());
        assert!(is(&KeyEvent::new(KeyCode::Char('!'), KeyModifiers::SHIFT), "!"));
        assert!(!is(&KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), "c"));
    }
}
