//! From a passphrase to a key: Argon2id within bounds that a hostile file can neither lower nor raise.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use super::error::KeystoreError;
use super::locked::LockedKey;
use crate::app::runtime::clock;

/// Costs of Argon2id, as the header records them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Memory in KiB.
    pub m: u32,
    /// Passes.
    pub t: u32,
    /// Lanes.
    pub p: u32,
}

/// What one derivation should take on the machine that makes the slot.
const AIM: Duration = Duration::from_millis(500);
/// More memory than this is not taken by itself: the machine of the emergency may be a small one.
const MOST_MEMORY: u32 = 256 * 1024;
/// Memory times passes, in KiB, of all passphrase slots of one file together: 16 GiB.
pub const MOST_TOGETHER: u64 = 16 * 1024 * 1024;

impl Cost {
    /// Nothing below is made or opened.
    pub const FLOOR: Self = Self { m: 64 * 1024, t: 3, p: 1 };
    /// Nothing above is opened: 1 GiB, 16 passes, 4 lanes.
    pub const CEILING: Self = Self { m: 1024 * 1024, t: 16, p: 4 };
    /// Memory times passes, in KiB, that nothing exceeds: 4 GiB. The ceilings of both at once would take half a minute.
    pub const MOST_WORK: u64 = 4 * 1024 * 1024;

    /// Refuses what lies outside the bounds, before anything is derived.
    pub fn check(self, slot: u32) -> Result<Self, KeystoreError> {
        if self.m < Self::FLOOR.m || self.t < Self::FLOOR.t || self.p < Self::FLOOR.p {
            return Err(KeystoreError::TooWeak(slot));
        }
        let dear = self.m > Self::CEILING.m || self.t > Self::CEILING.t || self.p > Self::CEILING.p;
        if dear || self.work() > Self::MOST_WORK {
            return Err(KeystoreError::TooCostly(slot));
        }
        Ok(self)
    }

    /// Memory times passes, in KiB: what a derivation takes is proportional to it.
    pub fn work(self) -> u64 {
        u64::from(self.m) * u64::from(self.t)
    }
}

/// Costs that take about half a second here: memory first, then passes; never below the floor. Blocks for about a second.
pub fn calibrate() -> Cost {
    let Some(floor) = measure(Cost::FLOOR) else { return Cost::FLOOR };
    let more = more_memory(floor);
    if more == Cost::FLOOR {
        return more_passes(Cost::FLOOR, floor);
    }
    // Twice the memory takes more than twice as long where it no longer fits a cache, and may not be had at all.
    measure(more).map_or_else(|| more_passes(Cost::FLOOR, floor), |took| more_passes(more, took))
}

/// Doubles the memory as long as three passes over it fit.
fn more_memory(floor: Duration) -> Cost {
    let mut cost = Cost::FLOOR;
    let mut took = floor;
    while cost.m * 2 <= MOST_MEMORY && took * 2 <= AIM {
        cost.m *= 2;
        took *= 2;
    }
    cost
}

/// Adds passes as long as they fit.
fn more_passes(cost: Cost, took: Duration) -> Cost {
    let pass = (took / cost.t).max(Duration::from_nanos(1));
    let fit = (AIM.as_nanos() / pass.as_nanos()).min(u128::from(Cost::CEILING.t)) as u32;
    Cost { t: fit.clamp(Cost::FLOOR.t, Cost::CEILING.t), ..cost }
}

fn measure(cost: Cost) -> Option<Duration> {
    let began = clock::instant();
    derive(b"how long does it take", b"sixteen bytes...", cost).ok()?;
    Some(began.elapsed())
}

/// Derives 32 bytes. Blocks for as long as it costs; never on the runtime's own threads.
pub fn derive(passphrase: &[u8], salt: &[u8], cost: Cost) -> Result<LockedKey, KeystoreError> {
    let params = Params::new(cost.m, cost.t, cost.p, Some(32))
        .map_err(|_| KeystoreError::Internal("the derivation's costs are not possible"))?;
    // Memory of our own: so that a machine without it gets a sentence instead of an abort, and so that it is wiped.
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(params.block_count()).map_err(|_| KeystoreError::NoMemory(cost.m / 1024))?;
    memory.resize(params.block_count(), Block::new());
    let mut key = LockedKey::zeroed();
    let derived = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
        passphrase,
        salt,
        key.bytes_mut(),
        &mut memory,
    );
    memory.iter_mut().for_each(Block::zeroize);
    derived.map_err(|_| KeystoreError::Internal("the passphrase cannot be derived from"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derivation_outside_the_bounds_is_refused_by_name() {
        let floor = Cost::FLOOR;
        for weak in [Cost { m: floor.m - 1, ..floor }, Cost { t: 2, ..floor }, Cost { p: 0, ..floor }] {
            assert_eq!(weak.check(3), Err(KeystoreError::TooWeak(3)));
        }
        let huge = Cost { m: u32::MAX, t: u32::MAX, p: u32::MAX };
        let product = Cost { m: Cost::CEILING.m, t: 5, p: 1 };
        for dear in
            [Cost { m: Cost::CEILING.m + 1, ..floor }, Cost { t: 17, ..floor }, Cost { p: 5, ..floor }, huge, product]
        {
            assert_eq!(dear.check(3), Err(KeystoreError::TooCostly(3)));
        }
        assert!(floor.check(3).is_ok());
        assert!(Cost { m: Cost::CEILING.m, t: 4, p: 4 }.check(3).is_ok());
    }

    #[test]
    fn whatever_a_machine_measures_it_chooses_within_the_bounds() {
        for took in [0, 1, 1_000, 40_000, 130_000, 260_000, 500_000, 3_000_000, 60_000_000] {
            let took = Duration::from_micros(took);
            let more = more_memory(took);
            let chosen = more_passes(more, took * (more.m / Cost::FLOOR.m));
            assert!(chosen.check(1).is_ok(), "{took:?}: {chosen:?}");
            assert!(chosen.m <= MOST_MEMORY, "{took:?}: {chosen:?}");
        }
        assert_eq!(more_memory(Duration::from_millis(400)), Cost::FLOOR, "a slow machine stays at the floor");
        assert_eq!(more_memory(Duration::from_millis(20)).m, MOST_MEMORY, "a fast one takes the memory first");
        assert_eq!(more_passes(Cost::FLOOR, Duration::from_millis(150)).t, 10);
    }

    #[test]
    fn what_this_machine_chooses_can_be_derived_with() {
        let cost = calibrate();
        assert!(cost.check(1).is_ok());
        let (one, two) = (derive(b"a", &[1; 16], cost).unwrap(), derive(b"b", &[1; 16], cost).unwrap());
        assert_ne!(one.bytes(), two.bytes());
    }

    /// Computed by OpenSSL: RFC 9106's own vector has a secret and associated data, which this format has not.
    #[test]
    fn it_is_the_argon2id_that_everybody_else_has() {
        let key = derive(b"password", b"somesaltsomesalt", Cost::FLOOR).unwrap();
        assert_eq!(
            super::super::opened::hex(key.bytes()),
            "7664ad4ba1a3c999fcdd0991ffc2270f78302d2383233db5e7befc85d1bb1819"
        );
    }
}
