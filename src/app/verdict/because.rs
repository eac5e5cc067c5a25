//! What the verdict rests on, worst first, a line each, with ages.

use super::judge::{Case, Doubt, Survey};
use super::keys::{self, Fault, Keys};
use super::replicas::Condition;
use super::unsealing::Hands;
use crate::app::id::ObjectRef;
use crate::app::model::attribution::{Attribution, Culprit, attribute};
use crate::app::model::reopens::Mechanism;
use crate::app::text::count;
use crate::app::time::{age, moment, quiet};

/// The lines.
pub(super) fn because(survey: &Survey<'_>, case: &Case<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Case::NoVault(why) = case {
        lines.push(format!("No replica is expected: {why}"));
    }
    if let Keys::Faulty(object, fault) = &survey.keys {
        lines.extend(secret(survey, object, fault));
    }
    lines.extend(unsealer(survey));
    lines.extend(lingering(survey));
    lines.extend(replicas(survey));
    if let (false, Some(since)) = (survey.count.active, survey.model.no_active_since) {
        let lasted = format!(" for {}", quiet(age(survey.now, since)));
        lines.push(format!("No active node{}", if survey.model.no_active_undated { "" } else { &lasted }));
    }
    lines.extend(survey.likely.iter().map(|likely| format!("A restart is likely: {likely}")));
    lines.extend(survey.unseen.iter().map(|unseen| format!("Not in sight: {}", unseen.says())));
    lines.extend(tolerance(survey));
    lines.extend(proof(survey, case));
    lines.extend(sound(survey));
    lines.push(format!(
        "Reopens by {} ({}): {}",
        survey.reopens.by.word(),
        survey.reopens.grade.word(),
        survey.reopens.because
    ));
    lines
}

fn secret(survey: &Survey<'_>, object: &ObjectRef, fault: &Fault) -> Vec<String> {
    let since = keys::since(&survey.model.history);
    let lasted = since
        .map(|(at, longer)| format!(" for {}{}", quiet(age(survey.now, at)), if longer { " or longer" } else { "" }));
    let lasted = lasted.unwrap_or_default();
    let so_long = |lasted: &str| if lasted.is_empty() { String::new() } else { format!(" ({})", lasted.trim_start()) };
    let what = match fault {
        Fault::Missing => format!("{object} has been gone{lasted}"),
        Fault::Empty => format!("{object} has been empty{lasted}"),
        Fault::FieldMissing(why) => format!("{object} {why}{}", so_long(&lasted)),
        Fault::Implausible(why) => format!("{object}: {why}{}", so_long(&lasted)),
        Fault::Changed => format!("{object} holds another key than the replicas started with"),
        Fault::Refused { at } => {
            format!("{object} holds keys that the vault refused {} ago", quiet(age(survey.now, *at)))
        }
        Fault::FileMissing => format!("{object} is gone"),
        Fault::FileChanged => format!("{object} is not the one that is kept in custody"),
    };
    let memory = if survey.count.open > 0 { "It runs from memory: " } else { "" };
    let mut lines = vec![format!("{memory}{what}")];
    if matches!(fault, Fault::Missing | Fault::Empty | Fault::FieldMissing(_) | Fault::Implausible(_)) {
        let done = if matches!(fault, Fault::Implausible(_)) {
            ("Overwritten", "Who overwrote it")
        } else {
            ("Taken away", "Who took it away")
        };
        lines.extend(attribute(&survey.model.history).map(|found| culprit(survey, done, &found)));
    }
    lines
}

fn culprit(survey: &Survey<'_>, (done, unknown): (&str, &str), found: &Attribution) -> String {
    let who = found.who.as_deref().unwrap_or("somebody");
    let when = match (found.after, found.before) {
        (Some(after), Some(before)) if after == before => format!(" at {}", moment(survey.now, after)),
        (Some(after), Some(before)) => {
            format!(" between {} and {}", moment(survey.now, after), moment(survey.now, before))
        }
        (None, Some(before)) => format!(" before {}", moment(survey.now, before)),
        (Some(after), None) => format!(" after {}", moment(survey.now, after)),
        (None, None) => String::new(),
    };
    match found.grade {
        Culprit::Named => format!("{done} by {who}, named by the object itself{when}"),
        Culprit::Inferred => format!("{done} by {who}, inferred{when}"),
        Culprit::Unknown => format!("{unknown} is unknown{when}"),
    }
}

fn unsealer(survey: &Survey<'_>) -> Option<String> {
    match &survey.hands {
        Hands::Dead(object, why) => Some(format!("What unseals does not run: {object} ({why})")),
        Hands::Partly(object, pods) => Some(format!("{object} does not run beside {}", pods.join(", "))),
        Hands::Unmounted(object, secret) => Some(format!("{object} does not use Secret {secret}")),
        Hands::NoneFound => Some("Nothing in this namespace was recognised as unsealing it".to_owned()),
        Hands::NotNeeded | Hands::Alive(_) | Hands::Unseen(_) => None,
    }
}

fn lingering(survey: &Survey<'_>) -> Vec<String> {
    let line = |name: &str, since, shows| {
        let lasted = quiet(age(survey.now, since));
        match (shows, survey.reopens.by) {
            (true, Mechanism::Secret) => {
                format!("{name} has stayed sealed for {lasted} beside a running unsealer (inferred: its key is wrong)")
            }
            (true, _) => format!("{name} started {lasted} ago and did not open by itself (inferred: its seal fails)"),
            (false, _) => format!("{name} has stayed sealed for {lasted}"),
        }
    };
    survey.lingering.iter().map(|(name, since, shows)| line(name, *since, *shows)).collect()
}

fn replicas(survey: &Survey<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for (replica, condition) in &survey.replicas {
        let lasted = replica.since.map(|at| format!(" for {}", quiet(age(survey.now, at)))).unwrap_or_default();
        let name = &replica.name;
        match condition {
            Condition::Sealed(seen) if seen.progress > 0 => {
                lines.push(format!(
                    "{name} sealed{lasted}, {} of {} given",
                    seen.progress,
                    count(seen.threshold as usize, "share")
                ));
            }
            Condition::Sealed(_) if survey.lingering.iter().any(|(other, _, _)| other == name) => {}
            Condition::Sealed(_) => lines.push(format!("{name} sealed{lasted}")),
            Condition::Uninitialised(_) if lasted.is_empty() => {
                lines.push(format!("{name} says that it is not initialised"));
            }
            Condition::Uninitialised(_) => lines.push(format!("{name} has said{lasted} that it is not initialised")),
            Condition::Gone(why) => lines.push(format!("{name} {why}")),
            Condition::Waiting(first) => lines.push(format!("{name} is waiting for {first}")),
            // What does not answer or cannot be seen is listed with what is not in sight.
            Condition::Open(_) | Condition::Unreachable(_) | Condition::Unseen(_) => {}
        }
    }
    lines
}

fn tolerance(survey: &Survey<'_>) -> Option<String> {
    let count = survey.count;
    count.restarts_to_outage()?;
    if count.expected == 1 || count.open == 0 {
        return None;
    }
    let quorum = if count.raft { format!(", {} needed for a quorum", count.quorum()) } else { String::new() };
    Some(format!("{} of {} replicas open{quorum}", count.open, count.expected))
}

fn proof(survey: &Survey<'_>, case: &Case<'_>) -> Option<String> {
    let dated = |proof: &crate::app::model::proof::Proof| {
        format!("{} ago: {} ({})", quiet(age(survey.now, proof.at)), proof.method.words(), proof.replica)
    };
    match case {
        Case::Survives(proof) => Some(format!("Proven {}", dated(proof))),
        Case::Unproven(Doubt::Old(proof)) => Some(format!("The proof is too old, {}", dated(proof))),
        Case::Unproven(Doubt::OtherKeys(proof)) => {
            Some(format!("The proof is not of exactly these keys, {}", dated(proof)))
        }
        Case::Unproven(Doubt::OtherVault(proof)) => Some(format!("The proof is of another vault, {}", dated(proof))),
        Case::Unproven(Doubt::None) => {
            Some("No replica was seen to come back, and no unseal of ours was accepted".to_owned())
        }
        Case::Unproven(Doubt::Lingers(_))
        | Case::NoVault(_)
        | Case::NotInitialised
        | Case::AllShut
        | Case::NoActive(_)
        | Case::Lost(_)
        | Case::Blind
        | Case::NeedsHands => None,
    }
}

fn sound(survey: &Survey<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    match &survey.keys {
        Keys::Plausible(object) => lines.push(format!("{object} looks right")),
        Keys::Elsewhere(what) => lines.push(format!("Nobody can look at the key from here: {what}")),
        Keys::NotNeeded | Keys::BeforeInit(_) | Keys::Unseen(_) | Keys::Faulty(..) => {}
    }
    if let Hands::Alive(object) = &survey.hands {
        lines.push(format!("{object} runs"));
    }
    lines
}
