//! A write cut off at every step: by `SIGKILL` in a real process, and by a power cut on a disk that forgets.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use baowatch::backends::keystore::Opened;
use baowatch::backends::keystore::store::{FileStore, Store as _};
use baowatch::backends::keystore::write::{self, Disk, RealDisk};

use super::made::*;

/// The real disk, whose process is killed at the n-th moment: before, within or after a step.
struct Deadly {
    moment: Cell<u32>,
}

impl Deadly {
    fn next(&self) {
        let left = self.moment.get();
        if left == 1 {
            // No destructor runs, nothing is flushed: as if the kernel had ended it, which it does.
            let me = std::process::id().to_string();
            let _ = Command::new("kill").args(["-KILL", &me]).status();
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        self.moment.set(left.saturating_sub(1));
    }

    fn step<R>(&self, step: impl FnOnce() -> R) -> R {
        self.next();
        step()
    }
}

impl Disk for Deadly {
    type Fresh = <RealDisk as Disk>::Fresh;

    fn begin(&self, folder: &Path, prefix: &OsString) -> io::Result<Self::Fresh> {
        self.step(|| RealDisk.begin(folder, prefix))
    }

    fn fill(&self, fresh: &mut Self::Fresh, bytes: &[u8]) -> io::Result<()> {
        let (one, two) = bytes.split_at(bytes.len() / 2);
        self.step(|| RealDisk.fill(fresh, one))?;
        self.step(|| RealDisk.fill(fresh, two))
    }

    fn sync(&self, fresh: &mut Self::Fresh) -> io::Result<()> {
        self.step(|| RealDisk.sync(fresh))
    }

    fn rename(&self, fresh: Self::Fresh, to: &Path) -> io::Result<()> {
        self.step(|| RealDisk.rename(fresh, to))
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.step(|| RealDisk.sync_folder(folder))?;
        self.next();
        Ok(())
    }
}

/// Moments at which [`Deadly`] can strike: before each of six steps, and after the last.
const MOMENTS: u32 = 7;
const WHERE: &str = "BAOWATCH_TEST_KEYSTORE";
const WHEN: &str = "BAOWATCH_TEST_MOMENT";

/// The child of the test below: writes the next revision, and is killed meanwhile.
#[test]
#[ignore = "is run by the_old_or_the_new_is_there_after_a_kill_at_every_step, in a process of its own"]
fn write_and_be_killed() {
    let path = PathBuf::from(std::env::var_os(WHERE).unwrap());
    let moment: u32 = std::env::var(WHEN).unwrap().parse().unwrap();
    let store = FileStore(path);
    let _guard = store.lock().unwrap();
    let mut opened = match store.read().unwrap() {
        Some(bytes) => Opened::open(&bytes, Some(&identity()), &keyfile()).unwrap(),
        None => cheap(),
    };
    opened.add_generation(shares(9), at(50)).unwrap();
    let bytes = opened.seal(at(51)).unwrap();
    write::whole(&Deadly { moment: Cell::new(moment) }, store.path(), &bytes).unwrap();
}

/// Whether the child was killed, as opposed to having come through.
fn killed(path: &Path, moment: u32) -> bool {
    let name = "keystore::crash::write_and_be_killed";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(WHERE, path)
        .env(WHEN, moment.to_string())
        .output()
        .unwrap();
    let killed = output.status.signal() == Some(9);
    assert!(killed || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(killed || String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the child ran nothing");
    killed
}

#[test]
fn the_old_or_the_new_is_there_after_a_kill_at_every_step() {
    let home = tempfile::tempdir().unwrap();
    let old = full().seal(at(10)).unwrap();
    let mut generations = Vec::new();
    for moment in 1..=MOMENTS + 1 {
        let store = FileStore(home.path().join(format!("{moment}/a.keystore")));
        store.replace(&old).unwrap();
        assert_eq!(killed(store.path(), moment), moment <= MOMENTS, "moment {moment}");
        let opened = Opened::open(&store.read().unwrap().unwrap(), Some(&identity()), &keyfile()).unwrap();
        generations.push(opened.header().generations.len());
        assert_eq!(opened.header().revision, if generations.last() == Some(&2) { 1 } else { 2 });
        // The lock ended with its holder, and what was left behind is in nobody's way.
        let _guard = store.lock().unwrap();
        assert!(!killed_left(store.path()) || moment <= 5, "moment {moment}");
        store.replace(&old).unwrap();
        assert_eq!(store.read().unwrap().unwrap(), old);
    }
    assert_eq!(generations, [2, 2, 2, 2, 2, 3, 3, 3], "the rename is what decides");
}

/// Whether a file of an unfinished write lies beside it.
fn killed_left(path: &Path) -> bool {
    let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
    entries.into_iter().any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(".new"))
}

#[test]
fn the_first_write_leaves_nothing_or_a_keystore() {
    let home = tempfile::tempdir().unwrap();
    for moment in 1..=MOMENTS {
        let store = FileStore(home.path().join(format!("{moment}/a.keystore")));
        assert!(killed(store.path(), moment));
        let found = store.read().unwrap();
        assert_eq!(found.is_some(), moment > 5, "moment {moment}");
        if let Some(bytes) = found {
            Opened::open(&bytes, Some(&identity()), &keyfile()).unwrap();
        }
    }
}

/// A disk of which everything not yet synced may be lost or kept, each by itself, when the power fails.
#[derive(Default)]
struct Forgetful {
    /// What may be found after the power failed now: names to contents, one map a possible outcome.
    outcomes: RefCell<Vec<BTreeMap<PathBuf, Vec<u8>>>>,
    names: RefCell<BTreeMap<PathBuf, usize>>,
    durable_names: RefCell<BTreeMap<PathBuf, usize>>,
    /// Content as written, and whether it was synced.
    files: RefCell<Vec<(Vec<u8>, bool)>>,
}

impl Forgetful {
    fn holding(path: &Path, bytes: &[u8]) -> Self {
        let disk = Self::default();
        disk.files.borrow_mut().push((bytes.to_vec(), true));
        disk.names.borrow_mut().insert(path.to_owned(), 0);
        disk.durable_names.borrow_mut().insert(path.to_owned(), 0);
        disk
    }

    /// Notes what a power cut at this moment may leave.
    fn cut(&self) {
        for names in [&self.names, &self.durable_names] {
            for part in [0, 1, 2] {
                let mut left = BTreeMap::new();
                for (name, file) in names.borrow().iter() {
                    let (content, synced) = &self.files.borrow()[*file];
                    let kept = if *synced { content.len() } else { content.len() * part / 2 };
                    left.insert(name.clone(), content[..kept].to_vec());
                }
                self.outcomes.borrow_mut().push(left);
            }
        }
    }
}

impl Disk for Forgetful {
    type Fresh = (PathBuf, usize);

    fn begin(&self, folder: &Path, prefix: &OsString) -> io::Result<Self::Fresh> {
        let name = folder.join(prefix).with_extension("new");
        self.files.borrow_mut().push((Vec::new(), false));
        let file = self.files.borrow().len() - 1;
        self.names.borrow_mut().insert(name.clone(), file);
        self.cut();
        Ok((name, file))
    }

    fn fill(&self, fresh: &mut Self::Fresh, bytes: &[u8]) -> io::Result<()> {
        self.files.borrow_mut()[fresh.1] = (bytes.to_vec(), false);
        self.cut();
        Ok(())
    }

    fn sync(&self, fresh: &mut Self::Fresh) -> io::Result<()> {
        self.files.borrow_mut()[fresh.1].1 = true;
        self.cut();
        Ok(())
    }

    fn rename(&self, fresh: Self::Fresh, to: &Path) -> io::Result<()> {
        self.names.borrow_mut().remove(&fresh.0);
        self.names.borrow_mut().insert(to.to_owned(), fresh.1);
        self.cut();
        Ok(())
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        self.durable_names.replace(self.names.borrow().clone());
        self.cut();
        Ok(())
    }
}

#[test]
fn a_power_cut_at_any_moment_leaves_the_old_or_the_new_whole() {
    let path = Path::new("/data/a.keystore");
    let (old, new) = (b"the old keystore, whole".as_slice(), b"the new keystore, whole".as_slice());
    let disk = Forgetful::holding(path, old);
    write::whole(&disk, path, new).unwrap();
    let outcomes = disk.outcomes.borrow();
    assert_eq!(outcomes.len(), 30);
    for left in outcomes.iter() {
        let found = left.get(path).map(Vec::as_slice);
        assert!(found == Some(old) || found == Some(new), "{found:?}");
    }
    assert!(outcomes.iter().rev().take(6).all(|left| left[path] == new), "once it is done, it stays done");
}

/// Errors instead of death: the disk is full, or refuses to sync.
struct Full(u32);

impl Disk for Full {
    type Fresh = <RealDisk as Disk>::Fresh;

    fn begin(&self, folder: &Path, prefix: &OsString) -> io::Result<Self::Fresh> {
        if self.0 == 0 { Err(io::ErrorKind::PermissionDenied.into()) } else { RealDisk.begin(folder, prefix) }
    }

    fn fill(&self, fresh: &mut Self::Fresh, bytes: &[u8]) -> io::Result<()> {
        RealDisk.fill(fresh, &bytes[..bytes.len() / 2])?;
        if self.0 == 1 {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            RealDisk.fill(fresh, &bytes[bytes.len() / 2..])
        }
    }

    fn sync(&self, fresh: &mut Self::Fresh) -> io::Result<()> {
        if self.0 == 2 { Err(io::Error::other("the disk is gone")) } else { RealDisk.sync(fresh) }
    }

    fn rename(&self, fresh: Self::Fresh, to: &Path) -> io::Result<()> {
        if self.0 == 3 { Err(io::ErrorKind::ReadOnlyFilesystem.into()) } else { RealDisk.rename(fresh, to) }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }
}

#[test]
fn a_write_that_fails_leaves_the_old_one_and_nothing_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("a.keystore");
    std::fs::write(&path, b"old").unwrap();
    for step in 0..4 {
        assert!(write::whole(&Full(step), &path, b"a new one").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"old", "step {step}");
        assert!(!killed_left(&path), "step {step}");
    }
}
