//! Fills a real API server with many objects, lets them change at a rate, and measures how long one change takes to be seen.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::lab::Lab;
use crate::stalls::Stall;
use crate::terminal::Terminal;

/// Requests that are under way together.
const TOGETHER: usize = 48;
const SPACE: &str = "scale";
/// The node whose pressure is the change that is watched for. It sorts behind all others while it is well.
const PROBE: &str = "zz-probe";

/// How much of everything.
pub struct Size {
    secrets: usize,
    sync: usize,
    nodes: usize,
    pods: usize,
}

impl Size {
    /// One part in so many of the whole.
    pub fn part(part: usize) -> Self {
        Self { secrets: 10_000 / part, sync: 5_000 / part, nodes: 1_000 / part, pods: 5_000 / part }
    }

    pub fn words(&self) -> String {
        let Self { secrets, sync, nodes, pods } = self;
        format!("{secrets} Secrets, {sync} sync objects, {nodes} nodes, {pods} pods")
    }

    /// Whether everything is on the screen: every card has its figures.
    pub fn shown(&self, text: &str) -> bool {
        !text.contains("looking") && text.contains(&self.sync.to_string())
    }
}

/// The filled cluster.
pub struct Cluster {
    runtime: Runtime,
    client: Client,
}

/// What watches that do nothing else were told of the probe: the floor below which no program beside this API server comes.
pub struct Bare {
    told: Arc<Mutex<HashMap<String, Instant>>>,
    tasks: [tokio::task::JoinHandle<()>; 4],
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// How long one change took.
pub struct Took {
    written: Instant,
    /// From the API server's answer until it was on the screen.
    pub screen: Duration,
    /// And until the bare watch was told of it.
    pub bare: Duration,
}

impl Took {
    /// Whether this fell into one of these.
    pub fn within(&self, stalls: &[Stall]) -> bool {
        stalls.iter().any(|(from, to)| *from <= self.written + self.screen && self.written <= *to)
    }
}

/// Changes that go on until this is dropped.
pub struct Noise(Arc<AtomicBool>);

impl Drop for Noise {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn kind(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn vss() -> ApiResource {
    kind("secrets.hashicorp.com", "v1beta1", "VaultStaticSecret")
}

impl Cluster {
    /// Makes the objects.
    pub fn fill(lab: &Lab, size: &Size) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let client = connect(&runtime, &lab.kubeconfig);
        let cluster = Self { runtime, client };
        cluster.make(kind("", "v1", "Namespace"), None, vec![json!({"metadata": {"name": SPACE}})]);
        cluster.make(kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), None, vec![definition()]);
        // The API server serves a new kind a moment after it was told of it.
        std::thread::sleep(Duration::from_secs(3));
        let nodes = (0..size.nodes.saturating_sub(1)).map(|n| format!("node-{n:04}")).chain([PROBE.to_owned()]);
        cluster.make(kind("", "v1", "Node"), None, nodes.map(|name| json!({"metadata": {"name": name}})).collect());
        let secrets = (0..size.secrets).map(
            |n| json!({"metadata": {"name": format!("secret-{n:05}")}, "stringData": {"value": "x".repeat(1_024)}}),
        );
        cluster.make(kind("", "v1", "Secret"), Some(SPACE), secrets.collect());
        cluster.make(vss(), Some(SPACE), (0..size.sync).map(static_secret).collect());
        let pods = (0..size.pods).map(|n| pod(n, n % size.nodes.saturating_sub(1).max(1)));
        cluster.make(kind("", "v1", "Pod"), Some(SPACE), pods.collect());
        // kwok needs a while until all of them run.
        let wanted = size.pods;
        let running = || {
            let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), SPACE, &kind("", "v1", "Pod"));
            let params = ListParams::default().fields("status.phase=Running");
            cluster.runtime.block_on(api.list_metadata(&params)).unwrap().items.len()
        };
        for _ in 0..120 {
            if running() >= wanted {
                break;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        cluster
    }

    fn make(&self, resource: ApiResource, namespace: Option<&str>, objects: Vec<Value>) {
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let made = stream::iter(objects).map(|object| {
            let (api, resource) = (api.clone(), resource.clone());
            async move {
                let mut object = object;
                object["apiVersion"] = json!(resource.api_version);
                object["kind"] = json!(resource.kind);
                let object: DynamicObject = serde_json::from_value(object).unwrap();
                match api.create(&PostParams::default(), &object).await {
                    Ok(_) => {}
                    Err(kube::Error::Api(status)) if status.code == 409 => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        self.runtime.block_on(made.buffer_unordered(TOGETHER).collect::<Vec<_>>());
    }

    /// So many changes a second, in turn to a Secret's metadata, a sync object's heartbeat, a pod's metadata.
    pub fn noise(&self, rate: u32) -> Noise {
        let stop = Arc::new(AtomicBool::new(rate == 0));
        let (ended, client) = (Arc::clone(&stop), self.client.clone());
        if rate > 0 {
            self.runtime.spawn(async move {
                let mut beat = tokio::time::interval(Duration::from_secs(1) / rate);
                let mut n = 0_usize;
                while !ended.load(Ordering::Relaxed) {
                    beat.tick().await;
                    n += 1;
                    let note = json!({"metadata": {"annotations": {"scale": n.to_string()}}});
                    let beats = json!({"status": conditions()});
                    let (resource, name, patch) = match n % 3 {
                        0 => (kind("", "v1", "Secret"), format!("secret-{:05}", n % 500), note),
                        1 => (vss(), format!("sync-{:05}", n % 500), beats),
                        _ => (kind("", "v1", "Pod"), format!("pod-{:05}", n % 500), note),
                    };
                    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), SPACE, &resource);
                    // Not awaited: a slow answer must not make the rate smaller.
                    tokio::spawn(async move { api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await });
                }
            });
        }
        Noise(stop)
    }

    /// Watches the same kinds through the same relay without doing anything with them.
    pub fn bare(&self, kubeconfig: &Path) -> Bare {
        let client = connect(&self.runtime, kubeconfig);
        let told: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
        let kinds = [kind("", "v1", "Node"), kind("", "v1", "Pod"), vss(), kind("", "v1", "Secret")];
        let tasks = kinds.map(|kind| {
            let (secrets, nodes, to) = (kind.kind == "Secret", kind.kind == "Node", Arc::clone(&told));
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
            self.runtime.spawn(async move {
                let params = WatchParams::default();
                loop {
                    let mut versions = if secrets {
                        api.watch_metadata(&params, "0").await.unwrap().map(|event| event.map(version)).boxed()
                    } else {
                        api.watch(&params, "0").await.unwrap().map(|event| event.map(version)).boxed()
                    };
                    while let Some(Ok(version)) = versions.next().await {
                        if let Some(version) = version.filter(|_| nodes) {
                            to.lock().unwrap().entry(version).or_insert_with(Instant::now);
                        }
                    }
                }
            })
        });
        Bare { told, tasks }
    }

    /// Puts one node under pressure, or takes it away again.
    pub fn probe(&self, n: usize, screen: &mut Terminal, bare: &Bare) -> Option<Took> {
        let pressed = n.is_multiple_of(2);
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &kind("", "v1", "Node"));
        let status = if pressed { "True" } else { "False" };
        let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let patch = json!({"status": {"conditions": [{"type": "MemoryPressure", "status": status, "reason": "Scale",
            "lastTransitionTime": at, "lastHeartbeatTime": at}]}});
        let (params, patch) = (PatchParams::default(), Patch::Strategic(patch));
        let node = self.runtime.block_on(api.patch_status(PROBE, &params, &patch)).unwrap();
        let written = Instant::now();
        let since = |at: Instant| at.checked_duration_since(written).unwrap_or_default();
        // Only its row in the card says both: the timeline and the alerts name it too.
        let seen = screen.until(|text| text.lines().any(row_of_probe) == pressed)?;
        // A watch that lies behind tells several changes at once: then this one came with a later one.
        let version = node.metadata.resource_version.unwrap();
        let told = bare.told.lock().unwrap().get(&version).copied();
        Some(Took { written, screen: since(seen), bare: told.map(since).unwrap_or_default() })
    }

    /// Takes everything away that is not in a namespace of its own.
    pub fn empty(&self) {
        let nodes: Api<DynamicObject> = Api::all_with(self.client.clone(), &kind("", "v1", "Node"));
        let space: Api<DynamicObject> = Api::all_with(self.client.clone(), &kind("", "v1", "Namespace"));
        self.runtime.block_on(async {
            let _ = space.delete(SPACE, &DeleteParams::background()).await;
            let all = nodes.list_metadata(&ListParams::default()).await.unwrap().items;
            let ours = all.into_iter().filter_map(|node| node.metadata.name);
            for name in ours.filter(|name| name.starts_with("node-0") || name == PROBE) {
                let _ = nodes.delete(&name, &DeleteParams::default()).await;
            }
            while space.get_opt(SPACE).await.unwrap().is_some() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
    }
}

fn connect(runtime: &Runtime, kubeconfig: &Path) -> Client {
    let text = std::fs::read_to_string(kubeconfig).unwrap();
    runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Kubeconfig::from_yaml(&text).unwrap();
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    })
}

/// The version of what was added or changed.
fn version<K: ResourceExt>(event: WatchEvent<K>) -> Option<String> {
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => object.resource_version(),
        WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) | WatchEvent::Error(_) => None,
    }
}

fn row_of_probe(line: &str) -> bool {
    // A mark in front of the name is what a row of the card has; the alerts have none there, and the timeline tells what it has.
    ["✗", "▲"].iter().any(|mark| {
        let named = format!("{mark} {PROBE}");
        line.match_indices(&named).any(|(at, named)| !line[at + named.len()..].starts_with(" has "))
    })
}

fn definition() -> Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({"metadata": {"name": "vaultstaticsecrets.secrets.hashicorp.com"}, "spec": {
        "group": "secrets.hashicorp.com", "scope": "Namespaced",
        "names": {"kind": "VaultStaticSecret", "plural": "vaultstaticsecrets", "singular": "vaultstaticsecret"},
        "versions": [{"name": "v1beta1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]}})
}

fn conditions() -> Value {
    let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |kind: &str, reason: &str| {
        json!({"type": kind, "status": "True", "reason": reason,
        "message": "fine", "lastTransitionTime": at, "observedGeneration": 1})
    };
    json!({"lastGeneration": 1, "conditions":
        [condition("SecretSynced", "Synced"), condition("Healthy", "Healthy"), condition("Ready", "Ready")]})
}

fn static_secret(n: usize) -> Value {
    json!({"metadata": {"name": format!("sync-{n:05}")},
        "spec": {"type": "kv-v2", "mount": "kv", "path": format!("scale/{n:05}"), "refreshAfter": "24h",
            "vaultAuthRef": "openbao", "destination": {"name": format!("secret-{n:05}"), "create": true}},
        "status": conditions()})
}

fn pod(n: usize, node: usize) -> Value {
    json!({"metadata": {"name": format!("pod-{n:05}"), "labels": {"app": "scale"}},
        "spec": {"nodeName": format!("node-{node:04}"), "automountServiceAccountToken": false,
            "containers": [{"name": "main", "image": "scale", "env": [{"name": "VALUE", "valueFrom":
                {"secretKeyRef": {"name": format!("secret-{n:05}"), "key": "value"}}}]}]}})
}
