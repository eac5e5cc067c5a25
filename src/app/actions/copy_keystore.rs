//! Brings copies of the keystore up to date, each read back and compared.

use jiff::SignedDuration;

use super::{GuidedAction, Request};
use crate::app::id::{ActionId, FeedId, ObjectRef};
use crate::app::model::copies::{CopySeen, CopyState};
use crate::app::model::keystore::{KeystoreLook, KeystoreSeen};
use crate::app::runbook::op::Op;
use crate::app::runbook::plan::{Danger, Expect, Offer, Plan, Rest, Step, StepKind};
use crate::app::state::State;
use crate::app::text::count;
use crate::app::time::clock;
use crate::app::trouble::{Trouble, TroubleKind};

/// A copy is read again by the feed, over a network perhaps.
const READ_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// The action.
pub struct CopyKeystore;

impl GuidedAction for CopyKeystore {
    fn id(&self) -> ActionId {
        ActionId::CopyKeystore
    }

    fn says(&self) -> &'static str {
        "bring the copies of the keystore up to date"
    }

    fn offer(&self, state: &State, request: &Request) -> Offer {
        match draft(state, request.target.as_ref()) {
            Ok(plan) => Offer::Ready(Box::new(plan)),
            Err(trouble) => Offer::Refused(trouble),
        }
    }
}

fn refused(what: &str, why: &str, next: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, why, next)
}

fn draft(state: &State, target: Option<&ObjectRef>) -> Result<Plan, Trouble> {
    super::allowed(state)?;
    let model = &state.model;
    let Some(cluster) = &model.cluster else {
        return Err(refused("nothing is known yet", "no feed has answered", "Wait for the first answers"));
    };
    let (keystore, seen) = keystore(state)?;
    let copies = copies(state, target)?;
    let behind: Vec<&CopySeen> = copies.iter().copied().filter(|copy| writable(&copy.state)).collect();
    let ahead: Vec<&CopySeen> =
        copies.iter().copied().filter(|copy| !writable(&copy.state) && copy.state != CopyState::Same).collect();
    if behind.is_empty() {
        return Err(nothing_behind(&ahead));
    }
    let names: Vec<&str> = behind.iter().map(|copy| copy.name.as_str()).collect();
    let one = if let [copy] = behind.as_slice() { Some(ObjectRef::new("Copy", "", &copy.name)) } else { None };
    Ok(Plan {
        action: ActionId::CopyKeystore,
        title: format!("Write the keystore to {}", names.join(", ")),
        steps: behind.iter().flat_map(|copy| steps(copy, keystore)).collect(),
        will_not: "change the keystore, open it, or write over a copy that holds anything it lacks".to_owned(),
        rests_on: rests_on(state, keystore, seen),
        rights: Vec::new(),
        choices: Vec::new(),
        warnings: warnings(&behind, &ahead),
        danger: Danger::Yes,
        made: state.now,
        basis: Vec::new(),
        identity: cluster.identity.clone(),
        target: one.unwrap_or_else(|| ObjectRef::new("Keystore", "", &keystore.path)),
    })
}

fn keystore(state: &State) -> Result<(&KeystoreSeen, jiff::Timestamp), Trouble> {
    let observed = state.model.keystore.as_ref().filter(|seen| seen.fresh(state.now, FeedId::Keystore).is_some());
    let Some(observed) = observed else {
        return Err(refused("the keystore has not been looked at lately", "", "Wait for the keystore feed"));
    };
    match &observed.value {
        KeystoreLook::Present(seen) => Ok((seen.as_ref(), observed.at)),
        KeystoreLook::Absent { path, .. } => Err(refused(
            &format!("there is no keystore at {path}"),
            "there is nothing to copy, and a copy may be all there is",
            "Make one with `baowatch keys init`, or bring a copy back with `baowatch keys copy restore`",
        )),
        KeystoreLook::Unreadable { trouble, .. } => Err(trouble.clone()),
    }
}

fn copies<'a>(state: &'a State, target: Option<&ObjectRef>) -> Result<Vec<&'a CopySeen>, Trouble> {
    let all = state.model.copies.as_ref().map(|seen| seen.value.as_slice()).unwrap_or_default();
    let wanted = target.filter(|object| object.kind == "Copy").map(|object| object.name.as_str());
    let found: Vec<&CopySeen> = all.iter().filter(|copy| wanted.is_none_or(|wanted| wanted == copy.name)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let known: Vec<&str> = all.iter().map(|copy| copy.name.as_str()).collect();
    Err(match wanted {
        Some(name) if !known.is_empty() => {
            refused(&format!("there is no copy {name}"), &format!("there is {}", known.join(", ")), "Name one of them")
        }
        Some(_) | None => refused(
            "no copy is registered",
            "the keystore exists once",
            "Add a place with `baowatch keys copy add`: a stick, another cluster, another vault",
        ),
    })
}

/// Whether the keystore may be written there. The hands look again, right before they write.
const fn writable(state: &CopyState) -> bool {
    match state {
        CopyState::Older { .. } | CopyState::Outdated { .. } | CopyState::Missing | CopyState::Unchecked => true,
        CopyState::Same | CopyState::Newer { .. } | CopyState::Unreadable(_) => false,
    }
}

fn nothing_behind(ahead: &[&CopySeen]) -> Trouble {
    let told: Vec<String> = ahead.iter().map(|copy| format!("{}: {}", copy.name, copy.state.words())).collect();
    if told.is_empty() {
        return refused("every copy is the same as the keystore", "", "There is nothing to do");
    }
    refused(
        "no copy can be written to",
        &told.join("; "),
        "A newer copy is brought back with `baowatch keys copy restore`; what cannot be read is looked at by hand",
    )
}

fn steps(copy: &CopySeen, keystore: &KeystoreSeen) -> [Step; 2] {
    let over = match &copy.state {
        CopyState::Older { revision } | CopyState::Outdated { revision, .. } => {
            format!("revision {revision} there is kept")
        }
        CopyState::Missing => "nothing is there".to_owned(),
        CopyState::Same | CopyState::Newer { .. } | CopyState::Unreadable(_) | CopyState::Unchecked => {
            "what is there is kept".to_owned()
        }
    };
    [
        Step {
            kind: StepKind::Do(Op::WriteCopy { copy: copy.name.clone(), revision: keystore.revision }),
            says: format!("write revision {} to {}", keystore.revision, copy.name),
            detail: format!("{}; {over}", copy.place),
        },
        Step {
            kind: StepKind::Await { expect: Expect::CopySame { copy: copy.name.clone() }, within: READ_WITHIN },
            says: format!("see {} the same", copy.name),
            detail: "read back by the copies feed".to_owned(),
        },
    ]
}

fn rests_on(state: &State, keystore: &KeystoreSeen, seen: jiff::Timestamp) -> Vec<Rest> {
    let holds = keystore.current().map_or_else(|| "no keys".to_owned(), |one| format!("generation {}", one.number));
    let mut rests =
        vec![Rest { what: format!("keystore {}, revision {}, {holds}", keystore.path, keystore.revision), seen }];
    if let Some(copies) = &state.model.copies {
        rests.push(Rest {
            what: count(copies.value.len(), "registered copy").replace("copys", "copies"),
            seen: copies.at,
        });
    }
    rests
}

fn warnings(behind: &[&CopySeen], ahead: &[&CopySeen]) -> Vec<String> {
    let near = behind.iter().filter_map(|copy| {
        let why = copy.near.as_ref()?;
        Some(format!("{} does not count as a second place: {why}", copy.name))
    });
    let left = ahead.iter().map(|copy| format!("{} is left alone: {}", copy.name, copy.state.words()));
    let tested = behind.iter().filter_map(|copy| {
        let (at, slot) = copy.tested.as_ref()?;
        Some(format!("{} was last opened at {} with {slot}: test it again afterwards", copy.name, clock(*at)))
    });
    near.chain(left).chain(tested).collect()
}
