//! The edges of the core: what a shell, a screen and a disk must be able to do for it.

use jiff::Timestamp;

use super::alerts::silence::Silenced;
use super::id::{Identity, RunId};
use super::intent::Intent;
use super::model::{fact::Report, keys_secret::Glimpse, proof::Proof};
use super::msg::Msg;
use super::runbook::journal::{Entry, Journal};
use super::time::Stamped;
use super::trouble::Trouble;

/// A pure program over a stream of stamped messages.
pub trait Program {
    /// What it can ask its shell for. A program that may not change anything has no value here that could.
    type Effect;

    /// Takes one message, changes the state, says what must be done.
    fn update(&mut self, msg: Stamped<Msg>) -> Vec<Self::Effect>;

    /// Whether the last message changed anything that is worth a frame of its own; what else there is, the next one shows.
    fn stirred(&self) -> bool {
        true
    }

    /// Whether it asked to end.
    fn ended(&self) -> bool;
}

/// Performs effects. Never blocks: what takes time is a task whose answer comes back as a message.
pub trait Hands<E>: Send {
    /// Performs one.
    fn perform(&mut self, effect: E);
}

/// A screen: draws a program and turns its own events into intents.
pub trait Surface<P> {
    /// Draws, if anything visible changed.
    fn draw(&mut self, program: &P) -> std::io::Result<()>;

    /// Gives the terminal back before the process stops or ends, and takes it again.
    fn suspend(&mut self) -> std::io::Result<()>;

    /// Takes the terminal again after [`Surface::suspend`]; its size now, where there is one. Nobody is told that the
    /// terminal was resized while another program had it.
    fn resume(&mut self) -> std::io::Result<Option<(u16, u16)>>;
}

/// Where a feed puts what it saw.
pub trait FactSink: Send + Sync {
    /// Reports; drops the report when the program has ended.
    fn report(&self, report: Report);
}

/// The journals on disk. Every write is fsynced before it returns.
pub trait JournalStore: Send + Sync {
    /// Appends one line; the number of lines now in it.
    fn append(&self, run: RunId, entry: &Entry) -> Result<u32, Trouble>;

    /// Journals that were never ended. What cannot be read is left as it is and named in the trouble.
    fn unfinished(&self) -> Result<Vec<Journal>, Trouble>;
}

/// What is kept between sessions about one vault.
pub trait Memory: Send + Sync {
    /// The Secret's life so far and the proofs so far.
    fn recall(&self) -> Result<(Vec<Glimpse>, Vec<Proof>), Trouble>;

    /// Replaces the Secret's life.
    fn keep_history(&self, history: &[Glimpse]) -> Result<(), Trouble>;

    /// Adds a proof.
    fn keep_proof(&self, proof: &Proof) -> Result<(), Trouble>;

    /// Silences that have not ended.
    fn silences(&self, now: Timestamp) -> Result<Vec<Silenced>, Trouble>;

    /// Adds a silence, or lifts one that was there with one that has ended.
    fn keep_silence(&self, silenced: &Silenced, now: Timestamp) -> Result<(), Trouble>;

    /// The public random salt of this cluster's fingerprints; made at the first call.
    fn salt(&self, identity: &Identity) -> Result<Vec<u8>, Trouble>;
}

/// The clock.
pub trait Clock: Send + Sync {
    /// Wall clock, UTC.
    fn now(&self) -> Timestamp;
}

/// A scripted person, for `demo --keys` and for tests: turns one key into an intent as the real keymap does.
pub trait Fingers<P> {
    /// What this key means on the screen that is shown; `None` for a dead key.
    fn press(&self, program: &P, key: &str) -> Option<Intent>;
}
