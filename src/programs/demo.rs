//! `demo`: the console on the sandbox, live at any speed, or one screen of it as text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event;
use jiff::SignedDuration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;

use super::config::Answer;
use super::console::{Typist, listen, terminal};
use super::stage::{Stage, World, tools};
use crate::app::config::cli::Demo;
use crate::app::config::env::Env;
use crate::app::id::FeedId;
use crate::app::msg::Msg;
use crate::app::ports::Clock as _;
use crate::app::runtime::clock::PlayClock;
use crate::app::runtime::desk::{Desk, Input};
use crate::app::runtime::signals;
use crate::app::runtime::slots::Slots;
use crate::app::settings::Settings;
use crate::app::trouble::Trouble;
use crate::backends::files::volatile::{VolatileJournal, VolatileMemory};
use crate::backends::hands::{ConsoleHands, Shell};
use crate::backends::sandbox::scenario::{Scenario, scenarios};
use crate::views::console::print;
use crate::views::keys;
use crate::views::terminal::{Screen, install_panic_hook};
use crate::views::theme::Look;

/// How often the played world takes a step on the wall's clock.
const BEAT: Duration = Duration::from_millis(100);
/// The longest step of the played world: no feed's limit may pass inside one.
const STRIDE: SignedDuration = SignedDuration::from_secs(2);

/// Runs `demo`.
pub async fn run(wanted: &Demo, look: Look, env: &Env) -> Answer {
    if wanted.list {
        return list();
    }
    let name = wanted.scenario.as_deref().or_else(|| scenarios().first().map(|(name, _)| *name)).unwrap_or_default();
    let scenario = match Scenario::named(name) {
        Ok(scenario) => scenario,
        Err(trouble) => return Answer::failed(&trouble, 64),
    };
    let script = match wanted.keys.as_deref().map(keys::split).transpose() {
        Ok(script) => script.unwrap_or_default(),
        Err(trouble) => return Answer::failed(&trouble, 64),
    };
    if wanted.print.is_none()
        && let Err(trouble) = terminal("the demo", "Use --print 80x24 for one screen as text", env)
    {
        return Answer::failed(&trouble, 2);
    }
    let mut stage = Stage::new(&scenario, Settings::default()).await;
    let size = match wanted.print {
        Some(size) => (size.width, size.height),
        None => crossterm::terminal::size().unwrap_or((80, 24)),
    };
    stage.say(Msg::Resized { width: size.0, height: size.1 }).await;
    stage.advance(wanted.at.unwrap_or(scenario.open_at)).await;
    for key in &script {
        stage.press(key).await;
    }
    if wanted.print.is_some() {
        return Answer::done(print(stage.state(), &look, size.0, size.1));
    }
    match live(stage, wanted.speed, look).await {
        Ok(()) => Answer::done(String::new()),
        Err(error) => Answer::failed(&Trouble::local("the terminal could not be used", &error.to_string(), ""), 1),
    }
}

fn list() -> Answer {
    let mut out = String::new();
    for (name, text) in scenarios() {
        match Scenario::parse(name, text) {
            Ok(scenario) => {
                let _ = writeln!(out, "{name}\n  {}", scenario.title);
                for line in crate::views::fmt::wrap(&scenario.says, 76) {
                    let _ = writeln!(out, "  {line}");
                }
                out.push('\n');
            }
            Err(trouble) => return Answer::failed(&trouble, 1),
        }
    }
    Answer::done(out)
}

async fn live(stage: Stage, speed: u32, look: Look) -> std::io::Result<()> {
    let Stage { mut console, world, tape, .. } = stage;
    let clock = PlayClock::start(world.sandbox.now(), f64::from(speed));
    let (send, mut inbox) = unbounded_channel();
    let (bell, bells) = unbounded_channel();
    let tasks = TaskTracker::new();
    let slots = Slots::default();
    let (answers, mut told) = unbounded_channel();
    let shell = Shell {
        look: Arc::new(move |feed| {
            let _ = bell.send(feed);
        }),
        send: answers,
        tasks: tasks.clone(),
        runtime: tokio::runtime::Handle::current(),
    };
    let tools = tools(&world.sandbox, slots.clone());
    let mut hands = ConsoleHands::new(tools, Arc::new(VolatileJournal::default()), Arc::new(VolatileMemory), shell);
    install_panic_hook();
    let mut screen = Screen::take(look)?;
    tasks.spawn(signals::listen(send.clone()));
    tasks.spawn(listen(send.clone()));
    tasks.spawn(play(world, clock, bells, send.clone()));
    let forward = send.clone();
    tasks.spawn(async move {
        while let Some(msg) = told.recv().await {
            if forward.send(Input::Msg(msg)).is_err() {
                return;
            }
        }
    });
    let mut desk = Desk {
        clock: &clock,
        hands: &mut hands,
        surface: &mut screen,
        ears: &mut Typist::new(slots.clone()),
        record: &mut |_| {},
        seq: tape.len() as u64,
    };
    let ran = desk.run(&mut console, &mut inbox, &|_| false).await;
    drop(screen);
    slots.forget_all();
    ran
}

/// Lets the world live on with the clock, and looks at it when asked.
async fn play(
    mut world: World,
    clock: PlayClock,
    mut bells: UnboundedReceiver<FeedId>,
    send: UnboundedSender<Input<Event>>,
) {
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        let mut reports = Vec::new();
        tokio::select! {
            Some(feed) = bells.recv() => reports.extend(world.look(feed).await),
            _ = beat.tick() => {
                let until = clock.now();
                while world.sandbox.now() < until {
                    let next = (world.sandbox.now() + STRIDE).min(until);
                    reports.extend(world.live_until(next).await);
                }
            }
        }
        for report in reports {
            if send.send(Input::Msg(Msg::Seen(report))).is_err() {
                return;
            }
        }
    }
}
