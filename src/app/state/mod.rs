//! What is on the screen: panes, layers, runs, alerts. Everything that a frame depends on is here.

pub mod alerts;
pub mod layers;
pub mod lists;
pub mod palette;
pub mod panes;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::alerts::book::AlertBook;
use super::id::{PaneId, RunId, SlotId};
use super::model::Model;
use super::runbook::run::{Phase, Run};
use super::settings::Settings;
use super::time::Stamped;
use super::verdict::{Standing, Verdict};
use alerts::AlertList;
use layers::Layer;
use lists::{Made, View};

/// Whether the keystore is open in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// It is not.
    Locked,
    /// It is, by this slot; last used then.
    Open {
        /// Which slot opened it, in words.
        slot: String,
        /// When it was opened or last used: it locks itself when idle.
        used: Timestamp,
    },
}

/// The state of the console.
#[derive(Debug, PartialEq)]
pub struct State {
    /// The stamp of the last message: the only "now" there is.
    pub now: Timestamp,
    /// When the session began.
    pub began: Timestamp,
    /// What is known.
    pub model: Model,
    /// What the configuration sets.
    pub settings: Settings,
    /// What is wrong.
    pub alerts: AlertBook,
    /// The sentence.
    pub verdict: Verdict,
    /// The last verdict that was not `blind`, and when it last held.
    pub sighted: Option<(Standing, Timestamp)>,
    /// The pane that fills the screen, if one does.
    pub zoom: Option<PaneId>,
    /// The card that has the focus.
    pub focus: PaneId,
    /// The selected row of each pane, by the row's own key: selection follows the object, not the index.
    pub selected: BTreeMap<PaneId, String>,
    /// How the list of each pane is looked at, where not as it comes.
    pub lists: BTreeMap<PaneId, View>,
    /// The filter of the pane with the focus, or of the alerts where they are on top, is being typed.
    pub filtering: bool,
    /// How the list of alerts is looked at.
    pub alert_list: AlertList,
    /// The rows of the panes, as far as they were asked for.
    pub made: Made,
    /// The cluster whose session begins when this one has ended.
    pub next: Option<String>,
    /// Dialogs and drawers, the topmost last.
    pub layers: Vec<Layer>,
    /// Executions of this session and those left behind by others, oldest first.
    pub runs: Vec<Run>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The next secret slot.
    pub next_slot: u64,
    /// Whether the keystore is open in this process, and since when it was last used.
    pub keystore: Lock,
    /// A short remark in the footer, and when it was made: `copied`, `nothing to do here`.
    pub remark: Option<(String, Timestamp)>,
    /// Text for the clipboard, to be taken by the surface once; never a secret.
    pub clipboard: Option<String>,
    /// The last message is worth a frame: a feed that sees what it saw before is not, and time alone only now and then.
    pub stirred: bool,
    /// When a frame was last asked for.
    pub ticked: Timestamp,
    /// The program asked to end.
    pub ended: bool,
}

impl State {
    /// A console that knows nothing yet.
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        let model = Model { expect: settings.expect.clone(), ..Model::default() };
        let verdict = super::verdict::judge(&model, now, None);
        Self {
            now,
            began: now,
            model,
            settings,
            alerts: AlertBook::default(),
            verdict,
            sighted: None,
            zoom: None,
            focus: PaneId::Vault,
            selected: BTreeMap::new(),
            lists: BTreeMap::new(),
            filtering: false,
            alert_list: AlertList::default(),
            made: Made::new(now),
            next: None,
            layers: Vec::new(),
            runs: Vec::new(),
            size: (80, 24),
            next_slot: 1,
            keystore: Lock::Locked,
            remark: None,
            clipboard: None,
            stirred: true,
            ticked: now,
            ended: false,
        }
    }

    /// The topmost layer.
    pub fn top(&self) -> Option<&Layer> {
        self.layers.last()
    }

    /// The slot into which characters go now: the runtime keeps them away from everything else.
    pub fn secret_focus(&self) -> Option<SlotId> {
        match self.top() {
            Some(Layer::Shares(dialog)) => Some(dialog.slot),
            Some(Layer::Unlock(dialog)) => Some(dialog.slot),
            Some(
                Layer::Help { .. }
                | Layer::Alerts { .. }
                | Layer::Details { .. }
                | Layer::Actions { .. }
                | Layer::Plan(_)
                | Layer::Run { .. }
                | Layer::Leave
                | Layer::Refused(_)
                | Layer::Palette(_)
                | Layer::Clusters { .. }
                | Layer::Silence(_),
            )
            | None => None,
        }
    }

    /// Whether what goes into that slot is a passphrase or a recovery code, of any form, rather than a share.
    pub fn passphrase_focus(&self) -> bool {
        matches!(self.top(), Some(Layer::Unlock(_)))
    }

    /// Whether letters go into a visible field (a challenge, a filter, a reason) rather than to the keymap.
    pub fn text_focus(&self) -> bool {
        match self.top() {
            Some(Layer::Plan(dialog)) => dialog.focus == layers::Field::Answer,
            Some(Layer::Palette(_) | Layer::Silence(_)) => true,
            Some(
                Layer::Help { .. }
                | Layer::Details { .. }
                | Layer::Actions { .. }
                | Layer::Shares(_)
                | Layer::Unlock(_)
                | Layer::Run { .. }
                | Layer::Leave
                | Layer::Refused(_)
                | Layer::Clusters { .. },
            ) => false,
            Some(Layer::Alerts { .. }) | None => self.filtering,
        }
    }

    /// The run with this id.
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    /// The run that is going on, if one is.
    pub fn underway(&self) -> Option<&Run> {
        self.runs.iter().find(|run| run.underway())
    }

    /// Runs that a dead session left behind.
    pub fn left_behind(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.phase == Phase::LeftBehind)
    }

    /// Takes the stamp of a message.
    pub(crate) fn stamp<M>(&mut self, msg: &Stamped<M>) {
        self.now = msg.at;
    }
}
