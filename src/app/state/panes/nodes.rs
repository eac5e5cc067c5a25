//! The rows of the Nodes pane: nodes by the pressure on their memory, worst first.

use std::collections::BTreeMap;

use super::Row;
use crate::app::id::PaneId;
use crate::app::model::table::Table;
use crate::app::nodes::{NodeView, views};
use crate::app::state::State;

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let mut pods: BTreeMap<&str, i64> = BTreeMap::new();
    for life in state.model.containers.iter().flat_map(Table::iter) {
        *pods.entry(life.node.as_str()).or_default() += 1;
    }
    let count = |view: &NodeView<'_>| {
        pods.get(view.node.object.name.as_str()).copied().unwrap_or(view.vault.len().cast_signed() as i64)
    };
    views(&state.model, state.made.basis(PaneId::Nodes)).iter().map(|view| row(view, count(view))).collect()
}

fn row(view: &NodeView<'_>, pods: i64) -> Row {
    let name = &view.node.object.name;
    let mut words = vec![name.to_lowercase()];
    words.extend(view.vault.iter().map(|pod| pod.to_lowercase()));
    words.extend(view.node.pressures.iter().map(|(pressure, _)| pressure.to_lowercase()));
    if view.node.ready == Some(false) {
        words.push("not ready".to_owned());
    }
    if view.node.cordoned {
        words.push("cordoned".to_owned());
    }
    Row {
        words: words.join(" "),
        badness: view.badness,
        figures: vec![("used %", view.percent.or(view.requested).unwrap_or(0).cast_signed()), ("pods", pods)],
        ..Row::new(name.clone(), view.node.object.clone())
    }
}
