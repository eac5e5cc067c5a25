//! One journal on disk: JSON lines, read back so that what a crash tore off cannot be mistaken for what was written.

use std::path::{Path, PathBuf};

use crate::app::id::RunId;
use crate::app::runbook::journal::{Entry, Journal, may_follow};

/// A run has a few dozen lines; a plan is a few kilobytes.
pub const LONGEST: u64 = 4 << 20;

/// `<run>.jsonl`.
pub fn path(folder: &Path, run: RunId) -> PathBuf {
    folder.join(format!("{run}.jsonl"))
}

/// The run that a file of this name belongs to.
pub fn run_of(name: &str) -> Option<RunId> {
    u64::from_str_radix(name.strip_suffix(".jsonl")?, 16).ok().map(RunId)
}

/// What a journal's bytes come to.
#[derive(Debug, PartialEq)]
pub enum Read {
    /// Lines that follow each other; `torn` when the bytes end in the middle of one.
    Journal {
        /// The lines.
        journal: Journal,
        /// The bytes do not end with a line end.
        torn: bool,
    },
    /// Not even its first line was written: the run never began.
    NeverBegun,
    /// Not a journal, and why.
    Unreadable(String),
}

/// Reads a journal. A torn line is tolerated at the end, where a crash leaves it, and before a closing `Ended`, which is
/// the only thing ever written behind one.
pub fn read(run: RunId, bytes: &[u8]) -> Read {
    let mut entries: Vec<Entry> = Vec::new();
    let mut skipped: Option<usize> = None;
    let torn = !bytes.is_empty() && !bytes.ends_with(b"\n");
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    for (index, line) in lines.iter().enumerate() {
        let number = index + 1;
        let last = number == lines.len();
        // Even a whole line without its line end was not acknowledged: it counts as torn and is judged as not written.
        let entry = if last && torn { None } else { serde_json::from_slice::<Entry>(line).ok() };
        match entry {
            Some(entry) => {
                if let Some(skipped) = skipped.filter(|_| !matches!(entry, Entry::Ended { .. })) {
                    return Read::Unreadable(format!("line {skipped} is not an entry of a journal"));
                }
                if !may_follow(entries.last(), &entry) {
                    return Read::Unreadable(format!("line {number} cannot follow the one before it"));
                }
                entries.push(entry);
            }
            None if skipped.is_none() => skipped = Some(number),
            None => return Read::Unreadable(format!("line {number} is not an entry of a journal")),
        }
    }
    match (entries.is_empty(), skipped, torn) {
        (true, Some(number), false) => Read::Unreadable(format!("line {number} is not an entry of a journal")),
        (true, _, _) => Read::NeverBegun,
        (false, Some(number), false) if number == lines.len() => {
            Read::Unreadable(format!("line {number} is not an entry of a journal"))
        }
        (false, _, _) => Read::Journal { journal: Journal { run, entries }, torn },
    }
}
