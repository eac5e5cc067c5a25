//! The rows of the Flow pane: one application each, worst first.

use super::Row;
use crate::app::flow::{Brief, application, briefs as all};
use crate::app::id::PaneId;
use crate::app::state::State;

/// Every application in brief, worst first: made once until something changes that they rest on.
pub fn briefs(state: &State) -> &[Brief] {
    state.made.briefs(|| all(&state.model, state.now))
}

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let row = |brief: &Brief| Row {
        badness: brief.grade as u8,
        figures: vec![("chains", i64::try_from(brief.chains).unwrap_or(i64::MAX))],
        ..Row::new(brief.name.clone(), brief.subject())
    };
    briefs(state).iter().map(row).collect()
}

/// What the filter searches of each row.
pub(super) fn words(state: &State) -> impl Fn(&Row) -> String {
    let now = state.made.basis(PaneId::Flow);
    move |row| {
        let Some(whole) = application(&state.model, &row.key, now) else { return String::new() };
        let names = whole.chains.iter().flat_map(|chain| &chain.links).map(|link| link.name.as_str());
        names.fold(whole.chains.first().map(crate::app::flow::Chain::words).unwrap_or_default(), |words, name| {
            format!("{words} {name}")
        })
    }
}
