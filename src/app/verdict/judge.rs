//! The table: conditions from the top, the first that holds wins.

use jiff::{SignedDuration, Timestamp};

use super::held::{self, Mender};
use super::keys::{Fault, Keys, keys, threshold};
use super::replicas::{Condition, Headcount, conditions, headcount, initialised, restart_likely, started};
use super::sight::{self, Unseen};
use super::unsealing::{Hands, hands};
use super::{Standing, Verdict, Was, because, recover, sentence};
use crate::app::id::FeedId;
use crate::app::model::Model;
use crate::app::model::keys_secret::{Fingerprint, KeysSecret};
use crate::app::model::proof::{Method, Proof, superseded};
use crate::app::model::reopens::{Grade, Mechanism, Reopens, reopens};
use crate::app::model::seal::{Replica, Role, SealAnswer, SealKind};
use crate::app::time::age;

/// An election takes up to 17 s after a full restart: shorter absences of an active node are no outage yet.
const NO_ACTIVE: SignedDuration = SignedDuration::from_secs(30);

/// A running unsealer opens a replica within seconds. One that is sealed for this long is not being opened.
const LINGERS: SignedDuration = SignedDuration::from_mins(5);

/// A replica that was sealed this soon after its server started has never been open in this life.
const SINCE_START: SignedDuration = SignedDuration::from_secs(60);

/// Everything the table is asked about, gathered once.
pub(super) struct Survey<'a> {
    pub model: &'a Model,
    pub now: Timestamp,
    pub reopens: Reopens,
    pub keys: Keys,
    pub hands: Hands,
    pub replicas: Vec<(&'a Replica, Condition<'a>)>,
    pub count: Headcount,
    pub threshold: (u32, u32),
    /// What the keystore could mend it with.
    pub mender: Option<Mender<'a>>,
    pub likely: Option<String>,
    pub unseen: Vec<Unseen>,
    /// Replicas that stay sealed although everything looks right; `true` where that shows that they do not reopen.
    pub lingering: Vec<(&'a str, Timestamp, bool)>,
}

/// Which row of the table holds, with what the words need.
pub(super) enum Case<'a> {
    /// There is no replica to speak of; says why.
    NoVault(&'static str),
    /// All uninitialised, and nothing says that this was ever different.
    NotInitialised,
    /// No replica is open.
    AllShut,
    /// Open replicas, and none of them serves.
    NoActive(Timestamp),
    /// Restarts do not come back; the replicas that are concerned, empty for all.
    Lost(Vec<String>),
    /// Not everything is in sight.
    Blind,
    /// People open it.
    NeedsHands,
    /// Looks right; why it is not proven.
    Unproven(Doubt<'a>),
    /// Looks right, and this proves it.
    Survives(&'a Proof),
}

/// Why a vault that looks right is not proven to be.
pub(super) enum Doubt<'a> {
    /// There is no proof at all.
    None,
    /// The latest is too old.
    Old(&'a Proof),
    /// The latest is of other keys.
    OtherKeys(&'a Proof),
    /// The latest is of a vault with another cluster id.
    OtherVault(&'a Proof),
    /// A replica stays sealed, and nobody can say why.
    Lingers(&'a str),
}

impl Case<'_> {
    const fn standing(&self) -> Standing {
        match self {
            Self::NoVault(_) | Self::NotInitialised | Self::AllShut | Self::NoActive(_) => Standing::Down,
            Self::Lost(_) => Standing::WillNotReopen,
            Self::Blind => Standing::Blind,
            Self::NeedsHands => Standing::NeedsHands,
            Self::Unproven(_) => Standing::Unproven,
            Self::Survives(_) => Standing::Survives,
        }
    }
}

/// Judges the model as it is at `now`; `sighted` is the last verdict that was not `blind` and when it last held.
pub fn judge(model: &Model, now: Timestamp, sighted: Option<(Standing, Timestamp)>) -> Verdict {
    let survey = Survey::of(model, now);
    let case = survey.case();
    let was = match (&case, sighted) {
        (Case::Blind, Some((state, at))) => {
            // Honest to the data: it was last seen when its oldest missing input was, not when that ran out.
            let since = survey.unseen.iter().filter_map(|unseen| unseen.since).min().map_or(at, |seen| seen.min(at));
            Some(Was { state, since })
        }
        (_, _) => None,
    };
    let (next, action) = recover::next(&survey, &case);
    Verdict {
        state: case.standing(),
        sentence: sentence::sentence(&survey, &case, was.as_ref()),
        because: because::because(&survey, &case),
        next,
        restarts_to_outage: match case.standing() {
            Standing::Down => Some(0),
            // What cannot be seen to serve cannot be counted down from.
            Standing::Blind if survey.count.open == 0 => None,
            Standing::Blind
            | Standing::WillNotReopen
            | Standing::NeedsHands
            | Standing::Unproven
            | Standing::Survives => survey.count.restarts_to_outage(),
        },
        recoverable: recover::recoverable(&survey),
        reopens: survey.reopens,
        was,
        action,
    }
}

/// The newest proof that holds for the keys and the mechanism as they stand: what the verdict itself rests on.
pub fn standing_proof(model: &Model, now: Timestamp) -> Option<&Proof> {
    Survey::of(model, now).proof()
}

impl<'a> Survey<'a> {
    fn of(model: &'a Model, now: Timestamp) -> Self {
        let reopens = reopens(model, now);
        let keys = keys(model, reopens.by, now);
        let hands = hands(model, reopens.by, now);
        let mut survey = Self {
            model,
            now,
            replicas: conditions(model, now),
            count: headcount(model, now),
            threshold: threshold(model),
            mender: None,
            likely: restart_likely(model, now),
            unseen: Vec::new(),
            lingering: Vec::new(),
            reopens,
            keys,
            hands,
        };
        survey.mender = held::mender(model, survey.reopens.by, &survey.useless(), now);
        survey.unseen = survey.blind_spots();
        survey.lingering = survey.lingering();
        survey
    }

    /// Keys that lie in the Secret and are known to open nothing: whoever holds the same cannot help.
    pub fn useless(&self) -> Vec<Fingerprint> {
        match &self.keys {
            Keys::Faulty(_, Fault::Changed | Fault::Refused { .. }) => {
                self.model.keys_secret().map(KeysSecret::prints).unwrap_or_default()
            }
            Keys::Faulty(..)
            | Keys::NotNeeded
            | Keys::Elsewhere(_)
            | Keys::BeforeInit(_)
            | Keys::Unseen(_)
            | Keys::Plausible(_) => Vec::new(),
        }
    }

    fn case(&self) -> Case<'a> {
        if let Some(down) = self.down() {
            return down;
        }
        if let Some(lost) = self.lost() {
            return lost;
        }
        if !self.unseen.is_empty() {
            return Case::Blind;
        }
        if self.reopens.by == Mechanism::People {
            return Case::NeedsHands;
        }
        self.proven()
    }

    fn down(&self) -> Option<Case<'a>> {
        if self.count.expected == 0 {
            let workload = self.model.workload.as_ref()?.fresh(self.now, FeedId::Workload)?;
            return Some(Case::NoVault(match workload {
                None => "its StatefulSet does not exist",
                Some(_) => "its StatefulSet is scaled to 0",
            }));
        }
        let unreachable = self.replicas.iter().any(|(_, c)| matches!(c, Condition::Unreachable(_)));
        let shut = self.count.sealed + self.count.uninitialised;
        if self.count.open == 0 && self.count.unseen == 0 && !unreachable && shut > 0 {
            let new = self.count.sealed == 0 && initialised(self.model, self.now) == Some(false);
            return Some(if new { Case::NotInitialised } else { Case::AllShut });
        }
        let since = self.nobody_since()?;
        (age(self.now, since) >= NO_ACTIVE).then_some(Case::NoActive(since))
    }

    /// Since when nobody serves, where that is known: no replica may be active that we only cannot see.
    fn nobody_since(&self) -> Option<Timestamp> {
        if self.count.active {
            return None;
        }
        let role =
            |role| self.replicas.iter().any(|(_, c)| matches!(c, Condition::Open(seen) if seen.role == Some(role)));
        // Who lost its leader would know of another; who names one may be right about a replica that we cannot reach.
        let leaderless = role(Role::Leaderless) && !role(Role::Standby);
        if !leaderless && !self.replicas.iter().all(|(_, condition)| condition.cannot_serve()) {
            return None;
        }
        self.model.no_active_since.or_else(|| {
            if self.count.open > 0 {
                return None;
            }
            self.replicas
                .iter()
                .map(|(replica, _)| self.last_heard(replica))
                .collect::<Option<Vec<_>>>()?
                .into_iter()
                .max()
        })
    }

    /// When a replica that does not run was last known to.
    fn last_heard(&self, replica: &Replica) -> Option<Timestamp> {
        let pending = self.model.pod(&replica.name).filter(|pod| pod.server().is_none_or(|s| s.started.is_none()));
        let answer = replica.answer.as_ref();
        let heard = match answer.map(|answer| &answer.value) {
            Some(SealAnswer::Silent(_)) => replica.since,
            Some(SealAnswer::Said(_)) | None => answer.map(|answer| answer.at),
        };
        match (heard, pending.and_then(|pod| pod.created)) {
            (Some(heard), Some(created)) => Some(heard.min(created)),
            (heard, created) => heard.or(created),
        }
    }

    fn lost(&self) -> Option<Case<'a>> {
        let by_secret = matches!(self.reopens.by, Mechanism::Secret | Mechanism::Static);
        match (&self.keys, &self.hands) {
            (Keys::Faulty(..), _) if by_secret => return Some(Case::Lost(Vec::new())),
            (_, Hands::Dead(..) | Hands::Unmounted(..)) => return Some(Case::Lost(Vec::new())),
            (_, Hands::Partly(_, pods)) => return Some(Case::Lost(pods.clone())),
            (_, Hands::NotNeeded | Hands::Alive(_) | Hands::NoneFound | Hands::Unseen(_)) => {}
        }
        let shown: Vec<String> =
            self.lingering.iter().filter(|(_, _, shows)| *shows).map(|(name, _, _)| (*name).to_owned()).collect();
        (!shown.is_empty()).then_some(Case::Lost(shown))
    }

    /// Sealed for so long that nothing seems to open it. A loop in the cluster opens whatever is sealed; an auto-unseal
    /// acts only when the server starts, and leaves a replica alone that somebody sealed later.
    fn lingering(&self) -> Vec<(&'a str, Timestamp, bool)> {
        let by = self.reopens.by;
        if matches!(by, Mechanism::People | Mechanism::Unknown) {
            return Vec::new();
        }
        let loops = match &self.hands {
            // A CronJob comes round when it comes round.
            Hands::Alive(object) | Hands::Partly(object, _) => object.kind != "CronJob",
            Hands::NotNeeded | Hands::NoneFound | Hands::Dead(..) | Hands::Unmounted(..) | Hands::Unseen(_) => false,
        };
        let sealed = self.replicas.iter().filter(|(_, condition)| matches!(condition, Condition::Sealed(_)));
        sealed
            .filter_map(|(replica, _)| Some((replica.name.as_str(), replica.since?)))
            .filter(|(_, since)| age(self.now, *since) >= LINGERS)
            .map(|(name, since)| {
                let from_start =
                    started(self.model, name).is_some_and(|start| age(since, start) <= SINCE_START && start <= since);
                (name, since, if by == Mechanism::Secret { loops } else { from_start })
            })
            .collect()
    }

    fn blind_spots(&self) -> Vec<Unseen> {
        let mut spots = Vec::new();
        if self.model.cluster.is_none() {
            let why = "not connected yet".to_owned();
            spots.push(Unseen { input: "the cluster".to_owned(), since: None, why, next: String::new() });
            return spots;
        }
        if self.model.in_kubernetes() {
            let by_looking = self.reopens.grade != Grade::Configured;
            let unsealers = match self.reopens.by {
                Mechanism::Secret | Mechanism::Static => true,
                Mechanism::People | Mechanism::Unknown => by_looking,
                Mechanism::Transit | Mechanism::Kms => false,
            };
            let feeds = [(FeedId::Workload, true), (FeedId::Pods, true), (FeedId::Unsealers, unsealers)];
            spots.extend(
                feeds
                    .into_iter()
                    .filter(|(_, needed)| *needed)
                    .filter_map(|(feed, _)| sight::missing(self.model, feed, self.now)),
            );
        }
        for (replica, condition) in &self.replicas {
            match condition {
                Condition::Unseen(unseen) => spots.push(unseen.clone()),
                Condition::Unreachable(_) if self.only_just_silent(replica) => {}
                Condition::Unreachable(trouble) => spots.push(Unseen {
                    input: replica.name.clone(),
                    since: replica.since,
                    why: format!("does not answer ({})", trouble.what),
                    next: trouble.next.clone(),
                }),
                Condition::Open(_)
                | Condition::Sealed(_)
                | Condition::Uninitialised(_)
                | Condition::Gone(_)
                | Condition::Waiting(_) => {}
            }
        }
        if self.replicas.is_empty() && spots.is_empty() && !self.model.in_kubernetes() {
            spots.push(sight::feed(self.model, FeedId::Seal, None, self.now));
        }
        for unseen in [
            if let Keys::Unseen(unseen) = &self.keys { Some(unseen) } else { None },
            if let Hands::Unseen(unseen) = &self.hands { Some(unseen) } else { None },
        ]
        .into_iter()
        .flatten()
        {
            if self.reopens.by != Mechanism::People && !spots.iter().any(|spot| spot.input == unseen.input) {
                spots.push(unseen.clone());
            }
        }
        if self.reopens.by == Mechanism::Unknown && spots.is_empty() {
            let why = self.reopens.because.clone();
            spots.push(Unseen { input: "how it reopens".to_owned(), since: None, why, next: String::new() });
        }
        spots
    }

    /// It answered within the limit, and only its latest answer is missing: one lost request is no blindness.
    fn only_just_silent(&self, replica: &Replica) -> bool {
        let asked = self.model.feeds.get(&FeedId::Seal).and_then(|health| health.asked);
        replica.since.zip(asked).is_some_and(|(since, asked)| {
            since > asked.saturating_add(FeedId::Seal.limit()).unwrap_or(asked)
                && age(self.now, since) <= FeedId::Seal.limit()
        })
    }

    fn proven(&self) -> Case<'a> {
        if let Some((name, _, _)) = self.lingering.first() {
            return Case::Unproven(Doubt::Lingers(name));
        }
        if let Some(proof) = self.proof() {
            return Case::Survives(proof);
        }
        let id = self.model.cluster_id();
        let split = self.split();
        let Some(last) = held::last_accepted(&self.model.proofs) else { return Case::Unproven(Doubt::None) };
        let other_vault = matches!((last.cluster_id.as_deref(), id), (Some(then), Some(now)) if then != now);
        Case::Unproven(if other_vault || split {
            Doubt::OtherVault(last)
        } else if age(self.now, last.at) > self.model.expect.proof_max_age {
            Doubt::Old(last)
        } else {
            Doubt::OtherKeys(last)
        })
    }

    /// Replicas of two vaults under one name: somebody initialised one of them anew.
    fn split(&self) -> bool {
        let id = self.model.cluster_id();
        let mut ids =
            self.model.replicas.iter().filter_map(|replica| self.model.said(&replica.name)?.cluster_id.as_deref());
        ids.any(|other| Some(other) != id)
    }

    /// The newest proof that speaks for the mechanism as it stands.
    pub fn proof(&self) -> Option<&'a Proof> {
        let prints = match &self.keys {
            Keys::Plausible(_) => self.model.keys_secret().map(KeysSecret::prints),
            Keys::NotNeeded | Keys::Elsewhere(_) => None,
            Keys::BeforeInit(_) | Keys::Unseen(_) | Keys::Faulty(..) => return None,
        };
        let id = self.model.cluster_id();
        let split = self.split();
        let all = &self.model.proofs;
        let found = all.iter().rev().find(|proof| !split && self.holds(proof, id, prints.as_deref()))?;
        // With a key that can be seen, a later proof of quite other keys says that this one was rotated away.
        (prints.is_none() || !superseded(found, all, id)).then_some(found)
    }

    /// Whether this proof speaks for the mechanism as it stands. Where no key can be seen (a KMS, a key file), only a
    /// replica that came back by itself proves anything.
    fn holds(&self, proof: &Proof, id: Option<&str>, prints: Option<&[Fingerprint]>) -> bool {
        let max = self.model.expect.proof_max_age;
        if prints.is_some() && !self.same_fields(proof) {
            return false;
        }
        match (prints, proof.method) {
            // Another key beside the proven one may be the one that is used.
            (Some(prints), Method::CameBack) => {
                proof.holds(self.now, max, id, prints) && prints.iter().all(|print| proof.prints.contains(print))
            }
            // Shares prove what they are; fewer than the threshold open nothing, and a static seal takes none.
            (Some(prints), Method::OwnUnseal | Method::Rotation) => {
                let mut used = proof.prints.clone();
                used.sort();
                used.dedup();
                let mut held = prints.to_vec();
                held.sort();
                held.dedup();
                let foreign = self.threshold.1 > 0 && held.len() as u32 > self.threshold.1;
                self.reopens.by == Mechanism::Secret
                    && !foreign
                    && used.len() as u32 >= self.threshold.0.max(1)
                    && proof.holds(self.now, max, id, prints)
            }
            // What came back by a key that could be seen came back before the seal was migrated to a provider.
            (None, Method::CameBack) => {
                let provider = matches!(self.reopens.by, Mechanism::Kms | Mechanism::Transit);
                (!provider || proof.prints.is_empty()) && proof.holds(self.now, max, id, &proof.prints)
            }
            (None, Method::OwnUnseal | Method::Rotation) | (_, Method::Recovery) => false,
        }
    }

    /// Whether each key lies in the field in which it lay when it was proven, as far as that was seen: an unsealer reads
    /// fields by name, and a key that was moved, or put aside for another, opens nothing.
    fn same_fields(&self, proof: &Proof) -> bool {
        let Some(now) = self.model.keys_secret() else { return true };
        let then = self.model.history.iter().rev().find(|glimpse| glimpse.at <= proof.at);
        let Some(then) = then.and_then(|glimpse| glimpse.seen.present()) else { return true };
        let lies = |secret: &KeysSecret, name: &str, print: &Fingerprint| {
            secret.fields.iter().any(|field| field.name == name && field.prints.contains(print))
        };
        let proven = then.fields.iter().flat_map(|field| field.prints.iter().map(move |print| (field, print)));
        proven.filter(|(_, print)| proof.prints.contains(print)).all(|(field, print)| lies(now, &field.name, print))
    }

    /// Sealed replicas that key shares can open.
    pub fn unsealable(&self) -> impl Iterator<Item = &'a str> {
        self.replicas.iter().filter_map(|(replica, condition)| match condition {
            Condition::Sealed(seen) if seen.kind == SealKind::Shamir => Some(replica.name.as_str()),
            Condition::Sealed(_)
            | Condition::Open(_)
            | Condition::Uninitialised(_)
            | Condition::Gone(_)
            | Condition::Waiting(_)
            | Condition::Unreachable(_)
            | Condition::Unseen(_) => None,
        })
    }
}
