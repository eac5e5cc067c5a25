//! What the engines' answers mean: mounts, static roles, connections, leases, issuers. No password is in any of them.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::certificate::not_after;
use crate::app::model::engines::{ConnectionSeen, PkiSeen, Place, StaticRoleSeen};
use crate::app::text::clean;

/// Characters kept of an error that a lease carries.
const LONGEST: usize = 256;

/// An engine, as far as it rotates something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rotates {
    /// Static and dynamic credentials of databases.
    Database,
    /// Certificates.
    Pki,
    /// Leases of another kind.
    Leases,
}

/// The mounts of a namespace that rotate something, from `sys/mounts` or `sys/internal/ui/mounts`.
pub fn mounts(namespace: &str, data: &Value) -> Vec<(Place, Rotates)> {
    let Some(all) = data.get("secret").filter(|secret| secret.get("type").is_none()).unwrap_or(data).as_object() else {
        return Vec::new();
    };
    let rotating = all.iter().filter_map(|(path, mount)| {
        let rotates = match mount.get("type").and_then(Value::as_str)? {
            "database" => Rotates::Database,
            "pki" => Rotates::Pki,
            "aws" | "azure" | "gcp" | "rabbitmq" | "consul" | "nomad" | "ldap" | "openldap" | "ad" | "kubernetes"
            | "terraform" | "mongodbatlas" | "alicloud" => Rotates::Leases,
            _ => return None,
        };
        Some((Place { namespace: namespace.to_owned(), mount: path.trim_matches('/').to_owned() }, rotates))
    });
    rotating.collect()
}

/// The names of a LIST, without those of folders.
pub fn keys(data: &Value) -> Vec<String> {
    let keys = data.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    keys.filter(|key| !key.ends_with('/')).map(str::to_owned).collect()
}

/// The folders of a LIST, without their slashes.
pub fn folders(data: &Value) -> Vec<String> {
    let keys = data.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    keys.filter_map(|key| key.strip_suffix('/')).map(str::to_owned).collect()
}

/// The namespaces of a LIST.
pub fn namespaces(data: &Value) -> Vec<String> {
    let keys = data.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    keys.map(|key| key.trim_matches('/').to_owned()).collect()
}

/// `GET MOUNT/static-roles/ROLE`.
pub fn static_role(place: &Place, role: &str, data: &Value, at: Timestamp) -> StaticRoleSeen {
    let text = |field: &str| clean(data.get(field).and_then(Value::as_str).unwrap_or_default());
    StaticRoleSeen {
        place: place.clone(),
        role: clean(role),
        username: text("username"),
        connection: text("db_name"),
        rotated: moment(data.get("last_vault_rotation")),
        period: seconds(data.get("rotation_period")),
        schedule: Some(text("rotation_schedule")).filter(|schedule| !schedule.is_empty()),
        at,
    }
}

/// `GET MOUNT/config/NAME`. Of the connection's details nothing is kept.
pub fn connection(place: &Place, name: &str, data: &Value) -> ConnectionSeen {
    ConnectionSeen {
        place: place.clone(),
        name: clean(name),
        plugin: clean(data.get("plugin_name").and_then(Value::as_str).unwrap_or_default()),
        root_rotated: moment(data.get("last_root_rotation").or_else(|| data.get("last_vault_rotation"))),
    }
}

/// `GET MOUNT/issuer/default/json`.
pub fn issuer(place: &Place, data: &Value) -> PkiSeen {
    let name = data.get("issuer_name").and_then(Value::as_str).filter(|name| !name.is_empty()).unwrap_or("default");
    PkiSeen {
        place: place.clone(),
        issuer: clean(name),
        expires: data.get("certificate").and_then(Value::as_str).and_then(not_after),
        issued: None,
    }
}

/// `expire_time` of a lease.
pub fn expiry(data: &Value) -> Option<Timestamp> {
    moment(data.get("expire_time"))
}

/// `lease_count` of `sys/leases/count`.
pub fn count(data: &Value) -> Option<u64> {
    data.get("lease_count").and_then(Value::as_u64)
}

/// `GET sys/leases?type=irrevocable`: prefixes and errors, the first few.
pub fn irrevocable(data: &Value, most: usize) -> Vec<(String, String)> {
    let leases = data.get("leases").and_then(Value::as_array).into_iter().flatten();
    let told = leases.take(most).map(|lease| {
        let text = |field: &str| lease.get(field).and_then(Value::as_str).unwrap_or_default();
        let prefix = text("lease_id").rsplit_once('/').map_or("", |(prefix, _)| prefix);
        (clean(prefix), clean(text("error")).chars().take(LONGEST).collect())
    });
    told.collect()
}

/// A time as the API writes it; Go's zero time is none.
fn moment(value: Option<&Value>) -> Option<Timestamp> {
    let at: Timestamp = value?.as_str()?.parse().ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

/// A duration as the API writes it: a number of seconds, or `"3600s"`.
fn seconds(value: Option<&Value>) -> Option<SignedDuration> {
    let value = value?;
    let seconds = value.as_i64().or_else(|| value.as_str()?.trim_end_matches('s').parse().ok())?;
    (seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mounts_are_found_in_both_answers() {
        let all = json!({"database/": {"type": "database"}, "kv/": {"type": "kv"}, "pki/int/": {"type": "pki"}});
        let seen = json!({"auth": {"token/": {"type": "token"}}, "secret": all});
        let place = |mount: &str| Place { namespace: String::new(), mount: mount.to_owned() };
        let expected = [(place("database"), Rotates::Database), (place("pki/int"), Rotates::Pki)];
        assert_eq!(mounts("", &all), expected);
        assert_eq!(mounts("", &seen), expected);
        // A mount may be called secret.
        let named = json!({"secret/": {"type": "kv"}, "secret": {"type": "database"}});
        assert_eq!(mounts("", &named).len(), 1);
        assert_eq!(mounts("", &Value::Null), []);
    }

    #[test]
    fn a_static_role_with_a_period_or_a_schedule() {
        let (place, at) = (Place { namespace: "a".into(), mount: "db".into() }, Timestamp::UNIX_EPOCH);
        // As OpenBao 2.7.2 answers.
        let role = json!({
            "credential_type": "password", "db_name": "pg", "last_vault_rotation": "2026-11-22T16:47:55.801059597Z",
            "rotation_period": 10, "rotation_statements": [], "username": "fleet"
        });
        let seen = static_role(&place, "fleet", &role, at);
        assert_eq!((seen.period, seen.username.as_str()), (Some(SignedDuration::from_secs(10)), "fleet"));
        assert_eq!(seen.rotated.map(Timestamp::as_second), Some(1_795_366_075));
        let role = json!({"rotation_schedule": "0 2 * * SAT", "last_vault_rotation": "0001-01-01T00:00:00Z"});
        let seen = static_role(&place, "fleet", &role, at);
        assert_eq!((seen.period, seen.rotated, seen.schedule.as_deref()), (None, None, Some("0 2 * * SAT")));
    }

    #[test]
    fn errors_of_leases_are_cut_and_made_safe() {
        let long = "x".repeat(2_000);
        let data = json!({"leases": [{"lease_id": "database/creds/app/abc", "error": format!("no\u{1b}[31m {long}")}]});
        let told = irrevocable(&data, 5);
        assert_eq!(told[0].0, "database/creds/app");
        // As OpenBao 2.7.2 answers ten minutes after its database is gone.
        let error = "out of retries: failed to revoke entry: resp: (*logical.Response)(nil) err: failed to connect";
        let lease = json!({"lease_id": "database/creds/app/ZiOal51m", "mount_id": "database_23c1ec10", "error": error});
        let data = json!({"lease_count": 1, "leases": [lease]});
        assert_eq!(super::irrevocable(&data, 5), [("database/creds/app".to_owned(), error.to_owned())]);
        let data = json!({"leases": [{"lease_id": "a/b", "error": format!("no\u{1b}[31m {long}")}]});
        let told = irrevocable(&data, 5);
        assert!(told[0].1.len() <= LONGEST && !told[0].1.contains('\u{1b}'), "{told:?}");
    }
}
