//! One server process of the simulated vault: what it stores, whether it is sealed, how it judges a share.
//! Words and codes are those of OpenBao 2.7.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::rotation::Rotations;
use super::seed::Seed;

/// A share, or a key; wiped when it is dropped, and without `Debug`.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// How long a node that has been given its shares needs until it has joined the raft cluster and opens.
const JOIN: SignedDuration = SignedDuration::from_secs(4);

/// The shortest and the longest key that OpenBao looks at.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=33;

/// One process and its disk.
pub(super) struct Server {
    /// The pod's name.
    pub(super) name: String,
    /// The version that runs, or ran last.
    pub(super) version: String,
    /// The process runs.
    pub(super) running: bool,
    /// The disk holds the cluster's data: initialised here, or joined.
    pub(super) stored: bool,
    /// The raft cluster took it in for the asking (`retry_join`): initialised as far as it knows, and wants shares.
    pub(super) invited: bool,
    pub(super) sealed: bool,
    /// Counts for the quorum from then on.
    pub(super) votes: Option<Timestamp>,
    /// Shares given in this attempt.
    given: Vec<Bytes>,
    /// Nonce of this attempt; empty without one.
    pub(super) nonce: String,
    /// Has all it needs and opens at this moment.
    pub(super) opens: Option<Timestamp>,
    /// A static seal's key was the right one when the process started.
    pub(super) seal_key: bool,
    /// Rotations of keys that were begun here.
    pub(super) rotations: Rotations,
    /// Seconds by which its clock is ahead.
    pub(super) skew: i64,
}

/// What the cluster's keys are, as a server needs them to judge.
pub(super) struct Lock<'a> {
    pub(super) shares: &'a [Bytes],
    pub(super) threshold: u32,
    /// The seal opens by itself; shares are recovery shares.
    pub(super) auto: bool,
}

impl Server {
    pub(super) fn new(name: String, version: &str) -> Self {
        Self {
            name,
            version: version.to_owned(),
            running: true,
            stored: false,
            invited: false,
            sealed: true,
            votes: None,
            given: Vec::new(),
            nonce: String::new(),
            opens: None,
            seal_key: false,
            rotations: Rotations::default(),
            skew: 0,
        }
    }

    /// Initialised, as it would say itself.
    pub(super) const fn initialized(&self) -> bool {
        self.stored || self.invited
    }

    /// Serves, as leader or as follower.
    pub(super) const fn open(&self) -> bool {
        self.running && self.stored && !self.sealed
    }

    pub(super) fn progress(&self) -> u32 {
        self.given.len() as u32
    }

    /// The process ended or was sealed: everything that was only in memory is gone.
    pub(super) fn forget(&mut self) {
        self.sealed = true;
        self.opens = None;
        self.rotations = Rotations::default();
        self.reset();
    }

    /// Throws the attempt away.
    pub(super) fn reset(&mut self) {
        self.given.clear();
        self.nonce.clear();
    }

    /// Takes one share. An error is the text of a 400.
    pub(super) fn take(
        &mut self,
        key: &str,
        lock: Option<&Lock<'_>>,
        seed: &mut Seed,
        now: Timestamp,
    ) -> Result<(), String> {
        let Some(share) = decode(key) else {
            return Err("'key' must be a valid hex or base64 string".into());
        };
        let Some(lock) = lock.filter(|_| self.initialized()) else {
            return Err("Vault is not initialized".into());
        };
        if !self.sealed || self.opens.is_some() {
            return Ok(());
        }
        if share.len() < *LENGTHS.start() {
            return Err("invalid key: key is shorter than minimum 16 bytes".into());
        }
        if share.len() > *LENGTHS.end() {
            return Err("invalid key: key is longer than maximum 33 bytes".into());
        }
        if self.given.iter().any(|known| **known == *share) {
            return Ok(());
        }
        if self.given.is_empty() {
            self.nonce = seed.uuid();
        }
        self.given.push(share);
        if self.progress() < lock.threshold {
            return Ok(());
        }
        let verdict = self.combine(lock);
        self.reset();
        verdict?;
        if self.stored {
            self.sealed = false;
        } else {
            self.opens = Some(now + JOIN);
        }
        Ok(())
    }

    /// What comes of the shares given, without the mathematics: the right ones are known.
    fn combine(&self, lock: &Lock<'_>) -> Result<(), String> {
        let first = self.given.first().map_or(0, |share| share.len());
        if self.given.iter().any(|share| share.len() != first) {
            return Err("invalid key: failed to compute combined key: all parts must be the same length".into());
        }
        if lock.auto && !self.seal_key {
            return Err(
                "invalid key: failed to verify recovery key: failed to decrypt encrypted stored keys: failed to \
                        open ciphertext: cipher: message authentication failed"
                    .into(),
            );
        }
        // A share of several carries one byte more than what it is a share of.
        let size = if lock.threshold > 1 { first - 1 } else { first };
        if ![16, 24, 32].contains(&size) {
            return Err(format!("invalid key: failed to setup unseal key: crypto/aes: invalid key size {size}"));
        }
        if self.given.iter().all(|share| lock.shares.iter().any(|right| **right == **share)) {
            return Ok(());
        }
        Err("unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: cipher: message \
             authentication failed"
            .into())
    }
}

/// Hex if that gives a possible length, else base64, as the server does: so 30 hex digits are neither.
pub(super) fn decode(key: &str) -> Option<Bytes> {
    unhex(key).filter(|bytes| LENGTHS.contains(&bytes.len())).or_else(|| STANDARD.decode(key).ok().map(Zeroizing::new))
}

fn unhex(key: &str) -> Option<Bytes> {
    let digits: Option<Vec<u8>> = key.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.map(Zeroizing::new).filter(|digits| digits.len() % 2 == 0)?;
    Some(Zeroizing::new(
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect(),
    ))
}
