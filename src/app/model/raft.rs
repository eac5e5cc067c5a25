//! The raft cluster as the servers see it.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// What raft says. Source: `sys/storage/raft/configuration` and `…/autopilot/state`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RaftSeen {
    /// `failure_tolerance`; `None` where autopilot says nothing (no leader).
    pub tolerance: Option<u32>,
    /// `healthy`.
    pub healthy: Option<bool>,
    /// The peers that the configuration lists, dead ones included.
    pub peers: Vec<PeerSeen>,
    /// `dead_server_last_contact_threshold` and whether dead servers are cleaned up.
    pub cleanup_dead: Option<bool>,
}

/// One peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSeen {
    /// `node_id`.
    pub id: String,
    /// `address`.
    pub address: String,
    /// It leads.
    pub leader: bool,
    /// It votes.
    pub voter: bool,
    /// What autopilot says of it.
    pub healthy: Option<bool>,
    /// `last_contact`.
    pub last_contact: Option<SignedDuration>,
    /// Entries it is behind the leader.
    pub behind: Option<u64>,
    /// The version it runs.
    pub version: String,
}
