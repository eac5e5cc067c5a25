//! Nodes over a real metrics-server: memory that moves, pressure, readiness, and what is said when the figures are gone.
//! In a lab of its own: nodes belong to the whole cluster.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::lab::{Lab, Vault, left_out};

/// The rules about nodes alone: what else is wrong with this vault is another test's.
const RULES: [&str; 2] =
    ["--rules", "node-memory,node-pressure,node-not-ready,vault-on-pressured-node,memory-forecast,longhorn-memory"];

fn alert<'a>(document: &'a Value, rule: &str, node: &str) -> Option<&'a Value> {
    document["alerts"].as_array()?.iter().find(|alert| alert["rule"] == rule && alert["subject"]["name"] == node)
}

fn fires(document: &Value, rule: &str, node: &str, severity: &str) -> bool {
    alert(document, rule, node).is_some_and(|alert| alert["state"] == "firing" && alert["severity"] == severity)
}

fn feed<'a>(document: &'a Value, name: &str) -> &'a Value {
    document["feeds"].as_array().and_then(|feeds| feeds.iter().find(|feed| feed["name"] == name)).unwrap()
}

fn usage_feed(document: &Value) -> &Value {
    feed(document, "usage")
}

fn annotate(lab: &Lab, node: &str, memory: &str) {
    lab.kubectl(&["annotate", "node", node, &format!("lab.test/memory={memory}"), "--overwrite"], "");
}

/// Conditions as a kubelet writes them; kwok leaves a node alone whose Ready is not True only for a moment.
fn condition(lab: &Lab, node: &str, kind: &str, status: &str, reason: &str) {
    let patch = json!({"status": {"conditions": [{"type": kind, "status": status, "reason": reason, "message": "by a test",
        "lastTransitionTime": "2026-11-22T04:00:00Z"}]}});
    let patch = patch.to_string();
    lab.kubectl(&["patch", "node", node, "--subresource=status", "--type=strategic", "-p", &patch], "");
}

/// The lab of what belongs to a whole cluster.
pub fn own_lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(Lab::start)
}

/// Longhorn as far as it is read: its kind of volumes, one of them attached, and the instance manager that serves it.
fn longhorn(lab: &Lab, node: &str, claim: (&str, &str)) {
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let kind = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "volumes.longhorn.io"},
        "spec": {"group": "longhorn.io", "scope": "Namespaced",
            "names": {"kind": "Volume", "listKind": "VolumeList", "plural": "volumes", "singular": "volume"},
            "versions": [{"name": "v1beta2", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": any, "status": any}}}}]}});
    lab.kubectl(&["apply", "-f", "-"], &kind.to_string());
    lab.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "crd/volumes.longhorn.io"], "");
    lab.kubectl(&["create", "namespace", "longhorn-system"], "");
    let used = json!({"namespace": claim.0, "pvcName": claim.1, "workloadsStatus": [{"podName": "openbao-0"}]});
    let volume = json!({"apiVersion": "longhorn.io/v1beta2", "kind": "Volume",
        "metadata": {"namespace": "longhorn-system", "name": "pvc-1"},
        "status": {"state": "attached", "currentNodeID": node, "kubernetesStatus": used}});
    lab.kubectl(&["apply", "-f", "-"], &volume.to_string());
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "longhorn-system", "name": "instance-manager-1",
            "labels": {"longhorn.io/component": "instance-manager"}, "annotations": {"lab.test/memory": "12Gi"}},
        "spec": {"nodeName": node, "containers": [{"name": "instance-manager", "image": "longhorn"}]}});
    lab.kubectl(&["apply", "-f", "-"], &pod.to_string());
}

/// Stops or continues what plays the kubelets, by its own process: nobody reports for the nodes while it stands.
fn kubelets(lab: &Lab, signal: &str) {
    let state = lab.call("GET", "/state", &Value::Null);
    let kwok = state["processes"].as_array().unwrap().iter().find(|process| process["name"] == "kwok");
    let pid = kwok.unwrap_or_else(|| panic!("{state:#}"))["pid"].to_string();
    assert!(std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
}

fn node_of(vault: &Vault, n: u32) -> String {
    vault.kubectl(&["get", "pod", &vault.pod(n), "-o", "jsonpath={.spec.nodeName}"], "")
}

#[test]
fn memory_pressure_and_figures_that_are_gone() {
    if left_out() {
        return;
    }
    let lab = own_lab();
    let vault = lab.vault(json!({"replicas": 3, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let node = node_of(&vault, 0);

    // Nobody installed a metrics API, and these kubelets have no stats/summary: said so, and no finding.
    let (_, document) = vault.check_until("a first look", &RULES, |_, d| usage_feed(d)["state"] == "live");
    assert!(alert(&document, "node-memory", &node).is_none(), "{document:#}");
    let screen = vault.baowatch(&["--print", "120x40"]).output().unwrap();
    let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
    assert!(screen.contains("requests only"), "{screen}");

    longhorn(lab, &node, (&vault.namespace, "data-openbao-0"));
    lab.call("POST", "/metrics/start", &Value::Null);
    annotate(lab, &node, "39322Mi");
    let figures = |d: &Value| usage_feed(d)["state"] == "live" && alert(d, "node-memory", &node).is_none();
    vault.check_until("60 % and nothing to say", &RULES, |_, d| figures(d));
    annotate(lab, &node, "62915Mi");
    let (code, document) = vault.check_until("96 %", &RULES, |_, d| fires(d, "node-memory", &node, "critical"));
    assert_eq!(code, 2, "{document:#}");
    let said = alert(&document, "node-memory", &node).unwrap();
    assert_eq!(said["sentence"], format!("{node} uses 96% of its memory"), "{said:#}");
    // The vault's pod on it, and what its eviction would cost.
    let joined = alert(&document, "vault-on-pressured-node", &node).unwrap_or_else(|| panic!("{document:#}"));
    assert!(joined["sentence"].as_str().unwrap().contains(&vault.pod(0)), "{joined:#}");
    assert!(joined["why"].as_str().unwrap().contains("one restart from an outage"), "{joined:#}");

    // What lives in Longhorn's process there, and that the vault's own volume is among it.
    let (_, document) = vault.check_until("12 GiB in an instance manager", &RULES, |_, d| {
        fires(d, "longhorn-memory", "instance-manager-1", "warning")
    });
    let said = alert(&document, "longhorn-memory", "instance-manager-1").unwrap();
    assert!(said["why"].as_str().unwrap().contains("the vault's own"), "{said:#}");

    // metrics-server ends: a trouble, and nothing is clear.
    lab.call("POST", "/metrics/stop", &Value::Null);
    let (code, document) = vault.check_until("503", &RULES, |_, d| usage_feed(d)["state"] == "unreachable");
    assert_eq!(code, 3, "{document:#}");
    let what = usage_feed(&document)["trouble"]["what"].as_str().unwrap_or_default();
    assert!(what.contains("cannot be read"), "{document:#}");
    lab.call("POST", "/metrics/start", &Value::Null);
    vault.check_until("96 % again", &RULES, |_, d| fires(d, "node-memory", &node, "critical"));

    annotate(lab, &node, "20Gi");
    lab.kubectl(
        &["-n", "longhorn-system", "annotate", "pod", "instance-manager-1", "lab.test/memory=1Gi", "--overwrite"],
        "",
    );
    let quiet = |d: &Value| {
        figures(d)
            && alert(d, "vault-on-pressured-node", &node).is_none()
            && alert(d, "longhorn-memory", "instance-manager-1").is_none()
    };
    vault.check_until("30 %", &RULES, |_, d| quiet(d));

    condition(lab, &node, "MemoryPressure", "True", "KubeletHasInsufficientMemory");
    let (_, document) = vault.check_until("pressure", &RULES, |_, d| fires(d, "node-pressure", &node, "critical"));
    assert!(alert(&document, "vault-on-pressured-node", &node).is_some(), "{document:#}");
    condition(lab, &node, "MemoryPressure", "False", "KubeletHasSufficientMemory");
    let seen = |d: &Value| feed(d, "nodes")["state"] == "live";
    vault.check_until("no pressure", &RULES, |_, d| seen(d) && alert(d, "node-pressure", &node).is_none());

    // The kubelet's last word, and then nothing more; kwok sets right what it is awake to see.
    let quick = [&RULES[..], &["--wait", "3s"]].concat();
    kubelets(lab, "STOP");
    condition(lab, &node, "Ready", "False", "KubeletNotReady");
    let (_, document) =
        vault.check_until("a node that is not ready", &quick, |_, d| fires(d, "node-not-ready", &node, "critical"));
    let said = alert(&document, "node-not-ready", &node).unwrap();
    assert!(said["why"].as_str().unwrap().contains(&vault.pod(0)), "{said:#}");
    kubelets(lab, "CONT");
    vault.check_until("a ready node", &RULES, |_, d| seen(d) && alert(d, "node-not-ready", &node).is_none());
}
