//! The raft cluster as the servers see it.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::app::trouble::Trouble;

/// What raft says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaftSeen {
    /// How far each replica that is open has come; asked of each, without a token. Source: `sys/leader`.
    pub logs: Vec<LogSeen>,
    /// What the cluster says of its members; a trouble where no token was given or it may not ask.
    pub cluster: Result<ClusterView, Trouble>,
}

/// One replica's own log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSeen {
    /// The replica's name.
    pub replica: String,
    /// `is_self`: it leads.
    pub leads: bool,
    /// `raft_committed_index`.
    pub committed: u64,
    /// `raft_applied_index`.
    pub applied: u64,
}

/// The members. Source: `sys/storage/raft/configuration`, `…/autopilot/state`, `…/autopilot/configuration`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClusterView {
    /// `failure_tolerance`; `None` where autopilot says nothing: no leader, or switched off.
    pub tolerance: Option<u32>,
    /// `healthy`.
    pub healthy: Option<bool>,
    /// The peers that the configuration lists, dead ones included.
    pub peers: Vec<PeerSeen>,
    /// `cleanup_dead_servers`: whether dead peers leave the configuration by themselves.
    pub cleanup_dead: Option<bool>,
    /// `dead_server_last_contact_threshold`: after which silence they would.
    pub dead_after: Option<SignedDuration>,
}

/// One peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerSeen {
    /// `node_id`.
    pub id: String,
    /// `address` of its cluster port.
    pub address: String,
    /// It leads.
    pub leader: bool,
    /// It votes.
    pub voter: bool,
    /// What autopilot says of it; `None` where it does not know it.
    pub healthy: Option<bool>,
    /// `last_contact` with the leader; `None` for the leader itself.
    pub last_contact: Option<SignedDuration>,
    /// Entries it is behind the leader.
    pub behind: Option<u64>,
    /// The version it runs; empty where autopilot does not know it.
    pub version: String,
}
