//! One table: it handles the keys, and the footer and the help are written from it, so that no dead key is ever shown.
//!
//! Two kinds of field take keys before the table can mean anything else. In a visible field (a challenge) a printable
//! key is text. In a field for a secret the runtime asks [`State::secret_focus`] first and keeps every printable key,
//! Backspace, Ctrl-U, a paste, and the Enter that ends a share in its slot; only keys for which [`intent_for`] has an
//! answer there (Esc, Ctrl-C, Ctrl-Z) come through here.

use crossterm::event::KeyEvent;

use super::keys;
use crate::app::id::PaneId;
use crate::app::intent::Intent;
use crate::app::ports::Fingers;
use crate::app::program::Console;
use crate::app::runbook::guard::check;
use crate::app::runbook::plan::{Danger, LIFETIME};
use crate::app::runbook::run::{Phase, Run};
use crate::app::state::layers::{Field, Layer, PlanDialog};
use crate::app::state::{State, lists as seen};
use crate::app::time::age;

mod lists;
mod reading;
mod table;

/// Where keys mean what: the topmost layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// The overview, or one pane zoomed.
    Home,
    /// The help.
    Help,
    /// The alerts.
    Alerts,
    /// A drawer with everything about one thing.
    Details,
    /// The list of actions.
    Actions,
    /// Shares are being typed.
    Shares,
    /// The keystore is being unlocked.
    Unlock,
    /// A plan waits for its challenge.
    Plan,
    /// A run and its steps.
    Run,
    /// Leave while something runs?
    Leave,
    /// Something was refused.
    Refused,
    /// The filter of a list is being typed.
    Filter,
    /// A command is being typed.
    Palette,
    /// The clusters of the config file.
    Clusters,
    /// An alert is about to be silenced.
    Silence,
}

impl Context {
    /// Every context, in the order of the help, with its heading.
    pub const ALL: [(Self, &'static str); 15] = [
        (Self::Home, "Overview and panes"),
        (Self::Filter, "Typing a filter"),
        (Self::Palette, "Typing a command"),
        (Self::Clusters, "Clusters"),
        (Self::Alerts, "Alerts"),
        (Self::Silence, "Silencing an alert"),
        (Self::Details, "Details"),
        (Self::Actions, "Actions"),
        (Self::Shares, "Typing shares"),
        (Self::Unlock, "Unlocking the keystore"),
        (Self::Plan, "A plan"),
        (Self::Run, "A run"),
        (Self::Leave, "Leaving while something runs"),
        (Self::Refused, "Refused"),
        (Self::Help, "Help"),
    ];

    /// The context of what is on the screen.
    pub fn of(state: &State) -> Self {
        match state.top() {
            Some(Layer::Alerts { .. }) | None if state.filtering => Self::Filter,
            None => Self::Home,
            Some(Layer::Help { .. }) => Self::Help,
            Some(Layer::Alerts { .. }) => Self::Alerts,
            Some(Layer::Details { .. }) => Self::Details,
            Some(Layer::Actions { .. }) => Self::Actions,
            Some(Layer::Shares(_)) => Self::Shares,
            Some(Layer::Unlock(_)) => Self::Unlock,
            Some(Layer::Plan(_)) => Self::Plan,
            Some(Layer::Run { .. }) => Self::Run,
            Some(Layer::Leave) => Self::Leave,
            Some(Layer::Refused(_)) => Self::Refused,
            Some(Layer::Palette(_)) => Self::Palette,
            Some(Layer::Clusters { .. }) => Self::Clusters,
            Some(Layer::Silence(_)) => Self::Silence,
        }
    }
}

/// What a binding does.
#[derive(Debug, Clone, Copy)]
pub enum Does {
    /// Asks for this; the name of the pressed key is given.
    Ask(fn(&State, &str) -> Option<Intent>),
    /// The runtime handles it: it ends up in a secret slot.
    Slot,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Names of the keys, the one to show first.
    pub keys: &'static [&'static str],
    /// How the keys are written together, where `keys[0]` does not say it.
    pub shown: Option<&'static str>,
    /// The word in the footer; empty for what only the help tells.
    pub label: fn(&State) -> &'static str,
    /// The sentence in the help.
    pub says: &'static str,
    /// 0 never leaves the footer; the highest leaves it first.
    pub rank: u8,
    /// Whether it works right now.
    pub available: fn(&State) -> bool,
    /// What it does.
    pub does: Does,
}

impl Binding {
    /// How its keys are written.
    pub fn written(&self) -> String {
        match self.shown {
            Some(shown) => shown.to_owned(),
            None => self.keys.first().map(|name| keys::shown(name)).unwrap_or_default(),
        }
    }
}

/// The bindings of a context: its own, then those that hold everywhere.
pub fn bindings(context: Context) -> impl Iterator<Item = &'static Binding> {
    table::own(context).iter().chain(table::everywhere(context))
}

/// The bindings that work right now, in the order of the footer.
pub fn available(state: &State) -> impl Iterator<Item = &'static Binding> {
    bindings(Context::of(state)).filter(|binding| (binding.available)(state))
}

/// What this key means on the screen that is shown; `None` for a dead key, and for one that goes to a secret slot.
pub fn intent_for(state: &State, key: &KeyEvent) -> Option<Intent> {
    for binding in available(state) {
        if let Some(name) = binding.keys.iter().find(|name| keys::is(key, name)) {
            return match binding.does {
                Does::Ask(ask) => ask(state, name),
                Does::Slot => None,
            };
        }
    }
    if state.text_focus() { keys::character(key).map(Intent::Type) } else { None }
}

/// The key that asks for this right now, as it is written on the screen.
pub fn key_for(state: &State, intent: &Intent) -> Option<&'static str> {
    available(state).find_map(|binding| match binding.does {
        Does::Ask(ask) => binding.keys.iter().find(|name| ask(state, name).as_ref() == Some(intent)).copied(),
        Does::Slot => None,
    })
}

/// The real keymap under a script.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keyboard;

impl Fingers<Console> for Keyboard {
    fn press(&self, program: &Console, key: &str) -> Option<Intent> {
        intent_for(&program.0, &keys::parse(key)?)
    }
}

/// How many rows the list under the keys shows.
fn rows(state: &State) -> usize {
    match state.top() {
        Some(Layer::Alerts { .. }) => state.listed_alerts().len(),
        Some(_) | None => seen::shown(state, state.pane()).len(),
    }
}

/// The key of the overview that asks for this, where one does: the palette names it.
pub fn home_key(state: &State, intent: &Intent) -> Option<String> {
    table::own(Context::Home).iter().chain(table::everywhere(Context::Home)).find_map(|binding| match binding.does {
        Does::Ask(ask) => {
            binding.keys.iter().find(|name| ask(state, name).as_ref() == Some(intent)).map(|name| keys::shown(name))
        }
        Does::Slot => None,
    })
}

fn plan(state: &State) -> Option<&PlanDialog> {
    match state.top() {
        Some(Layer::Plan(dialog)) => Some(dialog),
        Some(_) | None => None,
    }
}

fn run(state: &State) -> Option<&Run> {
    match state.top() {
        Some(Layer::Run { run, .. }) => state.run(*run),
        Some(_) | None => None,
    }
}

fn on_choice(state: &State) -> bool {
    plan(state).is_some_and(|dialog| matches!(dialog.focus, Field::Choice(_)))
}

/// A plan that is confirmed by `y` and has not been answered yet.
fn asks_yes(state: &State) -> bool {
    plan(state).is_some_and(|dialog| {
        dialog.plan.danger == Danger::Yes && dialog.focus == Field::Answer && dialog.answer.is_empty()
    })
}

fn answered(state: &State) -> bool {
    plan(state).is_some_and(|dialog| dialog.focus == Field::Answer && !dialog.answer.is_empty())
}

/// A run that stopped before its end, whose rest can be planned anew.
fn unfinished(state: &State) -> bool {
    run(state).is_some_and(|run| match run.phase {
        Phase::Failed(..) | Phase::LeftBehind => true,
        Phase::Underway | Phase::Succeeded(_) | Phase::Dismissed => false,
    })
}

/// A plan on the screen that cannot be confirmed any more: too old, or its facts moved. Enter makes it anew.
fn void(state: &State) -> bool {
    plan(state).is_some_and(|dialog| {
        age(state.now, dialog.plan.made) > LIFETIME || check(&dialog.plan.basis, &state.model, state.now).is_err()
    })
}

/// Whether the sentence, or the alert under the cursor, suggests something that exists.
fn suggests(state: &State) -> bool {
    state.verdict.action.is_some() || !state.alerts.all().is_empty()
}

fn pane_of(key: &str) -> Option<PaneId> {
    let digit: u8 = key.parse().ok()?;
    PaneId::ALL.into_iter().find(|pane| pane.digit() == digit)
}
