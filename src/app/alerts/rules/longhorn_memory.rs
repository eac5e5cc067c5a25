//! An instance manager of Longhorn uses much memory: every volume of its node lives in it.

use jiff::Timestamp;

use super::super::{Finding, Firing, Rule, Severity};
use super::node_sight::nodes;
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::nodes::{Longhorn, Manager};
use crate::app::nodes::{blast, fresh_usage, memory};
use crate::app::text::count;

/// The rule.
pub struct LonghornMemory;

impl Rule for LonghornMemory {
    fn id(&self) -> RuleId {
        RuleId("longhorn-memory")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn rests_on(&self) -> &'static [FeedId] {
        &[FeedId::Nodes, FeedId::Usage, FeedId::Containers]
    }

    fn fires_when(&self) -> &'static str {
        "an instance manager of Longhorn uses more than 10 GB of memory"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/longhorn-memory.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        if let Err(unseen) = nodes(model, &[FeedId::Usage], now, |_| false) {
            let why = unseen.iter().find_map(|(_, finding)| match finding {
                Finding::Unknown(why) => Some(why.clone()),
                Finding::Firing(_) | Finding::Clear | Finding::Kept(_) => None,
            });
            let each =
                were_big(model).filter_map(|manager| Some((manager.object.clone(), Finding::Unknown(why.clone()?))));
            return unseen.iter().cloned().chain(each).collect();
        }
        let usage = fresh_usage(model, now);
        let longhorn = usage.and_then(|usage| usage.longhorn.as_ref());
        // What was over the limit is not over by not being seen; the pane says what may not be read.
        let unread = usage.and_then(|usage| usage.unread.first());
        let now_seen = |manager: &&Manager| {
            let managers = longhorn.into_iter().flat_map(|longhorn| &longhorn.managers);
            managers.filter(|one| one.bytes.is_some()).any(|one| one.object == manager.object)
        };
        let kept = unread.into_iter().flat_map(|trouble| {
            let hidden = were_big(model).filter(move |manager| !now_seen(manager));
            hidden.map(|manager| (manager.object.clone(), Finding::Kept(trouble.what.clone())))
        });
        let judged = longhorn.into_iter().flat_map(|longhorn| {
            // One without a figure is told of where figures are missed: at its node.
            let known = longhorn.managers.iter().filter(|manager| manager.bytes.is_some());
            known.map(move |manager| (manager.object.clone(), judge(model, longhorn, manager)))
        });
        judged.chain(kept).collect()
    }
}

/// Managers that were over the limit when all could be read.
fn were_big(model: &Model) -> impl Iterator<Item = &Manager> {
    let known = model.longhorn.iter().flat_map(|longhorn| &longhorn.managers);
    known.filter(|manager| over(model, manager).is_some())
}

/// How much it uses and how bad that is, where it is over the limit. The limits are in GB.
fn over(model: &Model, manager: &Manager) -> Option<(u64, Severity)> {
    let (warning, critical) = model.expect.limits("longhorn-memory", 10, u64::MAX);
    let bytes = manager.bytes?;
    let above = |limit: u64| bytes > limit.saturating_mul(1_000_000_000);
    match (above(critical), above(warning)) {
        (true, _) => Some((bytes, Severity::Critical)),
        (false, true) => Some((bytes, Severity::Warning)),
        (false, false) => None,
    }
}

fn judge(model: &Model, longhorn: &Longhorn, manager: &Manager) -> Finding {
    let Some((bytes, severity)) = over(model, manager) else { return Finding::Clear };
    let blast = blast(model, longhorn, &manager.node);
    let pods = if blast.pods.is_empty() { String::new() } else { format!(" of {}", blast.pods.join(", ")) };
    let vault = match blast.vault.as_slice() {
        [] if model.workload().is_some() => "; none of them is the vault's".to_owned(),
        [] => String::new(),
        claims => {
            let names: Vec<String> = claims.iter().map(|claim| claim.path()).collect();
            format!("; among them the vault's own {}: its pod goes with it", names.join(" and "))
        }
    };
    Finding::Firing(Firing {
        severity,
        sentence: format!("{} on {} uses {}", manager.object.name, manager.node, memory(bytes)),
        why: format!("{}{pods} live in it and break when it ends{vault}", count(blast.volumes, "attached volume")),
        next: format!(
            "Do not delete it: drain {} first, so that its volumes detach, or detach them one by one",
            manager.node
        ),
        action: None,
        evidence_since: None,
    })
}
