//! A replica is behind the leader, or raft has not heard of it: it could not take over, and its reads are old.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Rule, Severity};
use super::replica_ref;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::raft::{PeerSeen, RaftSeen};
use crate::app::raft::{InSight, behind, raft, replica_of};
use crate::app::time::quiet;

/// Entries behind: autopilot's own limit for a healthy server, and ten times that.
const WARNING: u64 = 1_000;
const CRITICAL: u64 = 10_000;

/// The rule.
pub struct RaftLag;

impl Rule for RaftLag {
    fn id(&self) -> RuleId {
        RuleId("raft-lag")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    /// A replica that joins catches up within seconds.
    fn hold(&self) -> SignedDuration {
        SignedDuration::from_secs(30)
    }

    fn fires_when(&self) -> &'static str {
        "a replica is 1000 entries of raft's log behind, or autopilot calls it unhealthy"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/raft-lag.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let seen = match raft(model, now) {
            InSight::Absent => return Vec::new(),
            InSight::Unseen(why) => return vec![(model.vault_ref(), Finding::Unknown(why))],
            InSight::Here(seen) => seen,
        };
        let peers = seen.cluster.as_ref().map(|view| view.peers.as_slice()).unwrap_or_default();
        let own = model.replicas.iter().map(|replica| {
            let peer = peers.iter().find(|peer| replica_of(model, peer) == Some(replica.name.as_str()));
            (replica_ref(model, &replica.name), judge(model, seen, &replica.name, peer))
        });
        let strange = peers.iter().filter(|peer| replica_of(model, peer).is_none()).map(|peer| {
            let finding = unhealthy(&peer.id, peer).map_or(Finding::Clear, Finding::Firing);
            (ObjectRef::new("Peer", "", &peer.id), finding)
        });
        own.chain(strange).collect()
    }
}

fn judge(model: &Model, seen: &RaftSeen, replica: &str, peer: Option<&PeerSeen>) -> Finding {
    let (warning, critical) = model.expect.limits("raft-lag", WARNING, CRITICAL);
    if let Some(lag) = behind(seen, replica).filter(|lag| *lag >= warning) {
        return Finding::Firing(Firing {
            severity: if lag >= critical { Severity::Critical } else { Severity::Warning },
            sentence: format!("{replica} is {lag} entries of raft's log behind"),
            why: "it has not applied what the others have; its disk or its network is slow".to_owned(),
            next: "Look at its node's disk and network, and at its log; do not restart the leader now".to_owned(),
            action: None,
            evidence_since: None,
        });
    }
    if let Some(firing) = peer.and_then(|peer| unhealthy(replica, peer)) {
        return Finding::Firing(firing);
    }
    // Sealed and silent replicas have no log to look at; that they are is another rule's matter.
    Finding::Clear
}

fn unhealthy(name: &str, peer: &PeerSeen) -> Option<Firing> {
    if peer.healthy != Some(false) {
        return None;
    }
    let why = match (peer.last_contact, peer.behind) {
        (Some(gone), Some(behind)) => format!("last heard {} ago, {behind} entries behind", quiet(gone)),
        (Some(gone), None) => format!("last heard {} ago", quiet(gone)),
        (None, _) => "autopilot says so".to_owned(),
    };
    Some(Firing {
        severity: Severity::Warning,
        sentence: format!("Raft calls {name} unhealthy"),
        why,
        next: "Bring it back; if it is gone for good, take it out: bao operator raft remove-peer ".to_owned()
            + &peer.id,
        action: None,
        evidence_since: None,
    })
}
