//! `keys rotate`: a new data key, wrapped anew for every slot whose secret is at hand; the others are dropped.

use std::io::IsTerminal as _;
use std::path::Path;

use super::ask;
use super::place::Place;
use super::slots::at_hand;
use crate::app::config::cli::Cli;
use crate::app::config::env::Env;
use crate::app::model::keystore::SlotKind;
use crate::app::runtime::clock;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keystore::header::SlotEntry;
use crate::backends::keystore::slot::{self, Opener};
use crate::backends::keystore::{keyfile, keyring, recovery};
use crate::programs::config::Answer;
use crate::programs::hidden;

/// Runs it.
pub async fn run(cli: &Cli, file: Option<&Path>, confirm: Option<&str>, env: &Env) -> Result<Answer, Trouble> {
    let place = at_hand(cli, file, env).await?;
    place.may_change()?;
    let header = place.existing()?;
    ask::talk("The secret of each slot that is to stay is needed once; an empty line drops the slot.\n");
    let mut kept: Vec<(u32, Opener)> = Vec::new();
    let mut dropped: Vec<&SlotEntry> = Vec::new();
    for entry in &header.slots {
        match secret_of(&place, entry)? {
            Some(opener) => kept.push((entry.id, opener)),
            None => dropped.push(entry),
        }
    }
    let Some((_, first)) = kept.first() else {
        return Err(Trouble::new(
            TroubleKind::Refused,
            "no slot would be left",
            "the secret of none was given",
            "Without a slot nobody opens the keystore again; nothing was changed",
        ));
    };
    place.keeper.unlock(first)?;
    let mut says =
        "The keystore gets a new data key. Copies of today keep the old one, and all that they hold today.\n"
            .to_owned();
    for entry in &dropped {
        // Writing to a String cannot fail.
        let _ = std::fmt::Write::write_fmt(
            &mut says,
            format_args!(
                "Slot {} ({}, {:?}) is DROPPED: it will not open it again.\n",
                entry.id,
                entry.kind.word(),
                entry.label
            ),
        );
    }
    ask::challenge(&says, place.vault(), confirm)?;
    let now = clock::now();
    let ids: Vec<u32> = header.slots.iter().map(|slot| slot.id).collect();
    place.keeper.change(now, |opened| {
        if !opened.header().slots.iter().map(|slot| slot.id).eq(ids.iter().copied()) {
            return Err(Trouble::new(
                TroubleKind::Refused,
                "the keystore was changed meanwhile",
                "it has other slots now",
                "Ask again; nothing was changed",
            ));
        }
        let kept: Vec<(u32, &Opener)> = kept.iter().map(|(id, opener)| (*id, opener)).collect();
        opened.rotate(&kept).map_err(|error| error.trouble(place.path()))
    })?;
    for (_, opener) in &kept {
        place.keeper.opened_by(opener)?;
    }
    let ids: Vec<String> = kept.iter().map(|(id, _)| id.to_string()).collect();
    Ok(Answer::done(format!(
        "The keystore has a new data key. It was opened with each slot that stayed: {}.\n\
         Bring the copies up to date (`baowatch act run copy-keystore`), and destroy old ones that a removed slot opens.\n",
        ids.join(", ")
    )))
}

/// The secret of one slot, seen to open it; `None` to drop it.
fn secret_of(place: &Place, entry: &SlotEntry) -> Result<Option<Opener>, Trouble> {
    let name = format!("slot {} ({}, {:?})", entry.id, entry.kind.word(), entry.label);
    for _ in 0..3 {
        let Some(opener) = offered(place, entry, &name)? else { return Ok(None) };
        let header = place.existing()?;
        let fits = slot::opens(&header, entry, &opener).map_err(|error| error.trouble(place.path()))?;
        if fits {
            return Ok(Some(opener));
        }
        if !std::io::stdin().is_terminal() {
            break;
        }
        ask::talk(&format!("That does not open {name}.\n"));
    }
    Err(Trouble::new(
        TroubleKind::Refused,
        &format!("{name} does not open with this"),
        "",
        "Give its secret, or an empty line to drop the slot; nothing was changed",
    ))
}

fn offered(place: &Place, entry: &SlotEntry, name: &str) -> Result<Option<Opener>, Trouble> {
    match entry.kind {
        SlotKind::Passphrase => {
            let text = hidden::line(&format!("Passphrase of {name} (not shown): "))?;
            Ok((!text.is_empty()).then_some(Opener::Passphrase(text)))
        }
        SlotKind::Recovery => loop {
            let text = hidden::line(&format!("Recovery code of {name} (not shown): "))?;
            if text.is_empty() {
                return Ok(None);
            }
            match recovery::read(&text) {
                Ok(code) => return Ok(Some(Opener::Recovery(code))),
                Err(error) if std::io::stdin().is_terminal() => ask::talk(&format!("{error}.\n")),
                Err(error) => return Err(error.trouble(place.path())),
            }
        },
        SlotKind::Keyfile => {
            if let Some(path) = &place.keyfile
                && let Ok(opener) = keyfile::read(path).map(Opener::Keyfile)
                && slot::opens(&place.existing()?, entry, &opener).unwrap_or(false)
            {
                return Ok(Some(opener));
            }
            let path = ask::line(&format!("Path of the keyfile of {name}: "))?;
            if path.is_empty() {
                Ok(None)
            } else {
                keyfile::read(Path::new(&path)).map(|key| Some(Opener::Keyfile(key)))
            }
        }
        SlotKind::Keyring => {
            let file = place.existing()?.file;
            match keyring::fetch(&file, entry.id) {
                Ok(key) => Ok(Some(Opener::Keyring(key))),
                Err(trouble) => {
                    ask::talk(&format!("{name}: {trouble}\n"));
                    Ok(None)
                }
            }
        }
    }
}
