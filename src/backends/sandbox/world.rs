//! The simulated world: its clock, its script, its vault and its cluster, and who watches.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures::channel::mpsc::UnboundedSender;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::cluster::{Cluster, Phase, right_values};
use super::event::{Event, Scheduled};
use super::kept::KeystoreSettings;
use super::objects;
use super::scenario::{Scenario, SealSort};
use super::secret::KeysSecret;
use super::seed::{Seed, hex};
use super::shelf::Shelf;
use super::vault::Vault;
use crate::app::trouble::Trouble;
use crate::backends::kube::port::{Change, Watched};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Everything, under one lock.
pub(super) struct World {
    pub(super) now: Timestamp,
    start: Timestamp,
    /// The last second that has been lived through.
    lived: Option<Timestamp>,
    script: VecDeque<Scheduled>,
    pub(super) vault: Vault,
    pub(super) cluster: Cluster,
    /// The API server answers.
    pub(super) up: bool,
    /// Resources that this identity may not touch.
    pub(super) denied: BTreeSet<String>,
    /// ConfigMaps that somebody applied, by namespace and name.
    pub(super) config_maps: BTreeMap<(String, String), Option<serde_json::Value>>,
    /// What the scenario wrote down itself.
    pub(super) shelf: Shelf,
    /// How the keys are kept from now on, until that is taken up.
    pub(super) kept: Option<Box<KeystoreSettings>>,
    watchers: Vec<Watcher>,
}

/// One watch and what it was told last.
struct Watcher {
    what: Watched,
    to: UnboundedSender<Result<Change, Trouble>>,
    told: Option<Result<String, Trouble>>,
}

impl World {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let now = scenario.start;
        let settings = &scenario.vault;
        let mut vault = Vault::new(settings, now - SignedDuration::from_hours(72));
        let keys = settings.initialized || settings.seal == SealSort::Static;
        let secret = (!settings.secret.is_empty() && keys).then(|| {
            let written = now - SignedDuration::from_hours(40 * 24);
            KeysSecret::new(&settings.namespace, &settings.secret, right_values(&vault), scenario.written(), written)
        });
        let cluster = Cluster::new(settings, secret, now);
        for pod in cluster.pods.iter().filter(|pod| pod.phase != Phase::Running) {
            if let Some(at) = vault.position(&pod.name) {
                vault.stop(at, true);
            }
        }
        let mut shelf = Shelf::default();
        for object in &scenario.objects {
            shelf.put(object, now);
        }
        for (path, answer) in &scenario.answers {
            shelf.answer(path, answer.clone(), now);
        }
        Self {
            shelf,
            now,
            start: now,
            lived: None,
            script: scenario.events.iter().cloned().collect(),
            vault,
            cluster,
            up: true,
            denied: BTreeSet::new(),
            config_maps: BTreeMap::new(),
            kept: None,
            watchers: Vec::new(),
        }
    }

    /// Lives until then: whole seconds since the start, one by one, however often this is called; what is due happens,
    /// then everything takes its course.
    pub(super) fn advance_to(&mut self, until: Timestamp) {
        let target = until.max(self.now);
        while self.lived.is_none_or(|lived| lived + SECOND <= target) {
            let next = self.lived.map_or(self.start, |lived| lived + SECOND);
            self.lived = Some(next);
            self.now = self.now.max(next);
            self.settle();
        }
        self.now = target;
    }

    fn settle(&mut self) {
        while let Some(due) = self.script.pop_front_if(|due| self.start + due.at <= self.now) {
            self.happen(&due.event);
        }
        self.cluster.step(&mut self.vault, self.up, self.now);
        self.vault.step(self.now);
        self.tell();
    }

    /// Something from outside.
    fn happen(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::SecretEmptied { how } => self.with_secret(|secret, version| secret.empty(*how, version, now)),
            Event::SecretDeleted => self.with_secret(|secret, _| secret.delete()),
            Event::SecretRestored => self.with_secret(|secret, version| secret.restore(version, now)),
            Event::SecretSpoiled => self.with_secret(|secret, version| secret.spoil(version, now)),
            Event::SecretPlaceheld => self.with_secret(|secret, version| secret.placehold(version, now)),
            Event::SecretFieldLost => self.with_secret(|secret, version| secret.lose(version, now)),
            Event::Keystore { settings } => self.kept = Some(settings.clone()),
            Event::MountChanged { to } => self.cluster.settings.mount = *to,
            Event::Initialized { pod } => {
                let (shares, threshold) = (self.cluster.settings.shares, self.cluster.settings.threshold);
                if let Some(at) = self.vault.position(pod).filter(|_| self.vault.keys.is_none()) {
                    self.vault.init(at, shares, threshold, now);
                }
            }
            Event::PodUnsealed { pod } => {
                let right: Vec<_> = self.vault.keys.iter().flat_map(super::vault::Keys::hex).collect();
                if let Some(at) = self.vault.position(pod) {
                    for share in &right {
                        let sealed =
                            self.vault.server(at).is_some_and(|server| server.sealed && server.opens.is_none());
                        // A server that takes no more has been given enough.
                        if !sealed || self.vault.unseal(at, share, now).is_err() {
                            break;
                        }
                    }
                }
            }
            Event::PodMended { pod } => self.cluster.mend(pod, now),
            Event::PodDeleted { pod } => self.cluster.delete(pod, &mut self.vault, now),
            Event::PodKilled { pod } => self.cluster.kill(pod, true, &mut self.vault, now),
            Event::PodStopped { pod } => self.cluster.kill(pod, false, &mut self.vault, now),
            Event::PodSealed { pod } => {
                if let Some(at) = self.vault.position(pod) {
                    self.vault.seal(at);
                }
            }
            Event::UnsealerScaled { to } => self.cluster.scale(*to, now),
            Event::ApiServer { up } => self.up = *up,
            Event::Rights { deny } => self.denied = deny.iter().cloned().collect(),
            Event::StrangerShare { pod } => {
                if let Some(at) = self.vault.position(pod) {
                    let length = if self.cluster.settings.shares == 1 { 32 } else { 33 };
                    let share = hex(&Seed::of(&format!("stranger {pod}")).bytes(length));
                    // What the server says to the stranger is nobody's business here.
                    let _ = self.vault.unseal(at, &share, now);
                }
            }
            Event::Objects { put } => put.iter().for_each(|object| self.shelf.put(object, now)),
            Event::ObjectGone { kind, namespace, name } => self.shelf.remove(kind, namespace, name),
            Event::Answers { set } => {
                for (path, answer) in set {
                    self.shelf.answer(path, answer.clone(), now);
                }
            }
            Event::Upgraded { version } => self.cluster.settings.version.clone_from(version),
            Event::ClockSkew { pod, seconds } => {
                if let Some(server) = self.vault.servers.iter_mut().find(|server| server.name == *pod) {
                    server.skew = *seconds;
                }
            }
        }
    }

    /// The same, by hand; watchers hear of it at once.
    pub(super) fn interfere(&mut self, event: &Event) {
        self.happen(event);
        self.tell();
    }

    fn with_secret(&mut self, change: impl FnOnce(&mut KeysSecret, u64)) {
        let version = self.cluster.next_version();
        if let Some(secret) = &mut self.cluster.secret {
            change(secret, version);
        }
    }

    /// All pods that a selector takes.
    pub(super) fn pods(&self, namespace: &str, selector: &str) -> Vec<Pod> {
        if namespace != self.cluster.settings.namespace {
            return Vec::new();
        }
        let all = self.cluster.pods.iter().chain(&self.cluster.helper);
        all.map(|pod| objects::pod(&self.cluster, pod, &self.vault))
            .filter(|pod| {
                objects::selects(selector, pod.metadata.labels.as_ref().unwrap_or(&std::collections::BTreeMap::new()))
            })
            .collect()
    }

    /// The keys Secret, if that is the one asked for.
    pub(super) fn secret(&self, namespace: &str, name: &str) -> Option<&KeysSecret> {
        self.cluster.secret.as_ref().filter(|s| s.namespace == namespace && s.name == name)
    }

    /// Adds a watch; it is told at once how things are.
    pub(super) fn watch(&mut self, what: Watched, to: UnboundedSender<Result<Change, Trouble>>) {
        self.watchers.push(Watcher { what, to, told: None });
        self.tell();
    }

    /// Tells watchers what is new to them; drops those whose end is closed.
    pub(super) fn tell(&mut self) {
        let mut watchers = std::mem::take(&mut self.watchers);
        watchers.retain_mut(|watcher| {
            let (face, change) = match self.look(&watcher.what) {
                Ok((face, change)) => (Ok(face), Ok(change)),
                Err(trouble) => (Err(trouble.clone()), Err(trouble)),
            };
            if watcher.told.as_ref() == Some(&face) {
                return !watcher.to.is_closed();
            }
            watcher.told = Some(face);
            watcher.to.unbounded_send(change).is_ok()
        });
        self.watchers = watchers;
    }

    /// What a watch would see now, with a word by which a change is noticed.
    fn look(&self, what: &Watched) -> Result<(String, Change), Trouble> {
        match what {
            Watched::Secret { namespace, name } => {
                self.gate("watch", "", "secrets", namespace, Some(name))?;
                let secret = self.secret(namespace, name).and_then(KeysSecret::object);
                let face = secret.as_ref().map(|s| s.metadata.resource_version.clone().unwrap_or_default());
                Ok((face.unwrap_or_default(), Change::Secret(secret.map(Box::new))))
            }
            Watched::Pods { namespace, selector } => {
                self.gate("watch", "", "pods", namespace, None)?;
                let pods = self.pods(namespace, selector);
                let versions = pods.iter().filter_map(|pod| pod.metadata.resource_version.as_deref());
                Ok((versions.collect::<Vec<_>>().join(","), Change::Pods(pods)))
            }
        }
    }
}
