//! The pods of the vault: watched, and listed in between.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use super::roster::Roster;
use super::{Feed, Vault};
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use crate::backends::kube::digest;
use crate::backends::kube::port::{Change, Kube, Watched};
use crate::backends::kube::real::VAULTS;

/// The feed.
pub struct PodsFeed {
    kube: Arc<dyn Kube>,
    vault: Vault,
    roster: Roster,
}

impl PodsFeed {
    /// Watches the pods of this vault.
    pub fn new(kube: Arc<dyn Kube>, vault: Vault, roster: Roster) -> Self {
        Self { kube, vault, roster }
    }

    fn selector(&self) -> String {
        self.roster.now().selector.unwrap_or_else(|| VAULTS.to_owned())
    }
}

#[async_trait]
impl Feed for PodsFeed {
    fn id(&self) -> FeedId {
        FeedId::Pods
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let found = self.kube.pods(&self.vault.namespace, &self.selector()).await?;
        let seen = digest::pods(&found, &self.vault.name);
        // Where the StatefulSet may not be read, the pods that exist are the best there is.
        if !seen.is_empty() {
            let names: Vec<String> = seen.iter().map(|pod| pod.name.clone()).collect();
            self.roster.change(|shared| shared.members = shared.members.take().or(Some(names)));
        }
        Ok(vec![Fact::Pods(seen)])
    }

    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        let (kube, vault, roster) = (Arc::clone(&self.kube), self.vault.clone(), self.roster.clone());
        // Which labels the pods carry is known for sure once the StatefulSet has been seen; until then looks do.
        let started = async move {
            let selector = roster.until(|shared| shared.selector.clone()).await;
            let namespace = vault.namespace.clone();
            kube.watch(Watched::Pods { namespace, selector }).filter_map(move |change| {
                let fact = match change {
                    Ok(Change::Pods(pods)) => Some(Ok(vec![Fact::Pods(digest::pods(&pods, &vault.name))])),
                    Ok(Change::Secret(_)) => None,
                    Err(trouble) => Some(Err(trouble)),
                };
                std::future::ready(fact)
            })
        };
        Some(stream::once(started).flatten().boxed())
    }
}
