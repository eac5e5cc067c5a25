//! Opens sealed replicas, one after the other, with shares from the keys Secret or typed.

use jiff::SignedDuration;

use super::{GuidedAction, Request};
use crate::app::id::{ActionId, ObjectRef, SlotId};
use crate::app::model::Model;
use crate::app::model::keys_secret::{Fingerprint, KeysSecret};
use crate::app::model::seal::{SealKind, SealSeen};
use crate::app::runbook::guard::Basis;
use crate::app::runbook::op::{Op, ShareRef};
use crate::app::runbook::plan::{Choice, Danger, Expect, Offer, Plan, Rest, Right, Step, StepKind};
use crate::app::state::State;
use crate::app::text::count;
use crate::app::trouble::{Trouble, TroubleKind};

/// A raft follower that was given its shares stays sealed until it has joined: seconds, or tens of them on a slow disk.
const JOINS_WITHIN: SignedDuration = SignedDuration::from_secs(60);

/// The action.
pub struct Unseal;

impl GuidedAction for Unseal {
    fn id(&self) -> ActionId {
        ActionId::Unseal
    }

    fn says(&self) -> &'static str {
        "open sealed replicas with unseal key shares, one after the other"
    }

    fn offer(&self, state: &State, request: &Request) -> Offer {
        match draft(state, request) {
            Ok(offer) => offer,
            Err(trouble) => Offer::Refused(trouble),
        }
    }
}

fn refused(what: &str, why: &str, next: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, why, next)
}

fn draft(state: &State, request: &Request) -> Result<Offer, Trouble> {
    let model = &state.model;
    let Some(cluster) = &model.cluster else {
        return Err(refused("nothing is known yet", "no feed has answered", "Wait for the first answers"));
    };
    allowed(state)?;
    let sealed = targets(state, request.target.as_ref())?;
    let threshold = sealed.iter().map(|(_, seen)| seen.threshold).max().unwrap_or(0);
    if threshold == 0 {
        return Err(refused(
            "the vault asks for no shares",
            "seal-status says that its threshold is 0",
            "Look at the server's log and at its seal configuration",
        ));
    }
    let choices = choices(model, request, &sealed, threshold);
    let source = match (&choices.secret, choices.typed) {
        (Some(secret), false) => Source::Secret(secret),
        (Some(_) | None, _) => match request.typed {
            Some((slot, typed)) if typed >= wanting(&sealed, choices.reset) => Source::Typed(slot),
            Some(_) | None => {
                let why = choices.why_typed.clone();
                return Ok(Offer::NeedsShares { count: wanting(&sealed, choices.reset), prompt: why });
            }
        },
    };
    let target = challenge_target(model, request.target.as_ref(), &sealed);
    let names: Vec<&str> = sealed.iter().map(|(name, _)| name.as_str()).collect();
    let plan = Plan {
        action: ActionId::Unseal,
        title: format!("Unseal {}", names.join(", ")),
        steps: sealed.iter().flat_map(|(name, seen)| steps(name, seen, &source, choices.reset)).collect(),
        will_not: "touch other replicas, pods, Secrets, or anything in the vault".to_owned(),
        rests_on: rests_on(model, &sealed, &source),
        rights: rights(model, &source),
        warnings: warnings(model, &sealed, &source, choices.reset),
        choices: choices.shown,
        danger: Danger::Target,
        made: state.now,
        basis: basis(model, &sealed, &source),
        identity: cluster.identity.clone(),
        target,
    };
    Ok(Offer::Ready(Box::new(plan)))
}

fn allowed(state: &State) -> Result<(), Trouble> {
    super::allowed(state)?;
    if state.settings.expect.address_only {
        return Err(refused(
            "the vault is known by one address only",
            "it may be a load balancer, and unseal must reach one named replica",
            "List the replicas under vault.members in the configuration, or use a Kubernetes context",
        ));
    }
    Ok(())
}

type Sealed = Vec<(String, SealSeen)>;

/// How many typed shares it takes: somebody else's are not asked for again, or share holders could never come one by one.
fn wanting(sealed: &Sealed, reset: bool) -> u32 {
    sealed.iter().map(|(_, seen)| missing(seen, reset)).max().unwrap_or(0)
}

fn missing(seen: &SealSeen, reset: bool) -> u32 {
    let given = if reset { 0 } else { seen.progress };
    seen.threshold.saturating_sub(given).max(1)
}

/// The sealed replicas that the plan is about, in the order in which they are opened: by ordinal, as OrderedReady needs.
fn targets(state: &State, target: Option<&ObjectRef>) -> Result<Sealed, Trouble> {
    let model = &state.model;
    let one = target.filter(|object| object.kind == "Pod").map(|object| object.name.as_str());
    if let Some(name) = one
        && model.replica(name).is_none()
    {
        let known: Vec<&str> = model.replicas.iter().map(|r| r.name.as_str()).collect();
        return Err(refused(
            &format!("{name} is not a replica of this vault"),
            &format!("expected are {}", known.join(", ")),
            "Name one of them, or none for every sealed replica",
        ));
    }
    let wanted = |name: &str| one.is_none_or(|one| one == name);
    let answers: Sealed = model
        .answers(state.now)
        .filter(|(name, _)| wanted(name))
        .map(|(name, seen)| (name.to_owned(), seen.clone()))
        .collect();
    let sealed: Sealed = answers.iter().filter(|(_, seen)| seen.initialized && seen.sealed).cloned().collect();
    if let Some((name, seen)) = sealed.iter().find(|(_, seen)| seen.kind != SealKind::Shamir) {
        return Err(refused(
            &format!("{name} has a seal of type {}", seen.kind.word()),
            "it opens by itself when it starts and can reach its key; unseal key shares do not exist",
            "Repair what its seal needs, then restart the pod; after an API seal a restart is enough",
        ));
    }
    if let Some((name, _)) = sealed.iter().find(|(_, seen)| seen.migration) {
        return Err(refused(
            &format!("{name} is in a seal migration"),
            "a migration needs its own command, given on purpose",
            "Finish it with `bao operator unseal -migrate`",
        ));
    }
    if !sealed.is_empty() {
        return Ok(sealed);
    }
    Err(nothing_sealed(model, one, &answers))
}

fn nothing_sealed(model: &Model, one: Option<&str>, answers: &Sealed) -> Trouble {
    if answers.is_empty() {
        let who = one.unwrap_or("any replica");
        return Trouble::unreachable(
            &format!("no recent answer from {who}"),
            "what cannot be seen cannot be unsealed",
            "Look at the Vault pane for why it does not answer",
        );
    }
    if answers.iter().all(|(_, seen)| !seen.initialized) {
        return refused(
            "the vault is not initialised",
            "there is no key yet that could open it",
            "Initialise it once with `bao operator init`, and keep its keys in two places",
        );
    }
    let silent = model.replicas.len().saturating_sub(answers.len());
    let why = if silent > 0 { format!("{} not answering", count(silent, "replica")) } else { String::new() };
    refused("nothing that answers is sealed", &why, "There is nothing to do")
}

enum Source<'a> {
    Secret(&'a KeysSecret),
    Typed(SlotId),
}

struct Choices<'a> {
    shown: Vec<Choice>,
    secret: Option<&'a KeysSecret>,
    typed: bool,
    reset: bool,
    why_typed: String,
}

fn choices<'a>(model: &'a Model, request: &Request, sealed: &Sealed, threshold: u32) -> Choices<'a> {
    let mut shown = Vec::new();
    let present = model.keys_secret();
    let secret = present.filter(|secret| secret.shares() >= threshold);
    let begun = sealed.iter().find(|(_, seen)| seen.progress > 0);
    let reset = request.choices.get(usize::from(secret.is_some())) == Some(&1);
    let shares = count(wanting(sealed, reset) as usize, "share");
    let shares = match begun {
        Some((name, seen)) if !reset => {
            format!("{shares} more: {name} has {} of {} from somebody else", seen.progress, seen.threshold)
        }
        Some(_) | None => shares,
    };
    let why_typed = match (secret, present, &model.keys) {
        (Some(secret), _, _) => format!("Type {shares}; {} is left alone", secret.object),
        (None, Some(secret), _) => {
            format!("{} holds {} of {threshold} usable shares: type {shares}", secret.object, secret.shares())
        }
        (None, None, Some(keys)) => format!("{} does not exist: type {shares}", keys.value.object()),
        (None, None, None) => format!("No keys Secret is known: type {shares}"),
    };
    let mut typed = true;
    if let Some(secret) = secret {
        let chosen = request.choices.first().copied().unwrap_or(0).min(1);
        typed = chosen == 1;
        shown.push(Choice {
            label: "Shares from".to_owned(),
            options: vec![secret.object.to_string(), "typed by hand".to_owned()],
            chosen,
        });
    }
    let mut reset = false;
    if let Some((name, seen)) = sealed.iter().find(|(_, seen)| seen.progress > 0) {
        let chosen = request.choices.get(shown.len()).copied().unwrap_or(0).min(1);
        reset = chosen == 1;
        shown.push(Choice {
            label: format!("{name} has {} of {} shares from somebody else", seen.progress, seen.threshold),
            options: vec!["go on from there".to_owned(), "reset, then give ours".to_owned()],
            chosen,
        });
    }
    Choices { shown, secret, typed, reset, why_typed }
}

fn steps(name: &str, seen: &SealSeen, source: &Source<'_>, reset: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    if seen.progress > 0 && reset {
        steps.push(Step {
            kind: StepKind::Do(Op::ResetUnseal { replica: name.to_owned() }),
            says: format!("reset the attempt on {name}"),
            detail: format!("discards {}", count(seen.progress as usize, "share")),
        });
    }
    let given = match source {
        // The Secret's first shares may be the very ones that were given: all of them are offered.
        Source::Secret(_) => seen.threshold,
        Source::Typed(_) => missing(seen, reset),
    };
    for index in 0..given {
        let (share, detail) = match source {
            Source::Secret(secret) => {
                let Some((place, print)) = distinct(secret).nth(index as usize) else { break };
                let share = ShareRef::Secret { object: secret.object.clone(), index: place, print: print.clone() };
                (share, format!("fingerprint {print}"))
            }
            Source::Typed(slot) => (ShareRef::Typed { slot: *slot, index }, "typed".to_owned()),
        };
        steps.push(Step {
            kind: StepKind::Do(Op::SubmitShare { replica: name.to_owned(), share }),
            says: format!(
                "give {name} share {} of {}",
                index + 1 + seen.threshold.saturating_sub(given),
                seen.threshold
            ),
            detail,
        });
    }
    steps.push(Step {
        kind: StepKind::Await { expect: Expect::Open { replica: name.to_owned() }, within: JOINS_WITHIN },
        says: format!("see {name} open"),
        detail: "by the seal feed; a raft follower joins first".to_owned(),
    });
    steps
}

/// The Secret's different shares with their places: the same share may lie in it twice (as hex and as base64), and
/// giving it twice is no progress.
fn distinct(secret: &KeysSecret) -> impl Iterator<Item = (u32, Fingerprint)> {
    let prints = secret.prints();
    let firsts: Vec<(u32, Fingerprint)> = prints
        .iter()
        .enumerate()
        .filter(|(place, print)| prints.iter().take(*place).all(|earlier| earlier != *print))
        .map(|(place, print)| (place as u32, print.clone()))
        .collect();
    firsts.into_iter()
}

fn rests_on(model: &Model, sealed: &Sealed, source: &Source<'_>) -> Vec<Rest> {
    let mut rests: Vec<Rest> = sealed
        .iter()
        .filter_map(|(name, _)| {
            let seen = model.replica(name)?.answer.as_ref()?.at;
            Some(Rest { what: format!("{name} sealed"), seen })
        })
        .collect();
    if let (Source::Secret(secret), Some(keys)) = (source, &model.keys) {
        let what = format!("{}, {}", secret.object, count(secret.shares() as usize, "share"));
        rests.push(Rest { what, seen: keys.at });
    }
    rests
}

fn basis(model: &Model, sealed: &Sealed, source: &Source<'_>) -> Vec<Basis> {
    let mut basis: Vec<Basis> = sealed.iter().filter_map(|(name, _)| Basis::seal(model, name)).collect();
    if matches!(source, Source::Secret(_)) {
        basis.extend(Basis::keys(model));
    }
    basis
}

fn rights(model: &Model, source: &Source<'_>) -> Vec<Right> {
    let Some(workload) = model.workload().filter(|_| model.in_kubernetes()) else { return Vec::new() };
    let allowed = |verb: &str, resource: &str, name: Option<&str>| {
        let rights = model.rights.as_ref()?;
        let answer = rights.value.iter().find(|right| {
            right.verb == verb && right.resource == resource && (right.name.is_none() || right.name.as_deref() == name)
        })?;
        Some(answer.allowed)
    };
    let mut rights = vec![Right {
        what: format!("create pods/portforward in {}", workload.namespace),
        allowed: allowed("create", "pods/portforward", None),
    }];
    if let Source::Secret(secret) = source {
        rights.push(Right {
            what: format!("get secrets/{} in {}", secret.object.name, secret.object.namespace),
            allowed: allowed("get", "secrets", Some(&secret.object.name)),
        });
    }
    rights
}

fn warnings(model: &Model, sealed: &Sealed, source: &Source<'_>, reset: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    let silent: Vec<&str> = model
        .replicas
        .iter()
        .filter(|replica| replica.answer.as_ref().is_none_or(|answer| answer.value.said().is_none()))
        .map(|replica| replica.name.as_str())
        .collect();
    if !silent.is_empty() {
        warnings.push(format!("{} does not answer and is not part of this plan", silent.join(", ")));
    }
    if sealed.iter().any(|(_, seen)| seen.threshold > 1) {
        warnings.push(
            "A wrong share shows only at the threshold; the attempt's progress is lost then, nothing else".into(),
        );
    }
    if !reset && sealed.iter().any(|(_, seen)| seen.progress > 0) {
        warnings.push("Nobody can tell whether the shares given so far are right".to_owned());
    }
    if let Source::Secret(secret) = source {
        let needed = sealed.iter().map(|(_, seen)| seen.threshold).max().unwrap_or(0) as usize;
        let proven = model
            .proofs
            .iter()
            .any(|proof| distinct(secret).take(needed).all(|(_, print)| proof.prints.contains(&print)));
        if !proven {
            warnings
                .push("Nothing has proven these shares yet: if they are wrong, the vault refuses them, no more".into());
        }
    }
    warnings
}

/// What must be typed: the pod's name when one replica is opened, the StatefulSet's when several are.
fn challenge_target(model: &Model, target: Option<&ObjectRef>, sealed: &Sealed) -> ObjectRef {
    match (target, sealed.as_slice()) {
        (Some(object), _) if object.kind == "Pod" => object.clone(),
        (_, [(name, _)]) => {
            let namespace = model.workload().map_or("", |w| w.namespace.as_str());
            ObjectRef::pod(namespace, name)
        }
        (_, _) => model.vault_ref(),
    }
}
