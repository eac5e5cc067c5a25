//! Key files in custody: each compared with what the keystore's header says of it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;

use super::Feed;
use crate::app::id::FeedId;
use crate::app::model::custody::CustodySeen;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use crate::backends::copies::Copies;
use crate::backends::custody;
use crate::backends::keystore::{Keeper, format};
use crate::backends::kube::port::Kube;

/// The feed.
pub struct CustodyFeed {
    /// Whose header says what is kept.
    pub keeper: Keeper,
    /// A second place that holds a file too.
    pub copies: Arc<Copies>,
    /// Reads mounted Secrets.
    pub kube: Option<Arc<dyn Kube>>,
}

#[async_trait]
impl Feed for CustodyFeed {
    fn id(&self) -> FeedId {
        FeedId::Custody
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        look(&self.keeper, &self.copies, self.kube.as_ref()).await.map(|seen| vec![Fact::Custody(seen)])
    }
}

/// One look at every file that is kept. A keystore that cannot be read is told by its own feed.
pub async fn look(keeper: &Keeper, copies: &Copies, kube: Option<&Arc<dyn Kube>>) -> Result<Vec<CustodySeen>, Trouble> {
    let Some(bytes) = keeper.bytes()? else { return Ok(Vec::new()) };
    let Ok(parts) = format::parts(&bytes) else { return Ok(Vec::new()) };
    let Some(salt) = custody::salt(&parts.header).filter(|_| parts.header.identity == *keeper.identity()) else {
        return Ok(Vec::new());
    };
    let host = custody::host();
    let looks = join_all(parts.header.custody.iter().map(|entry| custody::look(entry, &salt, kube, &host))).await;
    let seen = parts.header.custody.iter().zip(looks).filter_map(|(entry, look)| {
        let newest = entry.versions.last()?;
        let alone = entry.host == host && !copies.holds_file(&entry.name, &newest.print);
        let near = alone.then(|| "every copy of it is on the host that it lies on".to_owned());
        custody::seen(entry, look, near)
    });
    Ok(seen.collect())
}
