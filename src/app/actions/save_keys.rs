//! Takes the keys from the Secret into the keystore, as a new generation beside the old ones.

use jiff::SignedDuration;

use super::restore_keys_secret::readable;
use super::{GuidedAction, Request};
use crate::app::advisories::destroys_shares;
use crate::app::id::{ActionId, FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::keys_secret::{Fingerprint, KeysSecret, KeysSeen, Purpose, Shape};
use crate::app::model::keystore::{GenerationSeen, KeyKind};
use crate::app::model::proof::{Answer, last_answer, same_keys};
use crate::app::model::reopens::{Mechanism, reopens};
use crate::app::model::seal::SealKind;
use crate::app::runbook::guard::Basis;
use crate::app::runbook::op::{KeysRef, Op, RotationOf, TokenRef};
use crate::app::runbook::plan::{Choice, Danger, Expect, Offer, Plan, Rest, Right, Step, StepKind};
use crate::app::state::{Lock, State};
use crate::app::text::count;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::app::verdict::keys::{Fault, Keys, keys, threshold};

/// The header is read every few seconds, and at once when the step ended.
const SEEN_WITHIN: SignedDuration = SignedDuration::from_secs(20);
/// The ConfigMap that tells others.
const REGISTER: &str = "baowatch-register";

/// The action.
pub struct SaveKeys;

impl GuidedAction for SaveKeys {
    fn id(&self) -> ActionId {
        ActionId::SaveKeys
    }

    fn says(&self) -> &'static str {
        "take the keys from the Secret into the keystore"
    }

    fn offer(&self, state: &State, request: &Request) -> Offer {
        draft(state, request).unwrap_or_else(Offer::Refused)
    }
}

fn refused(what: &str, why: &str, next: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, why, next)
}

/// What the plan is about.
struct Case<'a> {
    model: &'a Model,
    secret: &'a KeysSecret,
    /// Each key once.
    prints: Vec<Fingerprint>,
    kind: KeyKind,
    threshold: u32,
    total: u32,
    current: Option<&'a GenerationSeen>,
    /// The number that the new generation gets.
    number: u32,
    accepted: bool,
}

fn draft(state: &State, request: &Request) -> Result<Offer, Trouble> {
    super::allowed(state)?;
    let case = case(state)?;
    let mut asked = request.choices.iter().copied();
    let mut choices = Vec::new();
    let prove = provable(state, &case).filter(|_| {
        let chosen = asked.next().unwrap_or(0).min(1);
        let options = ["yes, on the running vault".to_owned(), "no".to_owned()];
        choices.push(Choice { label: "Prove them first".to_owned(), options: options.into(), chosen });
        chosen == 0
    });
    let publish = tellable(state).filter(|known| {
        let chosen = asked.next().unwrap_or(0).min(1);
        // What is there already is kept up to date; nothing is begun in a cluster unasked.
        let mut options = ["no".to_owned(), "yes".to_owned()];
        if *known {
            options.reverse();
        }
        choices.push(Choice { label: format!("Tell others in ConfigMap {REGISTER}"), options: options.into(), chosen });
        (chosen == 0) == *known
    });
    if state.keystore == Lock::Locked {
        return Ok(Offer::NeedsUnlock {
            prompt: format!("The keys of {} are put into the keystore", case.secret.object),
        });
    }
    Ok(Offer::Ready(Box::new(plan(state, &case, prove, publish.is_some(), choices)?)))
}

fn case(state: &State) -> Result<Case<'_>, Trouble> {
    let model = &state.model;
    let secret = in_sight(state)?;
    let keystore = readable(model)?;
    let current = keystore.current();
    let mut prints = secret.prints();
    let mut seen = std::collections::BTreeSet::new();
    prints.retain(|print| seen.insert(print.clone()));
    if prints.is_empty() {
        return Err(refused(
            &format!("{} holds no keys", secret.object),
            "there is nothing that could be saved",
            "Put the keys back from the keystore: restore-keys-secret",
        ));
    }
    if let Some(current) = current.filter(|current| same_keys(&current.prints, &prints)) {
        return Err(refused(
            "the keystore holds these keys already",
            &format!("generation {}", current.number),
            "There is nothing to do",
        ));
    }
    let by = reopens(model, state.now).by;
    sound(model, by, state)?;
    let kind = match by {
        Mechanism::Static => KeyKind::Static,
        Mechanism::Kms | Mechanism::Transit => KeyKind::Recovery,
        Mechanism::Secret | Mechanism::People | Mechanism::Unknown => KeyKind::Unseal,
    };
    let (threshold, total) = if kind == KeyKind::Static { (1, 1) } else { threshold(model) };
    if threshold == 0 || prints.len() < threshold as usize {
        let of = if threshold == 0 { "nobody has said how many".to_owned() } else { threshold.to_string() };
        return Err(refused(
            &format!("{} does not hold enough keys", secret.object),
            &format!("{} of {of} that the vault takes", count(prints.len(), "share")),
            "Find the missing shares, and import all of them with `baowatch keys import`",
        ));
    }
    let accepted = judged(model, &prints, current)?;
    let number = current.map_or(1, |current| current.number + 1);
    Ok(Case { model, secret, prints, kind, threshold, total, current, number, accepted })
}

fn in_sight(state: &State) -> Result<&KeysSecret, Trouble> {
    let model = &state.model;
    if !model.in_kubernetes() {
        return Err(refused(
            "this vault is known by its addresses only",
            "there is no Secret from which keys could be taken",
            "Import them instead: `baowatch keys import`",
        ));
    }
    match model.fresh_keys(state.now) {
        Some(KeysSeen::Present(secret)) => Ok(secret),
        Some(KeysSeen::Absent(object)) => Err(refused(
            &format!("{object} does not exist"),
            "there is nothing that could be saved",
            "Put the keys back from the keystore: restore-keys-secret",
        )),
        None => {
            let at = model.keys.as_ref().map(|keys| keys.at);
            let unseen = crate::app::verdict::sight::feed(model, FeedId::KeysSecret, at, state.now);
            let next = if unseen.next.is_empty() { "Wait until it is seen again" } else { &unseen.next };
            Err(refused("the keys Secret cannot be seen", &unseen.why, next))
        }
    }
}

/// A Secret that cannot be right by its looks must not become the keystore's current generation: some daemons make
/// themselves a new key when theirs is missing.
fn sound(model: &Model, by: Mechanism, state: &State) -> Result<(), Trouble> {
    let (object, why) = match keys(model, by, state.now) {
        Keys::NotNeeded | Keys::Plausible(_) => return Ok(()),
        Keys::Elsewhere(why) => {
            return Err(refused(
                "the vault's key is in no Secret",
                &why,
                "Import it from its file: `baowatch keys import`",
            ));
        }
        Keys::Unseen(unseen) => {
            return Err(refused("the keys cannot be judged now", &unseen.says(), "Wait until everything is in sight"));
        }
        Keys::BeforeInit(object) => (object, "the vault is not initialised, so these are no keys of it".to_owned()),
        Keys::Faulty(object, fault) => match fault {
            Fault::Missing | Fault::Empty => (object, "it is empty".to_owned()),
            Fault::FieldMissing(says) | Fault::Implausible(says) => (object, says),
            Fault::Changed => {
                (object, "it holds another key than the one that the running replicas started with".to_owned())
            }
            Fault::Refused { .. } => (object, "the vault refused exactly these keys".to_owned()),
            Fault::FileMissing | Fault::FileChanged => {
                (object, "the key file of the static seal is not the one that the replicas started with".to_owned())
            }
        },
    };
    Err(refused(
        &format!("{object} cannot be right"),
        &format!("{why}; what is wrong must not become the keystore's current generation"),
        "Put the keys back from the keystore: restore-keys-secret",
    ))
}

/// What the vault itself has said to either of them; whether it took the Secret's.
fn judged(model: &Model, prints: &[Fingerprint], current: Option<&GenerationSeen>) -> Result<bool, Trouble> {
    let last = |prints| last_answer(&model.proofs, model.cluster_id(), prints);
    let theirs = last(prints);
    if theirs.is_some_and(|proof| proof.answer == Answer::Refused) {
        return Err(refused(
            "the vault does not take the keys in the Secret",
            "it refused them, and what is wrong must not become the keystore's current generation",
            "Put the keys back from the keystore: restore-keys-secret",
        ));
    }
    let kept = current.and_then(|current| last(&current.prints).filter(|proof| proof.answer == Answer::Accepted));
    match (theirs, kept) {
        (Some(theirs), kept) => Ok(kept.is_none_or(|kept| theirs.at >= kept.at)),
        (None, Some(_)) => Err(refused(
            "the keystore holds the keys that the vault takes, and the Secret holds others",
            "nothing proves those in the Secret",
            "Ask the vault first: prove-keys; or put the proven keys back: restore-keys-secret",
        )),
        (None, None) => Ok(false),
    }
}

/// The step that asks the running vault, where it can be asked without harm.
fn provable(state: &State, case: &Case<'_>) -> Option<Step> {
    let model = &state.model;
    if case.accepted || case.kind != KeyKind::Unseal {
        return None;
    }
    let replica = model.active(state.now)?;
    let seen = model.fresh_said(replica, state.now).filter(|seen| seen.kind == SealKind::Shamir)?;
    if destroys_shares(&seen.version) {
        return None;
    }
    let (token, whose) = token(state, case)?;
    Some(Step {
        kind: StepKind::Do(Op::ProveKeys {
            replica: replica.to_owned(),
            keys: KeysRef::Secret { object: case.secret.object.clone(), prints: case.prints.clone() },
            of: RotationOf::Root,
            threshold: case.threshold,
            total: case.total,
            token,
            namespace: None,
        }),
        says: format!("ask {replica} whether it takes them"),
        detail: format!("a rotation begun with verification and cancelled, with {whose}; a no ends the run"),
    })
}

fn token(state: &State, case: &Case<'_>) -> Option<(TokenRef, &'static str)> {
    if state.settings.expect.token {
        return Some((TokenRef::Configured, "the configured token"));
    }
    if let Some(held) = case.current.filter(|held| held.root_token.is_some()) {
        return Some((TokenRef::Keystore { generation: held.number }, "the keystore's root token"));
    }
    let token = case.secret.field(Purpose::RootToken).filter(|field| field.shape == Shape::Token)?;
    (!token.prints.is_empty())
        .then(|| (TokenRef::Secret { object: case.secret.object.clone() }, "the Secret's root token"))
}

/// Whether the register can be written, and then whether there is one.
fn tellable(state: &State) -> Option<bool> {
    let known = state.model.register().is_some();
    let may = |verb: &str| super::may(state, verb, "configmaps", Some(REGISTER)) == Some(true);
    (may("patch") && (known || may("create"))).then_some(known)
}

fn plan(
    state: &State,
    case: &Case<'_>,
    prove: Option<Step>,
    publish: bool,
    choices: Vec<Choice>,
) -> Result<Plan, Trouble> {
    let Case { model, secret, prints, current, .. } = case;
    let cluster = model.cluster.as_ref().ok_or_else(|| refused("nothing is known yet", "", "Wait"))?;
    let unproven = !case.accepted && prove.is_none();
    let namespace = &secret.object.namespace;
    let mut rights = vec![Right {
        what: format!("get secrets/{} in {namespace}", secret.object.name),
        allowed: super::may(state, "get", "secrets", Some(&secret.object.name)),
    }];
    let mut steps: Vec<Step> = prove.into_iter().collect();
    steps.extend(saving(case));
    if publish {
        let object = ObjectRef::new("ConfigMap", namespace, REGISTER);
        rights.push(Right { what: format!("patch configmaps/{REGISTER} in {namespace}"), allowed: Some(true) });
        steps.push(Step {
            kind: StepKind::Do(Op::PublishRegister { object }),
            says: "tell others what this machine holds".to_owned(),
            detail: "fingerprints, places and dates; no key and no path".to_owned(),
        });
    }
    let mut rests_on = Vec::new();
    if let Some(keys) = &model.keys {
        rests_on.push(Rest { what: format!("{}, {}", secret.object, count(prints.len(), "key")), seen: keys.at });
    }
    if let Some(keystore) = &model.keystore {
        let what =
            current.map_or_else(|| "an empty keystore".to_owned(), |c| format!("keystore generation {}", c.number));
        rests_on.push(Rest { what, seen: keystore.at });
    }
    Ok(Plan {
        action: ActionId::SaveKeys,
        target: secret.object.clone(),
        title: format!("Save the keys of {} in the keystore", secret.object.path()),
        steps,
        will_not: "touch the Secret, earlier generations, copies of the keystore, pods, the vault's keys".to_owned(),
        rests_on,
        rights,
        warnings: warnings(case, unproven),
        choices,
        danger: if unproven && current.is_some() { Danger::Target } else { Danger::Yes },
        made: state.now,
        basis: Basis::keys(model).into_iter().collect(),
        identity: cluster.identity.clone(),
    })
}

fn saving(case: &Case<'_>) -> [Step; 2] {
    let Case { model, secret, prints, current, number, .. } = case;
    let token = if secret.field(Purpose::RootToken).is_some_and(|field| !field.prints.is_empty()) {
        " and the root token"
    } else {
        ""
    };
    let beside = current.map_or_else(
        || "the keystore's first keys".to_owned(),
        |current| format!("generation {} stays in the keystore; it would no longer be the current one", current.number),
    );
    let save = Step {
        kind: StepKind::Do(Op::SaveKeys {
            object: secret.object.clone(),
            prints: prints.clone(),
            kind: case.kind,
            threshold: case.threshold,
            total: case.total,
            vault_cluster_id: model.cluster_id().map(str::to_owned),
            over: current.map(|current| current.number),
        }),
        says: format!("save {}{token} as generation {number}", count(prints.len(), "key")),
        detail: format!("read again, written, read back and opened; {beside}"),
    };
    let see = Step {
        kind: StepKind::Await { expect: Expect::KeystoreHolds { prints: prints.clone() }, within: SEEN_WITHIN },
        says: "compare".to_owned(),
        detail: prints.first().map(|print| format!("fingerprint {print}")).unwrap_or_default(),
    };
    [save, see]
}

fn warnings(case: &Case<'_>, unproven: bool) -> Vec<String> {
    let Case { model, current, .. } = case;
    let mut warnings = Vec::new();
    match (unproven, current) {
        (true, Some(current)) => warnings.push(format!(
            "The Secret holds other keys than generation {}, and nothing proves that they are the vault's: if they are wrong, \
             the right ones stay in generation {}",
            current.number, current.number
        )),
        (true, None) => {
            warnings.push("Nothing has proven that these keys open this vault: prove-keys asks it afterwards".to_owned());
        }
        (false, _) => {}
    }
    let behind: Vec<&str> = model
        .copies
        .iter()
        .flat_map(|copies| &copies.value)
        .filter(|copy| copy.state.holds_current())
        .map(|copy| copy.name.as_str())
        .collect();
    if let (false, Some(current)) = (behind.is_empty(), current) {
        warnings.push(format!(
            "{} ({}) will still hold generation {}: run copy-keystore afterwards",
            if behind.len() == 1 { "1 copy".to_owned() } else { format!("{} copies", behind.len()) },
            behind.join(", "),
            current.number
        ));
    }
    warnings
}
