//! The table itself: every key, what it is called, when it works, what it asks for.

use super::lists::{ACTION_LIST, ALERTS, CLUSTERS, COMMAND, FILTER, FILTERING, FLEET, PALETTE, SILENCING, SORT};
use super::reading::{SCROLL, SCROLL_FIRST, SCROLL_LAST, SCROLL_PAGE, SCROLL_PAGE_UP, SCROLL_UP, scrolls};
use super::{
    Binding, Context, Does, answered, asks_yes, on_choice, pane_of, plan, rows, run, suggests, unfinished, void,
};
use crate::app::intent::Intent;
use crate::app::state::State;
use crate::app::state::layers::Layer;

pub(super) const ALWAYS: fn(&State) -> bool = |_| true;
pub(super) const SILENT: fn(&State) -> &'static str = |_| "";

pub(super) const DOWN: Binding = Binding {
    keys: &["<Down>", "j"],
    shown: Some("↑↓"),
    label: SILENT,
    says: "move by a row; also j and k",
    rank: 9,
    available: |state| rows(state) > 1 || state.top().is_some(),
    does: Does::Ask(|_, _| Some(Intent::Move(1))),
};
pub(super) const UP: Binding =
    Binding { keys: &["<Up>", "k"], shown: None, says: "", does: Does::Ask(|_, _| Some(Intent::Move(-1))), ..DOWN };
pub(super) const PAGE_DOWN: Binding = Binding {
    keys: &["<PageDown>", "<C-d>"],
    shown: Some("PgUp PgDn"),
    says: "move by ten rows",
    does: Does::Ask(|_, _| Some(Intent::Move(10))),
    ..DOWN
};
pub(super) const PAGE_UP: Binding = Binding {
    keys: &["<PageUp>", "<C-u>"],
    shown: None,
    says: "",
    does: Does::Ask(|_, _| Some(Intent::Move(-10))),
    ..DOWN
};
pub(super) const LAST: Binding = Binding {
    keys: &["<End>", "G"],
    shown: Some("Home End"),
    says: "to the first row, where the list sorts itself anew, or to the last; also g and G",
    does: Does::Ask(|_, _| Some(Intent::Jump { last: true })),
    ..DOWN
};
pub(super) const FIRST: Binding = Binding {
    keys: &["<Home>", "g"],
    shown: None,
    says: "",
    does: Does::Ask(|_, _| Some(Intent::Jump { last: false })),
    ..DOWN
};
pub(super) const BACK: Binding = Binding {
    keys: &["<Esc>"],
    shown: None,
    label: |_| "back",
    says: "one step back",
    rank: 0,
    available: ALWAYS,
    does: Does::Ask(|_, _| Some(Intent::Back)),
};
const COPY: Binding = Binding {
    keys: &["y"],
    shown: None,
    label: |_| "copy",
    says: "copy the sentence and its reasons; never a secret",
    rank: 5,
    available: ALWAYS,
    does: Does::Ask(|_, _| Some(Intent::Copy)),
};
const ACTIONS: Binding = Binding {
    keys: &["a"],
    shown: None,
    label: |_| "actions",
    says: "what can be done about the selection; nothing happens before a plan is confirmed",
    rank: 2,
    available: |state| !state.settings.read_only,
    does: Does::Ask(|_, _| Some(Intent::Actions)),
};

const SUGGESTED: Binding = Binding {
    keys: &["r"],
    shown: None,
    label: |state| match state.verdict.action {
        Some(action) => action.word(),
        None => "why",
    },
    says: "do what the sentence suggests: opens its plan, or the details where there is nothing to plan",
    rank: 1,
    available: suggests,
    does: Does::Ask(|_, _| Some(Intent::Suggested)),
};

static HOME: &[Binding] = &[
    SUGGESTED,
    ACTIONS,
    Binding {
        keys: &["!"],
        shown: None,
        label: |_| "alerts",
        says: "the alerts, worst first",
        rank: 1,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::Alerts)),
    },
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "open",
        says: "open what the cursor is on",
        rank: 3,
        available: |state| rows(state) > 0 || state.zoom.is_none(),
        does: Does::Ask(|_, _| Some(Intent::Open)),
    },
    FILTER,
    PALETTE,
    Binding {
        keys: &["1", "2", "3", "4", "5", "6", "7", "8", "9"],
        shown: Some("1-9"),
        label: |_| "zoom",
        says: "zoom a pane to the whole screen",
        rank: 4,
        available: ALWAYS,
        does: Does::Ask(|_, key| pane_of(key).map(Intent::Zoom)),
    },
    Binding {
        keys: &["<Tab>", "<Right>", "l"],
        shown: None,
        label: |_| "next card",
        says: "to the next card; also → and l",
        rank: 5,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::Cycle(1))),
    },
    Binding {
        keys: &["<S-Tab>", "<Left>", "h"],
        shown: None,
        label: SILENT,
        says: "to the card before; also ← and h",
        rank: 9,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::Cycle(-1))),
    },
    DOWN,
    UP,
    PAGE_DOWN,
    PAGE_UP,
    LAST,
    FIRST,
    SORT,
    CLUSTERS,
    Binding { rank: 6, ..COPY },
    Binding {
        label: |state| if state.filter(state.pane()).is_some() { "all rows" } else { "back" },
        rank: 1,
        available: |state| state.zoom.is_some() || state.filter(state.pane()).is_some(),
        ..BACK
    },
];

static HELP: &[Binding] = &[BACK, SCROLL, SCROLL_UP, SCROLL_PAGE, SCROLL_PAGE_UP, SCROLL_LAST, SCROLL_FIRST];

/// In the alerts and in a drawer the suggestion is that of the alert.
pub(super) const ALERT_ACTION: Binding = Binding {
    label: |_| "repair",
    says: "plan what repairs it, where an action exists",
    available: |state| state.alerts.all().iter().any(|alert| alert.action.is_some()) && !state.settings.read_only,
    ..SUGGESTED
};

/// From an application along its chains.
const ONWARD: Binding = Binding {
    keys: &["<Enter>"],
    shown: None,
    label: |state| if onward(state) { "go on" } else { "" },
    says: "on to the next link of an application's chain: sync object, Secret, workload; elsewhere one step back",
    rank: 1,
    available: ALWAYS,
    does: Does::Ask(|_, _| Some(Intent::Open)),
};

fn onward(state: &State) -> bool {
    matches!(state.top(), Some(Layer::Details { onward, .. }) if !onward.is_empty())
}

static DETAILS: &[Binding] = &[
    BACK,
    ONWARD,
    ALERT_ACTION,
    ACTIONS,
    COPY,
    SCROLL,
    SCROLL_UP,
    SCROLL_PAGE,
    SCROLL_PAGE_UP,
    SCROLL_LAST,
    SCROLL_FIRST,
];

static SHARES: &[Binding] = &[
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "this share is complete",
        says: "the share is complete; a paste with several lines gives several shares",
        rank: 1,
        available: ALWAYS,
        does: Does::Slot,
    },
    Binding {
        keys: &["<C-u>"],
        shown: None,
        label: |_| "clear",
        says: "type this share anew",
        rank: 2,
        available: ALWAYS,
        does: Does::Slot,
    },
    Binding { label: |_| "leave it", says: "leave; what was typed is wiped", ..BACK },
];

static UNLOCK: &[Binding] = &[
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "unlock",
        says: "try what was typed on every slot that it could open",
        rank: 1,
        available: ALWAYS,
        does: Does::Slot,
    },
    Binding {
        keys: &["<C-u>"],
        shown: None,
        label: |_| "clear",
        says: "type it anew",
        rank: 2,
        available: ALWAYS,
        does: Does::Slot,
    },
    Binding {
        keys: &["<Tab>"],
        shown: None,
        label: |_| "keys from elsewhere",
        says: "take the keys from another place than the keystore, where the action can",
        rank: 3,
        available: |state| matches!(state.top(), Some(Layer::Unlock(dialog)) if dialog.action.takes_from_places()),
        does: Does::Ask(|_, _| Some(Intent::NextField)),
    },
    Binding { label: |_| "leave it", says: "leave; what was typed is wiped", ..BACK },
];

const NEXT_FIELD: Binding = Binding {
    keys: &["<Tab>", "<S-Tab>"],
    shown: None,
    label: |_| "choices",
    says: "to the next choice, or back to the answer",
    rank: 2,
    available: has_choices,
    does: Does::Ask(|_, _| Some(Intent::NextField)),
};

fn has_choices(state: &State) -> bool {
    plan(state).is_some_and(|dialog| !dialog.plan.choices.is_empty())
}

/// A plan longer than its window, read while the answer has the focus; a choice that has it is kept in sight itself.
fn reads(state: &State) -> bool {
    !on_choice(state) && scrolls(state)
}

static PLAN: &[Binding] = &[
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "make it anew",
        says: "a plan that is too old, or whose facts moved, is made anew from what is known now",
        rank: 0,
        available: void,
        does: Does::Ask(|_, _| Some(Intent::Accept)),
    },
    Binding {
        keys: &["<Enter>"],
        shown: None,
        label: |_| "do it",
        says: "do it, if the answer is exact; with an empty answer nothing happens",
        rank: 0,
        available: answered,
        does: Does::Ask(|_, _| Some(Intent::Accept)),
    },
    Binding {
        keys: &["y"],
        shown: None,
        label: |_| "yes, then Enter",
        says: "where a plan asks yes or no: yes, then Enter",
        rank: 0,
        available: asks_yes,
        does: Does::Ask(|_, _| Some(Intent::Type('y'))),
    },
    Binding {
        keys: &["n"],
        shown: None,
        label: |_| "no",
        says: "where a plan asks yes or no: no",
        rank: 0,
        available: asks_yes,
        does: Does::Ask(|_, _| Some(Intent::Back)),
    },
    Binding {
        keys: &["<Space>", "<Right>", "<Left>"],
        shown: None,
        label: |_| "change",
        says: "change the choice that has the focus; makes the plan anew",
        rank: 1,
        available: on_choice,
        does: Does::Ask(|_, _| Some(Intent::Toggle)),
    },
    NEXT_FIELD,
    // Letters are text here: only keys that type nothing scroll.
    Binding { keys: &["<Down>"], says: "scroll a plan that is longer than its window", available: reads, ..SCROLL },
    Binding { keys: &["<Up>"], available: reads, ..SCROLL_UP },
    Binding { keys: &["<PageDown>"], available: reads, ..SCROLL_PAGE },
    Binding { keys: &["<PageUp>"], available: reads, ..SCROLL_PAGE_UP },
    Binding {
        keys: &["<End>"],
        shown: Some("Home End"),
        says: "to its first or last line",
        available: reads,
        ..SCROLL_LAST
    },
    Binding { keys: &["<Home>"], available: reads, ..SCROLL_FIRST },
    Binding {
        keys: &["<Down>", "<Up>"],
        label: SILENT,
        says: "",
        rank: 9,
        available: |state| has_choices(state) && !reads(state),
        ..NEXT_FIELD
    },
    Binding {
        keys: &["<BS>"],
        shown: None,
        label: SILENT,
        says: "remove the last character",
        rank: 9,
        available: answered,
        does: Does::Ask(|_, _| Some(Intent::Erase)),
    },
    Binding {
        keys: &["<C-u>"],
        shown: None,
        label: SILENT,
        says: "empty the answer",
        rank: 9,
        available: answered,
        does: Does::Ask(|_, _| Some(Intent::EraseAll)),
    },
    Binding { label: |_| "leave it", says: "leave it; nothing was changed", ..BACK },
];

static RUN: &[Binding] = &[
    Binding {
        label: |state| {
            if run(state).is_some_and(crate::app::runbook::run::Run::underway) { "hide, it goes on" } else { "dismiss" }
        },
        says: "hide a run that goes on, dismiss one that has ended",
        keys: &["<Esc>", "<Enter>"],
        ..BACK
    },
    Binding {
        keys: &["r"],
        shown: None,
        label: |_| "plan the rest",
        says: "after a failure or a crash: plan what is left to do",
        rank: 1,
        available: |state| unfinished(state) && !state.settings.read_only,
        does: Does::Ask(|_, _| Some(Intent::Suggested)),
    },
    SCROLL,
    SCROLL_UP,
    SCROLL_PAGE,
    SCROLL_PAGE_UP,
    SCROLL_LAST,
    SCROLL_FIRST,
];

static LEAVE: &[Binding] = &[
    Binding {
        keys: &["y"],
        shown: None,
        label: |_| "leave all the same",
        says: "leave all the same; the journal keeps what was done",
        rank: 0,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::Accept)),
    },
    Binding { keys: &["n", "<Esc>", "<Enter>"], label: |_| "stay", says: "stay", ..BACK },
];

static REFUSED: &[Binding] = &[Binding { keys: &["<Esc>", "<Enter>"], says: "back to where you were", ..BACK }];

/// Holds wherever letters are keys.
static LETTERS: &[Binding] = &[
    Binding {
        keys: &["?"],
        shown: None,
        label: |_| "help",
        says: "the keys that work",
        rank: 1,
        available: ALWAYS,
        does: Does::Ask(|_, _| Some(Intent::Help)),
    },
    Binding { keys: &["q"], label: |_| "quit", says: "quit; asks first while something runs", rank: 1, ..QUIT },
    QUIT,
    SUSPEND,
];

/// Holds even where letters are text.
static HELD: &[Binding] = &[QUIT, SUSPEND];

const QUIT: Binding = Binding {
    keys: &["<C-c>"],
    shown: None,
    label: SILENT,
    says: "quit, from anywhere",
    rank: 9,
    available: ALWAYS,
    does: Does::Ask(|_, _| Some(Intent::Quit)),
};
const SUSPEND: Binding = Binding {
    keys: &["<C-z>"],
    says: "stop the program and give the terminal back; fg brings it back",
    does: Does::Ask(|_, _| Some(Intent::Suspend)),
    ..QUIT
};

/// The bindings of one context.
pub(super) fn own(context: Context) -> &'static [Binding] {
    match context {
        Context::Home => HOME,
        Context::Help => HELP,
        Context::Alerts => ALERTS,
        Context::Details => DETAILS,
        Context::Actions => ACTION_LIST,
        Context::Shares => SHARES,
        Context::Unlock => UNLOCK,
        Context::Plan => PLAN,
        Context::Run => RUN,
        Context::Leave => LEAVE,
        Context::Refused => REFUSED,
        Context::Filter => FILTERING,
        Context::Palette => COMMAND,
        Context::Clusters => FLEET,
        Context::Silence => SILENCING,
    }
}

/// The bindings that a context shares with others.
pub(super) fn everywhere(context: Context) -> &'static [Binding] {
    match context {
        Context::Home | Context::Alerts | Context::Details | Context::Actions | Context::Run => LETTERS,
        Context::Help
        | Context::Shares
        | Context::Unlock
        | Context::Plan
        | Context::Leave
        | Context::Refused
        | Context::Filter
        | Context::Palette
        | Context::Clusters
        | Context::Silence => HELD,
    }
}
