//! The console: draws at once, connects behind the first frame, and leaves the terminal as it found it.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyCode, KeyEventKind};
use futures::StreamExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;

use super::config::Answer;
use super::fleet;
use super::session::{Aim, Session};
use crate::app::config::cli::Cli;
use crate::app::config::env::Env;
use crate::app::effect::Effect;
use crate::app::id::FeedId;
use crate::app::model::fact::Report;
use crate::app::msg::Msg;
use crate::app::ports::{Clock, Hands};
use crate::app::program::Console;
use crate::app::runtime::clock::{self, WallClock};
use crate::app::runtime::desk::{Desk, Ears, Input};
use crate::app::runtime::signals;
use crate::app::runtime::slots::Slots;
use crate::app::runtime::tape::Tape;
use crate::app::state::State;
use crate::app::state::layers::Layer;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::connect::NotConnected;
use crate::backends::files::tapes;
use crate::backends::hands::ConsoleHands;
use crate::views::keymap::intent_for;
use crate::views::terminal::{Screen, install_panic_hook};
use crate::views::theme::Look;

/// How long a cluster that does not answer is left alone before it is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Runs the console: one session after the other, as long as somebody goes from one cluster to the next.
pub async fn run(cli: &Cli, look: Look, env: &Env) -> Answer {
    if let Err(trouble) =
        terminal("the console", "Use `baowatch check`, `baowatch --print 80x24`, or `baowatch act` instead", env)
    {
        return Answer::failed(&trouble, 2);
    }
    let mut aim = match Aim::make(&cli.global, env) {
        Ok(aim) => aim,
        Err(trouble) => return Answer::failed(&trouble, 1),
    };
    install_panic_hook();
    let room = Room::open();
    let mut screen = None;
    // Where somebody came from, to go back to where the way on leads nowhere, and why it does.
    let mut before: Option<Aim> = None;
    let mut said = None;
    loop {
        let taken = match screen.take().map_or_else(|| Screen::take(look), Ok) {
            Ok(taken) => taken,
            Err(error) => return Answer::failed(&unusable(&error), 1),
        };
        match live(&aim, taken, &room, said.take()).await {
            Ok(Ended::Left) => return Answer::done(String::new()),
            Ok(Ended::Next(name, kept)) => {
                screen = Some(kept);
                match fleet::toward(&cli.global, &name, env) {
                    Ok(next) => before = Some(std::mem::replace(&mut aim, next)),
                    Err(trouble) => said = Some(trouble),
                }
            }
            Ok(Ended::Failed(failed)) => {
                let trouble = if failed.several.is_empty() {
                    failed.trouble
                } else {
                    match ask(&failed) {
                        Ok((namespace, name)) => {
                            aim.choose(&namespace, &name);
                            continue;
                        }
                        Err(trouble) => trouble,
                    }
                };
                match before.take() {
                    Some(back) => (aim, said) = (back, Some(trouble)),
                    None => return Answer::failed(&trouble, 1),
                }
            }
            Err(error) => return Answer::failed(&unusable(&error), 1),
        }
    }
}

fn unusable(error: &std::io::Error) -> Trouble {
    Trouble::local("the terminal could not be used", &error.to_string(), "")
}

/// What the terminal and the signals say, for whichever session listens: between two of them nothing is lost.
struct Room {
    inbox: Arc<tokio::sync::Mutex<UnboundedReceiver<Input<Event>>>>,
    tasks: TaskTracker,
}

impl Room {
    fn open() -> Self {
        let (send, inbox) = unbounded_channel();
        let tasks = TaskTracker::new();
        tasks.spawn(signals::listen(send.clone()));
        tasks.spawn(listen(send));
        Self { inbox: Arc::new(tokio::sync::Mutex::new(inbox)), tasks }
    }

    /// Passes on to one session until it is aborted.
    fn pass_to(&self, send: UnboundedSender<Input<Event>>) -> tokio::task::JoinHandle<()> {
        let inbox = Arc::clone(&self.inbox);
        self.tasks.spawn(async move {
            while let Some(input) = inbox.lock().await.recv().await {
                if send.send(input).is_err() {
                    return;
                }
            }
        })
    }
}

/// Whether there is a terminal that a whole screen can be drawn on.
pub fn terminal(who: &str, instead: &str, env: &Env) -> Result<(), Trouble> {
    let why = if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        "input or output is not one"
    } else if env.get("TERM") == Some("dumb") {
        "TERM=dumb says that this one cannot place text on the screen"
    } else {
        return Ok(());
    };
    Err(Trouble::local(&format!("{who} needs a terminal"), why, instead))
}

/// Several vaults in one cluster: asks which, on the terminal that was given back for it.
fn ask(failed: &NotConnected) -> Result<(String, String), Trouble> {
    let told = |error: std::io::Error| Trouble::local("the question could not be asked", &error.to_string(), "");
    let mut out = std::io::stdout();
    writeln!(out, "There are several vaults here. Which one?").map_err(told)?;
    for (index, (namespace, name)) in failed.several.iter().enumerate() {
        writeln!(out, "  {}  {namespace}/{name}", index + 1).map_err(told)?;
    }
    loop {
        write!(out, "Its number, or nothing to leave: ").map_err(told)?;
        out.flush().map_err(told)?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map_err(told)?;
        if line.trim().is_empty() {
            return Err(failed.trouble.clone());
        }
        let chosen = line.trim().parse::<usize>().ok().and_then(|n| failed.several.get(n.checked_sub(1)?));
        if let Some(chosen) = chosen {
            return Ok(chosen.clone());
        }
    }
}

/// Hands that are there once the vault was found; no plan can exist before.
#[derive(Clone, Default)]
struct Late(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    hands: Option<ConsoleHands>,
    effects: Vec<Effect>,
}

impl Late {
    /// The hands are there: they begin with what has waited for them.
    fn arrive(&self, mut hands: ConsoleHands) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for effect in std::mem::take(&mut waiting.effects) {
            hands.perform(effect);
        }
        waiting.hands = Some(hands);
    }
}

impl Hands<Effect> for Late {
    fn perform(&mut self, effect: Effect) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.hands.as_mut() {
            Some(hands) => hands.perform(effect),
            // What a dead session left is told before the hands are there, and is to be looked at by them.
            None => waiting.effects.push(effect),
        }
    }
}

/// How a session ended.
enum Ended {
    /// Somebody left.
    Left,
    /// Somebody goes on to this cluster of the config file; the terminal is kept for it.
    Next(String, Screen),
    /// It could not begin at all.
    Failed(NotConnected),
}

/// One session on the screen. `said` is what stood in the way of another one.
async fn live(aim: &Aim, mut screen: Screen, room: &Room, said: Option<Trouble>) -> std::io::Result<Ended> {
    let began = clock::now();
    let mut state = State::new(fleet::settings(aim), began);
    state.size = crossterm::terminal::size()?;
    state.layers.extend(said.map(Layer::Refused));
    let mut tape = record(aim, &state, began);
    let mut program = Console(state);
    let (send, mut inbox) = unbounded_channel();
    let tasks = TaskTracker::new();
    let slots = Slots::default();
    let hands = Late::default();
    let heard = room.pass_to(send.clone());
    let found: Arc<Mutex<Found>> = Arc::default();
    let search = tasks.spawn(search(aim.clone(), send.clone(), hands.clone(), Arc::clone(&found), slots.clone()));
    let mut ears = Typist::new(slots.clone());
    let mut desk = Desk {
        clock: &WallClock as &dyn Clock,
        hands: &mut hands.clone(),
        surface: &mut screen,
        ears: &mut ears,
        record: &mut |stamped| tape.record(stamped),
        seq: 0,
    };
    let ran = desk.run(&mut program, &mut inbox, &|_| false).await;
    heard.abort();
    search.abort();
    *hands.0.lock().unwrap_or_else(PoisonError::into_inner) = Waiting::default();
    slots.forget_all();
    fleet::remember(aim, &program.0);
    ran?;
    let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    // Closing may take a moment: a terminal that nobody goes on with is given back before.
    let next = program.0.next.take().map(|name| Ended::Next(name, screen));
    match found {
        Found::Session(session) => session.close().await,
        Found::Failed(failed) if next.is_none() => return Ok(Ended::Failed(failed)),
        Found::Nothing | Found::Failed(_) => {}
    }
    Ok(next.unwrap_or(Ended::Left))
}

/// The session's tape. Where none can be written the console opens all the same: a full disk must not keep it shut.
fn record(aim: &Aim, state: &State, began: jiff::Timestamp) -> Tape {
    let file = tapes::begin(aim.dirs.state_root(), began)
        .map_err(|error| Trouble::local("the tape cannot be written", &error.to_string(), ""));
    match file.and_then(|path| Tape::to_file(&path, &state.settings, began)) {
        Ok(tape) => tape,
        Err(trouble) => {
            tracing::warn!(%trouble, "this session is not recorded");
            Tape::none()
        }
    }
}

/// What the search for the vault came to.
#[derive(Default)]
enum Found {
    #[default]
    Nothing,
    Session(Box<Session>),
    /// Waiting will not mend it: several vaults, a kubeconfig that cannot be read.
    Failed(NotConnected),
}

/// Connects, however long it takes; says on the screen what is in the way. What waiting cannot mend ends the session.
async fn search(aim: Aim, send: UnboundedSender<Input<Event>>, hands: Late, found: Arc<Mutex<Found>>, slots: Slots) {
    let keep = |what: Found| *found.lock().unwrap_or_else(PoisonError::into_inner) = what;
    let session = loop {
        match aim.connect().await {
            Ok(session) => break session,
            Err(failed) if failed.trouble.kind == TroubleKind::Local => {
                keep(Found::Failed(failed));
                let _ = send.send(Input::Msg(Msg::Terminate));
                return;
            }
            Err(failed) => {
                // Every feed is blind for the same reason.
                for feed in FeedId::ALL {
                    let outcome = Err(failed.trouble.clone());
                    let _ = send.send(Input::Msg(Msg::Seen(Report { feed, outcome })));
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    };
    let session = session.with_slots(slots);
    for msg in session.greeting() {
        let _ = send.send(Input::Msg(msg));
    }
    let feeds = session.watch(&send);
    hands.arrive(session.console_hands(feeds, &send));
    keep(Found::Session(Box::new(session)));
}

/// The terminal's events, for as long as the loop listens.
pub async fn listen(send: UnboundedSender<Input<Event>>) {
    let mut events = EventStream::new();
    while let Some(event) = events.next().await {
        let Ok(event) = event else { continue };
        if send.send(Input::Event(event)).is_err() {
            return;
        }
    }
    // The terminal is gone.
    let _ = send.send(Input::Msg(Msg::Terminate));
}

/// Turns the terminal's events into messages. Characters of a secret go into its slot and no further.
pub struct Typist {
    slots: Slots,
    /// When the last character of a secret came in.
    typed: Option<std::time::Instant>,
}

/// Longer than the gaps within what a terminal without bracketed paste pours in, shorter than a person's turn to the next
/// field: what comes within it after the last share is the rest of a paste, and may be a share too many.
const POURED: Duration = Duration::from_millis(300);

impl Ears<Console, Event> for Typist {
    fn hear(&mut self, program: &Console, event: Event) -> Option<Msg> {
        let state = &program.0;
        match event {
            Event::Resize(width, height) => Some(Msg::Resized { width, height }),
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let secret = state.secret_focus().is_some();
                if !secret && self.typed.is_some_and(|at| at.elapsed() < POURED) {
                    self.typed = Some(clock::instant());
                    return None;
                }
                if secret {
                    self.typed = Some(clock::instant());
                }
                if let Some(intent) = intent_for(state, &key) {
                    return Some(Msg::Intent(intent));
                }
                let slot = state.secret_focus()?;
                match key.code {
                    KeyCode::Enter if state.passphrase_focus() => self.slots.complete_as_is(slot),
                    KeyCode::Enter => self.slots.complete(slot),
                    KeyCode::Backspace => self.slots.backspace(slot),
                    KeyCode::Char('u') if key.modifiers == crossterm::event::KeyModifiers::CONTROL => {
                        self.slots.clear_pending(slot);
                    }
                    KeyCode::Char(c) => self.slots.push_char(slot, c),
                    _ => return None,
                }
                Some(self.typed(slot))
            }
            Event::Paste(text) => {
                let text = zeroize::Zeroizing::new(text);
                if let Some(slot) = state.secret_focus() {
                    if state.passphrase_focus() {
                        self.slots.paste_as_is(slot, &text);
                    } else {
                        self.slots.paste(slot, &text);
                    }
                    return Some(self.typed(slot));
                }
                None
            }
            Event::Key(_) | Event::Mouse(_) | Event::FocusGained | Event::FocusLost => None,
        }
    }
}

impl Typist {
    /// Keeps what is typed in these slots.
    pub const fn new(slots: Slots) -> Self {
        Self { slots, typed: None }
    }

    fn typed(&self, slot: crate::app::id::SlotId) -> Msg {
        let (complete, pending) = self.slots.status(slot);
        Msg::Typed { slot, complete, pending }
    }
}
