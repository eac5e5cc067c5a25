//! Whether a report says anything new, or confirms only what is known: that is worth no frame and no judgement of its own.

use jiff::Timestamp;

use super::super::Model;
use super::super::fact::{Fact, Report};
use super::super::observed::{FeedState, Observed};
use super::super::table::Delta;

/// Whether anything but the time of the last look would change by it. Asked before it is folded in.
pub fn news(model: &Model, report: &Report, now: Timestamp) -> bool {
    let trouble = model.feeds.get(&report.feed).and_then(|health| health.trouble.as_ref());
    match &report.outcome {
        Err(now) => trouble.is_none_or(|before| before.value != *now),
        Ok(facts) => {
            let live = model.feed_state(report.feed, now) == FeedState::Live;
            !live || trouble.is_some() || facts.iter().any(|fact| is_new(model, fact))
        }
    }
}

fn is_new(model: &Model, fact: &Fact) -> bool {
    match fact {
        Fact::Connected(_) | Fact::Recalled { .. } => true,
        Fact::Workload(seen) => other(model.workload.as_ref(), seen),
        Fact::Pods(seen) => other(model.pods.as_ref(), seen),
        Fact::Seal { replica, answer } => {
            let known = model.replica(replica).and_then(|known| known.answer.as_ref());
            known.is_none_or(|known| known.value != *answer)
        }
        Fact::Unsealers(seen) => other(model.unsealers.as_ref(), seen),
        Fact::Keys(seen) => other(model.keys.as_ref(), seen),
        Fact::Rights(seen) => other(model.rights.as_ref(), seen),
        Fact::Keystore(seen) => other(model.keystore.as_ref(), seen),
        Fact::Copies(seen) => other(model.copies.as_ref(), seen),
        Fact::Custody(seen) => other(model.custody.as_ref(), seen),
        Fact::Register(seen) => other(model.register.as_ref(), seen),
        Fact::Operators(seen) => other(model.operators.as_ref(), seen),
        Fact::Paths(seen) => other(model.paths.as_ref(), seen),
        Fact::Usage(seen) => other(model.usage.as_ref(), seen),
        Fact::Tokens(seen) => other(model.tokens.as_ref(), seen),
        Fact::Engines(seen) => other(model.engines.as_ref(), seen),
        Fact::Raft(seen) => other(model.raft.as_ref(), seen),
        Fact::Estate(seen) => other(model.estate.as_ref(), seen),
        Fact::Withheld { feed, parts } => model.withheld.get(feed).map_or(&[][..], Vec::as_slice) != parts.as_slice(),
        Fact::Sync(delta) => told(delta),
        Fact::Secrets(delta) => told(delta),
        Fact::Consumers(delta) => told(delta),
        Fact::Containers(delta) => told(delta),
        Fact::Nodes(delta) => told(delta),
    }
}

fn other<T: PartialEq>(known: Option<&Observed<T>>, seen: &T) -> bool {
    known.is_none_or(|known| known.value != *seen)
}

const fn told<T>(delta: &Delta<T>) -> bool {
    !matches!(delta, Delta::Same)
}
