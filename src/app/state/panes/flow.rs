//! The rows of the Flow pane: one application each, worst first.

use super::Row;
use crate::app::flow::{Chain, applications};
use crate::app::state::State;

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    applications(&state.model, state.now)
        .into_iter()
        .map(|application| {
            let names = application.chains.iter().flat_map(|chain| &chain.links).map(|link| link.name.as_str());
            let words = application.chains.first().map(Chain::words).unwrap_or_default();
            Row {
                words: names.fold(words, |words, name| format!("{words} {name}")).to_lowercase(),
                badness: application.grade() as u8,
                figures: vec![("chains", i64::try_from(application.chains.len()).unwrap_or(i64::MAX))],
                ..Row::new(application.name.clone(), application.subject())
            }
        })
        .collect()
}
