//! The keys of lists, of the palette and of the small dialogs: filter, order, command, cluster, silence, actions.

use super::table::{ALERT_ACTION, ALWAYS, BACK, DOWN, FIRST, LAST, PAGE_DOWN, PAGE_UP, SILENT, UP};
use super::{Binding, Does, rows};
use crate::app::intent::Intent;
use crate::app::state::State;
use crate::app::state::layers::{Layer, Until};
use crate::app::state::lists::sorts;

/// Where nothing is typed yet, an empty field takes no Backspace.
const ERASE: Binding = Binding {
    keys: &["<BS>"],
    shown: None,
    label: SILENT,
    says: "remove the last character",
    rank: 9,
    available: ALWAYS,
    does: Does::Ask(|_, _| Some(Intent::Erase)),
};
const ERASE_ALL: Binding =
    Binding { keys: &["<C-u>"], says: "empty the field", does: Does::Ask(|_, _| Some(Intent::EraseAll)), ..ERASE };

pub(super) const FILTER: Binding = Binding {
    keys: &["/"],
    shown: None,
    label: |_| "filter",
    says: "show only the rows with these words in them; Esc shows all again",
    rank: 3,
    available: |state| rows(state) > 1 || state.filter(state.pane()).is_some(),
    does: Does::Ask(|_, _| Some(Intent::Filter)),
};
pub(super) const SORT: Binding = Binding {
    keys: &["s"],
    shown: None,
    label: |_| "sort",
    says: "the next order: worst first, by name, by each figure",
    rank: 5,
    available: |state| rows(state) > 1 && sorts(state.pane()),
    does: Does::Ask(|_, _| Some(Intent::Sort)),
};
pub(super) const PALETTE: Binding = Binding {
    keys: &[":"],
    shown: None,
    label: |_| "go to",
    says: "type where to go or what to do: a pane, an action, a cluster, any object by name",
    rank: 3,
    available: ALWAYS,
    does: Does::Ask(|_, _| Some(Intent::Palette)),
};
pub(super) const CLUSTERS: Binding = Binding {
    keys: &["c"],
    shown: None,
    label: |_| "cluster",
    says: "the clusters of the config file, to go to another",
    rank: 4,
    available: |state| !state.settings.fleet.is_empty(),
    does: Does::Ask(|_, _| Some(Intent::Clusters)),
};

/// Letters are text here: only keys that type nothing move.
const TEXT_DOWN: Binding = Binding { keys: &["<Down>"], shown: Some("↑↓"), says: "move by a row", ..DOWN };
const TEXT_UP: Binding = Binding { keys: &["<Up>"], ..UP };

pub(super) static FILTERING: &[Binding] = &[
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "keep it",
        says: "keep the filter and leave the field",
        rank: 0,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::Accept)),
    },
    Binding { label: |_| "clear", says: "show all rows again", ..BACK },
    Binding { available: |state| rows(state) > 1, ..TEXT_DOWN },
    Binding { available: |state| rows(state) > 1, ..TEXT_UP },
    Binding { keys: &["<PageDown>"], available: |state| rows(state) > 1, ..PAGE_DOWN },
    Binding { keys: &["<PageUp>"], available: |state| rows(state) > 1, ..PAGE_UP },
    ERASE,
    ERASE_ALL,
];

pub(super) static COMMAND: &[Binding] = &[
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "go",
        says: "do what the cursor is on; an action opens its plan",
        rank: 0,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::Accept)),
    },
    Binding {
        keys: &["<Tab>"],
        shown: None,
        label: |_| "complete",
        says: "complete what was typed",
        rank: 1,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::NextField)),
    },
    Binding { label: |_| "choose", rank: 1, ..TEXT_DOWN },
    TEXT_UP,
    Binding { label: |_| "leave it", says: "leave", ..BACK },
    ERASE,
    ERASE_ALL,
];

pub(super) static FLEET: &[Binding] = &[
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "go there",
        says: "end this session and begin one with that cluster; asks first while something runs",
        rank: 0,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::Accept)),
    },
    BACK,
    Binding { label: |_| "choose", rank: 2, ..DOWN },
    UP,
    PAGE_DOWN,
    PAGE_UP,
    LAST,
    FIRST,
];

pub(super) static SILENCING: &[Binding] = &[
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |state| match state.top() {
            Some(Layer::Silence(dialog)) if dialog.until == Until::Lifted => "let it be heard",
            Some(_) | None => "silence it",
        },
        says: "silence it, once there is a reason; or let it be heard again",
        rank: 0,
        available: |state| matches!(state.top(), Some(Layer::Silence(dialog)) if dialog.complete()),
        does: Does::Ask(|_, _| Some(Intent::Accept)),
    },
    Binding {
        keys: &["<Tab>"],
        shown: None,
        label: |_| "for how long",
        says: "another end: an hour, four hours, tomorrow morning; for one that is silent: none any more",
        rank: 1,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::NextField)),
    },
    Binding { label: |_| "leave it", says: "leave; nothing changes", ..BACK },
    ERASE,
    ERASE_ALL,
];

pub(super) static ACTION_LIST: &[Binding] = &[
    BACK,
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "show its plan",
        says: "make a plan and show it; nothing is done yet",
        rank: 1,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::Open)),
    },
    DOWN,
    UP,
];

pub(super) static ALERTS: &[Binding] = &[
    BACK,
    ALERT_ACTION,
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "runbook",
        says: "everything about the alert's subject, with the runbook",
        rank: 1,
        available: has_alerts,
        does: Does::Ask(|_, _| Some(Intent::Open)),
    },
    Binding {
        keys: &["a"],
        shown: None,
        label: |_| "acknowledge",
        says: "seen, being dealt with: stays listed, no longer counts",
        rank: 2,
        available: has_alerts,
        does: Does::Ask(|_, _| Some(Intent::Acknowledge)),
    },
    Binding {
        keys: &["s"],
        shown: None,
        label: |_| "silence",
        says: "silence it for a while, with a reason, or end its silence",
        rank: 3,
        available: has_alerts,
        does: Does::Ask(|_, _| Some(Intent::Silence)),
    },
    Binding { label: |state| if state.alerts.all().len() > 1 { "next" } else { "" }, rank: 4, ..DOWN },
    Binding {
        says: "show only the alerts with these words in them; Esc shows all again",
        rank: 5,
        available: |state| state.alerts.all().len() > 1,
        ..FILTER
    },
    Binding {
        keys: &["o"],
        label: |_| "order",
        says: "the next order: worst first, newest first, by rule, by what they are about",
        rank: 6,
        available: |state| rows(state) > 1,
        ..SORT
    },
    UP,
    PAGE_DOWN,
    PAGE_UP,
    LAST,
    FIRST,
];

fn has_alerts(state: &State) -> bool {
    !state.alerts.all().is_empty()
}
