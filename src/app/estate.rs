//! What follows from the vault's estate: its audit trail, its namespaces' own seals, how old its snapshots are.

use jiff::{SignedDuration, Timestamp};

use super::id::{FeedId, ObjectRef};
use super::model::Model;
use super::model::estate::{AuthSeen, EstateSeen, NamespaceSeen, RoleSeen, SnapshotSeen};
use super::raft::{InSight, in_sight};
use super::time::age;
use super::trouble::Trouble;

/// What the feed saw, if it was lately.
pub fn estate(model: &Model, now: Timestamp) -> InSight<&EstateSeen> {
    in_sight(model, model.estate.as_ref(), FeedId::Estate, now)
}

/// What the feed saw, whatever its age: for rows and drawers, which say the age.
pub fn seen(model: &Model) -> Option<&EstateSeen> {
    model.estate.as_ref().map(|seen| &seen.value)
}

/// A namespace of the vault as the subject of an alert, a row and an action.
pub fn namespace_ref(path: &str) -> ObjectRef {
    ObjectRef::new("Namespace", "", path)
}

/// Namespaces with a seal of their own, and those of which nobody can tell; sealed ones first.
pub fn with_seals(model: &Model) -> Vec<&NamespaceSeen> {
    let all = seen(model).and_then(|seen| seen.namespaces.as_ref().ok());
    let seals = |one: &&NamespaceSeen| one.sealable() || one.unread.is_some();
    let mut own: Vec<&NamespaceSeen> = all.into_iter().flatten().filter(seals).collect();
    own.sort_by_key(|one| (one.sealed != Some(true), one.sealed.is_some(), one.path.clone()));
    own
}

/// The namespace of this path.
pub fn namespace<'a>(model: &'a Model, path: &str) -> Option<&'a NamespaceSeen> {
    let all = seen(model)?.namespaces.as_ref().ok()?;
    all.iter().find(|one| one.path == path)
}

/// The newest snapshot, held against those before it.
#[derive(Debug, PartialEq, Eq)]
pub struct Newest<'a> {
    /// It.
    pub snapshot: &'a SnapshotSeen,
    /// How old it is.
    pub age: SignedDuration,
    /// How often one came so far: the middle one of the gaps; `None` where there are too few to tell.
    pub cadence: Option<SignedDuration>,
}

/// A snapshot older than this is old, where nothing says how often one should come.
const OLD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// So many snapshots say how often they come.
const CADENCE: usize = 4;

impl Newest<'_> {
    /// The next one should have come long ago: whoever makes them has stopped.
    pub fn late(&self) -> bool {
        self.age > self.cadence.map_or(OLD, |cadence| cadence.saturating_mul(2))
    }
}

/// The newest snapshot; `None` where no place is configured or it cannot be read.
pub fn newest(seen: &EstateSeen, now: Timestamp) -> Option<Option<Newest<'_>>> {
    let all = seen.snapshots.as_ref()?.as_ref().ok()?;
    let mut written: Vec<Timestamp> = all.iter().map(|one| one.written).collect();
    written.sort_unstable();
    let mut gaps: Vec<SignedDuration> =
        written.iter().zip(written.iter().skip(1)).map(|(before, after)| age(*after, *before)).collect();
    gaps.sort_unstable();
    let cadence = (written.len() >= CADENCE).then(|| gaps.get(gaps.len() / 2).copied()).flatten();
    let newest = all.iter().max_by_key(|one| one.written);
    Some(newest.map(|snapshot| Newest { snapshot, age: age(now, snapshot.written), cadence }))
}

/// Why the snapshots' place cannot be read, if it cannot.
pub fn snapshots_trouble(seen: &EstateSeen) -> Option<&Trouble> {
    seen.snapshots.as_ref()?.as_ref().err()
}

/// Roles with which something in the cluster logs in, with their auth method.
pub fn logins(seen: &EstateSeen) -> impl Iterator<Item = (&AuthSeen, &RoleSeen)> {
    seen.auth.iter().flatten().flat_map(|auth| auth.roles.iter().map(move |role| (auth, role)))
}
