//! What the simulated servers answer to whoever asks about raft, audit devices, mounts and namespaces: as OpenBao 2.7.2
//! does for a vault with one audit device and no namespaces. A scenario may write other answers over these.

use serde_json::{Map, Value, json};

use super::http::{open, put, refuse, reply};
use super::vault::Vault;
use crate::backends::bao::transport::{Method, Request, Response};

/// `None` for what is asked of another place, or without a token.
pub(super) fn answer(vault: &Vault, at: usize, request: &Request) -> Option<Response> {
    if !open(vault, at) || request.access.token.is_none() || request.access.namespace.is_some() {
        return None;
    }
    let path = request.path.strip_prefix("/v1/sys/")?;
    let data = match (path, request.method) {
        ("storage/raft/configuration", Method::Get) => configuration(vault),
        ("storage/raft/autopilot/state", Method::Get) => {
            let Some(state) = autopilot(vault) else {
                return Some(refuse(500, "local node not active but active cluster node not found"));
            };
            state
        }
        ("storage/raft/autopilot/configuration", Method::Get) => json!({
            "cleanup_dead_servers": false, "dead_server_last_contact_threshold": "24h0m0s",
            "last_contact_threshold": "10s", "max_trailing_logs": 1000, "min_quorum": 0,
        }),
        ("audit", Method::Get) => json!({"to-file/": {
            "type": "file", "path": "to-file/", "description": "", "local": false,
            "options": {"file_path": "stdout"},
        }}),
        ("mounts", Method::Get) => json!({
            "cubbyhole/": {"type": "cubbyhole"}, "identity/": {"type": "identity"}, "sys/": {"type": "system"},
            "secret/": {"type": "kv", "options": {"version": "2"}},
        }),
        ("auth", Method::Get) => json!({"token/": {"type": "token"}}),
        ("namespaces", Method::List) => return Some(reply(404, &json!({"errors": []}))),
        (_, Method::Get | Method::Put | Method::Delete | Method::List) => return None,
    };
    Some(reply(200, &json!({"request_id": "", "data": data})))
}

/// Members that have the data: those that joined.
fn members(vault: &Vault) -> impl Iterator<Item = (usize, &super::server::Server)> {
    vault.servers.iter().enumerate().filter(|(_, server)| server.stored)
}

fn configuration(vault: &Vault) -> Value {
    let servers = members(vault).map(|(at, server)| {
        json!({
            "node_id": server.name, "address": format!("{}:8201", server.name), "leader": vault.leader == Some(at),
            "protocol_version": "3", "voter": true,
        })
    });
    json!({"config": {"index": 0, "servers": servers.collect::<Vec<_>>()}, "index": 0})
}

/// Answered by the leader alone.
fn autopilot(vault: &Vault) -> Option<Value> {
    let leader = vault.leader.and_then(|at| vault.server(at))?;
    let all = members(vault).count();
    let healthy = members(vault).filter(|(_, server)| server.running && server.open()).count();
    let mut servers = Map::new();
    for (at, server) in members(vault) {
        let well = server.running && server.open();
        let mut said = json!({
            "id": server.name, "name": server.name, "address": format!("{}:8201", server.name),
            "node_status": "alive", "healthy": well, "last_index": vault.index, "last_term": 3,
            "status": if vault.leader == Some(at) { "leader" } else { "voter" }, "version": server.version,
        });
        put(&mut said, "last_contact", json!(if well { "0s" } else { "15s" }));
        servers.insert(server.name.clone(), said);
    }
    Some(json!({
        "failure_tolerance": healthy.saturating_sub(all / 2 + 1), "healthy": healthy == all,
        "leader": leader.name, "voters": members(vault).map(|(_, server)| &server.name).collect::<Vec<_>>(),
        "servers": servers,
    }))
}
