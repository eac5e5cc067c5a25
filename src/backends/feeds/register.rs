//! The register beside the vault: ConfigMap `baowatch-register`, where there is one.

use async_trait::async_trait;

use super::Feed;
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use std::sync::Arc;

use super::{Held, Vault};
use crate::backends::kube::port::Kube;

/// The feed.
pub struct RegisterFeed {
    pub kube: Option<Arc<dyn Kube>>,
    pub vault: Vault,
    pub held: Held,
}

#[async_trait]
impl Feed for RegisterFeed {
    fn id(&self) -> FeedId {
        FeedId::Register
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let _ = (&self.kube, &self.vault, &self.held);
        Ok(vec![Fact::Register(None)])
    }
}
