//! The copies of the keystore: each read back and compared when it is due.

use async_trait::async_trait;

use super::Feed;
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use std::sync::Arc;

use crate::backends::copies::Copies;

/// The feed.
pub struct CopiesFeed(pub Arc<Copies>);

#[async_trait]
impl Feed for CopiesFeed {
    fn id(&self) -> FeedId {
        FeedId::Copies
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        Ok(vec![Fact::Copies(self.0.look().await?)])
    }
}
