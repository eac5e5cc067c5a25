//! A node's memory goes on rising and is full within the hour.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::node_sight::{figureless, nodes, was_rising};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::nodes::NodeSeen;
use crate::app::nodes::{FULL, about, biggest, fresh_usage, full_in, memory, vault_pods};

/// The rule.
pub struct MemoryForecast;

impl Rule for MemoryForecast {
    fn id(&self) -> RuleId {
        RuleId("memory-forecast")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(60)
    }

    fn clear(&self) -> SignedDuration {
        SignedDuration::from_mins(2)
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Nodes, FeedId::Usage, FeedId::Containers]
    }

    fn fires_when(&self) -> &'static str {
        "a node's memory reaches 95 % within the hour if it goes on like this"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/memory-forecast.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        match nodes(model, &[FeedId::Nodes, FeedId::Usage], now, |node| was_rising(model, node, now)) {
            Err(unseen) => unseen,
            Ok(all) => {
                let judged = all.into_iter().filter_map(|node| Some((node.object.clone(), judge(model, node, now)?)));
                judged.collect()
            }
        }
    }
}

fn judge(model: &Model, node: &NodeSeen, now: Timestamp) -> Option<Finding> {
    let name = node.object.name.as_str();
    let figure = fresh_usage(model, now).and_then(|usage| usage.figure(name, now));
    let Some(percent) = figure.and_then(|figure| node.percent(figure.bytes)) else {
        // Of a node that never had a figure, and of one whose line led nowhere, nothing is lost.
        return figureless(model, node, now).filter(|_| was_rising(model, node, now));
    };
    // In minutes; there is nothing critical about what may still not come.
    let (minutes, _) = model.expect.limits("memory-forecast", 60, u64::MAX);
    let ahead = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(i64::MAX).min(100_000));
    let Some(left) = full_in(model, node, now).filter(|left| percent < FULL && *left <= ahead) else {
        return Some(Finding::Clear);
    };
    let slope = model.trends.get(name).and_then(|trend| trend.line).map_or(0.0, |line| line.slope);
    let hourly = memory((slope * 3_600.0).max(0.0) as u64);
    let big = biggest(model, name, now).first().map(|pod| format!("; the biggest pod is {}", pod.object.path()));
    let vault = vault_pods(model, name);
    let sits = if vault.is_empty() { String::new() } else { format!("; {} sits there", vault.join(" and ")) };
    Some(Finding::Firing(Firing {
        severity: Severity::Warning,
        sentence: match about(left).as_str() {
            "now" => format!("{name} is at {percent}% and reaches {FULL}% any moment"),
            left => format!("{name} is at {percent}% and reaches {FULL}% in {left}"),
        },
        why: format!("it grew by {hourly} an hour over the last minutes{}{sits}", big.unwrap_or_default()),
        next: format!(
            "Find what grows on {name} and stop it while there is room: kubectl top pods -A --sort-by=memory"
        ),
        action: None,
        evidence_since: None,
    }))
}
