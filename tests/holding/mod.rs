//! A keystore in a temporary folder, places for its copies, and what the hands need, for tests of copies and custody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that breaks should stop there"
)]
#![allow(dead_code, reason = "each test file uses the part it needs")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use baowatch::app::id::Identity;
use baowatch::app::model::keystore::KeyKind;
use baowatch::app::runtime::clock::WallClock;
use baowatch::app::runtime::slots::Slots;
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::backends::bao::transport::{Request, Response, Transport};
use baowatch::backends::copies::kv::Own;
use baowatch::backends::copies::place::{Ground, Mounted};
use baowatch::backends::copies::secret::{Cluster, Clusters};
use baowatch::backends::copies::{Around, Copies};
use baowatch::backends::hands::{Gear, Tools};
use baowatch::backends::keys::{FieldNames, Salt};
use baowatch::backends::keystore::kdf::Cost;
use baowatch::backends::keystore::opened::NewKeys;
use baowatch::backends::keystore::store::FileStore;
use baowatch::backends::keystore::{Keeper, Opened, Opener, SecretBytes};
use baowatch::backends::kube::port::{Access, Change, Kube, KubeWrite, Many, SecretApply, Step, Watched};
use futures::stream::{BoxStream, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use zeroize::Zeroizing;

/// A machine with a stick in it, until somebody takes it out.
pub struct Stick {
    stick: PathBuf,
    mounted: AtomicBool,
}

impl Stick {
    pub fn unmount(&self) {
        self.mounted.store(false, Ordering::Relaxed);
    }
}

impl Ground for Stick {
    fn under(&self, path: &Path) -> io::Result<Mounted> {
        let stick = path.starts_with(&self.stick) && self.mounted.load(Ordering::Relaxed);
        let (device, fs, source, disk) =
            if stick { (2, "vfat", "/dev/sdb1", "sdb") } else { (1, "ext4", "/dev/sda1", "sda") };
        Ok(Mounted { device, fs: fs.into(), source: source.into(), disks: vec![disk.into()], removable: stick })
    }
}

/// Two clusters: `prod`, where the vault is, and `mgmt`.
#[derive(Default)]
pub struct Two(Arc<Mutex<BTreeMap<String, BTreeMap<String, ByteString>>>>);

#[async_trait]
impl Clusters for Two {
    async fn open(&self, context: &str) -> Result<Cluster, Trouble> {
        let one = || One { context: context.to_owned(), secrets: Arc::clone(&self.0) };
        Ok((Arc::new(one()), Arc::new(one())))
    }
}

struct One {
    context: String,
    secrets: Arc<Mutex<BTreeMap<String, BTreeMap<String, ByteString>>>>,
}

#[async_trait]
impl KubeWrite for One {
    async fn apply_secret(&self, apply: SecretApply) -> Result<(), Trouble> {
        let key = format!("{}:{}/{}", self.context, apply.namespace, apply.name);
        // As an API server does for one manager: what is not named any more is gone.
        let data = apply.fields.iter().map(|(name, value)| (name.clone(), ByteString(value.to_vec()))).collect();
        self.secrets.lock().unwrap().insert(key, data);
        Ok(())
    }
    async fn apply_secret_over(&self, version: &str, apply: SecretApply) -> Result<(), Trouble> {
        assert_eq!(version, "1", "the version that was read");
        self.apply_secret(apply).await
    }
    async fn apply_config_map(&self, _: &str, _: &str, _: &str, _: Vec<(String, String)>) -> Result<(), Trouble> {
        unreachable!()
    }
}

#[async_trait]
impl Kube for One {
    async fn kube_system_uid(&self) -> Result<String, Trouble> {
        Ok(format!("{}-uid", self.context))
    }
    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Secret>, Trouble> {
        let key = format!("{}:{namespace}/{name}", self.context);
        let data = self.secrets.lock().unwrap().get(&key).cloned();
        let metadata = || ObjectMeta { resource_version: Some("1".to_owned()), ..ObjectMeta::default() };
        Ok(data.map(|data| Secret { data: Some(data), metadata: metadata(), ..Secret::default() }))
    }
    async fn vaults(&self, _: Option<&str>) -> Result<Vec<StatefulSet>, Trouble> {
        unreachable!()
    }
    async fn stateful_set(&self, _: &str, _: &str) -> Result<Option<StatefulSet>, Trouble> {
        unreachable!()
    }
    async fn pods(&self, _: &str, _: &str) -> Result<Vec<Pod>, Trouble> {
        unreachable!()
    }
    async fn deployments(&self, _: &str) -> Result<Vec<Deployment>, Trouble> {
        unreachable!()
    }
    async fn daemon_sets(&self, _: &str) -> Result<Vec<DaemonSet>, Trouble> {
        unreachable!()
    }
    async fn cron_jobs(&self, _: &str) -> Result<Vec<CronJob>, Trouble> {
        unreachable!()
    }
    async fn config_map(&self, _: &str, _: &str) -> Result<Option<ConfigMap>, Trouble> {
        unreachable!()
    }
    async fn secret_names(&self, _: &str) -> Result<Vec<ObjectMeta>, Trouble> {
        unreachable!()
    }
    async fn may(&self, _: &Access) -> Result<bool, Trouble> {
        unreachable!()
    }
    async fn list(&self, many: &Many) -> Result<Vec<Value>, Trouble> {
        Err(Trouble::new(TroubleKind::Absent, &format!("no {}", many.kind.plural), "", ""))
    }

    async fn ping(&self, many: &Many) -> Result<(), Trouble> {
        self.list(many).await.map(|_| ())
    }

    fn follow(&self, _: Many) -> BoxStream<'static, Result<Step, Trouble>> {
        futures::stream::pending().boxed()
    }

    async fn raw(&self, _: &str, _: &str) -> Result<Option<Value>, Trouble> {
        Ok(None)
    }

    fn watch(&self, _: Watched) -> BoxStream<'static, Result<Change, Trouble>> {
        unreachable!()
    }
}

struct NoVault;

#[async_trait]
impl Own for NoVault {
    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }
    async fn cluster_id(&self) -> Option<String> {
        None
    }
}

struct Nobody;

#[async_trait]
impl Transport for Nobody {
    async fn send(&self, _: &str, _: Request) -> Result<Response, Trouble> {
        unreachable!("no replica is asked")
    }
}

/// The shares of the n-th generation.
pub fn generation(n: u8) -> Vec<Vec<u8>> {
    vec![vec![n.wrapping_mul(17) | 0x40; 33], vec![n.wrapping_mul(31) | 0x20; 33]]
}

/// A keystore with one generation and one keyfile slot, open.
pub struct Bench {
    home: tempfile::TempDir,
    elsewhere: tempfile::TempDir,
    pub keeper: Keeper,
    pub copies: Arc<Copies>,
    pub ground: Arc<Stick>,
}

impl Bench {
    pub fn new() -> Self {
        Self::of("prod-uid/data/openbao")
    }

    pub fn of(identity: &str) -> Self {
        let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (identity, salt) = (Identity(identity.to_owned()), Salt(vec![7; 16]));
        let store = Arc::new(FileStore(home.path().join("prod.keystore")));
        let keeper = Keeper::new(store, identity.clone(), salt.clone(), Arc::new(|_| Vec::new()), false);
        let ground = Arc::new(Stick { stick: elsewhere.path().to_owned(), mounted: AtomicBool::new(true) });
        let copies = Arc::new(Copies::new(Some(Around {
            folder: home.path().to_owned(),
            keeper: keeper.clone(),
            holder: "anna".to_owned(),
            every: None,
            clock: Arc::new(WallClock),
            ground: Arc::clone(&ground) as Arc<dyn Ground>,
            clusters: Arc::new(Two::default()),
            own: Arc::new(NoVault),
        })));
        let bench = Self { home, elsewhere, keeper, copies, ground };
        let opener = Opener::Keyfile(Bench::keyfile());
        let new = Opened::create(&identity, &salt, &opener, Cost::FLOOR, "first", now()).unwrap();
        bench.keeper.create(new, now()).unwrap();
        bench.add_generation(1);
        bench
    }

    pub fn keyfile() -> Zeroizing<[u8; 32]> {
        Zeroizing::new([5; 32])
    }

    pub fn unlock(&self) {
        self.keeper.unlock(&Opener::Keyfile(Bench::keyfile())).unwrap();
    }

    pub fn add_generation(&self, n: u8) {
        let keys = NewKeys {
            kind: KeyKind::Unseal,
            threshold: 2,
            total: 2,
            shares: generation(n).into_iter().map(SecretBytes::new).collect(),
            root_token: None,
            fields: Vec::new(),
            source: "typed".to_owned(),
            vault_cluster_id: None,
        };
        self.keeper
            .change(now(), |opened| {
                opened.add_generation(keys, now()).unwrap();
                Ok(())
            })
            .unwrap();
    }

    pub fn revision(&self) -> u64 {
        self.keeper.look().present().unwrap().revision
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn elsewhere(&self) -> &Path {
        self.elsewhere.path()
    }

    pub fn tools(&self) -> Tools {
        let gear =
            Gear::bare(Arc::new(Nobody), None, FieldNames::default(), self.keeper.salt().clone(), Slots::default());
        Tools::new(Gear { keeper: self.keeper.clone(), copies: Arc::clone(&self.copies), ..gear })
    }
}

pub fn now() -> Timestamp {
    "2026-11-22T05:00:00Z".parse().unwrap()
}
