//! From what a document holds to what goes into the keystore: which kind of keys, how many are needed, and whether they can be.

use super::{Refusal, SecretBytes, Taken};
use crate::app::model::keystore::KeyKind;

/// Shares needed and shares in existence, as far as somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Needed.
    pub threshold: Option<u32>,
    /// In existence.
    pub total: Option<u32>,
}

/// What the vault itself says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSays {
    /// `shamir`, `static`, `awskms`, …
    pub seal: String,
    /// Of the unseal keys; of the recovery keys where it unseals by itself.
    pub counts: Counts,
}

/// What was asked for on the command line, and what the vault says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// They are recovery keys.
    pub recovery: bool,
    /// `--threshold` and `--shares`.
    pub counts: Counts,
    /// The vault, where it was seen.
    pub vault: Option<VaultSays>,
}

/// What goes into the keystore.
#[derive(Debug)]
pub struct Decided {
    /// What they are.
    pub kind: KeyKind,
    /// Shares needed.
    pub threshold: u32,
    /// Shares in existence.
    pub total: u32,
    /// The shares, or the one static key.
    pub shares: Vec<SecretBytes>,
    /// The root token.
    pub root_token: Option<SecretBytes>,
}

/// Decides, or says what stands in the way.
pub fn decide(taken: Taken, asked: &Asked) -> Result<Decided, Refusal> {
    let both = !taken.unseal.is_empty() && !taken.recovery.is_empty();
    if both && !asked.recovery {
        return Err(Refusal::new(
            "it holds unseal keys and recovery keys, and each is something else",
            "Take the recovery keys with --recovery, or leave only the unseal keys in it",
        ));
    }
    if asked.recovery && taken.recovery.is_empty() && taken.called_unseal {
        return Err(Refusal::new("it calls them unseal keys, and --recovery says otherwise", "Leave --recovery out"));
    }
    let by_name = !taken.recovery.is_empty();
    let (shares, counts) = if by_name { (taken.recovery, taken.recovery_counts) } else { (taken.unseal, taken.counts) };
    let kind = kind(by_name || asked.recovery, &shares, asked.vault.as_ref())?;
    same_length(&shares)?;
    let (threshold, total) = if kind == KeyKind::Static { (1, 1) } else { counted(&shares, counts, asked)? };
    fits(&shares, threshold, total, kind)?;
    Ok(Decided { kind, threshold, total, shares, root_token: taken.root_token })
}

fn kind(recovery: bool, shares: &[SecretBytes], vault: Option<&VaultSays>) -> Result<KeyKind, Refusal> {
    let Some(vault) = vault else { return Ok(if recovery { KeyKind::Recovery } else { KeyKind::Unseal }) };
    let lone = shares.len() == 1 && shares.iter().all(|key| key.expose().len() == 32);
    match (vault.seal.as_str(), recovery) {
        ("shamir", false) => Ok(KeyKind::Unseal),
        ("shamir", true) => Err(Refusal::new(
            "they are recovery keys, and this vault is opened with unseal keys: it has no recovery keys",
            "Check which vault they belong to",
        )),
        (_, true) => Ok(KeyKind::Recovery),
        ("static", false) if lone => Ok(KeyKind::Static),
        (seal, false) => Err(Refusal::new(
            format!("the seal of this vault is {seal}: it has no unseal keys"),
            "Say --recovery if they are its recovery keys",
        )),
    }
}

fn same_length(shares: &[SecretBytes]) -> Result<(), Refusal> {
    let first = shares.first().map(|share| share.expose().len());
    match shares.iter().position(|share| Some(share.expose().len()) != first) {
        Some(at) => Err(Refusal::new(
            format!("key {} is of another length than the first: they are not of one vault", at + 1),
            "Leave only those that belong together",
        )),
        None => Ok(()),
    }
}

/// Everybody who says a number must say the same.
fn counted(shares: &[SecretBytes], counts: Counts, asked: &Asked) -> Result<(u32, u32), Refusal> {
    let vault = asked.vault.as_ref().map(|vault| vault.counts).unwrap_or_default();
    // A single key has 32 bytes, a share of several has one more.
    let lone = shares.len() == 1 && shares.iter().all(|key| key.expose().len() == 32);
    let lone = if lone { Counts { threshold: Some(1), total: Some(1) } } else { Counts::default() };
    let says =
        [("the command line", asked.counts), ("the document", counts), ("the vault", vault), ("its length", lone)];
    let agree = |what: &str, of: fn(&Counts) -> Option<u32>| {
        let mut said = says.iter().filter_map(|(who, counts)| Some((*who, of(counts)?)));
        let Some((who, number)) = said.next() else {
            return Err(Refusal::new(
                format!("neither it nor the vault says how many shares {what}"),
                "Say it with --threshold and --shares",
            ));
        };
        match said.find(|(_, other)| *other != number) {
            Some((other, another)) => Err(Refusal::new(
                format!("{who} says that {number} shares {what}, and {other} says {another}"),
                "Check that these are the keys of this vault, as they are now",
            )),
            None => Ok(number),
        }
    };
    Ok((agree("are needed", |counts| counts.threshold)?, agree("exist", |counts| counts.total)?))
}

fn fits(shares: &[SecretBytes], threshold: u32, total: u32, kind: KeyKind) -> Result<(), Refusal> {
    let have = shares.len() as u32;
    let next = "Check that all of it was given";
    if threshold == 0 || threshold > total {
        return Err(Refusal::new(format!("{threshold} of {total} shares cannot be needed"), next));
    }
    if have > total {
        return Err(Refusal::new(format!("it holds {have} shares, and only {total} exist"), next));
    }
    if have < threshold {
        return Err(Refusal::new(
            format!("it holds {have} of the {threshold} shares needed: a keystore with fewer reopens nothing"),
            "Bring the others too",
        ));
    }
    let length = shares.first().map_or(0, |share| share.expose().len());
    if kind == KeyKind::Unseal && (total > 1) != (length == 33) {
        return Err(Refusal::new(
            format!("a key of {length} bytes is not one of {total}: a single key has 32 bytes, a share of several 33"),
            next,
        ));
    }
    Ok(())
}
