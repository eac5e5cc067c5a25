//! Which keystore is meant: that of the connected vault, or a file on this machine while the cluster cannot be reached.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::app::config::cli::{Cli, Global};
use crate::app::config::env::Env;
use crate::app::id::Identity;
use crate::app::model::copies::CopySeen;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::files::atomic::{self, Existing};
use crate::backends::files::memory::FileMemory;
use crate::backends::keystore::header::Header;
use crate::backends::keystore::{Keeper, format};
use crate::programs::session::{Aim, NOWHERE, Session};

/// How long a cluster may take to say which vault this is, where the file alone would do.
const REACH: Duration = Duration::from_secs(8);

/// Whether the vault itself is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Its identity can come from nowhere else.
    Vault,
    /// The file tells all: this is wanted most when the cluster is down.
    File,
}

/// The keystore that is meant, with what is known around it.
pub struct Place {
    /// Which cluster and vault.
    pub identity: Identity,
    /// The keystore.
    pub keeper: Keeper,
    /// The local register.
    pub memory: FileMemory,
    /// A configured keyfile.
    pub keyfile: Option<PathBuf>,
    /// Why the cluster was not asked; `None` where it was.
    pub offline: Option<String>,
    /// Nothing may be changed.
    read_only: bool,
    /// Copies are reached through it, and nothing beside it may hold its tunnels open: it waits for them when it ends.
    session: Option<Session>,
}

impl Place {
    /// The name that challenges ask for.
    pub fn vault(&self) -> &str {
        let name = self.identity.0.trim_end_matches('/');
        name.rsplit('/').next().unwrap_or(name)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.keeper.path()
    }

    /// Refuses where it was said that this only looks; asked before anything is typed or made.
    pub fn may_change(&self) -> Result<(), Trouble> {
        if self.read_only { Err(only_looks()) } else { Ok(()) }
    }

    /// The whole header; `None` where there is no keystore.
    pub fn header(&self) -> Result<Option<Header>, Trouble> {
        let Some(bytes) = self.keeper.bytes()? else { return Ok(None) };
        let parts = format::parts(&bytes).map_err(|error| error.trouble(self.path()))?;
        if parts.header.identity != self.identity {
            let error = crate::backends::keystore::KeystoreError::Foreign(parts.header.identity.0);
            return Err(error.trouble(self.path()));
        }
        Ok(Some(parts.header))
    }

    /// The header of a keystore that must be there.
    pub fn existing(&self) -> Result<Header, Trouble> {
        self.header()?.ok_or_else(|| {
            Trouble::new(
                TroubleKind::Refused,
                &format!("there is no keystore at {}", self.path().display()),
                "",
                "Make one with `baowatch keys init`, or bring a copy of it back with `baowatch keys copy restore`",
            )
        })
    }

    fn over(aim: &Aim, session: Session, offline: Option<String>) -> Result<Self, Trouble> {
        let identity = session.identity().clone();
        Ok(Self {
            memory: FileMemory::open(&aim.dirs.state(&identity)?, &identity)?,
            identity,
            keeper: session.held().keeper.clone(),
            keyfile: aim.bound.keystore.keyfile.clone(),
            offline,
            read_only: aim.bound.settings.read_only,
            session: Some(session),
        })
    }

    /// Looks at its copies.
    pub async fn copies(&self) -> Result<Vec<CopySeen>, Trouble> {
        match &self.session {
            Some(session) => session.held().copies.look().await,
            None => Err(Trouble::local("the copies cannot be looked at", "the vault was left already", "Run it again")),
        }
    }

    /// The live vault, to be watched; `None` while it is out of reach.
    pub fn live(&mut self) -> Option<Session> {
        if self.offline.is_some() { None } else { self.session.take() }
    }
}

/// What is said to a change under `--read-only`.
pub fn only_looks() -> Trouble {
    Trouble::new(TroubleKind::Refused, "this only looks", "--read-only was given", "Leave it out; nothing was changed")
}

/// Finds it.
pub async fn find(cli: &Cli, named: Option<&Path>, env: &Env, need: Need) -> Result<Place, Trouble> {
    let mut aim = match Aim::make(&cli.global, env) {
        Ok(aim) => aim,
        // Without a cluster to aim at, a file that somebody named is still a file.
        Err(_) if named.is_some() && need == Need::File => Aim::make(&nowhere(&cli.global), env)?,
        Err(trouble) => return Err(trouble),
    };
    if let Some(path) = named {
        aim.bound.keystore.path = Some(path.to_owned());
        if need == Need::File {
            return in_file(&aim, path, "a file was named with --keystore").await;
        }
    }
    let why = match tokio::time::timeout(REACH, aim.connect()).await {
        Ok(Ok(session)) => {
            remember(&aim, session.identity());
            return Place::over(&aim, session, None);
        }
        Ok(Err(failed)) if need == Need::Vault || !failed.several.is_empty() => return Err(failed.trouble),
        Ok(Err(failed)) => failed.trouble.to_string(),
        Err(_) if need == Need::Vault => {
            return Err(Trouble::unreachable(
                "the cluster did not answer in time",
                &format!("nothing came back within {}s", REACH.as_secs()),
                "Without it nobody knows whose keystore this is; check the network and the context",
            ));
        }
        Err(_) => format!("the cluster did not answer within {}s", REACH.as_secs()),
    };
    let path = only_one(&aim, &why)?;
    in_file(&aim, &path, &why).await
}

/// The same person and folders, and no cluster.
fn nowhere(global: &Global) -> Global {
    Global { context: None, cluster: None, address: Some(NOWHERE.to_owned()), ..global.clone() }
}

/// The keystore in this file, whoever it belongs to: its header says so.
async fn in_file(aim: &Aim, path: &Path, why: &str) -> Result<Place, Trouble> {
    let header = header_of(path)?.ok_or_else(|| {
        Trouble::new(
            TroubleKind::Absent,
            &format!("there is no keystore at {}", path.display()),
            why,
            "Name the file with --keystore, or bring a copy of it back",
        )
    })?;
    let mut here = aim.clone();
    here.bound.keystore.path = Some(path.to_owned());
    let session = here.offline(&header.identity).await?;
    Place::over(&here, session, Some(why.to_owned()))
}

fn header_of(path: &Path) -> Result<Option<Header>, Trouble> {
    use crate::backends::keystore::store::{FileStore, Store as _};
    let Some(bytes) = FileStore(path.to_owned()).read()? else { return Ok(None) };
    Ok(Some(format::parts(&bytes).map_err(|error| error.trouble(path))?.header))
}

/// The keystore that can only be meant: the configured one, or the one in the data folder that fits what was asked.
fn only_one(aim: &Aim, why: &str) -> Result<PathBuf, Trouble> {
    if let Some(path) = &aim.bound.keystore.path {
        return Ok(path.clone());
    }
    let folder = aim.dirs.data_root();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "keystore")).collect();
    files.sort();
    let known = remembered(aim);
    let of = known.get(&aim.bound.name);
    let mut broken = None;
    let mut fitting = Vec::new();
    for path in files {
        match header_of(&path) {
            Ok(Some(header)) => {
                let vault = aim.bound.vault.as_ref().map(|vault| format!("/{}/{}", vault.namespace, vault.name));
                let named = vault.is_none_or(|tail| header.identity.0.ends_with(&tail));
                if named && of.is_none_or(|ours| ours.contains(&header.identity.0)) {
                    fitting.push((path, header.identity.0));
                }
            }
            Ok(None) => {}
            Err(trouble) => broken = Some(trouble),
        }
    }
    let mut fitting = fitting.into_iter();
    match (fitting.next(), fitting.next(), broken) {
        (Some((path, _)), None, _) => Ok(path),
        (None, _, Some(trouble)) => Err(trouble),
        (None, _, None) => Err(Trouble::new(
            TroubleKind::Absent,
            &format!("there is no keystore of this vault in {}", folder.display()),
            why,
            "Name the file with --keystore, or reach the cluster and make one with `baowatch keys init`",
        )),
        (Some(one), Some(other), _) => {
            let all: Vec<String> = [one, other]
                .into_iter()
                .chain(fitting)
                .map(|(path, identity)| format!("{} of {identity}", path.display()))
                .collect();
            Err(Trouble::local(
                "it cannot be told which keystore is meant",
                &format!("{why}; there are {}", all.join(", ")),
                "Name one with --keystore",
            ))
        }
    }
}

/// Which vaults were met under which name, so that a cluster that is down is not taken for another.
type Met = BTreeMap<String, Vec<String>>;

fn met_file(aim: &Aim) -> PathBuf {
    aim.dirs.state_root().join("met.json")
}

fn remembered(aim: &Aim) -> Met {
    let bytes = std::fs::read(met_file(aim)).unwrap_or_default();
    // Only a convenience: what cannot be read is as good as nothing.
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn remember(aim: &Aim, identity: &Identity) {
    let mut met = remembered(aim);
    let ours = met.entry(aim.bound.name.clone()).or_default();
    if ours.contains(&identity.0) {
        return;
    }
    ours.push(identity.0.clone());
    if let Ok(bytes) = serde_json::to_vec_pretty(&met) {
        // Without it a person is asked more often, nothing else.
        let _ = atomic::write(&met_file(aim), &bytes, Existing::Replace);
    }
}
