//! Key files of other programs where they belong: looked at, compared with what is kept of them, written back.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::copies::shelf::blocking;
use super::files::atomic;
use super::keys::{Salt, fingerprint};
use super::keystore::bounds::LONGEST_FILE;
use super::keystore::header::{CustodyEntry, Header};
use super::kube::port::Kube;
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::trouble::{Trouble, TroubleKind};

/// Permission bits of a key file, where it has none that are as narrow.
pub const MODE: u32 = 0o400;

/// Where a key file belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A path on a host.
    Path(PathBuf),
    /// A field of a Secret that pods mount.
    Field {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its key in `data`.
        field: String,
    },
}

impl Place {
    /// Reads `/path/to/key`, or `secret:NAMESPACE/NAME:FIELD`.
    pub fn read(text: &str) -> Option<Self> {
        let Some(rest) = text.strip_prefix("secret:") else {
            let path = PathBuf::from(text);
            return path.is_absolute().then_some(Self::Path(path));
        };
        let (object, field) = rest.split_once(':')?;
        let (namespace, name) = object.split_once('/')?;
        let whole = [namespace, name, field].iter().all(|part| !part.is_empty());
        whole.then(|| Self::Field { namespace: namespace.to_owned(), name: name.to_owned(), field: field.to_owned() })
    }
}

/// A key file as it lies there. Cannot be printed.
pub struct There {
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Permission bits, owner and group; `None` for a field of a Secret.
    pub access: Option<(u32, u32, u32)>,
}

/// The name of this machine.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Reads a file of at most [`LONGEST_FILE`]; `None` where there is none.
pub fn read_path(path: &Path) -> Result<Option<There>, Trouble> {
    let unread = |error: std::io::Error| {
        let kind =
            if error.kind() == std::io::ErrorKind::PermissionDenied { TroubleKind::Denied } else { TroubleKind::Local };
        Trouble::new(
            kind,
            &format!("{} cannot be read", path.display()),
            &error.to_string(),
            "Run this as the owner of the file, or as root",
        )
    };
    // Asked before it is opened: opening a pipe would wait for ever.
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(error)),
    };
    if !meta.is_file() || meta.len() > LONGEST_FILE as u64 {
        let why = if meta.is_file() { "it is longer than 64 KiB" } else { "it is no regular file" };
        return Err(Trouble::local(
            &format!("{} is no key file", path.display()),
            why,
            "Name the file that holds the key",
        ));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_FILE + 1));
    // And a pipe that was put there since must not hold the program either.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unread)?;
    let meta = file.metadata().map_err(unread)?;
    file.take(LONGEST_FILE as u64 + 1).read_to_end(&mut bytes).map_err(unread)?;
    Ok(Some(There { bytes, access: Some((meta.mode() & 0o7777, meta.uid(), meta.gid())) }))
}

/// Reads whatever a place names.
pub async fn read(place: &Place, kube: Option<&Arc<dyn Kube>>) -> Result<Option<There>, Trouble> {
    match place {
        Place::Path(path) => {
            let path = path.clone();
            blocking(move || read_path(&path)).await
        }
        Place::Field { namespace, name, field } => {
            let kube = kube.ok_or_else(|| {
                Trouble::new(
                    TroubleKind::Absent,
                    "no Kubernetes cluster is connected",
                    "the key file is a field of a Secret",
                    "Start with a kubeconfig context",
                )
            })?;
            let secret = kube.secret(namespace, name).await?;
            let value = secret.and_then(|secret| secret.data?.remove(field)).filter(|value| !value.0.is_empty());
            Ok(value.map(|value| There { bytes: Zeroizing::new(value.0), access: None }))
        }
    }
}

/// How one file stands.
pub struct Look {
    /// Its state.
    pub state: CustodyState,
    /// Permission bits, owner and group that were found.
    pub access: Option<(u32, u32, u32)>,
}

/// Compares what is there with the newest version that is kept, by fingerprint.
pub async fn look(entry: &CustodyEntry, salt: &Salt, kube: Option<&Arc<dyn Kube>>, host: &str) -> Look {
    let bare = |state| Look { state, access: None };
    let Some(place) = Place::read(&entry.path) else {
        let trouble = Trouble::local(&format!("{} is no path", entry.path), "", "Take the file in anew");
        return bare(CustodyState::Unreadable(trouble));
    };
    if matches!(place, Place::Path(_)) && entry.host != host {
        return bare(CustodyState::Elsewhere { host: entry.host.clone() });
    }
    match read(&place, kube).await {
        Ok(None) => bare(CustodyState::Missing),
        Ok(Some(there)) => Look { state: judge(entry, salt, &there), access: there.access },
        Err(trouble) => bare(CustodyState::Unreadable(trouble)),
    }
}

fn judge(entry: &CustodyEntry, salt: &Salt, there: &There) -> CustodyState {
    let Some(kept) = entry.versions.last() else { return CustodyState::Missing };
    let (len, print) = (there.bytes.len() as u64, fingerprint(salt, &there.bytes));
    match (len == kept.size, print == kept.print) {
        (true, true) => CustodyState::Same,
        (true, false) => CustodyState::Different { print },
        (false, _) => CustodyState::WrongSize { len },
    }
}

/// The salt of a header's fingerprints.
pub fn salt(header: &Header) -> Option<Salt> {
    let digits: Option<Vec<u8>> = header.salt.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(Salt(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect()))
}

/// One entry as the core sees it.
pub fn seen(entry: &CustodyEntry, look: Look, near: Option<String>) -> Option<CustodySeen> {
    let newest = entry.versions.last()?;
    let of_host = matches!(Place::read(&entry.path), Some(Place::Path(_)));
    Some(CustodySeen {
        name: entry.name.clone(),
        path: crate::app::text::clean(&entry.path),
        state: look.state,
        mode: entry.mode,
        mode_found: look.access.map(|(mode, ..)| mode),
        owner: (entry.uid, entry.gid),
        owner_found: look.access.map(|(_, uid, gid)| (uid, gid)),
        size: newest.size,
        print: newest.print.clone(),
        version: newest.number,
        kept: newest.kept,
        near: near.filter(|_| of_host),
    })
}

/// Writes a key file: mode and owner first, then in one step into its place, read back. What was there is kept beside it
/// under the returned name where its bytes are others.
pub fn restore(entry: &CustodyEntry, bytes: &[u8], stamp: &str) -> Result<Option<PathBuf>, Trouble> {
    let Some(Place::Path(path)) = Place::read(&entry.path) else {
        return Err(Trouble::local(&format!("{} is no path", entry.path), "", "Nothing was changed"));
    };
    let failed = |what: &str, error: &std::io::Error| {
        Trouble::local(
            &format!("{} was not restored: {what}", path.display()),
            &error.to_string(),
            "Run this as root or as the owner of the folder; what was there is as it was",
        )
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    if fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_file()) {
        return Err(Trouble::new(
            TroubleKind::Refused,
            &format!("{} is no regular file", path.display()),
            "a link or a folder lies where the key file belongs",
            "Move it away yourself; nothing was changed",
        ));
    }
    let mut new = tempfile::Builder::new()
        .prefix(".baowatch-")
        .suffix(".new")
        .tempfile_in(folder)
        .map_err(|error| failed("no file can be made in its folder", &error))?;
    new.write_all(bytes).map_err(|error| failed("it could not be written", &error))?;
    let meta = new.as_file().metadata().map_err(|error| failed("its owner could not be read", &error))?;
    if (meta.uid(), meta.gid()) != (entry.uid, entry.gid) {
        fchown(new.as_file(), Some(entry.uid), Some(entry.gid))
            .map_err(|error| failed(&format!("it cannot be given to {}:{}", entry.uid, entry.gid), &error))?;
    }
    let mode = Permissions::from_mode(entry.mode);
    new.as_file().set_permissions(mode).map_err(|error| failed("its mode could not be set", &error))?;
    new.as_file().sync_all().map_err(|error| failed("it could not be written", &error))?;
    let kept = match read_path(&path)? {
        Some(there) if there.bytes.as_slice() != bytes => Some(keep(&path, &there, stamp)?),
        Some(_) | None => None,
    };
    new.persist(&path).map_err(|error| failed("it could not be put in its place", &error.error))?;
    atomic::sync_folder(folder).map_err(|error| {
        Trouble::local(
            &format!("{} was restored, and may not outlive a power cut", path.display()),
            &format!("its folder could not be written to the disk: {error}"),
            "Check the disk, then restore it again",
        )
    })?;
    let back = read_path(&path)?;
    let same = back
        .is_some_and(|back| back.bytes.as_slice() == bytes && back.access == Some((entry.mode, entry.uid, entry.gid)));
    if same {
        return Ok(kept);
    }
    Err(Trouble::local(
        &format!("{} was written and reads back differently", path.display()),
        "another program wrote it in this moment, or the disk did not",
        "Look at it before what reads it is started",
    ))
}

/// What was there, under another name in the same folder, for its owner's eyes alone.
fn keep(path: &Path, there: &There, stamp: &str) -> Result<PathBuf, Trouble> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    for n in 1..100_u32 {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".baowatch-kept-{stamp}"));
        if n > 1 {
            name.push(format!("-{n}"));
        }
        let kept = PathBuf::from(name);
        let failed = |error: std::io::Error| {
            Trouble::local(
                &format!("what lies at {} could not be kept", path.display()),
                &error.to_string(),
                "Nothing was changed",
            )
        };
        let mut file = tempfile::Builder::new().prefix(".baowatch-").tempfile_in(folder).map_err(failed)?;
        file.write_all(&there.bytes).map_err(failed)?;
        file.as_file().set_permissions(Permissions::from_mode(MODE)).map_err(failed)?;
        if let Some((_, uid, gid)) = there.access {
            // Root keeps it for its owner; whoever else restores it owns it already.
            let _ = fchown(file.as_file(), Some(uid), Some(gid));
        }
        file.as_file().sync_all().map_err(failed)?;
        match file.persist_noclobber(&kept) {
            Ok(_) => return Ok(kept),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.error)),
        }
    }
    Err(Trouble::local(
        &format!("what lies at {} could not be kept", path.display()),
        "a hundred were kept",
        "Move them away",
    ))
}
