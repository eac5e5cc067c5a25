//! Since when each container runs: pods, followed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::several::{Form, Several};
use super::{Feed, LONG_LISTS, Wide};
use crate::app::id::FeedId;
use crate::app::model::consumers::PodLife;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use crate::backends::kube::pod_digest;
use crate::backends::kube::port::{Kind, Kube};

const PODS: Kind = Kind::new("", "v1", "Pod", "pods");

const FORM: Form<PodLife> = Form {
    feed: FeedId::Containers,
    fact: Fact::Containers,
    delta: |fact| if let Fact::Containers(delta) = fact { Some(delta) } else { None },
};

/// The feed.
pub struct ContainersFeed(Several<PodLife>);

impl ContainersFeed {
    /// Follows them in the namespaces that are watched.
    pub fn new(wide: &Wide, kube: &Arc<dyn Kube>) -> Self {
        Self(Several::new(FORM).with(wide, kube, PODS, pod_digest::digest))
    }
}

#[async_trait]
impl Feed for ContainersFeed {
    fn id(&self) -> FeedId {
        FeedId::Containers
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
