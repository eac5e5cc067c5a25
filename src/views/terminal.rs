//! The real terminal: taken, drawn on only when something changed, and given back on every way out.

use std::io::{self, Stdout, Write};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};
use jiff::Timestamp;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::console::render;
use super::theme::Look;
use crate::app::ports::Surface;
use crate::app::program::Console;
use crate::app::state::State;

/// The terminal as a surface for the console.
///
/// ratatui's own `Terminal::draw` moves the cursor at every frame even when no cell changed. On a quiet night nothing
/// at all should be sent, so the buffers are kept and compared here.
#[derive(Debug)]
pub struct Screen<W: Write = Stdout> {
    backend: CrosstermBackend<W>,
    look: Look,
    shown: Option<Buffer>,
    next: Buffer,
    copied: Option<(String, Option<Timestamp>)>,
    taken: bool,
    #[cfg(debug_assertions)]
    rehearsal: Option<Rehearsal>,
}

/// A terminal that claims to be larger is not believed: each cell costs memory.
const LARGEST: (u16, u16) = (1_000, 500);

impl Screen<Stdout> {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste.
    ///
    /// # Errors
    /// When standard output is no terminal, or it refuses; then it is as it was.
    pub fn take(look: Look) -> io::Result<Self> {
        let mut screen = Self::over(io::stdout(), look);
        #[cfg(debug_assertions)]
        {
            screen.rehearsal = Rehearsal::asked();
        }
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        self.taken = true;
        let entered = execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide);
        if let Err(error) = entered {
            give_back();
            self.taken = false;
            return Err(error);
        }
        self.shown = None;
        Ok(())
    }
}

impl<W: Write> Screen<W> {
    /// Draws into any writer and takes no terminal: for figures and tests.
    pub fn over(writer: W, look: Look) -> Self {
        Self {
            backend: CrosstermBackend::new(writer),
            look,
            shown: None,
            next: Buffer::empty(Rect::ZERO),
            copied: None,
            taken: false,
            #[cfg(debug_assertions)]
            rehearsal: None,
        }
    }

    /// Draws a state of its own size; writes nothing if no cell changed.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn show(&mut self, state: &State) -> io::Result<()> {
        #[cfg(debug_assertions)]
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.frame();
        }
        let area = Rect::new(0, 0, state.size.0.min(LARGEST.0), state.size.1.min(LARGEST.1));
        if *self.next.area() != area {
            self.next = Buffer::empty(area);
        }
        render(state, &self.look, &mut self.next);
        match &self.shown {
            Some(shown) if *shown == self.next => {}
            Some(shown) if shown.area() == self.next.area() => {
                let changes = shown.diff(&self.next);
                self.backend.draw(changes.into_iter())?;
                Backend::flush(&mut self.backend)?;
                self.shown = Some(self.next.clone());
            }
            Some(_) | None => {
                self.backend.clear()?;
                let blank = Buffer::empty(area);
                let changes = blank.diff(&self.next);
                self.backend.draw(changes.into_iter())?;
                Backend::flush(&mut self.backend)?;
                self.shown = Some(self.next.clone());
            }
        }
        self.copy(state)
    }

    /// Text for the clipboard goes out once for each time it was asked for (OSC 52: it works over SSH).
    fn copy(&mut self, state: &State) -> io::Result<()> {
        let asked = state.clipboard.clone().map(|text| (text, state.remark.as_ref().map(|(_, at)| *at)));
        if asked == self.copied {
            return Ok(());
        }
        if let Some((text, _)) = &asked {
            execute!(self.backend, CopyToClipboard::to_clipboard_from(text.as_str()))?;
        }
        self.copied = asked;
        Ok(())
    }
}

impl Surface<Console> for Screen<Stdout> {
    fn draw(&mut self, program: &Console) -> io::Result<()> {
        self.show(&program.0)
    }

    fn suspend(&mut self) -> io::Result<()> {
        give_back();
        self.taken = false;
        Ok(())
    }

    fn resume(&mut self) -> io::Result<Option<(u16, u16)>> {
        self.enter()?;
        Ok(crossterm::terminal::size().ok())
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        if self.taken {
            give_back();
        }
    }
}

/// Gives the terminal back as far as it can; safe to call twice, and from a panic hook.
pub fn give_back() {
    // Nothing can be done about a terminal that is gone, and the way out must not fail over it.
    let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

/// From now on a panic of this thread gives the terminal back before the hook that was installed earlier reports it.
///
/// Install the reporter first. A panic of another thread is not the end of the program: feeds catch theirs and say so on
/// the screen, which must not be torn down under them, and their text may quote what they were reading. Only its place is
/// logged.
pub fn install_panic_hook() {
    let report = std::panic::take_hook();
    let owner = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == owner {
            give_back();
            report(info);
        } else {
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(place, "a task panicked");
        }
    }));
}

/// In debug builds only: `BAOWATCH_TEST_PANIC_AFTER_FRAMES=9` panics at the ninth frame, `9 aside` in another thread.
#[cfg(debug_assertions)]
#[derive(Debug)]
struct Rehearsal {
    left: u32,
    aside: bool,
}

#[cfg(debug_assertions)]
#[expect(clippy::panic, reason = "a test wants to see what a panic does to the terminal")]
impl Rehearsal {
    fn asked() -> Option<Self> {
        let asked = std::env::var("BAOWATCH_TEST_PANIC_AFTER_FRAMES").ok()?;
        let (frames, aside) = asked.split_once(' ').map_or((asked.as_str(), false), |(frames, _)| (frames, true));
        Some(Self { left: frames.parse().ok()?, aside })
    }

    fn frame(&mut self) {
        let before = self.left;
        self.left = before.saturating_sub(1);
        match (before, self.aside) {
            (1, false) => panic!("this panic was asked for by a test"),
            (1, true) => {
                let _ = std::thread::spawn(|| panic!("this panic aside was asked for by a test")).join();
            }
            (_, _) => {}
        }
    }
}
