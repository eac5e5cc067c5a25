//! What a person can ask for, independent of the key that asks it.

use serde::{Deserialize, Serialize};

use super::id::{ActionId, ObjectRef, PaneId};

/// One wish. None of them changes a cluster: the most that one does is confirm a plan that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// Zoom this pane to the whole screen.
    Zoom(PaneId),
    /// Focus the next (1) or previous (-1) card.
    Cycle(i8),
    /// Move the cursor by this many rows.
    Move(i32),
    /// To the first or (true) last row.
    Jump {
        /// To the last.
        last: bool,
    },
    /// Open what the cursor is on: a card, an alert, an action.
    Open,
    /// One step back; at home it does nothing.
    Back,
    /// Show the alerts.
    Alerts,
    /// Show the keys that work.
    Help,
    /// Show what can be done with the selection.
    Actions,
    /// Do what the sentence suggests: opens its plan, or the details where there is nothing to plan.
    Suggested,
    /// Ask an action for its plan.
    Offer {
        /// Which action.
        action: ActionId,
        /// About what; `None` for the vault as a whole.
        target: Option<ObjectRef>,
    },
    /// A character for the field that has the focus (a challenge, a filter, a command, a reason); never a secret.
    Type(char),
    /// Remove the last character of that field.
    Erase,
    /// Empty that field.
    EraseAll,
    /// Put the focus on the next field or choice of the dialog.
    NextField,
    /// Change the choice that has the focus.
    Toggle,
    /// Confirm: runs the plan if the challenge is answered exactly.
    Accept,
    /// Acknowledge the alert under the cursor: seen, being dealt with.
    Acknowledge,
    /// Ask for how long and why the alert under the cursor is to be silent.
    Silence,
    /// Type a filter for the list that has the focus.
    Filter,
    /// The next order of that list.
    Sort,
    /// Type a command.
    Palette,
    /// Show the clusters of the config file.
    Clusters,
    /// End this session and begin one with another cluster; asks first while something runs.
    Switch(String),
    /// Go to a row of a pane and open it.
    Find {
        /// The pane.
        pane: PaneId,
        /// The row's key.
        key: String,
    },
    /// Copy the line under the cursor; never a secret.
    Copy,
    /// Leave; asks first while something runs.
    Quit,
    /// Stop the process, as Ctrl-Z does.
    Suspend,
}
