//! The rows of the Nodes pane: nodes by the pressure on their memory, worst first.

use super::Row;
use crate::app::id::PaneId;
use crate::app::nodes::{NodeView, views};
use crate::app::state::State;

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let count = |view: &NodeView<'_>| {
        let load = state.model.loads.get(view.node.object.name.as_str());
        load.map_or_else(|| i64::try_from(view.vault.len()).unwrap_or(i64::MAX), |load| i64::from(load.pods))
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
