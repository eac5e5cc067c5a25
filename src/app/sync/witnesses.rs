//! Everything that testifies about sync objects, found by name: Events, KV metadata, Secrets, operators, the vault itself.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::case::Case;
use super::{Standing, dynamic, external, generator, kv, login, pki, push};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::engines::StaticRoleSeen;
use crate::app::model::paths::{PathSeen, VaultPath};
use crate::app::model::sync::{EventSeen, GENERATORS, Operator, SyncKind, SyncSeen};
use crate::app::model::table::Table;
use crate::app::time::within;
use crate::app::verdict::sight;

/// What was read of a path this long ago says what was there then, and no more what is there.
pub(super) const METADATA_COUNTS: SignedDuration = SignedDuration::from_mins(10);

/// Judges objects of one model at one moment.
pub struct Witnesses<'a> {
    pub(super) model: &'a Model,
    pub(super) now: Timestamp,
    wordy: bool,
    index: Option<Index<'a>>,
}

#[derive(Default)]
struct Index<'a> {
    events: HashMap<&'a ObjectRef, Vec<&'a EventSeen>>,
    paths: HashMap<&'a VaultPath, &'a PathSeen>,
    users: HashMap<&'a ObjectRef, Vec<&'a SyncSeen>>,
    stores: Vec<&'a SyncSeen>,
    /// Which kinds are in sight in which namespace.
    kinds: HashSet<(&'a str, &'a str)>,
}

/// Whether an operator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// It does.
    Runs,
    /// It was found, and nothing of it is ready.
    Dead,
    /// It is not in sight.
    Unseen,
}

/// The vault as it is now, whatever a condition said of it then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VaultNow {
    /// A replica is open.
    Open,
    /// Every replica that answers is sealed.
    Sealed,
    /// Nobody answers, or nobody was asked.
    Unknown,
}

impl<'a> Witnesses<'a> {
    /// For many objects: finds what testifies about each by its name.
    pub fn of(model: &'a Model, now: Timestamp) -> Self {
        let mut index = Index::default();
        for event in model.operators.iter().flat_map(|seen| &seen.value.events) {
            index.events.entry(&event.object).or_default().push(event);
        }
        for path in model.paths.iter().flat_map(|seen| &seen.value.found) {
            index.paths.insert(&path.path, path);
        }
        for seen in model.sync.iter().flat_map(Table::iter) {
            index.kinds.insert((&seen.object.kind, &seen.object.namespace));
            for way in seen.detail.all_ways().chain(&seen.detail.generators) {
                index.users.entry(way).or_default().push(seen);
            }
            if matches!(seen.kind, SyncKind::SecretStore | SyncKind::ClusterSecretStore) {
                index.stores.push(seen);
            }
        }
        for seen in model.sync.iter().flat_map(Table::iter).filter(|seen| !seen.detail.selects.is_empty()) {
            for store in index.stores.iter().filter(|store| meant(seen, store)) {
                index.users.entry(&store.object).or_default().push(seen);
            }
        }
        Self { model, now, wordy: true, index: Some(index) }
    }

    /// For one object.
    pub const fn alone(model: &'a Model, now: Timestamp) -> Self {
        Self { model, now, wordy: true, index: None }
    }

    /// The same without any text: for looking through many objects for those that are worth one.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { wordy: false, ..self }
    }

    /// The same with its texts again.
    #[must_use]
    pub fn speaking(self) -> Self {
        Self { wordy: true, ..self }
    }

    /// Judges one object.
    pub fn judge(&self, seen: &SyncSeen) -> Standing {
        let case = Case::new(self, seen);
        match seen.kind {
            SyncKind::VaultStaticSecret => kv::judge(&case),
            SyncKind::VaultDynamicSecret => dynamic::judge(&case),
            SyncKind::VaultPKISecret => pki::judge(&case),
            SyncKind::VaultAuth | SyncKind::VaultConnection => login::judge(&case),
            SyncKind::SecretStore | SyncKind::ClusterSecretStore => login::store(&case),
            SyncKind::ExternalSecret => external::judge(&case),
            SyncKind::PushSecret => push::judge(&case),
            SyncKind::Generator => generator::judge(&case),
        }
    }

    /// A text, where anybody reads it.
    pub(super) fn say(&self, text: impl FnOnce() -> String) -> String {
        if self.wordy { text() } else { String::new() }
    }

    pub(super) fn object(&self, object: &ObjectRef) -> Option<&'a SyncSeen> {
        self.model.sync.as_ref()?.get(object)
    }

    /// Whether it is known that this object does not exist: others of its kind are in sight.
    pub(super) fn lacks(&self, object: &ObjectRef) -> bool {
        self.model.sync.as_ref().and_then(|table| table.fresh(self.now, FeedId::Sync)).is_some_and(|table| {
            // Generators are rare: one of another namespace shows as well that they are in sight.
            let anywhere = GENERATORS.iter().any(|(_, kind)| *kind == object.kind);
            let alike =
                |kind: &str, namespace: &str| kind == object.kind && (anywhere || namespace == object.namespace);
            let there = || match &self.index {
                Some(index) if anywhere => index.kinds.iter().any(|(kind, namespace)| alike(kind, namespace)),
                Some(index) => index.kinds.contains(&(object.kind.as_str(), object.namespace.as_str())),
                None => table.iter().any(|seen| alike(&seen.object.kind, &seen.object.namespace)),
            };
            table.get(object).is_none() && there()
        })
    }

    /// Whether what was told of sync objects counts still.
    pub(super) fn fresh(&self) -> bool {
        self.model.sync.as_ref().is_some_and(|table| table.fresh(self.now, FeedId::Sync).is_some())
    }

    /// Whether any object of this kind is in sight.
    pub(super) fn sees(&self, kind: SyncKind) -> bool {
        match &self.index {
            Some(index) => index.kinds.iter().any(|(name, _)| *name == kind.name()),
            None => self.model.sync.iter().flat_map(Table::iter).any(|seen| seen.kind == kind),
        }
    }

    pub(super) fn events(&self, object: &ObjectRef) -> Vec<&'a EventSeen> {
        if let Some(index) = &self.index {
            return index.events.get(object).cloned().unwrap_or_default();
        }
        let all = self.model.operators.iter().flat_map(|seen| &seen.value.events);
        all.filter(|event| event.object == *object).collect()
    }

    pub(super) fn path(&self, path: &VaultPath) -> Option<&'a PathSeen> {
        match &self.index {
            Some(index) => index.paths.get(path).copied(),
            None => self.model.paths.iter().flat_map(|seen| &seen.value.found).find(|seen| seen.path == *path),
        }
    }

    /// Objects that name this one as their way to the vault.
    pub fn users(&self, object: &ObjectRef) -> Vec<&'a SyncSeen> {
        if let Some(index) = &self.index {
            return index.users.get(object).cloned().unwrap_or_default();
        }
        let all = self.model.sync.iter().flat_map(Table::iter);
        let store = self.object(object);
        let uses = |seen: &SyncSeen| {
            let mut named = seen.detail.all_ways().chain(&seen.detail.generators);
            named.any(|way| way == object) || store.is_some_and(|store| meant(seen, store))
        };
        all.filter(|seen| uses(seen)).collect()
    }

    /// Everything that an object goes through: what it names, then what it means by labels.
    pub fn ways(&self, seen: &'a SyncSeen) -> Vec<&'a ObjectRef> {
        let mut ways: Vec<&ObjectRef> = seen.detail.all_ways().collect();
        if !seen.detail.selects.is_empty() {
            let all = || self.model.sync.iter().flat_map(Table::iter);
            match &self.index {
                Some(index) => ways.extend(index.stores.iter().filter(|store| meant(seen, store)).map(|it| &it.object)),
                None => ways.extend(all().filter(|store| meant(seen, store)).map(|store| &store.object)),
            }
        }
        ways
    }

    /// Whether Events are in sight: only then their silence says something.
    pub(super) fn sees_events(&self) -> bool {
        self.model.operators.as_ref().is_some_and(|seen| seen.fresh(self.now, FeedId::Operators).is_some())
    }

    pub(super) fn process(&self, operator: Operator) -> Process {
        let Some(seen) = self.model.operators.as_ref().and_then(|seen| seen.fresh(self.now, FeedId::Operators)) else {
            return Process::Unseen;
        };
        let mut found = seen.found.iter().filter(|found| found.operator == operator).peekable();
        if found.peek().is_none() {
            return Process::Unseen;
        }
        if found.any(|found| found.ready > 0) { Process::Runs } else { Process::Dead }
    }

    pub(super) fn vault(&self) -> VaultNow {
        let mut answered = false;
        for (_, seen) in self.model.answers(self.now) {
            if !seen.sealed {
                return VaultNow::Open;
            }
            answered = true;
        }
        if answered { VaultNow::Sealed } else { VaultNow::Unknown }
    }

    /// The static role, as it was last seen: a rotation that was seen once has happened, however old the look is.
    pub(super) fn role(&self, place: &VaultPath) -> Option<(&'a StaticRoleSeen, bool)> {
        let name = place.path.strip_prefix("static-creds/")?;
        let engines = self.model.engines.as_ref()?;
        let role = engines.value.static_roles.iter().find(|role| {
            role.place.mount == place.mount && role.place.namespace == place.namespace && role.role == name
        })?;
        Some((role, within(self.now, engines.at, FeedId::Engines.limit())))
    }

    /// Why the vault's metadata of a path is not in sight.
    pub(super) fn unseen_path(&self) -> String {
        sight::feed(self.model, FeedId::Paths, None, self.now).why
    }
}

/// Whether this object means that store by its labels, and does not name it besides.
fn meant(seen: &SyncSeen, store: &SyncSeen) -> bool {
    let means = seen.detail.selects.iter().any(|selector| selector.means(store, &seen.object.namespace));
    means && !seen.detail.all_ways().any(|way| *way == store.object)
}
