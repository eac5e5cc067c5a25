//! `keys custody …`: key files of other programs kept in the keystore.

use std::fmt::Write as _;
use std::path::Path;

use super::ask::challenge;
use super::opening::{open, session, table, when};
use crate::app::config::cli::{ActCommand, ActionArgs, Cli};
use crate::app::config::cli_keys::CustodyCommand;
use crate::app::config::env::Env;
use crate::app::config::resolve::Bound;
use crate::app::id::ActionId;
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::runtime::clock;
use crate::app::text::{clean, count};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::custody::{MODE, Place, There, host, read};
use crate::backends::feeds::custody::look;
use crate::backends::keystore::bounds::LONGEST_FILE;
use crate::backends::keystore::custody::NewFile;
use crate::backends::keystore::header::CustodyEntry;
use crate::backends::keystore::{Keeper, SecretBytes, format};
use crate::programs::act;
use crate::programs::config::Answer;
use crate::programs::session::Session;

/// What the copies lack from now on.
const COPY: &str = "Its copies are older now: `baowatch act run copy-keystore` brings them up to date.\n";

/// Runs `keys custody …`.
pub async fn run(cli: &Cli, command: &CustodyCommand, env: &Env) -> Answer {
    if let CustodyCommand::Restore { name, version, confirm } = command {
        let target = version.map_or_else(|| name.clone(), |version| format!("{name}@{version}"));
        let action = ActionArgs {
            action: ActionId::RestoreCustody.name().to_owned(),
            target: Some(target),
            ..ActionArgs::default()
        };
        return Box::pin(act::run(cli, &ActCommand::Run { action, confirm: confirm.clone() }, env)).await;
    }
    let (session, aim) = match session(cli, env).await {
        Ok(found) => found,
        Err(trouble) => return Answer::failed(&trouble, 1),
    };
    let done = perform(&session, &aim.bound, command).await;
    session.close().await;
    match done {
        Ok(text) => Answer::done(text),
        Err(trouble) => super::copy::refused(&trouble),
    }
}

fn refused(what: &str, why: &str, next: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, why, next)
}

async fn perform(session: &Session, bound: &Bound, command: &CustodyCommand) -> Result<String, Trouble> {
    let changes = !matches!(command, CustodyCommand::List | CustodyCommand::Versions { .. });
    if changes && bound.settings.read_only {
        return Err(super::place::only_looks());
    }
    match command {
        CustodyCommand::Add { name, path } => add(session, name, path).await,
        CustodyCommand::List => Ok(list(&seen(session).await?)),
        CustodyCommand::Versions { name } => entry(&session.held().keeper, name).map(|entry| versions(&entry)),
        CustodyCommand::Refresh { name, confirm } => refresh(session, name, confirm.as_deref()).await,
        CustodyCommand::Remove { name, confirm } => remove(session, name, confirm.as_deref()),
        // Through the engine, above.
        CustodyCommand::Restore { .. } => Ok(String::new()),
    }
}

async fn seen(session: &Session) -> Result<Vec<CustodySeen>, Trouble> {
    let held = session.held();
    // What a second place holds is only known once it was looked at.
    let _ = held.copies.look().await;
    look(&held.keeper, &held.copies, session.kube().as_ref()).await
}

/// What the keystore's header says of it, without opening anything.
fn entry(keeper: &Keeper, name: &str) -> Result<CustodyEntry, Trouble> {
    let all = entries(keeper)?;
    let known: Vec<&str> = all.iter().map(|entry| entry.name.as_str()).collect();
    let known =
        if known.is_empty() { "none is in custody".to_owned() } else { format!("there is {}", known.join(", ")) };
    all.iter().find(|entry| entry.name == name).cloned().ok_or_else(|| {
        refused(&format!("there is no key file {name} in custody"), &known, "See `baowatch keys custody list`")
    })
}

fn entries(keeper: &Keeper) -> Result<Vec<CustodyEntry>, Trouble> {
    let Some(bytes) = keeper.bytes()? else {
        return Err(Trouble::new(
            TroubleKind::Absent,
            &format!("there is no keystore at {}", keeper.path().display()),
            "",
            "Make one with `baowatch keys init`, or bring a copy of it back",
        ));
    };
    Ok(format::parts(&bytes).map_err(|error| error.trouble(keeper.path()))?.header.custody)
}

async fn add(session: &Session, name: &str, path: &str) -> Result<String, Trouble> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    if name.is_empty() || name.len() > 63 || !name.chars().all(allowed) {
        return Err(refused(
            "this is no name",
            "it is letters, digits, dot, dash and underscore, at most 63",
            "Give another",
        ));
    }
    let path = if path.starts_with("secret:") {
        path.to_owned()
    } else {
        let whole =
            std::path::absolute(path).map_err(|error| Trouble::local("this is no path", &error.to_string(), ""))?;
        whole.to_str().map(str::to_owned).ok_or_else(|| refused("this path is not UTF-8", "", "Move the file"))?
    };
    let place = Place::read(&path)
        .ok_or_else(|| refused("this is no place", "", "Give a path, or secret:NAMESPACE/NAME:FIELD"))?;
    let here = if matches!(place, Place::Path(_)) { host() } else { String::new() };
    let keeper = &session.held().keeper;
    if let Some(other) =
        entries(keeper)?.iter().find(|entry| entry.name == name || (entry.path == path && entry.host == here))
    {
        return Err(refused(
            &format!("{} is in custody already, as {}", other.path, other.name),
            "",
            "A changed file is taken with `baowatch keys custody refresh`",
        ));
    }
    let there = taken(&place, session, &path).await?;
    let (len, found) = (there.bytes.len(), there.access);
    let (mode, uid, gid) = found.map_or((MODE, 0, 0), |(mode, uid, gid)| (narrow(mode), uid, gid));
    open(session)?;
    let file = NewFile {
        name: name.to_owned(),
        path: path.clone(),
        host: here,
        mode,
        uid,
        gid,
        bytes: SecretBytes::new(there.bytes.to_vec()),
    };
    let now = clock::now();
    let added =
        keeper.change(now, |opened| opened.add_custody(file, now).map_err(|error| error.trouble(keeper.path())))?;
    if !added {
        return Err(refused(&format!("there is a key file {name} already"), "", "Give another name"));
    }
    let mut out = format!("{} of {} are kept as {name}, version 1.\n", count(len, "byte"), clean(&path));
    if let Some((found, ..)) = found.filter(|(found, ..)| *found != mode) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "The file has mode {found:04o}; {mode:04o} is what it should have and what a restore gives it."
        );
    }
    out.push_str(COPY);
    Ok(out)
}

/// Modes as narrow as a key file's own are kept; every other becomes 0400.
const fn narrow(mode: u32) -> u32 {
    if mode == 0o440 { mode } else { MODE }
}

/// The file as it lies there, which must be one.
async fn taken(place: &Place, session: &Session, path: &str) -> Result<There, Trouble> {
    let there = read(place, session.kube().as_ref()).await?;
    let there = there.ok_or_else(|| {
        Trouble::new(
            TroubleKind::Absent,
            &format!("there is nothing at {path}"),
            "",
            "Check the path; nothing was changed",
        )
    })?;
    if there.bytes.is_empty() || there.bytes.len() > LONGEST_FILE {
        let why = if there.bytes.is_empty() { "it is empty" } else { "it is longer than 64 KiB" };
        return Err(refused(&format!("{path} is no key file"), why, "Nothing was changed"));
    }
    Ok(there)
}

fn list(all: &[CustodySeen]) -> String {
    if all.is_empty() {
        return "No key file is in custody. Take one with `baowatch keys custody add NAME PATH`.\n".to_owned();
    }
    let rows = all.iter().map(|file| {
        let access = match (&file.state, file.permissions()) {
            (_, Some(wrong)) => wrong,
            (CustodyState::Same | CustodyState::Different { .. } | CustodyState::WrongSize { .. }, None)
                if file.mode_found.is_some() =>
            {
                "as they should be".to_owned()
            }
            _ => "-".to_owned(),
        };
        [
            file.name.clone(),
            file.state.words(),
            access,
            count(file.size as usize, "byte"),
            format!("{} {}", file.version, file.print),
            when(file.kept),
        ]
    });
    let mut out = table(["NAME", "STATE", "MODE AND OWNER", "SIZE", "VERSION", "KEPT"], rows);
    for file in all {
        let near = file.near.as_ref().map_or_else(String::new, |why| format!("; {why}"));
        let _ = writeln!(out, "{}: {}{near}", clean(&file.name), clean(&file.path));
    }
    out
}

fn versions(entry: &CustodyEntry) -> String {
    let rows = entry.versions.iter().map(|version| {
        [
            version.number.to_string(),
            version.print.to_string(),
            count(version.size as usize, "byte"),
            when(version.kept),
        ]
    });
    table(["VERSION", "FINGERPRINT", "SIZE", "KEPT"], rows)
}

/// Takes the file as it is now; only ever because somebody typed its name under what that means.
async fn refresh(session: &Session, name: &str, confirm: Option<&str>) -> Result<String, Trouble> {
    let keeper = &session.held().keeper;
    let entry = entry(keeper, name)?;
    let place = Place::read(&entry.path).ok_or_else(|| refused(&format!("{} is no path", entry.path), "", ""))?;
    if matches!(place, Place::Path(_)) && entry.host != host() {
        return Err(refused(
            &format!("{name} belongs on host {}", entry.host),
            "it is only read there",
            "Run this there",
        ));
    }
    let all = seen(session).await?;
    let file = all.iter().find(|file| file.name == name);
    let state = file.map(|file| file.state.clone());
    if state == Some(CustodyState::Same) {
        return Err(refused(&format!("{} is the very file that is kept", entry.path), "", "There is nothing to take"));
    }
    let there = taken(&place, session, &entry.path).await?;
    let Some(newest) = entry.versions.last() else { return Err(refused("nothing of it is kept", "", "")) };
    let now_there = state.map_or_else(String::new, |state| state.words());
    let words = format!(
        "{}: {now_there}, {}.\n\
         Kept is version {}, {}, {}, since {}.\n\
         From then on a restore writes what lies there now. Version {} stays in the keystore and can be named, but it will no \
         longer be the one that is restored, and the file will no longer be told to differ.\n\
         If a daemon made itself a new key because the old one was missing, everything encrypted under the old one needs version {}.\n",
        clean(&entry.path),
        count(there.bytes.len(), "byte"),
        newest.number,
        newest.print,
        count(newest.size as usize, "byte"),
        when(newest.kept),
        newest.number,
        newest.number,
    );
    challenge(&words, name, confirm)?;
    open(session)?;
    let bytes = SecretBytes::new(there.bytes.to_vec());
    let now = clock::now();
    let number = keeper.change(now, |opened| {
        // Taken since by somebody else: what was said about the newest version is not so any more.
        let kept = opened.header().custody.iter().find(|kept| kept.name == name).and_then(|kept| kept.versions.last());
        if kept != Some(newest) {
            return Err(refused(&format!("{name} was changed in this moment"), "", "Look again; nothing was changed"));
        }
        opened.add_custody_version(name, bytes, now).map_err(|error| error.trouble(keeper.path()))
    })?;
    Ok(format!("Version {} of {name} is kept. Earlier versions stay.\n{COPY}", number.unwrap_or_default()))
}

fn remove(session: &Session, name: &str, confirm: Option<&str>) -> Result<String, Trouble> {
    let keeper = &session.held().keeper;
    let entry = entry(keeper, name)?;
    let words = format!(
        "{} of {} will be forgotten for ever. The file itself is not touched; if it is lost, nothing brings it back but an \
         older copy of the keystore.\n",
        count(entry.versions.len(), "version"),
        clean(&entry.path)
    );
    challenge(&words, name, confirm)?;
    open(session)?;
    let removed = keeper.change(clock::now(), |opened| Ok(opened.remove_custody(name)))?;
    if removed {
        Ok(format!(
            "{name} is not in custody any more. Copies still hold it, and nothing is written over a copy that holds what the \
             keystore lacks: move the old ones away, then `baowatch act run copy-keystore` writes them anew.\n"
        ))
    } else {
        let path = Path::new(&entry.path).display();
        Err(refused(&format!("{path} was forgotten in this moment"), "", "There is nothing to do"))
    }
}
