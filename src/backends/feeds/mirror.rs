//! Objects of one kind kept beside a feed that needs them for its own look: followed from the first look that wants
//! them, listed until the stream is whole, and left alone where they are not served or not allowed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, BoxStream, StreamExt};
use serde_json::Value;
use tokio::sync::watch;

use super::followed::named;
use crate::app::id::ObjectRef;
use crate::app::model::fact::Fact;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::port::{Kube, Many, Step};

/// So many looks pass before what is absent or denied is asked for again: five minutes at a look each 15 s.
const REST: u32 = 20;

type Rows<T> = BTreeMap<ObjectRef, T>;

/// What is kept.
struct Kept<T> {
    /// `None` while the stream is not whole.
    rows: Option<Rows<T>>,
    /// The stream broke off since the last look. It goes on where it was, so one list is enough.
    lapsed: bool,
    /// The first list, for the stream to begin with.
    first: Option<First<T>>,
}

/// A list and its version, from which changes can be followed.
struct First<T> {
    rows: Rows<T>,
    version: String,
}

impl<T> Kept<T> {
    /// Whole or not, and nothing else.
    const fn only(rows: Option<Rows<T>>) -> Self {
        Self { rows, lapsed: false, first: None }
    }
}

/// The objects of one kind.
pub struct Mirror<T> {
    kube: Arc<dyn Kube>,
    many: Many,
    digest: fn(&Value) -> Option<T>,
    kept: Arc<Mutex<Kept<T>>>,
    wanted: watch::Sender<bool>,
    refused: Option<(Trouble, u32)>,
}

impl<T: Clone + Send + 'static> Mirror<T> {
    /// Of these objects; nothing is asked before somebody wants them.
    pub fn new(kube: Arc<dyn Kube>, many: Many, digest: fn(&Value) -> Option<T>) -> Self {
        let kept = Arc::new(Mutex::new(Kept::only(None)));
        Self { kube, many, digest, kept, wanted: watch::Sender::new(false), refused: None }
    }

    /// All of them as they are now.
    pub async fn rows(&mut self) -> Result<Vec<T>, Trouble> {
        if let Kept { rows: Some(rows), lapsed: false, .. } = &*self.kept.lock().unwrap_or_else(PoisonError::into_inner)
        {
            return Ok(rows.values().cloned().collect());
        }
        if let Some((trouble, rest)) = &mut self.refused
            && *rest > 0
        {
            *rest -= 1;
            return Err(trouble.clone());
        }
        self.refused = None;
        let (kind, digest, mut rows) = (self.many.kind, self.digest, Rows::new());
        let mut keep = |object: &Value| rows.extend(digest(object).map(|row| (named(kind, object), row)));
        match self.kube.list_each(&self.many, &mut keep).await {
            Ok(version) => {
                let all = rows.values().cloned().collect();
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.lapsed {
                    *kept = Kept::only(Some(rows));
                } else if !self.wanted.send_replace(true) {
                    kept.first = version.map(|version| First { rows, version });
                }
                Ok(all)
            }
            Err(trouble) => {
                if matches!(trouble.kind, TroubleKind::Absent | TroubleKind::Denied) {
                    self.refused = Some((trouble.clone(), REST));
                }
                Err(trouble)
            }
        }
    }

    /// Keeps the objects up to date while it is polled; brings nothing itself.
    pub fn stream(&self) -> BoxStream<'static, Result<Vec<Fact>, Trouble>> {
        let (kube, many, digest, kind) = (Arc::clone(&self.kube), self.many.clone(), self.digest, self.many.kind);
        let (kept, beginning) = (Arc::clone(&self.kept), Arc::clone(&self.kept));
        let mut wanted = self.wanted.subscribe();
        let mut listing: Option<Rows<T>> = None;
        let steps = stream::once(async move {
            // The sender lives as long as the feed.
            let _ = wanted.wait_for(|wanted| *wanted).await;
        })
        .flat_map(move |()| {
            let mut kept = beginning.lock().unwrap_or_else(PoisonError::into_inner);
            match kept.first.take() {
                Some(First { rows, version }) => {
                    *kept = Kept::only(Some(rows));
                    kube.follow_from(many.clone(), version)
                }
                None => kube.follow(many.clone()),
            }
        });
        let nothing = steps.filter_map(move |step| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            match step {
                // A watch that is denied brings nothing any more: looks list.
                Err(trouble) if trouble.kind == TroubleKind::Denied => *kept = Kept::only(None),
                Err(_) => kept.lapsed = kept.rows.is_some(),
                Ok(Step::Began) => listing = Some(Rows::new()),
                Ok(Step::Item(object)) => {
                    if let Some(listing) = &mut listing {
                        listing.extend(digest(&object).map(|row| (named(kind, &object), row)));
                    }
                }
                Ok(Step::Listed) => *kept = Kept::only(listing.take().or_else(|| kept.rows.take())),
                Ok(Step::Put(object)) => {
                    if let Some(rows) = &mut kept.rows {
                        match digest(&object) {
                            Some(row) => rows.insert(named(kind, &object), row),
                            None => rows.remove(&named(kind, &object)),
                        };
                    }
                }
                Ok(Step::Gone { namespace, name }) => {
                    if let Some(rows) = &mut kept.rows {
                        rows.remove(&ObjectRef::new(kind.kind, &namespace, &name));
                    }
                }
            }
            std::future::ready(None)
        });
        nothing.boxed()
    }
}
