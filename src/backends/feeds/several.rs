//! One table out of several lists (kinds, namespaces): the first look brings them all, from there each speaks for its part.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use serde::Serialize;
use tokio::sync::Notify;

use super::Wide;
use super::followed::{Digest, Followed};
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::table::{Delta, Named};
use crate::app::model::withheld::Withheld;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::port::{Kind, Kube, Many};

/// How a table is written into a fact, and read out of it.
pub struct Form<T> {
    /// Of which feed.
    pub feed: FeedId,
    /// Into.
    pub fact: fn(Delta<T>) -> Fact,
    /// Out of; nothing from a fact of another table.
    pub delta: fn(Fact) -> Option<Delta<T>>,
}

impl<T> Clone for Form<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Form<T> {}

/// The lists.
pub struct Several<T> {
    parts: Vec<Part<T>>,
    form: Form<T>,
    /// All of them were listed once: from here on changes count.
    whole: bool,
    /// Looks until what may not be listed is tried again.
    rest: u32,
    /// Rung when one may be listed now that could not be before, or the other way.
    moved: Arc<Notify>,
    /// What may not be listed, as it was told last.
    told: Vec<Withheld>,
}

/// Looks that pass before what may not be listed is tried again: five minutes.
const REST: u32 = 20;

struct Part<T> {
    many: Many,
    followed: Followed<T>,
    /// Belongs to something that is installed here or not: where it is not served, or nobody may see it, nothing is missing.
    extra: bool,
    served: bool,
    /// It is served here, and may not be listed.
    denied: Option<Trouble>,
}

impl<T: Named + Serialize + Send + Sync + 'static> Several<T> {
    /// No list yet.
    pub fn new(form: Form<T>) -> Self {
        Self { parts: Vec::new(), form, whole: false, rest: REST, moved: Arc::default(), told: Vec::new() }
    }

    /// One kind in every place that is watched.
    #[must_use]
    pub fn with(self, wide: &Wide, kube: &Arc<dyn Kube>, kind: Kind, digest: Digest<T>) -> Self {
        self.and(wide, kube, Many::of(kind, None), digest, false)
    }

    /// The same, of which nothing but metadata is asked for.
    #[must_use]
    pub fn with_metadata(self, wide: &Wide, kube: &Arc<dyn Kube>, kind: Kind, digest: Digest<T>) -> Self {
        self.and(wide, kube, Many { metadata_only: true, ..Many::of(kind, None) }, digest, false)
    }

    /// A kind that need not be served here.
    #[must_use]
    pub fn with_extra(self, wide: &Wide, kube: &Arc<dyn Kube>, kind: Kind, digest: Digest<T>) -> Self {
        self.and(wide, kube, Many::of(kind, None), digest, true)
    }

    fn and(mut self, wide: &Wide, kube: &Arc<dyn Kube>, many: Many, digest: Digest<T>, extra: bool) -> Self {
        let named = wide.scope.namespaces.iter().map(|namespace| Some(namespace.clone()));
        let places: Vec<Option<String>> = if wide.scope.namespaces.is_empty() { vec![None] } else { named.collect() };
        for namespace in places {
            let many = Many { namespace, ..many.clone() };
            let followed = Followed::new(Arc::clone(kube), many.clone(), digest, self.form.fact);
            self.parts.push(Part { many, followed, extra, served: !extra, denied: None });
        }
        self
    }

    /// Whether the next look lists nothing.
    pub fn only_confirms(&self) -> bool {
        self.whole && self.parts.iter().filter(|part| part.served).all(|part| part.followed.following())
    }

    /// One look at each list.
    pub async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let form = self.form;
        let mut found: Vec<Delta<T>> = Vec::new();
        let again = self.rest == 0;
        // Which parts are served and which denied is taken up with the facts, or not at all: a look may fail, or be cut short.
        let mut turned: Vec<(usize, bool, Option<Trouble>)> = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            if self.whole && !part.served && !(again && part.denied.is_some()) {
                continue;
            }
            let follows = self.whole && part.served;
            let facts = if follows { part.followed.look().await } else { part.followed.list().await };
            match facts {
                Ok(facts) => {
                    found.extend(facts.into_iter().filter_map(form.delta).map(|delta| narrowed(&part.many, delta)));
                    turned.push((index, true, None));
                }
                Err(trouble) if part.extra && matches!(trouble.kind, TroubleKind::Absent | TroubleKind::Denied) => {
                    // What was seen of it is not seen any more.
                    found.extend(part.served.then(|| narrowed(&part.many, Delta::Whole(Vec::new()))));
                    // Who may not list it is told the same of what is not there.
                    let denied = trouble.kind == TroubleKind::Denied && part.followed.served().await.unwrap_or(true);
                    turned.push((index, false, denied.then_some(trouble)));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        self.rest = self.rest.checked_sub(1).unwrap_or(REST);
        for (index, served, denied) in turned {
            let Some(part) = self.parts.get_mut(index) else { continue };
            if self.whole && part.served != served {
                self.moved.notify_one();
            }
            (part.served, part.denied) = (served, denied);
        }
        let parts = self.withheld();
        let mut facts = Vec::new();
        if parts != self.told {
            self.told.clone_from(&parts);
            facts.push(Fact::Withheld { feed: form.feed, parts });
        }
        if std::mem::replace(&mut self.whole, true) {
            facts.extend(found.into_iter().map(form.fact));
        } else {
            facts.push((form.fact)(Delta::Whole(found.into_iter().flat_map(rows).collect())));
        }
        Ok(facts)
    }

    /// What is served here and may not be listed.
    fn withheld(&self) -> Vec<Withheld> {
        let denied = self.parts.iter().filter_map(|part| {
            Some(Withheld {
                kind: part.many.kind.called().to_owned(),
                namespace: part.many.namespace.clone(),
                trouble: part.denied.clone()?,
                beside: true,
            })
        });
        denied.collect()
    }

    /// The changes of all of them as they come.
    pub fn changes(&self) -> BoxStream<'static, Result<Vec<Fact>, Trouble>> {
        let form = self.form;
        let streams = self.parts.iter().filter(|part| part.served).map(|part| {
            let many = part.many.clone();
            let narrow = move |facts: Vec<Fact>| -> Vec<Fact> {
                facts.into_iter().filter_map(form.delta).map(|delta| (form.fact)(narrowed(&many, delta))).collect()
            };
            part.followed.changes().map(move |change| change.map(&narrow)).boxed()
        });
        // Where one more may be listed, the stream ends and the supervisor takes it again.
        let moved = Arc::clone(&self.moved);
        let end = Box::pin(async move { moved.notified().await });
        stream::select_all(streams).chain(stream::pending()).take_until(end).boxed()
    }
}

/// The list of one kind in one place is the whole of nothing else.
pub(super) fn narrowed<T>(many: &Many, delta: Delta<T>) -> Delta<T> {
    match delta {
        Delta::Whole(rows) => {
            Delta::Part { kind: many.kind.called().to_owned(), namespace: many.namespace.clone(), rows }
        }
        Delta::Part { .. } | Delta::Put(_) | Delta::Gone(_) | Delta::Same => delta,
    }
}

/// The objects of a first look.
pub(super) fn rows<T>(delta: Delta<T>) -> Vec<Arc<T>> {
    match delta {
        Delta::Whole(rows) | Delta::Part { rows, .. } | Delta::Put(rows) => rows,
        Delta::Gone(_) | Delta::Same => Vec::new(),
    }
}
