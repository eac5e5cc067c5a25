//! The keys Secret: every version that the API server sends becomes a fact, and it is read again in between.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use super::roster::{Keys, Roster};
use super::{Feed, Vault};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::fact::Fact;
use crate::app::model::keys_secret::KeysSeen;
use crate::app::trouble::Trouble;
use crate::backends::kube::keys_secret::{DigestFields, seen};
use crate::backends::kube::port::{Change, Kube, Watched};

/// uid and resourceVersion of the newest version reported.
type Newest = Arc<Mutex<Option<(String, u64)>>>;

/// The feed.
pub struct KeysSecretFeed {
    kube: Arc<dyn Kube>,
    vault: Vault,
    roster: Roster,
    digest_fields: Arc<DigestFields>,
    newest: Newest,
}

impl KeysSecretFeed {
    /// Watches the Secret that the roster names.
    pub fn new(kube: Arc<dyn Kube>, vault: Vault, roster: Roster, digest_fields: Arc<DigestFields>) -> Self {
        Self { kube, vault, roster, digest_fields, newest: Newest::default() }
    }
}

#[async_trait]
impl Feed for KeysSecretFeed {
    fn id(&self) -> FeedId {
        FeedId::KeysSecret
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let name = self
            .roster
            .until(|shared| match &shared.keys {
                Keys::Unknown => None,
                Keys::Unclear(trouble) => Some(Err(trouble.clone())),
                Keys::Known(name) => Some(Ok(name.clone())),
            })
            .await?;
        let object = ObjectRef::secret(&self.vault.namespace, &name);
        let secret = self.kube.secret(&object.namespace, &object.name).await?;
        let keys = seen(&object, secret, self.digest_fields.as_ref());
        // A read is always the newest: what the watch still holds of earlier versions comes too late.
        let _ = advance(&self.newest, &keys);
        Ok(vec![Fact::Keys(keys)])
    }

    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        let follow = Follow {
            kube: Arc::clone(&self.kube),
            vault: self.vault.clone(),
            roster: self.roster.clone(),
            digest_fields: Arc::clone(&self.digest_fields),
            newest: Arc::clone(&self.newest),
            watching: None,
        };
        Some(stream::unfold(follow, |mut follow| async move { Some((follow.next().await, follow)) }).boxed())
    }
}

/// A watch that moves to another Secret when the roster names another.
struct Follow {
    kube: Arc<dyn Kube>,
    vault: Vault,
    roster: Roster,
    digest_fields: Arc<DigestFields>,
    newest: Newest,
    watching: Option<(String, BoxStream<'static, Result<Change, Trouble>>)>,
}

impl Follow {
    async fn next(&mut self) -> Result<Vec<Fact>, Trouble> {
        loop {
            let Some((name, stream)) = &mut self.watching else {
                let name = self.roster.until(|shared| known(&shared.keys)).await;
                let watched = Watched::Secret { namespace: self.vault.namespace.clone(), name: name.clone() };
                self.watching = Some((name, self.kube.watch(watched)));
                continue;
            };
            let current = name.clone();
            let moved = self.roster.until(|shared| known(&shared.keys).filter(|other| *other != current));
            let change = tokio::select! {
                _ = moved => None,
                change = stream.next() => change,
            };
            match change {
                Some(Ok(Change::Secret(secret))) => {
                    let object = ObjectRef::secret(&self.vault.namespace, name);
                    let keys = seen(&object, secret.map(|boxed| *boxed), self.digest_fields.as_ref());
                    if advance(&self.newest, &keys) {
                        return Ok(vec![Fact::Keys(keys)]);
                    }
                }
                Some(Ok(Change::Pods(_))) => {}
                Some(Err(trouble)) => return Err(trouble),
                None => self.watching = None,
            }
        }
    }
}

fn known(keys: &Keys) -> Option<String> {
    match keys {
        Keys::Known(name) => Some(name.clone()),
        Keys::Unknown | Keys::Unclear(_) => None,
    }
}

/// Remembers a version; false where a newer one of the same object has been reported already. A re-created Secret has
/// another uid and always counts. Versions that are no numbers are never compared.
fn advance(newest: &Newest, keys: &KeysSeen) -> bool {
    let mut newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
    let this = keys.present().and_then(|secret| Some((secret.uid.clone(), secret.version.parse::<u64>().ok()?)));
    if let (Some((uid, version)), Some((known_uid, known))) = (&this, newest.as_ref())
        && uid == known_uid
        && version < known
    {
        return false;
    }
    if this.is_some() {
        *newest = this;
    }
    true
}
