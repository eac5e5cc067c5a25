//! The replies of `seal-status`, `health`, `leader` and `unseal`, read tolerantly and folded into one answer.
//!
//! Vault 1.12 to 2.0 and OpenBao 2.3 to 2.7 add, rename and drop fields: every field is optional, unknown ones are
//! ignored, numbers may arrive as text. A decoder's own message is never shown: it quotes the value that it trips over.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::app::model::seal::{Role, SealKind, SealSeen};
use crate::app::text::clean;

/// `/sys/seal-status`, and what `/sys/unseal` answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct SealStatus {
    #[serde(rename = "type", deserialize_with = "text")]
    pub kind: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub initialized: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub sealed: Option<bool>,
    #[serde(deserialize_with = "number")]
    pub t: Option<i64>,
    #[serde(deserialize_with = "number")]
    pub n: Option<i64>,
    #[serde(deserialize_with = "number")]
    pub progress: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub nonce: Option<String>,
    #[serde(deserialize_with = "text")]
    pub version: Option<String>,
    #[serde(deserialize_with = "flag")]
    pub migration: Option<bool>,
    #[serde(deserialize_with = "text")]
    pub storage_type: Option<String>,
    #[serde(deserialize_with = "text")]
    pub cluster_id: Option<String>,
}

/// `/sys/health`. On Vault the same flags come with 472 and 473 (standbys of other kinds).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Health {
    #[serde(deserialize_with = "flag")]
    pub initialized: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub sealed: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub standby: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub performance_standby: Option<bool>,
    #[serde(deserialize_with = "number")]
    pub server_time_utc: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub version: Option<String>,
    #[serde(deserialize_with = "text")]
    pub cluster_id: Option<String>,
}

/// `/sys/leader`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Leader {
    #[serde(deserialize_with = "flag")]
    pub ha_enabled: Option<bool>,
    #[serde(deserialize_with = "flag")]
    pub is_self: Option<bool>,
    #[serde(deserialize_with = "text")]
    pub leader_address: Option<String>,
    #[serde(deserialize_with = "number")]
    pub raft_committed_index: Option<i64>,
    #[serde(deserialize_with = "number")]
    pub raft_applied_index: Option<i64>,
}

/// `GET /sys/init`: only whether it is initialised. What `PUT` answers holds keys and has no place here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct InitStatus {
    #[serde(deserialize_with = "flag")]
    pub initialized: Option<bool>,
}

/// `health` with the status that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSeen {
    pub status: u16,
    pub body: Health,
    /// `server_time_utc` minus our clock at that moment.
    pub skew_seconds: Option<i64>,
}

impl SealStatus {
    /// From a body; `None` when it is not a seal status at all.
    pub fn read(body: &[u8]) -> Option<Self> {
        let status: Self = serde_json::from_slice(body).ok()?;
        status.sealed.is_some().then_some(status)
    }

    /// Not believed from the absence of the field alone: a server that has a threshold was initialised.
    pub fn is_initialized(&self) -> bool {
        self.initialized.unwrap_or(self.threshold() > 0)
    }

    pub fn is_sealed(&self) -> bool {
        self.sealed.unwrap_or(true)
    }

    pub fn threshold(&self) -> u32 {
        natural(self.t)
    }

    pub fn shares_given(&self) -> u32 {
        natural(self.progress)
    }
}

impl Health {
    /// From a body; `None` when it has none of the three flags: a proxy's page, a quota's 429.
    pub fn read(body: &[u8]) -> Option<Self> {
        let health: Self = serde_json::from_slice(body).ok()?;
        (health.sealed.is_some() || health.standby.is_some() || health.initialized.is_some()).then_some(health)
    }
}

impl Leader {
    /// From a body; `None` when it is not a leader reply.
    pub fn read(body: &[u8]) -> Option<Self> {
        let leader: Self = serde_json::from_slice(body).ok()?;
        (leader.ha_enabled.is_some() || leader.is_self.is_some() || leader.leader_address.is_some()).then_some(leader)
    }
}

impl InitStatus {
    /// From a body; `None` when it does not say.
    pub fn read(body: &[u8]) -> Option<Self> {
        let init: Self = serde_json::from_slice(body).ok()?;
        init.initialized.is_some().then_some(init)
    }
}

/// One replica's three answers as one. `health` and `leader` may be missing: a proxy in front may forbid them.
pub fn fold(status: &SealStatus, health: Option<&HealthSeen>, leader: Option<&Leader>) -> SealSeen {
    let initialized = status.is_initialized();
    // Health was asked later: a replica that sealed itself in between is sealed.
    let sealed = status.is_sealed() || health.is_some_and(|health| health.body.sealed == Some(true));
    let open = initialized && !sealed;
    let told = |text: Option<&String>| text.map(|t| clean(t)).filter(|t| !t.is_empty());
    SealSeen {
        initialized,
        sealed,
        kind: SealKind::of(status.kind.as_deref().unwrap_or_default()),
        threshold: status.threshold(),
        shares: natural(status.n),
        progress: status.shares_given(),
        nonce: told(status.nonce.as_ref()).unwrap_or_default(),
        version: told(status.version.as_ref()).or_else(|| told(health?.body.version.as_ref())).unwrap_or_default(),
        storage: told(status.storage_type.as_ref()),
        migration: status.migration.unwrap_or(false),
        role: if open { role(health, leader) } else { None },
        cluster_id: told(status.cluster_id.as_ref()).or_else(|| told(health?.body.cluster_id.as_ref())),
        leader: told(leader.and_then(|leader| leader.leader_address.as_ref())),
        skew_seconds: health.and_then(|health| health.skew_seconds),
    }
}

/// What an open replica does; `None` when neither reply was there to say it.
fn role(health: Option<&HealthSeen>, leader: Option<&Leader>) -> Option<Role> {
    let active = health.and_then(|health| match (health.body.standby, health.status) {
        (Some(standby), _) => Some(!standby && health.body.performance_standby != Some(true)),
        (None, 200) => Some(true),
        // Vault: 472 disaster recovery secondary, 473 performance standby, 474 standby without its active node.
        (None, 429 | 472..=474) => Some(false),
        (None, _) => None,
    });
    let led = leader.map(|leader| leader.leader_address.as_deref().is_some_and(|address| !address.is_empty()));
    match (active, led) {
        (Some(true), _) => Some(Role::Active),
        // Without high availability there is no leader to name.
        (Some(false), Some(false)) if leader.is_some_and(|leader| leader.ha_enabled != Some(false)) => {
            Some(Role::Leaderless)
        }
        (Some(false), _) => Some(Role::Standby),
        (None, None) => None,
        (None, Some(led)) => match leader.and_then(|leader| leader.is_self) {
            Some(true) => Some(Role::Active),
            Some(false) | None if led => Some(Role::Standby),
            Some(false) | None => Some(Role::Leaderless),
        },
    }
}

fn natural(n: Option<i64>) -> u32 {
    n.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

/// A whole number, however it is written; rubbish is as good as missing.
pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(n) => n.as_i64().or_else(|| n.as_f64().map(|n| n as i64)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(flag) => Some(flag),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(n) => Some(n.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(body: &Value) -> SealStatus {
        SealStatus::read(body.to_string().as_bytes()).unwrap()
    }

    fn health(status: u16, body: &Value) -> HealthSeen {
        let body = Health::read(body.to_string().as_bytes()).unwrap();
        HealthSeen { status, body, skew_seconds: Some(0) }
    }

    fn leader(body: &Value) -> Leader {
        Leader::read(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_sealed_openbao_2_7_says_its_progress_and_is_no_standby() {
        let status = status(&json!({"type":"shamir","initialized":true,"sealed":true,"t":2,"n":3,"progress":1,
            "nonce":"8a", "recovery_seal":false,"version":"2.7.2","commit_date":"2026","migration":false,
            "storage_type":"raft"}));
        let health = health(503, &json!({"initialized":true,"sealed":true,"standby":true}));
        let seen = fold(&status, Some(&health), None);
        assert_eq!((seen.threshold, seen.shares, seen.progress, seen.role), (2, 3, 1, None));
        assert_eq!(seen.storage.as_deref(), Some("raft"));
    }

    #[test]
    fn an_old_vault_with_missing_and_odd_fields_still_reads() {
        let status =
            status(&json!({"sealed":"false","t":"3","n":5.0,"progress":null,"extra":{"a":[1]},"version":1.12}));
        let seen = fold(
            &status,
            Some(&health(
                473,
                &json!({"initialized":true,"sealed":false,
            "performance_standby":true,"standby":false}),
            )),
            None,
        );
        assert!(seen.open());
        assert_eq!((seen.threshold, seen.shares, seen.version.as_str()), (3, 5, "1.12"));
        assert_eq!((seen.kind, seen.role, seen.storage), (SealKind::Shamir, Some(Role::Standby), None));
    }

    #[test]
    fn roles_come_from_the_flags_and_the_presence_of_a_leader() {
        let open = status(&json!({"initialized":true,"sealed":false,"t":1,"n":1,"cluster_id":"c"}));
        let active = health(200, &json!({"initialized":true,"sealed":false,"standby":false}));
        let standby = health(429, &json!({"initialized":true,"sealed":false,"standby":true}));
        let led = leader(&json!({"ha_enabled":true,"is_self":false,"leader_address":"https://bao-0:8200"}));
        let unled = leader(&json!({"ha_enabled":true,"is_self":false,"leader_address":""}));
        let role = |h, l| fold(&open, h, l).role;
        assert_eq!(role(Some(&active), Some(&led)), Some(Role::Active));
        assert_eq!(role(Some(&standby), Some(&led)), Some(Role::Standby));
        assert_eq!(role(Some(&standby), Some(&unled)), Some(Role::Leaderless));
        assert_eq!(role(Some(&standby), None), Some(Role::Standby));
        assert_eq!(role(None, Some(&led)), Some(Role::Standby));
        assert_eq!(role(None, None), None);
    }

    #[test]
    fn what_is_not_the_reply_is_none_and_nothing_of_it_is_quoted() {
        for body in ["", "<html>CANARY</html>", "[]", "{}", "{\"errors\":[\"x\"]}", "{\"sealed\":\"CANARY\"}"] {
            assert!(SealStatus::read(body.as_bytes()).is_none(), "{body}");
        }
        assert!(Health::read(b"{\"errors\":[\"quota\"]}").is_none());
        assert!(Leader::read(b"{\"errors\":[]}").is_none());
        assert_eq!(InitStatus::read(b"{\"initialized\":true}").and_then(|init| init.initialized), Some(true));
    }

    #[test]
    fn a_replica_that_sealed_itself_between_two_questions_is_sealed() {
        let open = status(&json!({"initialized":true,"sealed":false}));
        let sealed = health(503, &json!({"initialized":true,"sealed":true,"standby":true}));
        assert!(fold(&open, Some(&sealed), None).sealed);
    }
}
