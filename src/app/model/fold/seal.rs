//! One replica's answer: what changed since the last one, who serves, and whether a restart proved itself.

use jiff::{SignedDuration, Timestamp};

use super::{Restart, say};
use crate::app::effect::Effect;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::observed::Observed;
use crate::app::model::proof::{Answer, Method, Proof};
use crate::app::model::reopens::{Mechanism, reopens};
use crate::app::model::seal::{Role, SealAnswer, SealSeen};
use crate::app::model::timeline::Tone;
use crate::app::model::unsealer::{Liveness, UnsealerSeen, UseHow};
use crate::app::time::age;

/// An open answer this long after a restart was noticed is the new life's own even if it was never seen sealed: no
/// request of the old life is still under way.
const ECHO: SignedDuration = SignedDuration::from_secs(10);

/// An unsealer opens a replica this soon after its server runs. After that it may as well have been a person with a
/// share, and a person's share says nothing about the Secret: no proof is better than a false one.
const BY_ITSELF: SignedDuration = SignedDuration::from_secs(30);

/// A kubelet brings a changed Secret into a running pod's volume within a minute or two.
const MOUNTED: SignedDuration = SignedDuration::from_mins(3);

/// Proofs kept; the newest say it all, the rest is history.
const PROOFS_KEPT: usize = 50;

/// What kind of answer it is: only a change of this is an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Open(Option<Role>),
    Sealed,
    Uninitialised,
    Silent,
}

impl Condition {
    const fn of(answer: &SealAnswer) -> Self {
        match answer {
            SealAnswer::Silent(_) => Self::Silent,
            SealAnswer::Said(seen) if !seen.initialized => Self::Uninitialised,
            SealAnswer::Said(seen) if seen.sealed => Self::Sealed,
            SealAnswer::Said(seen) => Self::Open(seen.role),
        }
    }

    /// The same condition as far as `since` is concerned: a change of role is no change of the seal.
    const fn same_seal(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Open(_), Self::Open(_))
                | (Self::Sealed, Self::Sealed)
                | (Self::Uninitialised, Self::Uninitialised)
                | (Self::Silent, Self::Silent)
        )
    }
}

/// Takes one answer.
pub(super) fn fold(model: &mut Model, name: &str, answer: &SealAnswer, now: Timestamp) -> Vec<Effect> {
    let Some(replica) = model.replicas.iter_mut().find(|replica| replica.name == name) else {
        return Vec::new();
    };
    let before = replica.answer.take();
    let then = before.as_ref().map(|observed| Condition::of(&observed.value));
    let today = Condition::of(answer);
    if then.is_none_or(|then| !then.same_seal(today)) {
        replica.since = Some(now);
    }
    replica.answer = Some(Observed::new(answer.clone(), now));
    let alone = || model.answers(now).filter(|(_, seen)| seen.open()).count() == 1;
    if matches!((then, today), (Some(Condition::Sealed), Condition::Open(_))) && alone() {
        model.opened = Some(now);
    }
    if let Some(said) = answer.said().filter(|said| said.initialized || model.heard.is_none()) {
        model.heard = Some(Observed::new(said.clone(), now));
    }
    narrate(model, name, then, answer, now);
    reinitialised(model, name, before.as_ref().and_then(|observed| observed.value.said()), answer, now);
    active(model, now);
    proof(model, name, answer, now)
}

fn narrate(model: &mut Model, name: &str, then: Option<Condition>, answer: &SealAnswer, now: Timestamp) {
    let today = Condition::of(answer);
    let Some(then) = then else { return };
    if then == today {
        return;
    }
    let (says, detail, tone) = match (then, today, answer) {
        (Condition::Open(_), Condition::Open(Some(Role::Active)), _) => ("became active", String::new(), Tone::Plain),
        (Condition::Open(_), Condition::Open(Some(Role::Standby)), _) => {
            ("follows as a standby", String::new(), Tone::Plain)
        }
        (Condition::Open(_), Condition::Open(Some(Role::Leaderless)), _) => {
            ("sees no leader", String::new(), Tone::Notable)
        }
        (_, Condition::Open(_), _) => ("is unsealed", String::new(), Tone::Plain),
        (_, Condition::Sealed, _) => ("is sealed", String::new(), Tone::Grave),
        (_, Condition::Uninitialised, _) => ("says that it is not initialised", String::new(), Tone::Grave),
        (_, Condition::Silent, SealAnswer::Silent(trouble)) => ("does not answer", trouble.what.clone(), Tone::Notable),
        (_, Condition::Silent, SealAnswer::Said(_)) => ("does not answer", String::new(), Tone::Notable),
    };
    let namespace = model.workload().map(|w| w.namespace.clone()).unwrap_or_default();
    say(model, now, ObjectRef::pod(&namespace, name), says, &detail, tone);
}

/// A new cluster id under the same identity: somebody initialised the vault anew, and the old keys open nothing.
fn reinitialised(model: &mut Model, name: &str, before: Option<&SealSeen>, answer: &SealAnswer, now: Timestamp) {
    let then = before.and_then(|seen| seen.cluster_id.as_deref());
    let today = answer.said().and_then(|seen| seen.cluster_id.as_deref());
    if let (Some(then), Some(today)) = (then, today)
        && then != today
    {
        let says = "has a new cluster id: somebody initialised the vault anew";
        let namespace = model.workload().map(|w| w.namespace.clone()).unwrap_or_default();
        say(model, now, ObjectRef::pod(&namespace, name), says, "", Tone::Grave);
    }
}

/// Keeps since when nobody serves. While nobody can tell, what was known stays.
fn active(model: &mut Model, now: Timestamp) {
    let mut told = false;
    let mut serves = false;
    let mut leader_named = false;
    for (_, seen) in model.answers(now) {
        told = true;
        serves |= seen.role == Some(Role::Active);
        leader_named |= seen.role == Some(Role::Standby) && seen.leader.is_some();
    }
    // A standby goes on naming a dead leader for about 14 s; named for longer it lives, and only our way to it is cut.
    let silent = model.replicas.iter().any(|replica| {
        replica.answer.as_ref().and_then(|a| a.fresh(now, FeedId::Seal)).is_none_or(|a| a.said().is_none())
    });
    if serves || (silent && leader_named) {
        model.no_active_since = None;
    } else if told {
        model.no_active_since.get_or_insert(now);
    }
}

/// A replica that was seen to restart and is open again without our doing proves the whole mechanism with these keys.
fn proof(model: &mut Model, name: &str, answer: &SealAnswer, now: Timestamp) -> Vec<Effect> {
    let open = answer.said().filter(|seen| seen.open());
    let Some(seen) = open else {
        down(model, name, answer);
        return Vec::new();
    };
    let own = model.ours.contains_key(name);
    let Some(restart) = model.restarts.get(name) else { return Vec::new() };
    if !restart.seen_down && age(now, restart.at) < ECHO {
        return Vec::new();
    }
    // A container beside the server is told a moment later than the server's own answer.
    if age(now, restart.at) <= BY_ITSELF && starting(model, name) {
        return Vec::new();
    }
    let Some(restart) = model.restarts.remove(name) else { return Vec::new() };
    let anew = matches!((&restart.cluster_id, &seen.cluster_id), (Some(then), Some(today)) if then != today);
    if own || anew || !by_itself(model, name, &restart, now) {
        return Vec::new();
    }
    // Only shares can be given by hand: a seal that opens from a key or a provider has nobody else to thank.
    let late = restart.up.is_some_and(|up| age(now, up) > BY_ITSELF);
    if late && reopens(model, now).by == Mechanism::Secret {
        let namespace = model.workload().map(|w| w.namespace.clone()).unwrap_or_default();
        let detail = "too late to tell the unsealer from a person";
        say(model, now, ObjectRef::pod(&namespace, name), "its opening proves nothing", detail, Tone::Plain);
        return Vec::new();
    }
    // A provider opened it: whatever a Secret holds beside it had no part in that.
    let provider = matches!(reopens(model, now).by, Mechanism::Kms | Mechanism::Transit);
    let proof = Proof {
        method: Method::CameBack,
        answer: Answer::Accepted,
        at: now,
        replica: name.to_owned(),
        cluster_id: seen.cluster_id.clone().or(restart.cluster_id),
        prints: if provider { Vec::new() } else { restart.prints },
        namespace: None,
    };
    keep(model, proof)
}

/// Adds a proof to the model and asks to remember it.
pub(crate) fn keep(model: &mut Model, proof: Proof) -> Vec<Effect> {
    let namespace = model.workload().map(|w| w.namespace.clone()).unwrap_or_default();
    let subject = match &proof.namespace {
        Some(path) => crate::app::estate::namespace_ref(path),
        None => ObjectRef::pod(&namespace, &proof.replica),
    };
    match proof.answer {
        Answer::Accepted => {
            say(model, proof.at, subject, "proved the keys", proof.method.words(), Tone::Plain);
        }
        Answer::Refused => {
            let prints: Vec<String> = proof.prints.iter().map(ToString::to_string).collect();
            say(model, proof.at, subject, "refused the keys", &prints.join(" "), Tone::Grave);
        }
    }
    let kept = if proof.namespace.is_some() { &mut model.namespace_proofs } else { &mut model.proofs };
    kept.push(proof.clone());
    let surplus = kept.len().saturating_sub(PROOFS_KEPT);
    kept.drain(..surplus);
    vec![Effect::RememberProof(proof)]
}

/// Notes how the new life was seen before it opened.
fn down(model: &mut Model, name: &str, answer: &SealAnswer) {
    let Some(restart) = model.restarts.get_mut(name) else { return };
    restart.seen_down = true;
    // A follower that joins says so too. Without the id of before, a vault made anew would look like the old one.
    if answer.said().is_some_and(|seen| !seen.initialized) && restart.cluster_id.is_none() {
        model.restarts.remove(name);
    }
}

/// Whether a sidecar that unseals is not up yet, as far as its pod is known.
fn starting(model: &Model, name: &str) -> bool {
    let Some(unsealers) = &model.unsealers else { return false };
    let mut sidecars = unsealers.value.found.iter().filter(|unsealer| unsealer.sidecar).peekable();
    sidecars.peek().is_some()
        && sidecars.all(|unsealer| {
            let pod = model.pod(name);
            pod.and_then(|pod| pod.containers.iter().find(|c| c.name == unsealer.container)).is_some_and(|c| !c.running)
        })
}

/// Whether the mechanism itself can have opened the replica, with the keys that are still in place.
fn by_itself(model: &Model, name: &str, restart: &Restart, now: Timestamp) -> bool {
    match reopens(model, now).by {
        Mechanism::Secret => {
            let Some(secret) = model.fresh_keys(now).and_then(|keys| keys.present()) else { return false };
            let Some(unsealers) = model.unsealers.as_ref().and_then(|seen| seen.fresh(now, FeedId::Unsealers)) else {
                return false;
            };
            let prints = secret.prints();
            let uses = |unsealer: &&UnsealerSeen| {
                unsealer.uses.is_empty() || unsealer.uses.iter().any(|used| used.secret == secret.object.name)
            };
            !prints.is_empty()
                && prints == restart.prints
                && unsealers
                    .found
                    .iter()
                    .filter(uses)
                    .any(|unsealer| works(model, unsealer, name) && holds(model, unsealer, name, &prints, restart.at))
        }
        Mechanism::Static => {
            let present = model.keys_secret().map(crate::app::model::keys_secret::KeysSecret::prints);
            restart.prints == present.unwrap_or_default()
        }
        Mechanism::Transit | Mechanism::Kms => true,
        // People open it by hand: that proves that they can, not that it reopens.
        Mechanism::People | Mechanism::Unknown => false,
    }
}

/// Whether this unsealer runs where it could have opened this replica.
fn works(model: &Model, unsealer: &UnsealerSeen, name: &str) -> bool {
    let beside = || model.pod(name)?.containers.iter().find(|container| container.name == unsealer.container);
    match beside().filter(|_| unsealer.sidecar) {
        Some(container) => container.running,
        None => !matches!(unsealer.liveness, Liveness::Dead { .. }),
    }
}

/// Whether what the unsealer holds is what lies in the Secret: after a change it may go on with the key of before.
fn holds(model: &Model, unsealer: &UnsealerSeen, name: &str, prints: &[Fingerprint], restarted: Timestamp) -> bool {
    let mut since = None;
    let mut changed = false;
    for glimpse in model.history.iter().rev() {
        let held = glimpse.seen.present().map(crate::app::model::keys_secret::KeysSecret::prints).unwrap_or_default();
        if held == prints {
            since = Some(glimpse.at);
        } else if !held.is_empty() {
            changed = true;
            break;
        }
    }
    let (true, Some(since)) = (changed, since) else { return true };
    if unsealer.sidecar {
        let beside = || model.pod(name)?.containers.iter().find(|container| container.name == unsealer.container);
        if beside().and_then(|container| container.started).is_some_and(|started| started > since) {
            return true;
        }
    }
    let refreshed = unsealer.uses.iter().all(|used| matches!(used.how, UseHow::Volume | UseHow::Items));
    refreshed && !unsealer.uses.is_empty() && restarted.duration_since(since) >= MOUNTED
}
