//! What is held of the keys elsewhere, and whether it can stand in for what the vault has lost.
//!
//! None of it is an input of how the vault reopens: not seeing it never makes the verdict blind, it only leaves it without
//! help to name. The one exception is a file in custody that is the key of a static seal.

use jiff::Timestamp;

use super::keys::threshold;
use super::sight::{self, Unseen};
use crate::app::advisories::destroys_shares;
use crate::app::id::FeedId;
use crate::app::model::Model;
use crate::app::model::copies::CopySeen;
use crate::app::model::custody::CustodySeen;
use crate::app::model::keys_secret::{Fingerprint, KeysSecret, Purpose};
use crate::app::model::keystore::{GenerationSeen, KeyKind, KeystoreSeen};
use crate::app::model::observed::{FeedState, Observed};
use crate::app::model::proof::{Answer, Method, Proof, last_answer, same_keys, superseded};
use crate::app::model::register::{Holding, RegisterSeen};
use crate::app::model::reopens::Mechanism;
use crate::app::model::seal::{Role, SealKind};

/// A generation of the keystore that can stand in, and when the vault last took exactly its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mender<'a> {
    /// Which.
    pub generation: &'a GenerationSeen,
    /// When it was proven, however long ago.
    pub proven: Option<Timestamp>,
}

/// What kind of key opens this vault; `None` where no key that anybody holds does.
pub fn wanted(model: &Model, by: Mechanism) -> Option<KeyKind> {
    match by {
        Mechanism::Secret | Mechanism::People => Some(KeyKind::Unseal),
        Mechanism::Static => Some(KeyKind::Static),
        Mechanism::Transit | Mechanism::Kms => None,
        Mechanism::Unknown => match model.heard.as_ref().map(|heard| &heard.value.kind)? {
            SealKind::Shamir => Some(KeyKind::Unseal),
            SealKind::Static => Some(KeyKind::Static),
            SealKind::Transit | SealKind::Kms(_) => None,
        },
    }
}

/// The generation of the keystore that opens this vault as far as anybody can tell: the current one, or else the newest
/// that was proven. `but` are keys that are known not to help.
pub fn mender<'a>(model: &'a Model, by: Mechanism, but: &[Fingerprint], now: Timestamp) -> Option<Mender<'a>> {
    let kind = wanted(model, by)?;
    let keystore = keystore(model, now).ok().flatten().filter(|keystore| keystore.comparable)?;
    let judged = |generation: &'a GenerationSeen| {
        let useless = generation.kind != kind || !enough(model, generation) || of_another_vault(model, generation);
        if useless || (!but.is_empty() && same_keys(&generation.prints, but)) {
            return None;
        }
        let said = last_answer(&model.proofs, model.cluster_id(), &generation.prints);
        match said.map(|proof| (proof.answer, proof.at)) {
            Some((Answer::Refused, _)) => None,
            Some((Answer::Accepted, at)) => {
                let gone = said.is_some_and(|proof| superseded(proof, &model.proofs, model.cluster_id()));
                Some(Mender { generation, proven: (!gone).then_some(at) })
            }
            None => Some(Mender { generation, proven: None }),
        }
    };
    let current = keystore.current_of(kind).and_then(judged);
    current.or_else(|| {
        let proven = keystore.generations.iter().filter_map(judged).filter(|mender| mender.proven.is_some());
        proven.max_by_key(|mender| mender.generation.number)
    })
}

/// Whether a generation was taken from a vault with another cluster id: somebody initialised this one anew since.
pub fn of_another_vault(model: &Model, generation: &GenerationSeen) -> bool {
    matches!((generation.vault_cluster_id.as_deref(), model.cluster_id()), (Some(then), Some(today)) if then != today)
}

/// Whether it holds as many different shares as this vault takes.
fn enough(model: &Model, generation: &GenerationSeen) -> bool {
    let mut prints: Vec<&Fingerprint> = generation.prints.iter().collect();
    prints.sort();
    prints.dedup();
    let need = match generation.kind {
        KeyKind::Static => 1,
        KeyKind::Unseal | KeyKind::Recovery => threshold(model).0.max(generation.threshold).max(1),
    };
    prints.len() as u32 >= need
}

/// Whether the Secret may be written over with this generation: a key that is in it and that nobody has judged may be the
/// right one.
pub fn restorable(model: &Model, mender: Mender<'_>) -> bool {
    let Some(secret) = model.keys_secret() else { return true };
    let prints = secret.prints();
    let strange = prints.iter().any(|print| !mender.generation.prints.contains(print));
    let said = last_answer(&model.proofs, model.cluster_id(), &prints);
    let refused = said.is_some_and(|proof| proof.answer == Answer::Refused);
    // What the vault took last is right: the action would not write over it either.
    let proven = mender.proven.is_some_and(|at| said.is_none_or(|proof| refused || proof.at < at));
    !secret.immutable && (!strange || proven || refused)
}

/// Whether two sets are of one key as far as can be told: one lies in the other. A part of the shares is no other key.
pub fn agree(some: &[Fingerprint], others: &[Fingerprint]) -> bool {
    let within = |inner: &[Fingerprint], outer: &[Fingerprint]| inner.iter().all(|print| outer.contains(print));
    !some.is_empty() && !others.is_empty() && (within(some, others) || within(others, some))
}

/// The value where it counts; nothing where what it looks at does not exist here; what is not in sight otherwise.
fn fresh<'a, T>(
    seen: Option<&'a Observed<T>>,
    model: &Model,
    feed: FeedId,
    now: Timestamp,
) -> Result<Option<&'a T>, Unseen> {
    if let Some(value) = seen.and_then(|seen| seen.fresh(now, feed)) {
        return Ok(Some(value));
    }
    if model.feed_state(feed, now) == FeedState::Absent {
        return Ok(None);
    }
    Err(sight::feed(model, feed, seen.map(|seen| seen.at), now))
}

/// The keystore's header, if there is one that can be read.
pub fn keystore(model: &Model, now: Timestamp) -> Result<Option<&KeystoreSeen>, Unseen> {
    fresh(model.keystore.as_ref(), model, FeedId::Keystore, now).map(|look| look.and_then(|look| look.present()))
}

/// The copies of the keystore.
pub fn copies(model: &Model, now: Timestamp) -> Result<&[CopySeen], Unseen> {
    fresh(model.copies.as_ref(), model, FeedId::Copies, now).map(|all| all.map_or(&[] as &[CopySeen], Vec::as_slice))
}

/// The files in custody.
pub fn custody(model: &Model, now: Timestamp) -> Result<&[CustodySeen], Unseen> {
    let all = fresh(model.custody.as_ref(), model, FeedId::Custody, now);
    all.map(|all| all.map_or(&[] as &[CustodySeen], Vec::as_slice))
}

/// The register, if there is one whose fingerprints can be compared.
pub fn register(model: &Model, now: Timestamp) -> Result<Option<&RegisterSeen>, Unseen> {
    let seen = fresh(model.register.as_ref(), model, FeedId::Register, now)?;
    Ok(seen.and_then(Option::as_ref).filter(|register| register.comparable))
}

/// Another place from which the keys could come when the keystore cannot help.
#[derive(Debug, Clone, Copy)]
pub enum Elsewhere<'a> {
    /// A checked copy of the keystore.
    Copy(&'a CopySeen),
    /// What somebody else registered.
    Holding(&'a Holding),
}

/// The first such place: our own copies, then what others hold.
pub fn elsewhere<'a>(model: &'a Model, by: Mechanism, but: &[Fingerprint], now: Timestamp) -> Option<Elsewhere<'a>> {
    let kind = wanted(model, by);
    // A copy has the keystore's own keys: where those are known not to help, neither does it.
    let ours = keystore(model, now).ok().flatten().filter(|keystore| keystore.current().is_some());
    let own = ours.is_none_or(|keystore| {
        kind.and_then(|kind| keystore.current_of(kind))
            .is_some_and(|held| helps(model, &held.prints, but) && !of_another_vault(model, held))
    });
    let copy = copies(model, now).unwrap_or_default().iter().find(|copy| own && copy.counts());
    copy.map(Elsewhere::Copy).or_else(|| {
        let register = register(model, now).ok().flatten()?;
        let mut held: Vec<&Holding> = register.of_others().filter(|held| helps(model, &held.prints, but)).collect();
        held.sort_by_key(|held| held.generation);
        held.pop().map(Elsewhere::Holding)
    })
}

fn helps(model: &Model, prints: &[Fingerprint], but: &[Fingerprint]) -> bool {
    let refused = last_answer(&model.proofs, model.cluster_id(), prints).is_some_and(|p| p.answer == Answer::Refused);
    // The vault itself said that these are its recovery keys, which reopen nothing.
    let is_recovery = |proof: &Proof| proof.method == Method::Recovery && proof.answer == Answer::Accepted;
    let recovery = model.proofs.iter().any(|proof| is_recovery(proof) && same_keys(&proof.prints, prints));
    !prints.is_empty() && !refused && !recovery && (but.is_empty() || !same_keys(prints, but))
}

/// The file in custody that is the key of this vault's static seal: its path is the one in the server's configuration,
/// or its bytes are those of the keystore's static key.
pub fn seal_key_file(model: &Model) -> Option<&CustodySeen> {
    let all = &model.custody.as_ref()?.value;
    let key = model.unsealers.as_ref().and_then(|seen| seen.value.static_key.as_ref());
    // Where a Secret fills it, a file of this host that holds the same bytes is a spare, and no server reads it.
    if let (Some(used), Some(workload)) = (key.and_then(|key| key.from.as_ref()), model.workload()) {
        let place = format!("secret:{}/{}:", workload.namespace, used.secret);
        return all.iter().find(|file| file.path.starts_with(&place));
    }
    let path = key.map(|key| key.source.strip_prefix("file://").unwrap_or(&key.source));
    let generations = model.keystore().map(|keystore| keystore.generations.as_slice()).unwrap_or_default();
    let is_ours = |file: &&CustodySeen| {
        let ours = |held: &GenerationSeen| held.kind == KeyKind::Static && held.prints.contains(&file.print);
        path == Some(file.path.as_str()) || generations.iter().any(ours)
    };
    all.iter().find(is_ours)
}

/// The newest proof that keys were taken: neither a refusal nor recovery keys, which reopen nothing.
pub fn last_accepted(proofs: &[Proof]) -> Option<&Proof> {
    proofs.iter().rev().find(|proof| proof.answer == Answer::Accepted && proof.method != Method::Recovery)
}

/// Why keys cannot be proven on the live vault now; `None` where `prove-keys` can be offered.
pub fn unprovable(model: &Model, now: Timestamp) -> Option<&'static str> {
    let active = model.answers(now).find(|(_, seen)| seen.role == Some(Role::Active)).map(|(_, seen)| seen);
    let Some(active) = active else { return Some("no replica serves") };
    if active.kind != SealKind::Shamir {
        return Some("only a Shamir seal can be asked");
    }
    if model.expect.address_only {
        return Some("it is known by one address only");
    }
    if active.migration {
        return Some("it is in a seal migration");
    }
    if active.threshold == 0 {
        return Some("it does not say how many shares it takes");
    }
    if destroys_shares(&active.version) {
        return Some("this version destroys shares when it is asked");
    }
    let secret = model.fresh_keys(now).and_then(|seen| seen.present());
    let keystore = keystore(model, now).ok().flatten();
    let kept =
        keystore.and_then(|keystore| keystore.current_of(KeyKind::Unseal)).is_some_and(|held| enough(model, held));
    if secret.is_none_or(|secret| secret.shares() < active.threshold) && !kept {
        return Some("no keys are at hand that could be asked about");
    }
    let token = secret.and_then(|secret: &KeysSecret| secret.field(Purpose::RootToken));
    let root = token.is_some_and(|field| !field.prints.is_empty());
    let kept = keystore.and_then(KeystoreSeen::current).is_some_and(|held| held.root_token.is_some());
    (!model.expect.token && !root && !kept).then_some("no token is at hand")
}
