//! `keys init`: makes the keystore of this vault, empty, with its first slot.

use std::path::Path;

use super::ask;
use super::place::{Need, find};
use crate::app::config::cli::Cli;
use crate::app::config::cli_keys::KeysInit;
use crate::app::config::env::Env;
use crate::app::model::keystore::{KeystoreLook, SlotKind};
use crate::app::runtime::clock;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::files::{dirs, not_written};
use crate::backends::keystore::{Opened, keyring};
use crate::programs::config::Answer;

/// Runs it.
pub async fn run(cli: &Cli, file: Option<&Path>, wanted: &KeysInit, env: &Env) -> Result<Answer, Trouble> {
    let place = find(cli, file, env, Need::Vault).await?;
    place.may_change()?;
    let path = place.path().display().to_string();
    let exists = |why: &str| {
        let next = "Use it (`baowatch keys status`), or move it away yourself; nothing was changed";
        Err(Trouble::new(TroubleKind::Refused, &format!("there is a keystore already: {path}"), why, next))
    };
    match place.keeper.look() {
        KeystoreLook::Present(seen) => {
            return exists(&format!("it holds {} generations of keys", seen.generations.len()));
        }
        KeystoreLook::Unreadable { trouble, .. } => return exists(&trouble.why),
        KeystoreLook::Absent { expected: true, .. } => {
            ask::talk(
                "There was a keystore here before and it is gone: bring a copy of it back rather than begin anew.\n",
            );
        }
        KeystoreLook::Absent { expected: false, .. } => {}
    }
    folder_of(place.path())?;
    let (opener, cost) = ask::new_slot(wanted.slot, wanted.keyfile.as_deref())?;
    let kind = opener.kind();
    let now = clock::now();
    let make = || Opened::create(&place.identity, place.keeper.salt(), &opener, cost, &wanted.label, now);
    let derives = kind == SlotKind::Passphrase;
    let opened = if derives { ask::timed(make) } else { make() }.map_err(|error| error.trouble(place.path()))?;
    let keyed = opened.header().file.clone();
    ask::into_keyring(&keyed, 1, &opener)?;
    if let Err(trouble) = place.keeper.create(opened, now) {
        if kind == SlotKind::Keyring {
            // A key of no keystore is rubbish in somebody's keyring.
            let _ = keyring::forget(&keyed, 1);
        }
        return Err(trouble);
    }
    Ok(Answer::done(format!(
        "Made {path} for {}, with slot 1 ({}, {}). Written, read back and opened.\n\
         It holds no keys yet: `baowatch keys import` takes them from the cluster's Secret.\n\
         One slot is one thing to lose: `baowatch keys slots add recovery` makes a second way in.\n",
        place.vault(),
        kind.word(),
        wanted.label,
    )))
}

/// Makes the folder where there is none. One that exists keeps its mode: it may be a stick's.
fn folder_of(path: &Path) -> Result<(), Trouble> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.exists() => {
            dirs::private(folder).map_err(|error| not_written(folder, &error))
        }
        Some(_) | None => Ok(()),
    }
}
