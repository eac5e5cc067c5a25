//! One file replaced as a whole, in five steps between each of which the power may fail.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;

use crate::backends::files::atomic;

/// What a whole write asks of a file system. Each call is one step; a crash falls before, in or after one of them.
pub trait Disk {
    /// A file that has no name of its own yet.
    type Fresh;
    /// Makes a file that nobody else can read, beside the one to be replaced.
    fn begin(&self, folder: &Path, prefix: &OsString) -> io::Result<Self::Fresh>;
    /// Writes all of it.
    fn fill(&self, fresh: &mut Self::Fresh, bytes: &[u8]) -> io::Result<()>;
    /// Returns when the bytes survive a power cut.
    fn sync(&self, fresh: &mut Self::Fresh) -> io::Result<()>;
    /// Puts it in the place of the old one, in one step.
    fn rename(&self, fresh: Self::Fresh, to: &Path) -> io::Result<()>;
    /// Returns when the name survives a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    type Fresh = tempfile::NamedTempFile;

    fn begin(&self, folder: &Path, prefix: &OsString) -> io::Result<Self::Fresh> {
        // tempfile makes it 0600 and under a name that nothing has.
        tempfile::Builder::new().prefix(prefix).suffix(".new").tempfile_in(folder)
    }

    fn fill(&self, fresh: &mut Self::Fresh, bytes: &[u8]) -> io::Result<()> {
        fresh.write_all(bytes)
    }

    fn sync(&self, fresh: &mut Self::Fresh) -> io::Result<()> {
        fresh.as_file().sync_all()
    }

    fn rename(&self, fresh: Self::Fresh, to: &Path) -> io::Result<()> {
        fresh.persist(to).map(|_| ()).map_err(|error| error.error)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        atomic::sync_folder(folder)
    }
}

/// The folder of a file, `.` where its path names none.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Replaces the file. Whenever it is cut off, the old file or the new one is there, whole. What it leaves behind then is a
/// file `.NAME.….new`, which nothing reads.
pub fn whole<D: Disk>(disk: &D, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    let mut fresh = disk.begin(folder, &prefix)?;
    disk.fill(&mut fresh, bytes)?;
    disk.sync(&mut fresh)?;
    disk.rename(fresh, path)?;
    disk.sync_folder(folder)
}
