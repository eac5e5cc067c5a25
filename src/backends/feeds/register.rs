//! The register beside the vault: ConfigMap `baowatch-register`, where there is one.

use async_trait::async_trait;

use super::Feed;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use std::sync::Arc;

use super::{Held, Vault};
use crate::backends::kube::port::Kube;
use crate::backends::kube::register::{NAME, read};

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
        let Some(kube) = &self.kube else { return Ok(vec![Fact::Register(None)]) };
        let Some(map) = kube.config_map(&self.vault.namespace, NAME).await? else {
            return Ok(vec![Fact::Register(None)]);
        };
        let object = ObjectRef::new("ConfigMap", &self.vault.namespace, NAME);
        let Held { keeper, holder, .. } = &self.held;
        let seen = read(&object, &map, keeper.identity(), holder, &keeper.salt().hex())?;
        Ok(vec![Fact::Register(Some(seen))])
    }
}
