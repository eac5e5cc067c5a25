//! The way of one application's secrets, walked link by link: vault, sync object, Secret, workload, each with its age.

use super::Page;
use crate::app::flow::{Chain, Grade, application};
use crate::app::id::ObjectRef;
use crate::app::state::State;
use crate::app::text::count;
use crate::app::time::{age, quiet};
use crate::views::panes::flow::{FEEDS, mark};
use crate::views::theme::{Mark, Role};

/// Chains that are walked; the others are counted.
const CHAINS: usize = 20;

pub(super) fn facts(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(found) = application(&state.model, &subject.name, state.now) else {
        page.feeds(state, FEEDS);
        return;
    };
    let broken = found.chains.iter().filter(|chain| chain.grade() == Grade::Broken).count();
    let chains = count(found.chains.len(), "chain");
    match broken {
        0 => page.state("chains", mark(found.grade()), &chains),
        broken => page.state("chains", Mark::Bad, &format!("{broken} of {chains} broken")),
    }
    for chain in found.chains.iter().take(CHAINS) {
        page.blank();
        walk(state, chain, page);
    }
    if found.chains.len() > CHAINS {
        page.blank();
        page.say(Role::Dim, &format!("and {} others", found.chains.len() - CHAINS));
    }
    page.feeds(state, FEEDS);
}

fn walk(state: &State, chain: &Chain, page: &mut Page<'_>) {
    for link in &chain.links {
        let word = if link.word.is_empty() { String::new() } else { format!("  {}", link.word) };
        page.state(link.label, mark(link.grade), &format!("{}{word}", link.name));
        let aged = link.at.map(|at| {
            let gone = quiet(age(state.now, at));
            match link.label {
                "workload" => format!("running for {gone}"),
                "Secret" => format!("{gone} ago"),
                _ => format!("changed {gone} ago"),
            }
        });
        let parts = [Some(link.why.clone()).filter(|why| !why.is_empty()), aged];
        page.fact("", &parts.into_iter().flatten().collect::<Vec<_>>().join("; "));
    }
    let last = chain.links.last().map_or("", |link| link.label);
    if last != "workload" {
        page.state("workload", Mark::Absent, "none uses it");
    }
}
