//! The vault's StatefulSet: how many replicas are expected. Tells the other feeds their names.

use std::sync::Arc;

use async_trait::async_trait;

use super::roster::Roster;
use super::{Feed, Vault};
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use crate::backends::kube::port::Kube;
use crate::backends::kube::{digest, server_look};

/// The feed.
pub struct WorkloadFeed {
    kube: Arc<dyn Kube>,
    vault: Vault,
    roster: Roster,
}

impl WorkloadFeed {
    /// Looks at this vault's StatefulSet.
    pub fn new(kube: Arc<dyn Kube>, vault: Vault, roster: Roster) -> Self {
        Self { kube, vault, roster }
    }
}

#[async_trait]
impl Feed for WorkloadFeed {
    fn id(&self) -> FeedId {
        FeedId::Workload
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let Some(set) = self.kube.stateful_set(&self.vault.namespace, &self.vault.name).await? else {
            // Its pods are gone or going; the replicas that were expected stay expected until somebody says otherwise.
            return Ok(vec![Fact::Workload(None)]);
        };
        let server = server_look::look(self.kube.as_ref(), &set).await;
        let seen = digest::workload(&set, server.tls);
        self.roster.change(|shared| {
            shared.members = Some(seen.members.clone());
            shared.selector = digest::selector(&set).or_else(|| shared.selector.take());
        });
        Ok(vec![Fact::Workload(Some(seen))])
    }
}
