//! What `sys/storage/raft/*` answers, read tolerantly: a field that is missing says nothing, it is never zero.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;

use crate::app::model::raft::{ClusterView, PeerSeen};
use crate::app::text::clean;

/// A duration as Go writes it: `3.9s`, `24h0m0s`, `450ms`. Anything else is `None`.
pub fn go_duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text.trim();
    let mut seconds = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let scale = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            "" if number == "0" => 0.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = next;
    }
    SignedDuration::try_from_secs_f64(seconds).ok()
}

/// The view of `configuration`'s, `state`'s and autopilot's `configuration`'s `data`, as far as each was answered.
pub fn cluster(configuration: &Value, state: Option<&Value>, autopilot: Option<&Value>) -> ClusterView {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(clean).unwrap_or_default();
    let known = state.map(servers).unwrap_or_default();
    let furthest = known.values().filter_map(|server| server.get("last_index").and_then(Value::as_u64)).max();
    let listed = configuration.pointer("/config/servers").and_then(Value::as_array);
    let peers = listed.into_iter().flatten().map(|server| {
        let id = text(server, "node_id");
        let of = known.get(id.as_str());
        let leader = server.get("leader").and_then(Value::as_bool).unwrap_or(false);
        let contact = of.and_then(|of| of.get("last_contact")).and_then(Value::as_str).and_then(go_duration);
        let index = of.and_then(|of| of.get("last_index")).and_then(Value::as_u64);
        PeerSeen {
            address: text(server, "address"),
            leader,
            voter: server.get("voter").and_then(Value::as_bool).unwrap_or(true),
            healthy: of.and_then(|of| of.get("healthy")).and_then(Value::as_bool),
            last_contact: contact.filter(|_| !leader),
            behind: furthest.zip(index).map(|(furthest, index)| furthest.saturating_sub(index)),
            version: of.map(|of| text(of, "version")).unwrap_or_default(),
            id,
        }
    });
    let tolerance = state.and_then(|state| state.get("failure_tolerance")).and_then(Value::as_u64);
    let after = autopilot.and_then(|it| it.get("dead_server_last_contact_threshold")).and_then(Value::as_str);
    ClusterView {
        tolerance: tolerance.and_then(|n| u32::try_from(n).ok()),
        healthy: state.and_then(|state| state.get("healthy")).and_then(Value::as_bool),
        peers: peers.collect(),
        cleanup_dead: autopilot.and_then(|it| it.get("cleanup_dead_servers")).and_then(Value::as_bool),
        dead_after: after.and_then(go_duration),
    }
}

/// Autopilot's servers by their id.
fn servers(state: &Value) -> BTreeMap<&str, &Value> {
    let all = state.get("servers").and_then(Value::as_object);
    all.into_iter().flatten().map(|(id, server)| (id.as_str(), server)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_of_go() {
        let seconds = |text| go_duration(text).map(|d| d.as_secs_f64());
        assert_eq!(seconds("3.9s"), Some(3.9));
        assert_eq!(seconds("24h0m0s"), Some(86_400.0));
        assert_eq!(seconds("1m2.5s"), Some(62.5));
        assert_eq!(seconds("450ms"), Some(0.45));
        assert_eq!(seconds("0"), Some(0.0));
        for text in ["", "soon", "3", "s", "-1s", "1d", "1.2.3s"] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_dead_peer_is_unhealthy_whatever_its_status_says() {
        let server = |id: &str, leader: bool| json!({"node_id": id, "address": format!("{id}:8201"), "leader": leader, "voter": true});
        let configuration =
            json!({"config": {"index": 0, "servers": [server("a", true), server("b", false), server("c", false)]}});
        let state = json!({"failure_tolerance": 0, "healthy": false, "leader": "a", "servers": {
            "a": {"last_contact": "0s", "last_index": 90, "healthy": true, "node_status": "alive", "version": "2.7.2"},
            "b": {"last_contact": "1.5s", "last_index": 88, "healthy": true, "node_status": "alive", "version": "2.7.2"},
            "c": {"last_contact": "45s", "last_index": 60, "healthy": false, "node_status": "alive", "version": "2.7.2"},
        }});
        let autopilot = json!({"cleanup_dead_servers": false, "dead_server_last_contact_threshold": "24h0m0s"});
        let view = cluster(&configuration, Some(&state), Some(&autopilot));
        assert_eq!((view.tolerance, view.healthy, view.cleanup_dead), (Some(0), Some(false), Some(false)));
        let last = view.peers.last().unwrap();
        assert_eq!((last.healthy, last.behind), (Some(false), Some(30)));
        assert_eq!(last.last_contact, Some(SignedDuration::from_secs(45)));
        assert_eq!(view.peers[0].last_contact, None);
    }

    #[test]
    fn without_autopilot_nothing_is_zero() {
        let view = cluster(&json!({"config": {"servers": [{"node_id": "a", "address": "\u{1b}a"}]}}), None, None);
        assert_eq!((view.tolerance, view.healthy), (None, None));
        assert_eq!((view.peers[0].healthy, view.peers[0].behind, view.peers[0].address.as_str()), (None, None, "a"));
        assert_eq!(cluster(&json!([]), Some(&json!("x")), Some(&Value::Null)), ClusterView::default());
    }
}
