//! Nodes, and what they and their pods use of their memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::table::Named;
use crate::app::id::ObjectRef;

/// One node. Source: `v1 Node`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSeen {
    /// Which.
    pub object: ObjectRef,
    /// `status.capacity.memory`, bytes.
    pub capacity: u64,
    /// Condition Ready is True; `None` where it says nothing.
    pub ready: Option<bool>,
    /// Pressure conditions that are True: `MemoryPressure`, `DiskPressure`, `PIDPressure`, since when.
    pub pressures: Vec<(String, Option<Timestamp>)>,
    /// Since when Ready is not True.
    pub unready_since: Option<Timestamp>,
    /// `spec.unschedulable`.
    pub cordoned: bool,
    /// Memory that its pods requested, bytes, where pods could be listed.
    pub requested: Option<u64>,
}

impl Named for NodeSeen {
    fn object(&self) -> &ObjectRef {
        &self.object
    }
}

/// Where figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// `metrics.k8s.io`.
    Metrics,
    /// The kubelet's `stats/summary` through the node proxy.
    Kubelet,
    /// What pods requested: no use at all, and said so.
    Requests,
}

/// What is used now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSeen {
    /// Where the figures come from.
    pub source: Source,
    /// Working set of each node, bytes.
    pub nodes: BTreeMap<String, u64>,
    /// Working set of the biggest pods and of the vault's, bytes: node, pod, figure.
    pub pods: Vec<(String, ObjectRef, u64)>,
}

/// One node's memory over time: at most an hour, one figure a look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trend(pub Vec<(Timestamp, u64)>);
