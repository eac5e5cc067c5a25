//! Opens sealed replicas, one after the other, with shares from the keys Secret, from the keystore, or typed.

use jiff::SignedDuration;

use super::{GuidedAction, Request};
use crate::app::id::{ActionId, FeedId, ObjectRef, SlotId};
use crate::app::model::Model;
use crate::app::model::keys_secret::{Fingerprint, KeysSecret};
use crate::app::model::keystore::{GenerationSeen, KeyKind};
use crate::app::model::proof::{Answer, last_answer, same_keys};
use crate::app::model::seal::{SealKind, SealSeen};
use crate::app::runbook::guard::Basis;
use crate::app::runbook::op::{Op, ShareRef};
use crate::app::runbook::plan::{Choice, Danger, Expect, Offer, Plan, Rest, Right, Step, StepKind};
use crate::app::state::{Lock, State};
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
    looked(state, request, threshold)?;
    let choices = choices(state, request, &sealed, threshold);
    let source = match choices.from {
        Place::Secret(secret) => Source::Secret(secret),
        Place::Keystore(generation) if state.keystore == Lock::Locked => {
            let shares = count(generation.threshold as usize, "share");
            let prompt = format!("Unsealing takes {shares} of generation {} from the keystore", generation.number);
            return Ok(Offer::NeedsUnlock { prompt });
        }
        Place::Keystore(generation) => Source::Keystore(generation),
        Place::Typing => match request.typed {
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

/// In the first second of a session neither Secret nor keystore were looked at: nobody is asked to bring shares that may lie
/// there. A look that failed is a look too: where nothing can be seen, shares are typed.
fn looked(state: &State, request: &Request, threshold: u32) -> Result<(), Trouble> {
    let model = &state.model;
    let first = places(model, threshold).into_iter().next();
    if matches!(first, Some(Place::Secret(_))) || !request.choices.is_empty() || request.typed.is_some() {
        return Ok(());
    }
    let unseen = |feed: FeedId| model.feeds.get(&feed).is_none_or(|health| !health.spoke());
    let wait = |what: &str, why: &str| Err(refused(what, why, "Ask again in a second"));
    // Which Secret is meant is found by the unsealers feed.
    if model.in_kubernetes() && (unseen(FeedId::Unsealers) || unseen(FeedId::KeysSecret)) {
        return wait(
            "the keys Secret has not been looked at yet",
            "where the shares come from is decided by what it holds",
        );
    }
    if matches!(first, Some(Place::Typing)) && unseen(FeedId::Keystore) {
        return wait("the keystore has not been looked at yet", "it may hold the shares");
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
    Keystore(&'a GenerationSeen),
    Typed(SlotId),
}

/// A place that shares can be taken from.
#[derive(Clone, Copy)]
enum Place<'a> {
    Secret(&'a KeysSecret),
    Keystore(&'a GenerationSeen),
    Typing,
}

impl Place<'_> {
    fn option(self) -> String {
        match self {
            Self::Secret(secret) => secret.object.to_string(),
            Self::Keystore(held) => format!("keystore generation {}", held.number),
            Self::Typing => BY_HAND.to_owned(),
        }
    }
}

/// The option of the first choice that means typing.
pub const BY_HAND: &str = "typed by hand";
/// The label of the choice between the places.
pub const SHARES_FROM: &str = "Shares from";

struct Choices<'a> {
    shown: Vec<Choice>,
    from: Place<'a>,
    reset: bool,
    why_typed: String,
}

/// The newest generation of the keystore that can open this vault by itself.
fn held(model: &Model, threshold: u32) -> Option<&GenerationSeen> {
    let keystore = model.keystore().filter(|keystore| keystore.comparable)?;
    let enough =
        |held: &&GenerationSeen| held.kind == KeyKind::Unseal && distinct(&held.prints).count() as u32 >= threshold;
    keystore.generations.iter().filter(enough).max_by_key(|held| held.number)
}

/// Every place, the one that is taken where nobody chooses in front: the Secret, else the keystore, else typing. Keys
/// that the vault refused come behind those it did not.
fn places(model: &Model, threshold: u32) -> Vec<Place<'_>> {
    let secret = model.keys_secret().filter(|secret| secret.shares() >= threshold);
    let refused = secret.is_some_and(|secret| {
        last_answer(&model.proofs, model.cluster_id(), &secret.prints())
            .is_some_and(|proof| proof.answer == Answer::Refused)
    });
    let (secret, held) = (secret.map(Place::Secret), held(model, threshold).map(Place::Keystore));
    let (first, last) = if refused { (held, secret) } else { (secret, held) };
    first.into_iter().chain(last).chain([Place::Typing]).collect()
}

fn choices<'a>(state: &'a State, request: &Request, sealed: &Sealed, threshold: u32) -> Choices<'a> {
    let model = &state.model;
    let places = places(model, threshold);
    let mut shown = Vec::new();
    let mut from = Place::Typing;
    if places.len() > 1 {
        let chosen = request.choices.first().copied().unwrap_or(0).min(places.len() - 1);
        from = places.get(chosen).copied().unwrap_or(Place::Typing);
        let options = places.iter().map(|place| place.option()).collect();
        shown.push(Choice { label: SHARES_FROM.to_owned(), options, chosen });
    }
    let mut reset = false;
    if let Some((name, seen)) = sealed.iter().find(|(_, seen)| seen.progress > 0) {
        let chosen = request.choices.get(shown.len()).copied().unwrap_or(0).min(1);
        reset = chosen == 1;
        shown.push(Choice {
            label: format!("{name} has {} of {} shares from somebody else", seen.progress, seen.threshold),
            options: vec!["go on from there".to_owned(), RESET.to_owned()],
            chosen,
        });
    }
    Choices { shown, from, reset, why_typed: why_typed(model, sealed, threshold, reset) }
}

/// The option that discards what somebody else gave.
pub const RESET: &str = "reset, then give ours";

/// The prompt over the field for shares.
fn why_typed(model: &Model, sealed: &Sealed, threshold: u32, reset: bool) -> String {
    let shares = count(wanting(sealed, reset) as usize, "share");
    let shares = match sealed.iter().find(|(_, seen)| seen.progress > 0) {
        Some((name, seen)) if !reset => {
            format!("{shares} more: {name} has {} of {} from somebody else", seen.progress, seen.threshold)
        }
        Some(_) | None => shares,
    };
    match (model.keys_secret(), &model.keys) {
        (Some(secret), _) if secret.shares() >= threshold => {
            format!("Type {shares}; {} is left alone", secret.object)
        }
        (Some(secret), _) => {
            format!("{} holds {} of {threshold} usable shares: type {shares}", secret.object, secret.shares())
        }
        (None, Some(keys)) => format!("{} does not exist: type {shares}", keys.value.object()),
        (None, None) => format!("No keys Secret is known: type {shares}"),
    }
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
        Source::Secret(_) | Source::Keystore(_) => seen.threshold,
        Source::Typed(_) => missing(seen, reset),
    };
    for index in 0..given {
        let (share, detail) = match source {
            Source::Secret(secret) => {
                let Some((place, print)) = distinct(&secret.prints()).nth(index as usize) else { break };
                let share = ShareRef::Secret { object: secret.object.clone(), index: place, print: print.clone() };
                (share, format!("fingerprint {print}"))
            }
            Source::Keystore(held) => {
                let Some((place, print)) = distinct(&held.prints).nth(index as usize) else { break };
                let share = ShareRef::Keystore { generation: held.number, index: place, print: print.clone() };
                (share, format!("keystore, fingerprint {print}"))
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

/// Different shares with their places: the same share may lie in a Secret twice (as hex and as base64), and giving it
/// twice is no progress.
fn distinct(prints: &[Fingerprint]) -> impl Iterator<Item = (u32, Fingerprint)> + use<> {
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
    if let (Source::Keystore(held), Some(keystore)) = (source, &model.keystore) {
        let what = format!("keystore generation {}, {}", held.number, count(held.prints.len(), "share"));
        rests.push(Rest { what, seen: keystore.at });
    }
    rests
}

fn basis(model: &Model, sealed: &Sealed, source: &Source<'_>) -> Vec<Basis> {
    let mut basis: Vec<Basis> = sealed.iter().filter_map(|(name, _)| Basis::seal(model, name)).collect();
    match source {
        Source::Secret(_) => basis.extend(Basis::keys(model)),
        Source::Keystore(held) => basis.extend(Basis::keystore(model, held.number)),
        Source::Typed(_) => {}
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
    if let (Source::Secret(secret), Some(held)) = (source, held(model, 1))
        && !same_keys(&secret.prints(), &held.prints)
    {
        warnings.push(format!("The keystore's generation {} holds other keys than {}", held.number, secret.object));
    }
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
    let prints = match source {
        Source::Secret(secret) => Some(secret.prints()),
        Source::Keystore(held) => Some(held.prints.clone()),
        Source::Typed(_) => None,
    };
    if let Some(prints) = prints {
        let needed = sealed.iter().map(|(_, seen)| seen.threshold).max().unwrap_or(0) as usize;
        let proven = model.proofs.iter().any(|proof| {
            proof.answer == Answer::Accepted
                && distinct(&prints).take(needed).all(|(_, print)| proof.prints.contains(&print))
        });
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
