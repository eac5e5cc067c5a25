//! The stack of dialogs and drawers over the overview. Esc takes the topmost away; none keeps a secret.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::app::id::{ActionId, ObjectRef, RunId, SlotId};
use crate::app::msg::Pending;
use crate::app::runbook::plan::Plan;
use crate::app::trouble::Trouble;

/// One layer.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "the stack holds two or three layers, never a list of them")]
pub enum Layer {
    /// The keys that work, generated from the keymap.
    Help {
        /// First visible line.
        scroll: usize,
    },
    /// The alerts, worst first.
    Alerts {
        /// Rule name and subject of the selected one.
        selected: Option<(String, ObjectRef)>,
    },
    /// Everything known about one thing, with the runbook text of its alerts.
    Details {
        /// What it is about.
        subject: ObjectRef,
        /// First visible line.
        scroll: usize,
        /// What Enter goes on to, one after the other: the links of an application's chains.
        onward: Vec<ObjectRef>,
    },
    /// What can be done.
    Actions {
        /// Selected row.
        cursor: usize,
        /// About what; `None` for the vault as a whole.
        target: Option<ObjectRef>,
    },
    /// Shares are being typed, hidden.
    Shares(SharesDialog),
    /// The keystore is being unlocked.
    Unlock(UnlockDialog),
    /// A plan waits for its challenge.
    Plan(PlanDialog),
    /// A run and its steps: going on, or ended and kept until dismissed.
    Run {
        /// Which.
        run: RunId,
        /// First visible line, once somebody moved; until then it follows the step under way.
        scroll: Option<usize>,
    },
    /// Something runs: leave all the same?
    Leave,
    /// A command is being typed.
    Palette(PaletteDialog),
    /// The clusters of the config file.
    Clusters {
        /// Selected row.
        cursor: usize,
    },
    /// An alert is about to be silenced.
    Silence(SilenceDialog),
    /// An action or a confirmation was refused: what, why, what next.
    Refused(Trouble),
}

/// The dialog in which shares are typed.
#[derive(Debug, Clone, PartialEq)]
pub struct SharesDialog {
    /// Where the runtime keeps them.
    pub slot: SlotId,
    /// How many are needed.
    pub needed: u32,
    /// How many are complete.
    pub complete: u32,
    /// The one being typed.
    pub pending: Pending,
    /// What for.
    pub prompt: String,
    /// The action that asked.
    pub action: ActionId,
    /// Its target.
    pub target: Option<ObjectRef>,
    /// Choices made so far in its plan.
    pub choices: Vec<usize>,
}

/// A try at opening the keystore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// With what was typed; else with what is at hand, and somebody may type meanwhile.
    pub typed: bool,
    /// Since when: a passphrase takes about half a second on purpose, a keyring may ask for its own password.
    pub since: jiff::Timestamp,
}

/// The dialog in which the keystore is unlocked.
#[derive(Debug, Clone, PartialEq)]
pub struct UnlockDialog {
    /// Where the runtime keeps what is typed.
    pub slot: SlotId,
    /// Whether anything has been typed.
    pub pending: Pending,
    /// What is being tried.
    pub trying: Option<Try>,
    /// The slot that opened it by itself while somebody was typing: the dialog stays until the typing ends.
    pub opened: Option<String>,
    /// Why the last try failed.
    pub refusal: Option<Trouble>,
    /// What for.
    pub prompt: String,
    /// The action that asked.
    pub action: ActionId,
    /// Its target.
    pub target: Option<ObjectRef>,
    /// Choices made so far in its plan.
    pub choices: Vec<usize>,
    /// Shares typed for it so far.
    pub typed: Option<(SlotId, u32)>,
}

/// What has the focus in a plan's dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The field for the challenge's answer. Has the focus first: it starts empty, which confirms nothing.
    Answer,
    /// One of the plan's choices.
    Choice(usize),
}

/// The dialog of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanDialog {
    /// The plan, exactly as it will be confirmed.
    pub plan: Plan,
    /// What has been typed so far. Not a secret: the name of an object.
    pub answer: String,
    /// What has the focus.
    pub focus: Field,
    /// First visible line of a plan that is longer than its window; the answer's field stays in sight.
    pub scroll: usize,
    /// Why the last attempt to confirm was refused, or why the plan is void.
    pub refusal: Option<Trouble>,
    /// The slot with typed shares and how many are in it, where some were typed: kept while the choices change.
    pub typed: Option<(SlotId, u32)>,
    /// The target that was asked for, to make the plan anew.
    pub target: Option<ObjectRef>,
}

/// The palette, in which a command is typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaletteDialog {
    /// What has been typed so far; never a secret.
    pub text: String,
    /// Selected line of what it could mean.
    pub cursor: usize,
}

/// Until when an alert is silenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Until {
    /// For an hour.
    #[default]
    Hour,
    /// For four hours.
    FourHours,
    /// Until tomorrow at eight.
    Morning,
    /// Not any more: an alert that is silent is heard again.
    Lifted,
}

impl Until {
    /// The ends of a new silence, and of one that is there: that one can be lifted too.
    pub const fn all(silent: bool) -> &'static [Self] {
        if silent {
            &[Self::Hour, Self::FourHours, Self::Morning, Self::Lifted]
        } else {
            &[Self::Hour, Self::FourHours, Self::Morning]
        }
    }

    /// The words in the dialog.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Hour => "1 hour",
            Self::FourHours => "4 hours",
            Self::Morning => "until tomorrow 08:00 UTC",
            Self::Lifted => "no longer: let it be heard again",
        }
    }

    /// The moment, counted from `now`.
    pub fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Hour => now + SignedDuration::from_hours(1),
            Self::FourHours => now + SignedDuration::from_hours(4),
            Self::Morning => {
                let today = now.to_zoned(TimeZone::UTC).date();
                let morning = today.tomorrow().ok().and_then(|day| day.at(8, 0, 0, 0).to_zoned(TimeZone::UTC).ok());
                morning.map_or(now, |morning| morning.timestamp())
            }
            Self::Lifted => now,
        }
    }
}

/// The dialog in which an alert is silenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceDialog {
    /// The name of its rule.
    pub rule: String,
    /// Its subject.
    pub subject: ObjectRef,
    /// It is silent already.
    pub silent: bool,
    /// Until when.
    pub until: Until,
    /// Why, as typed so far.
    pub reason: String,
}

impl SilenceDialog {
    /// Whether it can be confirmed: a silence has a reason, and needs none to end.
    pub fn complete(&self) -> bool {
        self.until == Until::Lifted || !self.reason.trim().is_empty()
    }
}
