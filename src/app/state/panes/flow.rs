//! The rows of the Flow pane: one application each, worst first.

use std::collections::HashMap;

use super::Row;
use crate::app::flow::{Brief, Chain, Grade, applications, briefs as all};
use crate::app::id::PaneId;
use crate::app::state::State;

/// Every application in brief, worst first: made once until something changes that they rest on.
pub fn briefs(state: &State) -> &[Brief] {
    state.made.briefs(|| all(&state.model, state.now))
}

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    let row = |brief: &Brief| Row {
        badness: match brief.grade {
            // What is on its way is not wrong.
            Grade::Well | Grade::Waits => 0,
            Grade::Unknown => 2,
            Grade::Broken => 3,
        },
        figures: vec![("chains", i64::try_from(brief.chains).unwrap_or(i64::MAX))],
        ..Row::new(brief.name.clone(), brief.subject())
    };
    briefs(state).iter().map(row).collect()
}

/// What the filter searches of each row.
pub(super) fn words(state: &State) -> impl Fn(&Row) -> String {
    let all = applications(&state.model, state.made.basis(PaneId::Flow));
    let said = all.into_iter().map(|one| {
        let names = one.chains.iter().flat_map(|chain| &chain.links).map(|link| link.name.as_str());
        let worst = one.chains.first().map(Chain::words).unwrap_or_default();
        let words = names.fold(worst, |words, name| format!("{words} {name}"));
        (one.name, words)
    });
    let said: HashMap<String, String> = said.collect();
    move |row| said.get(&row.key).cloned().unwrap_or_default()
}
