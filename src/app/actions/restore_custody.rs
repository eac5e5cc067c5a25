//! Puts a key file in custody back to where it belongs, with its mode and owner, keeping what is there.

use jiff::SignedDuration;

use super::{GuidedAction, Request};
use crate::app::id::{ActionId, FeedId, ObjectRef};
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::model::keys_secret::Fingerprint;
use crate::app::runbook::op::Op;
use crate::app::runbook::plan::{Danger, Expect, Offer, Plan, Rest, Step, StepKind};
use crate::app::state::{Lock, State};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::app::verdict::held;

/// The feed looks every few seconds, and at once when it is asked.
const SEEN_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// The action.
pub struct RestoreCustody;

impl GuidedAction for RestoreCustody {
    fn id(&self) -> ActionId {
        ActionId::RestoreCustody
    }

    fn says(&self) -> &'static str {
        "put a key file in custody back to where it belongs"
    }

    fn offer(&self, state: &State, request: &Request) -> Offer {
        match draft(state, request.target.as_ref()) {
            Ok(offer) => offer,
            Err(trouble) => Offer::Refused(trouble),
        }
    }
}

fn refused(what: &str, why: &str, next: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, why, next)
}

fn draft(state: &State, target: Option<&ObjectRef>) -> Result<Offer, Trouble> {
    super::allowed(state)?;
    let model = &state.model;
    let (Some(cluster), Some(custody)) = (&model.cluster, &model.custody) else {
        return Err(refused("nothing is known yet", "no feed has answered", "Wait for the first answers"));
    };
    if custody.fresh(state.now, FeedId::Custody).is_none() {
        return Err(refused("the files in custody have not been looked at lately", "", "Wait for the custody feed"));
    }
    let (file, version) = match held::seal_key_file(model).filter(|_| target.is_none()) {
        // Of several that are wrong, the one that the vault itself opens with is what the verdict speaks of.
        Some(file) if restorable(file, file.version).is_ok() => (file, file.version),
        Some(_) | None => wanted(&custody.value, target)?,
    };
    let found = restorable(file, version)?;
    if state.keystore == Lock::Locked {
        let prompt = format!("{} is taken out of the keystore", file.name);
        return Ok(Offer::NeedsUnlock { prompt });
    }
    Ok(Offer::Ready(Box::new(Plan {
        action: ActionId::RestoreCustody,
        target: ObjectRef::new("KeyFile", "", &file.name),
        title: format!("Restore {} to {}", file.name, file.path),
        steps: steps(file, version, found),
        will_not: "touch other files, or restart what reads this one".to_owned(),
        rests_on: vec![Rest { what: format!("{}: {}", file.path, file.state.words()), seen: custody.at }],
        rights: Vec::new(),
        choices: Vec::new(),
        warnings: warnings(file, version),
        danger: Danger::Target,
        made: state.now,
        basis: Vec::new(),
        identity: cluster.identity.clone(),
    })))
}

/// The file that is meant, and its version: `NAME`, or `NAME@2`; the only one that is not in place where none is named.
fn wanted<'a>(all: &'a [CustodySeen], target: Option<&ObjectRef>) -> Result<(&'a CustodySeen, u32), Trouble> {
    let named = target.filter(|object| object.kind == "KeyFile").map(|object| object.name.as_str());
    if all.is_empty() {
        return Err(refused("no key file is in custody", "", "Take one with `baowatch keys custody add`"));
    }
    let known: Vec<&str> = all.iter().map(|file| file.name.as_str()).collect();
    let Some(named) = named else {
        let wrong: Vec<&CustodySeen> = all.iter().filter(|file| restorable(file, file.version).is_ok()).collect();
        return match wrong.as_slice() {
            [] => Err(refused(
                "every key file in custody is as it should be, or not this machine's",
                "",
                "There is nothing to do",
            )),
            [file] => Ok((file, file.version)),
            _ => Err(refused(
                "which key file is not said",
                &format!("there is {}", known.join(", ")),
                "Name one of them",
            )),
        };
    };
    let (name, version) = match named.split_once('@') {
        Some((name, version)) => (name, version.parse::<u32>().ok()),
        None => (named, None),
    };
    let Some(file) = all.iter().find(|file| file.name == name) else {
        return Err(refused(
            &format!("there is no key file {name} in custody"),
            &format!("there is {}", known.join(", ")),
            "Name one of them",
        ));
    };
    match version {
        None if named.contains('@') => Err(refused("this is no version", named, "A version is a number")),
        Some(version) if version == 0 || version > file.version => Err(refused(
            &format!("there is no version {version} of {name}"),
            &format!("the newest is {}", file.version),
            "See `baowatch keys custody versions`",
        )),
        Some(version) => Ok((file, version)),
        None => Ok((file, file.version)),
    }
}

/// What lies there, where the file may be written from here.
fn restorable(file: &CustodySeen, version: u32) -> Result<Option<Fingerprint>, Trouble> {
    if file.path.starts_with("secret:") {
        return Err(refused(
            &format!("{} is a field of a Secret", file.path),
            "a Secret is written by whoever owns it, not as a file",
            "Restore it on a host with `keys custody add` of a path, or write the Secret with its owner's tool",
        ));
    }
    match &file.state {
        CustodyState::Same if version == file.version && file.permissions().is_none() => {
            Err(refused(&format!("{} is in place already", file.name), &file.path, "There is nothing to do"))
        }
        CustodyState::Same
        | CustodyState::Different { .. }
        | CustodyState::WrongSize { .. }
        | CustodyState::Missing => Ok(file.state.found(&file.print)),
        CustodyState::Unreadable(trouble) => Err(trouble.clone()),
        CustodyState::Elsewhere { host } => Err(refused(
            &format!("{} belongs on host {host}", file.name),
            "a file is only written on the machine that it was taken from",
            "Run this there, with a copy of the keystore",
        )),
    }
}

fn steps(file: &CustodySeen, version: u32, found: Option<Fingerprint>) -> Vec<Step> {
    let kept = match &file.state {
        CustodyState::Missing => "nothing is there".to_owned(),
        CustodyState::Same if version == file.version => "the bytes stay, mode and owner are set".to_owned(),
        CustodyState::Same
        | CustodyState::Different { .. }
        | CustodyState::WrongSize { .. }
        | CustodyState::Unreadable(_)
        | CustodyState::Elsewhere { .. } => format!("what is there is kept as {}.baowatch-kept-…", file.path),
    };
    let (uid, gid) = file.owner;
    let op = Op::RestoreCustody { name: file.name.clone(), version, path: file.path.clone(), found };
    let mut steps = vec![Step {
        kind: StepKind::Do(op),
        says: format!("write version {version} of {} to {}", file.name, file.path),
        detail: format!("mode {:04o}, owner {uid}:{gid}; {kept}", file.mode),
    }];
    // An older version is not what the feed calls the same: the hands have read it back.
    if version == file.version {
        steps.push(Step {
            kind: StepKind::Await { expect: Expect::CustodySame { name: file.name.clone() }, within: SEEN_WITHIN },
            says: format!("see {} in place", file.name),
            detail: "by the custody feed".to_owned(),
        });
    }
    steps
}

fn warnings(file: &CustodySeen, version: u32) -> Vec<String> {
    let mut warnings = Vec::new();
    if matches!(file.state, CustodyState::Different { .. } | CustodyState::WrongSize { .. }) {
        warnings.push(
            "Other bytes lie there: a daemon may have made itself a new key and encrypted with it since; that key is kept beside, \
             with what was encrypted under it"
                .to_owned(),
        );
    }
    if version != file.version {
        warnings.push(format!("Version {version} is not the newest, {}: it will be seen as other bytes", file.version));
    }
    warnings.push("What reads the file sees it at its next start".to_owned());
    warnings
}
