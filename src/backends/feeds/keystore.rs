//! The header of the local keystore, read each time: a file of a few kilobytes.

use async_trait::async_trait;

use super::Feed;
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use crate::backends::keystore::Keeper;

/// The feed.
pub struct KeystoreFeed(pub Keeper);

#[async_trait]
impl Feed for KeystoreFeed {
    fn id(&self) -> FeedId {
        FeedId::Keystore
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        Ok(vec![Fact::Keystore(self.0.look())])
    }
}
