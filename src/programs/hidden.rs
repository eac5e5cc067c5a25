//! Reads a secret from the terminal without showing it, or a line from a pipe.
//!
//! The rules for a passphrase, wherever it is asked for: taken as it is, spaces at its ends too; one line, at most 512 bytes;
//! a new one has at least 12 characters. On a terminal a new one is typed twice; a pipe does not mistype, so one line of
//! it is enough.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use zeroize::{Zeroize as _, Zeroizing};

use crate::app::trouble::{Trouble, TroubleKind};

/// What is said when somebody leaves a prompt.
pub const LEFT: &str = "it was left";

/// Longer than any share in any spelling; room is taken once, so that no copy is left behind by growing.
const ROOM: usize = 1024;
/// The console's fields hold no more: a longer passphrase could be made here and never typed there.
const LONGEST: usize = 512;
/// A passphrase is the one secret here that a person chooses, and a stolen file can be tried at leisure.
const SHORTEST: usize = 12;
/// What comes within it after Enter is the rest of a paste.
const POURED: Duration = Duration::from_millis(30);

/// One secret, as it was typed, without its line's end. On a terminal nothing of it is shown, not even its length.
pub fn line(prompt: &str) -> Result<Zeroizing<String>, Trouble> {
    if std::io::stdin().is_terminal() { typed(prompt, false) } else { piped(&mut std::io::stdin().lock()) }
}

/// A passphrase or a recovery code that opens something. What else was pasted after its first line is thrown away.
pub fn passphrase(prompt: &str) -> Result<Zeroizing<String>, Trouble> {
    let text =
        if std::io::stdin().is_terminal() { typed(prompt, true)? } else { piped(&mut std::io::stdin().lock())? };
    given(&text)?;
    Ok(text)
}

/// The same from the terminal, whatever standard input is: where the keys themselves come through a pipe.
pub fn on_terminal(prompt: &str) -> Result<Zeroizing<String>, Trouble> {
    typed(prompt, true)
}

/// A passphrase that something will be opened with from now on: typed twice on a terminal, one line of a pipe.
pub fn new_passphrase() -> Result<Zeroizing<String>, Trouble> {
    if !std::io::stdin().is_terminal() {
        let text = piped(&mut std::io::stdin().lock())?;
        fit(&text)?;
        return Ok(text);
    }
    let mut last = Trouble::local("no passphrase was given", "", "Nothing was changed");
    for _ in 0..3 {
        let first = typed(&format!("New passphrase, at least {SHORTEST} characters (not shown): "), true)?;
        if let Err(trouble) = fit(&first) {
            let _ = writeln!(std::io::stderr(), "{trouble}");
            last = trouble;
            continue;
        }
        let second = typed("The same again: ", true)?;
        if *first == *second {
            return Ok(first);
        }
        last = Trouble::new(
            TroubleKind::Refused,
            "the two were not the same",
            "one of them has a slip",
            "Type it twice alike; nothing was changed",
        );
        let _ = writeln!(std::io::stderr(), "{last}");
    }
    Err(last)
}

/// Whether anything was given, and no more than can be typed elsewhere.
fn given(text: &str) -> Result<(), Trouble> {
    if text.is_empty() {
        return Err(Trouble::new(
            TroubleKind::Refused,
            "nothing was given",
            "the line is empty, or there was none",
            "Type it on a terminal, or give it as one line of standard input; nothing was changed",
        ));
    }
    if text.len() > LONGEST {
        return Err(Trouble::new(
            TroubleKind::Refused,
            "it is longer than 512 bytes",
            "the console's field holds no more",
            "Use a keyfile where a long random secret is wanted; nothing was changed",
        ));
    }
    Ok(())
}

/// Whether a new passphrase may protect keys.
pub fn fit(text: &str) -> Result<(), Trouble> {
    given(text)?;
    let long = text.chars().count();
    let varied = text.chars().next().is_some_and(|first| text.chars().any(|c| c != first));
    if long >= SHORTEST && varied {
        return Ok(());
    }
    let why = if long < SHORTEST {
        // How long it was is not said: somebody may look at the screen.
        format!("it has fewer than {SHORTEST} characters")
    } else {
        "it is one character over and over".to_owned()
    };
    Err(Trouble::new(
        TroubleKind::Refused,
        "this passphrase is too weak to protect keys",
        &why,
        "Use five or six random words; nothing was changed",
    ))
}

fn failed(error: &std::io::Error) -> Trouble {
    Trouble::local("the secret could not be read", &error.kind().to_string(), "Nothing was changed")
}

/// One line, without its end; nothing else of it is touched.
fn piped(from: &mut dyn std::io::BufRead) -> Result<Zeroizing<String>, Trouble> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    let mut limited = std::io::Read::take(from, ROOM as u64);
    limited.read_until(b'\n', &mut bytes).map_err(|error| failed(&error))?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    } else if bytes.len() >= ROOM {
        return Err(Trouble::local("the line is longer than any secret", "", "Give the secret alone, as one line"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => {
            let mut out = Zeroizing::new(String::with_capacity(ROOM));
            out.push_str(text);
            Ok(out)
        }
        Err(_) => Err(Trouble::local("the line is not UTF-8 text", "", "Give the secret as text, in one line")),
    }
}

/// Asks on the terminal. `alone`: nothing that was poured in after it may answer the next question.
fn typed(prompt: &str, alone: bool) -> Result<Zeroizing<String>, Trouble> {
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    let mut talk = std::io::stderr();
    write!(talk, "{prompt}").and_then(|()| talk.flush()).map_err(|error| failed(&error))?;
    enable_raw_mode().map_err(|error| failed(&error))?;
    let read = keys(&mut text).and_then(|done| {
        while alone && poll(POURED)? {
            drop(read()?);
        }
        Ok(done)
    });
    let _ = disable_raw_mode();
    let _ = writeln!(talk);
    if read.map_err(|error| failed(&error))? {
        Ok(text)
    } else {
        Err(Trouble::local(LEFT, "", "Nothing was changed"))
    }
}

/// Shows what is typed again, where a read is left in the middle.
pub fn give_back() {
    let _ = disable_raw_mode();
}

/// True for Enter, false for Ctrl-C and Esc.
fn keys(text: &mut String) -> std::io::Result<bool> {
    loop {
        let Event::Key(key) = read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Ok(true),
            KeyCode::Esc => return Ok(false),
            KeyCode::Char('c' | 'd') if control => return Ok(false),
            KeyCode::Char('u') if control => text.zeroize(),
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(c) if !control && text.len() + c.len_utf8() < ROOM => text.push(c),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe(bytes: &[u8]) -> Result<Zeroizing<String>, Trouble> {
        piped(&mut std::io::BufReader::new(bytes))
    }

    #[test]
    fn a_line_of_a_pipe_is_taken_as_it_is() {
        assert_eq!(*pipe(b"  two spaces \r\nnext\n").unwrap(), "  two spaces ");
        assert_eq!(*pipe(b"no end").unwrap(), "no end");
        assert_eq!(*pipe("pass\u{df}wort\n".as_bytes()).unwrap(), "pass\u{df}wort");
        assert_eq!(*pipe(b"").unwrap(), "");
        assert!(pipe(&[b'x'; 5000]).is_err());
        assert!(pipe(b"\xff\xfe\n").is_err());
    }

    #[test]
    fn two_questions_take_two_lines() {
        let mut lines = std::io::BufReader::new(&b"one\ntwo\n"[..]);
        assert_eq!(*piped(&mut lines).unwrap(), "one");
        assert_eq!(*piped(&mut lines).unwrap(), "two");
    }

    #[test]
    fn a_new_passphrase_must_be_worth_its_name() {
        for weak in ["", "eleven char", "aaaaaaaaaaaaaaaa", &"x y".repeat(300)] {
            let trouble = fit(weak).unwrap_err();
            assert!(weak.is_empty() || !trouble.to_string().contains(weak), "{trouble}");
        }
        for good in ["twelve chars", "\u{fc}ber zw\u{f6}lf Zei", &"a1".repeat(256)] {
            assert!(fit(good).is_ok(), "{good}");
        }
    }
}
