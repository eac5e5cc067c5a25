//! What the vault rotates: static roles, leases, certificates. Never a password.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::app::trouble::Trouble;

/// What the engines feed saw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EnginesSeen {
    /// Database static roles.
    pub static_roles: Vec<StaticRoleSeen>,
    /// Static roles that were listed and not read yet: the budget of a look did not reach them.
    #[serde(default)]
    pub unread: u64,
    /// Root credentials of database connections.
    pub connections: Vec<ConnectionSeen>,
    /// Dynamic leases by prefix.
    pub leases: Vec<LeasesSeen>,
    /// Leases that cannot be revoked; `None` where nobody may count them.
    pub irrevocable: Option<u64>,
    /// Their errors, where they may be listed: lease prefix and error, made safe to draw; the first few.
    pub irrevocable_errors: Vec<(String, String)>,
    /// Certificate authorities and what they issued.
    pub pki: Vec<PkiSeen>,
    /// What could not be looked at.
    pub blind: Vec<Blind>,
    /// Questions asked in the last look, and how many it may ask.
    #[serde(default)]
    pub asked: (u32, u32),
    /// What a look leaves out, in words: there is more of it than is asked about.
    #[serde(default)]
    pub left_out: Option<String>,
}

/// Where an engine is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Place {
    /// Of OpenBao or Vault Enterprise; empty for the root.
    #[serde(default)]
    pub namespace: String,
    /// The mount, without slashes at its ends.
    pub mount: String,
}

impl Place {
    /// `database`, with the namespace in front where there is one.
    pub fn words(&self) -> String {
        self.under("")
    }

    /// Something in it: `database/fleet`.
    pub fn under(&self, name: &str) -> String {
        let parts = [self.namespace.as_str(), self.mount.as_str(), name];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }
}

/// What of the engines could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    /// What sort of thing.
    pub part: Part,
    /// Where.
    pub place: Place,
    /// Which of them, where it is only one.
    #[serde(default)]
    pub name: String,
    /// Why.
    pub trouble: Trouble,
}

/// A part of what is watched, as far as it can be denied by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Static roles and when they were rotated.
    StaticRoles,
    /// Connections.
    Connections,
    /// Dynamic roles and their leases.
    Leases,
    /// How many leases cannot be revoked.
    Irrevocable,
    /// The default issuer's certificate.
    Issuer,
}

impl Blind {
    /// `database`, `database/fleet`.
    pub fn words(&self) -> String {
        self.place.under(&self.name)
    }
}

/// One static role. Source: `GET /v1/MOUNT/static-roles/ROLE`, which holds no password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticRoleSeen {
    /// Where.
    pub place: Place,
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
    /// `rotation_schedule`, where Vault has one: cron, in UTC.
    pub schedule: Option<String>,
    /// When it was read. A role that is not due is not read again in every look, so it is judged by this and not by now.
    pub at: Timestamp,
}

/// One connection. Source: `GET /v1/MOUNT/config/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionSeen {
    /// Where.
    pub place: Place,
    /// The connection.
    pub name: String,
    /// `plugin_name`.
    pub plugin: String,
    /// When its root credentials were last rotated, where the server says it: OpenBao does not.
    pub root_rotated: Option<Timestamp>,
}

/// Leases under one prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasesSeen {
    /// `database/creds/app`, with the namespace in front where there is one.
    pub prefix: String,
    /// How many.
    pub count: u64,
    /// The next to expire of those that were looked up.
    pub next_expiry: Option<Timestamp>,
    /// How many were looked up.
    pub sampled: u64,
}

/// One PKI mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PkiSeen {
    /// Where.
    pub place: Place,
    /// Its default issuer's name; `default` where the server gives none.
    pub issuer: String,
    /// When the issuer's certificate ends; `None` where there is no issuer yet.
    pub expires: Option<Timestamp>,
    /// Certificates it holds, where they may be listed.
    pub issued: Option<u64>,
}
