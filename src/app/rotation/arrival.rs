//! Whether a rotation arrived: from the vault through a sync object and its Secret into the containers that read it, as
//! one number a consumer.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::consumers::{ConsumerSeen, Use};
use crate::app::model::engines::{Place, StaticRoleSeen};
use crate::app::model::observed::FeedState;
use crate::app::model::sync::{SyncKind, SyncSeen};
use crate::app::model::table::Table;
use crate::app::time::age;
use crate::app::verdict::sight;

/// One consumer of a static role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The object that brings it into the cluster.
    pub sync: ObjectRef,
    /// Who uses it: the workload, or the Secret where no workload is known, or the sync object where there is no Secret.
    pub consumer: ObjectRef,
    /// How long it took, or takes.
    pub window: Window,
}

/// The propagation window of one consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// It has the credentials of the last rotation, and had them so long after it at the latest.
    Within(SignedDuration),
    /// It has them; since when is not known.
    Arrived,
    /// It does not have them, so long after the rotation.
    Waiting {
        /// How long.
        since: SignedDuration,
        /// Where it is held up.
        at: Hop,
    },
    /// Nobody can see whether it has.
    Unseen(String),
}

/// Where a rotation is held up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// The operator has not fetched it.
    Operator,
    /// The Secret has it, and this container started before that and reads it only at its start.
    Restart(String),
}

/// Why nobody can say who consumes static roles; `None` where that is in sight, or where nothing is synced here.
pub fn unseen(model: &Model, now: Timestamp) -> Option<String> {
    let Some(missing) = sight::missing(model, FeedId::Sync, now) else {
        return model.withheld_sync(|kind| matches!(kind, SyncKind::VaultDynamicSecret | SyncKind::ExternalSecret));
    };
    (model.feed_state(FeedId::Sync, now) != FeedState::Absent).then(|| missing.says())
}

/// The sync objects that bring static credentials, by mount and role: found in one pass over all of them.
pub type Bringers<'a> = BTreeMap<String, Vec<&'a SyncSeen>>;

/// Who brings which role's credentials.
pub fn bringers(model: &Model, now: Timestamp) -> Bringers<'_> {
    let mut all = Bringers::new();
    let table = model.sync.as_ref().and_then(|table| table.fresh(now, FeedId::Sync));
    for sync in table.into_iter().flat_map(Table::iter) {
        for source in model.places(sync) {
            let Some(role) = source.path.strip_prefix("static-creds/") else { continue };
            let place = Place {
                namespace: source.namespace.trim_matches('/').to_owned(),
                mount: source.mount.trim_matches('/').to_owned(),
            };
            all.entry(place.under(role)).or_default().push(sync);
        }
    }
    all
}

/// The consumers of a role, those that still wait first.
pub fn arrivals(model: &Model, role: &StaticRoleSeen, bringers: &Bringers<'_>, now: Timestamp) -> Vec<Arrival> {
    let brought = bringers.get(&role.place.under(&role.role));
    let mut all: Vec<Arrival> =
        brought.into_iter().flatten().flat_map(|sync| through(model, role, sync, now)).collect();
    all.sort_by_key(|arrival| std::cmp::Reverse(waited(&arrival.window)));
    all
}

/// How long it waits; those that have it come after all that wait.
fn waited(window: &Window) -> Option<SignedDuration> {
    match window {
        Window::Waiting { since, .. } => Some(*since),
        Window::Within(_) | Window::Arrived | Window::Unseen(_) => None,
    }
}

fn through(model: &Model, role: &StaticRoleSeen, sync: &SyncSeen, now: Timestamp) -> Vec<Arrival> {
    let target = sync.secret.clone().unwrap_or_else(|| sync.object.clone());
    let arrival = |consumer: ObjectRef, window| Arrival { sync: sync.object.clone(), consumer, window };
    let Some(rotated) = role.rotated else { return Vec::new() };
    let written = match fetched(sync, rotated) {
        Fetched::At(at) => Some(at),
        Fetched::Undated => None,
        Fetched::Not => {
            let window = Window::Waiting { since: age(now, rotated), at: Hop::Operator };
            let users = users(model, &target, now);
            if users.is_empty() {
                return vec![arrival(target, window)];
            }
            return users.into_iter().map(|(user, _)| arrival(user.object.clone(), window.clone())).collect();
        }
    };
    let users = users(model, &target, now);
    if users.is_empty() {
        let window = written.map_or(Window::Arrived, |at| Window::Within(age(at, rotated)));
        return vec![arrival(target, window)];
    }
    let windows = users.into_iter().map(|(user, uses)| {
        let window = match written {
            Some(written) => read(model, user, &uses, rotated, written, now),
            None => Window::Arrived,
        };
        arrival(user.object.clone(), window)
    });
    windows.collect()
}

enum Fetched {
    At(Timestamp),
    Undated,
    Not,
}

/// Whether the operator has the credentials of this rotation, and when it wrote them.
fn fetched(sync: &SyncSeen, rotated: Timestamp) -> Fetched {
    // Statuses hold whole seconds, the vault says nanoseconds.
    let rotated = rotated.as_second();
    let after = |at: &Timestamp| at.as_second() >= rotated;
    if sync.kind == SyncKind::VaultDynamicSecret {
        let Some(seen) = sync.detail.rotated else { return Fetched::Not };
        if !after(&seen) {
            return Fetched::Not;
        }
        let synced = sync.conditions.iter().find(|it| it.kind == "SecretSynced" && it.status == "True");
        let wrote = [synced.and_then(|it| it.at), sync.detail.renewed];
        return wrote.into_iter().flatten().filter(after).min().map_or(Fetched::Undated, Fetched::At);
    }
    match sync.detail.refreshed.filter(after) {
        Some(at) => Fetched::At(at),
        None => Fetched::Not,
    }
}

/// The workloads that use this Secret, and how.
fn users<'a>(model: &'a Model, secret: &ObjectRef, now: Timestamp) -> Vec<(&'a ConsumerSeen, Vec<&'a Use>)> {
    let table = model.consumers.as_ref().and_then(|table| table.fresh(now, FeedId::Consumers));
    let all = table.into_iter().flat_map(Table::iter);
    all.filter_map(|user| {
        let uses: Vec<&Use> = user.uses.iter().filter(|it| it.secret == *secret).collect();
        (!uses.is_empty()).then_some((user, uses))
    })
    .collect()
}

/// What a workload reads: at once where the kubelet refreshes it, else what its containers read when they started.
fn read(
    model: &Model,
    user: &ConsumerSeen,
    uses: &[&Use],
    rotated: Timestamp,
    written: Timestamp,
    now: Timestamp,
) -> Window {
    let at_start: Vec<&&Use> = uses.iter().filter(|it| !it.way.refreshes()).collect();
    if at_start.is_empty() {
        return Window::Within(age(written, rotated));
    }
    let table = model.containers.as_ref().and_then(|table| table.fresh(now, FeedId::Containers));
    let Some(table) = table else {
        let why = sight::missing(model, FeedId::Containers, now).map(|unseen| unseen.says());
        return Window::Unseen(why.unwrap_or_default());
    };
    let pods = table.of(&user.object).into_iter().filter(|pod| !pod.deleting);
    let mut last = None;
    for (container, started) in pods.flat_map(|pod| &pod.containers) {
        if !at_start.iter().any(|it| it.container.is_empty() || it.container == *container) {
            continue;
        }
        if *started < written {
            return Window::Waiting { since: age(now, rotated), at: Hop::Restart(container.to_string()) };
        }
        last = last.max(Some(*started));
    }
    match last {
        Some(at) => Window::Within(age(at, rotated)),
        None => Window::Unseen("no container of it runs".to_owned()),
    }
}
