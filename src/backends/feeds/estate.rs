//! The vault's estate, asked with a token: audit devices, mounts, auth methods with the logins that the cluster makes,
//! namespaces with their own seals; and snapshots in a folder of this machine.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::roster::{Login, Roster};
use super::{Feed, Wide};
use crate::app::id::FeedId;
use crate::app::model::estate::{AuthSeen, EstateSeen, NamespaceSeen, RoleSeen, SnapshotSeen};
use crate::app::model::fact::Fact;
use crate::app::policy::{Policies, Says};
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::ask::{Ask, Question, asked_to_slow_down};
use crate::backends::bao::estate_wire;

/// Namespaces that are asked in one look, and how deep they are looked for.
const NAMESPACES: usize = 100;
const DEPTH: usize = 5;

/// Roles that are asked in one look.
const ROLES: usize = 50;

/// Snapshots that are looked at in a folder.
const SNAPSHOTS: usize = 1_000;

/// The feed.
pub struct EstateFeed {
    ask: Ask,
    roster: Roster,
    snapshots: Option<PathBuf>,
    /// Namespaces with a seal of their own that were seen once: a sealed one may be missing from the list.
    sealable: BTreeSet<String>,
    /// What the look that goes on leaves out of the namespaces.
    left_out: Vec<String>,
}

impl EstateFeed {
    pub fn new(wide: &Wide) -> Self {
        Self {
            ask: wide.ask.clone(),
            roster: wide.roster.clone(),
            snapshots: wide.scope.snapshots.clone(),
            sealable: BTreeSet::new(),
            left_out: Vec::new(),
        }
    }
}

#[async_trait]
impl Feed for EstateFeed {
    fn id(&self) -> FeedId {
        FeedId::Estate
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let snapshots = match self.snapshots.clone() {
            Some(folder) => Some(snapshots(folder).await),
            None => None,
        };
        if !self.ask.has_token() {
            let nothing = Ask::no_token();
            if snapshots.is_none() {
                return Err(nothing);
            }
            let none = EstateSeen {
                audit: Err(nothing.clone()),
                mounts: Err(nothing.clone()),
                auth: Err(nothing.clone()),
                namespaces: Err(nothing),
                snapshots,
                left_out: Vec::new(),
            };
            return Ok(vec![Fact::Estate(Box::new(none))]);
        }
        let audit = self.part(&Question::Audit, estate_wire::audit).await;
        // Where nobody answers, or all are sealed, each further question would only say the same.
        if let Err(trouble) = &audit
            && matches!(trouble.kind, TroubleKind::Unreachable | TroubleKind::Refused)
            && snapshots.is_none()
        {
            return Err(trouble.clone());
        }
        let mounts = self.part(&Question::Mounts, estate_wire::mounts).await;
        let auth = match self.part(&Question::AuthMethods, estate_wire::auth).await {
            Ok(methods) => Ok(self.logins(methods).await),
            Err(trouble) => Err(trouble),
        };
        self.left_out.clear();
        let namespaces = self.namespaces().await;
        let mut left_out = std::mem::take(&mut self.left_out);
        left_out.dedup();
        if merged(self.roster.now().logins).len() > ROLES {
            left_out.push(format!("logins beyond the first {ROLES} roles"));
        }
        let seen = EstateSeen { audit, mounts, auth, namespaces, snapshots, left_out };
        Ok(vec![Fact::Estate(Box::new(seen))])
    }
}

impl EstateFeed {
    async fn part<T>(&self, question: &Question, read: fn(&Value) -> Vec<T>) -> Result<Vec<T>, Trouble> {
        match self.ask.ask("", question).await? {
            Some(data) => Ok(read(&data)),
            None => Err(Trouble::new(TroubleKind::Absent, &format!("This vault has no {}", question.path()), "", "")),
        }
    }

    /// All namespaces, those in namespaces too, as far as the bounds go.
    async fn namespaces(&mut self) -> Result<Vec<NamespaceSeen>, Trouble> {
        let mut found: BTreeMap<String, NamespaceSeen> = BTreeMap::new();
        let mut waiting = vec![(String::new(), 0)];
        while let Some((parent, depth)) = waiting.pop() {
            let listed = match self.ask.ask(&parent, &Question::Namespaces).await {
                Ok(data) => data.as_ref().map(estate_wire::names).unwrap_or_default(),
                // Servers without namespaces know no such path, or not this verb on it.
                Err(trouble)
                    if parent.is_empty() && trouble.kind == TroubleKind::Refused && !asked_to_slow_down(&trouble) =>
                {
                    return Err(Trouble { kind: TroubleKind::Absent, ..trouble });
                }
                Err(trouble) if parent.is_empty() => return Err(trouble),
                // One that was open a moment ago may be sealed by now; else somebody may not look inside.
                Err(_) if found.get(&parent).is_some_and(|one| one.unread.is_some()) => Vec::new(),
                Err(trouble) => {
                    let why = if trouble.next.is_empty() { trouble.what } else { trouble.next };
                    self.left_out.push(format!("what is in namespace {}: {why}", clean(&parent)));
                    Vec::new()
                }
            };
            if depth >= DEPTH {
                if !listed.is_empty() {
                    self.left_out.push(format!("namespaces more than {DEPTH} deep"));
                }
                continue;
            }
            for name in listed {
                let path = if parent.is_empty() { name.clone() } else { format!("{parent}/{name}") };
                if found.contains_key(&path) {
                    continue;
                }
                if found.len() >= NAMESPACES {
                    self.left_out.push(format!("namespaces beyond the first {NAMESPACES}"));
                    continue;
                }
                let seen = match self.seal(&parent, &name, &path).await {
                    Ok(seen) => seen.unwrap_or_else(|| plain(&path)),
                    Err(trouble) => unread(&path, trouble),
                };
                if seen.sealed != Some(true) {
                    waiting.push((path.clone(), depth + 1));
                }
                found.insert(path, seen);
            }
        }
        for path in self.sealable.clone() {
            if found.contains_key(&path) {
                continue;
            }
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
            match self.seal(parent, name, &path).await {
                Ok(Some(seen)) => drop(found.insert(path, seen)),
                Ok(None) => drop(self.sealable.remove(&path)),
                Err(trouble) => drop(found.insert(path.clone(), unread(&path, trouble))),
            }
        }
        self.sealable.extend(found.values().filter(|one| one.sealable()).map(|one| one.path.clone()));
        Ok(found.into_values().collect())
    }

    /// A namespace's own seal; `None` where it has none, or it is gone.
    async fn seal(&self, parent: &str, name: &str, path: &str) -> Result<Option<NamespaceSeen>, Trouble> {
        let question = Question::NamespaceSeal { name: name.to_owned() };
        let answer = self.ask.answer(parent, &question).await?;
        // "namespace is not sealable"
        if answer.status == 400 {
            return Ok(None);
        }
        let data = Ask::told(parent, &question, &answer)?;
        Ok(data.and_then(|data| estate_wire::seal(path, &data)))
    }

    /// What the logins of sync operators find: their method, their role, its policies, and whether these allow what is read.
    async fn logins(&self, mut methods: Vec<AuthSeen>) -> Vec<AuthSeen> {
        let mut texts: BTreeMap<(String, String), Result<Option<String>, String>> = BTreeMap::new();
        let mounted: BTreeSet<String> = methods.iter().map(|method| method.path.clone()).collect();
        for login in merged(self.roster.now().logins).into_iter().take(ROLES) {
            let mut seen = self.role(&login, &mut texts).await;
            let path = if login.namespace.is_empty() {
                login.mount.clone()
            } else {
                format!("{}/{}", login.namespace, login.mount)
            };
            // Methods of the root were listed: one that is not among them is not there.
            let missing = login.namespace.is_empty() && !mounted.contains(&path);
            if missing {
                seen.wrong = vec![format!("no auth method is mounted at {}", login.mount)];
                seen.untold.clear();
            }
            if let Some(method) = methods.iter_mut().find(|method| method.path == path) {
                if !missing && method.configured.is_none() {
                    method.configured = self.configured(&login).await;
                }
                method.roles.push(seen);
                continue;
            }
            methods.push(AuthSeen { path, kind: String::new(), configured: None, roles: vec![seen] });
        }
        methods
    }

    async fn configured(&self, login: &Login) -> Option<bool> {
        let question = Question::AuthConfig { mount: login.mount.clone() };
        self.ask.ask(&login.namespace, &question).await.ok().map(|found| found.is_some())
    }

    async fn role(
        &self,
        login: &Login,
        texts: &mut BTreeMap<(String, String), Result<Option<String>, String>>,
    ) -> RoleSeen {
        let mut seen = RoleSeen { name: clean(&login.role), namespace: login.namespace.clone(), ..RoleSeen::default() };
        let question = Question::AuthRole { mount: login.mount.clone(), role: login.role.clone() };
        let role = match self.ask.ask(&login.namespace, &question).await {
            Ok(Some(role)) => role,
            Ok(None) => {
                seen.wrong.push("this role does not exist".to_owned());
                return seen;
            }
            Err(trouble) => {
                seen.untold.push(trouble.what);
                return seen;
            }
        };
        for (namespace, account) in &login.accounts {
            if estate_wire::lets_in(&role, namespace, account) == Some(false) {
                let account = clean(&format!("{namespace}/{account}"));
                seen.wrong.push(format!("it does not let ServiceAccount {account} in"));
            }
        }
        seen.policies = estate_wire::policies(&role);
        let mut policies = Policies::default();
        let mut whole = true;
        for name in &seen.policies {
            let key = (login.namespace.clone(), name.clone());
            if !texts.contains_key(&key) {
                texts.insert(key.clone(), self.policy(&login.namespace, name).await);
            }
            match texts.get(&key) {
                Some(Ok(Some(text))) => policies.add(name, text),
                // A name without a policy behind it grants nothing, and does not fail the login.
                Some(Ok(None)) if name != "default" => seen.wrong.push(format!("policy {name} does not exist")),
                Some(Ok(None)) | None => {}
                Some(Err(why)) => {
                    whole = false;
                    seen.untold.push(why.clone());
                }
            }
        }
        for (path, capability) in &login.needs {
            match policies.allows(path, capability) {
                Says::Allowed if whole => {}
                Says::Refused if whole => seen.wrong.push(format!("no policy allows {capability} on {}", clean(path))),
                Says::Untold if whole => {
                    seen.untold
                        .push(format!("whether {capability} on {} is allowed: a policy has templates", clean(path)));
                }
                // A policy that could not be read may deny or allow.
                Says::Allowed | Says::Refused | Says::Untold => {}
            }
        }
        seen
    }

    async fn policy(&self, namespace: &str, name: &str) -> Result<Option<String>, String> {
        if name == "root" {
            return Ok(Some(String::new()));
        }
        match self.ask.ask(namespace, &Question::Policy { name: name.to_owned() }).await {
            Ok(Some(data)) => {
                let text = data.get("policy").or_else(|| data.get("rules")).and_then(Value::as_str);
                Ok(Some(text.unwrap_or_default().to_owned()))
            }
            Ok(None) => Ok(None),
            Err(trouble) => Err(trouble.what),
        }
    }
}

/// A namespace that cannot be sealed by itself.
fn plain(path: &str) -> NamespaceSeen {
    NamespaceSeen { path: path.to_owned(), sealed: None, unread: None, progress: None, shares: None }
}

/// One of which nobody can say whether it is sealed.
fn unread(path: &str, trouble: Trouble) -> NamespaceSeen {
    NamespaceSeen { unread: Some(trouble), ..plain(path) }
}

/// One login for each role, with all that is read through it.
fn merged(logins: Vec<Login>) -> Vec<Login> {
    let mut all: BTreeMap<(String, String, String), Login> = BTreeMap::new();
    for login in logins {
        let key = (login.namespace.clone(), login.mount.clone(), login.role.clone());
        match all.entry(key) {
            Entry::Vacant(first) => drop(first.insert(login)),
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.accounts.extend(login.accounts);
                known.needs.extend(login.needs);
            }
        }
    }
    let whole = all.into_values().map(|mut login| {
        login.accounts.sort();
        login.accounts.dedup();
        login.needs.sort();
        login.needs.dedup();
        login
    });
    whole.collect()
}

/// Files that end in `.snap`, oldest first.
async fn snapshots(folder: PathBuf) -> Result<Vec<SnapshotSeen>, Trouble> {
    let read = tokio::task::spawn_blocking(move || listed(&folder)).await;
    read.unwrap_or_else(|_| {
        Err(Trouble::local("The folder of snapshots could not be read", "the reading failed inside", ""))
    })
}

fn listed(folder: &Path) -> Result<Vec<SnapshotSeen>, Trouble> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Trouble::local(
            &format!("The folder of snapshots {} cannot be read", folder.display()),
            &error.to_string(),
            "Mend vault.snapshots in the configuration, or the folder's permissions",
        )
    })?;
    let mut found: Vec<SnapshotSeen> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "snap"))
        .filter_map(|entry| {
            let about = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            let written = Timestamp::try_from(about.modified().ok()?).ok()?;
            Some(SnapshotSeen { name: clean(&entry.file_name().to_string_lossy()), size: about.len(), written })
        })
        .collect();
    found.sort_by_key(|one| one.written);
    let surplus = found.len().saturating_sub(SNAPSHOTS);
    found.drain(..surplus);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_snapshots_count_newest_last() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.snap"), b"12345").unwrap();
        std::fs::write(folder.path().join("notes.txt"), b"x").unwrap();
        std::fs::create_dir(folder.path().join("b.snap")).unwrap();
        let found = listed(folder.path()).unwrap();
        assert_eq!(found.iter().map(|one| (one.name.as_str(), one.size)).collect::<Vec<_>>(), [("a.snap", 5)]);
        let trouble = listed(&folder.path().join("none")).unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Local);
    }

    #[test]
    fn one_login_a_role() {
        let login = |path: &str, account: &str| Login {
            namespace: String::new(),
            mount: "kubernetes".into(),
            role: "shop".into(),
            accounts: vec![("shop".into(), account.into())],
            needs: vec![(path.into(), "read".into())],
        };
        let all = merged(vec![login("kv/data/b", "web"), login("kv/data/a", "web"), login("kv/data/b", "job")]);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].needs.len(), all[0].accounts.len()), (2, 2));
    }
}
