//! The port spoken by a real API server.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::{NamespaceResourceScope, ObjectList, PartialObjectMeta};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::{Right, trouble};
use super::port::{Access, Change, Kube, Many, Step, Watched};
use super::{many, review, watch};
use crate::app::trouble::Trouble;

/// One call, its body included; each page of a list is one. The client bounds only the wait for response headers.
const CALL: Duration = Duration::from_secs(8);
/// Objects a page: a namespace of ten thousand Secrets comes in twenty answers.
pub(super) const PAGE: u32 = 500;
/// Past this many objects of one kind in one namespace the rest is not read: nothing here needs them all.
pub(super) const MOST: usize = 20_000;
/// The labels of the charts of OpenBao and Vault.
pub const VAULTS: &str = "app.kubernetes.io/name in (openbao, vault)";

/// Reads a cluster through the client.
#[derive(Clone)]
pub struct RealKube {
    client: Client,
}

impl RealKube {
    /// Over a client, which should come from [`super::client::connect`] so that it is bounded.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The client, for tunnels.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    fn within<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    async fn get<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, Trouble>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let (resource, group) = (K::plural(&()), K::group(&()));
        let right =
            Right { group: &group, resource: &resource, verbs: &["get"], namespace: Some(namespace), name: Some(name) };
        let what = format!("{} {namespace}/{name} cannot be read", K::kind(&()));
        limited(&what, &right, self.within::<K>(namespace).get_opt(name)).await
    }

    async fn list<K>(&self, namespace: Option<&str>, selector: Option<&str>, api: Api<K>) -> Result<Vec<K>, Trouble>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send,
    {
        let (resource, group) = (K::plural(&()), K::group(&()));
        let right =
            Right { group: &group, resource: &resource, verbs: &["get", "list", "watch"], namespace, name: None };
        let place = namespace.map_or_else(|| "of the whole cluster".to_owned(), |ns| format!("in {ns}"));
        let what = format!("{}s {place} cannot be listed", K::kind(&()));
        let api = &api;
        paged(&what, &right, labelled(selector), |params| async move { api.list(&params).await }).await
    }
}

fn labelled(selector: Option<&str>) -> ListParams {
    ListParams { label_selector: selector.map(str::to_owned), ..ListParams::default() }
}

/// Reads all pages, each within its own time.
async fn paged<K, F, R>(what: &str, right: &Right<'_>, begin: ListParams, list: F) -> Result<Vec<K>, Trouble>
where
    K: Clone,
    F: Fn(ListParams) -> R,
    R: Future<Output = kube::Result<ObjectList<K>>>,
{
    let mut found = Vec::new();
    let mut params = begin.limit(PAGE);
    loop {
        let page = limited(what, right, list(params.clone())).await?;
        found.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) if found.len() < MOST => params.continue_token = Some(token),
            Some(_) | None => return Ok(found),
        }
    }
}

/// One call within its time, its error in words.
pub(super) async fn limited<T>(
    what: &str,
    right: &Right<'_>,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(CALL, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(trouble(what, right, &error)),
        Err(_) => Err(Trouble::unreachable(
            what,
            &format!("the API server did not finish its answer within {} s", CALL.as_secs()),
            "It is asked again by itself",
        )),
    }
}

#[async_trait]
impl Kube for RealKube {
    async fn kube_system_uid(&self) -> Result<String, Trouble> {
        let right =
            Right { group: "", resource: "namespaces", verbs: &["get"], namespace: None, name: Some("kube-system") };
        let what = "Namespace kube-system cannot be read";
        let api: Api<Namespace> = Api::all(self.client.clone());
        let found = limited(what, &right, api.get_metadata("kube-system")).await?;
        found.metadata.uid.ok_or_else(|| Trouble::unreachable(what, "the API server gave it no uid", ""))
    }

    async fn vaults(&self, namespace: Option<&str>) -> Result<Vec<StatefulSet>, Trouble> {
        let api = match namespace {
            Some(namespace) => self.within(namespace),
            None => Api::all(self.client.clone()),
        };
        self.list(namespace, Some(VAULTS), api).await
    }

    async fn stateful_set(&self, namespace: &str, name: &str) -> Result<Option<StatefulSet>, Trouble> {
        self.get(namespace, name).await
    }

    async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Pod>, Trouble> {
        self.list(Some(namespace), Some(selector), self.within(namespace)).await
    }

    async fn deployments(&self, namespace: &str) -> Result<Vec<Deployment>, Trouble> {
        self.list(Some(namespace), None, self.within(namespace)).await
    }

    async fn daemon_sets(&self, namespace: &str) -> Result<Vec<DaemonSet>, Trouble> {
        self.list(Some(namespace), None, self.within(namespace)).await
    }

    async fn cron_jobs(&self, namespace: &str) -> Result<Vec<CronJob>, Trouble> {
        self.list(Some(namespace), None, self.within(namespace)).await
    }

    async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<ConfigMap>, Trouble> {
        self.get(namespace, name).await
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Secret>, Trouble> {
        self.get(namespace, name).await
    }

    async fn secret_names(&self, namespace: &str) -> Result<Vec<ObjectMeta>, Trouble> {
        let right = Right { group: "", resource: "secrets", verbs: &["list"], namespace: Some(namespace), name: None };
        let what = format!("The names of Secrets in {namespace} cannot be listed");
        let api: &Api<Secret> = &self.within(namespace);
        let found: Vec<PartialObjectMeta<Secret>> =
            paged(&what, &right, ListParams::default(), |params| async move { api.list_metadata(&params).await })
                .await?;
        Ok(found.into_iter().map(|partial| partial.metadata).collect())
    }

    async fn may(&self, access: &Access) -> Result<bool, Trouble> {
        // Everybody authenticated may ask this; only an API server that knows nobody says no.
        let right = Right {
            group: "authorization.k8s.io",
            resource: "selfsubjectaccessreviews",
            verbs: &["create"],
            namespace: None,
            name: None,
        };
        limited("What this identity may do cannot be asked", &right, review::allowed(self.client.clone(), access)).await
    }

    async fn list(&self, many: &Many) -> Result<Vec<Value>, Trouble> {
        many::list(&self.client, many).await
    }

    async fn list_each(
        &self,
        many: &Many,
        show: &mut (dyn for<'a> FnMut(&'a Value) + Send),
    ) -> Result<Option<String>, Trouble> {
        many::each(&self.client, many, &mut |object| show(&object)).await
    }

    async fn ping(&self, many: &Many) -> Result<(), Trouble> {
        many::ping(&self.client, many).await
    }

    fn follow(&self, many: Many) -> BoxStream<'static, Result<Step, Trouble>> {
        many::follow(&self.client, many)
    }

    fn follow_from(&self, many: Many, version: String) -> BoxStream<'static, Result<Step, Trouble>> {
        many::follow_from(&self.client, many, version)
    }

    async fn raw(&self, path: &str, right: &str) -> Result<Option<Value>, Trouble> {
        many::raw(&self.client, path, right).await
    }

    fn watch(&self, what: Watched) -> BoxStream<'static, Result<Change, Trouble>> {
        match what {
            Watched::Secret { namespace, name } => watch::secret(self.within(&namespace), namespace, name),
            Watched::Pods { namespace, selector } => watch::pods(self.within(&namespace), namespace, selector),
        }
    }
}
