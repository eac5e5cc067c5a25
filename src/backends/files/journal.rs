//! The journals of guarded runs: appended line by line, fsynced before anything happens, judged after a crash.
//!
//! A run that an earlier session left behind is never continued: the one thing that may still be written to it is
//! `Ended`, when a person has dealt with it. While a run is under way its process holds two locks: one for the cluster, so
//! that two consoles cannot run at once, and one on the journal, so that another console does not take it for left behind.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::journal_file::{self, LONGEST, Read};
use super::{atomic, dirs, left_alone, lock, not_written, read_small};
use crate::app::id::RunId;
use crate::app::ports::JournalStore;
use crate::app::runbook::journal::{Entry, Journal, may_follow};
use crate::app::trouble::{Trouble, TroubleKind};

/// Ended journals beyond this many are removed, the oldest first.
const KEPT: usize = 100;

/// Journals in the folder `journal` of one cluster's state folder.
#[derive(Debug)]
pub struct FileJournal {
    folder: PathBuf,
    live: Mutex<BTreeMap<RunId, Live>>,
    #[cfg(debug_assertions)]
    fuse: fuse::Fuse,
}

/// A run of this process.
#[derive(Debug)]
struct Live {
    file: File,
    last: Entry,
    lines: u32,
    _cluster: File,
}

/// What was left behind, and what could not be read.
#[derive(Debug, Default)]
pub struct Survey {
    /// Journals that were never ended and belong to no living process, oldest first.
    pub unfinished: Vec<Journal>,
    /// Names what could not be read; it was left as it is.
    pub trouble: Option<Trouble>,
}

impl FileJournal {
    /// Journals in this state folder; makes the folder.
    pub fn open(state: &Path) -> Result<Self, Trouble> {
        let folder = state.join("journal");
        dirs::private(&folder).map_err(|error| not_written(&folder, &error))?;
        atomic::sync_folder(state).map_err(|error| not_written(state, &error))?;
        Ok(Self {
            folder,
            live: Mutex::default(),
            #[cfg(debug_assertions)]
            fuse: fuse::Fuse::of_process(),
        })
    }

    /// Reads all journals: what is unfinished is in the survey even where another cannot be read.
    pub fn survey(&self) -> Survey {
        let mut survey = Survey::default();
        let mut unreadable = Vec::new();
        let names = match self.names() {
            Ok(names) => names,
            Err(trouble) => return Survey { trouble: Some(trouble), ..survey },
        };
        for (run, path) in names {
            match Self::look(run, &path) {
                Ok(Some((journal, _))) if !journal.ended() => survey.unfinished.push(journal),
                Ok(Some(_) | None) => {}
                Err(trouble) => unreadable.push(trouble),
            }
        }
        survey.unfinished.sort_by_key(|journal| journal.plan().map(|plan| plan.made));
        if let Some(mut first) = unreadable.first().cloned() {
            if unreadable.len() > 1 {
                first.what = format!("{} (and {} more)", first.what, unreadable.len() - 1);
            }
            survey.trouble = Some(first);
        }
        survey
    }

    /// The journals in the folder.
    fn names(&self) -> Result<Vec<(RunId, PathBuf)>, Trouble> {
        let entries = std::fs::read_dir(&self.folder).map_err(|error| left_alone(&self.folder, &error.to_string()))?;
        Ok(entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((journal_file::run_of(entry.file_name().to_str()?)?, entry.path()))
            })
            .collect())
    }

    /// Reads one; `None` for a run that never began or that a living process is writing.
    fn look(run: RunId, path: &Path) -> Result<Option<(Journal, bool)>, Trouble> {
        let held = File::open(path).map_err(|error| left_alone(path, &error.to_string()))?;
        if matches!(held.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)) {
            return Ok(None);
        }
        let Some(bytes) = read_small(path, LONGEST)? else { return Ok(None) };
        match journal_file::read(run, &bytes) {
            Read::Journal { journal, torn } => Ok(Some((journal, torn))),
            Read::NeverBegun => Ok(None),
            Read::Unreadable(why) => Err(left_alone(path, &why)),
        }
    }

    /// The first line of a new run.
    fn begin(&self, run: RunId, entry: &Entry) -> Result<Live, Trouble> {
        let path = journal_file::path(&self.folder, run);
        let Some(cluster) = lock::at_once(&self.folder.join("run.lock"))? else {
            return Err(Trouble::new(
                TroubleKind::Refused,
                "another Baowatch is running an action on this vault",
                "it holds the lock in the state folder",
                "Wait until it is done, look at the other console, then ask for the plan anew; nothing was changed",
            ));
        };
        self.prune();
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| {
                file.lock()?;
                Ok(file)
            })
            .map_err(|error| not_written(&path, &error))?;
        let mut live = Live { file, last: entry.clone(), lines: 0, _cluster: cluster };
        self.write(&mut live, entry).map_err(|error| not_written(&path, &error))?;
        atomic::sync_folder(&self.folder).map_err(|error| not_written(&path, &error))?;
        Ok(live)
    }

    fn write(&self, live: &mut Live, entry: &Entry) -> std::io::Result<()> {
        #[cfg(debug_assertions)]
        self.fuse.before();
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        live.file.write_all(&line)?;
        live.file.sync_data()?;
        live.last = entry.clone();
        live.lines += 1;
        #[cfg(debug_assertions)]
        self.fuse.after();
        Ok(())
    }

    /// Marks a run that an earlier session left behind as dealt with.
    fn close_left_behind(&self, run: RunId, entry: &Entry) -> Result<u32, Trouble> {
        let path = journal_file::path(&self.folder, run);
        let refused = |what: &str, why: &str| {
            Err(Trouble::local(what, why, "Ask for the plan anew; this run's journal stays as it is"))
        };
        if !matches!(entry, Entry::Ended { .. }) {
            return refused("a run of an earlier session is never continued", "its steps must be confirmed again");
        }
        if !path.exists() {
            return refused("there is no journal of this run", "it was never begun or has been removed");
        }
        // The cluster's lock too: otherwise two consoles could both close it.
        let _cluster = lock::brief(&self.folder.join("run.lock"))?;
        let Some((journal, torn)) = Self::look(run, &path)? else {
            return refused("this run is not left behind", "a living process is writing it, or it never began");
        };
        if !may_follow(journal.entries.last(), entry) {
            return refused("this run has been ended already", "nothing may follow its end");
        }
        let close = || -> std::io::Result<()> {
            let mut line = if torn { b"\n".to_vec() } else { Vec::new() };
            line.extend(serde_json::to_vec(entry)?);
            line.push(b'\n');
            let mut file = OpenOptions::new().append(true).open(&path)?;
            file.write_all(&line)?;
            file.sync_data()
        };
        close().map_err(|error| not_written(&path, &error))?;
        Ok(journal.entries.len() as u32 + 1)
    }

    /// Removes ended journals beyond the newest [`KEPT`]; what is unfinished or unreadable stays for ever. That a file
    /// cannot be removed is no reason not to unseal.
    fn prune(&self) {
        let Ok(names) = self.names() else { return };
        if names.len() <= KEPT {
            return;
        }
        let mut ended: Vec<(std::time::SystemTime, PathBuf)> = names
            .into_iter()
            .filter(|(run, path)| matches!(Self::look(*run, path), Ok(Some((journal, _))) if journal.ended()))
            .filter_map(|(_, path)| Some((std::fs::metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        ended.sort();
        let surplus = ended.len().saturating_sub(KEPT);
        for (_, path) in ended.into_iter().take(surplus) {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl JournalStore for FileJournal {
    fn append(&self, run: RunId, entry: &Entry) -> Result<u32, Trouble> {
        let mut running = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(live) = running.get_mut(&run) else {
            if !matches!(entry, Entry::Begun { .. }) {
                return self.close_left_behind(run, entry);
            }
            let live = self.begin(run, entry)?;
            running.insert(run, live);
            return Ok(1);
        };
        let path = journal_file::path(&self.folder, run);
        let written = if may_follow(Some(&live.last), entry) {
            self.write(live, entry).map(|()| live.lines).map_err(|error| not_written(&path, &error))
        } else {
            Err(Trouble::local(
                "the journal refuses an entry out of order",
                "",
                "This is a mistake in Baowatch; the run stops here",
            ))
        };
        // After its end, and after a failed write, nothing more of it will be written: the locks are given back.
        if written.is_err() || matches!(entry, Entry::Ended { .. }) {
            running.remove(&run);
        }
        written
    }

    fn unfinished(&self) -> Result<Vec<Journal>, Trouble> {
        let survey = self.survey();
        survey.trouble.map_or(Ok(survey.unfinished), Err)
    }
}

/// Ends the process right before or after the n-th write, for crash tests. Not in release builds.
#[cfg(debug_assertions)]
mod fuse {
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Debug)]
    pub struct Fuse {
        before: Option<u32>,
        after: Option<u32>,
        writes: AtomicU32,
    }

    impl Fuse {
        pub fn of_process() -> Self {
            let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse().ok());
            Self {
                before: number("BAOWATCH_TEST_ABORT_BEFORE_JOURNAL_WRITE"),
                after: number("BAOWATCH_TEST_ABORT_AFTER_JOURNAL_WRITE"),
                writes: AtomicU32::new(0),
            }
        }

        pub fn before(&self) {
            let n = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
            if self.before == Some(n) {
                blow();
            }
        }

        pub fn after(&self) {
            if self.after == Some(self.writes.load(Ordering::SeqCst)) {
                blow();
            }
        }
    }

    /// SIGKILL and not abort: no handler, no destructor, no flush, as when the machine takes the process away.
    fn blow() {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
