//! The words of the verdict: one sentence that a person woken at 03:00 reads first.

use super::judge::{Case, Doubt, Survey};
use super::replicas::Condition;
use super::{Standing, Was};
use crate::app::text::{count, in_words};
use crate::app::time::{age, moment, quiet};

/// The one sentence.
pub(super) fn sentence(survey: &Survey<'_>, case: &Case<'_>, was: Option<&Was>) -> String {
    let mut says = match case {
        Case::NoVault(why) => format!("DOWN: {why}"),
        Case::NotInitialised => "NOT INITIALISED YET: this vault is new and holds nothing".to_owned(),
        Case::AllShut => all_shut(survey),
        Case::NoActive(_) if survey.model.no_active_undated => "DOWN: no active node serves".to_owned(),
        Case::NoActive(since) => {
            format!("DOWN: no active node has served for {}", quiet(age(survey.now, *since)))
        }
        Case::Lost(replicas) => lost(survey, replicas),
        Case::Blind => return blind(survey, was),
        Case::NeedsHands => needs_hands(survey),
        Case::Unproven(doubt) => format!("{}{}", unproven(survey, doubt), degraded(survey)),
        Case::Survives(proof) => {
            let ago = quiet(age(survey.now, proof.at));
            format!("WOULD SURVIVE A RESTART, proven {ago} ago{}", degraded(survey))
        }
    };
    match case {
        Case::NeedsHands | Case::Unproven(_) | Case::Survives(_) => says.push_str(&price(survey)),
        Case::NoVault(_) | Case::NotInitialised | Case::AllShut | Case::NoActive(_) | Case::Lost(_) | Case::Blind => {}
    }
    match (case, &survey.likely) {
        (Case::Lost(_) | Case::NeedsHands | Case::Unproven(_) | Case::Survives(_), Some(likely)) => {
            format!("{says}; {likely}")
        }
        (_, _) => says,
    }
}

fn all_shut(survey: &Survey<'_>) -> String {
    let sealed: Vec<&str> = survey
        .replicas
        .iter()
        .filter(|(_, condition)| matches!(condition, Condition::Sealed(_)))
        .map(|(replica, _)| replica.name.as_str())
        .collect();
    let waiting = survey.replicas.iter().filter(|(_, condition)| matches!(condition, Condition::Waiting(_))).count();
    let expected = survey.count.expected as usize;
    match sealed.as_slice() {
        [] => "DOWN: it answers as if it were new, and it was initialised before".to_owned(),
        [one] if waiting > 0 => format!("DOWN: {one} is sealed, and {} for it", waits(waiting)),
        [one] if expected == 1 => format!("DOWN: {one} is sealed"),
        [..] if sealed.len() == expected => format!("DOWN: all {expected} replicas are sealed"),
        [..] => format!("DOWN: {} of {expected} replicas are sealed, and no other is open", sealed.len()),
    }
}

fn waits(n: usize) -> String {
    if n == 1 { "1 other waits".to_owned() } else { format!("{n} others wait") }
}

fn lost(survey: &Survey<'_>, replicas: &[String]) -> String {
    let comes_back = match replicas {
        [] => "no replica that restarts comes back".to_owned(),
        [one] => format!("{one} does not come back"),
        several => format!("{} do not come back", several.join(", ")),
    };
    match survey.count.restarts_to_outage() {
        None => format!("IT WOULD NOT REOPEN: {comes_back}"),
        Some(0) => format!("NOBODY SERVES, and {comes_back}"),
        // A blackout is what no restart ends: only when all of them stay shut, and only when one is enough.
        Some(1) if replicas.is_empty() => format!("ONE RESTART FROM BLACKOUT, and {comes_back}"),
        Some(1) => format!("ONE RESTART FROM OUTAGE, and {comes_back}"),
        Some(n) => format!("{} RESTARTS FROM OUTAGE, and {comes_back}", in_words(n)),
    }
}

fn blind(survey: &Survey<'_>, was: Option<&Was>) -> String {
    let nothing = survey.unseen.iter().all(|unseen| unseen.since.is_none());
    let spoke = survey.model.feeds.values().any(|health| health.trouble.is_some());
    if nothing && !spoke && was.is_none() {
        return "LOOKING: not everything has answered yet".to_owned();
    }
    let what = match survey.unseen.as_slice() {
        [] => "something".to_owned(),
        [one] => one.input.clone(),
        [one, more @ ..] => format!("{} and {}", one.input, count(more.len(), "more input")),
    };
    let since = survey.unseen.iter().filter_map(|unseen| unseen.since).min();
    let since = since.map(|at| format!(" since {}", moment(survey.now, at))).unwrap_or_default();
    let before = match was.map(|was| was.state) {
        None | Some(Standing::Blind) => "",
        Some(Standing::Down) => "; it was down then",
        Some(Standing::WillNotReopen) => "; it would not have reopened then",
        Some(Standing::NeedsHands) => "; it needed people to reopen then",
        Some(Standing::Unproven) => "; it looked right then, unproven",
        Some(Standing::Survives) => "; it would have survived then",
    };
    format!("BLIND: cannot see {what}{since}{before}")
}

fn needs_hands(survey: &Survey<'_>) -> String {
    let (threshold, shares) = survey.threshold;
    let who = if threshold == 0 {
        "people must bring their shares".to_owned()
    } else if shares == 1 {
        "somebody must bring the unseal key".to_owned()
    } else {
        format!("people must bring {threshold} of {shares} shares")
    };
    format!("A RESTART NEEDS HANDS: {who}{}", degraded(survey))
}

fn unproven(survey: &Survey<'_>, doubt: &Doubt<'_>) -> String {
    let should = "SHOULD SURVIVE A RESTART, but";
    match doubt {
        Doubt::None => format!("{should} nothing proves it"),
        Doubt::Old(proof) => format!("{should} the proof is {} old", quiet(age(survey.now, proof.at))),
        Doubt::OtherKeys(_) => format!("{should} the last proof is of other keys"),
        Doubt::OtherVault(_) => format!("{should} the last proof is of a vault before it was initialised anew"),
        Doubt::Lingers(name) => format!("NOT PROVEN TO SURVIVE A RESTART: {name} stays sealed"),
    }
}

/// Replicas that are not open while others serve: degraded, not down.
fn degraded(survey: &Survey<'_>) -> String {
    let n = survey.count.expected - survey.count.open.min(survey.count.expected);
    if n == 0 || survey.count.open == 0 {
        return String::new();
    }
    let sealed = survey.count.sealed as usize;
    let expected = survey.count.expected;
    // Open replicas without a leader serve nobody, nor does a leader alone for long.
    let others = if survey.count.serves() { ", others serve" } else { "" };
    if sealed > 0 {
        format!("; {sealed} of {expected} sealed{others}")
    } else {
        format!("; {n} of {expected} not open{others}")
    }
}

/// What a restart costs all the same.
fn price(survey: &Survey<'_>) -> String {
    match (survey.count.restarts_to_outage(), survey.count.expected) {
        (None, _) => String::new(),
        (Some(0), expected) if survey.count.active => format!("; the one that leads lacks a quorum of {expected}"),
        (Some(0), _) => "; nobody serves now".to_owned(),
        (Some(1), 1) => "; one restart is an outage until it is open again".to_owned(),
        (Some(1), _) => "; one restart more is an outage".to_owned(),
        (Some(n), _) => format!("; {} at once are an outage", in_words(n).to_lowercase()),
    }
}
