//! Which workloads run with an older Secret than the cluster holds, by which reference and since when; whose rollout waits
//! for somebody. What counts is when a container started, whatever an annotation says of a restart.

use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::id::{FeedId, ObjectRef};
use super::model::Model;
use super::model::consumers::{ConsumerSeen, PodLife, Rollout, Use, Way};
use super::model::secrets::{Changed, Evidence, SecretSeen};
use super::model::sync::{SyncKind, SyncSeen};
use super::model::table::Table;
use super::text::count;
use super::time::{age, moment, within};

/// As VSO calls itself when it writes.
const VSO: &str = "vault-secrets-operator";

/// Two moments that one write leaves behind: in the Secret, and a little later in the sync object's status.
const ONE_WRITE: SignedDuration = SignedDuration::from_secs(5);

/// Answers questions about workloads from what is known.
pub struct View<'a> {
    model: &'a Model,
    now: Timestamp,
}

/// A rollout of which the status has not moved for so long is stuck, where nobody sets a deadline: what a Deployment has.
const DEADLINE: SignedDuration = SignedDuration::from_mins(10);

/// For how long a rollout without a deadline of its own has not moved, where that is too long.
pub fn stalled(rollout: &Rollout, now: Timestamp) -> Option<(Timestamp, SignedDuration)> {
    let Rollout::Underway { moved: Some(moved), .. } = rollout else { return None };
    let still = age(now, *moved);
    (still >= DEADLINE).then_some((*moved, still))
}

/// A use whose containers started before the data changed.
#[derive(Debug, Clone)]
pub struct Stale<'a> {
    /// By which reference.
    pub used: &'a Use,
    /// When the data changed, and how that is known.
    pub changed: Changed,
    /// The pods whose container is older, and when it started.
    pub pods: Vec<(&'a PodLife, Timestamp)>,
}

/// How one workload stands.
#[derive(Debug, Clone)]
pub struct Standing<'a> {
    /// Which.
    pub consumer: &'a ConsumerSeen,
    /// What it runs with that is older than the cluster's, longest behind first.
    pub stale: Vec<Stale<'a>>,
    /// Secrets that do not exist and may not be missing: no new pod starts.
    pub missing: Vec<&'a Use>,
    /// Read once, at start, from a Secret of which nobody can tell when its data changed.
    pub undated: Vec<&'a Use>,
    /// Its pods.
    pub pods: Vec<&'a PodLife>,
    /// OnDelete: pods that wait for somebody to delete them.
    pub waiting: u32,
    /// A rollout that nobody calls late has not moved for so long.
    pub stalled: Option<SignedDuration>,
}

impl<'a> View<'a> {
    /// Of this model, now.
    pub const fn of(model: &'a Model, now: Timestamp) -> Self {
        Self { model, now }
    }

    /// Every workload that uses a Secret.
    pub fn all(&self) -> Vec<Standing<'a>> {
        self.model.consumers.iter().flat_map(Table::iter).map(|consumer| self.standing(consumer)).collect()
    }

    /// The sync object that writes a Secret.
    pub fn writer(&self, secret: &ObjectRef) -> Option<&'a SyncSeen> {
        let named = || self.secret(secret)?.writer.as_ref();
        let by_name = || self.model.sync.as_ref()?.get(named()?);
        let writers = self.model.sync.as_ref()?.of(secret);
        writers.into_iter().rfind(|sync| sync.kind != SyncKind::PushSecret).or_else(by_name)
    }

    /// What is known of a Secret.
    pub fn secret(&self, secret: &ObjectRef) -> Option<&'a SecretSeen> {
        self.model.secrets.as_ref()?.get(secret)
    }

    /// How one workload stands.
    pub fn standing(&self, consumer: &'a ConsumerSeen) -> Standing<'a> {
        let pods = self.model.containers.iter().flat_map(|pods| pods.of(&consumer.object));
        let pods: Vec<&PodLife> = pods.filter(|pod| !pod.deleting && !pod.evicted).collect();
        let mut standing = Standing {
            consumer,
            stale: Vec::new(),
            missing: Vec::new(),
            undated: Vec::new(),
            stalled: stalled(&consumer.rollout, self.now).map(|(_, still)| still),
            waiting: waiting(consumer, &pods, self.model.containers.is_some()),
            pods,
        };
        // Nothing is missing or older by what nobody has seen.
        if self.model.secrets.is_none() {
            return standing;
        }
        for used in consumer.uses.iter().filter(|used| used.way != Way::SecretsStore) {
            match self.changed(&used.secret) {
                None if self.secret(&used.secret).is_none() => {
                    if !used.optional {
                        standing.missing.push(used);
                    }
                }
                None if used.way.stays() => standing.undated.push(used),
                Some(changed) if used.way.stays() => {
                    let older =
                        |pod: &&'a PodLife| Some((*pod, started(pod, used)?)).filter(|(_, at)| *at < changed.at);
                    let pods: Vec<_> = standing.pods.iter().filter_map(older).collect();
                    if !pods.is_empty() {
                        standing.stale.push(Stale { used, changed, pods });
                    }
                }
                None | Some(_) => {}
            }
        }
        standing.stale.sort_by_key(|stale| stale.changed.at);
        standing
    }

    fn as_new_as_secrets(&self) -> bool {
        let seen = self.model.secrets.as_ref().zip(self.model.sync.as_ref());
        seen.is_some_and(|(secrets, sync)| within(secrets.at, sync.at, FeedId::Sync.limit()))
    }

    /// When the data of a Secret last changed: the best evidence that there is.
    pub fn changed(&self, secret: &ObjectRef) -> Option<Changed> {
        let seen = self.secret(secret)?;
        let changed = seen.changed.clone()?;
        let own = match changed.by {
            Evidence::Created | Evidence::Managed => seen.marks.manager == VSO,
            Evidence::Hash | Evidence::Watched | Evidence::Synced => false,
        };
        // A status that is older than the Secret would hide its last change.
        let own = own && self.as_new_as_secrets();
        let Some(written) = self.writer(secret).filter(|_| own).and_then(written) else { return Some(changed) };
        // It compares before it writes, so a later write of its own was one of metadata. And where it says later than the
        // Secret does, the Secret has not changed by that.
        if written <= changed.at || age(written, changed.at) <= ONE_WRITE {
            return Some(Changed { at: written.min(changed.at), by: Evidence::Synced });
        }
        Some(changed)
    }
}

/// When VSO last wrote a Secret whose content it compares.
fn written(sync: &SyncSeen) -> Option<Timestamp> {
    if sync.kind != SyncKind::VaultStaticSecret || sync.detail.hmac == Some(false) {
        return None;
    }
    sync.conditions.iter().find(|it| it.kind == "SecretSynced" && it.status == "True")?.at
}

/// When the container that uses it started in this pod.
pub fn started(pod: &PodLife, used: &Use) -> Option<Timestamp> {
    let named =
        |list: &[(SmolStr, Timestamp)]| list.iter().find(|(name, _)| *name == used.container).map(|(_, at)| *at);
    named(&pod.containers).or_else(|| named(&pod.init))
}

fn waiting(consumer: &ConsumerSeen, pods: &[&PodLife], seen: bool) -> u32 {
    match &consumer.rollout {
        Rollout::OnDelete { revision, .. } if seen && !revision.is_empty() => {
            let old = pods.iter().filter(|pod| pod.revision != *revision).count();
            u32::try_from(old).unwrap_or(u32::MAX)
        }
        Rollout::OnDelete { waiting, .. } => *waiting,
        Rollout::Done | Rollout::Underway { .. } | Rollout::Stuck { .. } | Rollout::Paused => 0,
    }
}

impl Standing<'_> {
    /// For how long the cluster has held something newer.
    pub fn behind(&self, now: Timestamp) -> Option<SignedDuration> {
        self.stale.first().map(|stale| age(now, stale.changed.at))
    }

    /// Pods of which a container is older than a Secret it reads at start.
    pub fn older(&self) -> Vec<&ObjectRef> {
        let mut all: Vec<&ObjectRef> =
            self.stale.iter().flat_map(|stale| stale.pods.iter().map(|(pod, _)| &pod.object)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// 0 is well, the highest comes first.
    pub fn badness(&self) -> u8 {
        let rollout = match &self.consumer.rollout {
            Rollout::Stuck { .. } => 4,
            Rollout::Underway { .. } if self.stalled.is_some() => 4,
            Rollout::OnDelete { .. } if self.waiting > 0 => 3,
            Rollout::Underway { .. } | Rollout::Paused => 1,
            Rollout::Done | Rollout::OnDelete { .. } => 0,
        };
        let missing = if self.missing.is_empty() { 0 } else { 5 };
        let stale = if self.stale.is_empty() { 0 } else { 4 };
        let undated = if self.undated.is_empty() { 0 } else { 2 };
        rollout.max(missing).max(stale).max(undated)
    }

    /// The rollout in a word or two; empty where it is done.
    pub fn rollout(&self) -> String {
        match &self.consumer.rollout {
            Rollout::Done => String::new(),
            Rollout::Underway { .. } if self.stalled.is_some() => "rollout stuck".to_owned(),
            Rollout::Underway { updated, wanted, .. } if updated == wanted => {
                format!("{updated} of {wanted}, not all ready")
            }
            Rollout::Underway { updated, wanted, .. } => format!("rolling {updated} of {wanted}"),
            Rollout::Stuck { .. } => "rollout stuck".to_owned(),
            Rollout::Paused => "paused".to_owned(),
            Rollout::OnDelete { .. } if self.waiting == 0 => String::new(),
            Rollout::OnDelete { .. } => format!("OnDelete, {} to delete", count(self.waiting as usize, "pod")),
        }
    }

    /// What a person does to make it read its Secrets again.
    pub fn restarts(&self, model: &Model) -> String {
        let object = &self.consumer.object;
        let (ns, kind) = (&object.namespace, object.kind.to_lowercase());
        if *object == model.vault_ref() {
            return "Delete its pods one by one, standbys first, each unsealed before the next".to_owned();
        }
        match (&self.consumer.rollout, object.kind.as_str()) {
            (_, "Rollout") => format!("kubectl argo rollouts -n {ns} restart {}", object.name),
            (Rollout::Paused, _) => {
                format!("Its rollout is paused: kubectl -n {ns} rollout resume {kind}/{}, then restart it", object.name)
            }
            (Rollout::OnDelete { .. }, _) => {
                let pods: Vec<&str> = self.older().into_iter().take(3).map(|pod| pod.name.as_str()).collect();
                format!("Delete its pods one by one: kubectl -n {ns} delete pod {}", pods.join(" "))
            }
            (Rollout::Done | Rollout::Underway { .. } | Rollout::Stuck { .. }, _) => {
                format!("kubectl -n {ns} rollout restart {kind}/{}", object.name)
            }
        }
    }
}

/// How it is known that data changed then, with its grade.
pub fn evidence(changed: &Changed, seen: Option<&SecretSeen>, now: Timestamp) -> String {
    let at = moment(now, changed.at);
    let who = seen.map_or("", |seen| seen.marks.manager.as_str());
    match changed.by {
        Evidence::Created => format!("made {at}"),
        Evidence::Managed if who.is_empty() => format!("changed not later than {at}, by its managed fields"),
        Evidence::Managed => format!("changed not later than {at}: {who}, who owns data, wrote it then"),
        Evidence::Hash => format!("changed {at}: its data hash did"),
        Evidence::Synced => format!("changed {at}: VSO wrote it because it differed"),
        Evidence::Watched => format!("changed {at}, seen by the watch"),
    }
}

/// The feeds that all of this rests on.
pub const FEEDS: [FeedId; 3] = [FeedId::Consumers, FeedId::Containers, FeedId::Secrets];
