//! Many objects followed one by one: a relist is held back until it is whole, and every change is one small fact.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{BoxStream, StreamExt};
use serde_json::Value;

use crate::app::id::ObjectRef;
use crate::app::model::fact::Fact;
use crate::app::model::table::{Delta, Named};
use crate::app::trouble::Trouble;
use crate::backends::kube::port::{Kind, Kube, Many, Step};

/// Turns an object into what is kept of it; `None` for one that nobody needs.
pub type Digest<T> = fn(&Value) -> Option<T>;

/// Follows one kind.
pub struct Followed<T> {
    kube: Arc<dyn Kube>,
    many: Many,
    digest: Digest<T>,
    fact: fn(Delta<T>) -> Fact,
    /// The stream was taken and its list is whole: looks need not list again.
    following: Arc<AtomicBool>,
}

impl<T: Named + Send + 'static> Followed<T> {
    /// Follows these objects; `fact` says which table they belong to.
    pub fn new(kube: Arc<dyn Kube>, many: Many, digest: Digest<T>, fact: fn(Delta<T>) -> Fact) -> Self {
        Self { kube, many, digest, fact, following: Arc::default() }
    }

    /// One look: the whole list while nothing follows, else only whether the source still answers.
    pub async fn look(&self) -> Result<Vec<Fact>, Trouble> {
        if self.following.load(Ordering::Acquire) {
            self.kube.ping(&self.many).await?;
            return Ok(vec![(self.fact)(Delta::Same)]);
        }
        self.list().await
    }

    /// The whole list, whether something follows or not.
    pub async fn list(&self) -> Result<Vec<Fact>, Trouble> {
        let found = self.kube.list(&self.many).await?;
        Ok(vec![(self.fact)(Delta::Whole(found.iter().filter_map(self.digest).collect()))])
    }

    /// The changes as they come.
    pub fn changes(&self) -> BoxStream<'static, Result<Vec<Fact>, Trouble>> {
        let (digest, fact, kind) = (self.digest, self.fact, self.many.kind);
        let following = Arc::clone(&self.following);
        following.store(false, Ordering::Release);
        let mut listing = Some(Vec::new());
        let steps = self.kube.follow(self.many.clone());
        let facts = steps.filter_map(move |step| {
            let delta = match step {
                Err(trouble) => {
                    // What is missed from here on, a look must bring.
                    following.store(false, Ordering::Release);
                    return std::future::ready(Some(Err(trouble)));
                }
                Ok(Step::Began) => {
                    listing = Some(Vec::new());
                    None
                }
                Ok(Step::Item(object)) => {
                    if let Some(listed) = &mut listing {
                        listed.extend(digest(&object));
                    }
                    None
                }
                Ok(Step::Listed) => {
                    following.store(true, Ordering::Release);
                    listing.take().map(Delta::Whole)
                }
                Ok(Step::Put(object)) => Some(put(kind, &object, digest)),
                Ok(Step::Gone { namespace, name }) => {
                    Some(Delta::Gone(vec![ObjectRef::new(kind.kind, &namespace, &name)]))
                }
            };
            std::future::ready(delta.map(|delta| Ok(vec![fact(delta)])))
        });
        facts.boxed()
    }
}

/// An object that nobody needs any more is as good as gone.
fn put<T>(kind: Kind, object: &Value, digest: Digest<T>) -> Delta<T> {
    match digest(object) {
        Some(row) => Delta::Put(vec![row]),
        None => Delta::Gone(vec![named(kind, object)]),
    }
}

/// The name of an object that came as JSON.
pub fn named(kind: Kind, object: &Value) -> ObjectRef {
    let field = |name: &str| object.pointer(&format!("/metadata/{name}")).and_then(Value::as_str).unwrap_or_default();
    ObjectRef::new(kind.kind, field("namespace"), field("name"))
}
