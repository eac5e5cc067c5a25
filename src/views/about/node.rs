//! Everything known about one node: its conditions, its memory and where it goes, who uses most of it, what an eviction
//! would do to the vault, and what hangs on Longhorn's process there.

use super::Page;
use crate::app::id::ObjectRef;
use crate::app::model::nodes::Source;
use crate::app::nodes::{
    FULL, about, biggest, blast, evicted, evicted_from, fresh_usage, instead, killed, memory, vault_pods, view,
};
use crate::app::state::State;
use crate::app::text::count;
use crate::app::time::{age, quiet};
use crate::views::fmt;
use crate::views::panes::nodes::{bar, feeds, mark, spark};
use crate::views::theme::{Mark, Role};

/// Pods that are named.
const PODS: usize = 8;

pub(super) fn facts(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(node) = state.model.nodes.as_ref().and_then(|nodes| nodes.get(subject)) else { return };
    match (node.ready, node.unready_since) {
        (Some(true), _) => page.state("ready", Mark::Ok, "ready"),
        (Some(false), since) => {
            let since = since.map(|at| format!(" since {}", fmt::when(state.now, at))).unwrap_or_default();
            let why = if node.reason.is_empty() { String::new() } else { format!(" ({})", node.reason) };
            page.state("ready", Mark::Bad, &format!("not ready{since}{why}"));
        }
        (None, _) => page.state("ready", Mark::Unknown, "it does not say"),
    }
    for (pressure, since) in &node.pressures {
        let since = since.map(|at| format!(" since {}", fmt::when(state.now, at))).unwrap_or_default();
        page.state("pressure", Mark::Bad, &format!("{pressure}{since}"));
    }
    if node.cordoned {
        page.state("scheduling", Mark::Warn, "cordoned: no new pod comes here");
    }
    in_use(state, subject, page);
    pods(state, subject, page);
    vault(state, subject, page);
    longhorn(state, subject, page);
    page.feeds(state, feeds(state));
}

fn in_use(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(node) = state.model.nodes.as_ref().and_then(|nodes| nodes.get(subject)) else { return };
    let view = view(&state.model, node, state.now);
    let usage = fresh_usage(&state.model, state.now);
    let mark = mark(&view, usage.map(|usage| usage.source));
    page.blank();
    page.heading("Memory");
    match (view.used, view.percent, view.requested) {
        (Some(used), Some(percent), _) => {
            let of = format!("{} of {}", memory(used.bytes), memory(node.capacity));
            let seen = quiet(age(state.now, used.at));
            page.state("in use", mark, &format!("{percent}%  {of}, seen {seen} ago"));
            page.fact("", &bar(page.look, percent, 20));
        }
        (_, None, Some(percent)) => {
            page.state("requested", Mark::Absent, &format!("{percent}% of {}", memory(node.capacity)));
        }
        (Some(used), None, None) => page.fact("in use", &memory(used.bytes)),
        (_, _, _) => page.state("in use", Mark::Unknown, "no figure"),
    }
    if let Some(why) = instead(&state.model, state.now) {
        page.fact("figures", &why);
    }
    let spark = spark(state, page.look, node, 30);
    if !spark.is_empty() {
        page.fact("last hour", &spark);
    }
    match view.full_in {
        Some(left) => {
            page.state("forecast", Mark::Warn, &format!("{FULL}% in {} if it goes on like this", about(left)));
        }
        None if view.used.is_some() && view.way.is_none() => page.fact("forecast", "takes 5 min of figures"),
        None => {}
    }
}

fn pods(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let node = subject.name.as_str();
    let biggest = biggest(&state.model, node, state.now);
    if !biggest.is_empty() {
        page.blank();
        page.heading("Biggest pods");
        for pod in biggest.iter().take(PODS) {
            page.hang(Role::Dim, &format!("{:>9}  ", memory(pod.bytes)), Role::Plain, &pod.object.path());
        }
        if biggest.len() > PODS {
            page.say(Role::Dim, &format!("{} more", biggest.len() - PODS));
        }
    } else if fresh_usage(&state.model, state.now).is_some_and(|usage| usage.source == Source::Metrics)
        && state.model.containers.is_none()
    {
        page.fact("pods", "which pods run here is not seen");
    }
    let (killed, evicted) = (killed(&state.model, node, state.now), evicted_from(&state.model, node));
    for (pod, at) in killed.iter().take(PODS) {
        page.state("OOM kill", Mark::Bad, &format!("{} at {}", pod.path(), fmt::when(state.now, *at)));
    }
    for pod in evicted.iter().take(PODS) {
        page.state("evicted", Mark::Bad, &pod.path());
    }
}

fn vault(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let here = vault_pods(&state.model, &subject.name);
    if here.is_empty() {
        return;
    }
    page.blank();
    page.heading("Vault");
    page.fact("its pods", &here.join(", "));
    match evicted(&state.model, &here, state.now) {
        Some(says) => page.fact("eviction", &says),
        None => page.state("eviction", Mark::Unknown, "nobody can say what it would cost"),
    }
}

fn longhorn(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(longhorn) = fresh_usage(&state.model, state.now).and_then(|usage| usage.longhorn.as_ref()) else { return };
    let blast = blast(&state.model, longhorn, &subject.name);
    let managers: Vec<_> = longhorn.managers.iter().filter(|manager| manager.node == subject.name).collect();
    if managers.is_empty() && blast.volumes == 0 {
        return;
    }
    page.blank();
    page.heading("Longhorn");
    for manager in managers {
        let used = manager.bytes.map_or_else(|| "no figure".to_owned(), memory);
        page.fact("manager", &format!("{}, {used}", manager.object.name));
    }
    page.fact("attached", &count(blast.volumes, "volume"));
    if !blast.pods.is_empty() {
        page.fact("used by", &blast.pods.join(", "));
    }
    for claim in &blast.vault {
        page.state("the vault's", Mark::Warn, &format!("{} is attached here: it goes with the manager", claim.path()));
    }
}
