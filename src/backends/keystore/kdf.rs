//! From a passphrase to a key: Argon2id within bounds that a hostile file can neither lower nor raise.

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::KeystoreError;

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

impl Cost {
    /// Nothing below is made or opened.
    pub const FLOOR: Self = Self { m: 64 * 1024, t: 3, p: 1 };
    /// Nothing above is opened: 1 GiB, 16 passes, 4 lanes.
    pub const CEILING: Self = Self { m: 1024 * 1024, t: 16, p: 4 };

    /// Refuses what lies outside the bounds, before anything is derived.
    pub fn check(self, slot: u32) -> Result<Self, KeystoreError> {
        if self.m < Self::FLOOR.m || self.t < Self::FLOOR.t || self.p < Self::FLOOR.p {
            return Err(KeystoreError::TooWeak(slot));
        }
        if self.m > Self::CEILING.m || self.t > Self::CEILING.t || self.p > Self::CEILING.p {
            return Err(KeystoreError::TooCostly(slot));
        }
        Ok(self)
    }
}

/// Derives 32 bytes. Blocks for as long as it costs; never on the runtime's own threads.
pub fn derive(passphrase: &[u8], salt: &[u8], cost: Cost) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let params = Params::new(cost.m, cost.t, cost.p, Some(32))
        .map_err(|_| KeystoreError::Internal("the derivation's costs are not possible"))?;
    let mut key = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, key.as_mut())
        .map_err(|_| KeystoreError::Internal("the derivation failed, perhaps for want of memory"))?;
    Ok(key)
}
