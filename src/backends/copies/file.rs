//! A copy in a file: on a stick, on a file server. Earlier versions lie beside it as `NAME.v000007`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::place::{Ground, Near, of_file};
use super::shelf::{Shelf, Version, Writing, blocking, label, revision};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::files::atomic::{self, Existing};
use crate::backends::files::{not_written, read_small};
use crate::backends::keystore::format;

/// The file, and the keystore that it is a copy of.
#[derive(Clone)]
pub struct FileShelf {
    pub path: PathBuf,
    pub keystore: PathBuf,
    pub ground: Arc<dyn Ground>,
}

#[async_trait]
impl Shelf for FileShelf {
    async fn read(&self) -> Result<Option<Vec<u8>>, Trouble> {
        let path = self.path.clone();
        visiting(&self.path, move || {
            folder(&path)?;
            read_small(&path, format::LONGEST)
        })
        .await
    }

    async fn versions(&self) -> Result<Option<Vec<Version>>, Trouble> {
        let path = self.path.clone();
        visiting(&self.path, move || versions(&path).map(Some)).await
    }

    async fn version(&self, id: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let (path, id) = (self.path.clone(), id.to_owned());
        blocking(move || {
            folder(&path)?;
            // Only a name that is listed is read: `--version` is no way to other files.
            let wanted = revision(&id).map(label);
            let listed = versions(&path)?.into_iter().find(|one| one.id == id || Some(&one.id) == wanted.as_ref());
            match listed {
                Some(one) => read_small(&beside(&path, &one.id), format::LONGEST),
                None => Ok(None),
            }
        })
        .await
    }

    async fn write(&self, writing: &Writing) -> Result<String, Trouble> {
        let path = self.path.clone();
        let (bytes, old) = (writing.bytes.clone(), writing.old.clone());
        blocking(move || {
            folder(&path)?;
            // Another machine may write to the same stick or server: what was not judged is not replaced.
            if read_small(&path, format::LONGEST)?.as_ref() != old.as_ref().map(|(there, _)| there) {
                return Err(Trouble::new(
                    TroubleKind::Refused,
                    &format!("{} was changed in this moment", path.display()),
                    "somebody else writes to it",
                    "Ask for the plan anew; nothing was written",
                ));
            }
            let kept = old.map(|(old, revision)| keep(&path, &old, revision)).transpose()?;
            atomic::write(&path, &bytes, Existing::Replace).map_err(|error| not_written(&path, &error))?;
            Ok(kept.map_or_else(|| "nothing was there before".to_owned(), |name| format!("the earlier one is {name}")))
        })
        .await
    }

    async fn near(&self) -> Near {
        let this = self.clone();
        let looked =
            visiting(&self.path, move || Ok((this.ground.under(&this.keystore), this.ground.under(&this.path)))).await;
        match looked {
            Ok((Ok(keystore), Ok(copy))) => of_file(&keystore, &copy),
            Ok((Err(error), _) | (_, Err(error))) => Near::Unknown(format!("its file system cannot be told: {error}")),
            Err(trouble) => Near::Unknown(trouble.what),
        }
    }
}

/// Looks at one place that have not come back.
static VISITS: Mutex<BTreeMap<PathBuf, u32>> = Mutex::new(BTreeMap::new());
/// More are not sent after them. Threads that block are few and shared: a file server that hangs for an hour would take
/// all of them, and with them the journal's.
const MOST_VISITS: u32 = 6;

/// One look that is under way, however it ends.
struct Visit(PathBuf);

impl Visit {
    fn begin(path: &Path) -> Result<Self, Trouble> {
        let mut visits = VISITS.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = visits.entry(path.to_owned()).or_default();
        if *under_way >= MOST_VISITS {
            return Err(Trouble::unreachable(
                &format!("{} gives no answer", path.display()),
                "earlier looks at it have not come back",
                "Look whether what it lies on still answers: `ls` of its folder would hang too",
            ));
        }
        *under_way += 1;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut visits = VISITS.lock().unwrap_or_else(PoisonError::into_inner);
        let left = visits.get(&self.0).map_or(0, |under_way| under_way.saturating_sub(1));
        if left == 0 {
            visits.remove(&self.0);
        } else {
            visits.insert(self.0.clone(), left);
        }
    }
}

/// Runs what blocks on this path, unless too much of it hangs already.
async fn visiting<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let visit = Visit::begin(path)?;
    blocking(move || {
        let _visit = visit;
        work()
    })
    .await
}

/// Its folder must be there: a stick that is not plugged in is no empty stick.
fn folder(path: &Path) -> Result<(), Trouble> {
    let folder = path.parent().unwrap_or(path);
    match fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(Trouble::denied(
            &format!("the folder {} cannot be looked into", folder.display()),
            "this user may not enter a folder above it",
            "Run this as a user who may, or change the permissions",
        )),
        Ok(_) | Err(_) => Err(Trouble::new(
            TroubleKind::Absent,
            &format!("the folder {} is not there", folder.display()),
            "what it lies on is not plugged in or not mounted",
            "Plug it in and mount it, then ask again",
        )),
    }
}

fn beside(path: &Path, id: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(id);
    PathBuf::from(name)
}

/// Keeps what is there; the file's name. Two contents of one revision are both kept.
fn keep(path: &Path, old: &[u8], revision: u64) -> Result<String, Trouble> {
    for n in 1..100_u32 {
        let id = if n == 1 { label(revision) } else { format!("{}-{n}", label(revision)) };
        let kept = beside(path, &id);
        let failed = |error: std::io::Error| not_written(&kept, &error);
        let new = atomic::write(&kept, old, Existing::Keep).map_err(failed)?;
        if new || fs::read(&kept).is_ok_and(|there| there == old) {
            return Ok(kept.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()));
        }
    }
    Err(Trouble::local(
        &format!("no more versions of {} can be kept", path.display()),
        &format!("there are a hundred of revision {revision}"),
        "Move the older ones away; nothing was written",
    ))
}

fn versions(path: &Path) -> Result<Vec<Version>, Trouble> {
    folder(path)?;
    let (folder, name) = (path.parent().unwrap_or(path), path.file_name().unwrap_or_default().to_string_lossy());
    let unread = |error: std::io::Error| {
        Trouble::local(&format!("the folder {} cannot be listed", folder.display()), &error.to_string(), "")
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let other = entry.file_name().to_string_lossy().into_owned();
        let Some(id) = other.strip_prefix(&format!("{name}.")) else { continue };
        let Some(number) = id.split('-').next().filter(|head| head.starts_with('v')).and_then(revision) else {
            continue;
        };
        let at = entry.metadata().ok().and_then(|meta| meta.modified().ok()).and_then(|at| at.try_into().ok());
        found.push(Version { id: id.to_owned(), revision: Some(number), at });
    }
    found.sort_by(|one, other| (one.revision, &one.id).cmp(&(other.revision, &other.id)));
    Ok(found)
}
