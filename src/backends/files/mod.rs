//! State on disk: journals, the Secret's life, proofs, salt, and what `check` remembers.
//!
//! Files are 0600 in 0700 folders and written whole, except journals, which are appended to and fsynced line by line.
//! What cannot be read is left exactly as it is and named.

pub mod atomic;
pub mod check_state;
pub mod dirs;
pub mod journal;
mod journal_file;
pub mod lock;
pub mod memory;
pub mod register;
pub mod tapes;
pub mod verdicts;
pub mod volatile;

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::app::trouble::Trouble;

/// The sentence for a file that cannot be used as it is.
pub(in crate::backends) fn left_alone(path: &Path, why: &str) -> Trouble {
    Trouble::local(
        &format!("{} cannot be read", path.display()),
        why,
        "It was left exactly as it is; move it away to begin a new one, or restore it",
    )
}

/// The sentence for a write that failed.
pub fn not_written(path: &Path, error: &std::io::Error) -> Trouble {
    Trouble::local(
        &format!("{} cannot be written", path.display()),
        &error.to_string(),
        "Check the folder's permissions and the free space, or choose another with --state-dir",
    )
}

/// Reads a small file; `None` where there is none. What is longer than `longest` is not ours.
pub(in crate::backends) fn read_small(path: &Path, longest: u64) -> Result<Option<Vec<u8>>, Trouble> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() > longest => return Err(left_alone(path, "it is longer than such a file can be")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(_) | Err(_) => {}
    }
    let unread = |error: std::io::Error| left_alone(path, &error.to_string());
    // A stick may hold anything: a pipe would hang, and a link to a device has no length and no end.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(error)),
    };
    if !file.metadata().map_err(unread)?.is_file() {
        return Err(left_alone(path, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(longest + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > longest {
        return Err(left_alone(path, "it is longer than such a file can be"));
    }
    Ok(Some(bytes))
}

/// Why JSON of ours cannot be read: the place, never the value (serde quotes values).
pub(in crate::backends) fn json_why(error: &serde_json::Error) -> String {
    let sort = match error.classify() {
        serde_json::error::Category::Io => "it could not be read through",
        serde_json::error::Category::Syntax => "it is not JSON",
        serde_json::error::Category::Data => "it has another shape than this version writes",
        serde_json::error::Category::Eof => "it ends too early",
    };
    format!("{sort} (line {}, column {})", error.line(), error.column())
}
