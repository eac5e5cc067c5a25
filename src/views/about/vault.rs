//! Everything known about the vault as a whole: how it is run, how it reopens, how its feeds are doing.

use super::Page;
use crate::app::estate;
use crate::app::id::FeedId;
use crate::app::raft::{self, InSight};
use crate::app::state::State;
use crate::app::time::quiet;
use crate::views::sight;
use crate::views::theme::{Mark, Role};

pub(super) fn facts(state: &State, page: &mut Page<'_>) {
    if let Some(cluster) = &state.model.cluster {
        page.fact("cluster", &cluster.name);
        page.fact("context", cluster.context.as_deref().unwrap_or_default());
        page.fact("identity", &cluster.identity.0);
        for note in &cluster.notes {
            page.fact("note", note);
        }
    }
    if let Some(workload) = state.model.workload() {
        page.fact("replicas", &format!("{} expected: {}", workload.replicas, workload.members.join(", ")));
        page.fact("starts", if workload.ordered { "in order, each waits for the one before" } else { "all at once" });
        page.fact("updates", if workload.on_delete { "when somebody deletes a pod (OnDelete)" } else { "by itself" });
        if workload.rollout_pending {
            page.state("rollout", Mark::Warn, "pending: restarts are likely");
        }
        page.fact("TLS", if workload.tls { "yes" } else { "no" });
    }
    let reopens = &state.verdict.reopens;
    page.fact("reopens", &format!("by {} ({}): {}", reopens.by.word(), reopens.grade.word(), reopens.because));
    peers(state, page);
    logins(state, page);
    page.blank();
    page.heading("Feeds");
    for feed in FeedId::ALL {
        match sight::blindness(state, feed) {
            None => page.state(feed.name(), Mark::Ok, "live"),
            Some(blind) => {
                page.state(feed.name(), blind.mark, &blind.word);
                if let Some(trouble) = blind.trouble {
                    let lines = sight::complaint(page.look, trouble, page.room, "  ");
                    page.lines.extend(lines);
                }
            }
        }
    }
    let denied = state.model.rights.iter().flat_map(|rights| rights.value.iter()).filter(|right| !right.allowed);
    for right in denied {
        let place = if right.namespace.is_empty() { String::new() } else { format!(" in {}", right.namespace) };
        let name = right.name.as_ref().map(|name| format!("/{name}")).unwrap_or_default();
        page.hang(Role::Dim, "  may not ", Role::Plain, &format!("{} {}{name}{place}", right.verb, right.resource));
    }
}

/// Every peer that raft counts, dead ones too.
fn peers(state: &State, page: &mut Page<'_>) {
    let InSight::Here(seen) = raft::raft(&state.model, state.now) else { return };
    let Ok(view) = &seen.cluster else { return };
    page.blank();
    page.heading("Raft");
    if let Some(words) = raft::words(&raft::tolerance(view, state.model.replicas.len())) {
        page.fact("tolerance", &words);
    }
    for peer in &view.peers {
        let (mark, word) = match (peer.leader, peer.healthy) {
            (true, _) => (Mark::Ok, "leader"),
            (false, Some(true)) => (Mark::Ok, "healthy"),
            (false, Some(false)) => (Mark::Bad, "unhealthy"),
            (false, None) => (Mark::Unknown, "not told"),
        };
        let votes = if peer.voter { "" } else { ", does not vote" };
        let gone = peer.last_contact.map_or_else(String::new, |gone| format!(", heard {} ago", quiet(gone)));
        let strange = if raft::replica_of(&state.model, peer).is_none() { ", no replica has this name" } else { "" };
        page.state(&peer.id, mark, &format!("{word}{votes}{gone}{strange}, {}", peer.address));
    }
}

/// The logins that operators make, and what of them cannot work.
fn logins(state: &State, page: &mut Page<'_>) {
    let Some(seen) = estate::seen(&state.model) else { return };
    let all: Vec<_> = estate::logins(seen).collect();
    if all.is_empty() {
        return;
    }
    page.blank();
    page.heading("Logins of the operators");
    for (method, role) in all {
        let name = format!("{}/{}", method.path, role.name);
        let policies = if role.policies.is_empty() { "no policy".to_owned() } else { role.policies.join(", ") };
        if role.wrong.is_empty() && role.untold.is_empty() {
            page.state("login", Mark::Ok, &format!("{name}: {policies}"));
        }
        for wrong in &role.wrong {
            page.state("login", Mark::Bad, &format!("{name}: {wrong}"));
        }
        for untold in &role.untold {
            page.state("login", Mark::Unknown, &format!("{name}: {untold}"));
        }
    }
}
