//! Workloads and the Secrets that they consume: followed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::several::{Form, Several};
use super::{Feed, LONG_LISTS, Wide};
use crate::app::id::FeedId;
use crate::app::model::consumers::ConsumerSeen;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use crate::backends::kube::consumer_digest;
use crate::backends::kube::port::{Kind, Kube};

const DEPLOYMENTS: Kind = Kind::new("apps", "v1", "Deployment", "deployments");
const STATEFUL_SETS: Kind = Kind::new("apps", "v1", "StatefulSet", "statefulsets");
const DAEMON_SETS: Kind = Kind::new("apps", "v1", "DaemonSet", "daemonsets");
const ROLLOUTS: Kind = Kind::new("argoproj.io", "v1alpha1", "Rollout", "rollouts");

const FORM: Form<ConsumerSeen> =
    Form { fact: Fact::Consumers, delta: |fact| if let Fact::Consumers(delta) = fact { Some(delta) } else { None } };

/// The feed.
pub struct ConsumersFeed(Several<ConsumerSeen>);

impl ConsumersFeed {
    /// Follows them in the namespaces that are watched.
    pub fn new(wide: &Wide, kube: &Arc<dyn Kube>) -> Self {
        Self(
            Several::new(FORM)
                .with(wide, kube, DEPLOYMENTS, consumer_digest::deployment)
                .with(wide, kube, STATEFUL_SETS, consumer_digest::stateful_set)
                .with(wide, kube, DAEMON_SETS, consumer_digest::daemon_set)
                .with_extra(wide, kube, ROLLOUTS, consumer_digest::argo_rollout),
        )
    }
}

#[async_trait]
impl Feed for ConsumersFeed {
    fn id(&self) -> FeedId {
        FeedId::Consumers
    }

    fn only_confirms(&self) -> bool {
        self.0.only_confirms()
    }

    fn patience(&self) -> Duration {
        LONG_LISTS
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        self.0.look().await
    }

    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        Some(self.0.changes())
    }
}
