//! Objects, Events and processes of both operators, digested.

use serde_json::json;

use super::*;
use crate::app::model::paths::{EngineKind, VaultPath};
use crate::app::model::sync::Operator;

#[test]
fn durations_of_go() {
    let of = |text| go_duration(text).map(|d| d.as_millis());
    assert_eq!(
        [of("10s"), of("1h0m0s"), of("8.225785006s"), of("0"), of("250ms")],
        [Some(10_000), Some(3_600_000), Some(8_225), Some(0), Some(250)]
    );
    assert_eq!([of(""), of("10"), of("1x"), of("s")], [None; 4]);
}

#[test]
fn a_kind_of_another_group_is_another_kind() {
    let object = |group: &str| {
        json!({"apiVersion": group, "kind": "VaultDynamicSecret",
               "metadata": {"name": "db", "namespace": "shop"}, "spec": {"mount": "database", "path": "creds/app"}})
    };
    assert!(digest(&object("example.org/v1alpha1")).is_none());
    let generator = digest(&object("generators.external-secrets.io/v1alpha1")).unwrap();
    assert_eq!(generator.object.to_string(), "VaultDynamicSecretGenerator shop/db");
    let seen = digest(&object("secrets.hashicorp.com/v1beta1")).unwrap();
    assert_eq!(seen.sources[0].words(), "database/creds/app");
    assert!(seen.conditions.is_empty() && !seen.detail.static_creds);
}

#[test]
fn a_key_is_found_in_the_mount_of_its_store() {
    let store = |path: Option<&str>| {
        let provider = json!({"vault": {"server": "http://vault", "path": path, "version": "v2",
            "auth": {"kubernetes": {"mountPath": "kubernetes", "role": "pay"}}}});
        digest(&json!({"apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": "openbao", "namespace": "pay"}, "spec": {"provider": provider}}))
        .unwrap()
    };
    let object = |key: &str| {
        digest(&json!({"apiVersion": "external-secrets.io/v1beta1", "kind": "ExternalSecret",
            "metadata": {"name": "web", "namespace": "pay"},
            "spec": {"dataFrom": [{"extract": {"key": key}}], "secretStoreRef": {"name": "openbao"}}}))
        .unwrap()
    };
    let place =
        |key: &str, path: Option<&str>| object(key).places(None, |_| Some(Box::leak(Box::new(store(path)))))[0].words();
    for key in ["shop/pay", "kv/shop/pay", "kv/data/shop/pay"] {
        assert_eq!(place(key, Some("kv")), "kv/shop/pay", "{key}");
    }
    assert_eq!(place("kv/shop/pay", None), "kv/shop/pay");
    assert_eq!(place("kv/data/shop/pay", None), "kv/shop/pay");
    // Without its store nobody knows the mount.
    assert!(object("shop/pay").places(None, |_| None).is_empty());
    let seen = object("shop/pay");
    assert_eq!(seen.refresh, Some(SignedDuration::from_hours(1)));
    assert_eq!(seen.secret, Some(ObjectRef::secret("pay", "web")));
    let login = *store(Some("kv")).detail.login.unwrap();
    assert_eq!((login.mount.as_str(), login.role.as_str(), login.account), ("kubernetes", "pay", None));
    assert_eq!(store(Some("kv")).sources[0].engine, EngineKind::Kv2);
}

#[test]
fn a_namespace_comes_from_the_login_and_a_mount_from_the_store_of_the_entry() {
    let vso = |kind: &str, spec: serde_json::Value| {
        digest(&json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": kind,
            "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}))
        .unwrap()
    };
    let auth = vso("VaultAuth", json!({"method": "jwt", "mount": "jwt", "namespace": "team/"}));
    let plain = vso("VaultAuth", json!({"method": "jwt", "mount": "jwt"}));
    assert!(plain.sources.is_empty() && auth.places(None, |_| None).is_empty());
    let words = |spec: serde_json::Value, way: &SyncSeen, name: &str| {
        let seen = vso("VaultStaticSecret", spec);
        seen.places(None, |asked| (asked.path() == name).then_some(way))[0].words()
    };
    let near = |namespace: &str| json!({"type": "kv-v2", "mount": "kv", "path": "a", "vaultAuthRef": "web", "namespace": namespace});
    let far = json!({"type": "kv-v2", "mount": "kv", "path": "a", "vaultAuthRef": "ops/web"});
    assert_eq!(words(near(""), &auth, "shop/web"), "team/kv/a");
    assert_eq!(words(near("other"), &auth, "shop/web"), "other/kv/a");
    assert_eq!(words(near(""), &plain, "shop/web"), "kv/a");
    assert_eq!(words(far, &auth, "ops/web"), "team/kv/a");

    let store = |name: &str, mount: &str, namespace: &str| {
        digest(&json!({"apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": name, "namespace": "pay"},
            "spec": {"provider": {"vault": {"path": mount, "namespace": namespace, "version": "v1"}}}}))
        .unwrap()
    };
    let stores = [store("main", "kv", ""), store("second", "two", "team")];
    let seen = digest(&json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "web", "namespace": "pay"},
        "spec": {"secretStoreRef": {"name": "main"},
            "data": [{"secretKey": "a", "remoteRef": {"key": "x"}},
                {"secretKey": "b", "remoteRef": {"key": "x"}, "sourceRef": {"storeRef": {"name": "second"}}}],
            "dataFrom": [{"extract": {"key": "y"}, "sourceRef": {"storeRef": {"name": "far", "kind": "ClusterSecretStore"}}}]}}))
    .unwrap();
    let placed = seen.places(None, |name| stores.iter().find(|store| store.object == *name));
    // The store of the last is not in sight: nobody knows its mount.
    assert_eq!(placed.iter().map(VaultPath::words).collect::<Vec<_>>(), ["kv/x", "team/two/x"]);
    let ways: Vec<String> = seen.detail.all_ways().map(ToString::to_string).collect();
    assert_eq!(ways, ["SecretStore pay/main", "ClusterSecretStore far", "SecretStore pay/second"]);
}

#[test]
fn events_of_both_apis() {
    let core = json!({"involvedObject": {"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultStaticSecret",
            "namespace": "shop", "name": "web"}, "reason": "VaultClientError", "type": "Warning", "message": "no\u{1b}[2J",
        "count": 8, "firstTimestamp": "2026-11-22T05:47:29Z", "lastTimestamp": "2026-11-22T05:49:49Z"});
    let seen = event(&core).unwrap();
    assert!(seen.warning && seen.message == "no[2J" && seen.count == 8);
    assert_eq!(seen.last.unwrap().to_string(), "2026-11-22T05:49:49Z");
    let newer = json!({"regarding": {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "namespace": "pay", "name": "web"}, "reason": "UpdateFailed", "type": "Warning", "note": "no",
        "eventTime": "2026-11-22T05:47:29.000001Z", "series": {"count": 3, "lastObservedTime": "2026-11-22T05:48:00.1Z"}});
    let seen = event(&newer).unwrap();
    assert_eq!((seen.message.as_str(), seen.count), ("no", 3));
    assert!(seen.first < seen.last);
    assert!(event(&json!({"involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "x"}})).is_none());
}

#[test]
fn the_process_of_an_operator() {
    let deployment = |name: &str, image: &str, args: serde_json::Value| {
        json!({"metadata": {"name": name, "namespace": "ops", "labels": {"app.kubernetes.io/name": name}},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}},
                "template": {"spec": {"containers": [
                    {"name": "kube-rbac-proxy", "image": "quay.io/brancz/kube-rbac-proxy:v0.18.1"},
                    {"name": "manager", "image": image, "args": args}]}}},
            "status": {"readyReplicas": 1}})
    };
    let pod = |app: &str, state: serde_json::Value| {
        json!({"metadata": {"name": "x", "namespace": "ops", "labels": {"app": app}},
            "status": {"containerStatuses": [
                {"name": "kube-rbac-proxy", "state": {"running": {"startedAt": "2026-11-22T04:00:00Z"}}},
                {"name": "manager", "state": state}]}})
    };
    let vso = deployment("vso", "registry:5000/hashicorp/vault-secrets-operator:1.4.1", json!([]));
    let up = json!({"running": {"startedAt": "2026-11-22T05:00:00Z"}});
    let seen = operator(&vso, &[pod("other", up.clone()), pod("vso", up)]).unwrap();
    assert_eq!((seen.operator, seen.version.as_str(), seen.wanted, seen.ready), (Operator::Vso, "1.4.1", 1, 1));
    assert_eq!(seen.since.unwrap().to_string(), "2026-11-22T05:00:00Z");
    let down = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    assert_eq!(operator(&vso, &[pod("vso", down)]).unwrap().since, None);
    let eso = "ghcr.io/external-secrets/external-secrets:v2.9.0@sha256:0";
    assert_eq!(
        operator(&deployment("external-secrets", eso, json!(["--concurrent=1"])), &[]).unwrap().version,
        "v2.9.0"
    );
    assert!(operator(&deployment("x", eso, json!(["webhook"])), &[]).is_none());
    assert!(operator(&deployment("external-secrets-cert-controller", eso, json!(["certcontroller"])), &[]).is_none());
    assert!(operator(&deployment("web", "nginx:1", json!([])), &[]).is_none());
}
