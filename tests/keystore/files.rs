//! The keystore as a file among files: its rights, its lock, and what it refuses to touch.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use baowatch::backends::keystore::store::{FileStore, Store as _};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_is_ours_alone_in_a_folder_of_ours_alone() {
    let home = tempfile::tempdir().unwrap();
    let store = FileStore(home.path().join("new/deeper/a.keystore"));
    assert!(store.read().unwrap().is_none());
    let guard = store.lock().unwrap();
    store.replace(b"one").unwrap();
    store.replace(b"two").unwrap();
    drop(guard);
    assert_eq!(store.read().unwrap().unwrap(), b"two");
    assert_eq!((mode(store.path()), mode(store.path().parent().unwrap())), (0o600, 0o700));
    assert_eq!(mode(&store.path().with_extension("keystore.lock")), 0o600);
    std::fs::set_permissions(store.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    store.replace(b"three").unwrap();
    assert_eq!(mode(store.path()), 0o600, "rights that somebody gave away are taken back");
}

#[test]
fn a_folder_that_others_use_keeps_its_rights() {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    FileStore(home.path().join("a.keystore")).replace(b"one").unwrap();
    assert_eq!(mode(home.path()), 0o755);
}

#[test]
fn a_link_a_pipe_and_a_folder_are_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let real = home.path().join("real");
    std::fs::write(&real, b"precious").unwrap();
    let link = FileStore(home.path().join("link"));
    symlink(&real, &link.0).unwrap();
    let dangling = FileStore(home.path().join("dangling"));
    symlink(home.path().join("nowhere"), &dangling.0).unwrap();
    let folder = FileStore(home.path().join("folder"));
    std::fs::create_dir(&folder.0).unwrap();
    let pipe = FileStore(home.path().join("pipe"));
    assert!(Command::new("mkfifo").arg(&pipe.0).status().unwrap().success());
    for store in [link, dangling, folder, pipe] {
        assert!(store.read().is_err(), "{:?}", store.0);
        assert!(store.replace(b"new").is_err(), "{:?}", store.0);
        assert!(store.lock().is_err(), "{:?}", store.0);
    }
    assert_eq!(std::fs::read(&real).unwrap(), b"precious");
    assert!(!home.path().join("nowhere").exists());
}

#[test]
fn what_is_longer_than_any_keystore_is_not_read() {
    let home = tempfile::tempdir().unwrap();
    let store = FileStore(home.path().join("huge"));
    std::fs::File::create(&store.0).unwrap().set_len(1 << 40).unwrap();
    assert!(store.read().unwrap_err().why.contains("longer than any keystore"));
}

#[test]
fn a_second_writer_is_told_who_is_writing_and_gets_its_turn() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (FileStore(home.path().join("a.keystore")), FileStore(home.path().join("a.keystore")));
    let guard = one.lock().unwrap();
    let Err(trouble) = two.lock() else { panic!("two hold the lock") };
    assert!(trouble.why.contains(&format!("process {}", std::process::id())), "{trouble:?}");
    drop(guard);
    drop(two.lock().unwrap());
    // What a killed process left in the lock's file means nothing.
    std::fs::write(home.path().join("a.keystore.lock"), "4294967295 and more").unwrap();
    drop(one.lock().unwrap());
}

/// Only root can give a file away, and everybody else must be refused.
#[test]
fn a_file_of_another_user_is_read_and_not_written() {
    let home = tempfile::tempdir().unwrap();
    let store = FileStore(home.path().join("theirs"));
    std::fs::write(&store.0, b"theirs").unwrap();
    if std::os::unix::fs::chown(&store.0, Some(12_345), None).is_err() {
        let own = std::fs::metadata(&store.0).unwrap();
        assert_ne!(std::os::unix::fs::MetadataExt::uid(&own), 0, "root may give files away");
        return;
    }
    assert_eq!(store.read().unwrap().unwrap(), b"theirs");
    for refused in [store.replace(b"mine").err(), store.lock().err()] {
        assert!(refused.unwrap().why.contains("12345"));
    }
    assert_eq!(std::fs::read(&store.0).unwrap(), b"theirs");
}
