//! A keyfile: 32 random bytes that open a keystore without anybody being asked. Read only where nobody else can read it.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::slot::random;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::files::atomic::sync_folder;
use crate::backends::files::not_written;

/// Its size in bytes.
const SIZE: u64 = 32;
/// Its permission bits.
const MODE: u32 = 0o400;

/// Reads it, once it is sure whose it is: everything is checked on the opened file, so that nothing can be put in its
/// place between a look and a read.
pub fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>, Trouble> {
    let named = std::fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
    // Somebody who can change the link chooses the file.
    if named.is_symlink() && !ours(named.uid()) {
        return Err(refused(
            path,
            &format!("it is a symbolic link that belongs to user {}", named.uid()),
            "Name the file itself under keystore.keyfile",
        ));
    }
    let mut file = open(path).map_err(|error| unreadable(path, &error))?;
    let meta = file.metadata().map_err(|error| unreadable(path, &error))?;
    check(path, &meta)?;
    let mut bytes = Zeroizing::new([0_u8; 32]);
    file.read_exact(bytes.as_mut()).map_err(|error| unreadable(path, &error))?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(refused(path, "its 32 bytes are all zero", "Make one with `baowatch keys slots add keyfile FILE`"));
    }
    Ok(bytes)
}

/// Makes one, of random bytes; refuses where there is anything already.
pub fn make(path: &Path) -> Result<Zeroizing<[u8; 32]>, Trouble> {
    let bytes =
        random::<32>().map_err(|error| Trouble::local("no keyfile was made", &error.to_string(), "Try again"))?;
    let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path);
    let mut file = match made {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Trouble::new(
                TroubleKind::Refused,
                &format!("{} exists already", path.display()),
                "what it holds may open something",
                "Choose another name, or move it away yourself; nothing was changed",
            ));
        }
        Err(error) => return Err(not_written(path, &error)),
    };
    let written = file
        .write_all(bytes.as_ref())
        // Whatever the umask took away or an ACL added.
        .and_then(|()| file.set_permissions(std::fs::Permissions::from_mode(MODE)))
        .and_then(|()| file.sync_all())
        .and_then(|()| sync_folder(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))));
    if let Err(error) = written {
        // Half a keyfile must not lie about; it was made a moment ago, by this very call.
        let _ = std::fs::remove_file(path);
        return Err(not_written(path, &error));
    }
    drop(file);
    let back = read(path)?;
    if back == bytes {
        Ok(bytes)
    } else {
        Err(Trouble::local(
            &format!("{} was written and reads back differently", path.display()),
            "the disk, or another program",
            "Do not use it; check the disk",
        ))
    }
}

/// A FIFO in its place must not hold the program.
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

/// Whether this user, or root, is this user.
fn ours(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

fn check(path: &Path, meta: &std::fs::Metadata) -> Result<(), Trouble> {
    if !meta.is_file() {
        return Err(refused(path, "it is no regular file", "Name the file of 32 bytes under keystore.keyfile"));
    }
    if !ours(meta.uid()) {
        return Err(refused(
            path,
            &format!("it belongs to user {}, who could exchange it", meta.uid()),
            &format!("`chown {} {}`, once you know what is in it", rustix::process::geteuid().as_raw(), path.display()),
        ));
    }
    let mode = meta.mode() & 0o7777;
    if mode != MODE {
        let others = match (mode & 0o070 != 0, mode & 0o007 != 0) {
            (true, true) => "its group and everybody else have rights to it",
            (true, false) => "its group has rights to it",
            (false, true) => "everybody has rights to it",
            (false, false) => "a key that is never written again must not be writable or executable",
        };
        return Err(refused(
            path,
            &format!("its mode is {mode:04o} and must be 0400: {others}"),
            &format!("`chmod 400 {}`; where others could read it, make a new one", path.display()),
        ));
    }
    if meta.len() != SIZE {
        return Err(refused(
            path,
            &format!("it has {} bytes and must have exactly 32", meta.len()),
            "A passphrase or a text is no keyfile: make one with `baowatch keys slots add keyfile FILE`",
        ));
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Trouble {
    let kind = if error.kind() == std::io::ErrorKind::NotFound { TroubleKind::Absent } else { TroubleKind::Local };
    Trouble::new(
        kind,
        &format!("the keyfile {} cannot be read", path.display()),
        &error.kind().to_string(),
        "Bring it back (the stick, the mount) or use another slot",
    )
}

fn refused(path: &Path, why: &str, next: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, &format!("the keyfile {} is not used", path.display()), why, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn one_that_was_made_can_be_read_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let bytes = make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o400);
        assert_eq!(*read(&path).unwrap(), *bytes);
        let trouble = make(&path).unwrap_err();
        assert!(trouble.what.contains("exists already"), "{trouble}");
        assert_eq!(*read(&path).unwrap(), *bytes);
        assert_ne!(*make(&folder.path().join("other")).unwrap(), *bytes);
    }

    #[test]
    fn a_mode_that_lets_others_in_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        make(&path).unwrap();
        for (mode, says) in [
            (0o600, "must not be writable"),
            (0o440, "its group has rights"),
            (0o404, "everybody has rights"),
            (0o644, "its group and everybody else"),
            (0o4400, "4400"),
        ] {
            set(&path, mode);
            let trouble = read(&path).unwrap_err();
            assert!(trouble.why.contains(says), "{mode:o}: {trouble}");
            assert!(trouble.next.contains("chmod 400"), "{trouble}");
        }
    }

    #[test]
    fn only_32_bytes_in_a_regular_file_are_a_keyfile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (content, says) in [(vec![7; 31], "31 bytes"), (vec![7; 33], "33 bytes"), (vec![0; 32], "all zero")] {
            std::fs::write(&path, &content).unwrap();
            set(&path, 0o400);
            assert!(read(&path).unwrap_err().why.contains(says));
            set(&path, 0o600);
        }
        assert!(read(folder.path()).unwrap_err().why.contains("no regular file"));
        assert_eq!(read(&folder.path().join("none")).unwrap_err().kind, TroubleKind::Absent);
    }

    #[test]
    fn a_link_leads_to_a_file_that_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("key"), folder.path().join("link"));
        let bytes = make(&path).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(*read(&link).unwrap(), *bytes);
        set(&path, 0o444);
        assert!(read(&link).unwrap_err().why.contains("0444"));
        // A link leads to a keyfile that is there; it is no place for a new one.
        assert!(make(&link).is_err());
    }
}
