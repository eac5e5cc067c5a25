//! The feeds: each looks at one kind of thing and reports facts. One file a feed, one line in the registry.

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;

/// One feed. The supervisor calls `look` once a period and on request, and listens to `changes` in between.
#[async_trait]
pub trait Feed: Send {
    fn id(&self) -> FeedId;
    /// One look. The facts of one look are one report: a relist never arrives in pieces.
    async fn look(&mut self) -> Result<Vec<Fact>, Trouble>;
    /// Facts pushed between looks, where the source can push. Taken once, and again after `look` said that the target changed.
    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        None
    }
}
