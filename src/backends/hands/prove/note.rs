//! What is written down about a rotation of ours before the first share is sent: enough to know it again after a crash.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::files::atomic::{self, Existing};
use crate::backends::files::{json_why, left_alone, lock, not_written, read_small};

/// In the vault's state folder, for as long as a rotation of ours may be open on a server.
pub const ATTEMPT: &str = "proof-attempt.json";

/// The same for a namespace's own seal: its rotation is another one, and may be open beside the vault's. The namespace's
/// name stands in the note; the file's name only has to tell one from another.
fn attempt(namespace: Option<&str>) -> String {
    use sha2::{Digest as _, Sha256};
    let Some(path) = namespace else { return ATTEMPT.to_owned() };
    let digest = Sha256::digest(path.as_bytes());
    let head = digest.iter().take(8).fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    format!("proof-attempt-{head:016x}.json")
}

/// Whether a rotation of ours may be open: a note of one lies there.
pub fn attempted(folder: &Path) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| {
        let name = name.to_string_lossy();
        name.starts_with("proof-attempt") && name.ends_with(".json")
    })
}

/// No such note is longer.
const LONGEST: u64 = 64 * 1024;

/// One rotation that this program began. Holds no key and no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// On which replica.
    pub replica: String,
    /// Its nonce, by which it is told from anybody else's.
    pub nonce: String,
    /// Behind which path: `/v1/sys/rotate/root`.
    pub api: String,
    /// In which namespace; `None` for the root.
    pub namespace: Option<String>,
    /// When it was begun.
    pub at: Timestamp,
}

/// The one place for it. Without a folder (in the sandbox, which leaves nothing behind) nothing is written.
pub(super) struct Place {
    note: Option<PathBuf>,
    /// One for all of them: who clears up must not meet who begins.
    lock: Option<PathBuf>,
}

impl Place {
    pub fn under(folder: Option<&Path>, namespace: Option<&str>) -> Self {
        Self {
            note: folder.map(|folder| folder.join(attempt(namespace))),
            lock: folder.map(|folder| folder.join(ATTEMPT).with_extension("lock")),
        }
    }

    /// Keeps every other process on this machine from proving or clearing up at the same time: there is one note, and
    /// whoever looks for what a dead one left open must not find, and cancel, what a living one has just begun.
    pub fn alone(&self) -> Result<Option<lock::Held>, Trouble> {
        let Some(path) = &self.lock else { return Ok(None) };
        let held = lock::at_once(path)?.ok_or_else(|| {
            Trouble::new(
                TroubleKind::Refused,
                "another Baowatch proves keys of this vault right now",
                "its rotation is not touched, and nothing was sent",
                "Wait until it is done, then ask again",
            )
        })?;
        Ok(Some(held))
    }

    /// What lies there.
    pub fn read(&self) -> Result<Option<Note>, Trouble> {
        let Some(path) = &self.note else { return Ok(None) };
        let Some(bytes) = read_small(path, LONGEST)? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| left_alone(path, &json_why(&error)))
    }

    /// On disk, and its folder too, when this returns.
    pub fn write(&self, note: &Note) -> Result<(), Trouble> {
        let Some(path) = &self.note else { return Ok(()) };
        let bytes = serde_json::to_vec(note)
            .map_err(|_| Trouble::local("the note of a rotation cannot be written", "", "Nothing was sent"))?;
        atomic::write(path, &bytes, Existing::Replace).map(drop).map_err(|error| not_written(path, &error))
    }

    /// Takes it away. What cannot be taken away only makes the next start look once more.
    pub fn clear(&self) {
        let Some(path) = &self.note else { return };
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the note of a rotation that is over could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_note_is_private_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::under(Some(folder.path()), None);
        assert_eq!(place.read().unwrap(), None);
        let note = Note {
            replica: "openbao-0".into(),
            nonce: "N".into(),
            api: "/v1/sys/rotate/root".into(),
            namespace: None,
            at: Timestamp::UNIX_EPOCH,
        };
        place.write(&note).unwrap();
        let mode = std::fs::metadata(folder.path().join("proof-attempt.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(place.read().unwrap().as_ref(), Some(&note));
        // A namespace's lies beside it.
        let other = Place::under(Some(folder.path()), Some("team/a"));
        assert_eq!(other.read().unwrap(), None);
        place.clear();
        place.clear();
        assert_eq!(place.read().unwrap(), None);
        assert!(!attempted(folder.path()));
        other.write(&Note { namespace: Some("team/a".into()), ..note }).unwrap();
        assert!(attempted(folder.path()) && place.read().unwrap().is_none());
    }
}
