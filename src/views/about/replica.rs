//! Everything known about one replica: what it says of its seal, and its pod.

use super::Page;
use crate::app::model::seal::{SealAnswer, SealSeen};
use crate::app::model::workload::PodSeen;
use crate::app::raft::{self, InSight};
use crate::app::state::State;
use crate::app::time::quiet;
use crate::views::fmt;
use crate::views::panes::vault::{FEEDS, condition};
use crate::views::theme::Mark;

pub(super) fn facts(state: &State, name: &str, page: &mut Page<'_>) {
    let Some(replica) = state.model.replica(name) else { return };
    let is = condition(state, replica);
    match is.stale {
        Some(gone) => page.state("seal", is.mark, &format!("was {}, stale {}", is.word, quiet(gone))),
        None => page.state("seal", is.mark, &is.word),
    }
    if let Some(since) = replica.since {
        page.fact("since", &fmt::when(state.now, since));
    }
    match replica.answer.as_ref().map(|answer| &answer.value) {
        Some(SealAnswer::Said(seen)) => said(seen, page),
        Some(SealAnswer::Silent(trouble)) => {
            page.trouble("silent", trouble);
        }
        None => {}
    }
    raft(state, name, page);
    if let Some(at) = state.model.ours.get(name) {
        page.fact("our unseal", &format!("works on it since {}", fmt::when(state.now, *at)));
    }
    if let Some(seen) = state.model.pod(name) {
        page.blank();
        pod(state, seen, page);
    }
    page.feeds(state, &FEEDS);
}

/// Its place in raft, by its own word and by autopilot's.
fn raft(state: &State, name: &str, page: &mut Page<'_>) {
    let InSight::Here(seen) = raft::raft(&state.model, state.now) else { return };
    if let (Some(lag), Some(log)) = (raft::behind(seen, name), seen.logs.iter().find(|log| log.replica == name)) {
        let words = if lag == 0 { "level with the others".to_owned() } else { format!("{lag} entries behind") };
        page.fact("raft log", &format!("applied {}, {words}", log.applied));
    }
    let peers = seen.cluster.iter().flat_map(|view| view.peers.iter());
    for peer in peers.filter(|peer| raft::replica_of(&state.model, peer) == Some(name)) {
        let votes = if peer.voter { "votes" } else { "does not vote yet" };
        page.fact("raft peer", &format!("{}, {votes}, {}", peer.id, peer.address));
        match peer.healthy {
            Some(true) => page.state("raft health", Mark::Ok, "healthy"),
            Some(false) => {
                let gone =
                    peer.last_contact.map_or_else(String::new, |gone| format!(", last heard {} ago", quiet(gone)));
                page.state("raft health", Mark::Bad, &format!("unhealthy{gone}"));
            }
            None => page.state("raft health", Mark::Unknown, "autopilot does not say"),
        }
    }
}

fn said(seen: &SealSeen, page: &mut Page<'_>) {
    if let Some(role) = seen.role {
        page.fact("does", role.word());
    }
    if let Some(leader) = &seen.leader {
        page.fact("leader", leader);
    }
    let kind = seen.kind.word();
    if seen.threshold > 0 {
        page.fact("seal type", &format!("{kind}, any {} of {} shares", seen.threshold, seen.shares));
    } else {
        page.fact("seal type", kind);
    }
    if seen.sealed && seen.initialized && seen.threshold > 0 {
        page.fact("progress", &format!("{} of {} shares given", seen.progress, seen.threshold));
        page.fact("nonce", &seen.nonce);
    }
    if seen.migration {
        page.state("migration", Mark::Warn, "a seal migration is under way");
    }
    page.fact("version", &seen.version);
    page.fact("storage", seen.storage.as_deref().unwrap_or_default());
    page.fact("cluster id", seen.cluster_id.as_deref().unwrap_or_default());
    if let Some(skew) = seen.skew_seconds.filter(|skew| skew.abs() > 30) {
        page.state("clock", Mark::Warn, &format!("off by {skew} s"));
    }
}

fn pod(state: &State, seen: &PodSeen, page: &mut Page<'_>) {
    page.heading("Pod");
    let phase = if seen.deleting { format!("{}, being deleted", seen.phase) } else { seen.phase.clone() };
    page.fact("phase", &phase);
    page.fact("node", seen.node.as_deref().unwrap_or_default());
    if let Some(created) = seen.created {
        page.fact("created", &fmt::when(state.now, created));
    }
    for container in &seen.containers {
        let (mark, word) = match (&container.reason, container.running, container.ready) {
            (_, true, true) => (Mark::Ok, "running".to_owned()),
            (_, true, false) => (Mark::Warn, "running, not ready".to_owned()),
            (Some(reason), false, _) => (Mark::Bad, reason.clone()),
            (None, false, _) => (Mark::Bad, "not running".to_owned()),
        };
        let mut words = word;
        if let Some(started) = container.started {
            words = format!("{words} since {}", fmt::when(state.now, started));
        }
        if container.restarts > 0 {
            words = format!("{words}, {}× restarted", container.restarts);
        }
        page.state(&fmt::middle(&container.name, super::LABEL - 1), mark, &words);
    }
}
