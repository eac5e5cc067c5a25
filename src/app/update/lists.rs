//! The cards and their lists: which one has the focus, where its cursor is, what it is filtered and sorted by.

use super::intents::shifted;
use crate::app::flow;
use crate::app::id::{ObjectRef, PaneId};
use crate::app::state::State;
use crate::app::state::layers::Layer;
use crate::app::state::lists::{selected, shown, sorts};

/// One pane on the whole screen.
pub(super) fn zoom(state: &mut State, pane: PaneId) {
    focus(state, pane);
    state.zoom = Some(pane);
}

/// The focus to the next card, or the one before.
pub(super) fn cycle(state: &mut State, step: i8) {
    let all = PaneId::ALL;
    let at = all.iter().position(|pane| *pane == state.focus).unwrap_or(0);
    let forward = usize::from(step.unsigned_abs()) % all.len();
    let next = (at + if step < 0 { all.len() - forward } else { forward }) % all.len();
    if let Some(pane) = all.get(next) {
        focus(state, *pane);
        if state.zoom.is_some() {
            state.zoom = Some(*pane);
        }
    }
}

/// A list that somebody has left need not keep still any more.
fn focus(state: &mut State, pane: PaneId) {
    state.filtering = false;
    if state.focus != pane {
        state.let_go(state.focus);
    }
    state.focus = pane;
    settle(state, pane);
}

/// Makes sure that a pane with rows has one selected that is shown.
pub(super) fn settle(state: &mut State, pane: PaneId) {
    let key = selected(state, pane).map(|row| row.key.clone());
    if let Some(key) = key {
        state.selected.insert(pane, key);
    }
}

/// Moves the cursor; from then on the rows keep their place.
pub(super) fn shift(state: &mut State, by: i32) {
    let pane = state.pane();
    let rows = shown(state, pane);
    let at = selected(state, pane).and_then(|selected| rows.iter().position(|row| row.key == selected.key));
    let to = at.map_or(0, |at| shifted(at, by, rows.len()));
    let Some(key) = rows.get(to).map(|row| row.key.clone()) else { return };
    state.selected.insert(pane, key);
    if to > 0 && (sorts(pane) || pane == PaneId::Timeline) {
        state.hold(pane);
    }
}

/// Shows a row of a pane with everything about it.
pub(super) fn find(state: &mut State, pane: PaneId, key: &str) {
    zoom(state, pane);
    if !shown(state, pane).iter().any(|row| row.key == key) {
        state.view(pane, |view| view.filter.clear());
    }
    let Some(subject) = shown(state, pane).iter().find(|row| row.key == key).map(|row| row.subject.clone()) else {
        return;
    };
    state.selected.insert(pane, key.to_owned());
    details(state, subject);
}

/// Opens the drawer about something; from an application Enter goes on along its chains.
pub(super) fn details(state: &mut State, subject: ObjectRef) {
    let onward = match subject.kind.as_str() {
        "Application" => flow::steps(&state.model, &subject.name, state.now),
        _ => Vec::new(),
    };
    state.layers.push(Layer::Details { subject, scroll: 0, onward });
}

/// Opens the field for the filter.
pub(super) fn filter(state: &mut State) {
    if state.layers.is_empty() || matches!(state.layers.last(), Some(Layer::Alerts { .. })) {
        state.filtering = true;
    }
}

/// Shows all alerts again; whether some were hidden.
pub(super) fn unfilter_alerts(state: &mut State) -> bool {
    let hid = state.filtering || !state.alert_list.filter.is_empty();
    state.filtering = false;
    state.alert_list.filter.clear();
    hid
}

/// The next order.
pub(super) fn sort(state: &mut State) {
    if matches!(state.layers.last(), Some(Layer::Alerts { .. })) {
        state.alert_list.order = state.alert_list.order.next();
        return;
    }
    let pane = state.pane();
    if state.layers.is_empty() && sorts(pane) {
        state.next_sort(pane);
    }
}

/// One step back: out of the filter, out of the zoom.
pub(super) fn back(state: &mut State) {
    let pane = state.pane();
    if state.filtering || state.filter(pane).is_some() {
        state.filtering = false;
        state.view(pane, |view| {
            view.filter.clear();
            view.held = None;
        });
        return;
    }
    if state.zoom.is_some() {
        state.zoom = None;
        state.let_go(pane);
    }
}
