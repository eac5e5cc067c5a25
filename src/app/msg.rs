//! Everything that can reach the core, in one enum. The tape is a list of these; none can hold a secret.

use serde::{Deserialize, Serialize};

use super::alerts::silence::Silenced;
use super::id::{RunId, SlotId};
use super::intent::Intent;
use super::model::fact::Report;
use super::runbook::{journal::Journal, op::Outcome, run::Finding};
use super::trouble::Trouble;

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Msg {
    /// Time passed and nothing else happened; about once a second.
    Tick,
    /// A person asked for something.
    Intent(Intent),
    /// The terminal has this size now.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// A feed reports.
    Seen(Report),
    /// Something was typed into a secret slot: how much, never what.
    Typed {
        /// Which slot.
        slot: SlotId,
        /// Secrets completed in it so far.
        complete: u32,
        /// Whether the one being typed has any characters, and whether it could be a share.
        pending: Pending,
    },
    /// The journal was written, or could not be.
    Journaled {
        /// Which run.
        run: RunId,
        /// Number of entries now on disk, or what went wrong.
        written: Result<u32, Trouble>,
    },
    /// A step was performed.
    StepEnded {
        /// Which run.
        run: RunId,
        /// Which step of it.
        step: usize,
        /// How it went.
        outcome: Outcome,
    },
    /// A step in doubt was looked at.
    Probed {
        /// Which run.
        run: RunId,
        /// Which step of it.
        step: usize,
        /// What was found.
        finding: Result<Finding, Trouble>,
    },
    /// The keystore was opened, or not.
    Unlocked {
        /// The slot of the dialog that asked.
        slot: SlotId,
        /// Which slot opened it, in words: `slot 2, keyring`; or why none did.
        opened: Result<String, Trouble>,
        /// Whether something typed was tried.
        typed: bool,
    },
    /// The keystore could not be kept open: it was sealed anew by another process, or is gone.
    Locked(Trouble),
    /// Runs that an earlier session left unfinished.
    Unfinished(Vec<Journal>),
    /// Silences that an earlier session left and that have not ended.
    Silenced(Vec<Silenced>),
    /// What somebody asked to be kept for the next session could not be written down.
    Unkept(Trouble),
    /// The process was asked to end (SIGTERM, SIGHUP): no questions.
    Terminate,
    /// Back from Ctrl-Z: everything must be drawn and looked at again.
    Resumed,
}

/// The state of the secret that is being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pending {
    /// Nothing typed.
    Empty,
    /// Something typed that cannot be an unseal key share yet.
    Typing,
    /// Could be a share by length and alphabet.
    Plausible,
}
