//! What a Vault Secrets Operator of before 1.0 writes. **Not captured:** constructed from its source, each with the version
//! and the file that says so. It writes no conditions, and its Events are the only sign of a look.

use baowatch::app::alerts::{Finding, rules};
use baowatch::app::id::ObjectRef;
use baowatch::app::model::Model;
use baowatch::app::model::observed::Observed;
use baowatch::app::model::paths::{PathSeen, PathState, PathsSeen};
use baowatch::app::model::secrets::{Changed, Evidence, Marks, SecretSeen};
use baowatch::app::model::sync::{EventSeen, Operator, OperatorSeen, OperatorsSeen, SyncSeen};
use baowatch::app::model::table::Table;
use baowatch::app::sync::Word::{self, *};
use baowatch::app::sync::standings::standings;
use baowatch::app::sync::{Witnesses, judge};
use baowatch::backends::kube::sync_digest::digest;
use serde_json::{Value, json};

use crate::captured::on_the_day;

/// An object as such an operator leaves it, and the truth about it.
pub struct Old {
    /// The version and the file that the status follows.
    pub source: &'static str,
    pub kind: &'static str,
    pub spec: fn() -> Value,
    pub status: fn() -> Value,
    /// Events: reason, whether a warning, message, how many seconds ago last.
    pub events: &'static [(&'static str, bool, &'static str, i64)],
    /// Whether its Secret is there, with when the vault's value changed and the Secret was written, in seconds ago.
    pub secret: Option<i64>,
    pub changed: Option<i64>,
    pub word: Word,
    pub says: &'static str,
}

fn kv() -> Value {
    json!({"type": "kv-v2", "mount": "kv", "path": "shop/web", "vaultAuthRef": "openbao", "refreshAfter": "30s",
        "hmacSecretData": true, "destination": {"name": "old", "create": true}})
}

fn bare_kv() -> Value {
    json!({"type": "kv-v2", "mount": "kv", "path": "shop/web", "vaultAuthRef": "openbao",
        "hmacSecretData": false, "destination": {"name": "old", "create": true}})
}

fn lease() -> Value {
    json!({"mount": "database", "path": "creds/app", "vaultAuthRef": "openbao", "destination": {"name": "old", "create": true}})
}

fn certificate() -> Value {
    json!({"mount": "pki", "role": "web", "commonName": "a.b", "vaultAuthRef": "openbao", "expiryOffset": "1h",
        "destination": {"name": "old", "create": true}})
}

fn auth() -> Value {
    json!({"method": "kubernetes", "mount": "kubernetes", "kubernetes": {"role": "web"}, "vaultConnectionRef": "openbao"})
}

fn auth_with_global() -> Value {
    json!({"vaultAuthGlobalRef": {"name": "all"}, "vaultConnectionRef": "openbao"})
}

/// Seconds since the epoch, so long before the moment of the table.
fn before(seconds: i64) -> i64 {
    on_the_day("06:00:00").as_second() - seconds
}

/// `VaultStaticSecretStatus` has `secretMAC` alone.
const KV_04: &str = "0.4.3, api/v1beta1/vaultstaticsecret_types.go, controllers/vaultstaticsecret_controller.go";
const KV_09: &str = "0.9.0, controllers/vaultstaticsecret_controller.go (updateStatus)";
const LEASE_04: &str = "0.4.3, api/v1beta1/vaultdynamicsecret_types.go, controllers/vaultdynamicsecret_controller.go";
const PKI_04: &str = "0.4.3, api/v1beta1/vaultpkisecret_types.go, controllers/vaultpkisecret_controller.go";
const AUTH_04: &str = "0.4.3, api/v1beta1/vaultauth_types.go, controllers/vaultauth_controller.go";
const AUTH_09: &str = "0.9.0, controllers/vaultauth_controller.go (updateStatus writes Available alone)";

const SYNC: (&str, bool, &str, i64) = ("SecretSync", false, "Secret sync not required", 10);
const REFUSED: &str = "Failed to read Vault secret: Error making API request. URL: GET http://openbao:8200/v1/kv/data/shop/web Code: 403. Errors: * 1 error occurred: * permission denied";

#[rustfmt::skip]
pub const ROWS: &[Old] = &[
    // Each look writes an Event: the only heartbeat there ever was.
    Old { source: KV_04, kind: "VaultStaticSecret", spec: kv, status: || json!({"secretMAC": "<MAC>"}), events: &[SYNC], secret: Some(3_000), changed: Some(600), word: Synced, says: "it looked after the last change" },
    Old { source: KV_04, kind: "VaultStaticSecret", spec: kv, status: || json!({"secretMAC": "<MAC>"}), events: &[], secret: Some(300), changed: Some(600), word: Synced, says: "the Secret was written after the last change" },
    Old { source: KV_04, kind: "VaultStaticSecret", spec: kv, status: || json!({"secretMAC": "<MAC>"}), events: &[SYNC], secret: Some(3_000), changed: Some(5), word: Behind, says: "Changed in the vault" },
    // Without an HMAC nothing at all stands in the status, and no finalizer is set.
    Old { source: KV_04, kind: "VaultStaticSecret", spec: bare_kv, status: || json!({}), events: &[], secret: Some(300), changed: Some(600), word: Synced, says: "the Secret was written after the last change" },
    Old { source: KV_04, kind: "VaultStaticSecret", spec: kv, status: || json!({}), events: &[], secret: None, changed: Some(600), word: Never, says: "Never picked up" },
    // It fails, and the status of the last success stays; that which failed once and goes on well is no failure.
    Old { source: KV_09, kind: "VaultStaticSecret", spec: kv, status: || json!({"secretMAC": "<MAC>", "lastGeneration": 2}), events: &[("VaultClientError", true, REFUSED, 20)], secret: Some(300), changed: Some(600), word: Failed, says: "may not read kv/shop/web" },
    Old { source: KV_09, kind: "VaultStaticSecret", spec: kv, status: || json!({"secretMAC": "<MAC>", "lastGeneration": 2}), events: &[("VaultClientError", true, REFUSED, 1_500)], secret: Some(300), changed: Some(600), word: Synced, says: "after the last change" },
    // A lease is judged by its own term.
    Old { source: LEASE_04, kind: "VaultDynamicSecret", spec: lease, status: || json!({"lastRenewalTime": before(600), "lastGeneration": 1, "secretLease": {"id": "x", "duration": 3_600, "renewable": true}}), events: &[], secret: Some(600), changed: None, word: Synced, says: "The credentials last until" },
    Old { source: LEASE_04, kind: "VaultDynamicSecret", spec: lease, status: || json!({"lastRenewalTime": before(3_500), "lastGeneration": 1, "secretLease": {"id": "x", "duration": 3_600, "renewable": true}}), events: &[], secret: Some(3_500), changed: None, word: Dropped, says: "Its status shows nothing, and the lease was to be renewed" },
    Old { source: PKI_04, kind: "VaultPKISecret", spec: certificate, status: || json!({"serialNumber": "1", "expiration": before(-86_400), "valid": true, "error": ""}), events: &[], secret: Some(600), changed: None, word: Synced, says: "The certificate lasts until" },
    Old { source: PKI_04, kind: "VaultPKISecret", spec: certificate, status: || json!({"serialNumber": "1", "expiration": before(-86_400), "valid": false, "error": "K8sClientError"}), events: &[], secret: Some(600), changed: None, word: Failed, says: "K8sClientError" },
    Old { source: AUTH_04, kind: "VaultAuth", spec: auth, status: || json!({"valid": true, "error": ""}), events: &[], secret: None, changed: None, word: Unwatched, says: "its True says nothing about now" },
    Old { source: AUTH_04, kind: "VaultAuth", spec: auth, status: || json!({"valid": false, "error": "VaultConnection.secrets.hashicorp.com \"openbao\" not found"}), events: &[], secret: None, changed: None, word: Failed, says: "VaultConnection openbao does not exist" },
    // Since 0.8 with a VaultAuthGlobal: one condition, which is none that speaks for the whole.
    Old { source: AUTH_09, kind: "VaultAuth", spec: auth_with_global, status: || json!({"valid": true, "error": "", "conditions": [{"type": "Available", "status": "True", "reason": "VaultAuthGlobalRef", "lastTransitionTime": "2026-11-22T05:50:00Z"}]}), events: &[], secret: None, changed: None, word: Unwatched, says: "its True says nothing about now" },
];

/// One object of an operator of before 1.0 with all that testifies about it, at 06:00:00.
fn old(row: &Old) -> (Model, SyncSeen, jiff::Timestamp) {
    let now = on_the_day("06:00:00");
    let ago = |seconds: i64| now - jiff::SignedDuration::from_secs(seconds);
    let seen = digest(&serde_json::json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": row.kind,
        "metadata": {"name": "old", "namespace": "shop", "creationTimestamp": "2026-11-22T05:00:00Z", "generation": 2},
        "spec": (row.spec)(), "status": (row.status)()}))
    .unwrap();
    let event = |(reason, warning, message, at): &(&str, bool, &str, i64)| EventSeen {
        object: seen.object.clone(),
        reason: (*reason).into(),
        warning: *warning,
        message: (*message).into(),
        first: Some(ago(*at)),
        last: Some(ago(*at)),
        count: 1,
    };
    let process = OperatorSeen {
        operator: Operator::Vso,
        object: ObjectRef::new("Deployment", "vso", "vso"),
        wanted: 1,
        ready: 1,
        since: Some(ago(7_000)),
        version: row.source.split(',').next().unwrap().into(),
    };
    let operators = OperatorsSeen { found: vec![process], events: row.events.iter().map(event).collect() };
    let secret = row.secret.map(|at| SecretSeen {
        object: ObjectRef::secret("shop", "old"),
        uid: "1".into(),
        version: "1".into(),
        created: Some(ago(3_500)),
        keys: vec!["_raw".into(), "value".into()],
        changed: Some(Changed { at: ago(at), by: Evidence::Watched }),
        writer: Some(seen.object.clone()),
        deleting: false,
        marks: Marks::default(),
    });
    let path = row.changed.map(|at| PathSeen {
        path: seen.sources[0].clone(),
        found: Ok(PathState::Present { updated: Some(ago(at)), version: 2, deleted: None, destroyed: false }),
        at: ago(1),
    });
    let way = |kind: &str, spec: serde_json::Value| {
        digest(&serde_json::json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": kind,
            "metadata": {"name": "openbao", "namespace": "shop", "creationTimestamp": "2026-11-22T05:00:00Z"},
            "spec": spec, "status": {"valid": true}}))
        .unwrap()
    };
    let auth = way(
        "VaultAuth",
        serde_json::json!({"method": "kubernetes", "mount": "kubernetes", "vaultConnectionRef": "openbao"}),
    );
    let model = Model {
        sync: Some(Table::new(vec![seen.clone(), auth], now)),
        secrets: Some(Table::new(secret, now)),
        operators: Some(Observed::new(operators, now)),
        paths: Some(Observed::new(PathsSeen { found: path.into_iter().collect(), ..PathsSeen::default() }, now)),
        ..Model::default()
    };
    (model, seen, now)
}

#[test]
fn an_operator_that_writes_no_conditions_is_judged_by_what_it_does_write() {
    let mut wrong = Vec::new();
    for (index, row) in ROWS.iter().enumerate() {
        let (model, seen, now) = old(row);
        let said = judge(&model, &seen, now);
        let whole = format!("{} | {}", said.why, said.also.as_deref().unwrap_or_default());
        if said.word != row.word || !whole.contains(row.says) {
            wrong.push(format!("row {index} ({}): {:?} and not {:?}: {whole}", row.source, said.word, row.word));
        }
        // With an eye on many it is the same.
        assert_eq!(Witnesses::of(&model, now).judge(&seen), said, "row {index}");
        assert_eq!(standings(&model, now).get(&seen.object).map(|it| it.word), Some(said.word), "row {index}");
        for rule in ["sync-failed", "sync-dropped", "vaultauth-invalid"] {
            let judged = rules::find(rule).unwrap().judge(&model, now);
            let fires = judged.iter().any(|(object, it)| *object == seen.object && matches!(it, Finding::Firing(_)));
            let bad = matches!(said.word, Word::Failed | Word::Never | Word::Dropped);
            assert!(bad || !fires, "row {index}: {rule} fires about what is well");
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
