//! What the sandbox's engineer holds of the keys: a real keystore in memory, and what its feeds say of copies, files in
//! custody and the register.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::SignedDuration;
use zeroize::Zeroizing;

use super::Sandbox;
use super::cluster::right_values;
use super::event::Event;
use super::kept::{Behind, FileSort, KeySort, KeystoreSettings, register};
use super::scenario::{Scenario, SealSort};
use super::seed::Seed;
use super::vault::Vault;
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::keys_secret::{Fingerprint, Purpose};
use crate::app::model::keystore::KeyKind;
use crate::app::model::proof::{Answer, Method, Proof};
use crate::app::trouble::Trouble;
use crate::backends::copies::Copies;
use crate::backends::feeds::{Feed, Held};
use crate::backends::keys::{FieldNames, Salt, fingerprint};
use crate::backends::keystore::kdf::Cost;
use crate::backends::keystore::opened::NewKeys;
use crate::backends::keystore::store::MemoryStore;
use crate::backends::keystore::{Keeper, KeystoreError, Opened, Opener, SecretBytes};

/// What this machine is called in the register.
pub(super) const HOLDER: &str = "demo";

const PATH: &str = "/home/demo/.local/share/baowatch/demo.keystore";

/// The sandbox's keys are made up from a seed, and so is its salt: the same screen on every machine.
pub fn salt() -> Salt {
    Salt(b"baowatch sandbox".to_vec())
}

/// Everything that is held when a scenario begins.
pub(super) struct Holdings {
    held: Held,
    /// What the vault last said of its keys, as an earlier session wrote it down.
    proofs: Vec<Proof>,
    scenario: Scenario,
    /// How they are kept now.
    settings: Mutex<KeystoreSettings>,
    store: Arc<MemoryStore>,
    /// Fingerprints of the vault's own keys.
    prints: Vec<Fingerprint>,
}

impl Holdings {
    pub(super) fn new(scenario: &Scenario, vault: &Vault) -> Self {
        let settings = &scenario.keystore;
        let store = Arc::new(MemoryStore::new(PATH, found(scenario, settings, vault)));
        let kept: Arc<MemoryStore> = Arc::clone(&store);
        let silently = |_: &_| vec![Ok(keyfile())];
        let expected = settings.generations > 0;
        let prints: Vec<Fingerprint> =
            right_shares(vault).iter().map(|share| fingerprint(&salt(), share.expose())).collect();
        let proof = settings.proven.and_then(|age| {
            Some(Proof {
                method: Method::CameBack,
                answer: Answer::Accepted,
                at: scenario.start.checked_sub(age).ok()?,
                replica: scenario.vault.members().pop()?,
                cluster_id: Some(vault.cluster_id.clone()),
                prints: prints.clone(),
                namespace: None,
            })
        });
        Self {
            held: Held {
                keeper: Keeper::new(store, scenario.identity(), salt(), Arc::new(silently), expected),
                copies: Arc::new(Copies::new(None)),
                holder: HOLDER.to_owned(),
            },
            proofs: proof.into_iter().collect(),
            settings: Mutex::new(settings.clone()),
            store: kept,
            scenario: scenario.clone(),
            prints,
        }
    }

    /// They are kept in this way from now on.
    pub(super) fn keep(&self, settings: KeystoreSettings, vault: &Vault) {
        self.store.put(found(&self.scenario, &settings, vault));
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    fn settings(&self) -> KeystoreSettings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this scenario ever says what a feed would see.
    fn tells(&self, id: FeedId) -> bool {
        let later = self.scenario.events.iter().filter_map(|scheduled| match &scheduled.event {
            Event::Keystore { settings } => Some(settings.as_ref()),
            _ => None,
        });
        std::iter::once(&self.scenario.keystore).chain(later).any(|settings| match id {
            FeedId::Copies => !settings.copies.is_empty(),
            FeedId::Custody => !settings.custody.is_empty(),
            FeedId::Register => !settings.others.is_empty(),
            _ => false,
        })
    }

    /// What a feed says of what is not simulated but told; `None` for a feed that looks for itself.
    fn told(&self, id: FeedId) -> Option<Fact> {
        if !self.tells(id) {
            return None;
        }
        let (settings, start) = (self.settings(), self.scenario.start);
        match id {
            FeedId::Copies => {
                let (first, behind) = self.behind();
                Some(Fact::Copies(settings.copies.iter().map(|copy| copy.seen(start, first, behind)).collect()))
            }
            FeedId::Custody => Some(Fact::Custody(settings.custody.iter().map(|file| file.seen(start)).collect())),
            FeedId::Register => {
                let namespace = &self.scenario.vault.namespace;
                let seen = register(&settings.others, namespace, settings.generations.max(1), &self.prints, start);
                Some(Fact::Register((!settings.others.is_empty()).then_some(seen)))
            }
            FeedId::Seal
            | FeedId::KeysSecret
            | FeedId::Pods
            | FeedId::Workload
            | FeedId::Unsealers
            | FeedId::Rights
            | FeedId::Keystore
            | FeedId::Sync
            | FeedId::Operators
            | FeedId::Paths
            | FeedId::Secrets
            | FeedId::Consumers
            | FeedId::Containers
            | FeedId::Nodes
            | FeedId::Usage
            | FeedId::Tokens
            | FeedId::Engines
            | FeedId::Raft
            | FeedId::Estate => None,
        }
    }

    /// The revision that the copies were made of, and how far the keystore is ahead of them by now.
    fn behind(&self) -> (u64, Behind) {
        let generations = self.settings().generations;
        let look = self.held.keeper.look();
        match look.present() {
            Some(seen) if seen.current().is_some_and(|current| current.number > generations) => {
                (1, Behind::Outdated(generations))
            }
            Some(seen) if seen.revision > 1 => (1, Behind::Older),
            Some(_) | None => (1, Behind::Not),
        }
    }
}

impl Sandbox {
    /// What is held of its keys. One keystore, however often this is asked.
    pub fn held(&self) -> Held {
        self.holdings.held.clone()
    }

    /// What an earlier session would have written down.
    pub fn recalled(&self) -> Fact {
        Fact::Recalled { history: Vec::new(), proofs: self.holdings.proofs.clone() }
    }

    /// The feeds, with those in the place of the others that only tell what the scenario says.
    pub fn told_by(self: &Arc<Self>, feeds: Vec<Box<dyn Feed>>) -> Vec<Box<dyn Feed>> {
        let tells = |feed: Box<dyn Feed>| match self.holdings.told(feed.id()) {
            Some(_) => Box::new(Told(feed.id(), Arc::clone(self))) as Box<dyn Feed>,
            None => feed,
        };
        feeds.into_iter().map(tells).collect()
    }
}

/// A feed that looks at nothing: the scenario says what it would see.
struct Told(FeedId, Arc<Sandbox>);

#[async_trait]
impl Feed for Told {
    fn id(&self) -> FeedId {
        self.0
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        Ok(self.1.holdings.told(self.0).into_iter().collect())
    }
}

/// What opens the keystore without anybody being asked: nothing is derived from it.
fn keyfile() -> Opener {
    let mut key = Zeroizing::new([0; 32]);
    for (to, from) in key.iter_mut().zip(Seed::of("keyfile").bytes(32)) {
        *to = from;
    }
    Opener::Keyfile(key)
}

/// The file as these settings find it.
fn found(scenario: &Scenario, settings: &KeystoreSettings, vault: &Vault) -> Option<Vec<u8>> {
    match settings.file {
        FileSort::Lost => None,
        FileSort::Whole | FileSort::Damaged => keystore(scenario, settings, vault).ok().flatten(),
    }
}

/// The bytes of the keystore; `None` where there never was one.
fn keystore(scenario: &Scenario, settings: &KeystoreSettings, vault: &Vault) -> Result<Option<Vec<u8>>, KeystoreError> {
    if settings.generations == 0 {
        return Ok(None);
    }
    let ago = |days: u32| {
        let span = SignedDuration::from_hours(24 * i64::from(days));
        scenario.start.checked_sub(span).unwrap_or(scenario.start)
    };
    let first = ago(30 * settings.generations);
    let mut opened = Opened::create(&scenario.identity(), &salt(), &keyfile(), Cost::FLOOR, "this machine", first)?;
    let mut last = first;
    for number in 1..=settings.generations {
        let right = number == settings.generations && settings.keys == KeySort::Same;
        last = ago(30 * (settings.generations - number) + 4);
        opened.add_generation(keys(scenario, vault, (!right).then_some(number)), last)?;
    }
    let mut bytes = opened.seal(last)?;
    if settings.file == FileSort::Damaged {
        bytes.truncate(bytes.len() / 2);
    }
    Ok(Some(bytes))
}

/// The vault's own keys as its Secret has them, or keys of before that are made up from a number.
fn keys(scenario: &Scenario, vault: &Vault, made_up: Option<u32>) -> NewKeys {
    let settings = &scenario.vault;
    let (kind, threshold, total) = match settings.seal {
        SealSort::Shamir => (KeyKind::Unseal, settings.threshold, settings.shares),
        SealSort::Static => (KeyKind::Static, 1, 1),
    };
    let right = right_shares(vault);
    let (shares, fields) = match made_up {
        Some(number) => {
            let mut seed = Seed::of(&format!("generation {number} of {}", scenario.name));
            (right.iter().map(|share| SecretBytes::new(seed.bytes(share.expose().len()))).collect(), Vec::new())
        }
        None => (right, fields(scenario, vault)),
    };
    let token = vault.keys.as_ref().filter(|_| made_up.is_none() && kind == KeyKind::Unseal);
    NewKeys {
        kind,
        threshold,
        total,
        shares,
        root_token: token.map(|keys| SecretBytes::new(keys.root_token.as_bytes().to_vec())),
        fields,
        source: format!("Secret {}/{}", settings.namespace, settings.secret),
        vault_cluster_id: Some(vault.cluster_id.clone()),
    }
}

fn right_shares(vault: &Vault) -> Vec<SecretBytes> {
    match (vault.sort, &vault.keys) {
        (SealSort::Static, _) => vec![SecretBytes::new(vault.seal_key.to_vec())],
        (SealSort::Shamir, Some(keys)) => keys.shares.iter().map(|share| SecretBytes::new(share.to_vec())).collect(),
        (SealSort::Shamir, None) => Vec::new(),
    }
}

fn fields(scenario: &Scenario, vault: &Vault) -> Vec<(String, Purpose, SecretBytes)> {
    let names = FieldNames::default();
    let purpose = |name: &str| match scenario.vault.seal {
        SealSort::Static => Purpose::SealKey,
        SealSort::Shamir => names.purpose(name),
    };
    right_values(vault)
        .into_iter()
        .map(|(name, value)| {
            let purpose = purpose(&name);
            (name, purpose, SecretBytes::new(value))
        })
        .collect()
}

impl Scenario {
    /// Which cluster and vault this plays: reads like a real one, and is the same on every machine.
    pub fn identity(&self) -> crate::app::id::Identity {
        use sha2::{Digest as _, Sha256};
        let hash = Sha256::digest(self.name.as_bytes());
        let tail = hash.iter().take(6).fold(0_u64, |all, byte| (all << 8) | u64::from(*byte));
        let uid = format!("5a4dbb0c-0000-4000-8000-{tail:012x}");
        crate::app::id::Identity::of_cluster(&uid, &self.vault.namespace, &self.vault.name)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn sandbox(name: &str) -> Arc<Sandbox> {
        Sandbox::new(&Scenario::named(name).unwrap())
    }

    #[test]
    fn the_keystore_is_real_and_opens_without_a_word() {
        let keeper = sandbox("keys-wiped").held().keeper;
        let look = keeper.look();
        let seen = look.present().unwrap();
        assert!(seen.comparable && seen.generations.len() == 3, "{seen:?}");
        assert_eq!(keeper.unlock_silently().unwrap(), "slot 1, keyfile");
        let shares = keeper.with(|opened| opened.payload().generation(3).unwrap().shares.len()).unwrap();
        assert_eq!(shares, seen.current().unwrap().prints.len());
        // Whoever asks again gets the same one, open.
        let world = sandbox("keys-wiped");
        world.held().keeper.unlock_silently().unwrap();
        assert!(world.held().keeper.is_open());
    }

    #[test]
    fn copies_fall_behind_when_the_keystore_is_written() {
        use crate::app::model::copies::CopyState;
        let world = sandbox("keys-wiped");
        let states = || match world.holdings.told(FeedId::Copies) {
            Some(Fact::Copies(copies)) => copies.into_iter().map(|copy| copy.state).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assert_eq!(states(), [CopyState::Same, CopyState::Same]);
        let keeper = world.held().keeper;
        keeper.unlock_silently().unwrap();
        keeper.change(Timestamp::UNIX_EPOCH, |_| Ok(())).unwrap();
        assert!(states().iter().all(|state| *state == CopyState::Older { revision: 1 }), "{:?}", states());
    }
}
