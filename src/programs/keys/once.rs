//! Shows secrets on a terminal once: on a screen of their own that is gone afterwards, never in a pipe or a scrollback.

use std::io::{IsTerminal as _, Write as _};

use crossterm::cursor::MoveTo;
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};

use crate::app::trouble::{Trouble, TroubleKind};
use crate::programs::hidden;

/// Refuses where anything but a person would see it.
pub fn possible() -> Result<(), Trouble> {
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    if terminal {
        return Ok(());
    }
    Err(Trouble::new(
        TroubleKind::Refused,
        "this is shown on a terminal only",
        "input, output or errors go to a file or a pipe, and would stay there",
        "Run it on a terminal; nothing was changed",
    ))
}

/// Shows it until Enter, then takes it away.
pub fn show(page: &str) -> Result<(), Trouble> {
    possible()?;
    let failed = |error: std::io::Error| {
        Trouble::local("the terminal cannot be written to", &error.to_string(), "Nothing was changed")
    };
    let mut out = std::io::stderr();
    queue!(out, EnterAlternateScreen, Clear(ClearType::All), MoveTo(0, 0)).map_err(failed)?;
    let shown = out.write_all(page.as_bytes()).and_then(|()| out.write_all(b"\n\n")).map_err(failed);
    let read = shown.and_then(|()| hidden::on_terminal("Press Enter to take it off the screen."));
    // The alternate screen of some terminals can be scrolled back into: nothing is left on it.
    let _ = execute!(out, Clear(ClearType::All), Clear(ClearType::Purge), LeaveAlternateScreen);
    read.map(|_| ())
}
