//! The loop: take what came in, stamp and record it, update, perform, draw if something changed.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::{clock, signals};
use crate::app::effect::{Effect, Sight};
use crate::app::msg::Msg;
use crate::app::ports::{Clock, Hands, Program, Surface};
use crate::app::time::Stamped;

/// No more than 30 frames a second: a burst of facts is one draw, and a key is answered within 33 ms.
const FRAME: Duration = Duration::from_millis(33);

/// Time passes for the core in steps of this: durations of rules are no finer.
const TICK: Duration = Duration::from_secs(1);

/// Messages taken in one go before the screen gets its turn.
const BATCH: usize = 64;

/// What reaches the loop: a message, or an event of the surface that only means something beside the state.
#[derive(Debug)]
pub enum Input<E> {
    /// A message.
    Msg(Msg),
    /// An event of the terminal.
    Event(E),
}

/// Turns an event of the surface into messages. Characters of a secret are taken out here and go no further.
pub trait Ears<P, E> {
    /// Hears one event.
    fn hear(&mut self, program: &P, event: E) -> Option<Msg>;
}

/// What an effect asks of the process itself rather than of the hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Stop as Ctrl-Z does.
    Suspend,
    /// End the loop.
    Quit,
}

/// An effect that may concern the process itself.
pub trait Hosted {
    /// What it asks of the process.
    fn host(&self) -> Option<Host>;
}

impl Hosted for Effect {
    fn host(&self) -> Option<Host> {
        match self {
            Self::Suspend => Some(Host::Suspend),
            Self::Quit => Some(Host::Quit),
            Self::LookNow(_)
            | Self::Journal { .. }
            | Self::Act(_)
            | Self::Probe(_)
            | Self::RememberHistory(_)
            | Self::RememberProof(_)
            | Self::RememberSilence(_)
            | Self::Unlock { .. }
            | Self::LockKeystore
            | Self::ForgetSlot(_) => None,
        }
    }
}

impl Hosted for Sight {
    fn host(&self) -> Option<Host> {
        match self {
            Self::Quit => Some(Host::Quit),
            Self::LookNow(_) | Self::RememberHistory(_) | Self::RememberProof(_) => None,
        }
    }
}

/// Everything the loop works with, besides the program.
pub struct Desk<'a, P: Program, E> {
    /// The clock that stamps.
    pub clock: &'a dyn Clock,
    /// Performs effects.
    pub hands: &'a mut dyn Hands<P::Effect>,
    /// The screen.
    pub surface: &'a mut dyn Surface<P>,
    /// Understands the screen's events.
    pub ears: &'a mut dyn Ears<P, E>,
    /// Keeps the tape.
    pub record: &'a mut dyn FnMut(&Stamped<Msg>),
    /// The number of the last message; counts on when the loop is run again.
    pub seq: u64,
}

impl<P: Program, E> Desk<'_, P, E>
where
    P::Effect: Hosted,
{
    /// Runs the program until it asks to end, `enough` says so, or nobody can send anything any more. `enough` is asked
    /// before the first message and after each.
    pub async fn run(
        &mut self,
        program: &mut P,
        inbox: &mut UnboundedReceiver<Input<E>>,
        enough: &dyn Fn(&P) -> bool,
    ) -> std::io::Result<()> {
        if enough(program) {
            return Ok(());
        }
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut drawn = clock::instant();
        self.surface.draw(program)?;
        let mut dirty = false;
        loop {
            let wait = FRAME.saturating_sub(drawn.elapsed());
            let first = tokio::select! {
                biased;
                input = inbox.recv() => match input {
                    Some(input) => Some(input),
                    None => return Ok(()),
                },
                () = tokio::time::sleep(wait), if dirty => None,
                _ = ticks.tick() => Some(Input::Msg(Msg::Tick)),
            };
            let mut next = first;
            for _ in 0..BATCH {
                let Some(input) = next.take() else { break };
                self.take(program, input)?;
                dirty |= program.stirred();
                if program.ended() || enough(program) {
                    self.surface.draw(program)?;
                    return Ok(());
                }
                next = inbox.try_recv().ok();
            }
            if let Some(input) = next {
                self.take(program, input)?;
                dirty |= program.stirred();
            }
            if dirty && drawn.elapsed() >= FRAME {
                self.surface.draw(program)?;
                drawn = clock::instant();
                dirty = false;
            }
        }
    }

    /// Gives the program one message at once, past the inbox: for programs that ask in a row.
    pub fn say(&mut self, program: &mut P, msg: Msg) -> std::io::Result<()> {
        self.take(program, Input::Msg(msg))
    }

    fn take(&mut self, program: &mut P, input: Input<E>) -> std::io::Result<()> {
        let msg = match input {
            Input::Msg(msg) => Some(msg),
            Input::Event(event) => self.ears.hear(program, event),
        };
        let mut pending: VecDeque<Msg> = msg.into_iter().collect();
        while let Some(msg) = pending.pop_front() {
            self.seq += 1;
            let stamped = Stamped { at: self.clock.now(), seq: self.seq, msg };
            (self.record)(&stamped);
            for effect in program.update(stamped) {
                match effect.host() {
                    Some(Host::Suspend) => {
                        self.surface.suspend()?;
                        signals::stop_self();
                        let size = self.surface.resume()?;
                        pending.push_back(Msg::Resumed);
                        pending.extend(size.map(|(width, height)| Msg::Resized { width, height }));
                    }
                    Some(Host::Quit) => {}
                    None => self.hands.perform(effect),
                }
            }
        }
        Ok(())
    }
}

/// A surface for programs without a screen.
#[derive(Debug, Default)]
pub struct NoScreen;

impl<P> Surface<P> for NoScreen {
    fn draw(&mut self, _: &P) -> std::io::Result<()> {
        Ok(())
    }
    fn suspend(&mut self) -> std::io::Result<()> {
        Ok(())
    }
    fn resume(&mut self) -> std::io::Result<Option<(u16, u16)>> {
        Ok(None)
    }
}

/// Ears for programs that have no events of their own.
#[derive(Debug, Default)]
pub struct NoEars;

impl<P> Ears<P, std::convert::Infallible> for NoEars {
    fn hear(&mut self, _: &P, event: std::convert::Infallible) -> Option<Msg> {
        match event {}
    }
}
