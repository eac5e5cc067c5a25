//! The reducer: one message in, the next state and the effects out. No clock, no I/O, no randomness.

use super::effect::Effect;
use super::msg::Msg;
use super::state::State;
use super::time::Stamped;

/// Takes one message.
pub fn update(state: &mut State, msg: Stamped<Msg>) -> Vec<Effect> {
    state.stamp(&msg);
    Vec::new()
}
