//! Many objects of one kind, kept by name: changed one by one, so that the work is proportional to what changed.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::app::id::{FeedId, ObjectRef};
use crate::app::time::within;

/// Something that has a name of its own.
pub trait Named {
    /// Which object this is.
    fn object(&self) -> &ObjectRef;

    /// The object that it is found by as well: the Secret that it writes, the workload that it is a pod of.
    fn belongs_to(&self) -> Option<&ObjectRef> {
        None
    }
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
    /// Those that belong to something, by what that is.
    belonging: BTreeSet<Belonging<T>>,
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

/// An object in the order of what it belongs to, and then of its own name.
#[derive(Debug)]
struct Belonging<T>(Arc<T>);

impl<T> Clone for Belonging<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A place in that order; without a name it is before all that belong to it.
trait Place {
    fn place(&self) -> (Option<&ObjectRef>, Option<&ObjectRef>);
}

impl<T: Named> Place for Belonging<T> {
    fn place(&self) -> (Option<&ObjectRef>, Option<&ObjectRef>) {
        (self.0.belongs_to(), Some(self.0.object()))
    }
}

impl Place for ObjectRef {
    fn place(&self) -> (Option<&ObjectRef>, Option<&ObjectRef>) {
        (Some(self), None)
    }
}

impl PartialEq for dyn Place + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for dyn Place + '_ {}

impl PartialOrd for dyn Place + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Place + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl<'a, T: Named + 'a> Borrow<dyn Place + 'a> for Belonging<T> {
    fn borrow(&self) -> &(dyn Place + 'a) {
        self
    }
}

impl<T: Named> PartialEq for Belonging<T> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl<T: Named> Eq for Belonging<T> {}

impl<T: Named> PartialOrd for Belonging<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Named> Ord for Belonging<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
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
        let rows = rows.into_iter().map(|row| ByName(row.into())).collect();
        Self { belonging: belonging(&rows), rows, at }
    }

    /// The object of this name.
    pub fn get(&self, object: &ObjectRef) -> Option<&T> {
        self.rows.get(object).map(|row| &*row.0)
    }

    /// Those that belong to this object, by kind, namespace and name.
    pub fn of(&self, object: &ObjectRef) -> Vec<&T> {
        let from = Bound::Included(object as &dyn Place);
        let after = self.belonging.range::<dyn Place, _>((from, Bound::Unbounded)).map(|row| &*row.0);
        after.take_while(|row| row.belongs_to() == Some(object)).collect()
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
            if let Some(before) = self.rows.replace(ByName(Arc::clone(&row))) {
                self.belonging.remove(&Belonging(before.0));
            }
            if row.belongs_to().is_some() {
                self.belonging.insert(Belonging(row));
            }
        }
    }

    fn remove(&mut self, object: &ObjectRef) {
        if let Some(row) = self.rows.take(object) {
            self.belonging.remove(&Belonging(row.0));
        }
    }
}

fn belonging<T: Named>(rows: &BTreeSet<ByName<T>>) -> BTreeSet<Belonging<T>> {
    rows.iter().filter(|row| row.0.belongs_to().is_some()).map(|row| Belonging(Arc::clone(&row.0))).collect()
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
            table.belonging = belonging(&table.rows);
            table.put(rows.iter().cloned());
        }
        Delta::Put(rows) => table.put(rows.iter().cloned()),
        Delta::Gone(objects) => {
            for object in objects {
                table.remove(object);
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
    use proptest::prelude::*;

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

    #[derive(Debug, Clone, PartialEq)]
    struct Part(ObjectRef, Option<ObjectRef>);

    impl Named for Part {
        fn object(&self) -> &ObjectRef {
            &self.0
        }

        fn belongs_to(&self) -> Option<&ObjectRef> {
            self.1.as_ref()
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_an_object_is_found_by_what_it_belongs_to(
            steps in proptest::collection::vec((0u8..5, 0u8..4, 0u8..4), 1..40)
        ) {
            let name = |n: u8| ObjectRef::new(if n.is_multiple_of(2) { "A" } else { "B" }, "x", &n.to_string());
            let part = |n, whole: u8| Part(name(n), (whole > 0).then(|| name(whole)));
            let mut known = Some(Table::new(Vec::<Part>::new(), Timestamp::UNIX_EPOCH));
            for (step, n, whole) in steps {
                let delta = match step {
                    0 => Delta::whole([part(n, whole), part((n + 1) % 4, whole)]),
                    1 => Delta::Part { kind: "A".into(), namespace: None, rows: vec![Arc::new(part(n / 2 * 2, whole))] },
                    2 => Delta::Gone(vec![name(n)]),
                    _ => Delta::put([part(n, whole), part(n, whole)]),
                };
                apply(&mut known, &delta, Timestamp::UNIX_EPOCH);
                let table = known.as_ref().unwrap();
                for whole in 0..5 {
                    let found: Vec<&Part> = table.iter().filter(|row| row.1.as_ref() == Some(&name(whole))).collect();
                    prop_assert_eq!(table.of(&name(whole)), found);
                }
            }
        }
    }
}
