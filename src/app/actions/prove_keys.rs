//! Proves on the live vault that keys are its keys, and changes nothing: a rotation with verification, always cancelled.

use super::{GuidedAction, Request, may};
use crate::app::id::{ActionId, ObjectRef, SlotId};
use crate::app::model::Model;
use crate::app::model::keys_secret::{Fingerprint, KeysSecret, Purpose, Shape};
use crate::app::model::keystore::{GenerationSeen, KeyKind};
use crate::app::model::proof::same_keys;
use crate::app::model::seal::{SealKind, SealSeen};
use crate::app::runbook::guard::Basis;
use crate::app::runbook::op::{KeysRef, Op, RotationOf, TokenRef};
use crate::app::runbook::plan::{Choice, Danger, Offer, Plan, Rest, Right, Step, StepKind};
use crate::app::state::{Lock, State};
use crate::app::text::count;
use crate::app::trouble::{Trouble, TroubleKind};

/// The name of the register beside the vault.
const REGISTER: &str = "baowatch-register";

/// The action.
pub struct ProveKeys;

impl GuidedAction for ProveKeys {
    fn id(&self) -> ActionId {
        ActionId::ProveKeys
    }

    fn says(&self) -> &'static str {
        "prove on the live vault that keys are its keys"
    }

    fn offer(&self, state: &State, request: &Request) -> Offer {
        let namespace = request.target.as_ref().filter(|target| target.kind == "Namespace");
        let drafted = match namespace {
            Some(target) => super::prove_namespace::draft(state, target, request),
            None => draft(state, request),
        };
        match drafted {
            Ok(offer) => offer,
            Err(trouble) => Offer::Refused(trouble),
        }
    }
}

pub(super) fn refused(what: &str, why: &str, next: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, why, next)
}

/// The vault as the plan needs it.
struct Vault<'a> {
    replica: &'a str,
    seen: &'a SealSeen,
    of: RotationOf,
}

/// Keys that can be asked about.
#[derive(Clone, Copy)]
enum Source<'a> {
    Secret(&'a KeysSecret),
    Keystore(&'a GenerationSeen),
    Typed(Option<SlotId>),
}

fn draft(state: &State, request: &Request) -> Result<Offer, Trouble> {
    super::allowed(state)?;
    let model = &state.model;
    let Some(cluster) = &model.cluster else {
        return Err(refused("nothing is known yet", "no feed has answered", "Wait for the first answers"));
    };
    let vault = vault(state)?;
    let threshold = vault.seen.threshold;
    let (sources, choices) = choose(options(state, &vault, request)?, request);
    let slot = request.typed.filter(|(_, typed)| *typed >= threshold).map(|(slot, _)| slot);
    let sources: Vec<Source<'_>> = sources
        .into_iter()
        .map(|source| if let Source::Typed(_) = source { Source::Typed(slot) } else { source })
        .collect();
    if sources.iter().any(|source| matches!(source, Source::Typed(None))) {
        let prompt = format!("Type {} of the vault's {}", count(threshold as usize, "share"), kind(vault.of));
        return Ok(Offer::NeedsShares { count: threshold, prompt });
    }
    let opened = sources.iter().any(|source| matches!(source, Source::Keystore(_)));
    let token = token(state, opened)?;
    let opens = sources.iter().any(|source| matches!(source, Source::Keystore(_)))
        || matches!(token, TokenRef::Keystore { .. });
    if opens && state.keystore == Lock::Locked {
        let prompt = "The keystore holds keys, or the token, that this proof is made with".to_owned();
        return Ok(Offer::NeedsUnlock { prompt });
    }
    let mut steps: Vec<Step> = sources.iter().filter_map(|source| step(&vault, *source, &token)).collect();
    steps.extend(publish(state));
    let target = model.vault_ref();
    Ok(Offer::Ready(Box::new(Plan {
        action: ActionId::ProveKeys,
        title: format!("Prove the {} of {}", kind(vault.of), target.path()),
        steps,
        will_not: "change keys: the rotation is never verified and is cancelled whatever comes of it".to_owned(),
        rests_on: rests_on(model, &vault, &sources),
        rights: rights(state, &vault, &sources, &token),
        choices: choices.into_iter().collect(),
        warnings: warnings(&vault, &sources),
        danger: Danger::Yes,
        made: state.now,
        basis: basis(model, &vault, &sources, &token),
        identity: cluster.identity.clone(),
        target,
    })))
}

const fn kind(of: RotationOf) -> &'static str {
    match of {
        RotationOf::Root => "unseal keys",
        RotationOf::Recovery => "recovery keys",
    }
}

/// The active replica, if a proof is possible on it at all.
pub(super) fn active(state: &State) -> Result<(&str, &SealSeen), Trouble> {
    if state.settings.expect.address_only {
        return Err(refused(
            "the vault is known by one address only",
            "it may be a load balancer, and a rotation lives in the memory of one replica",
            "List the replicas under vault.members in the configuration, or use a Kubernetes context",
        ));
    }
    let Some((replica, seen)) = state.model.active(state.now).and_then(|name| {
        let seen = state.model.fresh_said(name, state.now)?;
        Some((name, seen))
    }) else {
        return Err(refused(
            "no replica serves",
            "keys are proven on the active replica of an open vault; a sealed one is opened with them, which proves them too",
            "Unseal a replica, or wait until one is elected",
        ));
    };
    if seen.rotates_otherwise() {
        return Err(refused(
            &format!("keys are not proven on version {}", seen.version),
            "OpenBao 2.4.0 to 2.5.1 changes the shares of a Shamir seal in ways that later versions do not",
            "Upgrade OpenBao, or restart one standby while this console watches it come back",
        ));
    }
    if seen.migration {
        return Err(refused(
            &format!("{replica} is in a seal migration"),
            "which keys are its keys is changing",
            "Finish the migration first",
        ));
    }
    Ok((replica, seen))
}

/// The same with which of its keys can be proven.
fn vault(state: &State) -> Result<Vault<'_>, Trouble> {
    let (replica, seen) = active(state)?;
    let of = if seen.kind == SealKind::Shamir { RotationOf::Root } else { RotationOf::Recovery };
    if seen.threshold == 0 {
        return Err(refused(
            "the vault has no shares that could be proven",
            &format!("its seal is {} and its threshold is 0: no recovery keys were ever made", seen.kind.word()),
            "Restart one standby while this console watches it come back",
        ));
    }
    Ok(Vault { replica, seen, of })
}

type Options<'a> = Vec<(String, Vec<Source<'a>>)>;

/// What can be asked about, the first being what is asked about unless something else is chosen. A target takes the
/// choice away: whoever has no passphrase at hand can still prove the Secret.
fn options<'a>(state: &'a State, vault: &Vault<'_>, request: &Request) -> Result<Options<'a>, Trouble> {
    let model = &state.model;
    let secret = secret(model, vault);
    let held = keystore(model, vault);
    let from_secret = secret.map(|secret| (secret.object.to_string(), vec![Source::Secret(secret)]));
    let from_keystore =
        held.map(|held| (format!("the keystore's generation {}", held.number), vec![Source::Keystore(held)]));
    let typed = ("typed by hand".to_owned(), vec![Source::Typed(None)]);
    match request.target.as_ref().filter(|target| **target != model.vault_ref()) {
        Some(target) if model.keys.as_ref().is_some_and(|keys| keys.value.object().name == target.name) => {
            return from_secret.map(|one| vec![one]).ok_or_else(|| short(model, vault));
        }
        Some(target) if target.name == "keystore" || target.kind == "Keystore" => {
            return from_keystore.map(|one| vec![one]).ok_or_else(|| {
                refused(
                    "the keystore's current generation holds no such keys",
                    &format!("asked for are {} {}", vault.seen.threshold, kind(vault.of)),
                    "Prove other keys",
                )
            });
        }
        Some(target) if target.name == "typed" => return Ok(vec![typed]),
        Some(_) | None => {}
    }
    let mut options = Vec::new();
    if let (Some(secret), Some(held)) = (secret, held)
        && !(comparable(model) && same_keys(&secret.prints(), &held.prints))
    {
        let says = format!("{} and the keystore's generation {}", secret.object, held.number);
        options.push((says, vec![Source::Secret(secret), Source::Keystore(held)]));
    }
    options.extend(from_secret);
    options.extend(from_keystore);
    options.push(typed);
    Ok(options)
}

fn short(model: &Model, vault: &Vault<'_>) -> Trouble {
    let have = model.keys_secret().map_or(0, KeysSecret::shares);
    refused(
        &format!("the Secret holds {have} of {} usable {}", vault.seen.threshold, kind(vault.of)),
        "all that are needed must be given: fewer cannot be judged",
        "Prove the keystore's keys, or type them",
    )
}

fn choose<'a>(mut options: Options<'a>, request: &Request) -> (Vec<Source<'a>>, Option<Choice>) {
    let chosen = request.choices.first().copied().unwrap_or(0).min(options.len().saturating_sub(1));
    let names: Vec<String> = options.iter().map(|(name, _)| name.clone()).collect();
    let sources = if chosen < options.len() { options.swap_remove(chosen).1 } else { Vec::new() };
    let choice = (names.len() > 1).then(|| Choice { label: "Keys".to_owned(), options: names, chosen });
    (sources, choice)
}

fn comparable(model: &Model) -> bool {
    model.keystore().is_some_and(|keystore| keystore.comparable)
}

/// A Secret never holds recovery keys that could be told from others.
fn secret<'a>(model: &'a Model, vault: &Vault<'_>) -> Option<&'a KeysSecret> {
    let secret = model.keys_secret()?;
    let shares = secret.fields.iter().all(|field| field.purpose != Purpose::SealKey);
    (vault.of == RotationOf::Root && shares && secret.shares() >= vault.seen.threshold).then_some(secret)
}

fn keystore<'a>(model: &'a Model, vault: &Vault<'_>) -> Option<&'a GenerationSeen> {
    let wanted = match vault.of {
        RotationOf::Root => KeyKind::Unseal,
        RotationOf::Recovery => KeyKind::Recovery,
    };
    let held = model.keystore()?.current_of(wanted)?;
    (distinct(&held.prints).len() >= vault.seen.threshold as usize).then_some(held)
}

/// Each once: the same share may lie in a Secret as hex and as base64.
fn distinct(prints: &[Fingerprint]) -> Vec<Fingerprint> {
    let mut once: Vec<Fingerprint> = Vec::new();
    for print in prints {
        if !once.contains(print) {
            once.push(print.clone());
        }
    }
    once
}

/// Whose authority: the configured token, else a root token that is held. The keystore is not asked to be opened for
/// that alone where the Secret has one too; `opened`: it is open, or will be for the keys.
pub(super) fn token(state: &State, opened: bool) -> Result<TokenRef, Trouble> {
    if state.settings.expect.token {
        return Ok(TokenRef::Configured);
    }
    let model = &state.model;
    let open = opened || matches!(state.keystore, Lock::Open { .. });
    let held = model.keystore().and_then(|keystore| keystore.current()).filter(|held| held.root_token.is_some());
    let held = held.map(|held| TokenRef::Keystore { generation: held.number });
    let secret = model
        .keys_secret()
        .filter(|secret| secret.field(Purpose::RootToken).is_some_and(|field| field.shape == Shape::Token));
    let secret = secret.map(|secret| TokenRef::Secret { object: secret.object.clone() });
    let found = if open { held.or(secret) } else { secret.or(held) };
    found.ok_or_else(|| {
        refused(
            "there is no token to ask the vault with",
            "none is configured, and neither the keystore nor the keys Secret holds a root token",
            "Set vault.tokenFile to a token with create, read, update and delete on sys/rotate/root/*; without one, \
             restart one standby while this console watches it come back",
        )
    })
}

pub(super) fn token_words(token: &TokenRef) -> String {
    match token {
        TokenRef::Configured => "the configured token".to_owned(),
        TokenRef::Keystore { generation } => format!("the root token of the keystore's generation {generation}"),
        TokenRef::Secret { object } => format!("the root token in {object}"),
    }
}

fn step(vault: &Vault<'_>, source: Source<'_>, token: &TokenRef) -> Option<Step> {
    let threshold = vault.seen.threshold;
    let (keys, what, held) = match source {
        Source::Secret(secret) => {
            let prints = distinct(&secret.prints());
            let held = prints.len();
            (KeysRef::Secret { object: secret.object.clone(), prints }, "the Secret's".to_owned(), held)
        }
        Source::Keystore(generation) => {
            let prints = distinct(&generation.prints);
            let held = prints.len();
            let number = generation.number;
            (KeysRef::Keystore { generation: number, prints }, format!("the keystore's (generation {number})"), held)
        }
        Source::Typed(slot) => {
            let keys = KeysRef::Typed { slot: slot?, count: threshold };
            (keys, "the typed".to_owned(), threshold as usize)
        }
    };
    let op = Op::ProveKeys {
        replica: vault.replica.to_owned(),
        keys,
        of: vault.of,
        threshold,
        total: vault.seen.shares.max(threshold),
        token: token.clone(),
        namespace: None,
    };
    let rounds = held.div_ceil(threshold.max(1) as usize);
    let times = if rounds > 1 { format!(", {rounds} times, so that each takes part") } else { String::new() };
    Some(Step {
        kind: StepKind::Do(op),
        says: format!("ask {} whether it takes {what} {}", vault.replica, count(held, "share")),
        detail: format!(
            "a rotation with verification is begun, given {threshold} of them, and cancelled{times}; with {}",
            token_words(token)
        ),
    })
}

/// Where it is certainly allowed, colleagues are told too: a proof must not fail for a register that cannot be written.
fn publish(state: &State) -> Option<Step> {
    let namespace = &state.model.workload()?.namespace;
    let allowed = may(state, "patch", "configmaps", Some(REGISTER)) == Some(true);
    (state.model.in_kubernetes() && allowed).then(|| Step {
        kind: StepKind::Do(Op::PublishRegister { object: ObjectRef::new("ConfigMap", namespace, REGISTER) }),
        says: format!("write the answer into ConfigMap {REGISTER}"),
        detail: "fingerprints and the date; no keys".to_owned(),
    })
}

fn rests_on(model: &Model, vault: &Vault<'_>, sources: &[Source<'_>]) -> Vec<Rest> {
    let answer = model.replica(vault.replica).and_then(|replica| replica.answer.as_ref());
    let mut rests: Vec<Rest> = answer
        .map(|answer| Rest {
            what: format!("{} active, {} of {} shares needed", vault.replica, vault.seen.threshold, vault.seen.shares),
            seen: answer.at,
        })
        .into_iter()
        .collect();
    for source in sources {
        match source {
            Source::Secret(secret) => rests.extend(model.keys.as_ref().map(|keys| Rest {
                what: format!("{}, {}", secret.object, count(secret.shares() as usize, "share")),
                seen: keys.at,
            })),
            Source::Keystore(held) => rests.extend(model.keystore.as_ref().map(|keystore| Rest {
                what: format!("the keystore's generation {}, {}", held.number, count(held.prints.len(), "share")),
                seen: keystore.at,
            })),
            Source::Typed(_) => {}
        }
    }
    rests
}

fn basis(model: &Model, vault: &Vault<'_>, sources: &[Source<'_>], token: &TokenRef) -> Vec<Basis> {
    let mut basis: Vec<Basis> = Basis::seal(model, vault.replica).into_iter().collect();
    let secret = sources.iter().any(|source| matches!(source, Source::Secret(_)));
    if secret || matches!(token, TokenRef::Secret { .. }) {
        basis.extend(Basis::keys(model));
    }
    for source in sources {
        if let Source::Keystore(held) = source {
            basis.extend(Basis::keystore(model, held.number));
        }
    }
    basis
}

fn rights(state: &State, vault: &Vault<'_>, sources: &[Source<'_>], token: &TokenRef) -> Vec<Right> {
    let path = match vault.of {
        RotationOf::Root => "root",
        RotationOf::Recovery => "recovery",
    };
    let mut rights = vec![Right {
        what: format!("create, read, update, delete on sys/rotate/{path}/* (Vault: sys/rekey) in the vault"),
        allowed: None,
    }];
    let model = &state.model;
    let Some(workload) = model.workload().filter(|_| model.in_kubernetes()) else { return rights };
    rights.push(Right {
        what: format!("create pods/portforward in {}", workload.namespace),
        allowed: may(state, "create", "pods/portforward", None),
    });
    let secret =
        sources.iter().find_map(|source| if let Source::Secret(one) = source { Some(&one.object) } else { None });
    let secret = secret.or(if let TokenRef::Secret { object } = token { Some(object) } else { None });
    rights.extend(secret.map(|object| Right {
        what: format!("get secrets/{} in {}", object.name, object.namespace),
        allowed: may(state, "get", "secrets", Some(&object.name)),
    }));
    rights
}

fn warnings(vault: &Vault<'_>, sources: &[Source<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    if vault.of == RotationOf::Recovery {
        warnings.push(format!(
            "Recovery keys can never reopen a lost {} seal: this proves only that they are the recovery keys",
            vault.seen.kind.word()
        ));
    }
    warnings.push("The vault's audit log records each request, with the shares as hashes".to_owned());
    warnings.push("While it lasts, about a second, nobody else can begin a rotation".to_owned());
    if vault.seen.threshold > 1 {
        warnings.push(format!(
            "All {} shares are needed: of fewer nobody can tell whether they are right",
            vault.seen.threshold
        ));
    }
    if sources.iter().any(|source| matches!(source, Source::Typed(_))) {
        warnings.push("What is typed proves those shares; whether they are stored anywhere it cannot say".to_owned());
    }
    warnings
}
