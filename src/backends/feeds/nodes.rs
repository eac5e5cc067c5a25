//! Nodes with their conditions: watched, and every heartbeat that says nothing new left out.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::followed::Followed;
use super::{Feed, LONG_LISTS};
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::nodes::NodeSeen;
use crate::app::trouble::Trouble;
use crate::backends::kube::node_digest;
use crate::backends::kube::port::{Kind, Kube, Many};

/// `v1 Node`.
pub const NODES: Kind = Kind::new("", "v1", "Node", "nodes");

/// The feed.
pub struct NodesFeed(Followed<NodeSeen>);

impl NodesFeed {
    /// Watches the nodes of this cluster.
    pub fn new(kube: Arc<dyn Kube>) -> Self {
        Self(Followed::new(kube, Many::of(NODES, None), node_digest::node, Fact::Nodes))
    }
}

#[async_trait]
impl Feed for NodesFeed {
    fn id(&self) -> FeedId {
        FeedId::Nodes
    }

    fn only_confirms(&self) -> bool {
        self.0.following()
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
