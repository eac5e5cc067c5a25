//! What is watched beside the vault itself, folded in. What of it is bad news comes onto the timeline with its alert.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::super::Model;
use super::super::consumers::{ConsumerSeen, PodLife};
use super::super::engines::EnginesSeen;
use super::super::estate::EstateSeen;
use super::super::nodes::{Load, NodeSeen, UsageSeen};
use super::super::observed::Observed;
use super::super::paths::{METADATA_COUNTS, PathSeen, PathsSeen};
use super::super::raft::RaftSeen;
use super::super::secrets::SecretSeen;
use super::super::sync::{OperatorsSeen, SyncSeen};
use super::super::table::{Delta, Table, apply};
use super::super::timeline::Tone;
use super::super::tokens::TokenSeen;
use super::super::withheld::Withheld;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::sync::standings;
use crate::app::time::within;

/// A trend goes back this far.
const TREND: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn sync(model: &mut Model, delta: &Delta<SyncSeen>, now: Timestamp) {
    standings::told(model, delta, now);
    let whole = with_withheld(model, delta);
    apply(&mut model.sync, &whole, now);
    standings::told(model, delta, now);
}

/// A list of all there is says nothing of what may not be listed: what was known of that stays, and is not seen.
fn with_withheld<'a>(model: &Model, delta: &'a Delta<SyncSeen>) -> Cow<'a, Delta<SyncSeen>> {
    let Delta::Whole(rows) = delta else { return Cow::Borrowed(delta) };
    let withheld = |seen: &&SyncSeen| {
        let object = &seen.object;
        model.withholds(FeedId::Sync, &object.kind, &object.namespace).is_some()
    };
    let kept = model.sync.iter().flat_map(Table::iter).filter(withheld).cloned().map(Arc::new);
    Cow::Owned(Delta::Whole(kept.chain(rows.iter().cloned()).collect()))
}

/// What may not be listed is said once, when it begins and when it ends.
pub(super) fn withheld(model: &mut Model, feed: FeedId, parts: &[Withheld], now: Timestamp) {
    let before = model.withheld.remove(&feed).unwrap_or_default();
    if !parts.is_empty() {
        model.withheld.insert(feed, parts.to_vec());
    }
    let words = |parts: &[Withheld]| parts.iter().map(Withheld::words).collect::<Vec<_>>();
    if words(&before) == words(parts) {
        return;
    }
    standings::all_moved(model, now);
    let (says, detail) = match parts.first() {
        Some(first) => ("may not list everything", format!("{}. {}", words(parts).join(", "), first.trouble.next)),
        None => ("may list everything again", String::new()),
    };
    super::say(
        model,
        now,
        super::feed_ref(feed),
        says,
        &detail,
        if parts.is_empty() { Tone::Plain } else { Tone::Notable },
    );
}

pub(super) fn operators(model: &mut Model, seen: &OperatorsSeen, now: Timestamp) {
    let before = model.operators.replace(Observed::new(seen.clone(), now));
    if before.is_none_or(|before| before.value != *seen) {
        standings::all_moved(model, now);
    }
}

pub(super) fn paths(model: &mut Model, seen: &PathsSeen, now: Timestamp) {
    let before = model.paths.replace(Observed::new(seen.clone(), now));
    if before.is_none_or(|before| tells_more(&before.value, seen, now)) {
        standings::all_moved(model, now);
    }
}

/// Whether something is there otherwise than before, or what had grown too old to count was read again.
fn tells_more(before: &PathsSeen, seen: &PathsSeen, now: Timestamp) -> bool {
    let same = |(before, seen): (&PathSeen, &PathSeen)| {
        before.path == seen.path && before.found == seen.found && within(now, before.at, METADATA_COUNTS)
    };
    before.found.len() != seen.found.len() || !before.found.iter().zip(&seen.found).all(same)
}

pub(super) fn secrets(model: &mut Model, delta: &Delta<SecretSeen>, now: Timestamp) {
    let after = |rows: &[Arc<SecretSeen>]| -> Vec<Arc<SecretSeen>> {
        let known = model.secrets.as_ref();
        let weighed = rows.iter().map(|row| match known.and_then(|known| known.get(&row.object)) {
            Some(before) => Arc::new(SecretSeen::clone(row).after(before, now)),
            None => Arc::clone(row),
        });
        weighed.collect()
    };
    let weighed = match delta {
        Delta::Whole(rows) => Delta::Whole(after(rows)),
        Delta::Part { kind, namespace, rows } => {
            Delta::Part { kind: kind.clone(), namespace: namespace.clone(), rows: after(rows) }
        }
        Delta::Put(rows) => Delta::Put(after(rows)),
        Delta::Gone(_) | Delta::Same => delta.clone(),
    };
    match &weighed {
        Delta::Whole(_) | Delta::Part { .. } => standings::all_moved(model, now),
        Delta::Put(rows) => standings::written(model, rows.iter().map(|row| &row.object), now),
        Delta::Gone(objects) => standings::written(model, objects, now),
        Delta::Same => {}
    }
    apply(&mut model.secrets, &weighed, now);
}

pub(super) fn consumers(model: &mut Model, delta: &Delta<ConsumerSeen>, now: Timestamp) {
    apply(&mut model.consumers, delta, now);
}

pub(super) fn containers(model: &mut Model, delta: &Delta<PodLife>, now: Timestamp) {
    let moved: BTreeSet<&ObjectRef> = match delta {
        Delta::Put(rows) => rows.iter().map(|row| &row.object).collect(),
        Delta::Gone(objects) => objects.iter().collect(),
        Delta::Whole(_) | Delta::Part { .. } | Delta::Same => BTreeSet::new(),
    };
    let of = |table: &Option<Table<PodLife>>| -> Vec<(SmolStr, u64)> {
        moved.iter().filter_map(|object| table.as_ref()?.get(object)).filter_map(burden).collect()
    };
    for pod in moved.iter().filter_map(|object| model.containers.as_ref()?.get(object)).filter(|pod| struck(pod)) {
        if let Entry::Occupied(mut on_node) = model.struck.entry(pod.node.clone()) {
            on_node.get_mut().remove(&pod.object);
            if on_node.get().is_empty() {
                on_node.remove();
            }
        }
    }
    for (node, bytes) in of(&model.containers) {
        let Entry::Occupied(mut load) = model.loads.entry(node) else { continue };
        let Load { pods, requests } = *load.get();
        if pods <= 1 {
            load.remove();
        } else {
            load.insert(Load { pods: pods - 1, requests: requests.saturating_sub(bytes) });
        }
    }
    apply(&mut model.containers, delta, now);
    let anew = matches!(delta, Delta::Whole(_) | Delta::Part { .. });
    if anew {
        model.loads.clear();
        model.struck.clear();
    }
    let Model { containers, loads, struck: by_node, .. } = model;
    let mut add = |pod: &PodLife| {
        if let Some((node, bytes)) = burden(pod) {
            let load = loads.entry(node).or_default();
            *load = Load { pods: load.pods + 1, requests: load.requests.saturating_add(bytes) };
        }
        if struck(pod) {
            by_node.entry(pod.node.clone()).or_default().insert(pod.object.clone());
        }
    };
    let known = containers.iter().flat_map(|table| {
        let all = anew.then(|| table.iter());
        let some = (!anew).then(|| moved.iter().filter_map(|object| table.get(object)));
        all.into_iter().flatten().chain(some.into_iter().flatten())
    });
    known.for_each(&mut add);
}

/// Its node lost or threw it out for want of memory.
fn struck(pod: &PodLife) -> bool {
    !pod.node.is_empty() && (pod.oom_killed.is_some() || pod.evicted)
}

/// The node that it lies on, and what it requests there.
fn burden(pod: &PodLife) -> Option<(SmolStr, u64)> {
    (!pod.node.is_empty()).then(|| (pod.node.clone(), pod.requests))
}

pub(super) fn nodes(model: &mut Model, delta: &Delta<NodeSeen>, now: Timestamp) {
    apply(&mut model.nodes, delta, now);
}

pub(super) fn usage(model: &mut Model, seen: &UsageSeen, now: Timestamp) {
    for (node, figure) in &seen.nodes {
        model.trends.entry(node.clone()).or_default().push(figure.at, figure.bytes);
    }
    model.trends.retain(|_, trend| trend.last().is_some_and(|last| last + TREND >= now));
    if seen.unread.is_empty() {
        model.longhorn.clone_from(&seen.longhorn);
    }
    model.usage = Some(Observed::new(seen.clone(), now));
}

pub(super) fn tokens(model: &mut Model, seen: &[TokenSeen], now: Timestamp) {
    let before = model.tokens.replace(Observed::new(seen.to_vec(), now)).map(|observed| observed.value);
    super::tokens::tell(model, before.as_deref().unwrap_or_default(), seen, now);
}

pub(super) fn engines(model: &mut Model, seen: &EnginesSeen, now: Timestamp) {
    let before = model.engines.replace(Observed::new(seen.clone(), now));
    if before.is_none_or(|before| before.value != *seen) {
        standings::all_moved(model, now);
    }
}

pub(super) fn raft(model: &mut Model, seen: &RaftSeen, now: Timestamp) {
    model.raft = Some(Observed::new(seen.clone(), now));
}

pub(super) fn estate(model: &mut Model, seen: &EstateSeen, now: Timestamp) {
    model.estate = Some(Observed::new(seen.clone(), now));
}
