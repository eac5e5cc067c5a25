//! Engines that rotate: database static roles, leases, certificates. Asked within a budget a look; nothing holds a password.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Feed;
use crate::app::id::FeedId;
use crate::app::model::engines::{
    Blind, ConnectionSeen, EnginesSeen, LeasesSeen, Part, PkiSeen, Place, StaticRoleSeen,
};
use crate::app::model::fact::Fact;
use crate::app::ports::Clock;
use crate::app::rotation::due;
use crate::app::time::age;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::ask::{Ask, PAUSE, Question, asked_to_slow_down};
use crate::backends::bao::engines_wire::{self as wire, Rotates};

mod places;

use places::Places;

/// Questions in one look; the first one may ask more, so that everything is there at once.
const BUDGET: u32 = 40;
const FIRST: u32 = 160;
/// How often what exists is listed anew.
const LIST: SignedDuration = SignedDuration::from_secs(60);
/// How often certificates are counted: a PKI may hold very many, and they come in one list.
const COUNT: SignedDuration = SignedDuration::from_mins(10);
/// A role that is not due is read again this often: somebody may rotate it by hand.
const REREAD: SignedDuration = SignedDuration::from_secs(60);
/// Leases looked up under one prefix each time it is listed.
const SAMPLE: usize = 4;
/// Errors of irrevocable leases that are kept.
const ERRORS: usize = 8;

/// Something to be asked when the budget allows it.
#[derive(Debug, Clone)]
enum Job {
    StaticRoles(Place),
    DynamicRoles(Place),
    /// Roles of an engine whose own lists nobody knows: those that have leases.
    Leasing(Place),
    Connections(Place),
    Connection(Place, String),
    Leases(Place, String),
    Irrevocable(String),
    Issuer(Place),
    Certificates(Place),
}

type Name = (Place, String);

/// The feed.
pub struct EnginesFeed {
    ask: Ask,
    clock: Arc<dyn Clock>,
    jobs: VecDeque<Job>,
    listed: Option<Timestamp>,
    counted: Option<Timestamp>,
    paused: Option<(Timestamp, Trouble)>,
    asked: u32,
    budget: u32,
    /// Static roles; `None` for one that was listed and not read.
    roles: BTreeMap<Name, Option<StaticRoleSeen>>,
    connections: BTreeMap<Name, ConnectionSeen>,
    /// Leases by prefix: how many, and until when those last that were looked up.
    leases: BTreeMap<Name, (u64, BTreeMap<String, Timestamp>)>,
    irrevocable: BTreeMap<String, (u64, Vec<(String, String)>)>,
    pki: BTreeMap<Place, PkiSeen>,
    blind: BTreeMap<(Part, Place, String), Trouble>,
    /// What is not looked at: there is more than is asked about.
    left_out: Option<String>,
    /// Namespaces that could not be looked into when all was listed last.
    closed: BTreeSet<String>,
    /// Something here may leave leases behind: then it matters whether they may be counted.
    leasing: BTreeSet<String>,
}

impl EnginesFeed {
    /// Asks with this.
    pub fn new(ask: Ask, clock: Arc<dyn Clock>) -> Self {
        Self {
            ask,
            clock,
            jobs: VecDeque::new(),
            listed: None,
            counted: None,
            paused: None,
            asked: 0,
            budget: FIRST,
            roles: BTreeMap::new(),
            connections: BTreeMap::new(),
            leases: BTreeMap::new(),
            irrevocable: BTreeMap::new(),
            pki: BTreeMap::new(),
            blind: BTreeMap::new(),
            left_out: None,
            closed: BTreeSet::new(),
            leasing: BTreeSet::new(),
        }
    }

    /// One question of the budget. `None` where nothing is there, or where this part is denied or broken, which is then
    /// noted; an error ends the look.
    async fn get(&mut self, part: Part, place: &Place, question: Question) -> Result<Option<Value>, Trouble> {
        self.get_one(part, place, "", question).await
    }

    /// The same about one thing that may be denied by itself.
    async fn get_one(
        &mut self,
        part: Part,
        place: &Place,
        name: &str,
        question: Question,
    ) -> Result<Option<Value>, Trouble> {
        self.asked += 1;
        let key = (part, place.clone(), name.to_owned());
        match self.ask.ask(&place.namespace, &question).await {
            Ok(found) => {
                self.blind.remove(&key);
                Ok(found)
            }
            Err(trouble) if trouble.kind == TroubleKind::Unreachable => Err(trouble),
            Err(trouble) if self.pauses(&trouble) => Err(trouble),
            Err(trouble) => {
                self.blind.insert(key, trouble);
                Ok(None)
            }
        }
    }

    /// Whether this was a 429: then nothing is asked for a while.
    fn pauses(&mut self, trouble: &Trouble) -> bool {
        let quota = asked_to_slow_down(trouble);
        if quota {
            let until = self.clock.now().saturating_add(PAUSE).unwrap_or(Timestamp::MAX);
            self.paused = Some((until, trouble.clone()));
        }
        quota
    }

    fn is_blind(&self, part: Part, place: &Place, name: &str) -> bool {
        self.blind.contains_key(&(part, place.clone(), name.to_owned()))
    }

    /// Lists what rotates, where it is time to.
    async fn list(&mut self, now: Timestamp) -> Result<(), Trouble> {
        if !self.jobs.is_empty() || self.listed.is_some_and(|at| age(now, at) < LIST) {
            return Ok(());
        }
        let listed = Places::list(&self.ask).await.inspect_err(|trouble| {
            self.pauses(trouble);
        })?;
        let Places { found: places, closed, left_out, asked } = listed;
        self.asked += asked;
        // Many namespaces must not leave nothing for what is in them.
        self.budget = self.budget.max(self.asked + BUDGET / 2);
        self.left_out = (!left_out.is_empty()).then(|| left_out.join("; "));
        self.close(&closed);
        self.closed = closed.into_keys().collect();
        let known: BTreeSet<&Place> = places.iter().map(|(place, _)| place).collect();
        let known = |place: &Place| known.contains(place) || self.closed.contains(&place.namespace);
        self.roles.retain(|(place, _), _| known(place));
        self.connections.retain(|(place, _), _| known(place));
        self.leases.retain(|(place, _), _| known(place));
        self.pki.retain(|place, _| known(place));
        let count = self.counted.is_none_or(|at| age(now, at) >= COUNT);
        let leasing = places.iter().filter(|(_, rotates)| *rotates != Rotates::Pki);
        self.leasing = leasing.map(|(place, _)| place.namespace.clone()).collect();
        let namespaces: BTreeSet<String> =
            places.iter().map(|(place, _)| place.namespace.clone()).chain([String::new()]).collect();
        self.irrevocable.retain(|namespace, _| namespaces.contains(namespace));
        self.blind
            .retain(|(_, place, _), _| known(place) || place.mount.is_empty() && namespaces.contains(&place.namespace));
        for (place, rotates) in places {
            match rotates {
                Rotates::Database => {
                    self.jobs.push_back(Job::StaticRoles(place.clone()));
                    self.jobs.push_back(Job::DynamicRoles(place.clone()));
                    self.jobs.push_back(Job::Connections(place));
                }
                Rotates::Pki => {
                    self.jobs.push_back(Job::Issuer(place.clone()));
                    if count {
                        self.jobs.push_back(Job::Certificates(place));
                    }
                }
                Rotates::Leases => self.jobs.push_back(Job::Leasing(place)),
            }
        }
        self.jobs.extend(namespaces.into_iter().map(Job::Irrevocable));
        if count {
            self.counted = Some(now);
        }
        self.listed = Some(now);
        Ok(())
    }

    /// What is known of namespaces that cannot be looked into now is out of sight, and not gone.
    fn close(&mut self, closed: &BTreeMap<String, Trouble>) {
        let mut blind = Vec::new();
        for ((place, name), seen) in &mut self.roles {
            if let Some(trouble) = closed.get(&place.namespace) {
                *seen = None;
                blind.push(((Part::StaticRoles, place.clone(), name.clone()), trouble.clone()));
            }
        }
        self.leases.retain(|(place, role), _| match closed.get(&place.namespace) {
            Some(trouble) => {
                blind.push(((Part::Leases, place.clone(), role.clone()), trouble.clone()));
                false
            }
            None => true,
        });
        self.pki.retain(|place, _| match closed.get(&place.namespace) {
            Some(trouble) => {
                blind.push(((Part::Issuer, place.clone(), String::new()), trouble.clone()));
                false
            }
            None => true,
        });
        self.irrevocable.retain(|namespace, _| match closed.get(namespace) {
            Some(trouble) => {
                let place = Place { namespace: namespace.clone(), mount: String::new() };
                blind.push(((Part::Irrevocable, place, String::new()), trouble.clone()));
                false
            }
            None => true,
        });
        self.blind.extend(blind);
    }

    async fn work(&mut self, job: Job, now: Timestamp) -> Result<(), Trouble> {
        match job {
            Job::StaticRoles(place) => self.static_roles(place).await,
            Job::DynamicRoles(place) => {
                let question = Question::DynamicRoles { mount: place.mount.clone() };
                let found = self.get(Part::Leases, &place, question).await?.map(|data| wire::keys(&data));
                self.count_leases_of(&place, found.unwrap_or_default());
                Ok(())
            }
            Job::Leasing(place) => {
                let question = Question::Leases { prefix: format!("{}/creds/", place.mount) };
                let found = self.get(Part::Leases, &place, question).await?.map(|data| wire::folders(&data));
                self.count_leases_of(&place, found.unwrap_or_default());
                Ok(())
            }
            Job::Connections(place) => {
                let question = Question::Connections { mount: place.mount.clone() };
                let found = self.get(Part::Connections, &place, question).await?.map(|data| wire::keys(&data));
                let names = found.unwrap_or_default();
                self.connections.retain(|(at, name), _| *at != place || names.contains(name));
                self.jobs.extend(names.into_iter().map(|name| Job::Connection(place.clone(), name)));
                Ok(())
            }
            Job::Connection(place, name) => {
                let question = Question::Connection { mount: place.mount.clone(), name: name.clone() };
                if let Some(data) = self.get_one(Part::Connections, &place, &name, question).await? {
                    let seen = wire::connection(&place, &name, &data);
                    self.connections.insert((place, name), seen);
                }
                Ok(())
            }
            Job::Leases(place, role) => self.look_up(place, role, now).await,
            Job::Irrevocable(namespace) => self.count_irrevocable(namespace).await,
            Job::Issuer(place) => self.issuer(place).await,
            Job::Certificates(place) => {
                self.asked += 1;
                let question = Question::Certificates { mount: place.mount.clone() };
                // Only a number in a pane: who may not list them loses nothing else.
                let found = self.ask.ask(&place.namespace, &question).await.ok();
                let issued = found.map(|data| data.map_or(0, |data| wire::keys(&data).len() as u64));
                if let Some(pki) = self.pki.get_mut(&place) {
                    pki.issued = issued;
                }
                Ok(())
            }
        }
    }

    /// The roles of an engine whose leases are to be counted; what was known of others is gone with them.
    fn count_leases_of(&mut self, place: &Place, roles: Vec<String>) {
        self.leases.retain(|(at, role), _| at != place || roles.contains(role));
        self.blind.retain(|(part, at, role), _| {
            *part != Part::Leases || at != place || role.is_empty() || roles.contains(role)
        });
        self.jobs.extend(roles.into_iter().map(|role| Job::Leases(place.clone(), role)));
    }

    async fn static_roles(&mut self, place: Place) -> Result<(), Trouble> {
        let question = Question::StaticRoles { mount: place.mount.clone() };
        let found = self.get(Part::StaticRoles, &place, question).await?.map(|data| wire::keys(&data));
        if self.is_blind(Part::StaticRoles, &place, "") {
            return Ok(());
        }
        let names = found.unwrap_or_default();
        self.roles.retain(|(at, name), _| *at != place || names.contains(name));
        self.blind.retain(|(part, at, name), _| {
            *part != Part::StaticRoles || *at != place || name.is_empty() || names.contains(name)
        });
        for name in names {
            self.roles.entry((place.clone(), name)).or_insert(None);
        }
        Ok(())
    }

    /// Counts the leases of a dynamic role, and looks some of them up: those not known yet, and the next to expire, which
    /// may have been renewed.
    async fn look_up(&mut self, place: Place, role: String, now: Timestamp) -> Result<(), Trouble> {
        let prefix = format!("{}/creds/{role}/", place.mount);
        let question = Question::Leases { prefix: prefix.clone() };
        let found = self.get_one(Part::Leases, &place, &role, question).await?.map(|data| wire::keys(&data));
        if self.is_blind(Part::Leases, &place, &role) {
            self.leases.remove(&(place, role));
            return Ok(());
        }
        let ids: BTreeSet<String> = found.unwrap_or_default().into_iter().collect();
        let (_, mut known) = self.leases.remove(&(place.clone(), role.clone())).unwrap_or_default();
        known.retain(|id, _| ids.contains(id));
        // One whose end is past cannot be revoked, and is not looked up again.
        let soonest =
            known.iter().filter(|(_, ends)| **ends > now).min_by_key(|(_, ends)| **ends).map(|(id, _)| id.clone());
        let fresh: Vec<String> = ids.iter().filter(|id| !known.contains_key(*id)).take(SAMPLE).cloned().collect();
        for id in soonest.into_iter().chain(fresh) {
            let question = Question::Lease { id: format!("{prefix}{id}") };
            self.asked += 1;
            // A lease may end between the list and this, which is no trouble.
            if let Ok(Some(data)) = self.ask.ask(&place.namespace, &question).await
                && let Some(ends) = wire::expiry(&data)
            {
                known.insert(id, ends);
            }
        }
        self.leases.insert((place, role), (ids.len() as u64, known));
        Ok(())
    }

    async fn count_irrevocable(&mut self, namespace: String) -> Result<(), Trouble> {
        let place = Place { namespace: namespace.clone(), mount: String::new() };
        let found = self.get(Part::Irrevocable, &place, Question::Irrevocable).await?;
        if !self.leasing.contains(&namespace) {
            // Nothing here leaves leases behind that matter, so nobody is asked for the right to count them.
            self.blind.remove(&(Part::Irrevocable, place.clone(), String::new()));
        }
        let Some(count) = found.and_then(|data| wire::count(&data)) else {
            self.irrevocable.remove(&namespace);
            return Ok(());
        };
        let mut errors = Vec::new();
        if count > 0 {
            self.asked += 1;
            let found = self.ask.ask(&namespace, &Question::IrrevocableLeases).await.ok().flatten();
            errors = found.map(|data| wire::irrevocable(&data, ERRORS)).unwrap_or_default();
        }
        self.irrevocable.insert(namespace, (count, errors));
        Ok(())
    }

    async fn issuer(&mut self, place: Place) -> Result<(), Trouble> {
        let found = self.get(Part::Issuer, &place, Question::Issuer { mount: place.mount.clone() }).await?;
        let issued = self.pki.get(&place).and_then(|pki| pki.issued);
        let key = (Part::Issuer, place.clone(), String::new());
        if self.blind.get(&key).is_some_and(|trouble| trouble.why.contains("no default issuer")) {
            self.blind.remove(&key);
        }
        if self.blind.contains_key(&key) {
            self.pki.remove(&place);
            return Ok(());
        }
        let seen = wire::issuer(&place, &found.unwrap_or(Value::Null));
        self.pki.insert(place, PkiSeen { issued, ..seen });
        Ok(())
    }

    /// Reads static roles: first those never read, then those that should have been rotated since, then the longest unread.
    async fn read_roles(&mut self, now: Timestamp) -> Result<(), Trouble> {
        let mut wanted: Vec<(Option<Timestamp>, Name)> = Vec::new();
        for (name, seen) in self.roles.iter().filter(|((place, _), _)| !self.closed.contains(&place.namespace)) {
            let turn = match seen {
                None => None,
                Some(role) if due(role).is_some_and(|due| due <= now) => Some(Timestamp::UNIX_EPOCH),
                Some(role) if age(now, role.at) >= REREAD => Some(role.at),
                Some(_) => continue,
            };
            wanted.push((turn, name.clone()));
        }
        // Of those that are due the one read longest ago is next: many that are late must not starve each other.
        let at = |name: &Name| self.roles.get(name).and_then(Option::as_ref).map(|role| role.at);
        wanted.sort_by_key(|(turn, name)| (*turn, at(name)));
        for (_, (place, name)) in wanted {
            if self.asked >= self.budget {
                return Ok(());
            }
            let question = Question::StaticRole { mount: place.mount.clone(), role: name.clone() };
            let found = self.get_one(Part::StaticRoles, &place, &name, question).await?;
            if let Some(data) = found {
                let seen = wire::static_role(&place, &name, &data, self.clock.now());
                self.roles.insert((place, name), Some(seen));
            } else if self.is_blind(Part::StaticRoles, &place, &name) {
                // What was known of it goes with the right to read it.
                self.roles.insert((place, name), None);
            } else {
                self.roles.remove(&(place, name));
            }
        }
        Ok(())
    }

    fn seen(&self, now: Timestamp) -> EnginesSeen {
        let leases = self.leases.iter().map(|((place, role), (count, known))| LeasesSeen {
            prefix: place.under(&format!("creds/{role}")),
            count: *count,
            next_expiry: known.values().filter(|ends| **ends > now).min().copied(),
            sampled: known.len() as u64,
        });
        let counts = self.irrevocable.values().map(|(count, _)| *count);
        EnginesSeen {
            static_roles: self.roles.values().flatten().cloned().collect(),
            unread: self
                .roles
                .iter()
                .filter(|((place, name), seen)| seen.is_none() && !self.is_blind(Part::StaticRoles, place, name))
                .count() as u64,
            connections: self.connections.values().cloned().collect(),
            leases: leases.collect(),
            irrevocable: (!self.irrevocable.is_empty()).then(|| counts.sum()),
            irrevocable_errors: self.irrevocable.values().flat_map(|(_, errors)| errors.clone()).take(ERRORS).collect(),
            pki: self.pki.values().cloned().collect(),
            blind: self
                .blind
                .iter()
                .map(|((part, place, name), trouble)| Blind {
                    part: *part,
                    place: place.clone(),
                    name: name.clone(),
                    trouble: trouble.clone(),
                })
                .collect(),
            asked: (self.asked, self.budget),
            left_out: self.left_out.clone(),
        }
    }
}

#[async_trait]
impl Feed for EnginesFeed {
    fn id(&self) -> FeedId {
        FeedId::Engines
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        if !self.ask.has_token() {
            return Err(Ask::no_token());
        }
        let now = self.clock.now();
        if let Some((_, trouble)) = self.paused.as_ref().filter(|(until, _)| now < *until) {
            return Err(trouble.clone());
        }
        (self.asked, self.budget) = (0, if self.listed.is_none() { FIRST } else { BUDGET });
        self.list(now).await?;
        // Roles are what hurts: half of the budget is theirs.
        while self.asked < self.budget / 2 {
            let Some(job) = self.jobs.pop_front() else { break };
            self.work(job, now).await?;
        }
        self.read_roles(now).await?;
        while self.asked < self.budget {
            let Some(job) = self.jobs.pop_front() else { break };
            self.work(job, now).await?;
        }
        Ok(vec![Fact::Engines(self.seen(now))])
    }
}
