//! The way of a secret, an application at a time: path in the vault, sync object, Secret, workload; and where it is broken.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::id::ObjectRef;
use super::model::Model;
use super::model::paths::{PathState, VaultPath};
use super::model::sync::{SyncKind, SyncSeen};
use super::model::table::Table;
use super::sync::{Word, judge};
use super::time::quiet;
use super::workloads::{Standing, View, evidence};

/// How one link holds; the order is from well to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// It holds.
    Well,
    /// It is on its way, or nobody promised more.
    Waits,
    /// It cannot be told.
    Unknown,
    /// It is broken.
    Broken,
}

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it is: `vault`, `sync`, `Secret`, `workload`.
    pub label: &'static str,
    /// Its name.
    pub name: String,
    /// How it holds.
    pub grade: Grade,
    /// In a few words, for the row: `not restarted`.
    pub word: String,
    /// Why, for the drawer.
    pub why: String,
    /// The moment that this rests on.
    pub at: Option<Timestamp>,
}

/// One way from the vault to a workload; a part that does not exist is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// From the vault on.
    pub links: Vec<Link>,
}

/// One application: what lives in one namespace and gets its secrets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its namespace.
    pub name: String,
    /// Its chains, the worst first.
    pub chains: Vec<Chain>,
}

impl Chain {
    /// How its worst link holds.
    pub fn grade(&self) -> Grade {
        self.links.iter().map(|link| link.grade).max().unwrap_or(Grade::Well)
    }

    /// The first of its worst links, and what comes before it.
    pub fn worst(&self) -> Option<(Option<&Link>, &Link)> {
        let at = self.links.iter().position(|link| link.grade == self.grade())?;
        Some((at.checked_sub(1).and_then(|before| self.links.get(before)), self.links.get(at)?))
    }

    /// `Secret → kratos not restarted`.
    pub fn words(&self) -> String {
        match self.worst() {
            None => String::new(),
            Some((None, link)) => format!("{} {}", link.name, link.word),
            Some((Some(before), link)) if link.label == "workload" => {
                format!("{} → {} {}", before.label, link.name, link.word)
            }
            Some((Some(before), link)) => format!("{} → {} {} {}", before.label, link.label, link.name, link.word),
        }
    }
}

impl Application {
    /// As the subject of a row.
    pub fn subject(&self) -> ObjectRef {
        ObjectRef::new("Application", "", &self.name)
    }

    /// How its worst chain holds.
    pub fn grade(&self) -> Grade {
        self.chains.first().map_or(Grade::Well, Chain::grade)
    }

    /// How many of its chains are no better than its worst.
    pub fn alike(&self) -> usize {
        self.chains.iter().filter(|chain| chain.grade() == self.grade()).count()
    }
}

/// Every application, the worst first. Where there are sync objects, only what they bring is told: a Secret that somebody
/// made by hand has no way behind it.
pub fn applications(model: &Model, now: Timestamp) -> Vec<Application> {
    let walk = Walk { model, view: View::of(model), now };
    let mut found: BTreeMap<&str, Vec<Chain>> = BTreeMap::new();
    let mut used: BTreeSet<&ObjectRef> = BTreeSet::new();
    let synced = model.sync.as_ref().is_some_and(|table| !table.is_empty());
    for standing in walk.view.all() {
        let consumer = standing.consumer;
        let secrets: BTreeSet<&ObjectRef> = consumer.uses.iter().map(|it| &it.secret).collect();
        for secret in secrets {
            let writer = walk.view.writer(secret);
            used.insert(secret);
            if synced && writer.is_none() {
                continue;
            }
            let mut links = writer.map(|sync| walk.before(sync)).unwrap_or_default();
            links.push(walk.secret(secret, &standing));
            links.push(walk.workload(secret, &standing));
            found.entry(consumer.object.namespace.as_str()).or_default().push(Chain { links });
        }
    }
    for sync in model.sync.iter().flat_map(Table::iter).filter(|sync| brings(sync)) {
        if sync.secret.as_ref().is_none_or(|secret| !used.contains(secret)) {
            let links = walk.before(sync);
            found.entry(sync.object.namespace.as_str()).or_default().push(Chain { links });
        }
    }
    let mut all: Vec<Application> = found
        .into_iter()
        .map(|(name, mut chains)| {
            chains.sort_by_key(|chain| std::cmp::Reverse(chain.grade()));
            Application { name: name.to_owned(), chains }
        })
        .collect();
    all.sort_by_key(|application| std::cmp::Reverse(application.grade()));
    all
}

/// The application of this name.
pub fn application(model: &Model, name: &str, now: Timestamp) -> Option<Application> {
    applications(model, now).into_iter().find(|application| application.name == name)
}

/// Whether it brings something from the vault into a Secret.
const fn brings(sync: &SyncSeen) -> bool {
    match sync.kind {
        SyncKind::VaultStaticSecret
        | SyncKind::VaultDynamicSecret
        | SyncKind::VaultPKISecret
        | SyncKind::ExternalSecret => true,
        SyncKind::VaultAuth
        | SyncKind::VaultConnection
        | SyncKind::PushSecret
        | SyncKind::SecretStore
        | SyncKind::ClusterSecretStore => false,
    }
}

struct Walk<'a> {
    model: &'a Model,
    view: View<'a>,
    now: Timestamp,
}

impl Walk<'_> {
    /// The vault's paths and the sync object.
    fn before(&self, sync: &SyncSeen) -> Vec<Link> {
        let mut links: Vec<Link> = self.places(sync).iter().map(|path| self.path(path)).collect();
        let is = judge(self.model, sync, self.now);
        let (grade, word) = synced(is.word);
        let lag = match (is.lag, is.of) {
            (Some(lag), Some(of)) => format!(" {} of {}", quiet(lag), quiet(of)),
            (Some(lag), None) => format!(" {}", quiet(lag)),
            (None, _) => String::new(),
        };
        links.push(Link {
            label: "sync",
            name: sync.object.name.clone(),
            grade,
            word: format!("{word}{lag}"),
            why: format!("{}: {}", sync.object.kind, is.why),
            at: None,
        });
        links
    }

    /// What it reads: the places themselves where its ways to the vault are in sight, else what it says.
    fn places(&self, sync: &SyncSeen) -> Vec<VaultPath> {
        let placed = sync.places(|way| self.model.sync.as_ref()?.get(way));
        if placed.len() == sync.sources.len() { placed } else { sync.sources.clone() }
    }

    fn path(&self, path: &VaultPath) -> Link {
        let found = self.model.paths.iter().flat_map(|seen| &seen.value.found).find(|seen| seen.path == *path);
        let (grade, word, why, at) = match found.map(|seen| &seen.found) {
            None => (Grade::Well, String::new(), "its age is not known".to_owned(), None),
            Some(Err(trouble)) => (Grade::Waits, String::new(), trouble.what.clone(), None),
            Some(Ok(PathState::Absent)) => {
                (Grade::Broken, "was never written".to_owned(), "nothing is there".to_owned(), None)
            }
            Some(Ok(PathState::Present { deleted: Some(at), .. })) => (
                Grade::Broken,
                "deleted in the vault".to_owned(),
                "its current version was deleted".to_owned(),
                Some(*at),
            ),
            Some(Ok(PathState::Present { destroyed: true, .. })) => (
                Grade::Broken,
                "destroyed in the vault".to_owned(),
                "its current version was destroyed".to_owned(),
                None,
            ),
            Some(Ok(PathState::Present { updated, version, .. })) => {
                (Grade::Well, String::new(), format!("version {version}"), *updated)
            }
        };
        Link { label: "vault", name: path.words(), grade, word, why, at }
    }

    fn secret(&self, secret: &ObjectRef, standing: &Standing<'_>) -> Link {
        let link = |grade, word: &str, why: String, at| Link {
            label: "Secret",
            name: secret.name.clone(),
            grade,
            word: word.to_owned(),
            why,
            at,
        };
        let seen = self.view.secret(secret);
        match (seen, self.view.changed(secret)) {
            _ if self.model.secrets.is_none() => link(Grade::Unknown, "not seen", "it cannot be seen".to_owned(), None),
            (None, _) if standing.missing.iter().any(|used| used.secret == *secret) => {
                link(Grade::Broken, "missing", "it does not exist: no new pod starts".to_owned(), None)
            }
            (None, _) => link(Grade::Waits, "missing", "it does not exist, and need not".to_owned(), None),
            (Some(seen), Some(changed)) => {
                link(Grade::Well, "", evidence(&changed, Some(seen), self.now), Some(changed.at))
            }
            (Some(_), None) => link(Grade::Well, "", "nobody can tell when its data changed".to_owned(), None),
        }
    }

    fn workload(&self, secret: &ObjectRef, standing: &Standing<'_>) -> Link {
        let object = &standing.consumer.object;
        let stale = standing.stale.iter().find(|stale| stale.used.secret == *secret);
        let ways: BTreeSet<&str> =
            standing.consumer.uses.iter().filter(|it| it.secret == *secret).map(|it| it.way.word()).collect();
        let ways = ways.into_iter().collect::<Vec<_>>().join(", ");
        let unseen = self.model.containers.is_none() || self.model.secrets.is_none();
        let undated = standing.undated.iter().any(|used| used.secret == *secret);
        let oldest = stale.and_then(|stale| stale.pods.iter().map(|(_, at)| *at).min());
        let first = standing.pods.iter().flat_map(|pod| &pod.containers).map(|(_, at)| *at).min();
        let (grade, word, why) = match stale {
            Some(stale) => (
                Grade::Broken,
                "not restarted",
                format!(
                    "{}: {} of {} pods started before, and read it by {}",
                    object.kind,
                    stale.pods.len(),
                    standing.pods.len(),
                    stale.used.way.word()
                ),
            ),
            None if unseen || undated => (Grade::Unknown, "not seen", format!("{}, by {ways}", object.kind)),
            None => (Grade::Well, "", format!("{}, by {ways}", object.kind)),
        };
        Link { label: "workload", name: object.name.clone(), grade, word: word.to_owned(), why, at: oldest.or(first) }
    }
}

const fn synced(word: Word) -> (Grade, &'static str) {
    match word {
        Word::Synced => (Grade::Well, "synced"),
        Word::Unwatched => (Grade::Waits, "read too rarely to tell"),
        Word::Unknown => (Grade::Unknown, "cannot be told"),
        Word::Behind => (Grade::Waits, "behind"),
        Word::Stale => (Grade::Broken, "stale"),
        Word::Dropped => (Grade::Broken, "dropped"),
        Word::Failed => (Grade::Broken, "fails"),
        Word::Never => (Grade::Broken, "never synced"),
        Word::Looping => (Grade::Broken, "loops"),
        Word::Emptied => (Grade::Broken, "emptied"),
    }
}
