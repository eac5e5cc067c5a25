//! Everything known about one Secret beside the vault's own: its keys by name, when its data changed, who writes it, who
//! reads it.

use std::collections::BTreeSet;

use super::Page;
use crate::app::id::ObjectRef;
use crate::app::model::consumers::{ConsumerSeen, Use};
use crate::app::model::table::Table;
use crate::app::state::State;
use crate::app::workloads::{FEEDS, Standing, View, evidence};
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
        None => {
            let mark = if needed(state, subject) { Mark::Bad } else { Mark::Absent };
            page.state("Secret", mark, "it does not exist");
        }
    }
    if let Some(writer) = view.writer(subject) {
        page.fact("written by", &writer.object.to_string());
    }
    let uses = |consumer: &&ConsumerSeen| consumer.uses.iter().any(|used| used.secret == *subject);
    let readers: Vec<&ConsumerSeen> = state.model.consumers.iter().flat_map(Table::iter).filter(uses).collect();
    if !readers.is_empty() {
        page.blank();
        page.heading("Read by");
    }
    for consumer in readers.iter().take(READERS) {
        reader(state, &view.standing(consumer), subject, page);
    }
    match readers.len().saturating_sub(READERS) {
        0 => {}
        more => page.say(Role::Dim, &format!("and {more} others")),
    }
    page.feeds(state, &FEEDS);
}

/// A workload that reads it, and how it stands with it.
fn reader(state: &State, standing: &Standing<'_>, subject: &ObjectRef, page: &mut Page<'_>) {
    let uses = || standing.consumer.uses.iter().filter(|used| used.secret == *subject);
    let ways: BTreeSet<&str> = uses().map(|used| used.way.word()).collect();
    let is = |used: &&&Use| used.secret == *subject;
    let at_start = uses().any(|used| used.way.stays());
    let blind = state.model.secrets.is_none() || at_start && state.model.containers.is_none();
    let stale = standing.stale.iter().find(|stale| stale.used.secret == *subject);
    let (mark, how) = match stale {
        Some(stale) => (Mark::Warn, format!(", {} of {} pods are older", stale.pods.len(), standing.pods.len())),
        None if standing.missing.iter().any(|used| is(&used)) => (Mark::Bad, ": no new pod of it starts".to_owned()),
        None if blind => (Mark::Unknown, ": whether it has what is in it now is not seen".to_owned()),
        None if standing.undated.iter().any(|used| is(&used)) => {
            (Mark::Unknown, ": whether it has what is in it now cannot be told".to_owned())
        }
        None if View::of(&state.model, state.now).secret(subject).is_none() => {
            (Mark::Absent, ", and does without it".to_owned())
        }
        None => (Mark::Ok, String::new()),
    };
    let ways = ways.into_iter().collect::<Vec<_>>().join(", ");
    page.state("", mark, &format!("{} by {ways}{how}", standing.consumer.object));
}

/// Something cannot start without it.
fn needed(state: &State, subject: &ObjectRef) -> bool {
    let mut all = state.model.consumers.iter().flat_map(Table::iter).flat_map(|consumer| &consumer.uses);
    all.any(|used| used.secret == *subject && !used.optional)
}
