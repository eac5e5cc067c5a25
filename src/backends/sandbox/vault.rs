//! The simulated vault cluster: its keys, its servers, who leads and how long elections take.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::scenario::{SealSort, VaultSettings};
use super::seed::{Seed, hex};
use super::server::{Bytes, Lock, Server};

/// Seconds until somebody leads, as measured on real servers (8 to 17 after a full restart of three, 14 after a kill).
const COLD: i64 = 10;
const KILLED: i64 = 14;
const HANDED_OVER: i64 = 2;
const ALONE: i64 = 1;
/// Until a follower without data has been answered by the leader and knows that it is expected.
const INVITED: SignedDuration = SignedDuration::from_secs(3);

/// Until autopilot makes a voter of a follower that has joined: before that a lost leader cannot be replaced.
const TRUSTED: SignedDuration = SignedDuration::from_secs(15);

/// What `init` made. Without `Debug`: it holds the shares.
pub(super) struct Keys {
    pub(super) shares: Vec<Bytes>,
    pub(super) threshold: u32,
    pub(super) root_token: Zeroizing<String>,
}

impl Keys {
    /// One share as `init` prints it in base64, and as people put it into a Secret.
    pub(super) fn base64(&self) -> impl Iterator<Item = Zeroizing<String>> {
        self.shares.iter().map(|share| Zeroizing::new(STANDARD.encode(share.as_slice())))
    }

    /// The same in hex.
    pub(super) fn hex(&self) -> impl Iterator<Item = Zeroizing<String>> {
        self.shares.iter().map(|share| Zeroizing::new(hex(share)))
    }
}

/// The cluster.
pub(super) struct Vault {
    pub(super) sort: SealSort,
    pub(super) cluster_id: String,
    pub(super) cluster_name: String,
    pub(super) keys: Option<Keys>,
    /// The right key of a static seal.
    pub(super) seal_key: Bytes,
    pub(super) servers: Vec<Server>,
    pub(super) leader: Option<usize>,
    /// Whom the open servers name: also a leader that was killed, until they have elected another.
    pub(super) named: Option<usize>,
    election: Option<Timestamp>,
    /// How long the next election takes, set by the way in which the last leader went.
    delay: Option<i64>,
    pub(super) active_since: Option<Timestamp>,
    /// Raft's log index: grows with every change.
    pub(super) index: u64,
    pub(super) seed: Seed,
}

impl Vault {
    /// As the settings want it at the start: uninitialised, or initialised and open with replica 0 leading.
    pub(super) fn new(settings: &VaultSettings, now: Timestamp) -> Self {
        let mut seed = Seed::of(&format!("vault {}/{}", settings.namespace, settings.name));
        let cluster_id = seed.uuid();
        let mut vault = Self {
            sort: settings.seal,
            cluster_name: format!("vault-cluster-{}", hex(&seed.bytes(4))),
            cluster_id,
            keys: None,
            seal_key: Zeroizing::new(seed.bytes(32)),
            servers: settings.members().into_iter().map(|name| Server::new(name, &settings.version)).collect(),
            leader: None,
            named: None,
            election: None,
            delay: None,
            active_since: None,
            index: 0,
            seed,
        };
        for server in &mut vault.servers {
            server.seal_key = settings.seal == SealSort::Static;
        }
        if settings.initialized {
            vault.make_keys(settings.shares, settings.threshold);
            for server in &mut vault.servers {
                server.stored = true;
                server.sealed = false;
                server.votes = Some(now);
            }
            vault.leader = Some(0);
            vault.named = Some(0);
            vault.active_since = Some(now);
            vault.index = 29;
        }
        vault
    }

    pub(super) fn position(&self, replica: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.name == replica)
    }

    pub(super) fn server(&self, at: usize) -> Option<&Server> {
        self.servers.get(at)
    }

    /// Makes the keys: 32 bytes where there is one, 33 for a share of several.
    pub(super) fn make_keys(&mut self, shares: u32, threshold: u32) {
        let length = if shares == 1 { 32 } else { 33 };
        let shares = (0..shares).map(|_| Zeroizing::new(self.seed.bytes(length))).collect();
        let root_token = Zeroizing::new(format!("s.{}", self.seed.letters(24)));
        self.keys = Some(Keys { shares, threshold, root_token });
    }

    /// Initialises at this server; the caller has checked that nobody did.
    pub(super) fn init(&mut self, at: usize, shares: u32, threshold: u32, now: Timestamp) {
        self.make_keys(shares, threshold);
        self.index = 3;
        let auto = self.sort == SealSort::Static;
        if let Some(server) = self.servers.get_mut(at) {
            server.stored = true;
            server.votes = Some(now);
            server.sealed = !(auto && server.seal_key);
        }
    }

    /// Gives one share to one server.
    pub(super) fn unseal(&mut self, at: usize, key: &str, now: Timestamp) -> Result<(), String> {
        let lock = self.keys.as_ref().map(|keys| Lock {
            shares: &keys.shares,
            threshold: keys.threshold,
            auto: self.sort == SealSort::Static,
        });
        match self.servers.get_mut(at) {
            Some(server) => server.take(key, lock.as_ref(), &mut self.seed, now),
            None => Ok(()),
        }
    }

    /// Seals one server, as `/sys/seal` with a token does; a leader hands over first.
    pub(super) fn seal(&mut self, at: usize) {
        if self.leader == Some(at) {
            self.delay = Some(HANDED_OVER);
        }
        if let Some(server) = self.servers.get_mut(at) {
            server.forget();
        }
    }

    /// Ends the process. `clean` is SIGTERM: a leader hands over; otherwise it was killed.
    pub(super) fn stop(&mut self, at: usize, clean: bool) {
        if self.leader == Some(at) {
            self.delay = Some(if clean { HANDED_OVER } else { KILLED });
        }
        if let Some(server) = self.servers.get_mut(at) {
            server.running = false;
            server.invited = false;
            server.forget();
        }
    }

    /// Starts the process. A static seal reads its key file now: without one the process ends at once (`false`), with a
    /// wrong one it stays, sealed.
    pub(super) fn start(&mut self, at: usize, version: &str, key: Option<&[u8]>, now: Timestamp) -> bool {
        let Some(server) = self.servers.get_mut(at) else { return false };
        version.clone_into(&mut server.version);
        if self.sort == SealSort::Static {
            let Some(key) = key else { return false };
            server.seal_key = key == self.seal_key.as_slice();
            server.opens = (server.seal_key && server.stored).then(|| now + SignedDuration::from_secs(1));
        }
        server.running = true;
        true
    }

    /// One second of the cluster's own life.
    pub(super) fn step(&mut self, now: Timestamp) {
        self.followers(now);
        let votes = |server: &Server| server.stored && server.votes.is_some_and(|votes| votes <= now);
        let open: Vec<usize> =
            self.servers.iter().enumerate().filter(|(_, s)| s.open() && votes(s)).map(|(at, _)| at).collect();
        let voters = self.servers.iter().filter(|server| votes(server)).count();
        let quorum = open.len() > voters / 2;
        if self.leader.is_some_and(|leader| open.contains(&leader)) && quorum {
            self.named = self.leader;
            return;
        }
        // A leader that lost its followers steps down and names nobody, one that hands over is not named any more; one that
        // was killed is named on, and without a quorum for ever.
        let stepped_down = self.leader.is_some_and(|leader| open.contains(&leader));
        if stepped_down || self.delay == Some(HANDED_OVER) {
            self.named = None;
        }
        self.leader = None;
        self.active_since = None;
        if !quorum {
            self.election = None;
            return;
        }
        let delay = self.delay.take();
        let ends = *self.election.get_or_insert_with(|| {
            let usual = if self.servers.len() == 1 { ALONE } else { COLD };
            now + SignedDuration::from_secs(delay.unwrap_or(usual))
        });
        if ends <= now {
            self.election = None;
            self.leader = open.first().copied();
            self.named = self.leader;
            self.active_since = Some(now);
            self.index += 3;
        }
    }

    /// Followers without data ask the leader to be let in; who has all it needs opens.
    fn followers(&mut self, now: Timestamp) {
        let led = self.active_since.is_some_and(|since| since + INVITED <= now);
        let auto = self.sort == SealSort::Static;
        for server in self.servers.iter_mut().filter(|server| server.running) {
            if led && !server.stored && !server.invited {
                server.invited = true;
                if auto && server.seal_key {
                    server.opens = Some(now + SignedDuration::from_secs(2));
                }
            }
            if server.opens.is_some_and(|opens| opens <= now) {
                server.opens = None;
                server.votes.get_or_insert(now + TRUSTED);
                server.stored = true;
                server.sealed = false;
                self.index += 2;
            }
        }
    }
}
