//! Logins that are merged from a VaultAuthGlobal, and the default that the operator takes where nothing is named.

use baowatch::app::alerts::rules;
use baowatch::app::id::ObjectRef;
use baowatch::app::model::Model;
use baowatch::app::model::observed::Observed;
use baowatch::app::model::paths::VaultPath;
use baowatch::app::model::sync::{Operator, OperatorSeen, OperatorsSeen, SyncSeen};
use baowatch::app::model::table::Table;
use baowatch::app::sync::{Word, judge};
use baowatch::backends::kube::sync_digest::digest;

use crate::captured::on_the_day;

fn vso_object(kind: &str, path: &str, spec: serde_json::Value, status: serde_json::Value) -> SyncSeen {
    let (namespace, name) = path.split_once('/').unwrap();
    digest(&serde_json::json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-11-22T05:00:00Z", "generation": 1},
        "spec": spec, "status": status}))
    .unwrap()
}

/// Two VaultAuths that take from VaultAuthGlobals, one of which is not there; an object through each, and one that names none.
fn with_globals(home: bool) -> (Model, jiff::Timestamp) {
    use serde_json::json;
    let now = on_the_day("06:00:00");
    let fails = |message: &str| {
        let condition = |kind: &str| json!({"type": kind, "status": "False", "reason": "x", "message": message, "lastTransitionTime": "2026-11-22T05:59:50Z"});
        let conditions: Vec<_> = ["SecretSynced", "Healthy", "Ready"].into_iter().map(condition).collect();
        json!({"lastGeneration": 1, "conditions": conditions})
    };
    let kv = |auth: &str, name: &str| {
        let mut spec = json!({"type": "kv-v2", "mount": "kv", "path": "web", "refreshAfter": "30s", "destination": {"name": name, "create": true}});
        if !auth.is_empty() {
            spec["vaultAuthRef"] = json!(auth);
        }
        spec
    };
    let said = "Failed to get Vault auth login: failed getting vso/gone, err=not so";
    let rows = vec![
        vso_object(
            "VaultAuthGlobal",
            "vso/all",
            json!({"allowedNamespaces": ["shop"], "defaultAuthMethod": "kubernetes",
            "defaultVaultNamespace": "team", "vaultConnectionRef": "vso/openbao",
            "kubernetes": {"role": "reader", "mount": "k8s", "serviceAccount": "default"}}),
            json!({}),
        ),
        vso_object("VaultConnection", "vso/openbao", json!({"address": "http://openbao"}), json!({"valid": true})),
        vso_object(
            "VaultAuth",
            "shop/login",
            json!({"vaultAuthGlobalRef": {"name": "all", "namespace": "vso"}}),
            json!({"valid": true}),
        ),
        vso_object(
            "VaultAuth",
            "shop/lost",
            json!({"vaultAuthGlobalRef": {"name": "gone", "namespace": "vso"}}),
            json!({"valid": true}),
        ),
        vso_object(
            "VaultAuth",
            "pay/refused",
            json!({"vaultAuthGlobalRef": {"name": "all", "namespace": "vso"}}),
            json!({"valid": true}),
        ),
        vso_object(
            "VaultAuth",
            "vso/default",
            json!({"method": "jwt", "mount": "jwt", "namespace": "crew", "jwt": {"role": "all"},
            "vaultConnectionRef": "openbao"}),
            json!({"valid": true}),
        ),
        vso_object(
            "VaultStaticSecret",
            "shop/good",
            kv("login", "good"),
            fails("Code: 403. Errors: * 1 error occurred: * permission denied"),
        ),
        vso_object("VaultStaticSecret", "shop/lost", kv("lost", "lost"), fails(said)),
        vso_object("VaultStaticSecret", "pay/refused", kv("refused", "refused"), fails(said)),
        vso_object(
            "VaultStaticSecret",
            "shop/unnamed",
            kv("", "unnamed"),
            fails("Code: 403. Errors: * 1 error occurred: * permission denied"),
        ),
    ];
    let process = OperatorSeen {
        operator: Operator::Vso,
        object: ObjectRef::new("Deployment", "vso", "vso"),
        wanted: 1,
        ready: 1,
        since: Some(now),
        version: "1.4.1".into(),
    };
    let found = if home { vec![process] } else { Vec::new() };
    let operators = OperatorsSeen { found, events: Vec::new() };
    let model =
        Model { sync: Some(Table::new(rows, now)), operators: Some(Observed::new(operators, now)), ..Model::default() };
    (model, now)
}

#[test]
fn what_is_merged_from_a_global_is_what_an_object_is_judged_by() {
    let (model, now) = with_globals(true);
    let seen = |path: &str| {
        let (namespace, name) = path.split_once('/').unwrap();
        model.sync.as_ref().unwrap().get(&ObjectRef::new("VaultStaticSecret", namespace, name)).unwrap().clone()
    };
    let places = |path: &str| model.places(&seen(path)).iter().map(VaultPath::words).collect::<Vec<_>>();
    assert_eq!(places("shop/good"), ["team/kv/web"]);
    assert_eq!(places("shop/unnamed"), ["crew/kv/web"]);
    let why = |path: &str| judge(&model, &seen(path), now).why;
    assert!(why("shop/good").contains("team/kv/web"), "{}", why("shop/good"));
    // The broken link has a name, and who needs it.
    assert_eq!(why("shop/lost"), "VaultAuthGlobal vso/gone, which VaultAuth shop/lost names, does not exist");
    assert_eq!(why("pay/refused"), "VaultAuthGlobal vso/all does not let namespace pay use it (allowedNamespaces)");
    let applications = baowatch::app::flow::applications(&model, now);
    let told = applications.iter().flat_map(|it| &it.chains).flat_map(|chain| &chain.links).map(|link| &link.why);
    assert!(told.clone().any(|why| why.contains("VaultAuthGlobal vso/gone")), "{:?}", told.collect::<Vec<_>>());
    // What the operator takes by itself, and who goes through it.
    let way = |path: &str| model.way(&seen(path)).map(|way| way.to_string());
    assert_eq!(way("shop/unnamed").as_deref(), Some("VaultAuth vso/default"));
    let login = model.login(&ObjectRef::new("VaultAuth", "shop", "login")).unwrap();
    assert_eq!((login.mount.as_str(), login.role.as_str()), ("k8s", "reader"));
    assert_eq!(login.connection.map(|to| to.to_string()).as_deref(), Some("VaultConnection vso/openbao"));
    // It has no status, and that is no fault of it.
    let global = model.sync.as_ref().unwrap().get(&ObjectRef::new("VaultAuthGlobal", "vso", "all")).unwrap();
    let standing = judge(&model, global, now);
    assert_eq!(standing.word, Word::Unwatched);
    assert!(standing.why.contains("1 VaultAuth takes from it"), "{}", standing.why);
    assert!(standing.also.unwrap().contains("pay/refused may not use it"));
    for rule in ["vaultauth-invalid", "sync-failed"] {
        let judged = rules::find(rule).unwrap().judge(&model, now);
        assert!(judged.iter().all(|(object, _)| *object != global.object), "{rule}: {judged:?}");
    }
    // Nobody knows where the operator runs: its default is not taken for one that does not exist.
    let (model, now) = with_globals(false);
    assert_eq!(model.way(&seen("shop/unnamed")), None);
    let why = judge(&model, &seen("shop/unnamed"), now).why;
    assert!(!why.contains("VaultAuth"), "{why}");
}
