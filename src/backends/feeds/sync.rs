//! Objects of the two sync operators: which of their kinds are served here, each of them followed, all in one table. Tells
//! the paths feed which places of the vault they name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::followed::Followed;
use super::roster::{Login, Roster, SyncNames};
use super::several::{narrowed, rows};
use super::{Feed, LONG_LISTS, Wide, no_cluster};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::auths::{self, Merged};
use crate::app::model::fact::Fact;
use crate::app::model::paths::{EngineKind, VaultPath};
use crate::app::model::sync::{GENERATORS_GROUP, LoginSaid, SyncKind, SyncSeen};
use crate::app::model::table::{Delta, Table, apply};
use crate::app::model::withheld::Withheld;
use crate::app::ports::Clock;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::port::{Kind, Kube, Many};
use crate::backends::kube::sync_digest;

const VSO: &str = "secrets.hashicorp.com";
const ESO: &str = "external-secrets.io";

/// The kinds, newest version first where there are several; those of the whole cluster last.
const KINDS: [Kind; 19] = [
    Kind::new(VSO, "v1beta1", "VaultStaticSecret", "vaultstaticsecrets"),
    Kind::new(VSO, "v1beta1", "VaultDynamicSecret", "vaultdynamicsecrets"),
    Kind::new(VSO, "v1beta1", "VaultPKISecret", "vaultpkisecrets"),
    Kind::new(VSO, "v1beta1", "VaultAuth", "vaultauths"),
    Kind::new(VSO, "v1beta1", "VaultConnection", "vaultconnections"),
    Kind::new(VSO, "v1beta1", "VaultAuthGlobal", "vaultauthglobals"),
    Kind::new(ESO, "v1", "ExternalSecret", "externalsecrets"),
    Kind::new(ESO, "v1beta1", "ExternalSecret", "externalsecrets"),
    Kind::new(ESO, "v1", "PushSecret", "pushsecrets"),
    Kind::new(ESO, "v1alpha1", "PushSecret", "pushsecrets"),
    Kind::new(ESO, "v1", "SecretStore", "secretstores"),
    Kind::new(ESO, "v1beta1", "SecretStore", "secretstores"),
    Kind::new(ESO, "v1", "ClusterSecretStore", "clustersecretstores"),
    Kind::new(ESO, "v1beta1", "ClusterSecretStore", "clustersecretstores"),
    Kind::new(GENERATORS_GROUP, "v1alpha1", "Password", "passwords"),
    Kind::new(GENERATORS_GROUP, "v1alpha1", "UUID", "uuids"),
    Kind::new(GENERATORS_GROUP, "v1alpha1", "SSHKey", "sshkeys"),
    Kind::new(GENERATORS_GROUP, "v1alpha1", "VaultDynamicSecret", "vaultdynamicsecrets"),
    Kind::new(GENERATORS_GROUP, "v1alpha1", "ClusterGenerator", "clustergenerators"),
];

/// Operators are installed rarely: this long nobody asks again what is served.
const REDISCOVER: SignedDuration = SignedDuration::from_mins(2);

/// The feed.
pub struct SyncFeed {
    kube: Option<Arc<dyn Kube>>,
    namespaces: Vec<String>,
    roster: Roster,
    clock: Arc<dyn Clock>,
    discovered: Option<Timestamp>,
    served: Vec<Kind>,
    followed: Vec<Place>,
    /// All of them were listed once: from here on changes count.
    whole: bool,
    /// What may not be listed, as it was told last: nobody follows it.
    withheld: Vec<Withheld>,
    /// Rung when the kinds, or those that may be listed, changed since the streams were taken.
    moved: Arc<tokio::sync::Notify>,
    book: Arc<Mutex<Book>>,
}

/// One kind in one place.
struct Place {
    many: Many,
    objects: Arc<Followed<SyncSeen>>,
}

impl SyncFeed {
    /// Follows what there is, in the namespaces that are watched.
    pub fn new(wide: &Wide) -> Self {
        Self {
            kube: wide.kube.clone(),
            namespaces: wide.scope.namespaces.clone(),
            roster: wide.roster.clone(),
            clock: Arc::clone(&wide.clock),
            discovered: None,
            served: Vec::new(),
            followed: Vec::new(),
            whole: false,
            withheld: Vec::new(),
            moved: Arc::default(),
            book: Arc::default(),
        }
    }

    /// Whether it is time to ask what is served.
    fn rediscovers(&self, now: Timestamp) -> bool {
        self.discovered.is_none_or(|at| at + REDISCOVER <= now)
    }

    /// What may be listed.
    fn listed(&self) -> impl Iterator<Item = &Place> {
        self.followed.iter().filter(|place| !self.withheld.iter().any(|part| is_of(part, &place.many)))
    }

    async fn around(&mut self, kube: &Arc<dyn Kube>) -> Result<Vec<Fact>, Trouble> {
        let now = self.clock.now();
        if self.rediscovers(now) {
            let served = discover(kube.as_ref()).await?;
            self.discovered = Some(now);
            if served != self.served {
                self.followed = places(&served, &self.namespaces, kube);
                self.served = served;
                self.whole = false;
                self.moved.notify_one();
            }
        }
        if self.served.is_empty() {
            return Err(nothing_installed());
        }
        let (mut parts, mut denied) = (Vec::new(), Vec::new());
        for place in &self.followed {
            let found = if self.whole { place.objects.look().await } else { place.objects.list().await };
            match found {
                Ok(facts) => parts.extend(facts.into_iter().filter_map(delta).map(|delta| (&place.many, delta))),
                Err(trouble) if trouble.kind == TroubleKind::Denied => denied.push((place.many.clone(), trouble)),
                Err(trouble) if trouble.kind == TroubleKind::Absent => {
                    // Its definition went away: what is served is asked anew.
                    self.discovered = None;
                    return Err(trouble);
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let mut withheld = withheld(&denied, &self.namespaces);
        // Who may list nothing at all is denied, and not in part.
        if let (true, Some(first)) = (parts.is_empty(), withheld.iter().find(|part| !part.beside)) {
            return Err(first.trouble.clone());
        }
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let mut facts = Vec::new();
        if std::mem::replace(&mut self.whole, true) {
            facts.extend(parts.into_iter().map(|(many, delta)| Fact::Sync(book.noted(narrowed(many, delta)))));
        } else {
            let rows = parts.into_iter().flat_map(|(_, delta)| rows(delta)).collect();
            facts.push(Fact::Sync(book.noted(Delta::Whole(rows))));
        }
        // Of another scope than the one that was asked for: it is missed where something in sight goes there, and only then.
        withheld.retain(|part| !part.beside || book.all().any(|seen| leads_to(seen, &part.kind)));
        drop(book);
        // Before the objects: a list of all there is says nothing of these. Told at each look, and once that it is over.
        if !withheld.is_empty() || !self.withheld.is_empty() {
            facts.insert(0, Fact::Withheld { feed: FeedId::Sync, parts: withheld.clone() });
        }
        if withheld != std::mem::replace(&mut self.withheld, withheld.clone()) {
            self.moved.notify_one();
        }
        Ok(facts)
    }

    /// Tells the others what is named here, or why nobody knows.
    fn tell(&self, outcome: &Result<Vec<Fact>, Trouble>) {
        let mut logins = None;
        let names = match outcome {
            Ok(_) => {
                let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
                // Nobody writes Events about generators.
                let told = self.served.iter().filter(|kind| kind.group != GENERATORS_GROUP);
                let versions: Vec<String> = told.map(|kind| format!("{}/{}", kind.group, kind.version)).collect();
                let now = self.roster.now();
                let told_before = matches!(now.sync, SyncNames::Served { .. });
                if told_before && !book.changed && (&versions, &now.home) == (&book.versions, &book.home) {
                    return;
                }
                (book.versions, book.home, book.changed) = (versions, now.home, false);
                logins = Some(book.logins());
                book.names()
            }
            Err(trouble) if trouble.kind == TroubleKind::Absent => SyncNames::Absent,
            // What was told before stays true as far as anybody knows.
            Err(_) if matches!(self.roster.now().sync, SyncNames::Served { .. }) => return,
            Err(trouble) => SyncNames::Unclear(trouble.clone()),
        };
        self.roster.change(|shared| {
            shared.sync = names;
            shared.logins = logins.unwrap_or_else(|| std::mem::take(&mut shared.logins));
        });
    }
}

#[async_trait]
impl Feed for SyncFeed {
    fn id(&self) -> FeedId {
        FeedId::Sync
    }

    fn only_confirms(&self) -> bool {
        self.whole && !self.rediscovers(self.clock.now()) && self.listed().all(|place| place.objects.following())
    }

    fn patience(&self) -> Duration {
        LONG_LISTS
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let outcome = match self.kube.clone() {
            Some(kube) => self.around(&kube).await,
            None => Err(no_cluster()),
        };
        self.tell(&outcome);
        outcome
    }

    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        self.kube.as_ref()?;
        self.moved = Arc::default();
        let streams: Vec<_> = self.listed().map(|place| self.changes_of(place)).collect();
        // Where other kinds are served, or may be listed, the stream ends and the supervisor takes it again.
        let moved = Arc::clone(&self.moved);
        let end = Box::pin(async move { moved.notified().await });
        Some(stream::select_all(streams).chain(stream::pending()).take_until(end).boxed())
    }
}

impl SyncFeed {
    fn changes_of(&self, place: &Place) -> BoxStream<'static, Result<Vec<Fact>, Trouble>> {
        let (many, book, roster) = (place.many.clone(), Arc::clone(&self.book), self.roster.clone());
        let quiet = beyond(&many, &self.namespaces);
        let changes = place.objects.changes().filter_map(move |change| {
            let facts = match change {
                Err(trouble) if quiet && trouble.kind == TroubleKind::Denied => None,
                Err(trouble) => Some(Err(trouble)),
                Ok(facts) => {
                    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
                    let noted = |delta| Fact::Sync(book.noted(narrowed(&many, delta)));
                    let facts: Vec<Fact> = facts.into_iter().filter_map(delta).map(noted).collect();
                    if std::mem::take(&mut book.changed) {
                        let (names, logins) = (book.names(), book.logins());
                        roster.change(|shared| (shared.sync, shared.logins) = (names, logins));
                    }
                    Some(Ok(facts))
                }
            };
            std::future::ready(facts)
        });
        changes.boxed()
    }
}

/// The kinds that are served, each in its newest version. What is served may be asked by whoever may log in, unlike the
/// objects: who may not read them learns whether there is anything to read.
async fn discover(kube: &dyn Kube) -> Result<Vec<Kind>, Trouble> {
    let groups: BTreeSet<(&str, &str)> = KINDS.iter().map(|kind| (kind.group, kind.version)).collect();
    let mut served = BTreeSet::new();
    for (group, version) in groups {
        let path = format!("/apis/{group}/{version}");
        let right = format!("Allow it in a ClusterRole: {{nonResourceURLs: [\"{path}\"], verbs: [\"get\"]}}");
        let Some(found) = kube.raw(&path, &right).await? else { continue };
        let names = found.get("resources").and_then(Value::as_array).into_iter().flatten();
        served.extend(names.filter_map(|it| Some((group, version, it.get("name")?.as_str()?.to_owned()))));
    }
    let mut kinds: Vec<Kind> = Vec::new();
    for kind in KINDS {
        let older = kinds.iter().any(|known| (known.group, known.plural) == (kind.group, kind.plural));
        if !older && served.contains(&(kind.group, kind.version, kind.plural.to_owned())) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

fn places(served: &[Kind], namespaces: &[String], kube: &Arc<dyn Kube>) -> Vec<Place> {
    let place = |many: Many| {
        let objects = Arc::new(Followed::new(Arc::clone(kube), many.clone(), sync_digest::digest, Fact::Sync));
        Place { many, objects }
    };
    let mut places = Vec::new();
    for kind in served {
        if namespaces.is_empty() || of_cluster(*kind) {
            places.push(place(Many::of(*kind, None)));
        } else {
            places.extend(namespaces.iter().map(|namespace| place(Many::of(*kind, Some(namespace.clone())))));
        }
    }
    places
}

fn of_cluster(kind: Kind) -> bool {
    kind.plural.starts_with("cluster")
}

/// Whether this lies beyond what was asked for, or is no more than an addition to it: then nobody needs a right to it.
fn beyond(many: &Many, namespaces: &[String]) -> bool {
    // Who may not read generators sees what takes values from them all the same.
    of_cluster(many.kind) && !namespaces.is_empty() || many.kind.group == GENERATORS_GROUP
}

/// Whether an object names one of this kind: its store, its generator.
fn leads_to(seen: &SyncSeen, kind: &str) -> bool {
    let detail = &seen.detail;
    let ways = detail.through.iter().chain(&detail.stores).chain(&detail.generators);
    ways.chain(detail.ways.iter().flatten()).any(|way| way.kind == kind)
}

fn is_of(part: &Withheld, many: &Many) -> bool {
    part.kind == many.kind.called() && part.namespace == many.namespace
}

/// What may not be listed, with one line for all kinds of a group in a place.
fn withheld(denied: &[(Many, Trouble)], namespaces: &[String]) -> Vec<Withheld> {
    let part = |(many, trouble): &(Many, Trouble)| {
        let alike = denied
            .iter()
            .filter(|(other, _)| (other.kind.group, &other.namespace) == (many.kind.group, &many.namespace));
        let plurals: Vec<&str> = alike.map(|(other, _)| other.kind.plural).collect();
        let one = format!("[\"{}\"]", many.kind.plural);
        let parts: Vec<&str> = trouble.next.split(&one).collect();
        let next = parts.join(&format!("[\"{}\"]", plurals.join("\", \"")));
        let trouble = Trouble { next, ..trouble.clone() };
        Withheld {
            kind: many.kind.called().to_owned(),
            namespace: many.namespace.clone(),
            trouble,
            beside: beyond(many, namespaces),
        }
    };
    denied.iter().map(part).collect()
}

pub(super) fn nothing_installed() -> Trouble {
    Trouble::new(
        TroubleKind::Absent,
        "No sync operator is installed here",
        "this API server serves no kinds of the Vault Secrets Operator or the External Secrets Operator",
        "",
    )
}

fn delta(fact: Fact) -> Option<Delta<SyncSeen>> {
    if let Fact::Sync(delta) = fact { Some(delta) } else { None }
}

/// Which object names which places of the vault.
#[derive(Default)]
struct Book {
    versions: Vec<String>,
    known: Option<Table<SyncSeen>>,
    /// The namespace in which VSO runs, where it is known.
    home: Option<String>,
    /// Since somebody was told.
    changed: bool,
}

impl Book {
    /// Takes note of a change, and passes it on.
    fn noted(&mut self, delta: Delta<SyncSeen>) -> Delta<SyncSeen> {
        let rows = match &delta {
            Delta::Whole(rows) | Delta::Part { rows, .. } | Delta::Put(rows) => rows.as_slice(),
            Delta::Gone(_) | Delta::Same => &[],
        };
        let names_other = |row: &Arc<SyncSeen>| self.get(&row.object).is_none_or(|before| !names_alike(before, row));
        let before = self.len();
        self.changed |= rows.iter().any(names_other);
        // Nobody asks this table how old it is.
        apply(&mut self.known, &delta, Timestamp::UNIX_EPOCH);
        self.changed |= self.len() != before;
        delta
    }

    fn get(&self, object: &ObjectRef) -> Option<&SyncSeen> {
        self.known.as_ref()?.get(object)
    }

    fn len(&self) -> usize {
        self.known.as_ref().map_or(0, Table::len)
    }

    fn all(&self) -> impl Iterator<Item = &SyncSeen> {
        self.known.iter().flat_map(Table::iter)
    }

    /// The places of KV version 2 that are named, each once.
    fn names(&self) -> SyncNames {
        let places: BTreeSet<VaultPath> = self.all().flat_map(|seen| self.places(seen)).collect();
        let mut versions = self.versions.clone();
        versions.sort_unstable();
        versions.dedup();
        SyncNames::Served { versions, paths: Arc::new(places.into_iter().collect()) }
    }

    /// The logins that objects make, each with what is read through it.
    fn logins(&self) -> Vec<Login> {
        let mut through: BTreeMap<ObjectRef, Vec<VaultPath>> = BTreeMap::new();
        let mut users: BTreeMap<ObjectRef, BTreeSet<&str>> = BTreeMap::new();
        for seen in self.all() {
            for (way, path) in self.placed(seen) {
                let Some(way) = way else { continue };
                users.entry(way.clone()).or_default().insert(seen.object.namespace.as_str());
                through.entry(way).or_default().push(path);
            }
        }
        let logins = self.all().filter_map(|seen| {
            let merged = self.merged(seen);
            let said = merged.as_ref().map(Merged::said).or_else(|| seen.detail.login.as_deref().cloned())?;
            let LoginSaid { mount, role, account } = said;
            // One that names no namespace is looked for where the object lies that logs in.
            let accounts = match account {
                Some((namespace, name)) if namespace.is_empty() => {
                    let of = users.get(&seen.object).into_iter().flatten();
                    of.map(|namespace| ((*namespace).to_owned(), name.clone())).collect()
                }
                account => account.into_iter().collect(),
            };
            let read = through.get(&seen.object).map_or(&[][..], Vec::as_slice);
            // Its own first: what goes through it may name another below that.
            let own = merged.map(|login| login.namespace).or_else(|| Some(seen.sources.first()?.namespace.to_string()));
            let own = own.filter(|own| !own.is_empty());
            let namespace = own.or_else(|| Some(read.first()?.namespace.to_string())).unwrap_or_default();
            let needs: BTreeSet<(String, String)> = read.iter().filter_map(need).collect();
            Some(Login { namespace, mount, role, accounts, needs: needs.into_iter().collect() })
        });
        logins.filter(|login| !login.mount.is_empty() && !login.role.is_empty()).collect()
    }

    fn places(&self, seen: &SyncSeen) -> Vec<VaultPath> {
        let placed = self.placed(seen).into_iter().map(|(_, path)| path);
        placed
            .filter(|path| path.engine == EngineKind::Kv2 && !path.mount.is_empty() && !path.path.is_empty())
            .collect()
    }

    /// Where an object reads, each place with its way to the vault, and with what that adds to it.
    fn placed(&self, seen: &SyncSeen) -> Vec<(Option<ObjectRef>, VaultPath)> {
        if seen.kind.is_way() {
            return Vec::new();
        }
        seen.placed(self.home.as_deref(), |object| self.get(object))
    }

    /// The login of a VaultAuth, with what a VaultAuthGlobal adds.
    fn merged(&self, seen: &SyncSeen) -> Option<Merged> {
        let spec = seen.detail.auth.as_deref().filter(|_| seen.kind == SyncKind::VaultAuth)?;
        let find = |global: &ObjectRef| self.get(global)?.detail.auth.as_deref();
        Some(auths::merged(&seen.object, spec, self.home.as_deref(), find))
    }
}

/// Whether both name the same places of the vault, by the same ways.
fn names_alike(before: &SyncSeen, now: &SyncSeen) -> bool {
    let (old, new) = (&before.detail, &now.detail);
    before.sources == now.sources
        && (&old.through, &old.ways, &old.login, &old.auth) == (&new.through, &new.ways, &new.login, &new.auth)
}

/// What a policy must allow so that this can be read: the API path, and the capability.
fn need(path: &VaultPath) -> Option<(String, String)> {
    if path.mount.is_empty() || path.path.is_empty() {
        return None;
    }
    let (between, capability) = match path.engine {
        EngineKind::Kv2 => ("/data/", "read"),
        EngineKind::Kv1 | EngineKind::Dynamic => ("/", "read"),
        EngineKind::Pki => ("/", "update"),
        EngineKind::Other => return None,
    };
    Some((format!("{}{between}{}", path.mount, path.path), capability.to_owned()))
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
