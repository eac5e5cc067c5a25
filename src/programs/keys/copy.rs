//! `keys copy …` and `keys restore-test`: the keystore's copies from the command line.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::ask::challenge;
use super::opening::{session, table, when};
use super::place::only_looks;
use crate::app::config::cli::{ActCommand, ActionArgs, Cli};
use crate::app::config::cli_keys::{CopyAdd, CopyCommand};
use crate::app::config::env::Env;
use crate::app::id::ActionId;
use crate::app::model::copies::CopySeen;
use crate::app::model::keystore::SlotKind;
use crate::app::runtime::clock;
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::copies::Copies;
use crate::backends::copies::book::Place;
use crate::backends::files::atomic::{self, Existing};
use crate::backends::keystore::header::Header;
use crate::backends::keystore::{Keeper, Opener, format};
use crate::programs::config::Answer;
use crate::programs::session::Session;
use crate::programs::{act, hidden};

/// Runs `keys copy …`.
pub async fn run(cli: &Cli, command: &CopyCommand, env: &Env) -> Answer {
    let (session, aim) = match session(cli, env).await {
        Ok(found) => found,
        Err(trouble) => return Answer::failed(&trouble, 1),
    };
    let changes = matches!(command, CopyCommand::Add(_) | CopyCommand::Remove { .. } | CopyCommand::Restore { .. });
    if changes && aim.bound.settings.read_only {
        session.close().await;
        return refused(&only_looks());
    }
    let done = match command {
        CopyCommand::Add(wanted) => {
            let registered = register(&session, wanted).await;
            session.close().await;
            return match registered {
                Ok(()) => Box::pin(first_write(cli, env, wanted)).await,
                Err(trouble) => refused(&trouble),
            };
        }
        CopyCommand::List => session.held().copies.look().await.map(|all| list(&all)),
        CopyCommand::Check { name } => check(&session, name.as_deref()).await,
        CopyCommand::Remove { name } => session
            .held()
            .copies
            .forget(name)
            .map(|place| format!("Copy {name} is forgotten. What lies at {} stays there.\n", clean(&place))),
        CopyCommand::Versions { name } => versions(&session.held().copies, name).await,
        CopyCommand::Restore { name, version, confirm } => {
            restore(&session, name, version.as_deref(), confirm.as_deref()).await
        }
    };
    session.close().await;
    answer(done)
}

fn answer(done: Result<String, Trouble>) -> Answer {
    match done {
        Ok(text) => Answer::done(text),
        Err(trouble) => refused(&trouble),
    }
}

/// A guard or a precondition said no, or a place gave no answer, or a prompt was left: nothing was changed.
pub(super) fn refused(trouble: &Trouble) -> Answer {
    if trouble.what == hidden::LEFT {
        return Answer { out: String::new(), err: format!("{trouble}\n"), code: 130 };
    }
    let code = match trouble.kind {
        TroubleKind::Refused | TroubleKind::Absent | TroubleKind::Denied => 2,
        TroubleKind::Unreachable | TroubleKind::Unusable | TroubleKind::Local => 1,
    };
    Answer { out: String::new(), err: format!("refused: {trouble}\n"), code }
}

/// Puts the place into the book; nothing is written to it yet.
async fn register(session: &Session, wanted: &CopyAdd) -> Result<(), Trouble> {
    let keeper = &session.held().keeper;
    if keeper.look().present().is_none() {
        return Err(Trouble::new(
            TroubleKind::Refused,
            &format!("there is no keystore at {} that could be copied", keeper.path().display()),
            "",
            "Make one with `baowatch keys init`, or bring a copy of it back",
        ));
    }
    let copies = &session.held().copies;
    copies.register(&wanted.name, place(wanted)?)?;
    // The plan says how the place stands: it is looked at once before.
    let looked = copies.check(Some(&wanted.name)).await;
    if let Err(trouble) = looked {
        let _ = copies.forget(&wanted.name);
        return Err(trouble);
    }
    Ok(())
}

fn place(wanted: &CopyAdd) -> Result<Place, Trouble> {
    let wrong = |what: &str, next: &str| Trouble::new(TroubleKind::Refused, what, "", next);
    if let Some(path) = &wanted.file {
        return Ok(Place::File { path: absolute(path)? });
    }
    if let Some(secret) = &wanted.secret {
        let parts =
            secret.split_once('/').filter(|(ns, name)| !ns.is_empty() && !name.is_empty() && !name.contains('/'));
        let (Some((namespace, name)), Some(context)) = (parts, &wanted.in_context) else {
            return Err(wrong("this names no Secret", "Write it as --secret NAMESPACE/NAME --in-context CONTEXT"));
        };
        return Ok(Place::Secret { context: context.clone(), namespace: namespace.to_owned(), name: name.to_owned() });
    }
    if let Some(path) = &wanted.kv {
        let (Some(address), Some(token)) = (&wanted.vault_address, &wanted.vault_token_file) else {
            return Err(wrong(
                "a KV path needs its vault and a token",
                "Give --vault-address URL and --vault-token-file FILE",
            ));
        };
        return Ok(Place::Kv {
            address: address.trim_end_matches('/').to_owned(),
            path: path.trim_matches('/').to_owned(),
            token_file: absolute(token)?,
            ca_file: wanted.vault_ca.as_deref().map(absolute).transpose()?,
        });
    }
    match (&wanted.put, &wanted.get) {
        (Some(put), Some(get)) => Ok(Place::Command { put: put.clone(), get: get.clone() }),
        _ => Err(wrong("no place is named", "Give --file, --secret, --kv, or --put and --get")),
    }
}

/// The book outlives this folder's name.
fn absolute(path: &Path) -> Result<PathBuf, Trouble> {
    std::path::absolute(path).map_err(|error| {
        Trouble::local(&format!("{} is no path", path.display()), &error.to_string(), "Give a whole path")
    })
}

/// The plan, its challenge and the run; a place to which nothing could be written is no copy.
async fn first_write(cli: &Cli, env: &Env, wanted: &CopyAdd) -> Answer {
    let action = ActionArgs {
        action: ActionId::CopyKeystore.name().to_owned(),
        target: Some(wanted.name.clone()),
        ..ActionArgs::default()
    };
    let mut answer = Box::pin(act::run(cli, &ActCommand::Run { action, confirm: wanted.confirm.clone() }, env)).await;
    if answer.code == 0 {
        return answer;
    }
    let dropped = match session(cli, env).await {
        Ok((session, _)) => {
            let copies = &session.held().copies;
            // It was written, and something after that failed: it is a copy, and how it stands is seen.
            let dropped = match copies.was_written(&wanted.name) {
                Ok(true) => format!("Copy {} is registered: something was written there.\n", wanted.name),
                Ok(false) | Err(_) => match copies.forget(&wanted.name) {
                    Ok(_) => format!("Copy {} is not registered: nothing was written there.\n", wanted.name),
                    Err(trouble) => format!("{trouble}\n"),
                },
            };
            session.close().await;
            dropped
        }
        Err(trouble) => format!("Copy {} stays registered, unwritten: {trouble}\n", wanted.name),
    };
    answer.err.push_str(&dropped);
    answer
}

async fn check(session: &Session, name: Option<&str>) -> Result<String, Trouble> {
    Ok(list(&session.held().copies.check(name).await?))
}

fn list(all: &[CopySeen]) -> String {
    if all.is_empty() {
        return "No copy is registered: the keystore exists once.\n\
                Add a place with `baowatch keys copy add`: a stick, another cluster, another vault.\n"
            .to_owned();
    }
    let rows = all.iter().map(|copy| {
        let counts = if copy.counts() { "yes" } else { "no" };
        let checked = copy.checked.map_or_else(|| "never".to_owned(), when);
        let tested =
            copy.tested.as_ref().map_or_else(|| "never".to_owned(), |(at, slot)| format!("{} {slot}", when(*at)));
        [copy.name.clone(), copy.kind.word().to_owned(), copy.state.words(), counts.to_owned(), checked, tested]
    });
    let mut out = table(["NAME", "KIND", "STATE", "COUNTS", "CHECKED", "OPENED"], rows);
    for copy in all {
        let near = copy.near.as_ref().map_or_else(String::new, |why| format!("; does not count: {why}"));
        let versions = copy.versions.map_or_else(String::new, |n| format!("; {n} versions"));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}: {}{versions}{near}", clean(&copy.name), clean(&copy.place));
        if let crate::app::model::copies::CopyState::Unreadable(trouble) = &copy.state {
            let _ = writeln!(out, "  {}", clean(&trouble.to_string()));
        }
    }
    out
}

async fn versions(copies: &Copies, name: &str) -> Result<String, Trouble> {
    let Some(all) = copies.versions(name).await? else {
        return Ok(format!(
            "Copy {name} keeps no versions: there is no {{version}} in its commands. What `get` gives is all there is.\n"
        ));
    };
    if all.is_empty() {
        return Ok(format!("Copy {name} has no version but what lies there now.\n"));
    }
    let rows = all.into_iter().map(|version| {
        let revision = version.revision.map_or_else(|| "-".to_owned(), |n| n.to_string());
        [version.id, revision, version.at.map_or_else(|| "-".to_owned(), when)]
    });
    Ok(table(["VERSION", "REVISION", "SINCE"], rows))
}

/// Puts a version of a copy in the place of the keystore; what is there is kept beside it.
async fn restore(
    session: &Session,
    name: &str,
    version: Option<&str>,
    confirm: Option<&str>,
) -> Result<String, Trouble> {
    let keeper = &session.held().keeper;
    let bytes = session.held().copies.fetch(name, version).await?;
    if keeper.bytes()?.as_ref() == Some(&bytes) {
        return Err(Trouble::new(TroubleKind::Refused, "this is the keystore as it is", "", "There is nothing to do"));
    }
    let header = format::parts(&bytes).map_err(|error| error.trouble(Path::new(name)))?.header;
    challenge(&restore_words(keeper, &header, name), &session.vault(), confirm)?;
    let kept = PathBuf::from(format!("{}.kept-{}", keeper.path().display(), clock::now().strftime("%Y%m%dT%H%M%SZ")));
    let mut was = String::new();
    keeper.bring_back(&bytes, |there| {
        let failed = |why: &str| {
            Trouble::local(
                &format!("what is there could not be kept as {}", kept.display()),
                why,
                "Nothing was changed",
            )
        };
        match atomic::write(&kept, there, Existing::Keep) {
            Ok(true) => {
                was = format!(" What was there is {}.", kept.display());
                Ok(())
            }
            Ok(false) => Err(failed("it exists already")),
            Err(error) => Err(failed(&error.to_string())),
        }
    })?;
    Ok(format!("Revision {} of copy {name} is the keystore now.{was}\n", header.revision))
}

fn restore_words(keeper: &Keeper, header: &Header, name: &str) -> String {
    let generations: Vec<String> = header.generations.iter().map(|one| one.number.to_string()).collect();
    let new = format!(
        "Revision {} of copy {name}, written {}, with generations {}, becomes the keystore {}.\n",
        header.revision,
        when(header.written),
        generations.join(", "),
        keeper.path().display()
    );
    let look = keeper.look();
    let Some(seen) = look.present() else { return new };
    let lost: Vec<String> = seen
        .generations
        .iter()
        .filter(|one| !header.generations.iter().any(|other| other.prints == one.prints))
        .map(|one| one.number.to_string())
        .collect();
    let lacks = if lost.is_empty() { String::new() } else { format!(" It LACKS generation {}.", lost.join(", ")) };
    format!("{new}The one that is there is of revision {} and is kept beside it.{lacks}\n", seen.revision)
}

/// Opens a copy with a slot and compares its keys.
pub async fn restore_test(cli: &Cli, name: &str, slot: Option<u32>, env: &Env) -> Answer {
    let (session, _) = match session(cli, env).await {
        Ok(found) => found,
        Err(trouble) => return Answer::failed(&trouble, 1),
    };
    let done = tested(&session, name, slot).await;
    session.close().await;
    answer(done)
}

async fn tested(session: &Session, name: &str, slot: Option<u32>) -> Result<String, Trouble> {
    let held = session.held();
    let bytes = held.copies.fetch(name, None).await?;
    let header = format::parts(&bytes).map_err(|error| error.trouble(Path::new(name)))?.header;
    let wanted = match slot {
        None => None,
        Some(id) => Some(header.slots.iter().find(|slot| slot.id == id).map(|slot| slot.kind).ok_or_else(|| {
            Trouble::new(
                TroubleKind::Refused,
                &format!("copy {name} has no slot {id}"),
                "",
                "See `baowatch keys slots list`",
            )
        })?),
    };
    // The keystore itself is opened where nobody needs to be asked: key material is then compared, not names of it.
    let _ = held.keeper.unlock_silently();
    let silent = match wanted {
        Some(SlotKind::Passphrase | SlotKind::Recovery) => Vec::new(),
        Some(SlotKind::Keyring | SlotKind::Keyfile) | None => held.keeper.at_hand(&header),
    };
    for opener in silent.into_iter().filter(|opener| wanted.is_none_or(|kind| kind == opener.kind())) {
        if let Ok(tested) = held.copies.test(name, &bytes, &opener, slot) {
            return Ok(says(name, &tested));
        }
    }
    if let Some(kind @ (SlotKind::Keyring | SlotKind::Keyfile)) = wanted {
        return Err(Trouble::new(
            TroubleKind::Refused,
            &format!("nothing at hand opens the {} slot", kind.word()),
            "it is not on this machine, or it is another one",
            "Set keystore.keyfile in the configuration, or test a slot that is typed",
        ));
    }
    let typed = hidden::line("Passphrase or recovery code of the copy (not shown): ")?;
    let opener = Opener::typed(typed.trim_end_matches(['\r', '\n']));
    Ok(says(name, &held.copies.test(name, &bytes, &opener, slot)?))
}

fn says(name: &str, tested: &crate::backends::copies::Tested) -> String {
    format!("Copy {name} opens with {}: {}. Noted for {}.\n", tested.slot, tested.says, when(tested.at))
}
