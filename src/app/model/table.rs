//! Many objects of one kind, kept by name: changed one by one, so that the work is proportional to what changed.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::app::id::{FeedId, ObjectRef};
use crate::app::time::within;

/// Something that has a name of its own.
pub trait Named {
    /// Which object this is.
    fn object(&self) -> &ObjectRef;
}

/// What a feed says of many objects. Each is shared with whoever keeps it: ten thousand are in memory once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delta<T> {
    /// All there are: the others are gone.
    Whole(Vec<Arc<T>>),
    /// All there are of one kind, in one namespace or everywhere: its others are gone, other kinds stay as they are.
    Part {
        /// Which kind.
        kind: String,
        /// In this namespace only.
        namespace: Option<String>,
        /// All of these.
        rows: Vec<Arc<T>>,
    },
    /// These are new or changed.
    Put(Vec<Arc<T>>),
    /// These are gone.
    Gone(Vec<ObjectRef>),
    /// Nothing changed, and the source answers.
    Same,
}

impl<T> Delta<T> {
    /// All there are.
    pub fn whole(rows: impl IntoIterator<Item = T>) -> Self {
        Self::Whole(rows.into_iter().map(Arc::new).collect())
    }

    /// These are new or changed.
    pub fn put(rows: impl IntoIterator<Item = T>) -> Self {
        Self::Put(rows.into_iter().map(Arc::new).collect())
    }
}

/// The objects as they are known.
#[derive(Debug, Clone)]
pub struct Table<T> {
    rows: BTreeSet<ByName<T>>,
    /// When this was last confirmed to be so.
    pub at: Timestamp,
}

impl<T: Named + PartialEq> PartialEq for Table<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.iter().eq(other.iter())
    }
}

/// An object that is found by its own name, and is equal to another of that name.
#[derive(Debug)]
struct ByName<T>(Arc<T>);

impl<T> Clone for ByName<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Named> Borrow<ObjectRef> for ByName<T> {
    fn borrow(&self) -> &ObjectRef {
        self.0.object()
    }
}

impl<T: Named> PartialEq for ByName<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.object() == other.0.object()
    }
}

impl<T: Named> Eq for ByName<T> {}

impl<T: Named> PartialOrd for ByName<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Named> Ord for ByName<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.object().cmp(other.0.object())
    }
}

impl<T> Table<T> {
    /// This, if it was confirmed within the limit of the feed that brings it.
    pub fn fresh(&self, now: Timestamp, feed: FeedId) -> Option<&Self> {
        within(now, self.at, feed.limit()).then_some(self)
    }
}

impl<T: Named> Table<T> {
    /// These, as they were seen then.
    pub fn new(rows: impl IntoIterator<Item = impl Into<Arc<T>>>, at: Timestamp) -> Self {
        // Sorted once, and no leaf of the tree is left half empty.
        Self { rows: rows.into_iter().map(|row| ByName(row.into())).collect(), at }
    }

    /// The object of this name.
    pub fn get(&self, object: &ObjectRef) -> Option<&T> {
        self.rows.get(object).map(|row| &*row.0)
    }

    /// All of them, by kind, namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().map(|row| &*row.0)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn put(&mut self, rows: impl IntoIterator<Item = Arc<T>>) {
        for row in rows {
            self.rows.replace(ByName(row));
        }
    }
}

/// Folds what a feed says into what is known. Changes to a whole that nobody has seen yet say nothing of the whole and are
/// left out: the list that comes holds them too.
pub fn apply<T: Named>(known: &mut Option<Table<T>>, delta: &Delta<T>, now: Timestamp) {
    if let Delta::Whole(rows) = delta {
        *known = Some(Table::new(rows.iter().cloned(), now));
        return;
    }
    let Some(table) = known else { return };
    table.at = now;
    match delta {
        Delta::Part { kind, namespace, rows } => {
            let other = |object: &ObjectRef| {
                object.kind != *kind || namespace.as_ref().is_some_and(|here| *here != object.namespace)
            };
            table.rows.retain(|row| other(row.0.object()));
            table.put(rows.iter().cloned());
        }
        Delta::Put(rows) => table.put(rows.iter().cloned()),
        Delta::Gone(objects) => {
            for object in objects {
                table.rows.remove(object);
            }
        }
        Delta::Whole(_) | Delta::Same => {}
    }
}

impl<T: Named + Serialize> Serialize for Table<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.iter().collect::<Vec<_>>(), self.at).serialize(to)
    }
}

impl<'de, T: Deserialize<'de> + Named> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (rows, at) = <(Vec<Arc<T>>, Timestamp)>::deserialize(from)?;
        Ok(Self::new(rows, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Thing(ObjectRef, u8);

    impl Named for Thing {
        fn object(&self) -> &ObjectRef {
            &self.0
        }
    }

    #[test]
    fn a_change_before_the_list_is_not_the_whole() {
        let (mut known, now) = (None, Timestamp::UNIX_EPOCH);
        let thing = |name, value| Thing(ObjectRef::secret("a", name), value);
        apply(&mut known, &Delta::put([thing("x", 1)]), now);
        assert!(known.is_none());
        apply(&mut known, &Delta::whole([thing("x", 1), thing("y", 1)]), now);
        apply(&mut known, &Delta::put([thing("x", 2)]), now);
        apply(&mut known, &Delta::Gone(vec![ObjectRef::secret("a", "y")]), now);
        let table = known.unwrap();
        assert_eq!(table.iter().collect::<Vec<_>>(), [&thing("x", 2)]);
        assert_eq!(table, Table::new([thing("x", 2)], now));
        assert_ne!(table, Table::new([thing("x", 1)], now), "of one name, and not the same");
    }

    #[test]
    fn a_relist_of_one_kind_leaves_the_others_alone() {
        let (mut known, now) = (None, Timestamp::UNIX_EPOCH);
        let thing = |kind, namespace, value| Thing(ObjectRef::new(kind, namespace, "x"), value);
        apply(&mut known, &Delta::whole([thing("A", "a", 1), thing("A", "b", 1), thing("B", "a", 1)]), now);
        let part = |namespace: Option<&str>, rows: Vec<Thing>| Delta::Part {
            kind: "A".into(),
            namespace: namespace.map(str::to_owned),
            rows: rows.into_iter().map(Arc::new).collect(),
        };
        apply(&mut known, &part(Some("a"), vec![]), now);
        let left = |known: &Option<Table<Thing>>| known.as_ref().unwrap().iter().cloned().collect::<Vec<_>>();
        assert_eq!(left(&known), [thing("A", "b", 1), thing("B", "a", 1)]);
        apply(&mut known, &part(None, vec![thing("A", "c", 2)]), now);
        assert_eq!(left(&known), [thing("A", "c", 2), thing("B", "a", 1)]);
    }
}
