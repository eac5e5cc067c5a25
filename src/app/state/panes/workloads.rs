//! The rows of the Workloads pane: workloads that use a secret, worst first.

use super::Row;
use crate::app::state::State;
use crate::app::workloads::View;

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let mut rows: Vec<Row> = View::of(&state.model)
        .all()
        .iter()
        .map(|standing| {
            let object = &standing.consumer.object;
            let behind = standing.behind(state.now).map_or(0, |behind| behind.as_secs());
            let secrets: Vec<&str> = standing.consumer.uses.iter().map(|used| used.secret.name.as_str()).collect();
            Row {
                words: format!("{} {} {}", object.kind, standing.rollout(), secrets.join(" ")).to_lowercase(),
                badness: standing.badness(),
                figures: vec![("behind", behind)],
                ..Row::new(object.to_string(), object.clone())
            }
        })
        .collect();
    let behind = |row: &Row| row.figures.first().map_or(0, |(_, figure)| *figure);
    rows.sort_by(|a, b| (b.badness, behind(b), &a.subject).cmp(&(a.badness, behind(a), &b.subject)));
    rows
}
