//! A cluster held in memory, for tests of what stands on the port: objects, and what is denied.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use super::port::{Access, Change, Kube, Many, Step, Watched};
use crate::app::trouble::{Trouble, TroubleKind};

/// The objects; every lookup ignores namespaces but for StatefulSets.
#[derive(Default)]
pub struct FakeKube {
    pub sets: Vec<StatefulSet>,
    pub pods: Vec<Pod>,
    pub deployments: Vec<Deployment>,
    pub config_maps: BTreeMap<String, ConfigMap>,
    pub secrets: Mutex<BTreeMap<String, Secret>>,
    /// Methods that answer 403.
    pub denied: Vec<&'static str>,
    /// What the watch brings before it falls silent.
    pub changes: Mutex<Vec<Result<Change, Trouble>>>,
}

impl FakeKube {
    fn allowed(&self, what: &'static str) -> Result<(), Trouble> {
        if self.denied.contains(&what) {
            return Err(Trouble::denied(&format!("{what} denied"), "forbidden", "Allow it in a Role"));
        }
        Ok(())
    }
}

#[async_trait]
impl Kube for FakeKube {
    async fn kube_system_uid(&self) -> Result<String, Trouble> {
        self.allowed("uid").map(|()| "0000-uid".to_owned())
    }

    async fn vaults(&self, namespace: Option<&str>) -> Result<Vec<StatefulSet>, Trouble> {
        self.allowed(if namespace.is_none() { "vaults everywhere" } else { "vaults" })?;
        let here = |set: &&StatefulSet| namespace.is_none_or(|ns| set.metadata.namespace.as_deref() == Some(ns));
        Ok(self.sets.iter().filter(here).cloned().collect())
    }

    async fn stateful_set(&self, namespace: &str, name: &str) -> Result<Option<StatefulSet>, Trouble> {
        self.allowed("stateful_set")?;
        let same = |set: &&StatefulSet| {
            set.metadata.namespace.as_deref() == Some(namespace) && set.metadata.name.as_deref() == Some(name)
        };
        Ok(self.sets.iter().find(same).cloned())
    }

    async fn pods(&self, _: &str, _: &str) -> Result<Vec<Pod>, Trouble> {
        self.allowed("pods").map(|()| self.pods.clone())
    }

    async fn deployments(&self, _: &str) -> Result<Vec<Deployment>, Trouble> {
        self.allowed("deployments").map(|()| self.deployments.clone())
    }

    async fn daemon_sets(&self, _: &str) -> Result<Vec<DaemonSet>, Trouble> {
        self.allowed("daemon_sets").map(|()| Vec::new())
    }

    async fn cron_jobs(&self, _: &str) -> Result<Vec<CronJob>, Trouble> {
        self.allowed("cron_jobs").map(|()| Vec::new())
    }

    async fn config_map(&self, _: &str, name: &str) -> Result<Option<ConfigMap>, Trouble> {
        self.allowed("config_map").map(|()| self.config_maps.get(name).cloned())
    }

    async fn secret(&self, _: &str, name: &str) -> Result<Option<Secret>, Trouble> {
        self.allowed("secret").map(|()| self.secrets.lock().unwrap().get(name).cloned())
    }

    async fn secret_names(&self, _: &str) -> Result<Vec<ObjectMeta>, Trouble> {
        self.allowed("secret_names")?;
        Ok(self.secrets.lock().unwrap().values().map(|secret| secret.metadata.clone()).collect())
    }

    async fn may(&self, access: &Access) -> Result<bool, Trouble> {
        Ok(!self.denied.contains(&access.resource))
    }

    async fn list(&self, many: &Many) -> Result<Vec<Value>, Trouble> {
        Err(Trouble::new(TroubleKind::Absent, &format!("no {}", many.kind.plural), "", ""))
    }

    async fn ping(&self, many: &Many) -> Result<(), Trouble> {
        self.list(many).await.map(|_| ())
    }

    fn follow(&self, _: Many) -> BoxStream<'static, Result<Step, Trouble>> {
        stream::pending().boxed()
    }

    async fn raw(&self, _: &str, _: &str) -> Result<Option<Value>, Trouble> {
        Ok(None)
    }

    fn watch(&self, _: Watched) -> BoxStream<'static, Result<Change, Trouble>> {
        let changes = std::mem::take(&mut *self.changes.lock().unwrap());
        stream::iter(changes).chain(stream::pending()).boxed()
    }
}
