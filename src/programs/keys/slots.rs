//! `keys slots` and `keys prune`: what opens the keystore, and forgetting what is no longer needed in it.

use std::path::Path;

use super::ask;
use super::place::{Need, Place, find};
use super::status::slot_line;
use crate::app::config::cli::Cli;
use crate::app::config::cli_keys::SlotsCommand;
use crate::app::config::env::Env;
use crate::app::model::keystore::SlotKind;
use crate::app::runtime::clock;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keystore::header::{Header, MOST_SLOTS};
use crate::backends::keystore::keyring;
use crate::programs::config::Answer;

/// The keystore in its file; says so where the cluster was not asked.
pub async fn at_hand(cli: &Cli, file: Option<&Path>, env: &Env) -> Result<Place, Trouble> {
    let place = find(cli, file, env, Need::File).await?;
    if let Some(why) = &place.offline {
        ask::talk(&format!("Without the cluster ({why}): {}, of {}.\n", place.path().display(), place.identity.0));
    }
    Ok(place)
}

/// Runs `keys slots …`.
pub async fn run(cli: &Cli, file: Option<&Path>, command: &SlotsCommand, env: &Env) -> Result<Answer, Trouble> {
    let place = at_hand(cli, file, env).await?;
    let header = place.existing()?;
    match command {
        SlotsCommand::List => {
            let now = clock::now();
            Ok(Answer::done(header.slots.iter().map(|slot| slot_line(slot, now) + "\n").collect()))
        }
        SlotsCommand::Add { kind, keyfile, label } => {
            place.may_change()?;
            if header.slots.len() >= MOST_SLOTS {
                return Err(refused("it has as many slots as a keystore can have", "Remove one first"));
            }
            ask::open(&place, false)?;
            let (opener, cost) = ask::new_slot(*kind, keyfile.as_deref())?;
            let now = clock::now();
            let add = || {
                place.keeper.change(now, |opened| {
                    let id = opened.add_slot(&opener, cost, label, now).map_err(|error| error.trouble(place.path()))?;
                    // Before the keystore is written: a slot whose key nobody has is not wanted.
                    ask::into_keyring(&opened.header().file, id, &opener).map(|()| id)
                })
            };
            let id = if opener.kind() == SlotKind::Passphrase { ask::timed(add) } else { add() }?;
            // Seen to open before anybody relies on it.
            place.keeper.opened_by(&opener)?;
            Ok(Answer::done(format!(
                "Added slot {id} ({}). The keystore was opened with it. Copies do not know it yet: `baowatch act run copy-keystore`.\n",
                opener.kind().word()
            )))
        }
        SlotsCommand::Remove { id, confirm } => remove(&place, &header, *id, confirm.as_deref()),
    }
}

fn refused(what: &str, next: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, "", &format!("{next}; nothing was changed"))
}

fn remove(place: &Place, header: &Header, id: u32, confirm: Option<&str>) -> Result<Answer, Trouble> {
    place.may_change()?;
    let Some(slot) = header.slots.iter().find(|slot| slot.id == id) else {
        return Err(refused(&format!("there is no slot {id}"), "`baowatch keys slots list` shows them"));
    };
    if header.slots.len() < 2 {
        return Err(refused(
            "it is the last slot, and without one nobody opens the keystore again",
            "Add another first: `baowatch keys slots add`",
        ));
    }
    ask::open(place, false)?;
    let says = format!(
        "Slot {id} ({}, {:?}) will no longer open this keystore.\n\
         Copies and backups of today still open with it, and hold today's keys.\n",
        slot.kind.word(),
        slot.label
    );
    ask::challenge(&says, &format!("remove {id}"), confirm)?;
    place.keeper.change(clock::now(), |opened| {
        if opened.remove_slot(id) { Ok(()) } else { Err(refused("the keystore was changed meanwhile", "Ask again")) }
    })?;
    if slot.kind == SlotKind::Keyring && !keyring::forget(&header.file, id).unwrap_or(false) {
        ask::talk("Its key was found in no keyring of this machine: another may hold it.\n");
    }
    Ok(Answer::done(format!(
        "Removed slot {id}. Old copies still open with it; whoever had its secret may know the data key as well.\n\
         `baowatch keys rotate` puts a new data key in its place, so that it opens nothing newer.\n"
    )))
}

/// Runs `keys prune`.
pub async fn prune(
    cli: &Cli,
    file: Option<&Path>,
    number: u32,
    confirm: Option<&str>,
    env: &Env,
) -> Result<Answer, Trouble> {
    let place = at_hand(cli, file, env).await?;
    place.may_change()?;
    let header = place.existing()?;
    let Some(old) = header.generations.iter().find(|kept| kept.number == number) else {
        return Err(refused(&format!("there is no generation {number}"), "`baowatch keys status` shows them"));
    };
    if header.current().is_some_and(|current| current.number == number) {
        return Err(refused(
            &format!("generation {number} is the current one"),
            "Only older generations can be forgotten",
        ));
    }
    ask::open(&place, false)?;
    let says = format!(
        "Generation {number} ({}, {} of {}, from {}, kept {}) will be forgotten for ever.\n\
         If the vault or a snapshot of it still wants these keys, nothing here brings them back.\n",
        old.kind.words(),
        old.threshold,
        old.total,
        old.source,
        old.created.strftime("%F"),
    );
    ask::challenge(&says, &format!("prune {number}"), confirm)?;
    place.keeper.change(clock::now(), |opened| {
        if opened.prune(number) { Ok(()) } else { Err(refused("the keystore was changed meanwhile", "Ask again")) }
    })?;
    Ok(Answer::done(format!(
        "Forgot generation {number}. Copies still hold it, and nothing is written over a copy that holds what the keystore \
         lacks: move the old ones away, then `baowatch act run copy-keystore` writes them anew.\n"
    )))
}
