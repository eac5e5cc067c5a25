//! The seal of every expected replica, each asked by itself and all at once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;

use super::Feed;
use super::roster::Roster;
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::seal::{SealAnswer, SealSeen};
use crate::app::trouble::Trouble;

/// One replica's limit: a silent one holds up the report of the others for no longer than this.
const REPLICA: Duration = Duration::from_secs(5);

/// Reads one replica's seal status, health and leader.
#[async_trait]
pub trait SealReader: Send + Sync {
    /// What this replica says of itself.
    async fn seal(&self, replica: &str) -> Result<SealSeen, Trouble>;
}

/// The feed.
pub struct SealFeed {
    roster: Roster,
    reader: Arc<dyn SealReader>,
}

impl SealFeed {
    /// Asks the replicas of the roster.
    pub fn new(roster: Roster, reader: Arc<dyn SealReader>) -> Self {
        Self { roster, reader }
    }
}

#[async_trait]
impl Feed for SealFeed {
    fn id(&self) -> FeedId {
        FeedId::Seal
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let known = self.roster.until(|shared| shared.members.clone());
        let members = tokio::time::timeout(REPLICA, known).await.map_err(|_| {
            Trouble::unreachable(
                "No replica is known yet",
                "neither the StatefulSet nor the vault's pods have been seen",
                "See what the workload and pods feeds say; or list vault.members in the configuration",
            )
        })?;
        let reader = &self.reader;
        let asked = members.into_iter().map(|replica| async move {
            let answer = match tokio::time::timeout(REPLICA, reader.seal(&replica)).await {
                Ok(Ok(seen)) => SealAnswer::Said(seen),
                Ok(Err(trouble)) => SealAnswer::Silent(trouble),
                Err(_) => SealAnswer::Silent(Trouble::unreachable(
                    &format!("{replica} does not answer"),
                    &format!("nothing came within {} s", REPLICA.as_secs()),
                    "Look at the pod and its node; it is asked again by itself",
                )),
            };
            Fact::Seal { replica, answer }
        });
        Ok(join_all(asked).await)
    }
}
