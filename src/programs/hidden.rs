//! Reads a secret from the terminal without showing it, or a line from a pipe.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use zeroize::Zeroizing;

use crate::app::trouble::{Trouble, TroubleKind};

/// Longer than any share in any spelling; room is taken once, so that no copy is left behind by growing.
const ROOM: usize = 1024;

/// Characters in a new passphrase.
const SHORTEST: usize = 12;

/// What is said when somebody leaves a prompt.
pub const LEFT: &str = "it was left";

/// One secret. On a terminal nothing of it is shown, not even its length.
pub fn line(prompt: &str) -> Result<Zeroizing<String>, Trouble> {
    let failed = |error: std::io::Error| {
        Trouble::local("the share could not be read", &error.kind().to_string(), "Nothing was changed")
    };
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    if !std::io::stdin().is_terminal() {
        std::io::stdin().lock().read_line(&mut text).map_err(failed)?;
        return Ok(text);
    }
    on_terminal(prompt)
}

/// The same from the terminal, whatever standard input is: where the keys themselves come through a pipe.
pub fn on_terminal(prompt: &str) -> Result<Zeroizing<String>, Trouble> {
    let failed = |error: std::io::Error| {
        Trouble::local("nothing could be read from the terminal", &error.kind().to_string(), "Nothing was changed")
    };
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    let mut talk = std::io::stderr();
    write!(talk, "{prompt}").and_then(|()| talk.flush()).map_err(failed)?;
    enable_raw_mode().map_err(failed)?;
    let read = typed(&mut text);
    let _ = disable_raw_mode();
    let _ = writeln!(talk);
    if read.map_err(failed)? { Ok(text) } else { Err(Trouble::local(LEFT, "", "Nothing was changed")) }
}

/// A passphrase, as it was typed but for the end of the line.
pub fn passphrase(prompt: &str) -> Result<Zeroizing<String>, Trouble> {
    let text = line(prompt)?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A new passphrase, typed twice on a terminal; one line where there is none.
pub fn new_passphrase() -> Result<Zeroizing<String>, Trouble> {
    let refused =
        |what: &str, why: &str| Err(Trouble::new(TroubleKind::Refused, what, why, "Begin again; nothing was changed"));
    let first = passphrase("New passphrase (not shown): ")?;
    if first.chars().count() < SHORTEST {
        return refused(
            "this passphrase is too short",
            &format!("whoever gets the file may guess as long as they like: take at least {SHORTEST} characters"),
        );
    }
    if std::io::stdin().is_terminal() && *passphrase("The same again: ")? != *first {
        return refused("the two are not the same", "one of them was mistyped");
    }
    Ok(first)
}

/// Shows what is typed again, where a read is left in the middle.
pub fn give_back() {
    let _ = disable_raw_mode();
}

/// True for Enter, false for Ctrl-C and Esc.
fn typed(text: &mut String) -> std::io::Result<bool> {
    loop {
        let Event::Key(key) = read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match key.code {
            KeyCode::Enter => return Ok(true),
            KeyCode::Esc => return Ok(false),
            KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => return Ok(false),
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(c) if text.len() + c.len_utf8() < ROOM => text.push(c),
            _ => {}
        }
    }
}
