//! The rows of the Sync pane: objects that bring secrets into the cluster, worst first.

use std::collections::BTreeMap;

use super::Row;
use crate::app::id::PaneId;
use crate::app::model::paths::VaultPath;
use crate::app::model::sync::SyncSeen;
use crate::app::state::State;
use crate::app::sync::standings::standings;
use crate::app::sync::{Standing, Witnesses, Word};

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let known = standings(&state.model, state.now);
    let table = state.model.sync.iter();
    let mut rows: Vec<Row> =
        table.flat_map(|table| known.of(table)).map(|(seen, standing)| row(seen, standing)).collect();
    rows.sort_by(|a, b| {
        let weight = |row: &Row| (row.badness, row.figures.first().map_or(0, |(_, lag)| *lag));
        let (one, other) = (&a.subject, &b.subject);
        let place = one.namespace.cmp(&other.namespace).then_with(|| one.name.cmp(&other.name));
        weight(b).cmp(&weight(a)).then(place).then_with(|| one.kind.cmp(&other.kind))
    });
    rows
}

fn row(seen: &SyncSeen, standing: &Standing) -> Row {
    Row {
        badness: standing.badness(),
        figures: vec![("lag", standing.lag.map_or(0, |lag| lag.as_secs())), ("kind", -(seen.kind as i64))],
        ..Row::new(format!("{} {}", seen.object.kind, seen.object.path()), seen.object.clone())
    }
}

/// Objects that stand alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alike {
    /// The word for it.
    pub word: Word,
    /// With something to say besides.
    pub remark: bool,
    /// How bad it is.
    pub badness: u8,
    /// How many they are.
    pub count: usize,
}

/// How all of them stand, counted once however often the title is drawn.
pub fn tally(state: &State) -> &[Alike] {
    state.made.tally(|| {
        let known = standings(&state.model, state.now);
        let mut counts: BTreeMap<(u8, bool), Alike> = BTreeMap::new();
        for (_, standing) in state.model.sync.iter().flat_map(|table| known.of(table)) {
            let (word, remark) = (standing.word, standing.also.is_some());
            let none = Alike { word, remark, badness: standing.badness(), count: 0 };
            counts.entry((word.badness(), remark)).or_insert(none).count += 1;
        }
        counts.into_values().collect()
    })
}

/// What the filter searches of each row.
pub(super) fn words(state: &State) -> impl Fn(&Row) -> String {
    let witnesses = Witnesses::of(&state.model, state.made.basis(PaneId::Sync));
    move |row| {
        let Some(seen) = state.model.sync.as_ref().and_then(|table| table.get(&row.subject)) else {
            return String::new();
        };
        let standing = witnesses.judge(seen);
        let brought = seen.sources.iter().filter(|source| !source.path.is_empty() || !source.mount.is_empty());
        let sources: Vec<String> = brought.map(VaultPath::words).collect();
        let secret = seen.secret.as_ref().map(|secret| secret.name.as_str()).unwrap_or_default();
        format!("{} {secret} {} {}", standing.word.name(), sources.join(" "), standing.why)
    }
}
