//! The two programs over the one core: a console that may act, and a watcher that by its type cannot.

use super::effect::{Effect, Sight};
use super::msg::Msg;
use super::ports::Program;
use super::state::State;
use super::time::Stamped;
use super::update::update;

/// The console and `act`: may act, once told yes.
#[derive(Debug, PartialEq)]
pub struct Console(pub State);

impl Program for Console {
    type Effect = Effect;

    fn update(&mut self, msg: Stamped<Msg>) -> Vec<Effect> {
        update(&mut self.0, msg)
    }

    fn stirred(&self) -> bool {
        self.0.stirred
    }

    fn ended(&self) -> bool {
        self.0.ended
    }
}

/// `check`, `--print` and everything else that only looks. Its effects have no value that changes anything, and intents
/// do not reach it.
#[derive(Debug, PartialEq)]
pub struct Watcher(pub State);

impl Program for Watcher {
    type Effect = Sight;

    fn update(&mut self, msg: Stamped<Msg>) -> Vec<Sight> {
        if matches!(msg.msg, Msg::Intent(_) | Msg::Unfinished(_)) {
            return Vec::new();
        }
        update(&mut self.0, msg)
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::LookNow(feed) => Some(Sight::LookNow(feed)),
                Effect::RememberHistory(history) => Some(Sight::RememberHistory(history)),
                Effect::RememberProof(proof) => Some(Sight::RememberProof(proof)),
                Effect::Quit => Some(Sight::Quit),
                Effect::Journal { .. }
                | Effect::Act(_)
                | Effect::Probe(_)
                | Effect::RememberSilence(_)
                | Effect::Unlock { .. }
                | Effect::LockKeystore
                | Effect::ForgetSlot(_)
                | Effect::Suspend => None,
            })
            .collect()
    }

    fn ended(&self) -> bool {
        self.0.ended
    }
}
