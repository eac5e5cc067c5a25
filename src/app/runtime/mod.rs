//! The loop, the clock, tasks, secret slots, recorder and replay: the only part of the core that touches the outside.

pub mod clock;
pub mod desk;
pub mod replay;
pub mod share_text;
pub mod signals;
pub mod slots;
pub mod tape;
