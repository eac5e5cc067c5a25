//! A rotation with verification, begun, answered and cancelled: what the vault says to keys.

mod note;
mod round;
mod source;

pub use self::note::attempted;
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
    let Op::ProveKeys { replica, keys, of, threshold, total, token, namespace } = op else {
        return Err(Trouble::local("this is no proof of keys", "", "This is a mistake of the program"));
    };
    let access = access(token, namespace.as_deref(), tools);
    let (seen, access) = match namespace {
        None => (look(replica, *of, *threshold, tools).await?, access.await?),
        Some(path) => {
            let seen = serving(replica, tools).await?;
            let access = access.await?;
            own_seal(replica, path, *threshold, &access, tools).await?;
            (seen, access)
        }
    };
    let source = source::keys(keys, tools).await?;
    if *threshold == 0 || source.shares.len() < *threshold as usize {
        return Err(refused(
            &format!("{} of {threshold} different shares are there", source.shares.len()),
            "fewer than the threshold cannot be judged; nothing was sent",
            "Find the missing shares",
        ));
    }
    let place = Place::under(tools.folder.as_deref(), namespace.as_deref());
    let _alone = place.alone()?;
    let door = door(replica, *of, &access, tools).await?;
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
    let evidence = evidence(&source, rounds.len(), refused_at, *threshold, namespace.as_deref());
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
        namespace: namespace.clone(),
    };
    Ok(Said::Proven(evidence, Box::new(proof)))
}

/// Looks at what a dead session left open, and cancels it if it is ours beyond doubt.
pub(super) async fn probe(op: &Op, tools: &Tools) -> Result<Finding, Trouble> {
    let Op::ProveKeys { replica, of, threshold, total, token, namespace, .. } = op else {
        return Err(Trouble::local("this is no proof of keys", "", "This is a mistake of the program"));
    };
    let place = Place::under(tools.folder.as_deref(), namespace.as_deref());
    let _alone = match place.alone() {
        Ok(alone) => alone,
        Err(busy) if busy.kind == TroubleKind::Refused => return Ok(Finding { says: busy.to_string() }),
        Err(trouble) => return Err(trouble),
    };
    let note = place.read()?;
    let found = match access(token, namespace.as_deref(), tools).await {
        Ok(access) => door(replica, *of, &access, tools).await,
        Err(trouble) => Err(trouble),
    };
    let door = match found {
        Ok(door) => door,
        Err(trouble) => {
            let access = Access { token: None, namespace: namespace.clone() };
            let usual = Door { api: Api::Rotate, of: *of, access };
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

/// The replica as it is right before anything is asked of it: it serves, and a rotation costs nothing there.
async fn serving(replica: &str, tools: &Tools) -> Result<SealSeen, Trouble> {
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
    if seen.rotates_otherwise() {
        return Err(refused(
            &format!("keys are not proven on version {}", seen.version),
            "OpenBao 2.4.0 to 2.5.1 changes the shares of a Shamir seal in ways that later versions do not; nothing was sent",
            "Upgrade OpenBao, or watch a standby come back from a restart",
        ));
    }
    Ok(seen)
}

/// The same, with the seal that the plan was made for.
async fn look(replica: &str, of: RotationOf, threshold: u32, tools: &Tools) -> Result<SealSeen, Trouble> {
    let seen = serving(replica, tools).await?;
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
    Ok(seen)
}

/// The namespace has a seal of its own, which is open and takes as many shares as planned. Without that its rotation would
/// be another's, or nobody's.
async fn own_seal(replica: &str, path: &str, threshold: u32, access: &Access, tools: &Tools) -> Result<(), Trouble> {
    let seen = tools.read.namespace_seal(replica, access, path).await?;
    let fits = seen
        .as_ref()
        .is_some_and(|seen| seen.sealed == Some(false) && seen.shares.is_some_and(|(needed, _)| needed == threshold));
    if fits {
        return Ok(());
    }
    Err(refused(
        &format!("namespace {path} has another seal than when the plan was made"),
        "it is sealed, takes another number of shares, or has no seal of its own any more; nothing was sent",
        "Ask for the plan anew",
    ))
}

/// With this token, in the root or in a namespace.
async fn access(token: &TokenRef, namespace: Option<&str>, tools: &Tools) -> Result<Access, Trouble> {
    let token = source::token(token, tools).await?;
    Ok(Access { namespace: namespace.map(str::to_owned), ..Access::with(token) })
}

async fn door(replica: &str, of: RotationOf, access: &Access, tools: &Tools) -> Result<Door, Trouble> {
    let door = tools.read.rotation_door(replica, of, access).await?;
    // The older API knows no namespaces: behind it lies the vault's own key.
    if access.namespace.is_some() && door.api != Api::Rotate {
        return Err(refused(
            &format!("{replica} has no rotation of a namespace's own keys"),
            "its API for that is missing or switched off; nothing was sent",
            &format!("Use a token whose policy in the namespace has: {}", Door { api: Api::Rotate, ..door }.policy()),
        ));
    }
    Ok(door)
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

fn evidence(
    source: &Source,
    rounds: usize,
    refused_at: Option<usize>,
    threshold: u32,
    namespace: Option<&str>,
) -> String {
    let called = &source.called;
    let who = namespace.map_or_else(|| "the vault".to_owned(), |path| format!("namespace {path}"));
    match (refused_at, rounds) {
        (None, 1) => format!("{who} accepts {called}; the rotation was cancelled"),
        (None, _) => format!(
            "{who} accepts {called}, {} in {} of {threshold}; each rotation was cancelled",
            count(source.shares.len(), "share"),
            count(rounds, "round"),
        ),
        (Some(0), 1) => format!("{who} does not accept {called}; the rotation was cancelled"),
        (Some(at), _) => {
            let firsts = self::rounds(source.shares.len(), threshold as usize);
            let first = firsts.get(at).copied().unwrap_or(0);
            format!(
                "{who} does not accept {called}: at least one of shares {} to {} is wrong; the rotation was cancelled",
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
