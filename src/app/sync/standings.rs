//! How every sync object stands, kept from one question to the next: after a change only what it bears on is judged anew.
//!
//! What is kept depends on nothing but the model and the moments at which it changed, never on when somebody asked: a
//! replay finds the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Standing;
use super::witnesses::{Process, VaultNow, Witnesses};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::sync::{Operator, SyncSeen};
use crate::app::model::table::{Delta, Table};
use crate::app::time::age;

/// Time alone makes an object late: this often it is asked which ones.
const GROWS_OLD: SignedDuration = SignedDuration::from_secs(10);

/// An object that would stand the same this much later, if nothing happened, is not judged anew before. What changes and
/// changes back within that time is judged as if it had not.
const FORETOLD: SignedDuration = SignedDuration::from_mins(2);

/// Each object's standing, without its texts.
#[derive(Debug, Clone, Default)]
pub struct Standings(BTreeMap<ObjectRef, Judged>);

#[derive(Debug, Clone)]
struct Judged {
    standing: Standing,
    /// Time alone does not change it before.
    until: Timestamp,
}

impl Standings {
    /// Of one object.
    pub fn get(&self, object: &ObjectRef) -> Option<&Standing> {
        self.0.get(object).map(|judged| &judged.standing)
    }

    /// Each object of the table with its standing: both are in the order of their names, and none is looked for.
    pub fn of<'a>(&'a self, table: &'a Table<SyncSeen>) -> impl Iterator<Item = (&'a SyncSeen, &'a Standing)> {
        let mut known = self.0.iter().peekable();
        table.iter().filter_map(move |seen| {
            while known.next_if(|(object, _)| **object < seen.object).is_some() {}
            known.next_if(|(object, _)| **object == seen.object).map(|(_, judged)| (seen, &judged.standing))
        })
    }

    fn whole(model: &Model, now: Timestamp) -> Self {
        let witnesses = Witnesses::of(model, now).silent();
        let all = model.sync.iter().flat_map(Table::iter);
        let judged = |seen: &SyncSeen| Judged { standing: witnesses.judge(seen), until: now };
        Self(all.map(|seen| (seen.object.clone(), judged(seen))).collect())
    }

    /// Judges these anew, each for the moment of its change.
    fn follow(&mut self, model: &Model, moved: BTreeMap<ObjectRef, Timestamp>) {
        for (object, at) in moved {
            match model.sync.as_ref().and_then(|table| table.get(&object)) {
                Some(seen) => {
                    let standing = Witnesses::alone(model, at).silent().judge(seen);
                    self.0.insert(object, Judged { standing, until: at })
                }
                None => self.0.remove(&object),
            };
        }
    }

    /// Those that time alone may have changed, judged anew.
    fn grow(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Judged)> {
        let old = |object: &ObjectRef| self.0.get(object).is_none_or(|judged| judged.until <= now);
        let table = model.sync.iter().flat_map(Table::iter);
        let mut old = table.filter(|seen| old(&seen.object)).peekable();
        if old.peek().is_none() {
            return Vec::new();
        }
        let witnesses = Witnesses::of(model, now).silent();
        let ahead = witnesses.ahead(FORETOLD);
        // Not all of them are due together again: five thousand are felt.
        let ends = [0, 1, 2, 3, 4, 5].map(|n| now + FORETOLD - GROWS_OLD * n).into_iter().cycle();
        let judge = |(seen, end): (&SyncSeen, Timestamp)| {
            let standing = witnesses.judge(seen);
            let until = if ahead.judge(seen) == standing { end } else { now };
            (seen.object.clone(), Judged { standing, until })
        };
        old.zip(ends).map(judge).collect()
    }
}

/// What is kept.
#[derive(Default)]
pub struct Kept(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// The moment for which all of them were judged, or are to be; `None` before anything was seen.
    basis: Option<Timestamp>,
    known: Option<Arc<Standings>>,
    /// Objects to be judged anew, each for the moment of its change.
    moved: BTreeMap<ObjectRef, Timestamp>,
    /// What testifies about all of them, as it was at the basis.
    around: Option<Around>,
    /// Counts up whenever an object may stand otherwise than before.
    turn: u64,
}

impl Inner {
    /// Nothing of it is known any more.
    fn anew(&mut self, around: Around, now: Timestamp) {
        *self = Self { basis: Some(now), around: Some(around), turn: self.turn + 1, ..Self::default() };
    }

    /// All of them as of the basis and of what moved since.
    fn settle(&mut self, model: &Model, basis: Timestamp) -> Arc<Standings> {
        let moved = std::mem::take(&mut self.moved);
        let mut known = self.known.take().unwrap_or_else(|| Arc::new(Standings::whole(model, basis)));
        if !moved.is_empty() {
            Arc::make_mut(&mut known).follow(model, moved);
        }
        self.known = Some(Arc::clone(&known));
        known
    }
}

/// What bears on every object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Around {
    vault: VaultNow,
    operators: [Process; 2],
    events: bool,
    secrets: bool,
    sync: bool,
    engines: bool,
}

impl Around {
    fn of(model: &Model, now: Timestamp) -> Self {
        let witnesses = Witnesses::alone(model, now);
        Self {
            vault: witnesses.vault(),
            operators: [Operator::Vso, Operator::Eso].map(|operator| witnesses.process(operator)),
            events: witnesses.sees_events(),
            secrets: model.secrets.as_ref().is_some_and(|table| table.fresh(now, FeedId::Secrets).is_some()),
            sync: model.sync.as_ref().is_some_and(|table| table.fresh(now, FeedId::Sync).is_some()),
            engines: model.engines.as_ref().is_some_and(|seen| seen.fresh(now, FeedId::Engines).is_some()),
        }
    }
}

/// How every object stands.
pub fn standings(model: &Model, now: Timestamp) -> Arc<Standings> {
    let mut inner = model.standings.inner();
    let Some(basis) = inner.basis.filter(|basis| *basis <= now && age(now, *basis) < GROWS_OLD) else {
        // Nobody tells when this model changes, or how late it is: nothing can be kept.
        return Arc::new(Standings::whole(model, now));
    };
    inner.settle(model, basis)
}

impl Kept {
    /// Which turn of them this is: another number, and objects may stand otherwise.
    pub fn turn(&self) -> u64 {
        self.inner().turn
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inner_mut(&mut self) -> &mut Inner {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something changed that bears on every object.
pub fn all_moved(model: &mut Model, now: Timestamp) {
    let around = Around::of(model, now);
    model.standings.inner_mut().anew(around, now);
}

/// These objects changed. What testifies about others is asked as it was before the change and as it is after it: call this
/// before and after.
pub fn moved<'a>(model: &mut Model, objects: impl IntoIterator<Item = &'a ObjectRef>, now: Timestamp) {
    let mut found: Vec<ObjectRef> = Vec::new();
    for object in objects {
        let known = model.sync.as_ref().and_then(|table| table.get(object));
        // What is meant by labels may be any store.
        if known.is_some_and(|seen| seen.kind.is_way() || !seen.detail.selects.is_empty()) {
            all_moved(model, now);
            return;
        }
        found.push(object.clone());
        // How a way to the vault stands is told by what comes through it.
        let ways = known.into_iter().flat_map(|seen| {
            let named = seen.detail.all_ways().chain(&seen.detail.generators).cloned();
            model.way(seen).into_iter().chain(named)
        });
        for way in ways.collect::<BTreeSet<_>>() {
            found.extend(model.sync.as_ref().and_then(|table| table.get(&way)).and_then(|beyond| model.way(beyond)));
            found.push(way);
        }
    }
    let inner = model.standings.inner_mut();
    if inner.basis.is_some() && !found.is_empty() {
        inner.turn += 1;
        inner.moved.extend(found.into_iter().map(|object| (object, now)));
    }
}

/// A change of sync objects, before and after it was folded in.
pub fn told(model: &mut Model, delta: &Delta<SyncSeen>, now: Timestamp) {
    match delta {
        Delta::Whole(_) | Delta::Part { .. } => all_moved(model, now),
        Delta::Put(rows) => moved(model, rows.iter().map(|row| &row.object), now),
        Delta::Gone(objects) => moved(model, objects, now),
        Delta::Same => {}
    }
}

/// Secrets changed: the objects that write them are judged anew.
pub fn written<'a>(model: &mut Model, secrets: impl IntoIterator<Item = &'a ObjectRef>, now: Timestamp) {
    let table = model.sync.as_ref();
    let writers = secrets.into_iter().flat_map(|secret| table.into_iter().flat_map(move |table| table.of(secret)));
    let writers: Vec<ObjectRef> = writers.map(|seen| seen.object.clone()).collect();
    moved(model, &writers, now);
}

/// Time passed, or something else was reported: judges anew what that bears on.
pub fn grow(model: &mut Model, now: Timestamp) {
    let around = Around::of(model, now);
    let inner = model.standings.inner_mut();
    let Some(basis) = inner.basis else { return };
    if inner.around != Some(around) || now < basis {
        inner.anew(around, now);
        return;
    }
    if age(now, basis) < GROWS_OLD {
        return;
    }
    let known = model.standings.inner().settle(model, basis);
    let grown = known.grow(model, now);
    drop(known);
    let inner = model.standings.inner_mut();
    inner.basis = Some(now);
    let Some(known) = inner.known.as_mut().map(Arc::make_mut) else { return };
    let mut otherwise = false;
    for (object, judged) in grown {
        otherwise |= known.get(&object) != Some(&judged.standing);
        known.0.insert(object, judged);
    }
    inner.turn += u64::from(otherwise);
}

/// A copy of a model is another one: what is kept for this one says nothing of it.
impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// It follows from the rest of the model.
impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}
