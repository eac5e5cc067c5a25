//! The ports: the sandbox answers as a cluster ([`Kube`]) and as its vault's servers ([`Transport`]).

use std::sync::PoisonError;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::channel::mpsc::unbounded;
use futures::stream::BoxStream;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::cluster::Phase;
use super::secret::KeysSecret;
use super::world::World;
use super::{Sandbox, http, objects};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::transport::{Request, Response, Transport};
use crate::backends::kube::port::{Access, Change, Kube, Many, Step, Watched};

impl World {
    /// The API server's answer to "may this request pass at all?".
    pub(super) fn gate(
        &self,
        verb: &str,
        group: &str,
        resource: &str,
        namespace: &str,
        name: Option<&str>,
    ) -> Result<(), Trouble> {
        let thing = name.map_or_else(|| resource.to_owned(), |name| format!("{resource}/{name}"));
        if !self.up {
            return Err(Trouble::unreachable(
                &format!("Cannot {verb} {thing}"),
                "the connection was refused",
                "Check the network, the VPN and the server address of this context; it is tried again by itself",
            ));
        }
        if self.denied.contains(resource) {
            let only = name.map_or_else(String::new, |name| format!(", resourceNames: [\"{name}\"]"));
            let place =
                if namespace.is_empty() { "a ClusterRole".to_owned() } else { format!("a Role in {namespace}") };
            return Err(Trouble::denied(
                &format!("May not {verb} {thing}"),
                &format!(
                    "{resource} is forbidden: this user cannot {verb} resource \"{resource}\" in API group \"{group}\""
                ),
                &format!(
                    "Allow it in {place}: {{apiGroups: [\"{group}\"], resources: [\"{resource}\"]{only}, verbs: [\"{verb}\"]}}"
                ),
            ));
        }
        Ok(())
    }

    /// Objects of a kind: the vault's own, and those that the scenario wrote down.
    fn many(&self, many: &Many) -> Option<Vec<Value>> {
        let mut found = self.shelf.objects(many, self.now)?;
        let here = many.namespace.as_ref().is_none_or(|namespace| self.here(namespace));
        let mut add = |object: Option<Value>| found.extend(object);
        match (many.kind.group, many.kind.plural) {
            ("", "pods") if here => {
                let namespace = self.cluster.settings.namespace.clone();
                self.pods(&namespace, &many.labels).iter().for_each(|pod| add(serde_json::to_value(pod).ok()));
            }
            ("", "secrets") if here => {
                let keys = self.cluster.secret.as_ref().and_then(KeysSecret::object);
                add(keys.and_then(|mut secret| {
                    secret.data = None;
                    serde_json::to_value(secret).ok()
                }));
            }
            ("apps", "statefulsets") if here => {
                add(serde_json::to_value(objects::stateful_set(&self.cluster, &self.vault)).ok());
            }
            ("apps", "deployments") if here => {
                add(objects::deployment(&self.cluster).and_then(|it| serde_json::to_value(it).ok()));
            }
            _ => {}
        }
        Some(found)
    }

    /// What the scenario wrote down for a question, where the server is open.
    fn written(&self, at: usize, request: &Request) -> Option<Response> {
        let path = request.path.strip_prefix("/v1/")?.split('?').next()?;
        if !http::open(&self.vault, at) || !super::is_own(request.access.token.as_ref()) {
            return None;
        }
        let path = match &request.access.namespace {
            Some(namespace) => format!("{namespace}/{path}"),
            None => path.to_owned(),
        };
        match self.shelf.answered(&path, self.now) {
            Some((status, body)) => Some(http::reply(status, &body)),
            None => super::estate::answer(&self.vault, at, request),
        }
    }

    fn here(&self, namespace: &str) -> bool {
        self.cluster.settings.namespace == namespace
    }
}

impl Sandbox {
    /// Runs under the lock. A panic in a test that held it must not hide the test's own words.
    pub(super) fn with<T>(&self, run: impl FnOnce(&mut World) -> T) -> T {
        run(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Transport for Sandbox {
    async fn send(&self, replica: &str, request: Request) -> Result<Response, Trouble> {
        self.with(|world| {
            let namespace = world.cluster.settings.namespace.clone();
            world.gate("create", "", "pods/portforward", &namespace, Some(replica))?;
            let what = format!("No answer from {replica}");
            let Some(pod) = world.cluster.pods.iter().find(|pod| pod.name == replica) else {
                return Err(Trouble::new(
                    TroubleKind::Absent,
                    &what,
                    "there is no such pod",
                    "It is looked for again by itself",
                ));
            };
            let at = world.vault.position(replica);
            let runs =
                pod.phase == Phase::Running && at.and_then(|at| world.vault.server(at)).is_some_and(|s| s.running);
            match at.filter(|_| runs) {
                Some(at) => Ok(world.written(at, &request).unwrap_or_else(|| {
                    let now = world.now;
                    http::answer(&mut world.vault, at, &request, now)
                })),
                None => Err(Trouble::unreachable(
                    &what,
                    "nothing listens in the pod",
                    "Wait until its container runs; it is tried again by itself",
                )),
            }
        })
    }
}

#[async_trait]
impl Kube for Sandbox {
    async fn kube_system_uid(&self) -> Result<String, Trouble> {
        self.with(|world| {
            world.gate("get", "", "namespaces", "", Some("kube-system"))?;
            Ok(world.cluster.system_uid.clone())
        })
    }

    async fn vaults(&self, namespace: Option<&str>) -> Result<Vec<StatefulSet>, Trouble> {
        self.with(|world| {
            world.gate("list", "apps", "statefulsets", namespace.unwrap_or_default(), None)?;
            let here = namespace.is_none_or(|namespace| world.here(namespace));
            Ok(here.then(|| objects::stateful_set(&world.cluster, &world.vault)).into_iter().collect())
        })
    }

    async fn stateful_set(&self, namespace: &str, name: &str) -> Result<Option<StatefulSet>, Trouble> {
        self.with(|world| {
            world.gate("get", "apps", "statefulsets", namespace, Some(name))?;
            let found = world.here(namespace) && world.cluster.settings.name == name;
            Ok(found.then(|| objects::stateful_set(&world.cluster, &world.vault)))
        })
    }

    async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Pod>, Trouble> {
        self.with(|world| {
            world.gate("list", "", "pods", namespace, None)?;
            Ok(world.pods(namespace, selector))
        })
    }

    async fn deployments(&self, namespace: &str) -> Result<Vec<Deployment>, Trouble> {
        self.with(|world| {
            world.gate("list", "apps", "deployments", namespace, None)?;
            Ok(objects::deployment(&world.cluster).filter(|_| world.here(namespace)).into_iter().collect())
        })
    }

    async fn daemon_sets(&self, namespace: &str) -> Result<Vec<DaemonSet>, Trouble> {
        self.with(|world| world.gate("list", "apps", "daemonsets", namespace, None).map(|()| Vec::new()))
    }

    async fn cron_jobs(&self, namespace: &str) -> Result<Vec<CronJob>, Trouble> {
        self.with(|world| world.gate("list", "batch", "cronjobs", namespace, None).map(|()| Vec::new()))
    }

    async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<ConfigMap>, Trouble> {
        self.with(|world| {
            world.gate("get", "", "configmaps", namespace, Some(name))?;
            let config = objects::config_map(&world.cluster);
            if let Some(Some(applied)) = world.config_maps.get(&(namespace.to_owned(), name.to_owned())) {
                return Ok(serde_json::from_value(applied.clone()).ok());
            }
            Ok(Some(config).filter(|config| world.here(namespace) && config.metadata.name.as_deref() == Some(name)))
        })
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Secret>, Trouble> {
        self.with(|world| {
            world.gate("get", "", "secrets", namespace, Some(name))?;
            Ok(world.secret(namespace, name).and_then(KeysSecret::object))
        })
    }

    async fn secret_names(&self, namespace: &str) -> Result<Vec<ObjectMeta>, Trouble> {
        self.with(|world| {
            world.gate("list", "", "secrets", namespace, None)?;
            if !world.here(namespace) {
                return Ok(Vec::new());
            }
            let release = format!("sh.helm.release.v1.{}.v1", world.cluster.settings.name);
            let keys = world.cluster.secret.as_ref().and_then(KeysSecret::object).map(|secret| secret.metadata);
            Ok(keys.into_iter().chain([objects::other_secret(&world.cluster, &release)]).collect())
        })
    }

    async fn may(&self, access: &Access) -> Result<bool, Trouble> {
        self.with(|world| {
            world.gate("create", "authorization.k8s.io", "selfsubjectaccessreviews", "", None)?;
            Ok(!world.denied.contains(access.resource))
        })
    }

    async fn list(&self, many: &Many) -> Result<Vec<Value>, Trouble> {
        self.with(|world| {
            world.gate(
                "list",
                many.kind.group,
                many.kind.plural,
                many.namespace.as_deref().unwrap_or_default(),
                None,
            )?;
            world.many(many).ok_or_else(|| {
                Trouble::new(
                    TroubleKind::Absent,
                    &format!("{}s cannot be listed", many.kind.kind),
                    "the server could not find the requested resource",
                    "",
                )
            })
        })
    }

    async fn ping(&self, many: &Many) -> Result<(), Trouble> {
        self.list(many).await.map(|_| ())
    }

    /// Nothing is pushed here: whoever follows looks as well.
    fn follow(&self, _: Many) -> BoxStream<'static, Result<Step, Trouble>> {
        futures::stream::pending().boxed()
    }

    async fn raw(&self, path: &str, _: &str) -> Result<Option<Value>, Trouble> {
        self.with(|world| {
            let resource = path.rsplit('/').next().unwrap_or_default();
            world.gate("get", "", resource, "", None)?;
            let group = path.strip_prefix("/apis/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
            world.gate("list", group, group, "", None)?;
            if let Some(kinds) = world.shelf.kinds(path) {
                return Ok(Some(kinds));
            }
            Ok(world.shelf.answered(path.trim_start_matches('/'), world.now).map(|(_, body)| body))
        })
    }

    fn watch(&self, what: Watched) -> BoxStream<'static, Result<Change, Trouble>> {
        let (to, changes) = unbounded();
        self.with(|world| world.watch(what, to));
        changes.boxed()
    }
}
