//! The rows of the Sync pane: objects that bring secrets into the cluster, worst first.

use super::Row;
use crate::app::state::State;

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let _ = state;
    Vec::new()
}
