//! What must be readable of a cluster. The real client and the sandbox both speak this; nothing here can write.

use async_trait::async_trait;
use futures::stream::BoxStream;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::app::model::sync::{GENERATORS_GROUP, generator_kind};
use crate::app::trouble::Trouble;

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// One Secret, by `fieldSelector` on its name: the only list and watch that a Role with `resourceNames` allows.
    Secret { namespace: String, name: String },
    /// Pods by label selector.
    Pods { namespace: String, selector: String },
}

/// What a watch brings.
#[derive(Debug, Clone)]
pub enum Change {
    /// The watched Secret as it is now, or that it is gone. Every version that the API server sends arrives here.
    Secret(Option<Box<Secret>>),
    /// All watched pods as they are now.
    Pods(Vec<Pod>),
}

/// A kind of objects that is read as JSON: custom resources, and what is digested from many objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind {
    /// API group; empty for core.
    pub group: &'static str,
    /// `v1`, `v1beta1`.
    pub version: &'static str,
    /// `VaultStaticSecret`.
    pub kind: &'static str,
    /// `vaultstaticsecrets`.
    pub plural: &'static str,
}

impl Kind {
    /// Names one.
    pub const fn new(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Self {
        Self { group, version, kind, plural }
    }

    /// What its objects are called among ours: two groups have a kind of one name.
    pub fn called(self) -> &'static str {
        let generator = if self.group == GENERATORS_GROUP { generator_kind(self.kind) } else { None };
        generator.unwrap_or(self.kind)
    }
}

/// Many objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Many {
    pub kind: Kind,
    /// `None` for the whole cluster.
    pub namespace: Option<String>,
    /// Label selector; empty for all.
    pub labels: String,
    /// Field selector; empty for all.
    pub fields: String,
    /// `PartialObjectMetadata` only: nothing else goes over the wire.
    pub metadata_only: bool,
}

impl Many {
    /// All objects of a kind.
    pub const fn of(kind: Kind, namespace: Option<String>) -> Self {
        Self { kind, namespace, labels: String::new(), fields: String::new(), metadata_only: false }
    }
}

/// What following many objects brings, as JSON. A relist begins with `Began`, brings each object as `Item`, and ends with
/// `Listed`: only then is it the whole. `managedFields` are kept for Secrets alone, where they are the evidence.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Began,
    Item(Value),
    Listed,
    /// New or changed.
    Put(Value),
    Gone {
        namespace: String,
        name: String,
    },
}

/// A question for SelfSubjectAccessReview.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    pub verb: &'static str,
    /// API group; empty for core.
    pub group: &'static str,
    /// `secrets`, `pods/portforward`.
    pub resource: &'static str,
    pub namespace: String,
    pub name: Option<String>,
}

/// Reads a cluster. Every method has a timeout of its own, a list one for each page; a 403 becomes `Trouble::denied` whose `next` is the Role line
/// that would allow it; a 404 of a single object is `None`.
#[async_trait]
pub trait Kube: Send + Sync {
    /// `metadata.uid` of namespace `kube-system`.
    async fn kube_system_uid(&self) -> Result<String, Trouble>;
    /// StatefulSets labelled `app.kubernetes.io/name` = `openbao` or `vault`; in every namespace where `namespace` is `None`.
    async fn vaults(&self, namespace: Option<&str>) -> Result<Vec<StatefulSet>, Trouble>;
    async fn stateful_set(&self, namespace: &str, name: &str) -> Result<Option<StatefulSet>, Trouble>;
    async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Pod>, Trouble>;
    async fn deployments(&self, namespace: &str) -> Result<Vec<Deployment>, Trouble>;
    async fn daemon_sets(&self, namespace: &str) -> Result<Vec<DaemonSet>, Trouble>;
    async fn cron_jobs(&self, namespace: &str) -> Result<Vec<CronJob>, Trouble>;
    async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<ConfigMap>, Trouble>;
    /// With its values: only ever for the keys Secret, the Secret with the server's configuration, and its CA.
    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Secret>, Trouble>;
    /// Metadata only: names and managedFields, no values on the wire.
    async fn secret_names(&self, namespace: &str) -> Result<Vec<ObjectMeta>, Trouble>;
    /// SelfSubjectAccessReview.
    async fn may(&self, access: &Access) -> Result<bool, Trouble>;
    /// Objects of a kind, page by page, as JSON. A kind that this API server does not serve is [`TroubleKind::Absent`].
    ///
    /// [`TroubleKind::Absent`]: crate::app::trouble::TroubleKind::Absent
    async fn list(&self, many: &Many) -> Result<Vec<Value>, Trouble>;
    /// The same list, each object as its page arrives, so that ten thousand need no room together. Brings the version of the
    /// list (`metadata.resourceVersion`), where changes can be followed from it. After an error nothing that was shown counts.
    async fn list_each(
        &self,
        many: &Many,
        show: &mut (dyn for<'a> FnMut(&'a Value) + Send),
    ) -> Result<Option<String>, Trouble> {
        self.list(many).await?.iter().for_each(show);
        Ok(None)
    }
    /// The first object of the same list at most: a cheap way to see that it may be read and is answered.
    async fn ping(&self, many: &Many) -> Result<(), Trouble>;
    /// Follows the same objects. Reports errors and goes on; back-off is inside. Ends never.
    fn follow(&self, many: Many) -> BoxStream<'static, Result<Step, Trouble>>;
    /// The same from this version of their list on: a list begins it only where the API server does not know that version
    /// any more.
    fn follow_from(&self, many: Many, version: String) -> BoxStream<'static, Result<Step, Trouble>> {
        let _ = version;
        self.follow(many)
    }
    /// The answer to a GET of this path of the API server as JSON, for what is no object: `/apis/metrics.k8s.io/…`,
    /// `/api/v1/nodes/N/proxy/stats/summary`. `right` is the line of a Role that allows it. A 404 is `None`.
    async fn raw(&self, path: &str, right: &str) -> Result<Option<Value>, Trouble>;
    /// A watch that reports errors and goes on; back-off is inside. Ends never.
    fn watch(&self, what: Watched) -> BoxStream<'static, Result<Change, Trouble>>;
}

/// Fields of one Secret that are written.
pub struct SecretApply {
    pub namespace: String,
    pub name: String,
    /// Key in `data` and value; wiped when dropped.
    pub fields: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// Make it immutable too.
    pub immutable: bool,
}

/// Changes a cluster. Only `backends::hands` uses one. Every call is a server-side apply as field manager `baowatch` that
/// names our fields and no others; a 403 becomes `Trouble::denied` as for [`Kube`].
#[async_trait]
pub trait KubeWrite: Send + Sync {
    /// Applies fields of a Secret, taking them over from whoever owned them; makes the Secret where there is none.
    async fn apply_secret(&self, apply: SecretApply) -> Result<(), Trouble>;
    /// The same over exactly this `resourceVersion`: refused where anybody wrote the Secret since.
    async fn apply_secret_over(&self, version: &str, apply: SecretApply) -> Result<(), Trouble>;
    /// Applies fields of a ConfigMap as this field manager; makes it where there is none. Whoever shares one ConfigMap
    /// with others has a manager of its own: an apply takes away what its manager applied before and names no more.
    async fn apply_config_map(
        &self,
        manager: &str,
        namespace: &str,
        name: &str,
        data: Vec<(String, String)>,
    ) -> Result<(), Trouble>;
}

/// Whether objects of this kind are served here. Whoever may log in may ask that; who may not list them is told the same
/// of what is not there at all.
pub async fn serves(kube: &dyn Kube, kind: Kind) -> Result<bool, Trouble> {
    let path = format!("/apis/{}/{}", kind.group, kind.version);
    let right = format!("Allow it in a ClusterRole: {{nonResourceURLs: [\"{path}\"], verbs: [\"get\"]}}");
    let found = kube.raw(&path, &right).await?;
    let resources = found.as_ref().and_then(|found| found.get("resources")).and_then(Value::as_array);
    let named = |resource: &Value| resource.get("name").and_then(Value::as_str) == Some(kind.plural);
    Ok(resources.into_iter().flatten().any(named))
}
