//! The simulated Kubernetes: pods that live and die, a kubelet that mounts late, and what unseals.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};

use super::mount::Mount;
use super::scenario::{SealSort, UnsealerSort, VaultSettings};
use super::secret::{KeysSecret, Values};
use super::seed::Seed;
use super::server::Server;
use super::vault::Vault;

const fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// What a pod is doing.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Volumes are being mounted and containers made; why it hangs, if it does.
    Creating {
        until: Timestamp,
        hangs: Option<String>,
    },
    Running,
    /// Asked to end; gone at this moment.
    Ending {
        until: Timestamp,
    },
}

/// One container's life.
pub(super) struct Container {
    /// `None` while it waits to be started again.
    pub(super) started: Option<Timestamp>,
    pub(super) restarts: u32,
    again: Option<Timestamp>,
}

impl Container {
    fn at(started: Timestamp) -> Self {
        Self { started: Some(started), restarts: 0, again: None }
    }

    fn ended(&mut self, again: Option<Timestamp>) {
        self.started = None;
        self.again = again;
    }
}

/// One pod. Without `Debug`: its mount holds shares.
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) version: u64,
    pub(super) created: Timestamp,
    pub(super) phase: Phase,
    pub(super) node: String,
    pub(super) address: String,
    /// The version of the server's image: that of the StatefulSet when the pod was made.
    pub(super) image: String,
    /// The server in a pod of the vault, the unsealer in a pod of the Deployment.
    pub(super) main: Container,
    pub(super) sidecar: Option<Container>,
    mount: Option<Mount>,
    /// What of it was last told to watchers, so that the version grows when it changes.
    face: String,
}

/// Everything beside the servers.
pub(super) struct Cluster {
    pub(super) settings: VaultSettings,
    pub(super) pods: Vec<Pod>,
    /// The Deployment's pod, if it has one.
    pub(super) helper: Option<Pod>,
    /// The Deployment's `spec.replicas`; 0 keeps sidecars crashing.
    pub(super) scale: u32,
    pub(super) generation: i64,
    pub(super) secret: Option<KeysSecret>,
    pub(super) version: u64,
    pub(super) installed: Timestamp,
    pub(super) system_uid: String,
    seed: Seed,
    next_unseal: Timestamp,
}

impl Cluster {
    /// As it has been for days.
    pub(super) fn new(settings: &VaultSettings, secret: Option<KeysSecret>, now: Timestamp) -> Self {
        let mut seed = Seed::of(&format!("cluster {}/{}", settings.namespace, settings.name));
        let mut cluster = Self {
            settings: settings.clone(),
            pods: Vec::new(),
            helper: None,
            scale: 1,
            generation: 1,
            secret,
            version: 8_800,
            installed: now - seconds(40 * 86_400),
            system_uid: seed.uuid(),
            seed,
            next_unseal: now,
        };
        let born = now - seconds(3 * 86_400);
        for name in settings.members() {
            let mut pod = cluster.make(name, born);
            cluster.admit(&mut pod, born);
            cluster.pods.push(pod);
        }
        if settings.unsealer == UnsealerSort::Deployment {
            let mut pod = cluster.make_helper(born);
            cluster.admit(&mut pod, born);
            cluster.helper = Some(pod);
        }
        cluster
    }

    fn make(&mut self, name: String, now: Timestamp) -> Pod {
        self.version += 1;
        let ordinal = name.rsplit('-').next().and_then(|n| n.parse::<u8>().ok()).unwrap_or(0);
        Pod {
            uid: self.seed.uuid(),
            version: self.version,
            image: self.settings.version.clone(),
            created: now,
            phase: Phase::Creating { until: now + seconds(4), hangs: None },
            node: format!("node-{}", char::from(b'a' + ordinal % 26)),
            address: format!("10.42.{ordinal}.{}", 10 + self.seed.below(200)),
            main: Container { started: None, restarts: 0, again: None },
            sidecar: (self.settings.unsealer == UnsealerSort::Sidecar).then_some(Container {
                started: None,
                restarts: 0,
                again: None,
            }),
            mount: None,
            face: String::new(),
            name,
        }
    }

    fn make_helper(&mut self, now: Timestamp) -> Pod {
        let name = format!("{}-unsealer-{}-{}", self.settings.name, "6d8f5c7b9d", self.seed.letters(5).to_lowercase());
        let mut pod = self.make(name, now);
        pod.sidecar = None;
        pod
    }

    /// Mounts the volumes; a pod that can start has its containers running afterwards.
    fn admit(&self, pod: &mut Pod, now: Timestamp) -> bool {
        let settings = &self.settings;
        let wants = pod.sidecar.is_some() || settings.seal == SealSort::Static || pod.name.contains("-unsealer-");
        if wants && !settings.secret.is_empty() {
            let items = key_fields(settings);
            match Mount::fresh(settings.mount, &items, self.secret.as_ref(), &pod.name) {
                Ok(mount) => pod.mount = Some(mount),
                Err(why) => {
                    pod.phase = Phase::Creating { until: now + seconds(5), hangs: Some(why) };
                    return false;
                }
            }
        }
        pod.phase = Phase::Running;
        pod.main = Container::at(now);
        pod.sidecar = pod.sidecar.is_some().then(|| Container::at(now));
        true
    }

    /// `kubectl delete pod`.
    pub(super) fn delete(&mut self, name: &str, vault: &mut Vault, now: Timestamp) {
        for pod in self.pods.iter_mut().chain(self.helper.iter_mut()).filter(|pod| pod.name == name) {
            pod.phase = Phase::Ending { until: now + seconds(3) };
            pod.main.ended(None);
            if let Some(sidecar) = &mut pod.sidecar {
                sidecar.ended(None);
            }
            if let Some(at) = vault.position(name) {
                vault.stop(at, true);
            }
        }
    }

    /// `kill -9` of the server; the kubelet starts the container again, where that helps.
    pub(super) fn kill(&mut self, name: &str, again: bool, vault: &mut Vault, now: Timestamp) {
        let running = |pod: &&mut Pod| pod.name == name && pod.phase == Phase::Running;
        if let (Some(pod), Some(at)) = (self.pods.iter_mut().find(running), vault.position(name)) {
            pod.main.ended(again.then(|| now + seconds(2)));
            vault.stop(at, false);
        }
    }

    /// What ended is started again, and stays.
    pub(super) fn mend(&mut self, name: &str, now: Timestamp) {
        let ended = |pod: &&mut Pod| pod.name == name && pod.phase == Phase::Running && pod.main.started.is_none();
        if let Some(pod) = self.pods.iter_mut().find(ended) {
            pod.main.ended(Some(now + seconds(2)));
        }
    }

    /// The unsealer is scaled; a sidecar crashes at 0 and runs again above.
    pub(super) fn scale(&mut self, to: u32, now: Timestamp) {
        self.scale = to;
        match self.settings.unsealer {
            UnsealerSort::Deployment => {
                self.generation += 1;
                if let (0, Some(pod)) = (to, &mut self.helper) {
                    pod.phase = Phase::Ending { until: now + seconds(2) };
                    pod.main.ended(None);
                }
            }
            UnsealerSort::Sidecar => {
                for container in self.pods.iter_mut().filter_map(|pod| pod.sidecar.as_mut()) {
                    container.ended((to > 0).then_some(now));
                }
            }
            UnsealerSort::None => {}
        }
    }

    /// One second of the cluster's life. Kubelets look at Secrets and controllers make pods only while the API server is
    /// `up`; what runs goes on without it.
    pub(super) fn step(&mut self, vault: &mut Vault, up: bool, now: Timestamp) {
        if up {
            for mount in self.pods.iter_mut().chain(self.helper.iter_mut()).filter_map(|pod| pod.mount.as_mut()) {
                mount.step(self.secret.as_ref(), now);
            }
            self.control(now);
            self.admissions(vault, now);
        }
        self.containers(vault, now);
        self.unsealers(vault, now);
        self.faces(vault);
    }

    /// The controllers: what has ended goes, what is missing comes.
    fn control(&mut self, now: Timestamp) {
        let gone = |pod: &Pod| matches!(pod.phase, Phase::Ending { until } if until <= now);
        self.pods.retain(|pod| !gone(pod));
        if self.helper.as_ref().is_some_and(gone) {
            self.helper = None;
        }
        if self.settings.unsealer == UnsealerSort::Deployment && self.scale > 0 && self.helper.is_none() {
            self.helper = Some(self.make_helper(now));
        }
        for (at, name) in self.settings.members().into_iter().enumerate() {
            if self.pods.iter().any(|pod| pod.name == name) {
                continue;
            }
            let waits = self.settings.ordered && self.pods.iter().take(at).any(|pod| !pod.face.contains("ready"));
            if waits {
                break;
            }
            let pod = self.make(name, now);
            self.pods.insert(at.min(self.pods.len()), pod);
        }
    }

    /// The kubelets: pods whose time has come are started.
    fn admissions(&mut self, vault: &mut Vault, now: Timestamp) {
        let due = |pod: &Pod| matches!(pod.phase, Phase::Creating { until, .. } if until <= now);
        let mut pods = std::mem::take(&mut self.pods);
        for pod in pods.iter_mut().filter(|pod| due(pod)) {
            if self.admit(pod, now) {
                if self.scale == 0
                    && let Some(sidecar) = &mut pod.sidecar
                {
                    sidecar.ended(None);
                }
                start_server(pod, vault, now);
            }
        }
        self.pods = pods;
        if let Some(mut pod) = self.helper.take() {
            if due(&pod) {
                self.admit(&mut pod, now);
            }
            self.helper = Some(pod);
        }
    }

    /// Containers that wait to be started again.
    fn containers(&mut self, vault: &mut Vault, now: Timestamp) {
        for pod in self.pods.iter_mut().filter(|pod| pod.phase == Phase::Running) {
            if pod.main.again.is_some_and(|again| again <= now) {
                let restarts = pod.main.restarts + 1;
                pod.main = Container { restarts, ..Container::at(now) };
                start_server(pod, vault, now);
            }
            if let Some(sidecar) = pod.sidecar.as_mut().filter(|s| s.again.is_some_and(|again| again <= now)) {
                *sidecar = Container { restarts: sidecar.restarts + 1, ..Container::at(now) };
            }
        }
    }

    /// Every five seconds, what unseals gives the shares of its mount to the sealed servers that it reaches.
    fn unsealers(&mut self, vault: &mut Vault, now: Timestamp) {
        if now < self.next_unseal {
            return;
        }
        self.next_unseal = now + seconds(5);
        let runs = |container: &Container| container.started.is_some();
        for pod in &self.pods {
            let from = match self.settings.unsealer {
                UnsealerSort::Sidecar => Some(pod).filter(|pod| pod.sidecar.as_ref().is_some_and(runs)),
                UnsealerSort::Deployment => self.helper.as_ref().filter(|helper| runs(&helper.main)),
                UnsealerSort::None => None,
            };
            let Some(mount) = from.and_then(|pod| pod.mount.as_ref()) else { continue };
            let Some(at) = vault.position(&pod.name) else { continue };
            let wants =
                |server: &Server| server.running && server.sealed && server.initialized() && server.opens.is_none();
            for share in mount.shares() {
                if !vault.server(at).is_some_and(wants) || vault.unseal(at, share.trim(), now).is_err() {
                    break;
                }
            }
        }
    }

    /// Notices what changed, as `resourceVersion` shows it.
    fn faces(&mut self, vault: &Vault) {
        for pod in self.pods.iter_mut().chain(self.helper.iter_mut()) {
            let ready = pod.main.started.is_some() && vault.position(&pod.name).is_none_or(|at| open(vault, at));
            let leads = vault.leader.is_some() && vault.leader == vault.position(&pod.name);
            let hangs = matches!(&pod.phase, Phase::Creating { hangs: Some(_), .. });
            let ending = matches!(pod.phase, Phase::Ending { .. });
            let sidecar = pod.sidecar.as_ref().map(|s| (s.started, s.restarts));
            let face = format!(
                "{} {:?} {} {sidecar:?} {hangs} {ending} {leads}",
                if ready { "ready" } else { "waits" },
                pod.main.started,
                pod.main.restarts
            );
            if face != pod.face {
                pod.face = face;
                self.version += 1;
                pod.version = self.version;
            }
        }
    }

    /// The next `resourceVersion`.
    pub(super) fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }
}

fn open(vault: &Vault, at: usize) -> bool {
    vault.server(at).is_some_and(Server::open)
}

/// Starts the server of a pod; one that ends at once is tried again after the kubelet's back-off.
fn start_server(pod: &mut Pod, vault: &mut Vault, now: Timestamp) {
    let Some(at) = vault.position(&pod.name) else { return };
    let file = pod.mount.as_ref().and_then(|mount| mount.files.get("key"));
    let key = file.and_then(|text| STANDARD.decode(text.trim_ascii()).ok());
    if !vault.start(at, &pod.image, key.as_deref(), now) {
        pod.main.ended(Some(now + seconds(20)));
    }
}

/// The fields of the keys Secret that a mount with `items` names.
pub(super) fn key_fields(settings: &VaultSettings) -> Vec<String> {
    match settings.seal {
        SealSort::Shamir => share_fields(settings.shares),
        SealSort::Static => share_fields(1),
    }
}

/// The fields of the keys Secret that hold shares: `key` for one, `unseal-key-0`… for several.
fn share_fields(shares: u32) -> Vec<String> {
    if shares <= 1 { vec!["key".to_owned()] } else { (0..shares).map(|n| format!("unseal-key-{n}")).collect() }
}

/// The right content of the keys Secret: shares and root token, or the key of a static seal.
pub(super) fn right_values(vault: &Vault) -> Values {
    let mut values = Values::new();
    if vault.sort == SealSort::Static {
        values.insert("key".to_owned(), STANDARD.encode(&*vault.seal_key).into_bytes());
        return values;
    }
    let Some(keys) = &vault.keys else { return values };
    for (field, share) in share_fields(keys.shares.len() as u32).into_iter().zip(keys.base64()) {
        values.insert(field, share.as_bytes().to_vec());
    }
    values.insert("root-token".to_owned(), keys.root_token.as_bytes().to_vec());
    values
}
