//! Whole-file writes that a crash can only precede or follow: temporary file, fsync, rename, fsync of the folder.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// What to do where the file exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Put the new one in its place.
    Replace,
    /// Leave it; the answer is `false`.
    Keep,
}

/// Writes the file whole, 0600, in an existing folder. `false` when it was there and was kept.
pub fn write(path: &Path, bytes: &[u8], existing: Existing) -> io::Result<bool> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // In the same folder, because a rename across file systems is a copy. tempfile makes it 0600.
    let mut file = tempfile::Builder::new().prefix(".baowatch-").suffix(".new").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match existing {
        Existing::Replace => {
            file.persist(path).map_err(|error| error.error)?;
        }
        Existing::Keep => match file.persist_noclobber(path) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error.error),
        },
    }
    sync_folder(folder)?;
    Ok(true)
}

/// Without this a crash may forget the name of a file whose content is safe.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
