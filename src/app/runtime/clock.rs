//! The clock's one home: the wall, and a clock for the sandbox that can run faster.

use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use crate::app::ports::Clock;

/// The wall clock, UTC.
#[expect(clippy::disallowed_methods, reason = "this is the clock's one home")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// A moment to measure an interval from; never shown, never recorded.
#[expect(clippy::disallowed_methods, reason = "this is the clock's one home")]
pub fn instant() -> Instant {
    Instant::now()
}

/// The wall clock as a port.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        now()
    }
}

/// A clock that starts at a given moment and runs `speed` times as fast as the wall.
#[derive(Debug, Clone, Copy)]
pub struct PlayClock {
    began: Instant,
    from: Timestamp,
    speed: f64,
}

impl PlayClock {
    /// Starts now, at `from`.
    pub fn start(from: Timestamp, speed: f64) -> Self {
        Self { began: instant(), from, speed }
    }
}

impl Clock for PlayClock {
    fn now(&self) -> Timestamp {
        let played = self.began.elapsed().as_secs_f64() * self.speed;
        SignedDuration::try_from_secs_f64(played).map_or(self.from, |played| self.from + played)
    }
}
