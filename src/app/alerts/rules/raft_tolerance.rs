//! Raft can lose no further replica: the next failure, whatever its reason, takes the quorum and with it every write.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::raft::{ClusterView, PeerSeen};
use crate::app::raft::{InSight, Tolerance, kept, part, raft, replica_of, tolerance};
use crate::app::text::count;
use crate::app::time::quiet;

/// The rule.
pub struct RaftTolerance;

impl Rule for RaftTolerance {
    fn id(&self) -> RuleId {
        RuleId("raft-tolerance")
    }

    fn severity(&self) -> Severity {
        Severity::Critical
    }

    /// A replica that restarts is back, and trusted again, within half a minute.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn fires_when(&self) -> &'static str {
        "raft of several replicas can lose none; critical while one of them is unhealthy already"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/raft-tolerance.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let finding = match raft(model, now) {
            InSight::Absent => return Vec::new(),
            InSight::Unseen(why) => Finding::Unknown(why),
            InSight::Here(seen) => match part(&seen.cluster) {
                InSight::Absent => return Vec::new(),
                InSight::Unseen(why) => Finding::Unknown(why),
                InSight::Here(view) => judge(model, view),
            },
        };
        vec![(model.vault_ref(), finding)]
    }
}

fn judge(model: &Model, view: &ClusterView) -> Finding {
    match tolerance(view, model.replicas.len()) {
        Tolerance::Single | Tolerance::Loses(_) => Finding::Clear,
        Tolerance::Untold => Finding::Unknown("raft's autopilot says nothing: no replica leads".to_owned()),
        Tolerance::Nothing { voters, sick } => Finding::Firing(fires(model, view, voters, &sick)),
    }
}

fn fires(model: &Model, view: &ClusterView, voters: usize, sick: &[&PeerSeen]) -> Firing {
    let dead = kept(model, view);
    let name = |peer: &PeerSeen| replica_of(model, peer).unwrap_or(&peer.id).to_owned();
    let silent = |peer: &PeerSeen| {
        let since = peer.last_contact.map_or_else(String::new, |gone| format!(", last heard {} ago", quiet(gone)));
        format!("{} is not healthy{since}", name(peer))
    };
    let why = match (sick.first(), voters) {
        (Some(first), _) if sick.len() == 1 => silent(first),
        (Some(_), _) => format!("not healthy: {}", sick.iter().map(|peer| name(peer)).collect::<Vec<_>>().join(", ")),
        (None, 2) => "a majority of two is two".to_owned(),
        (None, _) => format!("{} of {} expected vote", voters, count(model.replicas.len(), "replica")),
    };
    let next = match dead.first() {
        Some(peer) => format!(
            "No replica has the name {0}: if it is gone for good, take it out: bao operator raft remove-peer {0}",
            peer.id
        ),
        None if sick.is_empty() => "Run three or five replicas".to_owned(),
        None => "Bring it back before anything else restarts; look at its pod and its log".to_owned(),
    };
    Firing {
        severity: if sick.is_empty() { Severity::Warning } else { Severity::Critical },
        sentence: "Raft can lose no further replica: the next one takes the quorum".to_owned(),
        why,
        next,
        action: None,
        evidence_since: None,
    }
}
