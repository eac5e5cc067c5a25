//! Everything known about the vault as a whole: how it is run, how it reopens, how its feeds are doing.

use super::Page;
use crate::app::id::FeedId;
use crate::app::state::State;
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
