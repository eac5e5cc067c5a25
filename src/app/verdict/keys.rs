//! What is wrong with the Secret that holds the keys, if the mechanism lives on one: the first fault that holds.

use jiff::Timestamp;

use super::held;
use super::replicas::{initialised, started};
use super::sight::{self, Unseen};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::custody::CustodyState;
use crate::app::model::keys_secret::{FieldSeen, Glimpse, KeysSecret, KeysSeen, Purpose, Shape};
use crate::app::model::proof::{Answer, last_answer};
use crate::app::model::reopens::{Mechanism, keys_use};
use crate::app::text::count;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is no such Secret.
    Missing,
    /// It has no data at all.
    Empty,
    /// The field that should hold the key is not there, or there are fewer shares than the threshold.
    FieldMissing(String),
    /// A field is empty, or its length or alphabet cannot be a key.
    Implausible(String),
    /// A static seal's key is another one than the replicas started with.
    Changed,
    /// The vault itself was asked about exactly these keys, and refused them.
    Refused {
        /// When.
        at: Timestamp,
    },
    /// The key file of a static seal, kept in custody, is not where it belongs.
    FileMissing,
    /// The key file of a static seal is not the one that is kept in custody.
    FileChanged,
}

/// How the keys stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// The mechanism lives on no Secret.
    NotNeeded,
    /// It lives on something that cannot be looked at from here; what.
    Elsewhere(String),
    /// Nothing was initialised yet: an empty Secret is what one expects.
    BeforeInit(ObjectRef),
    /// It is needed and it cannot be seen.
    Unseen(Unseen),
    /// It is broken.
    Faulty(ObjectRef, Fault),
    /// It can do its work, as far as looking at it can tell.
    Plausible(ObjectRef),
}

/// What is asked of the Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Shares,
    SealKey,
}

/// Judges the Secret for this mechanism. A fault is only ever found on fresh data.
pub fn keys(model: &Model, by: Mechanism, now: Timestamp) -> Keys {
    let need = match by {
        Mechanism::Secret => Need::Shares,
        Mechanism::Static => Need::SealKey,
        Mechanism::People | Mechanism::Unknown if model.expect.keys_secret_configured => Need::Shares,
        Mechanism::Transit | Mechanism::Kms | Mechanism::People | Mechanism::Unknown => return Keys::NotNeeded,
    };
    if model.cluster.is_none() {
        return Keys::Unseen(sight::feed(model, FeedId::KeysSecret, None, now));
    }
    if need == Need::SealKey
        && let Some(file) = key_file(model, now)
    {
        return file;
    }
    if !model.in_kubernetes() {
        return Keys::Elsewhere("its key lies outside of any cluster that can be seen from here".to_owned());
    }
    if let Some(elsewhere) = elsewhere(model, need, now) {
        return elsewhere;
    }
    let chosen = model.unsealers.as_ref().and_then(|seen| seen.value.chosen.clone());
    let Some(seen) = model.fresh_keys(now).filter(|seen| chosen.is_none_or(|name| name == seen.object().name)) else {
        return Keys::Unseen(unseen(model, now));
    };
    let object = seen.object().clone();
    match initialised(model, now) {
        None => {
            return Keys::Unseen(Unseen {
                input: "the seal state".to_owned(),
                since: None,
                why: "no replica has said yet whether it is initialised".to_owned(),
                next: String::new(),
            });
        }
        Some(false) => return Keys::BeforeInit(object),
        Some(true) => {}
    }
    match fault(model, seen, need) {
        Some(fault) => Keys::Faulty(object, fault),
        None => Keys::Plausible(object),
    }
}

/// A static seal's key file that is in custody: gone or replaced, it is found before any server reads it. As long as it is
/// what is kept, it says no more than that.
fn key_file(model: &Model, now: Timestamp) -> Option<Keys> {
    let file = held::seal_key_file(model)?;
    if initialised(model, now) != Some(true) {
        return None;
    }
    let object = ObjectRef::new("KeyFile", "", &file.path);
    let unseen = |since, why: String, next: String| {
        Some(Keys::Unseen(Unseen { input: format!("the key file {}", file.path), since, why, next }))
    };
    if let Err(unseen_feed) = held::custody(model, now) {
        return unseen(unseen_feed.since, unseen_feed.why, unseen_feed.next);
    }
    match &file.state {
        CustodyState::Same | CustodyState::Elsewhere { .. } => None,
        CustodyState::Missing => Some(Keys::Faulty(object, Fault::FileMissing)),
        CustodyState::Different { .. } | CustodyState::WrongSize { .. } => {
            Some(Keys::Faulty(object, Fault::FileChanged))
        }
        CustodyState::Unreadable(trouble) => unseen(None, trouble.what.clone(), trouble.next.clone()),
    }
}

/// A static key that comes from no Secret cannot be looked at.
fn elsewhere(model: &Model, need: Need, now: Timestamp) -> Option<Keys> {
    if need != Need::SealKey {
        return None;
    }
    if let Some(unseen) = sight::missing(model, FeedId::Unsealers, now) {
        return Some(Keys::Unseen(unseen));
    }
    let source = model.unsealers.as_ref().and_then(|seen| seen.value.static_key.as_ref());
    match source {
        Some(key) if key.from.is_some() => None,
        Some(key) => Some(Keys::Elsewhere(format!("its key comes from {}, which no Secret fills", key.source))),
        None if model.expect.keys_secret_configured => None,
        None => Some(Keys::Elsewhere("where its key comes from was not found in its configuration".to_owned())),
    }
}

fn unseen(model: &Model, now: Timestamp) -> Unseen {
    let at = model.keys.as_ref().map(|keys| keys.at);
    let mut unseen = sight::feed(model, FeedId::KeysSecret, at, now);
    let Some(unsealers) = model.unsealers.as_ref().map(|seen| &seen.value) else { return unseen };
    if let Some(name) = &unsealers.chosen {
        unseen.input = format!("the keys Secret {name}");
    } else if unsealers.candidates.len() > 1 {
        unseen.why = format!("several Secrets could hold the keys: {}", unsealers.candidates.join(", "));
        "Name the right one in the configuration".clone_into(&mut unseen.next);
    }
    unseen
}

fn fault(model: &Model, seen: &KeysSeen, need: Need) -> Option<Fault> {
    let KeysSeen::Present(secret) = seen else { return Some(Fault::Missing) };
    if secret.fields.is_empty() {
        return Some(Fault::Empty);
    }
    match need {
        Need::Shares => shares_fault(model, secret).or_else(|| refused(model, secret)),
        Need::SealKey => seal_key_fault(model, secret),
    }
}

/// What looks like keys and was refused by the vault opens nothing, until the keys or the vault are others.
fn refused(model: &Model, secret: &KeysSecret) -> Option<Fault> {
    let said = last_answer(&model.proofs, model.cluster_id(), &secret.prints())?;
    (said.answer == Answer::Refused).then_some(Fault::Refused { at: said.at })
}

/// The fields that count: those the unsealer takes by name, else all.
fn named(model: &Model) -> Vec<String> {
    keys_use(model).map(|used| used.fields.iter().filter(|f| !is_token(f)).cloned().collect()).unwrap_or_default()
}

/// A root token beside the key is optional: see the rule `keys-secret-field-missing`.
fn is_token(field: &str) -> bool {
    field.contains("root") || field.contains("token")
}

fn shares_fault(model: &Model, secret: &KeysSecret) -> Option<Fault> {
    let named = named(model);
    if let Some(gone) = named.iter().find(|name| secret.fields.iter().all(|field| field.name != **name)) {
        return Some(Fault::FieldMissing(format!("has no field {gone}")));
    }
    let counted: Vec<&FieldSeen> = secret
        .fields
        .iter()
        .filter(|field| if named.is_empty() { field.purpose == Purpose::Shares } else { named.contains(&field.name) })
        .collect();
    let (threshold, total) = threshold(model);
    let mut prints: Vec<_> = counted
        .iter()
        .filter(|field| bad_share(field, total).is_none())
        .flat_map(|field| field.prints.iter())
        .collect();
    prints.sort();
    prints.dedup();
    let have = prints.len() as u32;
    let need = threshold.max(1);
    if have >= need {
        return None;
    }
    let bad = counted.iter().find_map(|field| Some((field, bad_share(field, total)?)));
    Some(match bad {
        Some((field, why)) => Fault::Implausible(format!("field {} {why}", field.name)),
        None if have == 0 => Fault::FieldMissing("has no field that holds an unseal key".to_owned()),
        None => Fault::FieldMissing(format!("holds {} of the {need} that it takes", count(have as usize, "share"))),
    })
}

/// Shares needed and shares in existence, as any replica last said; 0 where nobody has.
pub fn threshold(model: &Model) -> (u32, u32) {
    model
        .replicas
        .iter()
        .filter_map(|replica| model.said(&replica.name))
        .chain(model.heard.as_ref().map(|heard| &heard.value))
        .map(|seen| (seen.threshold, seen.shares))
        .find(|(threshold, _)| *threshold > 0)
        .unwrap_or_default()
}

/// Why this field cannot be a share of `total`. A single key has 32 bytes, a share of several has one more.
fn bad_share(field: &FieldSeen, total: u32) -> Option<String> {
    match &field.shape {
        Shape::Empty => Some("is empty".to_owned()),
        Shape::Implausible(why) => Some(format!("holds {why}")),
        Shape::Shares { bytes: 33, .. } if total == 1 => {
            Some("holds a share of several, and this vault has one key".to_owned())
        }
        Shape::Shares { bytes: 32, .. } | Shape::Key32 if total > 1 => {
            Some("holds a whole key, and this vault's key is split into shares".to_owned())
        }
        Shape::Token => Some("holds a token".to_owned()),
        Shape::Other => Some("does not look like a key".to_owned()),
        Shape::Shares { .. } | Shape::Key32 => None,
    }
}

fn seal_key_fault(model: &Model, secret: &KeysSecret) -> Option<Fault> {
    let source = model.unsealers.as_ref().and_then(|seen| seen.value.static_key.as_ref());
    let named = source.and_then(|key| {
        let by_use = key.from.as_ref().and_then(|used| used.fields.first().cloned());
        // A whole volume mirrors the Secret: the file's name is the field's name.
        by_use.or_else(|| key.source.contains('/').then(|| key.source.rsplit('/').next().map(str::to_owned)).flatten())
    });
    let field = match &named {
        Some(name) => secret.fields.iter().find(|field| field.name == *name),
        None => secret.field(Purpose::SealKey).or_else(|| secret.field(Purpose::Shares)),
    };
    let Some(field) = field else {
        return Some(Fault::FieldMissing(match named {
            Some(name) => format!("has no field {name}"),
            None => "has no field that holds the seal key".to_owned(),
        }));
    };
    match &field.shape {
        Shape::Key32 | Shape::Shares { bytes: 32, .. } => {}
        Shape::Empty => return Some(Fault::Implausible(format!("field {} is empty", field.name))),
        Shape::Implausible(why) => return Some(Fault::Implausible(format!("field {} holds {why}", field.name))),
        Shape::Shares { .. } | Shape::Token | Shape::Other => {
            return Some(Fault::Implausible(format!("field {} is not a key of 32 bytes", field.name)));
        }
    }
    changed_since_start(model, field).then_some(Fault::Changed)
}

/// Whether the field holds another key than when some running server was started, as far as we were watching then.
fn changed_since_start(model: &Model, field: &FieldSeen) -> bool {
    model.replicas.iter().any(|replica| {
        if !model.said(&replica.name).is_some_and(crate::app::model::seal::SealSeen::open) {
            return false;
        }
        let Some(started) = started(model, &replica.name) else { return false };
        // The latest look before it started, or else the first one, if what it saw had been so since before that start.
        let looked = model.history.iter().rev().find(|glimpse| glimpse.at <= started);
        let first = || model.history.first().filter(|glimpse| unchanged_since(glimpse, started));
        let then = looked.or_else(first);
        let then = then.and_then(|glimpse| glimpse.seen.present());
        let then = then.and_then(|secret| secret.fields.iter().find(|old| old.name == field.name));
        then.is_some_and(|old| !old.prints.is_empty() && old.prints != field.prints)
    })
}

/// Whether this look found data that nobody had written since then, by the times that the object itself bears.
fn unchanged_since(glimpse: &Glimpse, then: Timestamp) -> bool {
    glimpse.seen.present().is_some_and(|secret| {
        let mut writers = secret.owners.iter().filter(|owner| !owner.data.is_empty()).peekable();
        writers.peek().is_some() && writers.all(|owner| owner.time.is_some_and(|time| time <= then))
    })
}

/// Since when the Secret has been as it is now, from its remembered life; `true` when it may have been so for longer.
pub fn since(history: &[Glimpse]) -> Option<(Timestamp, bool)> {
    let last = history.last()?;
    let mut first = history.len() - 1;
    while let Some(before) = first.checked_sub(1).and_then(|index| history.get(index)) {
        if likeness(&before.seen) != likeness(&last.seen) {
            break;
        }
        first -= 1;
    }
    history.get(first).map(|glimpse| (glimpse.at, first == 0))
}

/// What makes two looks at the Secret the same as far as the keys go: labels and versions do not.
fn likeness(seen: &KeysSeen) -> Option<(bool, Vec<crate::app::model::keys_secret::Fingerprint>)> {
    seen.present().map(|secret| (secret.fields.is_empty(), secret.prints()))
}
