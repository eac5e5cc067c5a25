//! Pods as people write them, and what must be concluded from each.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::*;
use crate::app::model::workload::ContainerSeen;

struct World {
    set: StatefulSet,
    deployments: Vec<Deployment>,
    cron_jobs: Vec<CronJob>,
    secrets: Known,
    pods: Vec<PodSeen>,
    config: ServerConfig,
    configured: Option<String>,
}

impl World {
    fn new(extra: Value, volumes: Value, secrets: &[(&str, &[&str])]) -> Self {
        let mut containers = vec![json!({"name": "openbao", "image": "openbao", "args": ["bao server -config=/x"],
            "volumeMounts": [{"name": "seal", "mountPath": "/openbao/seal"}],
            "env": [{"name": "BAO_SEAL", "valueFrom": {"secretKeyRef": {"name": "seal-env", "key": "k"}}}]})];
        containers.extend(extra.as_array().unwrap().clone());
        let set = json!({"metadata": {"name": "openbao", "namespace": "data"}, "spec": {"selector": {}, "template": {"spec": {
            "containers": containers, "volumes": volumes}}}});
        let metas: Vec<ObjectMeta> = secrets
            .iter()
            .map(|(name, fields)| {
                let fields: serde_json::Map<String, Value> =
                    fields.iter().map(|field| (format!("f:{field}"), json!({}))).collect();
                serde_json::from_value(json!({"name": name, "managedFields": [{"fieldsV1": {"f:data": fields}}]}))
                    .unwrap()
            })
            .collect();
        Self {
            set: serde_json::from_value(set).unwrap(),
            deployments: Vec::new(),
            cron_jobs: Vec::new(),
            secrets: Known::of(&metas),
            pods: Vec::new(),
            config: ServerConfig::default(),
            configured: None,
        }
    }

    fn pod(mut self, name: &str, container: Option<(bool, Option<&str>)>) -> Self {
        let containers = container.map(|(running, reason)| ContainerSeen {
            name: "auto-unseal".into(),
            running,
            ready: running,
            started: None,
            restarts: 0,
            reason: reason.map(str::to_owned),
        });
        self.pods.push(PodSeen {
            name: name.into(),
            uid: name.into(),
            phase: "Running".into(),
            node: None,
            deleting: false,
            created: None,
            containers: containers.into_iter().collect(),
        });
        self
    }

    fn seen(&self) -> UnsealersSeen {
        seen(&Around {
            set: &self.set,
            pods: Some(&self.pods),
            deployments: &self.deployments,
            daemon_sets: &[],
            cron_jobs: &self.cron_jobs,
            secrets: &self.secrets,
            config: &self.config,
            configured: self.configured.as_deref(),
        })
    }
}

fn sidecar_world() -> World {
    World::new(
        json!([{"name": "auto-unseal", "image": "alpine", "command": ["sh", "-c", "bao operator unseal $(cat /k/key)"],
                "volumeMounts": [{"name": "k", "mountPath": "/k"}, {"name": "tls", "mountPath": "/tls"}]},
               {"name": "metrics", "image": "exporter", "volumeMounts": [{"name": "tls", "mountPath": "/tls"}]}]),
        json!([{"name": "k", "secret": {"secretName": "openbao-keys", "optional": true}},
               {"name": "tls", "secret": {"secretName": "openbao-tls"}}]),
        &[
            ("openbao-keys", &["key", "root-token"]),
            ("openbao-tls", &["tls.crt", "ca.crt"]),
            ("old-unseal-keys", &["key"]),
        ],
    )
}

#[test]
fn a_sidecar_is_found_with_its_secret_and_how_it_is_mounted() {
    let seen = sidecar_world().pod("openbao-0", Some((true, None))).seen();
    assert_eq!(seen.found.len(), 1);
    let first = &seen.found[0];
    assert!(first.sidecar && first.liveness == Liveness::Running, "{first:?}");
    assert_eq!(
        first.uses.iter().map(|u| (u.secret.as_str(), u.optional)).collect::<Vec<_>>(),
        [("openbao-keys", true)]
    );
    assert_eq!(seen.chosen.as_deref(), Some("openbao-keys"));
    assert_eq!(seen.candidates, ["openbao-keys", "old-unseal-keys"]);
}

#[test]
fn a_sidecar_lives_where_its_container_runs() {
    let partly = sidecar_world().pod("openbao-0", Some((true, None))).pod("openbao-1", None).seen();
    assert_eq!(partly.found[0].liveness, Liveness::Partly { missing: vec!["openbao-1".into()] });
    let dead = sidecar_world().pod("openbao-0", Some((false, Some("CrashLoopBackOff")))).seen();
    assert_eq!(dead.found[0].liveness, Liveness::Dead { why: "CrashLoopBackOff".into() });
}

#[test]
fn an_emptied_secret_is_still_what_the_sidecar_mounts() {
    let mut world = sidecar_world();
    world.secrets = Known::default();
    assert_eq!(world.seen().chosen.as_deref(), Some("openbao-keys"));
}

#[test]
fn a_deployment_beside_the_vault_unseals_and_may_be_scaled_away() {
    let mut world = World::new(json!([]), json!([]), &[("shares", &["unseal-key-0"]), ("db", &["dsn"])]);
    world.deployments = serde_json::from_value(json!([
        {"metadata": {"name": "vault-unsealer"}, "spec": {"replicas": 0, "selector": {}, "template": {"spec": {"containers": [
            {"name": "main", "envFrom": [{"secretRef": {"name": "shares"}}]}]}}}},
        {"metadata": {"name": "web"}, "spec": {"selector": {}, "template": {"spec": {"containers": [
            {"name": "main", "envFrom": [{"secretRef": {"name": "db"}}]}]}}}},
    ]))
    .unwrap();
    let seen = world.seen();
    assert_eq!(seen.found.len(), 1);
    assert_eq!(seen.found[0].liveness, Liveness::Dead { why: "scaled to 0".into() });
    assert_eq!(
        (seen.found[0].object.to_string(), seen.chosen.as_deref()),
        ("Deployment data/vault-unsealer".into(), Some("shares"))
    );
}

#[test]
fn a_job_that_reads_the_secret_through_the_api_is_found_by_the_name_in_its_script() {
    let mut world = World::new(json!([]), json!([]), &[("bao-keys", &["key"])]);
    world.cron_jobs =
        serde_json::from_value(json!([{"metadata": {"name": "job"}, "spec": {"schedule": "* * * * *", "suspend": true,
        "jobTemplate": {"spec": {"template": {"spec": {"containers": [
            {"name": "main", "args": ["kubectl get secret bao-keys -o json | xargs bao operator unseal"]}]}}}}}}]))
        .unwrap();
    let seen = world.seen();
    assert_eq!(seen.found[0].uses[0].how, UseHow::Config);
    assert_eq!(seen.found[0].liveness, Liveness::Dead { why: "suspended".into() });
}

#[test]
fn a_static_seals_key_is_traced_to_its_secret() {
    let mut world = World::new(
        json!([]),
        json!([{"name": "seal", "secret": {"secretName": "bao-seal", "items": [{"key": "k1", "path": "key"}]}}]),
        &[],
    );
    world.config.static_key = Some(StaticSource::File("/openbao/seal/key".into()));
    let from = world.seen().static_key.unwrap().from.unwrap();
    assert_eq!((from.secret.as_str(), from.how, from.fields), ("bao-seal", UseHow::Items, vec!["k1".to_owned()]));
    assert_eq!(world.seen().chosen.as_deref(), Some("bao-seal"));
    world.config.static_key = Some(StaticSource::Env("BAO_SEAL".into()));
    assert_eq!(world.seen().static_key.unwrap().from.unwrap().secret, "seal-env");
}

#[test]
fn several_candidates_are_named_and_not_guessed_between() {
    let mut world = World::new(json!([]), json!([]), &[("a-unseal-keys", &[]), ("openbao-keys", &[])]);
    let seen = world.seen();
    assert!(seen.found.is_empty() && seen.chosen.is_none());
    assert_eq!(seen.candidates, ["openbao-keys", "a-unseal-keys"]);
    world.configured = Some("mine".into());
    assert_eq!(world.seen().chosen.as_deref(), Some("mine"));
    world.configured = None;
    world.secrets = World::new(json!([]), json!([]), &[("openbao-keys", &[])]).secrets;
    assert_eq!(world.seen().chosen.as_deref(), Some("openbao-keys"));
}

#[test]
fn names_with_escape_sequences_are_made_safe() {
    let mut world = sidecar_world();
    let spec = world.set.spec.as_mut().unwrap().template.spec.as_mut().unwrap();
    spec.containers[1].name = "unseal\u{1b}[2J".into();
    let seen = world.seen();
    assert!(!format!("{seen:?}").contains("\\u{1b}"), "{seen:?}");
}
