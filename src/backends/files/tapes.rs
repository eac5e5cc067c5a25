//! Where the tapes of consoles lie: one file a session, the newest few kept.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::dirs;

/// Tapes kept, this session's own not counted: enough to look back over a bad week.
const KEPT: usize = 4;

/// The file for a session that begins now; older tapes beyond the newest few are removed.
///
/// # Errors
/// When the folder cannot be made.
pub fn begin(state_root: &Path, began: Timestamp) -> std::io::Result<PathBuf> {
    let folder = state_root.join("tapes");
    dirs::private(&folder)?;
    let mut old: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ext| ext == "jsonl"))
        .collect();
    // Their names begin with the time at which they began.
    old.sort();
    for path in old.iter().rev().skip(KEPT) {
        // A tape that cannot be removed is no reason not to begin another.
        let _ = std::fs::remove_file(path);
    }
    let name = format!("{}-{}.jsonl", began.strftime("%Y%m%dT%H%M%SZ"), std::process::id());
    Ok(folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_few_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let at = |n: i64| Timestamp::from_second(1_795_320_000 + n * 60).unwrap();
        for n in 0..9 {
            std::fs::write(begin(root.path(), at(n)).unwrap(), "tape").unwrap();
        }
        let mut names: Vec<String> = std::fs::read_dir(root.path().join("tapes"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names.len(), KEPT + 1);
        assert!(names[KEPT].starts_with("20261122T"), "{names:?}");
    }
}
