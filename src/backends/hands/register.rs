//! The register beside the vault: proofs and holdings of this machine.

use super::perform::Said;
use super::tools::Tools;
use super::unseal::refused;
use crate::app::id::ObjectRef;
use crate::app::model::copies::{CopySeen, CopyState};
use crate::app::model::keystore::KeystoreSeen;
use crate::app::model::proof::Proof;
use crate::app::model::register::{Holding, RegisterSeen};
use crate::app::ports::Memory as _;
use crate::app::runbook::run::Finding;
use crate::app::text::count;
use crate::app::trouble::Trouble;
use crate::backends::files::memory::FileMemory;
use crate::backends::kube::register::{Entry, MOST_PROOFS, fields, manager, read};

/// Writes what this machine holds and has proven, and reads it back.
pub(super) async fn publish(object: &ObjectRef, tools: &Tools) -> Result<Said, Trouble> {
    let write = tools.kube_write.as_ref().ok_or_else(no_cluster)?;
    // Another vault's register, or a newer version's, is not written into.
    let there = look(object, tools).await?;
    let entry = entry(tools).await?;
    let data = fields(&entry, &tools.identity, there.as_ref()).ok_or_else(|| {
        refused(
            "what this machine holds does not fit into the register",
            "it would be longer than any console reads",
            "Remove copies that are gone for good; nothing was written",
        )
    })?;
    write.apply_config_map(&manager(&tools.holder), &object.namespace, &object.name, data).await?;
    let after = look(object, tools).await?;
    let holdings = entry.holdings.len();
    let ours = after.iter().flat_map(|seen| &seen.holdings).filter(|held| held.holder == tools.holder).count();
    if ours != holdings {
        return Err(refused(
            &format!("{object} was written, and does not say so now"),
            "somebody or something wrote it right after",
            "Look at who else writes it, then ask for the plan anew",
        ));
    }
    Ok(Said::Done(format!(
        "{} and {} of {} told in {object}",
        count(holdings, "place"),
        count(entry.proofs.len(), "proof"),
        tools.holder
    )))
}

pub(super) async fn probe(object: &ObjectRef, tools: &Tools) -> Result<Finding, Trouble> {
    let says = match look(object, tools).await? {
        None => format!("{object} does not exist"),
        Some(seen) => {
            let ours = seen.holdings.iter().filter(|held| held.holder == tools.holder).count();
            format!("{object} names {} of {}", count(ours, "place"), tools.holder)
        }
    };
    Ok(Finding { says })
}

fn no_cluster() -> Trouble {
    Trouble::local(
        "there is no cluster in which the register could lie",
        "this vault is known by its addresses only",
        "Nothing was written, and nothing is lost: proofs are kept on this machine",
    )
}

async fn look(object: &ObjectRef, tools: &Tools) -> Result<Option<RegisterSeen>, Trouble> {
    let kube = tools.kube.as_ref().ok_or_else(no_cluster)?;
    let Some(map) = kube.config_map(&object.namespace, &object.name).await? else { return Ok(None) };
    read(object, &map, &tools.identity, &tools.holder, &tools.salt.hex()).map(Some)
}

/// What this machine has to tell.
async fn entry(tools: &Tools) -> Result<Entry, Trouble> {
    let look = tools.keeper.look();
    // Fingerprints under an older salt of this machine would be taken for other keys.
    let keystore = look.present().filter(|seen| seen.comparable);
    let now = tools.clock.now();
    let mut holdings: Vec<Holding> = Vec::new();
    if let Some(seen) = keystore {
        holdings.extend(
            held(seen, None, &tools.holder, "keystore", "keystore")
                .map(|holding| Holding { checked: Some(now), ..holding }),
        );
        let copies = match tools.copies.look().await {
            Ok(copies) => copies,
            // What is known of the keystore is worth telling without them.
            Err(trouble) => {
                tracing::warn!(%trouble, "the copies are left out of the register");
                Vec::new()
            }
        };
        holdings.extend(copies.iter().filter_map(|copy| of_copy(seen, copy, &tools.holder)));
    }
    Ok(Entry { holder: tools.holder.clone(), salt: tools.salt.hex(), holdings, proofs: proofs(tools)? })
}

/// The current generation of the keystore, or the one of this number.
fn held(seen: &KeystoreSeen, number: Option<u32>, holder: &str, name: &str, kind: &str) -> Option<Holding> {
    let generation = match number {
        Some(number) => seen.generation(number)?,
        None => seen.current()?,
    };
    Some(Holding {
        holder: holder.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        generation: generation.number,
        prints: generation.prints.clone(),
        near: None,
        checked: None,
        tested: None,
    })
}

fn of_copy(seen: &KeystoreSeen, copy: &CopySeen, holder: &str) -> Option<Holding> {
    let number = match &copy.state {
        CopyState::Same | CopyState::Older { .. } => None,
        CopyState::Outdated { generation, .. } | CopyState::Newer { generation, .. } => Some(*generation),
        CopyState::Missing | CopyState::Unreadable(_) | CopyState::Unchecked => return None,
    };
    let holding = held(seen, number, holder, &copy.name, copy.kind.word())?;
    Some(Holding {
        near: copy.near.clone(),
        checked: copy.checked,
        tested: copy.tested.as_ref().map(|(at, _)| *at),
        ..holding
    })
}

/// The newest proofs that this machine wrote down.
fn proofs(tools: &Tools) -> Result<Vec<Proof>, Trouble> {
    let Some(folder) = &tools.folder else { return Ok(Vec::new()) };
    let (_, mut proofs) = FileMemory::open(folder, &tools.identity)?.recall()?;
    // Who reads the register may not know that a namespace's seal is another one.
    proofs.retain(|proof| proof.namespace.is_none());
    proofs.sort_by_key(|proof| proof.at);
    let surplus = proofs.len().saturating_sub(MOST_PROOFS);
    proofs.drain(..surplus);
    Ok(proofs)
}
