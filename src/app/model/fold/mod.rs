//! Facts folded into the model: what is new, what moved, what the timeline says of it.

mod held;
mod keys;
mod news;
pub(crate) mod seal;
mod tokens;
mod watched;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Model;
use super::fact::{ClusterSeen, Fact, Report};
use super::keys_secret::Fingerprint;
use super::observed::Observed;
use super::seal::Replica;
use super::timeline::{Moment, Tone};
use super::unsealer::{Liveness, UnsealersSeen};
use super::workload::{PodSeen, WorkloadSeen};
pub use news::news;

use crate::app::effect::Effect;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::sync::standings;
use crate::app::trouble::{Trouble, TroubleKind};

/// A life of a replica that ended, waiting for the next one to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// When the new life was noticed.
    pub at: Timestamp,
    /// Fingerprints of the keys that were in place then.
    pub prints: Vec<Fingerprint>,
    /// The vault's own cluster id before it: another one after it means that somebody initialised the vault anew.
    pub cluster_id: Option<String>,
    /// The replica was seen sealed or silent since: an open answer is the new life's own and not the old one's echo.
    pub seen_down: bool,
    /// When its server was first seen to run in this life: from here on an unsealer has seconds.
    pub up: Option<Timestamp>,
}

/// Takes one report; what must be remembered comes back as effects.
pub fn apply(model: &mut Model, report: &Report, now: Timestamp) -> Vec<Effect> {
    let effects = take(model, report, now);
    standings::grow(model, now);
    effects
}

fn take(model: &mut Model, report: &Report, now: Timestamp) -> Vec<Effect> {
    match &report.outcome {
        Err(trouble) => {
            complain(model, report.feed, trouble, now);
            Vec::new()
        }
        Ok(facts) => {
            // What the shell says at the start is not something a feed has seen.
            if facts.iter().any(|fact| !matches!(fact, Fact::Connected(_) | Fact::Recalled { .. })) {
                answer(model, report.feed, now);
            }
            facts.iter().flat_map(|fact| fold(model, fact, now)).collect()
        }
    }
}

fn fold(model: &mut Model, fact: &Fact, now: Timestamp) -> Vec<Effect> {
    match fact {
        Fact::Connected(cluster) => connected(model, cluster, now),
        Fact::Workload(seen) => workload(model, seen.as_ref(), now),
        Fact::Pods(seen) => pods(model, seen, now),
        Fact::Seal { replica, answer } => return seal::fold(model, replica, answer, now),
        Fact::Unsealers(seen) => unsealers(model, seen, now),
        Fact::Keys(seen) => return keys::fold(model, seen, now),
        Fact::Rights(seen) => model.rights = Some(Observed::new(seen.clone(), now)),
        Fact::Keystore(seen) => held::keystore(model, seen, now),
        Fact::Copies(seen) => held::copies(model, seen, now),
        Fact::Custody(seen) => held::custody(model, seen, now),
        Fact::Register(seen) => held::register(model, seen.as_ref(), now),
        Fact::Sync(delta) => watched::sync(model, delta, now),
        Fact::Operators(seen) => watched::operators(model, seen, now),
        Fact::Paths(seen) => watched::paths(model, seen, now),
        Fact::Secrets(delta) => watched::secrets(model, delta, now),
        Fact::Consumers(delta) => watched::consumers(model, delta, now),
        Fact::Containers(delta) => watched::containers(model, delta, now),
        Fact::Nodes(delta) => watched::nodes(model, delta, now),
        Fact::Usage(seen) => watched::usage(model, seen, now),
        Fact::Tokens(seen) => watched::tokens(model, seen, now),
        Fact::Engines(seen) => watched::engines(model, seen, now),
        Fact::Raft(seen) => watched::raft(model, seen, now),
        Fact::Estate(seen) => watched::estate(model, seen, now),
        Fact::Withheld { feed, parts } => watched::withheld(model, *feed, parts, now),
        Fact::Recalled { history, proofs } => {
            model.history.clone_from(history);
            let (apart, own) = proofs.iter().cloned().partition(|proof| proof.namespace.is_some());
            (model.namespace_proofs, model.proofs) = (apart, own);
        }
    }
    Vec::new()
}

fn answer(model: &mut Model, feed: FeedId, now: Timestamp) {
    let health = model.feeds.entry(feed).or_default();
    health.asked.get_or_insert(now);
    health.answered = Some(now);
    if health.trouble.take().is_some() {
        let subject = feed_ref(feed);
        say(model, now, subject, "answers again", "", Tone::Plain);
    }
}

fn complain(model: &mut Model, feed: FeedId, trouble: &Trouble, now: Timestamp) {
    let health = model.feeds.entry(feed).or_default();
    health.asked.get_or_insert(now);
    let news = health.trouble.as_ref().is_none_or(|before| before.value.kind != trouble.kind);
    // What was never here is nothing that happened.
    let event = news && (trouble.kind != TroubleKind::Absent || health.spoke());
    // The moment of the first complaint is kept: it says since when.
    match &mut health.trouble {
        Some(before) if !news => before.value = trouble.clone(),
        slot => *slot = Some(Observed::new(trouble.clone(), now)),
    }
    if event {
        let subject = feed_ref(feed);
        // What does not exist here is no bad news.
        let tone = if trouble.kind == TroubleKind::Absent { Tone::Plain } else { Tone::Notable };
        say(model, now, subject, &trouble.what, &trouble.why, tone);
    }
}

fn feed_ref(feed: FeedId) -> ObjectRef {
    ObjectRef::new("Feed", "", feed.name())
}

/// Writes a line on the timeline.
pub(super) fn say(model: &mut Model, at: Timestamp, subject: ObjectRef, says: &str, detail: &str, tone: Tone) {
    model.timeline.push(Moment { at, subject, says: says.to_owned(), detail: detail.to_owned(), tone });
}

fn connected(model: &mut Model, cluster: &ClusterSeen, now: Timestamp) {
    if model.cluster.as_ref() == Some(cluster) {
        return;
    }
    let subject = ObjectRef::new("Cluster", "", &cluster.name);
    say(model, now, subject, &format!("watching {}", cluster.vault), &cluster.notes.join("; "), Tone::Plain);
    model.cluster = Some(cluster.clone());
}

fn workload(model: &mut Model, seen: Option<&WorkloadSeen>, now: Timestamp) {
    let before = model.workload().cloned();
    if let (Some(before), None) = (&before, seen) {
        let subject = ObjectRef::new("StatefulSet", &before.namespace, &before.name);
        say(model, now, subject, "is gone", "", Tone::Grave);
    }
    if let (Some(before), Some(after)) = (&before, seen)
        && before.replicas != after.replicas
    {
        let subject = ObjectRef::new("StatefulSet", &after.namespace, &after.name);
        let says = format!("was scaled from {} to {} replicas", before.replicas, after.replicas);
        say(model, now, subject, &says, "", Tone::Notable);
    }
    model.workload = Some(Observed::new(seen.cloned(), now));
    // A StatefulSet that cannot be found any more takes its replicas' last answers along only when it is really gone.
    let members = seen.map(|w| w.members.clone()).unwrap_or_default();
    let mut known = std::mem::take(&mut model.replicas);
    model.replicas = members
        .into_iter()
        .map(|name| {
            let at = known.iter().position(|replica| replica.name == name);
            at.map(|index| known.swap_remove(index)).unwrap_or(Replica { name, answer: None, since: None })
        })
        .collect();
}

fn pods(model: &mut Model, seen: &[PodSeen], now: Timestamp) {
    let last = model.pods.take();
    // Nobody watched in between (a sleeping laptop, a lost API server): who opened what then, nobody can say.
    let watched = last.as_ref().is_some_and(|observed| observed.fresh(now, FeedId::Pods).is_some());
    let before = last.map(|observed| observed.value).unwrap_or_default();
    let cluster_id =
        model.cluster_id().or_else(|| model.heard.as_ref()?.value.cluster_id.as_deref()).map(str::to_owned);
    let prints = model.keys_secret().map(super::keys_secret::KeysSecret::prints).unwrap_or_default();
    let namespace = model.workload().map(|w| w.namespace.clone()).unwrap_or_default();
    for old in &before {
        let subject = ObjectRef::pod(&namespace, &old.name);
        match seen.iter().find(|pod| pod.name == old.name) {
            None => say(model, now, subject, "is gone", "", Tone::Notable),
            Some(new) if new.deleting && !old.deleting => {
                say(model, now, subject, "is being deleted", "", Tone::Notable);
            }
            Some(new) if new.uid != old.uid => {
                say(model, now, subject, "was replaced by a new pod", "it starts sealed", Tone::Notable);
            }
            Some(new) if new.restarts() > old.restarts() => {
                say(model, now, subject, "restarted in place", "the server starts sealed", Tone::Notable);
            }
            Some(_) => {}
        }
    }
    for new in seen {
        // A pod that appears under a name that was known before is a new life too: the relist in between showed none.
        let known = model.replica(&new.name).is_some_and(|replica| replica.answer.is_some());
        let restarted = match before.iter().find(|pod| pod.name == new.name) {
            Some(old) => old.life() != new.life(),
            // The only pod of a vault leaves an empty list behind: what counts is that somebody watched it go.
            None => known && watched,
        };
        if restarted {
            model.restarts.remove(&new.name);
            model.ours.remove(&new.name);
            if watched {
                let restart = Restart {
                    at: now,
                    prints: prints.clone(),
                    cluster_id: cluster_id.clone(),
                    seen_down: false,
                    up: None,
                };
                model.restarts.insert(new.name.clone(), restart);
            }
        }
        if let Some(restart) = model.restarts.get_mut(&new.name)
            && new.server().is_some_and(|server| server.running)
        {
            restart.up.get_or_insert(now);
        }
    }
    model.pods = Some(Observed::new(seen.to_vec(), now));
}

fn unsealers(model: &mut Model, seen: &UnsealersSeen, now: Timestamp) {
    let before = model.unsealers.take().map(|observed| observed.value);
    for unsealer in &seen.found {
        let old = before
            .as_ref()
            .and_then(|b| b.found.iter().find(|u| u.object == unsealer.object && u.container == unsealer.container));
        let Some(old) = old else { continue };
        match (&old.liveness, &unsealer.liveness) {
            (Liveness::Running | Liveness::Partly { .. }, Liveness::Dead { why }) => {
                say(model, now, unsealer.object.clone(), "does not unseal any more", why, Tone::Grave);
            }
            (Liveness::Dead { .. }, Liveness::Running | Liveness::Partly { .. }) => {
                say(model, now, unsealer.object.clone(), "unseals again", "", Tone::Plain);
            }
            (Liveness::Running | Liveness::Partly { .. }, Liveness::Running | Liveness::Partly { .. })
            | (Liveness::Dead { .. }, Liveness::Dead { .. }) => {}
        }
    }
    model.unsealers = Some(Observed::new(seen.clone(), now));
}
