//! The way of a secret, an application at a time: path in the vault, sync object, Secret, workload; and where it is broken.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::id::ObjectRef;
use super::model::Model;
use super::model::paths::{PathSeen, PathState, VaultPath};
use super::model::sync::{SyncKind, SyncSeen};
use super::model::table::Table;
use super::sync::standings::{Standings, standings as known};
use super::sync::{Witnesses, Word};
use super::time::quiet;
use super::workloads::{Standing, View, evidence};

/// How one link holds; the order is from well to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Grade {
    /// It holds.
    #[default]
    Well,
    /// It is on its way, or nobody promised more.
    Waits,
    /// It cannot be told.
    Unknown,
    /// It is broken.
    Broken,
}

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// The object, where the cluster holds one; a place of the vault is none.
    pub object: Option<ObjectRef>,
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
        subject(&self.name)
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

/// An application in a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// Its namespace.
    pub name: String,
    /// How its worst chain holds.
    pub grade: Grade,
    /// How many chains it has.
    pub chains: usize,
    /// How many of them are no better than the worst.
    pub alike: usize,
    /// The worst of them in words.
    pub words: String,
}

impl Brief {
    /// As the subject of a row.
    pub fn subject(&self) -> ObjectRef {
        subject(&self.name)
    }
}

fn subject(name: &str) -> ObjectRef {
    ObjectRef::new("Application", "", name)
}

/// Which way a chain goes: the sync object, where one brings the Secret; the Secret and the workload, where one uses it.
#[derive(Clone, Copy)]
struct Way<'a> {
    sync: Option<&'a SyncSeen>,
    used: Option<(&'a ObjectRef, &'a Standing<'a>)>,
}

/// Every application, the worst first, in brief: work and memory for the worst chain of each alone.
pub fn briefs(model: &Model, now: Timestamp) -> Vec<Brief> {
    let view = View::of(model, now);
    let standings = view.all();
    let walk = Walk::new(model, &view, now, Eyes::Kept(known(model, now)));
    let mut found: BTreeMap<&str, (Grade, usize, usize, Way<'_>)> = BTreeMap::new();
    for (name, way) in ways(&walk, &standings) {
        let grade = walk.grade(way);
        let (worst, chains, alike, of) = found.entry(name).or_insert((grade, 0, 0, way));
        *chains += 1;
        match grade.cmp(worst) {
            Ordering::Less => {}
            Ordering::Equal => *alike += 1,
            Ordering::Greater => (*worst, *alike, *of) = (grade, 1, way),
        }
    }
    let walk = Walk { eyes: Eyes::Witnesses(Box::new(Witnesses::alone(model, now))), ..walk };
    let mut all: Vec<Brief> = found
        .into_iter()
        .map(|(name, (grade, chains, alike, way))| {
            let words = if grade == Grade::Well { String::new() } else { walk.chain(way).words() };
            Brief { name: name.to_owned(), grade, chains, alike, words }
        })
        .collect();
    all.sort_by_key(|brief| std::cmp::Reverse(brief.grade));
    all
}

/// Every application, the worst first. Where there are sync objects, only what they bring is told: a Secret that somebody
/// made by hand has no way behind it.
pub fn applications(model: &Model, now: Timestamp) -> Vec<Application> {
    some(model, now, |_| true)
}

/// The applications of these names.
fn some(model: &Model, now: Timestamp, wanted: impl Fn(&str) -> bool) -> Vec<Application> {
    let view = View::of(model, now);
    let standings = view.all();
    let walk = Walk::new(model, &view, now, Eyes::Witnesses(Box::new(Witnesses::of(model, now))));
    let mut found: BTreeMap<&str, Vec<Chain>> = BTreeMap::new();
    for (name, way) in ways(&walk, &standings) {
        if wanted(name) {
            found.entry(name).or_default().push(walk.chain(way));
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
    some(model, now, |one| one == name).into_iter().next()
}

/// The objects of an application in the order of its chains, from the first broken link on: what a person looks at one
/// after the other. From the beginning where nothing is broken.
pub fn steps(model: &Model, name: &str, now: Timestamp) -> Vec<ObjectRef> {
    let Some(found) = application(model, name, now) else { return Vec::new() };
    let links = || found.chains.iter().flat_map(|chain| &chain.links);
    let first = links().position(|link| link.grade == Grade::Broken).unwrap_or(0);
    let mut steps: Vec<ObjectRef> = Vec::new();
    for object in links().skip(first).filter_map(|link| link.object.as_ref()) {
        if !steps.contains(object) {
            steps.push(object.clone());
        }
    }
    steps
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
        | SyncKind::VaultAuthGlobal
        | SyncKind::PushSecret
        | SyncKind::SecretStore
        | SyncKind::ClusterSecretStore
        | SyncKind::Generator => false,
    }
}

/// Every way there is, with the name of its application. Where there are sync objects, only what they bring is told: a
/// Secret that somebody made by hand has no way behind it.
fn ways<'a>(walk: &Walk<'a>, standings: &'a [Standing<'a>]) -> Vec<(&'a str, Way<'a>)> {
    let mut found: Vec<(&str, Way<'_>)> = Vec::new();
    let mut used: HashSet<&ObjectRef> = HashSet::new();
    let synced = walk.model.sync.as_ref().is_some_and(|table| !table.is_empty());
    for standing in standings {
        let consumer = standing.consumer;
        // What a CSI driver mounts has no Secret between.
        let of_secrets = consumer.uses.iter().filter(|it| it.secret.kind == "Secret");
        let secrets: BTreeSet<&ObjectRef> = of_secrets.map(|it| &it.secret).collect();
        for secret in secrets {
            let sync = walk.view.writer(secret);
            used.insert(secret);
            if synced && sync.is_none() {
                continue;
            }
            found.push((consumer.object.namespace.as_str(), Way { sync, used: Some((secret, standing)) }));
        }
    }
    for sync in walk.model.sync.iter().flat_map(Table::iter).filter(|sync| brings(sync)) {
        if sync.secret.as_ref().is_none_or(|secret| !used.contains(secret)) {
            found.push((sync.object.namespace.as_str(), Way { sync: Some(sync), used: None }));
        }
    }
    found
}

/// Who tells how a sync object stands.
enum Eyes<'a> {
    /// What is known of all of them, without texts.
    Kept(Arc<Standings>),
    /// Each is judged, with its texts.
    Witnesses(Box<Witnesses<'a>>),
}

struct Walk<'a> {
    model: &'a Model,
    view: &'a View<'a>,
    paths: HashMap<&'a VaultPath, &'a PathSeen>,
    /// Any of them is not well: else no chain's grade depends on which ones it reads.
    ails: bool,
    now: Timestamp,
    eyes: Eyes<'a>,
}

impl<'a> Walk<'a> {
    fn new(model: &'a Model, view: &'a View<'a>, now: Timestamp, eyes: Eyes<'a>) -> Self {
        let found = || model.paths.iter().flat_map(|seen| &seen.value.found);
        let ails = found().any(|seen| held(Some(seen)) != Grade::Well);
        Self { model, view, paths: found().map(|seen| (&seen.path, seen)).collect(), ails, now, eyes }
    }

    fn chain(&self, way: Way<'_>) -> Chain {
        let mut links = Vec::new();
        self.each(way, &mut |link| links.push(link));
        Chain { links }
    }

    fn grade(&self, way: Way<'_>) -> Grade {
        let mut worst = Grade::Well;
        self.each(way, &mut |link| worst = worst.max(link.grade));
        worst
    }

    fn each(&self, way: Way<'_>, take: &mut dyn FnMut(Link)) {
        if let Some(sync) = way.sync {
            if self.ails || matches!(self.eyes, Eyes::Witnesses(_)) {
                self.places(sync).iter().for_each(|path| take(self.path(path)));
            }
            take(self.sync(sync));
        }
        if let Some((secret, standing)) = way.used {
            take(self.secret(secret, standing));
            take(self.workload(secret, standing));
        }
    }

    /// Whether anybody reads what is told of each link.
    const fn told(&self) -> bool {
        matches!(self.eyes, Eyes::Witnesses(_))
    }

    /// A text, where anybody reads it.
    fn say(&self, text: impl FnOnce() -> String) -> String {
        match self.eyes {
            Eyes::Kept(_) => String::new(),
            Eyes::Witnesses(_) => text(),
        }
    }

    fn sync(&self, sync: &SyncSeen) -> Link {
        let is = match &self.eyes {
            Eyes::Kept(known) => {
                let grade = known.get(&sync.object).map_or(Grade::Unknown, |is| synced(is.word, is.dire).0);
                return Link { label: "sync", grade, ..Link::default() };
            }
            Eyes::Witnesses(witnesses) => witnesses.judge(sync),
        };
        let (grade, word) = synced(is.word, is.dire);
        let lag = match (is.lag, is.of) {
            (Some(lag), Some(of)) => format!(" {} of {}", quiet(lag), quiet(of)),
            (Some(lag), None) => format!(" {}", quiet(lag)),
            (None, _) => String::new(),
        };
        Link {
            label: "sync",
            name: sync.object.name.to_string(),
            grade,
            word: format!("{word}{lag}"),
            why: format!("{}: {}", sync.object.kind, is.why),
            at: None,
            object: Some(sync.object.clone()),
        }
    }

    /// What it reads: the places themselves where its ways to the vault are in sight, else what it says.
    fn places(&self, sync: &SyncSeen) -> Vec<VaultPath> {
        let placed = self.model.places(sync);
        if placed.len() == sync.sources.len() { placed } else { sync.sources.clone() }
    }

    fn path(&self, path: &VaultPath) -> Link {
        let seen = self.paths.get(path).copied();
        let why = |text: &str| self.say(|| text.to_owned());
        let (word, why, at) = match seen.map(|seen| &seen.found) {
            None => ("", why("its age is not known"), None),
            Some(Err(trouble)) => ("", why(&trouble.what), None),
            Some(Ok(PathState::Absent)) => ("was never written", why("nothing is there"), None),
            Some(Ok(PathState::Present { deleted: Some(at), .. })) => {
                ("deleted in the vault", why("its current version was deleted"), Some(*at))
            }
            Some(Ok(PathState::Present { destroyed: true, .. })) => {
                ("destroyed in the vault", why("its current version was destroyed"), None)
            }
            Some(Ok(PathState::Present { updated, version, .. })) => {
                ("", self.say(|| format!("version {version}")), *updated)
            }
        };
        let word = self.say(|| word.to_owned());
        Link { label: "vault", name: self.say(|| path.words()), grade: held(seen), word, why, at, object: None }
    }

    fn secret(&self, secret: &ObjectRef, standing: &Standing<'_>) -> Link {
        let link = |grade, word: &str, why: &dyn Fn() -> String, at| Link {
            label: "Secret",
            name: self.say(|| secret.name.to_string()),
            grade,
            word: self.say(|| word.to_owned()),
            why: self.say(why),
            at,
            object: self.told().then(|| secret.clone()),
        };
        if self.model.secrets.is_none() {
            return link(Grade::Unknown, "not seen", &|| "it cannot be seen".to_owned(), None);
        }
        match (self.view.secret(secret), self.view.changed(secret)) {
            (None, _) if standing.missing.iter().any(|used| used.secret == *secret) => {
                link(Grade::Broken, "missing", &|| "it does not exist: no new pod starts".to_owned(), None)
            }
            (None, _) => link(Grade::Waits, "missing", &|| "it does not exist, and need not".to_owned(), None),
            (Some(seen), Some(changed)) => {
                link(Grade::Well, "", &|| evidence(&changed, Some(seen), self.now), Some(changed.at))
            }
            (Some(_), None) => link(Grade::Well, "", &|| "nobody can tell when its data changed".to_owned(), None),
        }
    }

    fn workload(&self, secret: &ObjectRef, standing: &Standing<'_>) -> Link {
        let object = &standing.consumer.object;
        let stale = standing.stale.iter().find(|stale| stale.used.secret == *secret);
        let unseen = self.model.containers.is_none() || self.model.secrets.is_none();
        let undated = standing.undated.iter().any(|used| used.secret == *secret);
        let (grade, word) = match stale {
            Some(_) => (Grade::Broken, "not restarted"),
            None if unseen || undated => (Grade::Unknown, "not seen"),
            None => (Grade::Well, ""),
        };
        let why = || {
            let Some(stale) = stale else {
                let uses = standing.consumer.uses.iter().filter(|it| it.secret == *secret);
                let ways: BTreeSet<&str> = uses.map(|it| it.way.word()).collect();
                return format!("{}, by {}", object.kind, ways.into_iter().collect::<Vec<_>>().join(", "));
            };
            let (older, all, way) = (stale.pods.len(), standing.pods.len(), stale.used.way.word());
            format!("{}: {older} of {all} pods started before, and read it by {way}", object.kind)
        };
        let oldest = stale.and_then(|stale| stale.pods.iter().map(|(_, at)| *at).min());
        let first = || standing.pods.iter().flat_map(|pod| &pod.containers).map(|(_, at)| *at).min();
        Link {
            label: "workload",
            name: self.say(|| object.name.to_string()),
            grade,
            word: self.say(|| word.to_owned()),
            why: self.say(why),
            at: oldest.or_else(first),
            object: self.told().then(|| object.clone()),
        }
    }
}

/// How well a place of the vault holds what is read there.
const fn held(seen: Option<&PathSeen>) -> Grade {
    match seen {
        None => Grade::Well,
        Some(seen) => match &seen.found {
            Err(_) => Grade::Waits,
            Ok(
                PathState::Absent
                | PathState::Present { deleted: Some(_), .. }
                | PathState::Present { destroyed: true, .. },
            ) => Grade::Broken,
            Ok(PathState::Present { .. }) => Grade::Well,
        },
    }
}

const fn synced(word: Word, dire: bool) -> (Grade, &'static str) {
    match word {
        Word::Synced => (Grade::Well, "synced"),
        Word::Unwatched => (Grade::Waits, "read too rarely to tell"),
        Word::Unknown => (Grade::Unknown, "cannot be told"),
        // Nothing reads a Secret that is not there, however soon it may come.
        Word::Behind if dire => (Grade::Broken, "behind"),
        Word::Behind => (Grade::Waits, "behind"),
        Word::Stale => (Grade::Broken, "stale"),
        Word::Dropped => (Grade::Broken, "dropped"),
        Word::Failed => (Grade::Broken, "fails"),
        Word::Never => (Grade::Broken, "never synced"),
        Word::Looping => (Grade::Broken, "loops"),
        Word::Emptied => (Grade::Broken, "emptied"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_is_broken_where_what_reads_it_cannot_start() {
        assert_eq!(synced(Word::Behind, true).0, Grade::Broken);
        assert_eq!(synced(Word::Behind, false).0, Grade::Waits);
    }
}
