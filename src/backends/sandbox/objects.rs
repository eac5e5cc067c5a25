//! The Kubernetes objects of the sandbox, as the OpenBao chart and its controllers write them.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod as KubePod};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::cluster::{Cluster, Container, Phase, Pod, key_fields};
use super::scenario::{MountSort, SealSort, UnsealerSort};
use super::secret::stamp;
use super::vault::Vault;

const IMAGE: &str = "quay.io/openbao/openbao";

/// An object from JSON of our own making; that every one can be read is tested.
fn object<T: DeserializeOwned + Default>(value: Value) -> T {
    serde_json::from_value(value).unwrap_or_default()
}

fn labels(cluster: &Cluster) -> Value {
    json!({"app.kubernetes.io/name": "openbao", "app.kubernetes.io/instance": cluster.settings.name, "component": "server"})
}

/// Whether a selector of equalities (`a=b,c=d`, `a==b`, `a`) takes these labels.
pub(super) fn selects(selector: &str, labels: &std::collections::BTreeMap<String, String>) -> bool {
    selector.split(',').map(str::trim).filter(|part| !part.is_empty()).all(|part| match part.split_once('=') {
        Some((key, value)) => labels.get(key.trim()).is_some_and(|is| is == value.trim_start_matches('=').trim()),
        None => labels.contains_key(part),
    })
}

fn meta(cluster: &Cluster, name: &str, version: u64) -> Value {
    json!({"name": name, "namespace": cluster.settings.namespace, "resourceVersion": version.to_string(),
        "uid": super::seed::Seed::of(&format!("{}/{name}", cluster.settings.namespace)).uuid(),
        "creationTimestamp": stamp(cluster.installed), "generation": cluster.generation,
        "labels": {"app.kubernetes.io/name": "openbao", "app.kubernetes.io/instance": cluster.settings.name,
            "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "openbao-0.29.2"}})
}

fn keys_volume(cluster: &Cluster) -> Value {
    let settings = &cluster.settings;
    let mut source = json!({"secretName": settings.secret, "defaultMode": 420});
    match settings.mount {
        MountSort::Plain => {}
        MountSort::Optional => put(&mut source, "optional", json!(true)),
        MountSort::Items => {
            let items: Vec<Value> = key_fields(settings).into_iter().map(|f| json!({"key": f, "path": f})).collect();
            put(&mut source, "items", json!(items));
        }
    }
    json!({"name": "unseal-keys", "secret": source})
}

fn unsealer_container(target: &str) -> Value {
    json!({"name": "unsealer", "image": format!("{IMAGE}:2.7.2"),
        "command": ["/bin/sh", "-ec", "while true; do bao status >/dev/null || bao operator unseal \"$(cat /keys/key)\"; sleep 5; done"],
        "env": [{"name": "BAO_ADDR", "value": target}],
        "volumeMounts": [{"name": "unseal-keys", "mountPath": "/keys", "readOnly": true}]})
}

/// `spec` of a pod of the vault.
fn pod_spec(cluster: &Cluster) -> Value {
    let settings = &cluster.settings;
    let mut mounts = vec![
        json!({"name": "data", "mountPath": "/openbao/data"}),
        json!({"name": "config", "mountPath": "/openbao/config"}),
    ];
    let mut volumes = vec![json!({"name": "config", "configMap": {"name": format!("{}-config", settings.name)}})];
    if settings.seal == SealSort::Static {
        let name = format!("userconfig-{}", settings.secret);
        mounts.push(
            json!({"name": name, "mountPath": format!("/openbao/userconfig/{}", settings.secret), "readOnly": true}),
        );
        let mut volume = keys_volume(cluster);
        put(&mut volume, "name", json!(name));
        volumes.push(volume);
    }
    let mut containers = vec![json!({"name": "openbao", "image": format!("{IMAGE}:{}", settings.version),
        "command": ["/bin/sh", "-ec"],
        "args": ["/usr/local/bin/docker-entrypoint.sh bao server -config=/openbao/config/extraconfig-from-values.hcl\n"],
        "env": [{"name": "BAO_ADDR", "value": "http://127.0.0.1:8200"},
            {"name": "HOSTNAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"name": "http", "containerPort": 8200}, {"name": "https-internal", "containerPort": 8201}],
        "readinessProbe": {"exec": {"command": ["/bin/sh", "-ec", "bao status -tls-skip-verify"]}, "periodSeconds": 5},
        "volumeMounts": mounts})];
    if settings.unsealer == UnsealerSort::Sidecar {
        containers.push(unsealer_container("http://127.0.0.1:8200"));
        volumes.push(keys_volume(cluster));
    }
    json!({"serviceAccountName": settings.name, "terminationGracePeriodSeconds": 10, "containers": containers, "volumes": volumes})
}

/// The vault's StatefulSet.
pub(super) fn stateful_set(cluster: &Cluster, vault: &Vault) -> StatefulSet {
    let settings = &cluster.settings;
    let ready = cluster.pods.iter().filter(|pod| ready(pod, vault)).count();
    object(json!({"metadata": meta(cluster, &settings.name, cluster.version),
        "spec": {"serviceName": format!("{}-internal", settings.name), "replicas": settings.replicas,
            "podManagementPolicy": if settings.ordered { "OrderedReady" } else { "Parallel" },
            "updateStrategy": {"type": "OnDelete"}, "selector": {"matchLabels": labels(cluster)},
            "template": {"metadata": {"labels": labels(cluster)}, "spec": pod_spec(cluster)},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "10Gi"}}}}]},
        "status": {"observedGeneration": cluster.generation, "replicas": cluster.pods.len(), "readyReplicas": ready,
            "availableReplicas": ready, "currentReplicas": cluster.pods.len(), "updatedReplicas": cluster.pods.len(),
            "currentRevision": format!("{}-7c9f6d5b8", settings.name), "updateRevision": format!("{}-7c9f6d5b8", settings.name)}}))
}

/// The unsealer's Deployment, if there is one.
pub(super) fn deployment(cluster: &Cluster) -> Option<Deployment> {
    let settings = &cluster.settings;
    if settings.unsealer != UnsealerSort::Deployment {
        return None;
    }
    let name = format!("{}-unsealer", settings.name);
    let labels = json!({"app.kubernetes.io/name": "unsealer", "app.kubernetes.io/instance": settings.name});
    let mut metadata = meta(cluster, &name, cluster.version);
    put(&mut metadata, "labels", labels.clone());
    let running = cluster.helper.as_ref().is_some_and(|pod| pod.phase == Phase::Running && pod.main.started.is_some());
    let mut status = json!({"observedGeneration": cluster.generation});
    if running {
        for key in ["replicas", "readyReplicas", "availableReplicas", "updatedReplicas"] {
            put(&mut status, key, json!(1));
        }
    }
    let target = format!("http://{}-internal:8200", settings.name);
    Some(object(json!({"metadata": metadata,
        "spec": {"replicas": cluster.scale, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"serviceAccountName": settings.name,
                "containers": [unsealer_container(&target)], "volumes": [keys_volume(cluster)]}}},
        "status": status})))
}

/// The server's configuration.
pub(super) fn config_map(cluster: &Cluster) -> ConfigMap {
    let settings = &cluster.settings;
    let mut hcl = "ui = true\n\nlistener \"tcp\" {\n  address = \"[::]:8200\"\n  cluster_address = \"[::]:8201\"\n  tls_disable = 1\n}\n\nstorage \"raft\" {\n  path = \"/openbao/data\"\n}\n\n".to_owned();
    if settings.seal == SealSort::Static {
        let file = format!("file:///openbao/userconfig/{}/key", settings.secret);
        hcl += "seal \"static\" {\n  current_key_id = \"1\"\n  current_key = \"";
        hcl += &file;
        hcl += "\"\n}\n\n";
    }
    hcl += "service_registration \"kubernetes\" {}\n";
    object(json!({"metadata": meta(cluster, &format!("{}-config", settings.name), 1_001),
        "data": {"extraconfig-from-values.hcl": hcl}}))
}

fn ready(pod: &Pod, vault: &Vault) -> bool {
    let open = vault.position(&pod.name).and_then(|at| vault.server(at)).is_none_or(super::server::Server::open);
    pod.phase == Phase::Running && pod.main.started.is_some() && open
}

/// One pod, with the status that its kubelet would report.
pub(super) fn pod(cluster: &Cluster, pod: &Pod, vault: &Vault) -> KubePod {
    let main_ready = ready(pod, vault);
    let sidecar_ready = pod.sidecar.as_ref().is_none_or(|sidecar| sidecar.started.is_some());
    let server = vault.position(&pod.name).and_then(|at| vault.server(at));
    let helper = server.is_none();
    let mut all = labels(cluster);
    let mut spec = pod_spec(cluster);
    if helper {
        all = json!({"app.kubernetes.io/name": "unsealer", "app.kubernetes.io/instance": cluster.settings.name,
            "pod-template-hash": "6d5b8f7c9"});
        spec = json!({"containers": [unsealer_container("")], "volumes": [keys_volume(cluster)]});
    } else {
        put(&mut all, "controller-revision-hash", json!(format!("{}-7c9f6d5b8", cluster.settings.name)));
        put(&mut all, "statefulset.kubernetes.io/pod-name", json!(pod.name));
    }
    if let Some(server) = server.filter(|server| server.running) {
        let leads = vault.leader.is_some() && vault.leader == vault.position(&pod.name);
        for (key, value) in [
            ("active", leads),
            ("sealed", server.sealed),
            ("initialized", server.initialized()),
            ("perf-standby", false),
        ] {
            put(&mut all, &format!("openbao-{key}"), json!(value.to_string()));
        }
        put(&mut all, "openbao-version", json!(server.version));
    }
    put(&mut spec, "nodeName", json!(pod.node));
    let name = if helper { "unsealer" } else { "openbao" };
    let mut statuses = vec![container(name, &pod.main, main_ready, pod)];
    if let Some(sidecar) = &pod.sidecar {
        statuses.push(container("unsealer", sidecar, sidecar.started.is_some(), pod));
    }
    let mut metadata = json!({"name": pod.name, "namespace": cluster.settings.namespace, "uid": pod.uid, "labels": all,
        "resourceVersion": pod.version.to_string(), "creationTimestamp": stamp(pod.created)});
    let (kind, owner) = if helper {
        ("ReplicaSet", format!("{}-unsealer-6d5b8f7c9", cluster.settings.name))
    } else {
        ("StatefulSet", cluster.settings.name.clone())
    };
    put(
        &mut metadata,
        "ownerReferences",
        json!([{"apiVersion": "apps/v1", "kind": kind, "name": owner, "controller": true}]),
    );
    if let Phase::Ending { until } = pod.phase {
        put(&mut metadata, "deletionTimestamp", json!(stamp(until)));
        put(&mut metadata, "deletionGracePeriodSeconds", json!(10));
    }
    let creating = matches!(pod.phase, Phase::Creating { .. });
    let whole = main_ready && sidecar_ready;
    let is = |yes: bool| if yes { "True" } else { "False" };
    let since = stamp(pod.main.started.unwrap_or(pod.created));
    let mut status = json!({"phase": if creating { "Pending" } else { "Running" },
        "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(pod.created)},
            {"type": "Initialized", "status": "True", "lastTransitionTime": stamp(pod.created)},
            {"type": "ContainersReady", "status": is(whole), "lastTransitionTime": since},
            {"type": "Ready", "status": is(whole), "lastTransitionTime": since}],
        "startTime": stamp(pod.created), "containerStatuses": statuses});
    if !creating {
        put(&mut status, "podIP", json!(pod.address));
    }
    object(json!({"metadata": metadata, "spec": spec, "status": status}))
}

/// One entry of `containerStatuses`.
fn container(name: &str, container: &Container, ready: bool, pod: &Pod) -> Value {
    let state = match (&pod.phase, container.started) {
        (Phase::Creating { hangs, .. }, _) => {
            json!({"waiting": {"reason": "ContainerCreating", "message": hangs.as_deref().unwrap_or_default()}})
        }
        (Phase::Running | Phase::Ending { .. }, Some(started)) => json!({"running": {"startedAt": stamp(started)}}),
        (Phase::Running, None) => json!({"waiting": {"reason": "CrashLoopBackOff"}}),
        (Phase::Ending { until }, None) => {
            json!({"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": stamp(*until)}})
        }
    };
    json!({"name": name, "ready": ready, "started": container.started.is_some(), "restartCount": container.restarts,
        "image": IMAGE, "imageID": "", "state": state})
}

/// Metadata of a Secret that is not the keys Secret: only its name matters.
pub(super) fn other_secret(
    cluster: &Cluster,
    name: &str,
) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
    object(meta(cluster, name, 1_002))
}

fn put(target: &mut Value, key: &str, value: Value) {
    if let Some(map) = target.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}
