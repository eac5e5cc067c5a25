//! Secrets by their metadata: followed, no value is asked for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::several::{Form, Several};
use super::{Feed, LONG_LISTS, Wide};
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::secrets::SecretSeen;
use crate::app::trouble::Trouble;
use crate::backends::kube::port::{Kind, Kube};
use crate::backends::kube::secret_digest;

const SECRETS: Kind = Kind::new("", "v1", "Secret", "secrets");

const FORM: Form<SecretSeen> = Form {
    feed: FeedId::Secrets,
    fact: Fact::Secrets,
    delta: |fact| if let Fact::Secrets(delta) = fact { Some(delta) } else { None },
};

/// The feed.
pub struct SecretsFeed(Several<SecretSeen>);

impl SecretsFeed {
    /// Follows them in the namespaces that are watched.
    pub fn new(wide: &Wide, kube: &Arc<dyn Kube>) -> Self {
        Self(Several::new(FORM).with_metadata(wide, kube, SECRETS, secret_digest::digest))
    }
}

#[async_trait]
impl Feed for SecretsFeed {
    fn id(&self) -> FeedId {
        FeedId::Secrets
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
