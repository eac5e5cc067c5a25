//! Everything known about one workload: each Secret it uses and how, each pod with its start, who restarted it.

use super::Page;
use crate::app::id::ObjectRef;
use crate::app::model::consumers::{Rollout, Use, Way};
use crate::app::state::State;
use crate::app::time::{age, quiet};
use crate::app::workloads::{FEEDS, Standing, View, evidence, started};
use crate::views::fmt;
use crate::views::panes::workloads::{mark, word};
use crate::views::theme::{Mark, Role};

/// Pods that are listed; the others are counted.
const PODS: usize = 12;

pub(super) fn facts(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let view = View::of(&state.model, state.now);
    let Some(consumer) = state.model.consumers.as_ref().and_then(|table| table.get(subject)) else { return };
    let standing = view.standing(consumer);
    if !standing.consumer.uses.is_empty() {
        page.state("Secrets", secrets_mark(&standing), &secrets_word(&standing, state));
    }
    rollout(state, &standing, page);
    for (who, at) in &consumer.restarted {
        page.fact(
            "restarted",
            &format!("by {who}, {}; what counts is when a container started", fmt::when(state.now, *at)),
        );
    }
    if !consumer.uses.is_empty() {
        page.blank();
        page.heading("Uses");
    }
    for used in &consumer.uses {
        one(state, &view, &standing, used, page);
    }
    page.blank();
    page.heading("Pods");
    pods(state, &standing, page);
    if !standing.stale.is_empty() {
        page.blank();
        page.hang(Role::Accent, "→ ", Role::Plain, &standing.restarts(&state.model));
    }
    page.feeds(state, &FEEDS);
}

fn secrets_mark(standing: &Standing<'_>) -> Mark {
    if standing.consumer.uses.iter().all(|used| used.way == Way::SecretsStore) {
        return Mark::Absent;
    }
    match (standing.missing.is_empty() && standing.stale.is_empty(), standing.undated.is_empty()) {
        (false, _) => mark(standing),
        (true, false) => Mark::Unknown,
        (true, true) => Mark::Ok,
    }
}

fn secrets_word(standing: &Standing<'_>, state: &State) -> String {
    match secrets_mark(standing) {
        Mark::Absent => "none: what it mounts comes straight from the vault".to_owned(),
        Mark::Ok => "it runs with what the cluster holds".to_owned(),
        Mark::Warn | Mark::Bad | Mark::Unknown => word(standing, state),
    }
}

fn rollout(state: &State, standing: &Standing<'_>, page: &mut Page<'_>) {
    let words = standing.rollout();
    match &standing.consumer.rollout {
        Rollout::Stuck { since, why } => {
            page.state("rollout", Mark::Warn, "stuck");
            page.fact("", why);
            if let Some(since) = since {
                page.fact("since", &fmt::when(state.now, *since));
            }
        }
        Rollout::Underway { updated, wanted, moved: Some(moved) } if standing.stalled.is_some() => {
            page.state("rollout", Mark::Warn, "stuck");
            page.fact("", &format!("{updated} of {wanted} replicas are new"));
            page.fact("since", &format!("{}, when its status last moved", fmt::when(state.now, *moved)));
        }
        Rollout::OnDelete { .. } if standing.waiting > 0 => page.state("rollout", Mark::Warn, &words),
        Rollout::Underway { .. } | Rollout::Paused => page.state("rollout", Mark::Absent, &words),
        Rollout::Done | Rollout::OnDelete { .. } => page.state("rollout", Mark::Ok, "done"),
    }
}

fn one(state: &State, view: &View<'_>, standing: &Standing<'_>, used: &Use, page: &mut Page<'_>) {
    let stale = standing.stale.iter().find(|stale| stale.used == used);
    let seen = view.secret(&used.secret);
    let changed = view.changed(&used.secret);
    let (mark, word) = match (stale, &changed) {
        _ if used.way == Way::SecretsStore => (Mark::Absent, used.way.follows().to_owned()),
        (Some(stale), _) => (Mark::Warn, format!("{} behind", quiet(age(state.now, stale.changed.at)))),
        (None, None) if state.model.secrets.is_none() => (Mark::Unknown, "the Secret cannot be seen".to_owned()),
        (None, None) if seen.is_none() && used.optional => (Mark::Absent, "does not exist; it need not".to_owned()),
        (None, None) if seen.is_none() => (Mark::Bad, "does not exist: no new pod starts".to_owned()),
        (None, None) => (Mark::Unknown, "nobody can tell when its data changed".to_owned()),
        (None, Some(_)) if used.way.stays() => (Mark::Ok, "as the cluster holds it".to_owned()),
        (None, Some(_)) => (Mark::Ok, used.way.follows().to_owned()),
    };
    let place = if used.container.is_empty() { String::new() } else { format!(" in {}", used.container) };
    page.state("", mark, &format!("{} by {}{place}", used.secret.name, used.way.word()));
    page.fact("", &word);
    if used.way.stays() {
        page.fact("", used.way.follows());
    }
    if let Some(changed) = &changed {
        page.fact("", &evidence(changed, seen, state.now));
    }
    if let Some(at) = seen.and_then(|seen| seen.marks.touched) {
        page.fact(
            "",
            &format!("edited {}: its labels, and whether its data too cannot be told", fmt::when(state.now, at)),
        );
    }
}

fn pods(state: &State, standing: &Standing<'_>, page: &mut Page<'_>) {
    let older = standing.older();
    for pod in standing.pods.iter().take(PODS) {
        let starts: Vec<String> =
            standing.consumer.uses.iter().filter(|used| used.way.stays()).fold(Vec::new(), |mut starts, used| {
                let start =
                    started(pod, used).map(|at| format!("{} since {}", used.container, fmt::when(state.now, at)));
                starts.extend(start.filter(|start| !starts.contains(start)));
                starts
            });
        let begun = pod.containers.iter().map(|(name, at)| format!("{name} since {}", fmt::when(state.now, *at)));
        let starts = if starts.is_empty() { begun.collect() } else { starts };
        let mark = if older.contains(&&pod.object) { Mark::Warn } else { Mark::Ok };
        page.state("", mark, &pod.object.name);
        page.fact("", &if starts.is_empty() { "nothing runs in it".to_owned() } else { starts.join(", ") });
    }
    match standing.pods.len() {
        0 => page.say(Role::Dim, "None runs."),
        n if n > PODS => page.say(Role::Dim, &format!("and {} others", n - PODS)),
        _ => {}
    }
}
