//! Writes the keys Secret back from the keystore: only our fields, re-read and compared.

use jiff::SignedDuration;

use super::restored_fields::{Fields, choose, mounted};
use super::{GuidedAction, Request};
use crate::app::id::{ActionId, FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::keys_secret::{Fingerprint, KeysSecret, KeysSeen, Purpose};
use crate::app::model::keystore::{GenerationSeen, KeyKind, KeystoreLook, KeystoreSeen};
use crate::app::model::proof::{Answer, last_answer, same_keys};
use crate::app::model::reopens::{Mechanism, keys_use, reopens, unsealer};
use crate::app::model::unsealer::{Liveness, UseHow};
use crate::app::runbook::guard::Basis;
use crate::app::runbook::op::{Found, Op};
use crate::app::runbook::plan::{Choice, Danger, Expect, Offer, Plan, Rest, Right, Step, StepKind};
use crate::app::state::{Lock, State};
use crate::app::text::count;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::app::verdict::keys::threshold;

/// The watch sees its own write within a second; a struggling API server takes longer.
const SEEN_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// The action.
pub struct RestoreKeysSecret;

impl GuidedAction for RestoreKeysSecret {
    fn id(&self) -> ActionId {
        ActionId::RestoreKeysSecret
    }

    fn says(&self) -> &'static str {
        "put the keys Secret back from the keystore"
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
    object: ObjectRef,
    /// `None` when the Secret does not exist.
    secret: Option<&'a KeysSecret>,
    generation: &'a GenerationSeen,
    fields: Fields,
}

fn draft(state: &State, request: &Request) -> Result<Offer, Trouble> {
    super::allowed(state)?;
    let model = &state.model;
    needed(state)?;
    let keys = in_sight(state)?;
    let keystore = readable(model)?;
    let generations = suitable(model, keystore, state)?;
    let (choices, generation, immutable) = choices(&generations, request)?;
    let object = keys.object().clone();
    let fields = choose(model, &object, generation).ok_or_else(|| {
        refused(
            &format!("generation {} holds too few keys for the Secret", generation.number),
            &format!("{} of {} that it takes", generation.prints.len(), generation.threshold.max(1)),
            "Look at the Keys pane for another generation, or import the missing shares with `baowatch keys import`",
        )
    })?;
    let case = Case { model, object, secret: keys.present(), generation, fields };
    sensible(&case, immutable)?;
    if state.keystore == Lock::Locked {
        let prompt = format!("Restoring {} takes the keys from the keystore", case.object);
        return Ok(Offer::NeedsUnlock { prompt });
    }
    Ok(Offer::Ready(Box::new(plan(state, &case, choices, immutable)?)))
}

/// Whether anything lives on a Secret at all.
fn needed(state: &State) -> Result<(), Trouble> {
    let model = &state.model;
    if !model.in_kubernetes() {
        return Err(refused(
            "this vault is known by its addresses only",
            "there is no cluster in which its keys Secret could lie",
            "Start with a kubeconfig context, without --address",
        ));
    }
    if model.expect.keys_secret_configured {
        return Ok(());
    }
    let reopens = reopens(model, state.now);
    let why = match reopens.by {
        Mechanism::Kms | Mechanism::Transit => "its seal opens it, and needs no Secret",
        Mechanism::People => "people open it: nothing in the cluster takes keys from a Secret",
        Mechanism::Static
            if model
                .unsealers
                .as_ref()
                .is_some_and(|u| u.value.static_key.as_ref().is_some_and(|key| key.from.is_none())) =>
        {
            "its static seal's key comes from no Secret"
        }
        Mechanism::Secret | Mechanism::Static | Mechanism::Unknown => return Ok(()),
    };
    Err(refused(
        "no Secret holds the keys of this vault",
        &format!("{why} ({})", reopens.because),
        "Name vault.keysSecret in the configuration if that is wrong",
    ))
}

fn in_sight(state: &State) -> Result<&KeysSeen, Trouble> {
    let model = &state.model;
    let chosen = model.unsealers.as_ref().and_then(|seen| seen.value.chosen.clone());
    model.fresh_keys(state.now).filter(|keys| chosen.is_none_or(|name| name == keys.object().name)).ok_or_else(|| {
        let at = model.keys.as_ref().map(|keys| keys.at);
        let unseen = crate::app::verdict::sight::feed(model, FeedId::KeysSecret, at, state.now);
        let next = if unseen.next.is_empty() { "Wait until it is seen again" } else { &unseen.next };
        refused("the keys Secret cannot be seen", &unseen.why, next)
    })
}

pub(super) fn readable(model: &Model) -> Result<&KeystoreSeen, Trouble> {
    match model.keystore.as_ref().map(|keystore| &keystore.value) {
        None => Err(refused("the keystore has not been looked at yet", "", "Wait for the first answers")),
        Some(KeystoreLook::Present(seen)) if !seen.comparable => Err(refused(
            "the keystore's fingerprints cannot be compared here",
            "it was written where fingerprints are made with another salt, so nobody can tell which keys it holds",
            "Import its keys into a keystore of this machine: `baowatch keys init`, then `baowatch keys import`",
        )),
        Some(KeystoreLook::Present(seen)) => Ok(seen),
        Some(KeystoreLook::Absent { path, expected: true }) => Err(refused(
            "the keystore is gone",
            &format!("there was one at {path}"),
            "Bring one of its copies back: `baowatch keys copy list` names them",
        )),
        Some(KeystoreLook::Absent { path, expected: false }) => {
            Err(refused("there is no keystore", &format!("none at {path}"), "Make one with `baowatch keys init`"))
        }
        Some(KeystoreLook::Unreadable { trouble, .. }) => Err(trouble.clone()),
    }
}

/// The generations whose keys this vault's Secret could hold, the newest first.
fn suitable<'a>(model: &Model, keystore: &'a KeystoreSeen, state: &State) -> Result<Vec<&'a GenerationSeen>, Trouble> {
    let kind = match reopens(model, state.now).by {
        Mechanism::Static => KeyKind::Static,
        Mechanism::Secret | Mechanism::Transit | Mechanism::Kms | Mechanism::People | Mechanism::Unknown => {
            KeyKind::Unseal
        }
    };
    let mut found: Vec<&GenerationSeen> = keystore
        .generations
        .iter()
        .filter(|generation| generation.kind == kind && !generation.prints.is_empty())
        .collect();
    found.sort_by_key(|generation| std::cmp::Reverse(generation.number));
    if !found.is_empty() {
        return Ok(found);
    }
    let why = match keystore.current() {
        None => "it holds no keys yet".to_owned(),
        Some(current) if current.kind == KeyKind::Recovery => {
            "it holds recovery keys: they prove who one is, and open no seal".to_owned()
        }
        Some(current) => format!("it holds: {}", current.kind.words()),
    };
    Err(refused(
        "the keystore holds no such keys",
        &format!("the Secret takes: {}; {why}", kind.words()),
        "Import them from wherever they are: `baowatch keys import`",
    ))
}

fn choices<'a>(
    generations: &[&'a GenerationSeen],
    request: &Request,
) -> Result<(Vec<Choice>, &'a GenerationSeen, bool), Trouble> {
    let mut shown = Vec::new();
    let asked =
        |at: usize, options: usize| request.choices.get(at).copied().unwrap_or(0).min(options.saturating_sub(1));
    let mut chosen = 0;
    if generations.len() > 1 {
        chosen = asked(0, generations.len());
        let options = generations.iter().map(|held| {
            format!("generation {} of {}, {}", held.number, held.created.strftime("%Y-%m-%d"), first(&held.prints))
        });
        shown.push(Choice { label: "Keys".to_owned(), options: options.collect(), chosen });
    }
    let immutable = asked(shown.len(), 2) == 1;
    shown.push(Choice {
        label: "Make it immutable".to_owned(),
        options: vec!["no".to_owned(), "yes".to_owned()],
        chosen: usize::from(immutable),
    });
    let generation = generations.get(chosen).copied();
    let generation =
        generation.ok_or_else(|| refused("the keystore holds no such keys", "", "Look at the Keys pane"))?;
    Ok((shown, generation, immutable))
}

fn first(prints: &[Fingerprint]) -> String {
    let more = prints.len().saturating_sub(1);
    let first = prints.first().map(ToString::to_string).unwrap_or_default();
    if more == 0 { first } else { format!("{first} and {more} more") }
}

/// Refuses what would change nothing, or what might put a wrong key over the right one.
fn sensible(case: &Case<'_>, immutable: bool) -> Result<(), Trouble> {
    let Case { model, object, secret, generation, fields } = case;
    let cluster = model.cluster_id();
    let ours = last_answer(&model.proofs, cluster, &fields.prints);
    if ours.is_some_and(|proof| proof.answer == Answer::Refused) {
        return Err(refused(
            "the vault does not take these keys",
            &format!("it refused the keys of generation {}: {}", generation.number, first(&fields.prints)),
            "Choose another generation, or import the right keys with `baowatch keys import`",
        ));
    }
    let Some(secret) = secret else { return Ok(()) };
    let held = secret.prints();
    let there = |name: &str| secret.fields.iter().any(|field| field.name == name && field.len > 0);
    if same_keys(&fields.prints, &held) && fields.writes.iter().all(|write| there(&write.name)) {
        if secret.immutable || !immutable {
            return Err(refused(
                &format!("{object} holds these keys already"),
                &format!("generation {}, {}", generation.number, first(&fields.prints)),
                "There is nothing to do",
            ));
        }
        return Ok(());
    }
    if secret.immutable {
        return Err(refused(
            &format!("{object} is immutable"),
            "what is in it cannot be changed by anybody; it can only be deleted and made anew",
            "Delete it, then ask for the plan anew; running pods may keep the old value until they are replaced",
        ));
    }
    let strange: Vec<&Fingerprint> = held.iter().filter(|print| !fields.prints.contains(print)).collect();
    if strange.is_empty() {
        return Ok(());
    }
    let theirs = last_answer(&model.proofs, cluster, &held);
    let accepted = ours.filter(|proof| proof.answer == Answer::Accepted);
    let (right, wrong) =
        (theirs.filter(|p| p.answer == Answer::Accepted), theirs.filter(|p| p.answer == Answer::Refused));
    if right.is_some_and(|right| accepted.is_none_or(|ours| right.at >= ours.at)) {
        return Err(refused(
            &format!("{object} holds the keys that this vault takes"),
            &format!("{} was proven, and the keystore holds another: {}", first(&held), first(&fields.prints)),
            "Take the Secret's keys into the keystore instead: save-keys",
        ));
    }
    if accepted.is_none() && wrong.is_none() {
        return Err(refused(
            &format!("{object} holds a different key, and nothing proves which is right"),
            &format!("{} in the Secret, {} in the keystore", first(&held), first(&fields.prints)),
            "Ask the vault which it takes: prove-keys",
        ));
    }
    // Fields that stay would still hold the other key beside ours.
    let stays = secret.fields.iter().find(|field| {
        matches!(field.purpose, Purpose::Shares | Purpose::SealKey)
            && field.prints.iter().any(|print| strange.contains(&print))
            && fields.writes.iter().all(|write| write.name != field.name)
    });
    match stays {
        Some(field) => Err(refused(
            &format!("field {} of {object} holds another key, and would stay", field.name),
            "only fields that were ours are written; what unseals might take either",
            "Remove that field yourself, then ask for the plan anew",
        )),
        None => Ok(()),
    }
}

fn plan(state: &State, case: &Case<'_>, choices: Vec<Choice>, immutable: bool) -> Result<Plan, Trouble> {
    let Case { model, object, secret, generation, fields } = case;
    let cluster = model.cluster.as_ref().ok_or_else(|| refused("nothing is known yet", "", "Wait"))?;
    let names: Vec<&str> = fields.writes.iter().map(|write| write.name.as_str()).collect();
    let found = secret.map(|secret| Found { uid: secret.uid.clone(), prints: secret.prints() });
    let (read, verb) = match secret {
        None => ("it does not exist".to_owned(), "create"),
        Some(secret) => (format!("still rv {}, {}", secret.version, holds(secret)), "write"),
    };
    let write = Step {
        kind: StepKind::Do(Op::ApplySecret {
            object: object.clone(),
            generation: generation.number,
            fields: fields.writes.clone(),
            prints: fields.prints.clone(),
            found,
            immutable,
        }),
        says: format!("read {} again, {verb} {} {}", object.path(), noun(names.len()), names.join(", ")),
        detail: format!("{read}; server-side apply as baowatch, {}", fields.from),
    };
    let compare = Step {
        kind: StepKind::Await { expect: Expect::KeysAre { prints: fields.prints.clone() }, within: SEEN_WITHIN },
        says: "read back and compare".to_owned(),
        detail: format!("fingerprint {}{}", first(&fields.prints), follows(model)),
    };
    Ok(Plan {
        action: ActionId::RestoreKeysSecret,
        target: object.clone(),
        title: format!("Restore {} from the keystore", object.path()),
        steps: vec![write, compare],
        will_not: "touch labels, other fields, pods, the vault".to_owned(),
        rests_on: rests_on(case),
        rights: rights(state, case),
        warnings: warnings(case, immutable),
        choices,
        danger: if reinitialised(case).is_some() { Danger::TargetAndCluster } else { Danger::Target },
        made: state.now,
        basis: Basis::keys(model).into_iter().collect(),
        identity: cluster.identity.clone(),
    })
}

const fn noun(fields: usize) -> &'static str {
    if fields == 1 { "field" } else { "fields" }
}

fn holds(secret: &KeysSecret) -> String {
    match secret.prints().as_slice() {
        [] if secret.is_empty() => "still empty".to_owned(),
        [] => "still without a key".to_owned(),
        prints => format!("still {}", first(prints)),
    }
}

/// When what unseals will see it. Nothing here can watch a mount: it is said, not waited for.
fn follows(model: &Model) -> String {
    let alive = unsealer(model).is_some_and(|it| matches!(it.liveness, Liveness::Running | Liveness::Partly { .. }));
    match keys_use(model).filter(|_| alive).map(|used| used.how) {
        Some(UseHow::Volume | UseHow::Items) => "; the unsealer's mount follows in about 2 min, inferred".to_owned(),
        Some(UseHow::SubPath | UseHow::Env) => "; running unsealers see it only after a restart".to_owned(),
        Some(UseHow::Config) | None => String::new(),
    }
}

fn rests_on(case: &Case<'_>) -> Vec<Rest> {
    let model = case.model;
    let mut rests = Vec::new();
    if let Some(keys) = &model.keys {
        let what = if case.secret.is_some() { "" } else { " missing" };
        rests.push(Rest { what: format!("{}{what}", case.object), seen: keys.at });
    }
    if let Some(keystore) = &model.keystore {
        rests.push(Rest { what: format!("keystore generation {}", case.generation.number), seen: keystore.at });
    }
    let proof = last_answer(&model.proofs, model.cluster_id(), &case.fields.prints);
    if let Some(proof) = proof {
        rests.push(Rest { what: "proof".to_owned(), seen: proof.at });
    }
    rests
}

fn rights(state: &State, case: &Case<'_>) -> Vec<Right> {
    let ObjectRef { namespace, name, .. } = &case.object;
    let right = |verb: &str| Right {
        what: format!("{verb} secrets/{name} in {namespace}"),
        allowed: super::may(state, verb, "secrets", Some(name)),
    };
    let mut rights = vec![right("patch")];
    if case.secret.is_none() {
        rights.push(right("create"));
    }
    rights
}

/// The cluster ids, where the keys were saved from a vault with another one than runs now.
fn reinitialised<'a>(case: &'a Case<'_>) -> Option<(&'a str, &'a str)> {
    let (then, now) = (case.generation.vault_cluster_id.as_deref()?, case.model.cluster_id()?);
    (then != now).then_some((then, now))
}

fn warnings(case: &Case<'_>, immutable: bool) -> Vec<String> {
    let Case { model, secret, generation, fields, .. } = case;
    let mut warnings = Vec::new();
    if let Some((then, now)) = reinitialised(case) {
        warnings.push(format!(
            "DANGER: these keys were saved from a vault with cluster id {then}, and {now} runs now: somebody initialised it \
             anew, and the old keys cannot open it"
        ));
    }
    let (needs, _) = threshold(model);
    if generation.threshold != needs && needs > 0 {
        warnings.push(format!(
            "the vault asks for {}, these keys were saved as {}",
            count(needs as usize, "share"),
            generation.threshold
        ));
    }
    let unnamed: Vec<&str> =
        mounted(model).into_iter().filter(|name| fields.writes.iter().all(|write| write.name != *name)).collect();
    if !unnamed.is_empty() {
        warnings.push(format!("What unseals takes the field {}, which is not among those written", unnamed.join(", ")));
    }
    if let Some(secret) = secret {
        warnings.extend(owners(secret, fields));
    }
    let proof = last_answer(&model.proofs, model.cluster_id(), &fields.prints);
    if proof.is_none_or(|proof| proof.answer != Answer::Accepted) {
        warnings.push("Nothing has proven that these keys open this vault: prove-keys asks it".to_owned());
    }
    if immutable {
        warnings.push(
            "Immutable stops edits, not deletion; a rotation of the keys then needs a Secret of a new name, and kubelets \
             may go on serving the old value after it was deleted and made anew"
                .to_owned(),
        );
    }
    warnings
}

/// Who will put their own idea of the Secret back.
fn owners(secret: &KeysSecret, fields: &Fields) -> Vec<String> {
    let written = |name: &String| fields.writes.iter().any(|write| write.name == *name);
    let mut warnings = Vec::new();
    if let Some(controller) = &secret.gitops {
        warnings.push(format!(
            "{controller} manages this Secret and may put its own idea of it back: change it there too, or it is lost again"
        ));
    }
    let applies = |manager: &str| manager != "baowatch" && manager != "kubectl-last-applied";
    let rivals = secret.owners.iter().filter(|owner| owner.apply && applies(&owner.manager));
    for owner in rivals.filter(|owner| owner.data.iter().any(written)) {
        warnings.push(format!(
            "{} applies {} too and loses it now; its next forced apply takes it back",
            owner.manager,
            owner.data.iter().filter(|name| written(name)).cloned().collect::<Vec<_>>().join(", ")
        ));
    }
    // An apply takes away what the same manager applied before and now leaves out.
    let ours = secret.owners.iter().filter(|owner| owner.apply && owner.manager == "baowatch");
    let dropped: Vec<&str> =
        ours.flat_map(|owner| &owner.data).filter(|name| !written(name)).map(String::as_str).collect();
    if !dropped.is_empty() {
        warnings.push(format!(
            "{} goes away: Baowatch put it there earlier, and this generation does not have it",
            dropped.join(", ")
        ));
    }
    match &secret.last_applied {
        Some(names) if names.iter().any(written) => warnings.push(
            "A manifest with these fields was applied with kubectl: the next `kubectl apply` of it overwrites them, and its \
             annotation holds keys in clear"
                .to_owned(),
        ),
        Some(_) => warnings.push(
            "A manifest of this Secret is applied with kubectl: take the Secret out of it, or it may empty it again"
                .to_owned(),
        ),
        None => {}
    }
    warnings
}
