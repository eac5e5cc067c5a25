//! Whether a feed has seen what a step waits for, and what to say when it did not.

use jiff::Timestamp;

use super::plan::Expect;
use crate::app::model::Model;
use crate::app::model::copies::CopyState;
use crate::app::model::custody::CustodyState;
use crate::app::model::proof::same_keys;
use crate::app::time::{clock, spoken};
use crate::app::trouble::{Trouble, TroubleKind};

/// The evidence, once it was seen in a look not older than `since`.
pub(super) fn seen(expect: &Expect, model: &Model, since: Timestamp) -> Option<String> {
    let by = |what: &str, at: Timestamp| format!("{what} by the {} feed at {}", expect.feed(), clock(at));
    match expect {
        Expect::Open { replica } => {
            let answer = model.replica(replica)?.answer.as_ref()?;
            let open = answer.value.said()?.open();
            (answer.at >= since && open).then(|| by("seen open", answer.at))
        }
        Expect::KeysAre { prints } => {
            let keys = model.keys.as_ref()?;
            let held = keys.value.present()?.prints();
            (keys.at >= since && same_keys(prints, &held)).then(|| by("seen with these keys", keys.at))
        }
        Expect::KeystoreHolds { prints } => {
            let keystore = model.keystore.as_ref()?;
            let current = keystore.value.present()?.current()?;
            (keystore.at >= since && same_keys(prints, &current.prints))
                .then(|| by(&format!("generation {} seen", current.number), keystore.at))
        }
        Expect::CopySame { copy } => {
            let seen = model.copies.as_ref()?.value.iter().find(|seen| seen.name == *copy)?;
            let checked = seen.checked?;
            (checked >= since && seen.state == CopyState::Same).then(|| by("read back, the same", checked))
        }
        Expect::CustodySame { name } => {
            let custody = model.custody.as_ref()?;
            let file = custody.value.iter().find(|file| file.name == *name)?;
            (custody.at >= since && file.state == CustodyState::Same && file.permissions().is_none())
                .then(|| by("seen in place", custody.at))
        }
    }
}

/// What it looks like instead.
pub(super) fn not_seen(expect: &Expect, model: &Model, within: jiff::SignedDuration) -> Trouble {
    let (what, why, next) = match expect {
        Expect::Open { replica } => {
            let why = match model.said(replica) {
                None => "it does not answer".to_owned(),
                Some(seen) if seen.progress > 0 => {
                    format!("it is sealed with {} of {} shares given", seen.progress, seen.threshold)
                }
                Some(_) => {
                    "it took the shares and stays sealed: a raft follower that cannot reach its leader does this"
                        .to_owned()
                }
            };
            let next = "Open the leader first, look at this replica's log, then ask for the plan anew";
            (format!("{replica} was not seen open"), why, next)
        }
        Expect::KeysAre { .. } => (
            "the keys Secret was not seen with these keys".to_owned(),
            "somebody or something put its own idea of the Secret back, or the feed cannot see it".to_owned(),
            "Look at the Keys pane for who owns its fields, stop that first, then ask for the plan anew",
        ),
        Expect::KeystoreHolds { .. } => (
            "the keystore was not seen with these keys".to_owned(),
            "its file was not written, or another program wrote it since".to_owned(),
            "Look at the Keys pane, then ask for the plan anew",
        ),
        Expect::CopySame { copy } => (
            format!("copy {copy} was not read back the same"),
            "it could not be read, or the keystore was written again since".to_owned(),
            "Look at the Keys pane, then ask for the plan anew",
        ),
        Expect::CustodySame { name } => (
            format!("{name} was not seen back in place"),
            "another program wrote the file since, or its mode or owner could not be set".to_owned(),
            "Look at the Keys pane, stop what writes the file, then ask for the plan anew",
        ),
    };
    Trouble::new(TroubleKind::Refused, &format!("{what} within {}", spoken(within)), &why, next)
}
