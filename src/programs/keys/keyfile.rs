//! Keyfiles: 32 random bytes that only their owner may read. Made once, never replaced.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::files::atomic::sync_folder;
use crate::backends::keystore::slot::{self, Opener};

const LENGTH: usize = 32;

fn no_keyfile(path: &Path, why: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Refused,
        &format!("{} is no keyfile", path.display()),
        why,
        "A keyfile is a file of 32 random bytes, mode 0400; nothing was changed",
    )
}

/// Reads one; a file that others may read is none.
pub fn read(path: &Path) -> Result<Opener, Trouble> {
    let unread = |error: std::io::Error| no_keyfile(path, &error.to_string());
    let mut file = std::fs::File::open(path).map_err(unread)?;
    let meta = file.metadata().map_err(unread)?;
    if !meta.is_file() {
        return Err(no_keyfile(path, "it is not a file"));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(no_keyfile(path, &format!("others may read it: its mode is {:04o}", meta.mode() & 0o7777)));
    }
    if meta.len() != LENGTH as u64 {
        return Err(no_keyfile(path, &format!("it has {} bytes", meta.len())));
    }
    let mut key = Zeroizing::new([0_u8; LENGTH]);
    file.read_exact(key.as_mut()).map_err(unread)?;
    Ok(Opener::Keyfile(key))
}

/// Reads one, or makes it where there is none.
pub fn read_or_make(path: &Path) -> Result<Opener, Trouble> {
    let unmade = |error: std::io::Error| {
        Trouble::local(
            &format!("the keyfile {} cannot be made", path.display()),
            &error.to_string(),
            "Check its folder; nothing was changed",
        )
    };
    if path.symlink_metadata().is_ok() {
        return read(path);
    }
    let key = slot::random::<LENGTH>().map_err(super::ask::internal)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path).map_err(unmade)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    file.write_all(key.as_ref()).and_then(|()| file.sync_all()).and_then(|()| sync_folder(folder)).map_err(unmade)?;
    super::ask::talk(&format!("Made the keyfile {}; whoever has it and the keystore has the keys.\n", path.display()));
    // What lies on the disk is what counts.
    read(path)
}
