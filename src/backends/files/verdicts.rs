//! How each cluster of the config file stood when the console last looked at it: one small file, for the list of clusters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic::{self, Existing};
use super::{dirs, json_why, left_alone, not_written, read_small};
use crate::app::settings::LastSeen;
use crate::app::trouble::Trouble;

const SCHEMA: &str = "baowatch.verdicts/v1";
const LONGEST: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct File {
    schema: String,
    clusters: BTreeMap<String, LastSeen>,
}

fn path(state_root: &Path) -> PathBuf {
    state_root.join("verdicts.json")
}

/// What was kept; nothing where there is no such file.
///
/// # Errors
/// When it cannot be read, or another version wrote it.
pub fn read(state_root: &Path) -> Result<BTreeMap<String, LastSeen>, Trouble> {
    let path = path(state_root);
    let Some(bytes) = read_small(&path, LONGEST)? else { return Ok(BTreeMap::new()) };
    let file: File = serde_json::from_slice(&bytes).map_err(|error| left_alone(&path, &json_why(&error)))?;
    if file.schema == SCHEMA {
        Ok(file.clusters)
    } else {
        Err(left_alone(&path, "another version of Baowatch wrote it"))
    }
}

/// Keeps how this cluster stands; what another console wrote meanwhile about others stays.
///
/// # Errors
/// When it cannot be read or written; what cannot be read is left as it is.
pub fn keep(state_root: &Path, name: &str, seen: LastSeen) -> Result<(), Trouble> {
    dirs::private(state_root).map_err(|error| not_written(state_root, &error))?;
    let mut clusters = read(state_root)?;
    clusters.insert(name.to_owned(), seen);
    let path = path(state_root);
    let file = File { schema: SCHEMA.to_owned(), clusters };
    let text = serde_json::to_vec_pretty(&file).map_err(|error| not_written(&path, &error.into()))?;
    atomic::write(&path, &text, Existing::Replace).map(|_| ()).map_err(|error| not_written(&path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::verdict::Standing;

    #[test]
    fn each_cluster_keeps_its_own_and_a_broken_file_is_left() {
        let root = tempfile::tempdir().unwrap();
        assert!(read(root.path()).unwrap().is_empty());
        let seen = |state| LastSeen { state, sentence: "as it was".to_owned(), at: jiff::Timestamp::UNIX_EPOCH };
        keep(root.path(), "fra", seen(Standing::Survives)).unwrap();
        keep(root.path(), "ams", seen(Standing::Down)).unwrap();
        keep(root.path(), "fra", seen(Standing::Blind)).unwrap();
        let kept = read(root.path()).unwrap();
        assert_eq!(
            kept.into_iter().map(|(name, seen)| (name, seen.state)).collect::<Vec<_>>(),
            [("ams".to_owned(), Standing::Down), ("fra".to_owned(), Standing::Blind),]
        );
        std::fs::write(path(root.path()), "{").unwrap();
        assert!(keep(root.path(), "fra", seen(Standing::Down)).is_err());
        assert_eq!(std::fs::read(path(root.path())).unwrap(), b"{");
    }
}
