//! `check --state FILE`: what one run tells the next.

use std::path::Path;

use super::atomic::{self, Existing};
use super::{dirs, json_why, left_alone, not_written, read_small};
use crate::app::report::remembered::{Remembered, SCHEMA};
use crate::app::trouble::Trouble;

const LONGEST: u64 = 4 << 20;

/// Reads what the last run left; an empty memory where there is no file. A file that is not ours is left as it is.
pub fn load(path: &Path) -> Result<Remembered, Trouble> {
    let Some(bytes) = read_small(path, LONGEST)? else { return Ok(Remembered::default()) };
    let remembered: Remembered = serde_json::from_slice(&bytes).map_err(|error| left_alone(path, &json_why(&error)))?;
    if remembered.schema != SCHEMA {
        return Err(left_alone(path, "it is not a state file of this version of `check`"));
    }
    Ok(remembered)
}

/// Writes it whole, over a file that [`load`] could read.
pub fn save(path: &Path, remembered: &Remembered) -> Result<(), Trouble> {
    load(path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        dirs::private(folder).map_err(|error| not_written(path, &error))?;
    }
    let mut bytes = serde_json::to_vec_pretty(remembered).map_err(|error| not_written(path, &error.into()))?;
    bytes.push(b'\n');
    atomic::write(path, &bytes, Existing::Replace).map_err(|error| not_written(path, &error))?;
    Ok(())
}
