//! How each expected replica stands right now, and how many restarts it takes until nobody serves.

use jiff::{SignedDuration, Timestamp};

use super::sight::{self, Unseen};
use crate::app::id::FeedId;
use crate::app::model::Model;
use crate::app::model::seal::{Replica, Role, SealAnswer, SealSeen};
use crate::app::model::workload::{PodSeen, WorkloadSeen};
use crate::app::time::{age, moment};
use crate::app::trouble::{Trouble, TroubleKind};

/// How one replica stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Initialised and not sealed.
    Open(&'a SealSeen),
    /// Initialised and sealed.
    Sealed(&'a SealSeen),
    /// Says that it is not initialised; so does a raft follower that has not joined yet.
    Uninitialised(&'a SealSeen),
    /// Its server does not run, says Kubernetes; why.
    Gone(String),
    /// `OrderedReady`: its pod is not created before this other replica is ready.
    Waiting(&'a str),
    /// It should run, and it does not answer.
    Unreachable(&'a Trouble),
    /// Nobody can say: stale, denied, or never asked.
    Unseen(Unseen),
}

impl Condition<'_> {
    /// Whether it is known that this replica cannot be the active node.
    pub const fn cannot_serve(&self) -> bool {
        match self {
            Self::Open(seen) => !matches!(seen.role, Some(Role::Active)),
            Self::Sealed(_) | Self::Uninitialised(_) | Self::Gone(_) | Self::Waiting(_) => true,
            Self::Unreachable(_) | Self::Unseen(_) => false,
        }
    }
}

/// Every expected replica with its condition, in order.
pub fn conditions(model: &Model, now: Timestamp) -> Vec<(&Replica, Condition<'_>)> {
    model.replicas.iter().map(|replica| (replica, condition(model, replica, now))).collect()
}

/// How this replica stands. What it said itself within the limit outranks what Kubernetes says of its pod.
pub fn condition<'a>(model: &'a Model, replica: &'a Replica, now: Timestamp) -> Condition<'a> {
    let fresh = replica.answer.as_ref().and_then(|answer| answer.fresh(now, FeedId::Seal));
    match fresh {
        Some(SealAnswer::Said(seen)) if !seen.initialized => Condition::Uninitialised(seen),
        Some(SealAnswer::Said(seen)) if seen.sealed => Condition::Sealed(seen),
        Some(SealAnswer::Said(seen)) => Condition::Open(seen),
        Some(SealAnswer::Silent(trouble)) => silent(model, replica, trouble, now),
        None => absent(model, replica, now).unwrap_or_else(|| Condition::Unseen(stale(model, replica, now))),
    }
}

fn silent<'a>(model: &'a Model, replica: &'a Replica, trouble: &'a Trouble, now: Timestamp) -> Condition<'a> {
    let unseen = || {
        Condition::Unseen(Unseen {
            input: replica.name.clone(),
            since: replica.since,
            why: match trouble.kind {
                TroubleKind::Denied => format!("denied ({})", trouble.what),
                TroubleKind::Unreachable
                | TroubleKind::Absent
                | TroubleKind::Unusable
                | TroubleKind::Refused
                | TroubleKind::Local => trouble.what.clone(),
            },
            next: trouble.next.clone(),
        })
    };
    match trouble.kind {
        TroubleKind::Unreachable => absent(model, replica, now)
            .or_else(|| starting(model, replica, now))
            .unwrap_or(Condition::Unreachable(trouble)),
        TroubleKind::Absent => absent(model, replica, now).unwrap_or_else(|| Condition::Gone(trouble.what.clone())),
        TroubleKind::Denied | TroubleKind::Unusable | TroubleKind::Refused | TroubleKind::Local => {
            absent(model, replica, now).unwrap_or_else(unseen)
        }
    }
}

/// A server that was started this recently may not listen yet: that is known, and not blindness.
const STARTS: SignedDuration = SignedDuration::from_secs(30);

fn starting<'a>(model: &Model, replica: &Replica, now: Timestamp) -> Option<Condition<'a>> {
    let pods = model.pods.as_ref()?.fresh(now, FeedId::Pods)?;
    let started = pods.iter().find(|pod| pod.name == replica.name)?.server()?.started?;
    (age(now, started) <= STARTS).then(|| Condition::Gone("is starting".to_owned()))
}

fn stale(model: &Model, replica: &Replica, now: Timestamp) -> Unseen {
    let at = replica.answer.as_ref().map(|answer| answer.at);
    let feed = sight::feed(model, FeedId::Seal, at, now);
    let why = match at {
        Some(at) if !feed.why.starts_with("denied") => format!("not seen since {}", moment(now, at)),
        Some(_) | None => feed.why,
    };
    Unseen { input: replica.name.clone(), since: at, why, next: feed.next }
}

/// What a fresh look at the pods says of a replica whose server does not run; `None` when it runs or nobody can tell.
fn absent<'a>(model: &'a Model, replica: &Replica, now: Timestamp) -> Option<Condition<'a>> {
    if !model.in_kubernetes() {
        return None;
    }
    let pods = model.pods.as_ref()?.fresh(now, FeedId::Pods)?;
    let Some(pod) = pods.iter().find(|pod| pod.name == replica.name) else {
        let waits = model.workload().and_then(|workload| waits_for(model, workload, pods, &replica.name, now));
        return Some(waits.map_or_else(|| Condition::Gone("has no pod".to_owned()), Condition::Waiting));
    };
    if pod.deleting {
        return Some(Condition::Gone("is being deleted".to_owned()));
    }
    match pod.server() {
        Some(server) if server.running => None,
        Some(server) => {
            Some(Condition::Gone(format!("does not run ({})", server.reason.as_deref().unwrap_or(pod.phase.as_str()))))
        }
        None => Some(Condition::Gone(format!("does not run ({})", pod.phase))),
    }
}

/// With `OrderedReady`, the first earlier replica that keeps this one from being created.
fn waits_for<'a>(
    model: &Model,
    workload: &'a WorkloadSeen,
    pods: &[PodSeen],
    name: &str,
    now: Timestamp,
) -> Option<&'a str> {
    if !workload.ordered {
        return None;
    }
    let ready = |member: &str| {
        pods.iter().any(|pod| pod.name == member && !pod.deleting && pod.server().is_some_and(|server| server.ready))
            && model.fresh_said(member, now).is_none_or(SealSeen::open)
    };
    workload.members.iter().take_while(|member| *member != name).find(|member| !ready(member)).map(String::as_str)
}

/// Everything that any replica last said, whatever its age.
fn every_word(model: &Model) -> impl Iterator<Item = &SealSeen> {
    let said = model.replicas.iter().filter_map(|replica| model.said(&replica.name));
    said.chain(model.heard.as_ref().map(|heard| &heard.value))
}

/// All replicas counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headcount {
    /// Expected.
    pub expected: u32,
    /// Open.
    pub open: u32,
    /// Sealed.
    pub sealed: u32,
    /// Uninitialised.
    pub uninitialised: u32,
    /// Not running, waiting or not answering.
    pub absent: u32,
    /// Nobody can say.
    pub unseen: u32,
    /// Storage is raft: quorum decides.
    pub raft: bool,
    /// One says that it is active.
    pub active: bool,
}

/// Counts them.
pub fn headcount(model: &Model, now: Timestamp) -> Headcount {
    let mut count = Headcount {
        expected: model.replicas.len() as u32,
        raft: every_word(model).any(|seen| seen.storage.as_deref() == Some("raft")),
        ..Headcount::default()
    };
    for (_, condition) in conditions(model, now) {
        match condition {
            Condition::Open(seen) => {
                count.open += 1;
                count.active |= seen.role == Some(Role::Active);
            }
            Condition::Sealed(_) => count.sealed += 1,
            Condition::Uninitialised(_) => count.uninitialised += 1,
            Condition::Gone(_) | Condition::Waiting(_) | Condition::Unreachable(_) => count.absent += 1,
            Condition::Unseen(_) => count.unseen += 1,
        }
    }
    count
}

impl Headcount {
    /// Members that raft needs: more than half.
    pub const fn quorum(self) -> u32 {
        self.expected / 2 + 1
    }

    /// Somebody leads, and may go on: a leader that has lost its quorum says that it leads until it notices.
    pub const fn serves(self) -> bool {
        self.active && !matches!(self.restarts_to_outage(), Some(0))
    }

    /// How many replicas must restart until nobody serves; `None` when that cannot be counted.
    pub const fn restarts_to_outage(self) -> Option<u32> {
        if self.expected == 0 || self.unseen > 0 {
            return None;
        }
        if self.expected == 1 {
            return Some(if self.open == 1 { 1 } else { 0 });
        }
        if self.raft {
            return Some((self.open + 1).saturating_sub(self.quorum()));
        }
        Some(self.open)
    }
}

/// What makes a restart likely right now: a pod on its way out, a rollout, an OnDelete backlog. Fresh facts only.
pub fn restart_likely(model: &Model, now: Timestamp) -> Option<String> {
    let pods = model.pods.as_ref().and_then(|pods| pods.fresh(now, FeedId::Pods));
    if let Some(pod) = pods.into_iter().flatten().find(|pod| pod.deleting) {
        return Some(format!("{} is being deleted", pod.name));
    }
    let workload = model.workload.as_ref()?.fresh(now, FeedId::Workload)?.as_ref()?;
    match (workload.rollout_pending, workload.on_delete) {
        (true, true) => Some("an OnDelete update waits for somebody to delete pods".to_owned()),
        (true, false) => Some("a rollout is under way".to_owned()),
        (false, _) => None,
    }
}

/// When this replica's server was started, from its pod.
pub fn started(model: &Model, name: &str) -> Option<Timestamp> {
    model.pod(name)?.server()?.started
}

/// Whether this vault has ever been initialised, as far as anybody can tell; `None` when nobody can.
///
/// A wiped replica says "uninitialised" as a new one does: keys that were seen, or a proof, say that it is not new.
pub fn initialised(model: &Model, now: Timestamp) -> Option<bool> {
    let held_keys = model.history.iter().any(|g| g.seen.present().is_some_and(|s| s.shares() > 0));
    let holds_keys = model.keys_secret().is_some_and(|secret| secret.shares() > 0);
    if held_keys || holds_keys || !model.proofs.is_empty() || every_word(model).any(|seen| seen.initialized) {
        return Some(true);
    }
    model.answers(now).next().map(|_| false)
}
