//! The table: conditions from the top, the first that holds wins.

use jiff::Timestamp;

use super::{Recoverable, Standing, Verdict};
use crate::app::model::{Model, reopens::reopens};

/// Judges the model as it is at `now`; `sighted` is the last verdict that was not `blind` and when it last held.
pub fn judge(model: &Model, now: Timestamp, _sighted: Option<(Standing, Timestamp)>) -> Verdict {
    Verdict {
        state: Standing::Blind,
        sentence: String::new(),
        because: Vec::new(),
        next: String::new(),
        restarts_to_outage: None,
        recoverable: Recoverable { by: "none-known", says: String::new() },
        reopens: reopens(model, now),
        was: None,
        action: None,
    }
}
