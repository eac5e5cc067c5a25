//! The plan of `prove-keys` for a namespace with a seal of its own: the same rotation with verification, always cancelled,
//! inside that namespace, with shares that a person types. Nothing of it says anything about the vault's own keys.

use super::prove_keys::{active, refused, token, token_words};
use super::{Request, allowed};
use crate::app::estate;
use crate::app::id::{ActionId, ObjectRef};
use crate::app::model::estate::NamespaceSeen;
use crate::app::model::seal::SealSeen;
use crate::app::raft::InSight;
use crate::app::runbook::guard::Basis;
use crate::app::runbook::op::{KeysRef, Op, RotationOf, TokenRef};
use crate::app::runbook::plan::{Danger, Offer, Plan, Rest, Right, Step, StepKind};
use crate::app::state::State;
use crate::app::text::count;
use crate::app::trouble::Trouble;

/// The plan, or what it needs first.
pub(super) fn draft(state: &State, target: &ObjectRef, request: &Request) -> Result<Offer, Trouble> {
    allowed(state)?;
    let model = &state.model;
    let path = target.name.as_str();
    let Some(cluster) = &model.cluster else {
        return Err(refused("nothing is known yet", "no feed has answered", "Wait for the first answers"));
    };
    let (replica, seen) = active(state)?;
    let threshold = threshold(state, path)?;
    let Some(slot) = request.typed.filter(|(_, typed)| *typed >= threshold).map(|(slot, _)| slot) else {
        let prompt = format!("Type {} of namespace {path}'s own seal", count(threshold as usize, "share"));
        return Ok(Offer::NeedsShares { count: threshold, prompt });
    };
    let token = token(state, false)?;
    if matches!(token, TokenRef::Keystore { .. }) && state.keystore == crate::app::state::Lock::Locked {
        let prompt = "The keystore holds the token that this proof is made with".to_owned();
        return Ok(Offer::NeedsUnlock { prompt });
    }
    let total = estate::namespace(model, path).and_then(|one| one.shares).map_or(threshold, |(_, of)| of);
    let op = Op::ProveKeys {
        replica: replica.to_owned(),
        keys: KeysRef::Typed { slot, count: threshold },
        of: RotationOf::Root,
        threshold,
        total: total.max(threshold),
        token: token.clone(),
        namespace: Some(path.to_owned()),
    };
    let step = Step {
        kind: StepKind::Do(op),
        says: format!("ask {replica} whether namespace {path} takes the typed {}", count(threshold as usize, "share")),
        detail: format!(
            "a rotation with verification is begun in the namespace, given {threshold} of them, and cancelled; with {}",
            token_words(&token)
        ),
    };
    let basis = Basis::seal(model, replica).into_iter().chain(Basis::namespace(model, path)).collect();
    Ok(Offer::Ready(Box::new(Plan {
        action: ActionId::ProveKeys,
        title: format!("Prove the shares of namespace {path}"),
        steps: vec![step],
        will_not: "change keys: the rotation is never verified and is cancelled whatever comes of it".to_owned(),
        rests_on: rests_on(state, replica, seen, path),
        rights: vec![Right {
            what: format!("create, read, update, delete on sys/rotate/root/* in namespace {path}"),
            allowed: None,
        }],
        choices: Vec::new(),
        warnings: vec![
            format!("This says nothing about the vault's own unseal keys: only about the seal of namespace {path}"),
            "The vault's audit log records each request, with the shares as hashes".to_owned(),
            "What is typed proves those shares; whether they are stored anywhere it cannot say".to_owned(),
        ],
        danger: Danger::Yes,
        made: state.now,
        basis,
        identity: cluster.identity.clone(),
        target: target.clone(),
    })))
}

/// How many shares its own seal takes, if it can be asked at all.
fn threshold(state: &State, path: &str) -> Result<u32, Trouble> {
    let what = format!("namespace {path} cannot be asked about its keys");
    let no = |why: &str, next: &str| Err(refused(&what, why, next));
    let seen = match estate::estate(&state.model, state.now) {
        InSight::Here(seen) => seen,
        InSight::Absent => return no("no token was given for this vault", "Set vault.tokenFile in the configuration"),
        InSight::Unseen(why) => return no(&why, "Wait until the estate feed is live again"),
    };
    let all = match &seen.namespaces {
        Ok(all) => all,
        Err(trouble) => return no(&trouble.what, &trouble.next),
    };
    match all.iter().find(|one| one.path == path) {
        None => {
            let names: Vec<&str> = all.iter().filter(|one| one.sealable()).map(|one| one.path.as_str()).collect();
            let next = if names.is_empty() {
                "There is none that could".to_owned()
            } else {
                format!("There are: {}", names.join(", "))
            };
            no("the vault has no such namespace", &next)
        }
        Some(NamespaceSeen { unread: Some(trouble), .. }) => no(&trouble.what, &trouble.next),
        Some(NamespaceSeen { sealed: None, .. }) => {
            no("it has no seal of its own: it opens with the vault", "Prove the vault's own keys: prove-keys")
        }
        Some(NamespaceSeen { sealed: Some(true), .. }) => {
            no("it is sealed: opening it with its shares proves them", &format!("Open it: bao namespace unseal {path}"))
        }
        Some(NamespaceSeen { shares: Some((threshold, _)), .. }) if *threshold > 0 => Ok(*threshold),
        Some(_) => no("it does not say how many shares it takes", "Look at sys/namespaces/NAME/seal-status"),
    }
}

fn rests_on(state: &State, replica: &str, seen: &SealSeen, path: &str) -> Vec<Rest> {
    let answer = state.model.replica(replica).and_then(|replica| replica.answer.as_ref());
    let active = answer.map(|answer| Rest { what: format!("{replica} active, {}", seen.version), seen: answer.at });
    let open =
        state.model.estate.as_ref().map(|estate| Rest { what: format!("namespace {path} open"), seen: estate.at });
    active.into_iter().chain(open).collect()
}
