//! What the vault rotates: static roles, leases, certificates. Never a password.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::app::trouble::Trouble;

/// What the engines feed saw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnginesSeen {
    /// Database static roles.
    pub static_roles: Vec<StaticRoleSeen>,
    /// Root credentials of database connections.
    pub connections: Vec<ConnectionSeen>,
    /// Dynamic leases by prefix.
    pub leases: Vec<LeasesSeen>,
    /// Leases that cannot be revoked; `None` where nobody may count them.
    pub irrevocable: Option<u64>,
    /// Their errors, where they may be listed: prefix and error, made safe to draw.
    pub irrevocable_errors: Vec<(String, String)>,
    /// Certificate authorities and what they issued.
    pub pki: Vec<PkiSeen>,
    /// What could not be looked at.
    pub troubles: Vec<Trouble>,
}

/// One static role. Source: `GET /v1/MOUNT/static-roles/ROLE`, which holds no password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticRoleSeen {
    /// The mount.
    pub mount: String,
    /// The role.
    pub role: String,
    /// The database user.
    pub username: String,
    /// The connection.
    pub connection: String,
    /// `last_vault_rotation`.
    pub rotated: Option<Timestamp>,
    /// `rotation_period`.
    pub period: Option<SignedDuration>,
    /// `rotation_schedule`, where Vault has one.
    pub schedule: Option<String>,
}

/// One connection. Source: `GET /v1/MOUNT/config/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionSeen {
    /// The mount.
    pub mount: String,
    /// The connection.
    pub name: String,
    /// `plugin_name`.
    pub plugin: String,
    /// When its root credentials were last rotated, where that is known.
    pub root_rotated: Option<Timestamp>,
}

/// Leases under one prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasesSeen {
    /// `database/creds/app`.
    pub prefix: String,
    /// How many.
    pub count: u64,
    /// The next to expire.
    pub next_expiry: Option<Timestamp>,
}

/// One PKI mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PkiSeen {
    /// The mount.
    pub mount: String,
    /// Its default issuer's name or id.
    pub issuer: String,
    /// When the issuer's certificate ends.
    pub expires: Option<Timestamp>,
    /// Certificates it issued, where they may be listed.
    pub issued: Option<u64>,
}
