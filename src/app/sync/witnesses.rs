//! Everything that testifies about sync objects, found by name: Events, KV metadata, Secrets, operators, the vault itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::case::Case;
use super::{Standing, Word, dynamic, external, generator, kv, login, pki, push};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::engines::StaticRoleSeen;
use crate::app::model::paths::{PathSeen, VaultPath};
use crate::app::model::secrets::SecretSeen;
use crate::app::model::sync::{EventSeen, GENERATORS, Operator, SyncKind, SyncSeen};
use crate::app::model::table::Table;
use crate::app::model::withheld::Withheld;
use crate::app::time::within;
use crate::app::verdict::sight;

/// Judges objects of one model at one moment.
pub struct Witnesses<'a> {
    pub(super) model: &'a Model,
    pub(super) now: Timestamp,
    /// The moment for which it is asked what is in sight: now, unless something is foretold.
    sight: Timestamp,
    wordy: bool,
    index: Option<Arc<Index<'a>>>,
}

#[derive(Default)]
struct Index<'a> {
    events: HashMap<&'a ObjectRef, Vec<&'a EventSeen>>,
    users: HashMap<&'a ObjectRef, Vec<&'a SyncSeen>>,
    /// Those of VSO that name no way to the vault: the operator takes its own default.
    unnamed: Vec<&'a SyncSeen>,
    auths: Vec<&'a SyncSeen>,
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
        for seen in model.sync.iter().flat_map(Table::iter) {
            index.kinds.insert((&seen.object.kind, &seen.object.namespace));
            if seen.detail.through.is_none() && seen.kind.operator() == Operator::Vso {
                index.unnamed.push(seen);
            }
            for way in seen.detail.all_ways().chain(&seen.detail.generators) {
                index.users.entry(way).or_default().push(seen);
            }
            match seen.kind {
                SyncKind::VaultAuth => index.auths.push(seen),
                SyncKind::SecretStore | SyncKind::ClusterSecretStore => index.stores.push(seen),
                SyncKind::VaultStaticSecret
                | SyncKind::VaultDynamicSecret
                | SyncKind::VaultPKISecret
                | SyncKind::VaultConnection
                | SyncKind::VaultAuthGlobal
                | SyncKind::ExternalSecret
                | SyncKind::PushSecret
                | SyncKind::Generator => {}
            }
        }
        for seen in model.sync.iter().flat_map(Table::iter).filter(|seen| !seen.detail.selects.is_empty()) {
            for store in index.stores.iter().filter(|store| meant(seen, store)) {
                index.users.entry(&store.object).or_default().push(seen);
            }
        }
        Self { model, now, sight: now, wordy: true, index: Some(Arc::new(index)) }
    }

    /// For one object, or the few on the screen: looks for what testifies about each.
    pub const fn alone(model: &'a Model, now: Timestamp) -> Self {
        Self { model, now, sight: now, wordy: true, index: None }
    }

    /// The same so much later, if nothing is seen until then and nothing seen grows too old to count.
    #[must_use]
    pub(super) fn ahead(&self, by: SignedDuration) -> Self {
        Self { now: self.now + by, index: self.index.clone(), ..*self }
    }

    /// What was read of Secrets, while that counts.
    pub(super) fn secrets(&self) -> Option<&'a Table<SecretSeen>> {
        self.model.secrets.as_ref().and_then(|table| table.fresh(self.sight, FeedId::Secrets))
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
        if let Some(part) = self.withheld(&seen.object) {
            return case.stands(Word::Unknown, || {
                format!(
                    "{} may not be listed any more: this is how it was seen last. {}",
                    part.words(),
                    part.trouble.next
                )
            });
        }
        match seen.kind {
            SyncKind::VaultStaticSecret => kv::judge(&case),
            SyncKind::VaultDynamicSecret => dynamic::judge(&case),
            SyncKind::VaultPKISecret => pki::judge(&case),
            SyncKind::VaultAuth | SyncKind::VaultConnection => login::judge(&case),
            SyncKind::VaultAuthGlobal => login::global(&case),
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
        if self.withheld(object).is_some() {
            return None;
        }
        self.model.sync.as_ref()?.get(object)
    }

    /// The role with which a login or a store logs in.
    pub(super) fn role_of(&self, way: &ObjectRef) -> Option<String> {
        let merged = self.model.login(way).map(|login| login.role);
        merged.or_else(|| self.object(way)?.detail.login.as_ref().map(|login| login.role.clone()))
    }

    /// Why an object of this name may not be read, where it may not: nobody can tell whether it exists.
    pub(super) fn withheld(&self, object: &ObjectRef) -> Option<&'a Withheld> {
        self.model.withholds(FeedId::Sync, &object.kind, &object.namespace)
    }

    /// Whether it is known that this object does not exist: others of its kind are in sight.
    pub(super) fn lacks(&self, object: &ObjectRef) -> bool {
        self.model.sync.as_ref().and_then(|table| table.fresh(self.sight, FeedId::Sync)).is_some_and(|table| {
            // Generators are rare: one of another namespace shows as well that they are in sight.
            let anywhere = GENERATORS.iter().any(|(_, kind)| *kind == object.kind);
            let alike =
                |kind: &str, namespace: &str| kind == object.kind && (anywhere || namespace == object.namespace);
            let there = || match &self.index {
                Some(index) if anywhere => index.kinds.iter().any(|(kind, namespace)| alike(kind, namespace)),
                Some(index) => index.kinds.contains(&(object.kind.as_str(), object.namespace.as_str())),
                None => table.iter().any(|seen| alike(&seen.object.kind, &seen.object.namespace)),
            };
            self.withheld(object).is_none() && table.get(object).is_none() && there()
        })
    }

    /// Whether what was told of sync objects counts still.
    pub(super) fn fresh(&self) -> bool {
        self.model.sync.as_ref().is_some_and(|table| table.fresh(self.sight, FeedId::Sync).is_some())
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
        self.model.paths.as_ref()?.value.get(path)
    }

    /// Objects that name this one as their way to the vault.
    pub fn users(&self, object: &ObjectRef) -> Vec<&'a SyncSeen> {
        let seen = |user: &&SyncSeen| self.withheld(&user.object).is_none();
        if let Some(index) = &self.index {
            let named = index.users.get(object).into_iter().flatten().copied();
            let unnamed = index.unnamed.iter().copied().filter(|user| self.model.way(user).as_ref() == Some(object));
            return named.chain(unnamed).filter(seen).collect();
        }
        let all = self.model.sync.iter().flat_map(Table::iter);
        let store = self.object(object);
        let uses = |seen: &SyncSeen| {
            let mut named = seen.detail.all_ways().chain(&seen.detail.generators);
            let unnamed = || {
                seen.detail.through.is_none()
                    && seen.kind.operator() == Operator::Vso
                    && self.model.way(seen).as_ref() == Some(object)
            };
            named.any(|way| way == object) || unnamed() || store.is_some_and(|store| meant(seen, store))
        };
        all.filter(|user| uses(user)).filter(seen).collect()
    }

    /// Everything that an object goes through: what it names or takes by default, then what it means by labels.
    pub fn ways(&self, seen: &'a SyncSeen) -> Vec<ObjectRef> {
        let mut ways: Vec<ObjectRef> = seen.detail.all_ways().cloned().collect();
        if ways.is_empty() || seen.detail.auth.is_some() {
            ways = self.model.way(seen).into_iter().collect();
        }
        if !seen.detail.selects.is_empty() {
            let all = || self.model.sync.iter().flat_map(Table::iter);
            let stores: Vec<&SyncSeen> = match &self.index {
                Some(index) => index.stores.iter().copied().filter(|store| meant(seen, store)).collect(),
                None => all().filter(|store| meant(seen, store)).collect(),
            };
            ways.extend(stores.into_iter().map(|store| store.object.clone()));
        }
        ways
    }

    /// VaultAuths that name a VaultAuthGlobal, this one or whichever counts.
    pub(super) fn auths(&self) -> Vec<&'a SyncSeen> {
        let names = |seen: &&SyncSeen| seen.detail.auth.as_ref().is_some_and(|auth| auth.global.is_some());
        if let Some(index) = &self.index {
            return index.auths.iter().copied().filter(names).collect();
        }
        let all = self.model.sync.iter().flat_map(Table::iter);
        all.filter(|seen| seen.kind == SyncKind::VaultAuth).filter(names).collect()
    }

    /// A VSO of before 1.0 runs: it writes no conditions, and before 0.5 next to no status.
    pub(super) fn before_one(&self) -> bool {
        let found = self.model.operators.iter().flat_map(|seen| &seen.value.found);
        let old = |version: &str| version.trim_start_matches('v').starts_with("0.");
        found.filter(|found| found.operator == Operator::Vso).any(|found| old(&found.version))
    }

    /// Whether Events are in sight: only then their silence says something.
    pub(super) fn sees_events(&self) -> bool {
        self.model.operators.as_ref().is_some_and(|seen| seen.fresh(self.sight, FeedId::Operators).is_some())
    }

    pub(super) fn process(&self, operator: Operator) -> Process {
        let Some(seen) = self.model.operators.as_ref().and_then(|seen| seen.fresh(self.sight, FeedId::Operators))
        else {
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
        for (_, seen) in self.model.answers(self.sight) {
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
        Some((role, within(self.sight, engines.at, FeedId::Engines.limit())))
    }

    /// Why the vault's metadata of a path is not in sight.
    pub(super) fn unseen_path(&self) -> String {
        sight::feed(self.model, FeedId::Paths, None, self.sight).why
    }
}

/// Whether this object means that store by its labels, and does not name it besides.
fn meant(seen: &SyncSeen, store: &SyncSeen) -> bool {
    let means = seen.detail.selects.iter().any(|selector| selector.means(store, &seen.object.namespace));
    means && !seen.detail.all_ways().any(|way| *way == store.object)
}
