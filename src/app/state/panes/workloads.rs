//! The rows of the Workloads pane: workloads that use a secret, worst first.

use super::Row;
use crate::app::id::PaneId;
use crate::app::state::State;
use crate::app::workloads::{Standing, View};

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let now = state.made.basis(PaneId::Workloads);
    let view = View::of(&state.model, now);
    let row = |standing: &Standing<'_>| {
        let object = &standing.consumer.object;
        Row {
            badness: standing.badness(),
            figures: vec![("behind", standing.behind(now).map_or(0, |behind| behind.as_secs()))],
            ..Row::new(object.to_string(), object.clone())
        }
    };
    let mut rows: Vec<Row> = view.all().iter().map(row).collect();
    let behind = |row: &Row| row.figures.first().map_or(0, |(_, figure)| *figure);
    rows.sort_by(|a, b| (b.badness, behind(b), &a.subject).cmp(&(a.badness, behind(a), &b.subject)));
    rows
}

/// What the filter searches of each row.
pub(super) fn words(state: &State) -> impl Fn(&Row) -> String {
    let view = View::of(&state.model, state.now);
    move |row| {
        let Some(consumer) = state.model.consumers.as_ref().and_then(|table| table.get(&row.subject)) else {
            return String::new();
        };
        let secrets: Vec<&str> = consumer.uses.iter().map(|used| used.secret.name.as_str()).collect();
        format!("{} {} {}", consumer.object.kind, view.standing(consumer).rollout(), secrets.join(" "))
    }
}
