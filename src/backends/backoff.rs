//! How long to wait before trying again: doubling, capped, jittered so that many consoles do not knock together.

use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_millis(500);

/// Pauses that double up to a cap and start over after a success.
#[derive(Debug, Clone)]
pub struct Backoff {
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Never pauses longer than `cap`.
    pub const fn new(cap: Duration) -> Self {
        Self { cap, failures: 0 }
    }

    /// It worked: the next failure starts small again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait now: between half and all of the doubled pause.
    pub fn pause(&mut self) -> Duration {
        // Without randomness from the system the pause is merely unjittered.
        let random = getrandom::u64().unwrap_or(u64::MAX);
        self.pause_with(random)
    }

    fn pause_with(&mut self, random: u64) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(16)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        let share = 0.5 + 0.5 * (random as f64 / u64::MAX as f64);
        doubled.mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_cap_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_secs(10));
        let longest: Vec<u128> = (0..7).map(|_| backoff.pause_with(u64::MAX).as_millis()).collect();
        assert_eq!(longest, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        backoff.reset();
        assert_eq!(backoff.pause_with(0).as_millis(), 250);
        for _ in 0..200 {
            assert!(backoff.pause() <= Duration::from_secs(10));
        }
    }
}
