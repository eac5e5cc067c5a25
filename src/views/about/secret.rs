//! Everything known about one Secret beside the vault's own: its keys by name, when its data changed, who writes it, who
//! reads it.

use super::Page;
use crate::app::id::ObjectRef;
use crate::app::state::State;
use crate::app::workloads::{FEEDS, View, evidence};
use crate::views::fmt;
use crate::views::theme::{Mark, Role};

/// Readers that are named.
const READERS: usize = 12;

pub(super) fn facts(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let view = View::of(&state.model, state.now);
    match view.secret(subject) {
        Some(seen) => {
            page.state("Secret", Mark::Ok, if seen.deleting { "being deleted" } else { "is there" });
            page.fact("keys", &seen.keys.iter().map(smol_str::SmolStr::as_str).collect::<Vec<_>>().join(", "));
            if let Some(created) = seen.created {
                page.fact("created", &fmt::when(state.now, created));
            }
            match view.changed(subject) {
                Some(changed) => page.fact("its data", &evidence(&changed, Some(seen), state.now)),
                None => page.state("its data", Mark::Unknown, "nobody can tell when it changed"),
            }
        }
        None if state.model.secrets.is_none() => page.state("Secret", Mark::Unknown, "it cannot be seen"),
        None => page.state("Secret", Mark::Bad, "it does not exist"),
    }
    if let Some(writer) = view.writer(subject) {
        page.fact("written by", &writer.object.to_string());
    }
    let all = view.all();
    let readers = || all.iter().filter(|one| one.consumer.uses.iter().any(|used| used.secret == *subject));
    if readers().next().is_some() {
        page.blank();
        page.heading("Read by");
    }
    for standing in readers().take(READERS) {
        let stale = standing.stale.iter().find(|stale| stale.used.secret == *subject);
        let uses = standing.consumer.uses.iter().filter(|used| used.secret == *subject);
        let ways: std::collections::BTreeSet<&str> = uses.map(|used| used.way.word()).collect();
        let ways = ways.into_iter().collect::<Vec<_>>().join(", ");
        let (mark, older) = match stale {
            Some(stale) => (Mark::Warn, format!(", {} of {} pods are older", stale.pods.len(), standing.pods.len())),
            None => (Mark::Ok, String::new()),
        };
        page.state("", mark, &format!("{} by {ways}{older}", standing.consumer.object));
    }
    match readers().count().saturating_sub(READERS) {
        0 => {}
        more => page.say(Role::Dim, &format!("and {more} others")),
    }
    page.feeds(state, &FEEDS);
}
