//! Who emptied or changed the keys Secret: named, inferred or unknown, with the evidence.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys_secret::{FieldSeen, Glimpse, KeysSecret, KeysSeen, OwnerSeen, Shape};
use crate::app::time::date_clock;

/// The manager of a client-side `kubectl apply`.
const CLIENT_SIDE: &str = "kubectl-client-side-apply";

/// The manager that a server-side `kubectl apply` uses; it takes over what [`CLIENT_SIDE`] owned.
const SERVER_SIDE: &str = "kubectl";

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Culprit {
    /// The object itself names the actor: a fresh apply that dropped the fields, or a re-creation.
    Named,
    /// Concluded from neighbouring observations.
    Inferred,
    /// The object carries no trace.
    Unknown,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// How sure.
    pub grade: Culprit,
    /// The field manager, where one is named.
    pub who: Option<String>,
    /// Not before. The same as `before` where the object carries the very moment.
    pub after: Option<Timestamp>,
    /// Not later.
    pub before: Option<Timestamp>,
    /// What was lost: names of fields.
    pub lost: Vec<String>,
    /// What it rests on, a line each.
    pub evidence: Vec<String>,
}

/// Looks at the Secret's life and says who took away what is still missing; `None` when nothing is.
///
/// `managedFields` says who owns fields, not who removed them. Only a fresh apply by a former owner, a fresh entry that
/// owns a field it emptied, and a re-creation name anybody; `kubectl replace` and patches leave no entry at all.
pub fn attribute(history: &[Glimpse]) -> Option<Attribution> {
    let last = history.last()?;
    let Some((before, after, lost)) = loss(history, &last.seen) else {
        return first_sight(history.first()?, &last.seen);
    };
    let bounds = (Some(before.until), Some(after.at));
    let KeysSeen::Present(now) = &after.seen else {
        return Some(unknown(bounds, lost, "the Secret was deleted: what is gone carries no trace"));
    };
    let old = before.seen.present()?;
    if old.uid != now.uid {
        return Some(recreated(old, now, bounds, lost));
    }
    Some(edited(old, now, bounds, lost))
}

/// The latest pair of glimpses between which fields were lost that are still lost. A deletion followed by a
/// re-creation is one loss: the new object may name who created it.
fn loss<'a>(history: &'a [Glimpse], today: &KeysSeen) -> Option<(&'a Glimpse, &'a Glimpse, Vec<String>)> {
    for (index, before) in history.iter().enumerate().rev() {
        let lost = lost(&before.seen, today);
        if lost.is_empty() {
            continue;
        }
        let mut later = history.iter().skip(index + 1);
        let first = later.next()?;
        if first.seen.present().is_some() {
            return Some((before, first, lost));
        }
        return Some((before, later.find(|glimpse| glimpse.seen.present().is_some()).unwrap_or(first), lost));
    }
    None
}

/// Fields that held something before and hold nothing, or nothing possible, now.
fn lost(before: &KeysSeen, after: &KeysSeen) -> Vec<String> {
    let Some(before) = before.present() else { return Vec::new() };
    let gone = |field: &&FieldSeen| {
        let now = after.present().and_then(|secret| secret.fields.iter().find(|other| other.name == field.name));
        now.is_none_or(|now| hollow(now) && !hollow(field))
    };
    before.fields.iter().filter(|field| field.len > 0).filter(gone).map(|field| field.name.clone()).collect()
}

fn hollow(field: &FieldSeen) -> bool {
    field.len == 0
        || match &field.shape {
            Shape::Empty | Shape::Implausible(_) => true,
            Shape::Shares { .. } | Shape::Key32 | Shape::Token | Shape::Other => false,
        }
}

type Bounds = (Option<Timestamp>, Option<Timestamp>);

fn unknown(bounds: Bounds, lost: Vec<String>, why: &str) -> Attribution {
    Attribution {
        grade: Culprit::Unknown,
        who: None,
        after: bounds.0,
        before: bounds.1,
        lost,
        evidence: vec![why.to_owned()],
    }
}

fn named(owner: &OwnerSeen, bounds: Bounds, lost: Vec<String>, evidence: Vec<String>) -> Attribution {
    Attribution {
        grade: Culprit::Named,
        who: Some(owner.manager.clone()),
        after: owner.time.or(bounds.0),
        before: owner.time.or(bounds.1),
        lost,
        evidence,
    }
}

fn entry(owner: &OwnerSeen) -> String {
    let time = owner.time.map_or_else(|| "without a time".to_owned(), |at| format!("of {}", date_clock(at)));
    format!("{} {} {time}", owner.manager, if owner.apply { "Apply" } else { "Update" })
}

/// A new uid: somebody deleted it and somebody created it. Who created it is in the new object.
fn recreated(old: &KeysSecret, now: &KeysSecret, bounds: Bounds, lost: Vec<String>) -> Attribution {
    let evidence = vec![format!("a new uid: {} was deleted and created again", now.object)];
    let at_creation: Vec<&OwnerSeen> =
        now.owners.iter().filter(|owner| owner.time.is_some() && owner.time == now.created).collect();
    let creator = match at_creation.as_slice() {
        [one] => Some(*one),
        // The earliest entry that the old object did not have made it, if it is the only new one.
        [] => match now.owners.as_slice() {
            [one] if old.owners.iter().all(|before| before != one) => Some(one),
            _ => None,
        },
        [..] => None,
    };
    match creator {
        Some(owner) => {
            let mut evidence = evidence;
            evidence.push(format!("created by {}", entry(owner)));
            Attribution {
                after: now.created.or(bounds.0),
                ..named(owner, (bounds.0, now.created.or(bounds.1)), lost, evidence)
            }
        }
        None => Attribution { evidence, ..unknown(bounds, lost, "") },
    }
}

/// The same object, changed in place.
fn edited(old: &KeysSecret, now: &KeysSecret, bounds: Bounds, lost: Vec<String>) -> Attribution {
    let fresh: Vec<&OwnerSeen> = now.owners.iter().filter(|owner| is_fresh(owner, old)).collect();
    // Who owns a field that is hollow now, freshly, wrote the hollow value.
    if let Some(owner) = fresh.iter().find(|owner| owner.data.iter().any(|field| lost.contains(field))) {
        let evidence = vec![format!("{} owns the field that it emptied", entry(owner))];
        return named(owner, bounds, lost, evidence);
    }
    // Who owned the fields by applying them, applied again, and owns them no more, dropped them.
    if let Some(owner) = fresh.iter().find(|owner| dropped(owner, old, &lost)) {
        let mut evidence = vec![format!("{} no longer owns what it owned", entry(owner))];
        if owner.apply && now.owners.iter().any(|other| other.manager == "kubectl-last-applied") {
            evidence.push("kubectl-last-applied: a client-side apply was taken over by a server-side one".to_owned());
        }
        if old.last_applied.as_ref().is_some_and(|fields| !fields.is_empty())
            && now.last_applied.as_ref().is_some_and(Vec::is_empty)
        {
            evidence.push("the last applied manifest has no data any more".to_owned());
        }
        return named(owner, bounds, lost, evidence);
    }
    // An update that removed the fields and changed something else besides left an entry for the something else.
    let updates: Vec<&&OwnerSeen> = fresh.iter().filter(|owner| !owner.apply).collect();
    if let ([one], true) = (updates.as_slice(), fresh.len() == 1) {
        return Attribution {
            grade: Culprit::Inferred,
            who: Some(one.manager.clone()),
            after: bounds.0,
            before: bounds.1,
            lost,
            evidence: vec![format!("the only entry that is new since the keys were last seen: {}", entry(one))],
        };
    }
    let mut evidence = vec!["no entry for whoever did it: so do kubectl replace and patches".to_owned()];
    evidence.extend(
        fresh.iter().map(|owner| format!("in the same time: {}, which cannot have removed them", entry(owner))),
    );
    Attribution { evidence, ..unknown(bounds, lost, "") }
}

/// New or renewed since the keys were last seen. Entries are compared with entries: the server's clock is not ours.
fn is_fresh(owner: &OwnerSeen, old: &KeysSecret) -> bool {
    owner.time.is_some()
        && old
            .owners
            .iter()
            .find(|before| before.manager == owner.manager && before.apply == owner.apply)
            .is_none_or(|before| before.time != owner.time)
}

/// Whether this fresh entry's manager had applied the lost fields and owns them no more.
fn dropped(owner: &OwnerSeen, old: &KeysSecret, lost: &[String]) -> bool {
    let owned = |before: &OwnerSeen| lost.iter().any(|field| before.data.contains(field));
    old.owners.iter().filter(|before| owned(before)).any(|before| {
        let again = before.manager == owner.manager && before.apply == owner.apply;
        let applies = owner.apply || owner.manager == CLIENT_SIDE;
        let migrated = owner.apply && owner.manager == SERVER_SIDE && before.manager == CLIENT_SIDE;
        (again && applies) || migrated
    })
}

/// The keys were gone when it was first looked at: the object alone may say something, and never for certain, since
/// nobody saw that there ever were any.
fn first_sight(first: &Glimpse, today: &KeysSeen) -> Option<Attribution> {
    let bounds = |created| (created, Some(first.at));
    let secret = match (today, &first.seen) {
        (KeysSeen::Absent(_), _) => {
            return Some(unknown(bounds(None), Vec::new(), "it was gone when it was first looked for"));
        }
        (KeysSeen::Present(_), KeysSeen::Absent(_)) => return None,
        (KeysSeen::Present(_), KeysSeen::Present(secret)) => secret,
    };
    let filled = |secret: &KeysSecret| secret.fields.iter().any(|field| !hollow(field));
    if filled(secret) || today.present().is_some_and(filled) {
        return None;
    }
    let lost: Vec<String> = secret.fields.iter().map(|field| field.name.clone()).collect();
    let later = |owner: &&OwnerSeen| owner.time.zip(secret.created).is_some_and(|(time, created)| time > created);
    let emptied = |owner: &&OwnerSeen| owner.data.iter().any(|field| lost.contains(field));
    let applied = |owner: &&OwnerSeen| owner.data.is_empty() && (owner.apply || owner.manager == CLIENT_SIDE);
    let latest = secret.owners.iter().filter(later).max_by_key(|owner| owner.time);
    let inferred = |owner: &OwnerSeen, why: &str| Attribution {
        grade: Culprit::Inferred,
        who: Some(owner.manager.clone()),
        after: owner.time,
        before: owner.time,
        lost: lost.clone(),
        evidence: vec![format!("{}: {why}", entry(owner))],
    };
    if let Some(owner) = latest.filter(emptied) {
        return Some(inferred(owner, "the last change, and it owns the empty field"));
    }
    if let Some(owner) = latest.filter(applied) {
        return Some(inferred(owner, "the last change, an apply without data"));
    }
    let recreated =
        secret.owners.iter().find(|owner| owner.manager == "kubectl-replace" && owner.time == secret.created);
    if let Some(owner) = recreated {
        return Some(inferred(owner, "it was created empty by a forced replace"));
    }
    Some(unknown(bounds(secret.created), lost, "the keys were gone when it was first looked at"))
}
