//! Many objects followed one by one: a relist is held back until it is whole, and every change of what is kept of an
//! object is one small fact. A heartbeat changes nothing of it, and is none.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{BoxStream, StreamExt};
use serde::Serialize;
use serde_json::Value;

use crate::app::id::ObjectRef;
use crate::app::model::fact::Fact;
use crate::app::model::table::{Delta, Named};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::at::At as _;
use crate::backends::kube::port::{Kind, Kube, Many, Step, serves};

/// Turns an object into what is kept of it; `None` for one that nobody needs.
pub type Digest<T> = fn(&Value) -> Option<T>;

/// Follows one kind.
pub struct Followed<T> {
    kube: Arc<dyn Kube>,
    many: Many,
    digest: Digest<T>,
    fact: fn(Delta<T>) -> Fact,
    /// One of the three below.
    stream: Arc<AtomicU8>,
    /// What the last list told, and of which version it was: the changes after it can be followed without another list.
    listed: Mutex<Option<(String, Told)>>,
}

/// The stream was not taken, or its list is not whole yet, or it may not watch: looks list.
const LISTING: u8 = 0;
/// Its list is whole: looks need not list again.
const FOLLOWING: u8 = 1;
/// It broke off after that. It goes on where it was and loses nothing, but that may take a while: one look lists.
const LAPSED: u8 = 2;

impl<T: Named + Serialize + Send + Sync + 'static> Followed<T> {
    /// Follows these objects; `fact` says which table they belong to.
    pub fn new(kube: Arc<dyn Kube>, many: Many, digest: Digest<T>, fact: fn(Delta<T>) -> Fact) -> Self {
        Self { kube, many, digest, fact, stream: Arc::default(), listed: Mutex::default() }
    }

    /// Whether the API server knows such objects at all.
    pub async fn served(&self) -> Result<bool, Trouble> {
        serves(self.kube.as_ref(), self.many.kind).await
    }

    /// Whether changes are followed from a whole list on: a look lists nothing then.
    pub fn following(&self) -> bool {
        self.stream.load(Ordering::Acquire) == FOLLOWING
    }

    /// One look: the whole list while nothing follows, else only whether the source still answers.
    pub async fn look(&self) -> Result<Vec<Fact>, Trouble> {
        if self.following() {
            self.kube.ping(&self.many).await?;
            return Ok(vec![(self.fact)(Delta::Same)]);
        }
        self.list().await
    }

    /// The whole list, whether something follows or not.
    pub async fn list(&self) -> Result<Vec<Fact>, Trouble> {
        let stream = self.stream.load(Ordering::Acquire);
        let (mut rows, mut told) = (Vec::new(), Told::default());
        let digest = self.digest;
        let version = self
            .kube
            .list_each(&self.many, &mut |object| {
                rows.extend(digest(object).map(|row| {
                    told.news(&row);
                    Arc::new(row)
                }));
            })
            .await?;
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = version.map(|version| (version, told));
        if stream == LAPSED {
            // Unless it broke off for good meanwhile.
            let _ = self.stream.compare_exchange(LAPSED, FOLLOWING, Ordering::AcqRel, Ordering::Acquire);
        }
        Ok(vec![(self.fact)(Delta::Whole(rows))])
    }

    /// The changes as they come: from the last list on, where there was one, else from one of their own.
    pub fn changes(&self) -> BoxStream<'static, Result<Vec<Fact>, Trouble>> {
        let (digest, fact, kind) = (self.digest, self.fact, self.many.kind);
        let stream = Arc::clone(&self.stream);
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (mut listing, mut told, steps) = match listed {
            Some((version, told)) => (None, told, self.kube.follow_from(self.many.clone(), version)),
            None => (Some(Vec::new()), Told::default(), self.kube.follow(self.many.clone())),
        };
        stream.store(if listing.is_some() { LISTING } else { FOLLOWING }, Ordering::Release);
        let facts = steps.filter_map(move |step| {
            let delta = match step {
                Err(trouble) => {
                    // What is missed from here on, a look must bring.
                    let whole = listing.is_none() && trouble.kind != TroubleKind::Denied;
                    stream.store(if whole { LAPSED } else { LISTING }, Ordering::Release);
                    return std::future::ready(Some(Err(trouble)));
                }
                Ok(Step::Began) => {
                    listing = Some(Vec::new());
                    None
                }
                Ok(Step::Item(object)) => {
                    if let Some(listed) = &mut listing {
                        listed.extend(digest(&object).map(Arc::new));
                    }
                    None
                }
                Ok(Step::Listed) => {
                    stream.store(FOLLOWING, Ordering::Release);
                    listing.take().map(|rows| {
                        told = Told::default();
                        for row in &rows {
                            told.news(&**row);
                        }
                        Delta::Whole(rows)
                    })
                }
                Ok(Step::Put(object)) => {
                    if let Some(row) = digest(&object) {
                        told.news(&row).then(|| Delta::put([row]))
                    } else {
                        // One that nobody needs any more is as good as gone; one that nobody ever needed is nothing.
                        let object = named(kind, &object);
                        told.forget(&object).then(|| Delta::Gone(vec![object]))
                    }
                }
                Ok(Step::Gone { namespace, name }) => {
                    let object = ObjectRef::new(kind.called(), &namespace, &name);
                    told.forget(&object);
                    Some(Delta::Gone(vec![object]))
                }
            };
            std::future::ready(delta.map(|delta| Ok(vec![fact(delta)])))
        });
        facts.boxed()
    }
}

/// What was last told of each object, as hashes of its name and of what is kept of it: ten thousand take no room.
#[derive(Default)]
struct Told(HashMap<u64, u64>);

impl Told {
    /// Whether this differs from what was told before.
    fn news<T: Named + Serialize>(&mut self, row: &T) -> bool {
        let mut hash = Hashing(DefaultHasher::new());
        // What is kept can be written as JSON; if it could not, every word of it would be news.
        let written = serde_json::to_writer(&mut hash, row).is_ok();
        self.0.insert(name_hash(row.object()), hash.0.finish()) != Some(hash.0.finish()) || !written
    }

    /// Forgets an object; whether anybody was told of it.
    fn forget(&mut self, object: &ObjectRef) -> bool {
        self.0.remove(&name_hash(object)).is_some()
    }
}

fn name_hash(object: &ObjectRef) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    hasher.finish()
}

struct Hashing(DefaultHasher);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name of an object that came as JSON.
pub fn named(kind: Kind, object: &Value) -> ObjectRef {
    let field = |way: &str| object.at(way).and_then(Value::as_str).unwrap_or_default();
    ObjectRef::new(kind.called(), field("/metadata/namespace"), field("/metadata/name"))
}

#[cfg(test)]
#[path = "followed_tests.rs"]
mod tests;
