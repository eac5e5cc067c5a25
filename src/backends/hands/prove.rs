//! A rotation with verification, begun, answered and cancelled: what the vault says to keys.

mod note;
mod round;
mod source;

pub use self::note::ATTEMPT;
use self::note::{Note, Place};
use self::round::Ring;
use self::source::Source;
use super::perform::Said;
use super::tools::Tools;
use super::unseal::{joined, refused};
use crate::app::model::proof::{Answer, Method, Proof};
use crate::app::model::seal::{Role, SealKind, SealSeen};
use crate::app::runbook::op::{Op, RotationOf, TokenRef};
use crate::app::runbook::run::Finding;
use crate::app::text::count;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::rotate::{Api, Attempt, Door};
use crate::backends::bao::transport::Access;
use crate::backends::keys::SecretShare;

pub(super) async fn prove(op: &Op, tools: &Tools) -> Result<Said, Trouble> {
    let Op::ProveKeys { replica, keys, of, threshold, total, token } = op else {
        return Err(Trouble::local("this is no proof of keys", "", "This is a mistake of the program"));
    };
    let seen = look(replica, *of, *threshold, tools).await?;
    let source = source::keys(keys, tools).await?;
    if *threshold == 0 || source.shares.len() < *threshold as usize {
        return Err(refused(
            &format!("{} of {threshold} different shares are there", source.shares.len()),
            "fewer than the threshold cannot be judged; nothing was sent",
            "Find the missing shares",
        ));
    }
    let place = Place::under(tools.folder.as_deref());
    let _alone = place.alone()?;
    let door = door(replica, *of, token, tools).await?;
    let ring = Ring { replica, door, shares: *total, threshold: *threshold, place, tools };
    free(&ring).await?;
    let rounds = rounds(source.shares.len(), *threshold as usize);
    let mut answer = Answer::Accepted;
    let mut refused_at = None;
    for (number, first) in rounds.iter().enumerate() {
        let shares: Vec<&SecretShare> = source.shares.iter().skip(*first).take(*threshold as usize).collect();
        if !ring.round(&shares).await? {
            answer = Answer::Refused;
            refused_at = Some(number);
            break;
        }
    }
    let evidence = evidence(&source, rounds.len(), refused_at, *threshold);
    let method = match of {
        RotationOf::Root => Method::Rotation,
        RotationOf::Recovery => Method::Recovery,
    };
    let proof = Proof {
        method,
        answer,
        at: tools.clock.now(),
        replica: replica.clone(),
        cluster_id: seen.cluster_id,
        prints: source.prints,
    };
    Ok(Said::Proven(evidence, Box::new(proof)))
}

/// Looks at what a dead session left open, and cancels it if it is ours beyond doubt.
pub(super) async fn probe(op: &Op, tools: &Tools) -> Result<Finding, Trouble> {
    let Op::ProveKeys { replica, of, threshold, total, token, .. } = op else {
        return Err(Trouble::local("this is no proof of keys", "", "This is a mistake of the program"));
    };
    let place = Place::under(tools.folder.as_deref());
    let _alone = match place.alone() {
        Ok(alone) => alone,
        Err(busy) if busy.kind == TroubleKind::Refused => return Ok(Finding { says: busy.to_string() }),
        Err(trouble) => return Err(trouble),
    };
    let note = place.read()?;
    let door = match door(replica, *of, token, tools).await {
        Ok(door) => door,
        Err(trouble) => {
            let usual = Door { api: Api::Rotate, of: *of, access: Access::none() };
            return Ok(Finding { says: unknown(&usual, &trouble) });
        }
    };
    let ring = Ring { replica, door, shares: *total, threshold: *threshold, place, tools };
    let says = match tools.read.rotation(replica, &ring.door).await {
        Ok(open) => left_over(&ring, note.as_ref(), &open).await.unwrap_or_else(|left| left.to_string()),
        Err(trouble) => unknown(&ring.door, &trouble),
    };
    Ok(Finding { says })
}

/// Who asks may lack the token, or the keystore that holds it may be locked: what a person can do is said all the same.
fn unknown(door: &Door, trouble: &Trouble) -> String {
    format!(
        "it is not known whether its rotation is still open: {}. Ask for prove-keys again, which cancels what is ours, or \
         cancel it by hand: {}",
        trouble.what,
        door.cancelling()
    )
}

async fn left_over(ring: &Ring<'_>, note: Option<&Note>, open: &Attempt) -> Result<String, Trouble> {
    let note = note.filter(|note| about(note, &ring.door));
    if !open.open() {
        if note.is_some() {
            ring.place.clear();
        }
        return Ok("no rotation of the keys is open; the vault's keys are as before".to_owned());
    }
    match note {
        Some(note) if note.nonce == open.nonce() => {
            ring.end(&note.nonce).await?;
            Ok("the rotation that it had begun was still open; it is cancelled now, and the vault's keys are as before"
                .to_owned())
        }
        Some(_) => {
            ring.place.clear();
            Ok(format!("a rotation of the keys is open that is somebody else's, {}; it was not touched", stands(open)))
        }
        None if open.progress() == 0 => Ok(format!(
            "a rotation of the keys is open with no share given; it may be the one that was begun then, or somebody \
             else's, so it was not touched. If nobody else rotates, cancel it: {}",
            ring.door.cancelling()
        )),
        None => {
            Ok(format!("a rotation of the keys is open that is somebody else's, {}; it was not touched", stands(open)))
        }
    }
}

/// A note of another path or namespace says nothing of this one.
fn about(note: &Note, door: &Door) -> bool {
    note.api == door.base() && note.namespace == door.access.namespace
}

fn stands(open: &Attempt) -> String {
    format!("{} of {} shares given", open.progress(), open.required())
}

/// The replica as it is right before anything is asked of it.
async fn look(replica: &str, of: RotationOf, threshold: u32, tools: &Tools) -> Result<SealSeen, Trouble> {
    let seen = tools.read.seal(replica, tools.clock.now()).await.map_err(|trouble| {
        let why = joined(&[&trouble.why, "nothing was sent"]);
        Trouble { why, ..trouble }
    })?;
    if !seen.open() || seen.role != Some(Role::Active) {
        return Err(refused(
            &format!("{replica} is not the active replica any more"),
            "a rotation lives in the memory of the one that serves; nothing was sent",
            "Ask for the plan anew",
        ));
    }
    let shamir = seen.kind == SealKind::Shamir;
    let fits = match of {
        RotationOf::Root => shamir,
        RotationOf::Recovery => !shamir,
    };
    if !fits || seen.threshold != threshold {
        return Err(refused(
            &format!("{replica} has another seal than when the plan was made"),
            &format!("its seal is {} with a threshold of {}; nothing was sent", seen.kind.word(), seen.threshold),
            "Ask for the plan anew",
        ));
    }
    if seen.rotates_otherwise() {
        return Err(refused(
            &format!("keys are not proven on version {}", seen.version),
            "OpenBao 2.4.0 to 2.5.1 changes the shares of a Shamir seal in ways that later versions do not; nothing was sent",
            "Upgrade OpenBao, or watch a standby come back from a restart",
        ));
    }
    Ok(seen)
}

async fn door(replica: &str, of: RotationOf, token: &TokenRef, tools: &Tools) -> Result<Door, Trouble> {
    let access = Access::with(source::token(token, tools).await?);
    tools.read.rotation_door(replica, of, &access).await
}

/// Makes sure that no rotation is open. One of our own that a crash left there is cancelled; anybody else's is not touched.
async fn free(ring: &Ring<'_>) -> Result<(), Trouble> {
    let open = ring.tools.read.rotation(ring.replica, &ring.door).await?;
    // A note that cannot be read is no reason to give up: it only means that nothing open is known to be ours.
    let note = ring.place.read().ok().flatten().filter(|note| about(note, &ring.door));
    if !open.open() {
        return Ok(());
    }
    if let Some(note) = note.filter(|note| note.nonce == open.nonce()) {
        return ring.end(&note.nonce).await;
    }
    Err(Trouble::new(
        TroubleKind::Refused,
        "somebody's rotation of the keys is open",
        &format!("{}; it was not touched, and nothing was sent", stands(&open)),
        &format!("Ask who it is; if nobody, it is cancelled with {}", ring.door.cancelling()),
    ))
}

/// Where each round begins, so that every share takes part in one of exactly `threshold`.
fn rounds(shares: usize, threshold: usize) -> Vec<usize> {
    let last = shares.saturating_sub(threshold);
    let mut firsts: Vec<usize> = (0..last).step_by(threshold.max(1)).collect();
    firsts.push(last);
    firsts
}

fn evidence(source: &Source, rounds: usize, refused_at: Option<usize>, threshold: u32) -> String {
    let called = &source.called;
    match (refused_at, rounds) {
        (None, 1) => format!("the vault accepts {called}; the rotation was cancelled"),
        (None, _) => format!(
            "the vault accepts {called}, {} in {} of {threshold}; each rotation was cancelled",
            count(source.shares.len(), "share"),
            count(rounds, "round"),
        ),
        (Some(0), 1) => format!("the vault does not accept {called}; the rotation was cancelled"),
        (Some(at), _) => {
            let firsts = self::rounds(source.shares.len(), threshold as usize);
            let first = firsts.get(at).copied().unwrap_or(0);
            format!(
                "the vault does not accept {called}: at least one of shares {} to {} is wrong; the rotation was cancelled",
                first + 1,
                first + threshold as usize
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::rounds;

    #[test]
    fn every_share_takes_part_in_a_round_of_its_own_size() {
        assert_eq!(rounds(1, 1), [0]);
        assert_eq!(rounds(2, 2), [0]);
        assert_eq!(rounds(3, 2), [0, 1]);
        assert_eq!(rounds(5, 2), [0, 2, 3]);
        assert_eq!(rounds(5, 3), [0, 2]);
        for shares in 1..12_usize {
            for threshold in 1..=shares {
                let firsts = rounds(shares, threshold);
                assert!(firsts.iter().all(|first| first + threshold <= shares));
                assert!((0..shares).all(|n| firsts.iter().any(|first| (*first..first + threshold).contains(&n))));
            }
        }
    }
}
