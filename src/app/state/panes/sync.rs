//! The rows of the Sync pane: objects that bring secrets into the cluster, worst first.

use super::Row;
use crate::app::model::paths::VaultPath;
use crate::app::model::sync::SyncSeen;
use crate::app::model::table::Table;
use crate::app::state::State;
use crate::app::sync::{Standing, Witnesses};

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let witnesses = Witnesses::of(&state.model, state.now);
    let table = state.model.sync.iter().flat_map(Table::iter);
    let mut rows: Vec<Row> = table.map(|seen| row(seen, &witnesses.judge(seen))).collect();
    rows.sort_by_cached_key(|row| {
        let lag = row.figures.first().map_or(0, |(_, lag)| *lag);
        (std::cmp::Reverse((row.badness, lag)), row.subject.path(), row.subject.kind.clone())
    });
    rows
}

fn row(seen: &SyncSeen, standing: &Standing) -> Row {
    let brought = seen.sources.iter().filter(|source| !source.path.is_empty() || !source.mount.is_empty());
    let sources: Vec<String> = brought.map(VaultPath::words).collect();
    let secret = seen.secret.as_ref().map(|secret| secret.name.clone()).unwrap_or_default();
    let words = format!("{} {secret} {} {}", standing.word.name(), sources.join(" "), standing.why);
    Row {
        words: words.to_lowercase(),
        badness: standing.badness(),
        figures: vec![("lag", standing.lag.map_or(0, |lag| lag.as_secs())), ("kind", -(seen.kind as i64))],
        ..Row::new(format!("{} {}", seen.object.kind, seen.object.path()), seen.object.clone())
    }
}
