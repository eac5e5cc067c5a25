//! What the rules about nodes share: whether nodes and figures are in sight, and what is unknown where they are not.

use jiff::Timestamp;

use super::super::Finding;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::nodes::NodeSeen;
use crate::app::model::observed::FeedState;
use crate::app::model::table::Table;
use crate::app::nodes::{HIGH, fresh_usage, full_in, vault_pods};
use crate::app::verdict::sight;

/// Every node, or what to say where they are not all in sight: nothing where there is nothing to see. `bad` are nodes that
/// may be on fire as last seen: what is known of each of them is that nobody knows.
pub(super) fn nodes<'a>(
    model: &'a Model,
    feeds: &[FeedId],
    now: Timestamp,
    bad: impl Fn(&NodeSeen) -> bool,
) -> Result<Vec<&'a NodeSeen>, Vec<(ObjectRef, Finding)>> {
    let all: Vec<&NodeSeen> = model.nodes.iter().flat_map(Table::iter).collect();
    for feed in feeds {
        let Some(unseen) = sight::missing(model, *feed, now) else { continue };
        if model.feed_state(*feed, now) == FeedState::Absent {
            return Err(Vec::new());
        }
        let says = unseen.says();
        let each =
            all.iter().filter(|node| bad(node)).map(|node| (node.object.clone(), Finding::Unknown(says.clone())));
        return Err(std::iter::once((model.vault_ref(), Finding::Unknown(says.clone()))).chain(each).collect());
    }
    Ok(all)
}

/// Whether the last figure of this node, however old, was worth a word.
pub(super) fn was_high(model: &Model, node: &NodeSeen) -> bool {
    let (warning, _) = model.expect.limits("node-memory", HIGH, crate::app::nodes::FULL);
    let last = model.trends.get(node.object.name.as_str()).and_then(|trend| trend.points.last());
    last.and_then(|(_, bytes)| node.percent(*bytes)).is_some_and(|percent| percent >= warning)
}

/// Whether it was on its way to being full when last seen.
pub(super) fn was_rising(model: &Model, node: &NodeSeen, now: Timestamp) -> bool {
    full_in(model, node, now).is_some()
}

/// A node that has no figure now: unknown where it had one within the hour or carries the vault, and else nothing, for
/// there are nodes that never have one.
pub(super) fn figureless(model: &Model, node: &NodeSeen, now: Timestamp) -> Option<Finding> {
    use crate::app::model::nodes::Source;
    let source = fresh_usage(model, now)?.source;
    let name = node.object.name.as_str();
    let had = model.trends.contains_key(name);
    let carries = source == Source::Metrics && !vault_pods(model, name).is_empty();
    (had || carries).then(|| Finding::Unknown(format!("nothing says how much memory {name} uses")))
}
