//! What a command of `keys` asks a person: what opens the keystore, a new slot, the answer to a challenge.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::once;
use super::place::Place;
use crate::app::config::cli_keys::SlotChoice;
use crate::app::runtime::clock;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keystore::kdf::{self, Cost};
use crate::backends::keystore::slot::{self, Opener};
use crate::backends::keystore::{Keeper, KeystoreError, keyfile, keyring, recovery};
use crate::programs::hidden;

/// How often somebody may mistype on a terminal.
const TRIES: u32 = 3;

/// Talk goes to stderr: stdout carries the answer.
pub fn talk(text: &str) {
    let _ = write!(std::io::stderr(), "{text}");
}

/// Opens the keystore: with what is at hand, else with what is typed. `stdin_taken`: the keys themselves come from there.
pub fn open(place: &Place, stdin_taken: bool) -> Result<(), Trouble> {
    place.existing()?;
    unlock(&place.keeper, stdin_taken)
}

/// The same for a keystore that is known to be there.
pub fn unlock(keeper: &Keeper, stdin_taken: bool) -> Result<(), Trouble> {
    if keeper.is_open() {
        return Ok(());
    }
    match keeper.unlock_silently() {
        Ok(_) => return Ok(()),
        // Nothing was at hand to be tried.
        Err(trouble) if trouble.kind == TroubleKind::Absent => {}
        Err(trouble) => talk(&format!("Note: {trouble}\n")),
    }
    let prompt = format!("Passphrase or recovery code of {} (not shown): ", keeper.path().display());
    if !stdin_taken && !std::io::stdin().is_terminal() {
        return keeper.unlock(&Opener::typed(&hidden::passphrase(&prompt)?)).map(|_| ());
    }
    let mut tries = 1;
    loop {
        let text = if stdin_taken { hidden::on_terminal(&prompt)? } else { hidden::passphrase(&prompt)? };
        match keeper.unlock(&Opener::typed(&text)) {
            Ok(_) => return Ok(()),
            Err(trouble) if tries == TRIES || trouble.kind != TroubleKind::Refused => return Err(trouble),
            Err(trouble) => talk(&format!("{}.\n", trouble.why)),
        }
        tries += 1;
    }
}

/// What a new slot is opened with, and the costs of its derivation.
pub fn new_slot(kind: SlotChoice, file: Option<&Path>) -> Result<(Opener, Cost), Trouble> {
    let opener = match kind {
        SlotChoice::Passphrase => Opener::Passphrase(hidden::new_passphrase()?),
        SlotChoice::Keyfile => {
            let path = file.ok_or_else(|| Trouble::local("no keyfile was named", "", "Name it with --keyfile"))?;
            Opener::Keyfile(read_or_make(path)?)
        }
        // Where there is no keyring, the sentence comes before anything is made.
        SlotChoice::Keyring => {
            keyring::probe()?;
            Opener::Keyring(slot::random::<32>().map_err(internal)?)
        }
        SlotChoice::Recovery => recovery_code()?,
    };
    let cost = if kind == SlotChoice::Passphrase { derivation() } else { Cost::FLOOR };
    Ok((opener, cost))
}

/// The costs of a new passphrase slot, said before they are paid.
fn derivation() -> Cost {
    talk("Measuring how much work half a second is on this machine…\n");
    let cost = kdf::calibrate();
    talk(&format!("Deriving a key from it with Argon2id: {} MiB of memory, {} passes.\n", cost.m / 1024, cost.t));
    cost
}

fn read_or_make(path: &Path) -> Result<Zeroizing<[u8; 32]>, Trouble> {
    if path.symlink_metadata().is_ok() {
        return keyfile::read(path);
    }
    let key = keyfile::make(path)?;
    talk(&format!("Made the keyfile {}; whoever has it and the keystore has the keys.\n", path.display()));
    Ok(key)
}

/// Puts the key of a keyring slot into the keyring, and says what is to be known of it.
pub fn into_keyring(file: &str, id: u32, opener: &Opener) -> Result<(), Trouble> {
    let Opener::Keyring(key) = opener else { return Ok(()) };
    let place = keyring::store(file, id, key)?;
    talk(&format!("Its key lies in {}.\n", place.words()));
    if let Some(caveat) = place.caveat() {
        talk(&format!("Note: {caveat}.\n"));
    }
    Ok(())
}

/// Does something that takes a derivation, and says how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> T {
    let began = clock::instant();
    let done = work();
    talk(&format!("That took {:.1}s, as it will for whoever guesses.\n", began.elapsed().as_secs_f32()));
    done
}

/// A recovery code, shown once and typed back: what nobody wrote down opens nothing.
fn recovery_code() -> Result<Opener, Trouble> {
    let random = slot::random::<{ recovery::BYTES }>().map_err(internal)?;
    let code = recovery::write(&random);
    let mut page = Zeroizing::new(String::with_capacity(512));
    page.push_str("Recovery code of the keystore. It is shown this once; write it down now.\n\n    ");
    page.push_str(&code);
    page.push_str("\n\nWhoever has it and the file has the keys. Keep it on paper, away from both.");
    once::show(&page)?;
    let mut tries = 1;
    loop {
        let typed = hidden::on_terminal("Type it back (not shown): ")?;
        match recovery::read(&typed) {
            Ok(back) if *back == *random => return Ok(Opener::Recovery(back)),
            Ok(_) | Err(_) if tries == TRIES => {
                return Err(Trouble::new(
                    TroubleKind::Refused,
                    "the recovery code was not typed back",
                    "a code that nobody wrote down would open nothing one day",
                    "Begin again for another code; nothing was changed",
                ));
            }
            Ok(_) => talk("That is another code.\n"),
            Err(error) => talk(&format!("{error}.\n")),
        }
        tries += 1;
    }
}

/// Asks for the exact answer; `confirm` is the answer given on the command line.
pub fn challenge(says: &str, expected: &str, confirm: Option<&str>) -> Result<(), Trouble> {
    talk(says);
    let answer = match confirm {
        Some(text) => text.to_owned(),
        None if !std::io::stdin().is_terminal() => {
            return Err(Trouble::new(
                TroubleKind::Refused,
                "nobody can be asked",
                "input is not a terminal",
                &format!("Give the exact answer, {expected}, with --confirm; nothing was changed"),
            ));
        }
        None => line(&format!("Type `{expected}` to go on: "))?,
    };
    if !expected.is_empty() && answer == expected {
        return Ok(());
    }
    Err(Trouble::new(
        TroubleKind::Refused,
        "it was not confirmed",
        &format!("the answer is not `{expected}`"),
        "Nothing was changed",
    ))
}

/// A visible line from the terminal.
pub fn line(question: &str) -> Result<String, Trouble> {
    talk(question);
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Trouble::local("the answer could not be read", &error.to_string(), "Nothing was changed"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// An error of the format where no file is at fault.
pub fn internal(error: KeystoreError) -> Trouble {
    Trouble::local("the keystore cannot be made", &error.to_string(), "Nothing was changed; try again")
}
