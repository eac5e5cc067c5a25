//! What `sys/audit`, `sys/mounts`, `sys/auth`, `sys/namespaces`, their seal status and the roles of auth methods answer.

use serde_json::Value;

use crate::app::model::estate::{AuthSeen, MountSeen, NamespaceSeen};
use crate::app::text::clean;

/// A path without the slash at its end.
fn bare(path: &str) -> String {
    clean(path.trim_matches('/'))
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).map(clean).unwrap_or_default()
}

/// Entries of a listing by path: those that are objects with a type. The same listing also carries the envelope's fields
/// at its top on some versions.
fn entries(data: &Value) -> impl Iterator<Item = (&String, &Value)> {
    data.as_object().into_iter().flatten().filter(|(path, entry)| path.ends_with('/') && entry.get("type").is_some())
}

/// Audit devices: path and type.
pub fn audit(data: &Value) -> Vec<(String, String)> {
    entries(data).map(|(path, entry)| (bare(path), text(entry, "type"))).collect()
}

/// Secrets engines.
pub fn mounts(data: &Value) -> Vec<MountSeen> {
    let version = |entry: &Value| match entry.pointer("/options/version")? {
        Value::String(text) => text.parse().ok(),
        Value::Number(n) => n.as_u64().and_then(|n| u8::try_from(n).ok()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let read = |(path, entry): (&String, &Value)| MountSeen {
        path: bare(path),
        kind: text(entry, "type"),
        version: version(entry),
    };
    entries(data).map(read).collect()
}

/// Auth methods, of which nothing more is known yet.
pub fn auth(data: &Value) -> Vec<AuthSeen> {
    let read = |(path, entry): (&String, &Value)| AuthSeen {
        path: bare(path),
        kind: text(entry, "type"),
        configured: None,
        roles: Vec::new(),
    };
    entries(data).map(read).collect()
}

/// Names in a `LIST`, without the slash that folders end in.
pub fn names(data: &Value) -> Vec<String> {
    let all = data.get("keys").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(Value::as_str).map(bare).filter(|name| !name.is_empty()).collect()
}

/// One namespace's own seal; `None` where the answer is none.
pub fn seal(path: &str, data: &Value) -> Option<NamespaceSeen> {
    let sealed = data.get("sealed").and_then(Value::as_bool)?;
    let number = |key: &str| data.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    Some(NamespaceSeen {
        path: path.to_owned(),
        sealed: Some(sealed),
        unread: None,
        progress: number("progress").zip(number("t")).filter(|_| sealed),
        shares: number("t").zip(number("n")).filter(|(threshold, _)| *threshold > 0),
    })
}

/// Policies that a login with this role gets: `token_policies`, on older methods `policies`; the built-in `default` goes
/// with them unless the role says otherwise.
pub fn policies(role: &Value) -> Vec<String> {
    let list = |key: &str| {
        let all = role.get(key).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(clean).collect::<Vec<_>>()
    };
    let mut all = list("token_policies");
    if all.is_empty() {
        all = list("policies");
    }
    let bare = role.get("token_no_default_policy").and_then(Value::as_bool).unwrap_or(false);
    if !bare && !all.iter().any(|name| name == "default") {
        all.push("default".to_owned());
    }
    all
}

/// Whether a role of Kubernetes or JWT auth lets this ServiceAccount in; `None` where it does not say in names.
pub fn lets_in(role: &Value, namespace: &str, account: &str) -> Option<bool> {
    let list = |key: &str| role.get(key).and_then(Value::as_array).filter(|all| !all.is_empty());
    let holds = |all: &Vec<Value>, name: &str| all.iter().filter_map(Value::as_str).any(|one| matches(one, name));
    let subject = role.get("bound_subject").and_then(Value::as_str).unwrap_or_default();
    if let Some(bound) = subject.strip_prefix("system:serviceaccount:") {
        return Some(bound.split_once(':') == Some((namespace, account)));
    }
    let names = list("bound_service_account_names")?;
    // A selector of namespaces' labels cannot be judged from here.
    let selector = role.get("bound_service_account_namespace_selector").and_then(Value::as_str).unwrap_or_default();
    match list("bound_service_account_namespaces") {
        Some(namespaces) if holds(namespaces, namespace) => Some(holds(names, account)),
        _ if !holds(names, account) => Some(false),
        _ if !selector.is_empty() => None,
        Some(_) => Some(false),
        None => None,
    }
}

/// As the plugin matches (`strutil.StrListContainsGlob`): an asterisk at the beginning, at the end, or both.
fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        _ if pattern == "*" => true,
        (Some(rest), Some(_)) => name.contains(rest.trim_end_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn listings_are_read_and_their_envelope_is_not() {
        let data = json!({"to-file/": {"type": "file", "path": "to-file/"}, "request_id": "x", "type": "x"});
        assert_eq!(audit(&data), [("to-file".to_owned(), "file".to_owned())]);
        assert!(audit(&json!({})).is_empty());
        let data =
            json!({"kv/": {"type": "kv", "options": {"version": "2"}}, "pg/": {"type": "database", "options": null}});
        let seen: Vec<_> = mounts(&data).into_iter().map(|mount| (mount.path, mount.version)).collect();
        assert_eq!(seen, [("kv".to_owned(), Some(2)), ("pg".to_owned(), None)]);
        assert_eq!(names(&json!({"keys": ["a/", "b/", 3]})), ["a", "b"]);
    }

    #[test]
    fn a_namespace_says_how_its_own_seal_stands() {
        let sealed = json!({"initialized": true, "sealed": true, "t": 2, "n": 3, "progress": 1, "type": "shamir"});
        let seen = seal("a", &sealed).unwrap();
        assert_eq!((seen.sealed, seen.progress, seen.shares), (Some(true), Some((1, 2)), Some((2, 3))));
        assert_eq!(seal("a", &json!({"t": 1})), None);
    }

    #[test]
    fn a_role_lets_in_whom_it_names() {
        let role = json!({"bound_service_account_names": ["web"], "bound_service_account_namespaces": ["shop", "test"],
            "token_policies": ["shop"]});
        assert_eq!(lets_in(&role, "shop", "web"), Some(true));
        assert_eq!(lets_in(&role, "shop", "db"), Some(false));
        assert_eq!(lets_in(&role, "other", "web"), Some(false));
        assert_eq!(lets_in(&json!({"bound_audiences": ["x"]}), "shop", "web"), None);
        let globs =
            json!({"bound_service_account_names": ["*-reader"], "bound_service_account_namespaces": ["team-*"]});
        let rows = [("team-a", "web-reader", true), ("team-a", "web", false), ("other", "web-reader", false)];
        for (namespace, name, wanted) in rows {
            assert_eq!(lets_in(&globs, namespace, name), Some(wanted), "{namespace}/{name}");
        }
        assert!(matches("*ea*", "team") && !matches("*ea*", "tam") && matches("*", "") && !matches("", "a"));
        let jwt = json!({"bound_subject": "system:serviceaccount:shop:web"});
        assert_eq!((lets_in(&jwt, "shop", "web"), lets_in(&jwt, "shop", "job")), (Some(true), Some(false)));
        assert_eq!(policies(&role), ["shop", "default"]);
        assert_eq!(policies(&json!({"policies": ["a"], "token_no_default_policy": true})), ["a"]);
    }
}
