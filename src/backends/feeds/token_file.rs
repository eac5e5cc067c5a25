//! The file that a token lies in: read for one use, and described without what is in it.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use jiff::Timestamp;
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::app::model::tokens::{FileSeen, TokenAnswer};
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};

/// The longest batch tokens have a few kilobytes.
const LONGEST: u64 = 16 * 1024;

/// What tells one state of a file from the next without reading it.
pub type Stamp = Option<(u64, u64, i64, i64, u32)>;

/// The stamp of a file; `None` where there is none.
pub fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec(), meta.mode()))
}

/// What a file is like, whatever is in it.
pub fn describe(path: &Path) -> Option<FileSeen> {
    let meta = std::fs::metadata(path).ok()?;
    Some(FileSeen {
        path: clean(&path.display().to_string()),
        mode: meta.mode() & 0o7777,
        owner: (meta.uid(), rustix::process::geteuid().as_raw()),
        modified: Timestamp::from_second(meta.mtime()).ok(),
    })
}

/// The token in a file, or what stands instead.
pub fn read(path: &Path) -> Result<SecretString, TokenAnswer> {
    let shown = path.display();
    let none = |what: &str, why: &str| {
        let next = "Write the token into it, mode 0600, or correct its path in the configuration";
        TokenAnswer::NoToken(Trouble::new(TroubleKind::Absent, &format!("{shown} {what}"), why, next))
    };
    let unread = |error: &std::io::Error| {
        let next = "Let it be read by the user who runs this, or take it out of the configuration";
        TokenAnswer::Unseen(Trouble::local(&format!("{shown} cannot be read"), &error.kind().to_string(), next))
    };
    // Without waiting: a path that turns out to be a pipe has no writer.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(none("is not there", "")),
        Err(error) => return Err(unread(&error)),
    };
    match file.metadata() {
        Ok(meta) if !meta.is_file() => return Err(none("holds no token", "it is no ordinary file")),
        Ok(_) => {}
        Err(error) => return Err(unread(&error)),
    }
    let text = bounded(&file).map_err(|error| unread(&error))?;
    let token = std::str::from_utf8(&text).unwrap_or_default().trim();
    if token.is_empty() {
        return Err(none("holds no token", if text.is_empty() { "it is empty" } else { "there is no word in it" }));
    }
    if text.len() as u64 > LONGEST || !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(none("holds no token", "a token is one word without spaces"));
    }
    Ok(SecretString::from(token))
}

/// At most one byte more than a token can have, in a buffer that never grows and is wiped.
fn bounded(file: &File) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 64));
    file.take(LONGEST + 1).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_a_token_or_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let what = |path: &Path| match read(path) {
            Ok(token) => format!("{} bytes", secrecy::ExposeSecret::expose_secret(&token).len()),
            Err(TokenAnswer::NoToken(trouble)) => trouble.why,
            Err(_) => "unseen".to_owned(),
        };
        assert_eq!(what(&path), "");
        assert!(stamp(&path).is_none() && describe(&path).is_none());
        let rows = [("s.abc\n", "5 bytes"), ("", "it is empty"), (" \n", "there is no word in it")];
        for (text, says) in rows {
            std::fs::write(&path, text).unwrap();
            assert_eq!(what(&path), says, "{text:?}");
        }
        std::fs::write(&path, "two words").unwrap();
        assert!(what(&path).contains("one word"));
        assert_eq!(what(folder.path()), "it is no ordinary file");
    }
}
