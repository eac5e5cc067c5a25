//! Many objects of one kind, kept by name: changed one by one, so that the work is proportional to what changed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::app::id::{FeedId, ObjectRef};
use crate::app::time::within;

/// Something that has a name of its own.
pub trait Named {
    /// Which object this is.
    fn object(&self) -> &ObjectRef;
}

/// What a feed says of many objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delta<T> {
    /// All there are: the others are gone.
    Whole(Vec<T>),
    /// All there are of one kind, in one namespace or everywhere: its others are gone, other kinds stay as they are.
    Part {
        /// Which kind.
        kind: String,
        /// In this namespace only.
        namespace: Option<String>,
        /// All of these.
        rows: Vec<T>,
    },
    /// These are new or changed.
    Put(Vec<T>),
    /// These are gone.
    Gone(Vec<ObjectRef>),
    /// Nothing changed, and the source answers.
    Same,
}

/// The objects as they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<T> {
    rows: BTreeMap<ObjectRef, T>,
    /// When this was last confirmed to be so.
    pub at: Timestamp,
}

impl<T> Table<T> {
    /// The object of this name.
    pub fn get(&self, object: &ObjectRef) -> Option<&T> {
        self.rows.get(object)
    }

    /// All of them, by kind, namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.values()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// This, if it was confirmed within the limit of the feed that brings it.
    pub fn fresh(&self, now: Timestamp, feed: FeedId) -> Option<&Self> {
        within(now, self.at, feed.limit()).then_some(self)
    }
}

impl<T: Named> Table<T> {
    /// All of these.
    pub fn new(rows: Vec<T>, at: Timestamp) -> Self {
        Self { rows: rows.into_iter().map(|row| (row.object().clone(), row)).collect(), at }
    }
}

/// Folds what a feed says into what is known. Changes to a whole that nobody has seen yet say nothing of the whole and are
/// left out: the list that comes holds them too.
pub fn apply<T: Named + Clone>(known: &mut Option<Table<T>>, delta: &Delta<T>, now: Timestamp) {
    if let Delta::Whole(rows) = delta {
        *known = Some(Table::new(rows.clone(), now));
        return;
    }
    let Some(table) = known else { return };
    table.at = now;
    match delta {
        Delta::Part { kind, namespace, rows } => {
            let other = |object: &ObjectRef| {
                object.kind != *kind || namespace.as_ref().is_some_and(|here| *here != object.namespace)
            };
            table.rows.retain(|object, _| other(object));
            table.rows.extend(rows.iter().map(|row| (row.object().clone(), row.clone())));
        }
        Delta::Put(rows) => table.rows.extend(rows.iter().map(|row| (row.object().clone(), row.clone()))),
        Delta::Gone(objects) => {
            for object in objects {
                table.rows.remove(object);
            }
        }
        Delta::Whole(_) | Delta::Same => {}
    }
}

impl<T: Serialize> Serialize for Table<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (self.rows.values().collect::<Vec<_>>(), self.at).serialize(to)
    }
}

impl<'de, T: Deserialize<'de> + Named> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (rows, at) = <(Vec<T>, Timestamp)>::deserialize(from)?;
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
        apply(&mut known, &Delta::Put(vec![thing("x", 1)]), now);
        assert!(known.is_none());
        apply(&mut known, &Delta::Whole(vec![thing("x", 1), thing("y", 1)]), now);
        apply(&mut known, &Delta::Put(vec![thing("x", 2)]), now);
        apply(&mut known, &Delta::Gone(vec![ObjectRef::secret("a", "y")]), now);
        let table = known.unwrap();
        assert_eq!(table.iter().collect::<Vec<_>>(), [&thing("x", 2)]);
    }

    #[test]
    fn a_relist_of_one_kind_leaves_the_others_alone() {
        let (mut known, now) = (None, Timestamp::UNIX_EPOCH);
        let thing = |kind, namespace, value| Thing(ObjectRef::new(kind, namespace, "x"), value);
        apply(&mut known, &Delta::Whole(vec![thing("A", "a", 1), thing("A", "b", 1), thing("B", "a", 1)]), now);
        let part = |namespace: Option<&str>, rows| Delta::Part {
            kind: "A".into(),
            namespace: namespace.map(str::to_owned),
            rows,
        };
        apply(&mut known, &part(Some("a"), vec![]), now);
        let left = |known: &Option<Table<Thing>>| known.as_ref().unwrap().iter().cloned().collect::<Vec<_>>();
        assert_eq!(left(&known), [thing("A", "b", 1), thing("B", "a", 1)]);
        apply(&mut known, &part(None, vec![thing("A", "c", 2)]), now);
        assert_eq!(left(&known), [thing("A", "c", 2), thing("B", "a", 1)]);
    }
}
