//! What the core asks its shell to do. Only [`Effect::Act`] changes the world, and only a confirmed plan makes one.

use serde::Serialize;

use super::alerts::silence::Silenced;
use super::id::{FeedId, RunId, SlotId};
use super::model::{keys_secret::Glimpse, proof::Proof};
use super::runbook::{
    journal::Entry,
    run::{Act, Probe},
};

/// One request to the shell. Answers, where there are any, come back as messages.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Ask a feed to look at once. Depth one: asking twice while it looks is asking once.
    LookNow(FeedId),
    /// Append to a run's journal and fsync; answered by [`Msg::Journaled`](super::msg::Msg::Journaled).
    Journal {
        /// Which run.
        run: RunId,
        /// What to write.
        entry: Entry,
    },
    /// Perform one step; answered by [`Msg::StepEnded`](super::msg::Msg::StepEnded).
    Act(Act),
    /// Look, without changing anything, what became of a step in doubt; answered by
    /// [`Msg::Probed`](super::msg::Msg::Probed).
    Probe(Probe),
    /// Keep the Secret's life across restarts.
    RememberHistory(Vec<Glimpse>),
    /// Keep a proof across restarts.
    RememberProof(Proof),
    /// Keep a silence across restarts, or lift one: the newest word on an alert counts.
    RememberSilence(Silenced),
    /// Open the keystore: with the passphrase or recovery code in the slot, or with the keyring or the keyfile where those
    /// are there; answered by [`Msg::Unlocked`](super::msg::Msg::Unlocked).
    Unlock {
        /// The slot of the dialog that asks, which names the try.
        slot: SlotId,
        /// Try what was typed into it; else what is at hand.
        typed: bool,
    },
    /// Close the keystore again and wipe what it was opened with; tries that are under way come to nothing.
    LockKeystore,
    /// Throw away (and zeroize) whatever was typed into a slot.
    ForgetSlot(SlotId),
    /// Stop the process group, as Ctrl-Z does, with the terminal given back first.
    Suspend,
    /// End the program.
    Quit,
}

/// What a program that only looks can ask for: nothing that changes anything exists in this type.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// As [`Effect::LookNow`].
    LookNow(FeedId),
    /// As [`Effect::RememberHistory`].
    RememberHistory(Vec<Glimpse>),
    /// As [`Effect::RememberProof`].
    RememberProof(Proof),
    /// End the program.
    Quit,
}
