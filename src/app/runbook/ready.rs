//! What must still be so right before a step is performed: one answer for each operation.

use jiff::Timestamp;

use super::op::Op;
use super::plan::Plan;
use crate::app::id::FeedId;
use crate::app::model::Model;
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::proof::{Answer, Proof, last_answer};
use crate::app::time::clock;
use crate::app::trouble::{Trouble, TroubleKind};

/// Whether a step may be performed.
pub(super) enum Ready {
    /// Yes.
    Go,
    /// It is done already, and by whom or how one sees it.
    Unneeded(String),
    /// No, and why.
    No(Trouble),
}

/// Each step checks its own precondition: changes that our own earlier steps made are expected, others stop the run.
/// `proven` is what the vault said to keys earlier in this run.
pub(super) fn precondition(op: &Op, plan: &Plan, proven: &[Proof], model: &Model, now: Timestamp) -> Ready {
    if model.cluster.as_ref().map(|cluster| &cluster.identity) != Some(&plan.identity) {
        return Ready::No(Trouble::new(
            TroubleKind::Refused,
            "this console watches another vault now",
            "the run was confirmed for the one before",
            "Look at that vault, then ask for the plan anew; nothing further was done",
        ));
    }
    match op {
        Op::SubmitShare { replica, .. } | Op::ResetUnseal { replica } => unseal(replica, model, now),
        Op::ProveKeys { replica, .. } => prove(replica, model, now),
        // The hands read what is there right before they write, and compare it with what the plan was made for.
        Op::ApplySecret { prints, .. } => match denied(prints, proven, model) {
            Some(trouble) => Ready::No(trouble),
            None => seen_lately(FeedId::KeysSecret, "the keys Secret", model, now),
        },
        // A key that the vault has just refused must never become the current one.
        Op::SaveKeys { prints, .. } => denied(prints, proven, model).map_or(Ready::Go, Ready::No),
        Op::WriteCopy { .. } | Op::RestoreCustody { .. } | Op::PublishRegister { .. } => {
            Ready::Go
        }
    }
}

fn unseal(replica: &str, model: &Model, now: Timestamp) -> Ready {
    match model.fresh_said(replica, now) {
        Some(seen) if seen.open() => Ready::Unneeded(format!("{replica} is open already")),
        Some(seen) if !seen.initialized => Ready::No(Trouble::new(
            TroubleKind::Refused,
            &format!("{replica} says that it is not initialised"),
            "an uninitialised server has nothing to unseal; a raft follower joins first",
            "Look at the Vault pane; nothing further was done",
        )),
        Some(_) => Ready::Go,
        None => Ready::No(Trouble::unreachable(
            &format!("{replica} does not answer any more"),
            "it vanished between the plan and this step",
            "Wait until the replica is back and ask for the plan anew; shares given so far died with it or are shown as progress",
        )),
    }
}

fn prove(replica: &str, model: &Model, now: Timestamp) -> Ready {
    match model.fresh_said(replica, now) {
        Some(seen) if seen.open() => Ready::Go,
        Some(_) => Ready::No(Trouble::new(
            TroubleKind::Refused,
            &format!("{replica} is sealed now"),
            "keys are proven on a live server; a sealed one is opened with them, which proves them too",
            "Unseal it; nothing further was done",
        )),
        None => Ready::No(Trouble::unreachable(
            &format!("{replica} does not answer any more"),
            "it vanished between the plan and this step",
            "Wait until it is back and ask for the plan anew; nothing further was done",
        )),
    }
}

/// What the vault last said to these keys, where that was no.
fn denied(prints: &[Fingerprint], proven: &[Proof], model: &Model) -> Option<Trouble> {
    let proofs: Vec<Proof> = model.proofs.iter().chain(proven).cloned().collect();
    let last = last_answer(&proofs, model.cluster_id(), prints)?;
    (last.answer == Answer::Refused).then(|| {
        Trouble::new(
            TroubleKind::Refused,
            "the vault does not take these keys",
            &format!("{} refused them at {}", last.replica, clock(last.at)),
            "Find the right keys: look at the Keys pane for other generations and copies; nothing further was done",
        )
    })
}

fn seen_lately(feed: FeedId, what: &str, model: &Model, now: Timestamp) -> Ready {
    if model
        .feeds
        .get(&feed)
        .and_then(|health| health.answered)
        .is_some_and(|at| crate::app::time::within(now, at, feed.limit()))
    {
        return Ready::Go;
    }
    Ready::No(Trouble::unreachable(
        &format!("{what} has not been seen within the last {}", crate::app::time::spoken(feed.limit())),
        "it vanished from sight between the plan and this step",
        "Wait until it is seen again and ask for the plan anew; nothing further was done",
    ))
}
