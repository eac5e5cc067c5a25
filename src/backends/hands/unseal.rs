//! A share or a reset, each to one replica that was looked at right before.

use crate::app::id::{ObjectRef, SlotId};
use crate::app::model::keys_secret::Fingerprint;
use crate::app::runbook::op::ShareRef;
use crate::app::runbook::run::Finding;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::wire::SealStatus;
use crate::backends::keys::digest::implausible;
use crate::backends::keys::{SecretShare, fingerprint, nth_share};

use super::perform::Said;
use super::secret_data;
use super::tools::Tools;

/// Whether the replica is open now, and how many shares it has.
pub(super) async fn probe(replica: &str, tools: &Tools) -> Result<Finding, Trouble> {
    let status = tools.read.seal_status(replica).await?;
    Ok(Finding { says: format!("{replica} is {}", stands(&status)) })
}

pub(super) async fn submit(replica: &str, share: &ShareRef, tools: &Tools) -> Result<Said, Trouble> {
    let before = look(replica, tools).await?;
    if !before.is_sealed() {
        return Ok(Said::Unneeded(format!("{replica} was already open; nothing was sent")));
    }
    let share = match share {
        ShareRef::Secret { object, index, print } => from_secret(object, *index, print, tools).await?,
        ShareRef::Keystore { generation, index, print } => from_keystore(*generation, *index, print, tools)?,
        ShareRef::Typed { slot, index } => typed(*slot, *index, tools)?,
    };
    match tools.write.submit_share(replica, &share).await {
        Ok(after) => interpret(replica, &before, &after).map(Said::Done),
        Err(trouble) => lost(replica, trouble, "the share", tools).await,
    }
}

pub(super) async fn reset(replica: &str, tools: &Tools) -> Result<Said, Trouble> {
    let before = look(replica, tools).await?;
    if !before.is_sealed() {
        return Ok(Said::Unneeded(format!("{replica} was already open; nothing was sent")));
    }
    if before.shares_given() == 0 {
        return Ok(Said::Unneeded(format!("{replica} had no share yet; nothing was sent")));
    }
    match tools.write.reset_unseal(replica).await {
        Ok(after) if after.shares_given() == 0 => {
            Ok(Said::Done(format!("{replica} discarded {} of {} shares", before.shares_given(), before.threshold())))
        }
        Ok(after) => Err(refused(
            &format!("{replica} did not discard the shares given so far"),
            &format!("it still is {}", stands(&after)),
            "Somebody may be giving shares right now: ask who, then ask for the plan anew",
        )),
        Err(trouble) => lost(replica, trouble, "the reset", tools).await,
    }
}

/// The replica as it is right before something is sent to it.
async fn look(replica: &str, tools: &Tools) -> Result<SealStatus, Trouble> {
    let status = tools.read.seal_status(replica).await.map_err(|trouble| {
        let why = joined(&[&trouble.why, "nothing was sent"]);
        Trouble { why, ..trouble }
    })?;
    if status.is_sealed() && !status.is_initialized() {
        return Err(refused(
            &format!("{replica} says that it is not initialised"),
            "an uninitialised server has nothing to unseal; nothing was sent",
            "A raft follower joins first: look whether its leader is open, then ask for the plan anew",
        ));
    }
    Ok(status)
}

async fn from_secret(
    object: &ObjectRef,
    index: u32,
    print: &Fingerprint,
    tools: &Tools,
) -> Result<SecretShare, Trouble> {
    let data = secret_data::read(object, tools).await?;
    let share = nth_share(&data.0, &tools.names, index);
    share.filter(|share| fingerprint(&tools.salt, share.bytes()) == *print).ok_or_else(|| {
        refused(
            "the key in the Secret changed since the plan was made; nothing was sent",
            &format!("{object} does not hold the key {print} in that place any more"),
            "Look at the Keys pane for who changed it, then ask for the plan anew",
        )
    })
}

fn from_keystore(generation: u32, index: u32, print: &Fingerprint, tools: &Tools) -> Result<SecretShare, Trouble> {
    let share = tools.keeper.with(|opened| {
        let keys = opened.payload().generation(generation)?;
        let bytes = keys.shares.get(index as usize)?.expose();
        Some(SecretShare::of(zeroize::Zeroizing::new(bytes.to_vec())))
    })?;
    share.filter(|share| fingerprint(&tools.salt, share.bytes()) == *print).ok_or_else(|| {
        refused(
            "the keystore does not hold that share any more; nothing was sent",
            &format!("generation {generation} has no share {print} in that place"),
            "Look at the Keys pane, then ask for the plan anew",
        )
    })
}

fn typed(slot: SlotId, index: u32, tools: &Tools) -> Result<SecretShare, Trouble> {
    let read = tools.slots.with_nth(slot, index, |text| SecretShare::read(text).ok_or_else(|| implausible(text)));
    match read {
        Some(Ok(share)) => Ok(share),
        Some(Err(why)) => Err(refused(
            &format!("what was typed as share {} is no unseal key", index + 1),
            &joined(&[&why.unwrap_or_default(), "nothing was sent"]),
            "Type it again",
        )),
        None => Err(Trouble::local(
            &format!("share {} is not there any more", index + 1),
            "typed shares are forgotten when their dialog ends; nothing was sent",
            "Ask for the plan anew and type the shares",
        )),
    }
}

/// What an answer of 200 to a share means, given how the replica stood before it.
fn interpret(replica: &str, before: &SealStatus, after: &SealStatus) -> Result<String, Trouble> {
    if !after.is_sealed() {
        return Ok(format!("{replica} answered: unsealed"));
    }
    let (had, has) = (before.shares_given(), after.shares_given());
    let needs = if after.threshold() == 0 { before.threshold() } else { after.threshold() };
    if has > had {
        return Ok(format!("{has} of {needs} shares"));
    }
    if has == had && has > 0 {
        return Ok(format!("this share was already in: {has} of {needs}"));
    }
    if had + 1 >= needs {
        return Ok(format!("accepted; {replica} is joining, it may stay sealed for a few seconds"));
    }
    Err(refused(
        &format!("{replica} took the share and is {}", stands(after)),
        "somebody reset the attempt, or the replica restarted in between",
        "Ask who else is unsealing, then ask for the plan anew",
    ))
}

/// No clear answer: says what is not known, and what a second look shows.
async fn lost(replica: &str, trouble: Trouble, what: &str, tools: &Tools) -> Result<Said, Trouble> {
    match trouble.kind {
        // The server, or the way to it, said no in so many words: nothing is in doubt.
        TroubleKind::Refused | TroubleKind::Denied | TroubleKind::Local | TroubleKind::Absent => Err(trouble),
        TroubleKind::Unreachable | TroubleKind::Unusable => {
            let now = match tools.read.seal_status(replica).await {
                Ok(status) if !status.is_sealed() => {
                    return Ok(Said::Unneeded(format!(
                        "its answer was lost; {replica} is open now, whoever opened it"
                    )));
                }
                Ok(status) => format!("a second look finds it {}", stands(&status)),
                Err(_) => "a second look got no answer either".to_owned(),
            };
            Err(Trouble::new(
                trouble.kind,
                &format!("it is not known whether {replica} took {what}"),
                &joined(&[&trouble.what, &trouble.why, &now]),
                "Look at its progress before you go on; the same share given twice does no harm",
            ))
        }
    }
}

/// `open`, `sealed with 1 of 2 shares given`.
fn stands(status: &SealStatus) -> String {
    match (status.is_sealed(), status.is_initialized(), status.shares_given()) {
        (false, _, _) => "open".to_owned(),
        (true, false, _) => "not initialised".to_owned(),
        (true, true, 0) => "sealed with no share given".to_owned(),
        (true, true, given) => format!("sealed with {given} of {} shares given", status.threshold()),
    }
}

pub(super) fn refused(what: &str, why: &str, next: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, why, next)
}

pub(super) fn joined(parts: &[&str]) -> String {
    parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}
