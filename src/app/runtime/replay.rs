//! Replay: the same messages into the same program without hands give the same state.

use crate::app::msg::Msg;
use crate::app::ports::Program;
use crate::app::time::Stamped;

/// Feeds a tape to a program. Effects are dropped: nothing is performed.
pub fn replay<P: Program>(program: &mut P, tape: impl IntoIterator<Item = Stamped<Msg>>) {
    for stamped in tape {
        drop(program.update(stamped));
    }
}
