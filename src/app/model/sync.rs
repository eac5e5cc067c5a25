//! Objects that bring secrets from the vault into the cluster, as their operators last wrote them; what to believe of it is
//! concluded elsewhere.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::auths::{self, AuthSpec};
use super::paths::VaultPath;
use super::table::Named;
use crate::app::id::ObjectRef;

/// The kinds of two operators; VSO's group is `secrets.hashicorp.com`, ESO's `external-secrets.io` and
/// `generators.external-secrets.io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SyncKind {
    /// VSO: a KV path into a Secret.
    VaultStaticSecret,
    /// VSO: leased or static database credentials into a Secret.
    VaultDynamicSecret,
    /// VSO: a certificate into a Secret.
    VaultPKISecret,
    /// VSO: how to log in.
    VaultAuth,
    /// VSO: where the vault is.
    VaultConnection,
    /// VSO since 0.8: what VaultAuths have in common.
    VaultAuthGlobal,
    /// ESO: a path of a store into a Secret.
    ExternalSecret,
    /// ESO: a Secret into a store.
    PushSecret,
    /// ESO: where and as whom to log in, in one namespace.
    SecretStore,
    /// ESO: the same for the whole cluster.
    ClusterSecretStore,
    /// ESO: one of [`GENERATORS`].
    Generator,
}

/// The API group of ESO's generators.
pub const GENERATORS_GROUP: &str = "generators.external-secrets.io";

/// Generators that make a value by themselves or in the vault; the others fetch tokens of somebody else. The name in the
/// object's `kind`, and the one it has here: both operators have a `VaultDynamicSecret`.
pub const GENERATORS: [(&str, &str); 5] = [
    ("Password", "Password"),
    ("UUID", "UUID"),
    ("SSHKey", "SSHKey"),
    ("VaultDynamicSecret", "VaultDynamicSecretGenerator"),
    ("ClusterGenerator", "ClusterGenerator"),
];

/// What a generator of this kind is called here; `None` for one that is not followed.
pub fn generator_kind(kind: &str) -> Option<&'static str> {
    GENERATORS.iter().find(|(name, _)| *name == kind).map(|(_, row)| *row)
}

/// Whether objects of this name among ours are sync objects.
pub fn is_sync_kind(called: &str) -> bool {
    let generator = || GENERATORS.iter().any(|(_, row)| *row == called);
    SyncKind::ALL.into_iter().any(|kind| kind.name() == called) || generator()
}

/// The operator a kind belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operator {
    /// Vault Secrets Operator.
    Vso,
    /// External Secrets Operator.
    Eso,
}

/// One condition of a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `Ready`, `SecretSynced`, …
    pub kind: SmolStr,
    /// `True`, `False`, `Unknown`.
    pub status: SmolStr,
    /// Its reason.
    pub reason: SmolStr,
    /// Its message, made safe to draw; at most 400 characters are kept.
    pub message: SmolStr,
    /// `lastTransitionTime`: with VSO the time of the last write, whatever its name says.
    pub at: Option<Timestamp>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncSeen {
    /// Which.
    pub object: ObjectRef,
    /// What it is.
    pub kind: SyncKind,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// `metadata.generation`.
    pub generation: i64,
    /// Where it reads in the vault (or, for a PushSecret, writes); several for an ExternalSecret with several keys. A store
    /// has its mount here, and a VaultAuth with a namespace has that alone.
    pub sources: Vec<VaultPath>,
    /// The Secret it writes (or, for a PushSecret, reads).
    pub secret: Option<ObjectRef>,
    /// The declared cadence: `refreshAfter`, `refreshInterval`; `None` where it is unset.
    pub refresh: Option<SignedDuration>,
    /// The conditions as they are written.
    pub conditions: Vec<Condition>,
    /// The rest, kind by kind.
    pub detail: SyncDetail,
}

impl Named for SyncSeen {
    fn object(&self) -> &ObjectRef {
        &self.object
    }

    fn belongs_to(&self) -> Option<&ObjectRef> {
        self.secret.as_ref()
    }
}

/// What a VaultAuth or a store of ESO says of its login.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoginSaid {
    /// The auth method's mount.
    pub mount: String,
    /// The role.
    pub role: String,
    /// The ServiceAccount that logs in: its namespace, and its name. Without a namespace it is that of whoever goes through.
    pub account: Option<(String, String)>,
}

/// What only some kinds have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncDetail {
    /// VSS: `hmacSecretData` (default true).
    pub hmac: Option<bool>,
    /// VSS: `version` pins one.
    pub pinned: Option<u64>,
    /// `destination.create` (default false for VSO).
    pub creates: bool,
    /// `rolloutRestartTargets`: kind and name.
    pub restarts: Vec<(String, String)>,
    /// `vaultAuthRef`, `secretStoreRef` or the first of `secretStoreRefs`: what it depends on.
    pub through: Option<ObjectRef>,
    /// The stores that the entries of an ExternalSecret name for themselves (`sourceRef.storeRef`), or a PushSecret names
    /// beside the first, each once.
    pub stores: Vec<ObjectRef>,
    /// For each of the sources, the store that its entry names; shorter where the rest names none.
    pub ways: Vec<Option<ObjectRef>>,
    /// PushSecret: `secretStoreRefs[].labelSelector`.
    pub selects: Vec<StoreSelector>,
    /// PushSecret: the stores to which something was pushed, by `status.syncedPushSecrets`.
    pub pushed: Vec<ObjectRef>,
    /// Stores: their labels.
    pub labels: BTreeMap<String, String>,
    /// VDS: `lastRenewalTime`.
    pub renewed: Option<Timestamp>,
    /// VDS: `secretLease.duration`.
    pub lease: Option<SignedDuration>,
    /// VDS: `renewalPercent`.
    pub renewal_percent: Option<u8>,
    /// VDS with static credentials: `staticCredsMetaData.lastVaultRotation`.
    pub rotated: Option<Timestamp>,
    /// VDS with static credentials: `staticCredsMetaData.rotationPeriod`.
    pub rotation_period: Option<SignedDuration>,
    /// VPKI: `expiration`.
    pub expires: Option<Timestamp>,
    /// VPKI: `expiryOffset`.
    pub expiry_offset: Option<SignedDuration>,
    /// ESO: `refreshTime`.
    pub refreshed: Option<Timestamp>,
    /// ESO: `refreshPolicy`.
    pub policy: Option<String>,
    /// VPKI, VaultAuth, VaultConnection: `valid`.
    pub valid: Option<bool>,
    /// VPKI, VaultAuth: `error`.
    pub error: Option<String>,
    /// VaultAuth, VaultAuthGlobal: what they say of logging in.
    pub auth: Option<Box<AuthSpec>>,
    /// VaultAuth and stores: the login, by its own words alone.
    pub login: Option<Box<LoginSaid>>,
    /// ESO: it takes values from a generator of this kind and name. A ClusterGenerator names the kind that it stands for.
    pub generator: Option<(String, String)>,
    /// ESO: all the generators that it names, of the kinds that are followed.
    pub generators: Vec<ObjectRef>,
    /// Since when it waits to be deleted.
    pub deleting: Option<Timestamp>,
    /// The operator put its finalizer on it: it has looked at it at least once.
    pub taken: bool,
    /// VSO: `transformation.excludeRaw`; without it the Secret holds a key `_raw` that is not of the value.
    pub no_raw: bool,
    /// VDS: `allowStaticCreds`, or its status says so.
    pub static_creds: bool,
    /// VPKI: `notAfter`, the end that every new certificate gets too.
    pub not_after: Option<Timestamp>,
    /// VPKI: `lastRotation`.
    pub issued: Option<Timestamp>,
    /// ExternalSecret: `dataFrom[].find`; nothing found is no fault then.
    pub finds: bool,
    /// ESO: `deletionPolicy: Delete`.
    pub deletes: bool,
    /// PushSecret: `updatePolicy: IfNotExists`.
    pub if_absent: bool,
    /// ExternalSecret: `syncWindows`.
    pub windows: Option<SyncWindows>,
    /// VSO: `destination.overwrite`: it may take a Secret that somebody else made.
    pub overwrites: bool,
    /// VSO: it wrote something into the status: one without conditions is one of before 1.0 then, and not an empty one.
    pub observed: bool,
}

/// Stores that are meant by their labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSelector {
    /// Those of the whole cluster, rather than those of its own namespace.
    pub cluster: bool,
    /// All of these must be so; none of them means every store.
    pub tests: Vec<LabelTest>,
}

/// What must be so of a store's labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelTest {
    /// The label.
    pub key: String,
    /// Its value must be one of these, or must not; with no values it must be there, or must not.
    pub values: Vec<String>,
    /// `NotIn`, `DoesNotExist`.
    pub not: bool,
}

impl StoreSelector {
    /// Whether this store is meant, by an object of this namespace.
    pub fn means(&self, store: &SyncSeen, namespace: &str) -> bool {
        let here = match store.kind {
            SyncKind::ClusterSecretStore => self.cluster,
            SyncKind::SecretStore => !self.cluster && store.object.namespace == namespace,
            SyncKind::VaultStaticSecret
            | SyncKind::VaultDynamicSecret
            | SyncKind::VaultPKISecret
            | SyncKind::VaultAuth
            | SyncKind::VaultConnection
            | SyncKind::VaultAuthGlobal
            | SyncKind::ExternalSecret
            | SyncKind::PushSecret
            | SyncKind::Generator => false,
        };
        let holds = |test: &LabelTest| {
            let value = store.detail.labels.get(&test.key);
            test.not != value.is_some_and(|value| test.values.is_empty() || test.values.contains(value))
        };
        here && self.tests.iter().all(holds)
    }
}

/// When an ExternalSecret may be read again, in UTC: `syncWindows`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncWindows {
    /// `kind: deny`: it is not read inside of them, rather than outside.
    pub deny: bool,
    /// Each of them, at least one.
    pub each: Vec<SyncWindow>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncWindow {
    /// When it opens: five fields of cron, `@daily` or `@every 2h`. One that cannot be read is ignored by the operator.
    pub schedule: String,
    /// How long it stays open.
    pub lasts: SignedDuration,
}

impl SyncSeen {
    /// The condition of this type: their order changes from write to write.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Where it reads (or writes): what is known of it whole.
    pub fn places<'a>(&self, home: Option<&str>, find: impl Fn(&ObjectRef) -> Option<&'a Self>) -> Vec<VaultPath> {
        let placed = self.placed(home, find).into_iter().map(|(_, place)| place);
        placed.filter(|place| !place.mount.is_empty()).collect()
    }

    /// Each of its sources with its way to the vault, and with what that adds: an ExternalSecret alone does not say the
    /// mount, and an object of VSO inherits the namespace of its login. `home` is the namespace in which VSO runs, `find`
    /// finds an object by its name.
    pub fn placed<'a>(
        &self,
        home: Option<&str>,
        find: impl Fn(&ObjectRef) -> Option<&'a Self>,
    ) -> Vec<(Option<ObjectRef>, VaultPath)> {
        let auth = auths::auth_of(self, home);
        let login = auth.as_ref().and_then(|auth| {
            let spec = find(auth)?.detail.auth.as_deref()?;
            let login = auths::merged(auth, spec, home, |global| find(global)?.detail.auth.as_deref());
            Some(VaultPath::of_namespace(login.namespace.into()))
        });
        let placed = self.sources.iter().enumerate().map(|(index, source)| {
            let way = self.detail.way(index).or(auth.as_ref());
            let found = way.filter(|_| login.is_none()).and_then(&find);
            let place = source.through(login.as_ref().or_else(|| found?.sources.first()));
            (way.cloned(), place)
        });
        placed.collect()
    }
}

impl SyncDetail {
    /// What the source at this position is read through.
    pub fn way(&self, source: usize) -> Option<&ObjectRef> {
        self.ways.get(source).and_then(Option::as_ref).or(self.through.as_ref())
    }

    /// Everything that it is read through, each once.
    pub fn all_ways(&self) -> impl Iterator<Item = &ObjectRef> {
        self.through.iter().chain(self.stores.iter().filter(|store| self.through.as_ref() != Some(*store)))
    }
}

impl SyncKind {
    /// As in the object's `kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VaultStaticSecret => "VaultStaticSecret",
            Self::VaultDynamicSecret => "VaultDynamicSecret",
            Self::VaultPKISecret => "VaultPKISecret",
            Self::VaultAuth => "VaultAuth",
            Self::VaultConnection => "VaultConnection",
            Self::VaultAuthGlobal => "VaultAuthGlobal",
            Self::ExternalSecret => "ExternalSecret",
            Self::PushSecret => "PushSecret",
            Self::SecretStore => "SecretStore",
            Self::ClusterSecretStore => "ClusterSecretStore",
            Self::Generator => "Generator",
        }
    }

    /// A way to the vault, or a generator: others go through it.
    pub const fn is_way(self) -> bool {
        match self {
            Self::VaultAuth
            | Self::VaultConnection
            | Self::VaultAuthGlobal
            | Self::SecretStore
            | Self::ClusterSecretStore
            | Self::Generator => true,
            Self::VaultStaticSecret
            | Self::VaultDynamicSecret
            | Self::VaultPKISecret
            | Self::ExternalSecret
            | Self::PushSecret => false,
        }
    }

    /// Whose it is.
    pub const fn operator(self) -> Operator {
        match self {
            Self::VaultStaticSecret
            | Self::VaultDynamicSecret
            | Self::VaultPKISecret
            | Self::VaultAuth
            | Self::VaultConnection
            | Self::VaultAuthGlobal => Operator::Vso,
            Self::ExternalSecret
            | Self::PushSecret
            | Self::SecretStore
            | Self::ClusterSecretStore
            | Self::Generator => Operator::Eso,
        }
    }

    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::VaultStaticSecret,
        Self::VaultDynamicSecret,
        Self::VaultPKISecret,
        Self::VaultAuth,
        Self::VaultConnection,
        Self::VaultAuthGlobal,
        Self::ExternalSecret,
        Self::PushSecret,
        Self::SecretStore,
        Self::ClusterSecretStore,
        Self::Generator,
    ];
}

impl Operator {
    /// Its name in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vso => "Vault Secrets Operator",
            Self::Eso => "External Secrets Operator",
        }
    }

    /// The API group of its objects.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Vso => "secrets.hashicorp.com",
            Self::Eso => "external-secrets.io",
        }
    }
}

/// One Event an operator wrote about one of its objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSeen {
    /// About which object.
    pub object: ObjectRef,
    /// Its reason.
    pub reason: String,
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// Its message, made safe to draw; at most 400 characters are kept.
    pub message: String,
    /// First and last time it was written.
    pub first: Option<Timestamp>,
    /// Last time it was written.
    pub last: Option<Timestamp>,
    /// How often, as far as the Event says: repeats are folded, so this is no number of attempts.
    pub count: u32,
}

/// The process of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSeen {
    /// Which.
    pub operator: Operator,
    /// Its Deployment.
    pub object: ObjectRef,
    /// Replicas that are wanted.
    pub wanted: u32,
    /// Replicas that are ready.
    pub ready: u32,
    /// Since when the oldest running container of it runs; `None` where none does.
    pub since: Option<Timestamp>,
    /// The image's tag.
    pub version: String,
}

/// What the operators feed saw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OperatorsSeen {
    /// The processes.
    pub found: Vec<OperatorSeen>,
    /// Their Events, newest last.
    pub events: Vec<EventSeen>,
}
