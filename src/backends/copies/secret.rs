//! A copy in a Secret of another cluster: `current`, and one field for each revision that was written.

use std::ffi::OsString;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use zeroize::Zeroizing;

use super::place::Near;
use super::shelf::{Shelf, Version, Writing, label, revision};
use crate::app::id::Identity;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::apply::KubeApply;
use crate::backends::kube::client::{Wanted, connect};
use crate::backends::kube::port::{Kube, KubeWrite, SecretApply};
use crate::backends::kube::real::RealKube;

const CURRENT: &str = "current";
/// A Secret holds 1 MiB; the oldest versions make room.
const ROOM: usize = 900_000;

/// One cluster, to read and to write.
pub type Cluster = (Arc<dyn Kube>, Arc<dyn KubeWrite>);

/// Opens other clusters. A test has its own.
#[async_trait]
pub trait Clusters: Send + Sync {
    /// The cluster of this kubeconfig context.
    async fn open(&self, context: &str) -> Result<Cluster, Trouble>;
}

/// The contexts of the kubeconfig.
pub struct Contexts {
    /// One path or several; `None` reads the variable.
    pub kubeconfig: Option<OsString>,
}

#[async_trait]
impl Clusters for Contexts {
    async fn open(&self, context: &str) -> Result<Cluster, Trouble> {
        let wanted = Wanted { kubeconfig: self.kubeconfig.clone(), context: Some(context.to_owned()) };
        let connection = connect(&wanted).await?.ok_or_else(|| {
            Trouble::local(
                &format!("there is no kubeconfig in which to look for context {context}"),
                "",
                "Set KUBECONFIG to the files that hold it",
            )
        })?;
        let client = connection.client;
        Ok((Arc::new(RealKube::new(client.clone())), Arc::new(KubeApply::new(client))))
    }
}

/// The Secret.
pub struct SecretShelf {
    pub clusters: Arc<dyn Clusters>,
    pub context: String,
    pub namespace: String,
    pub name: String,
    /// Of the vault whose keys are in the keystore.
    pub identity: Identity,
}

impl SecretShelf {
    async fn get(&self) -> Result<(Cluster, Option<Secret>), Trouble> {
        let cluster = self.clusters.open(&self.context).await?;
        let secret = cluster.0.secret(&self.namespace, &self.name).await?;
        Ok((cluster, secret))
    }

    fn called(&self) -> String {
        format!("Secret {}/{} in context {}", self.namespace, self.name, self.context)
    }
}

/// A field of the Secret.
fn field(secret: &Secret, name: &str) -> Option<Vec<u8>> {
    secret.data.as_ref()?.get(name).map(|value| value.0.clone()).filter(|bytes| !bytes.is_empty())
}

/// Names of the fields that hold versions, oldest first.
fn kept(secret: &Secret) -> Vec<(u64, String)> {
    let names = secret.data.iter().flatten().map(|(name, _)| name);
    let mut all: Vec<(u64, String)> = names
        .filter(|name| name.starts_with('v'))
        .filter_map(|name| Some((name.split('.').next().and_then(revision)?, name.clone())))
        .collect();
    all.sort();
    all
}

#[async_trait]
impl Shelf for SecretShelf {
    async fn read(&self) -> Result<Option<Vec<u8>>, Trouble> {
        let (_, secret) = self.get().await?;
        let Some(secret) = secret else { return Ok(None) };
        let fields = secret.data.as_ref().map_or(0, std::collections::BTreeMap::len);
        match field(&secret, CURRENT) {
            Some(bytes) => Ok(Some(bytes)),
            None if fields > kept(&secret).len() => Err(Trouble::new(
                TroubleKind::Unusable,
                &format!("{} holds something else", self.called()),
                "it has fields and none of them is `current`",
                "It is left as it is. Name another Secret for the copy",
            )),
            None => Ok(None),
        }
    }

    async fn versions(&self) -> Result<Option<Vec<Version>>, Trouble> {
        let (_, secret) = self.get().await?;
        let all = secret.as_ref().map(kept).unwrap_or_default();
        Ok(Some(all.into_iter().map(|(number, id)| Version { id, revision: Some(number), at: None }).collect()))
    }

    async fn version(&self, id: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let (_, secret) = self.get().await?;
        let Some(secret) = secret else { return Ok(None) };
        let wanted = revision(id).map(label);
        let name = kept(&secret).into_iter().find(|(_, name)| name == id || Some(name) == wanted.as_ref());
        Ok(name.and_then(|(_, name)| field(&secret, &name)))
    }

    async fn write(&self, writing: &Writing) -> Result<String, Trouble> {
        let ((_, write), secret) = self.get().await?;
        let there = secret.as_ref().and_then(|secret| field(secret, CURRENT));
        if there.as_ref() != writing.old.as_ref().map(|(bytes, _)| bytes) {
            return Err(Trouble::new(
                TroubleKind::Refused,
                &format!("{} was changed in this moment", self.called()),
                "somebody else writes to it",
                "Ask for the plan anew; nothing was written",
            ));
        }
        let mut versions: Vec<(u64, String, Vec<u8>)> = secret
            .iter()
            .flat_map(|secret| kept(secret).into_iter().map(move |one| (secret, one)))
            .filter_map(|(secret, (number, name))| Some((number, name.clone(), field(secret, &name)?)))
            .collect();
        let new = std::iter::once((writing.bytes.clone(), writing.revision));
        for (bytes, number) in writing.old.clone().into_iter().chain(new) {
            // Two contents of one revision are both kept.
            let name = (1..100_u32)
                .map(|n| if n == 1 { label(number) } else { format!("{}.{n}", label(number)) })
                .find(|name| versions.iter().all(|(_, other, held)| other != name || *held == bytes));
            if let Some(name) = name.filter(|name| versions.iter().all(|(_, other, _)| other != name)) {
                versions.push((number, name, bytes));
            }
        }
        let mut dropped = 0;
        while versions.len() > 1 && size(&versions) + writing.bytes.len() > ROOM {
            versions.remove(0);
            dropped += 1;
        }
        if size(&versions) + writing.bytes.len() > ROOM {
            return Err(Trouble::new(
                TroubleKind::Refused,
                "the keystore is too long for a Secret",
                "a Secret holds 1 MiB, and the keystore must fit twice",
                "Prune old generations, or name a place of another kind; nothing was written",
            ));
        }
        let count = versions.len();
        let mut fields = vec![(CURRENT.to_owned(), Zeroizing::new(writing.bytes.clone()))];
        fields.extend(versions.into_iter().map(|(_, name, bytes)| (name, Zeroizing::new(bytes))));
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        // Whoever applies a Secret gives up the fields that it does not name: the versions are named each time.
        let apply = SecretApply { namespace, name, fields, immutable: false };
        match secret.as_ref().and_then(|secret| secret.metadata.resource_version.clone()) {
            Some(version) => write.apply_secret_over(&version, apply).await?,
            None => write.apply_secret(apply).await?,
        }
        let more = if dropped > 0 { format!("; the {dropped} oldest made room") } else { String::new() };
        Ok(format!("{count} versions are in it{more}"))
    }

    async fn near(&self) -> Near {
        let uid = match self.clusters.open(&self.context).await {
            Ok((kube, _)) => kube.kube_system_uid().await,
            Err(trouble) => Err(trouble),
        };
        let ours = self.identity.0.split('/').next().unwrap_or_default();
        match uid {
            Ok(uid) if uid == ours => Near::Here("same cluster as the vault".to_owned()),
            Ok(_) if ours.starts_with("server-") => Near::Unknown(
                "whether it is the vault's own cluster cannot be told: kube-system there cannot be read".to_owned(),
            ),
            Ok(_) => Near::Elsewhere,
            Err(trouble) => {
                Near::Unknown(format!("whether it is the vault's own cluster cannot be told: {}", trouble.what))
            }
        }
    }
}

fn size(versions: &[(u64, String, Vec<u8>)]) -> usize {
    versions.iter().map(|(_, name, bytes)| name.len() + bytes.len()).sum()
}
