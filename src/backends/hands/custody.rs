//! A key file in custody written back to where it belongs.

use super::perform::Said;
use super::tools::Tools;
use crate::app::model::custody::CustodyState;
use crate::app::runbook::op::Op;
use crate::app::runbook::run::Finding;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::copies::shelf::blocking;
use crate::backends::custody;
use crate::backends::keys::Salt;
use crate::backends::keystore::header::CustodyEntry;
use crate::backends::keystore::{Keeper, format};

fn refused(what: &str, why: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, why, "Ask for the plan anew; nothing was changed")
}

/// What the header says of the file.
fn entry(keeper: &Keeper, name: &str) -> Result<(CustodyEntry, Salt), Trouble> {
    let bytes = keeper.bytes()?.ok_or_else(|| refused("there is no keystore any more", ""))?;
    let parts = format::parts(&bytes).map_err(|error| error.trouble(keeper.path()))?;
    let salt = custody::salt(&parts.header).ok_or_else(no_salt)?;
    let found = parts.header.custody.into_iter().find(|entry| entry.name == name);
    found.map(|entry| (entry, salt)).ok_or_else(|| gone(name))
}

fn gone(name: &str) -> Trouble {
    refused(&format!("{name} is not in custody any more"), "")
}

fn no_salt() -> Trouble {
    refused("the keystore's salt is not hex", "")
}

pub(super) async fn restore(op: &Op, tools: &Tools) -> Result<Said, Trouble> {
    let Op::RestoreCustody { name, version, path, found } = op else {
        return Err(refused("this is no file to restore", ""));
    };
    // Of the opened keystore: what a file of that name merely says of itself decides neither where nor with what rights
    // something is written, perhaps by root.
    let held = tools.keeper.with(|opened| {
        let entry = opened.header().in_custody(name).cloned()?;
        let bytes = opened.custody_bytes(name, *version).cloned();
        Some((entry, custody::salt(opened.header()), bytes))
    })?;
    let (entry, salt, bytes) = held.ok_or_else(|| gone(name))?;
    let salt = salt.ok_or_else(no_salt)?;
    let host = custody::host();
    if entry.path != *path || entry.host != host {
        return Err(refused(
            &format!("{name} does not belong to {path} on {host}"),
            &format!("it belongs to {} on {}", entry.path, entry.host),
        ));
    }
    let bytes = bytes.ok_or_else(|| refused(&format!("there is no version {version} of {name}"), ""))?;
    let (Some(print), Some(newest)) = (
        entry.versions.iter().find(|one| one.number == *version).map(|one| one.print.clone()),
        entry.versions.last().map(|one| one.print.clone()),
    ) else {
        return Err(refused(&format!("there is no version {version} of {name}"), ""));
    };
    if crate::backends::keys::fingerprint(&salt, bytes.expose()) != print {
        return Err(refused(&format!("version {version} of {name} is not what the keystore's header says"), ""));
    }
    let look = custody::look(&entry, &salt, None, &host).await;
    if let CustodyState::Unreadable(trouble) = look.state {
        return Err(trouble);
    }
    let there = look.state.found(&newest);
    if there == Some(print) && look.access == Some((entry.mode, entry.uid, entry.gid)) {
        return Ok(Said::Unneeded(format!("it lies at {path} already")));
    }
    if there != *found {
        return Err(refused(&format!("what lies at {path} changed since the plan was made"), &look.state.words()));
    }
    let stamp = tools.clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mode = entry.mode;
    let kept = blocking(move || custody::restore(&entry, bytes.expose(), &stamp)).await?;
    let kept = kept.map_or_else(String::new, |kept| format!("; what was there is {}", kept.display()));
    Ok(Said::Done(format!("written with mode {mode:04o}, read back, the same{kept}")))
}

pub(super) async fn probe(op: &Op, tools: &Tools) -> Result<Finding, Trouble> {
    let Op::RestoreCustody { name, path, .. } = op else {
        return Err(refused("this is no file to restore", ""));
    };
    let (entry, salt) = entry(&tools.keeper, name)?;
    let look = custody::look(&entry, &salt, None, &custody::host()).await;
    Ok(Finding { says: format!("{path}: {}", look.state.words()) })
}
