//! What External Secrets objects declare, judged at moments: sync windows, several stores, stores that are meant by labels.

use baowatch::app::id::{FeedId, ObjectRef};
use baowatch::app::model::Model;
use baowatch::app::model::fact::Fact;
use baowatch::app::model::observed::Observed;
use baowatch::app::model::paths::{PathSeen, PathState, PathsSeen};
use baowatch::app::model::sync::SyncSeen;
use baowatch::app::model::table::{Delta, Table};
use baowatch::app::sync::Word::{self, *};
use baowatch::app::sync::standings::standings;
use baowatch::app::sync::{Standing, Witnesses, judge};
use baowatch::backends::kube::sync_digest::digest;
use serde_json::{Value, json};

use crate::captured::on_the_day;
use crate::tell;

/// An ExternalSecret read at a moment, with these sync windows, judged at another, and the vault's last write there.
fn windowed(kind: &str, schedule: &str, lasts: &str, read: &str, now: &str, updated: Option<&str>) -> Standing {
    let object = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "web", "namespace": "pay", "creationTimestamp": "2026-11-21T05:00:00Z"},
        "spec": {"refreshInterval": "1h", "secretStoreRef": {"name": "openbao"},
            "syncWindows": {"kind": kind, "windows": [{"schedule": schedule, "duration": lasts}]},
            "dataFrom": [{"extract": {"key": "pay/web"}}]},
        "status": {"refreshTime": on_the_day(read).to_string(), "conditions": [{"type": "Ready", "status": "True",
            "reason": "SecretSynced", "lastTransitionTime": "2026-11-21T05:00:01Z"}]}});
    let store = json!({"apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "openbao", "namespace": "pay"},
        "spec": {"provider": {"vault": {"path": "kv", "version": "v2"}}}});
    let now = on_the_day(now);
    let rows = [&object, &store].map(|object| digest(object).unwrap());
    let seen = rows[0].clone();
    let mut model = Model { sync: Some(Table::new(rows.to_vec(), now)), ..Model::default() };
    if let Some(updated) = updated {
        let path = seen.places(None, |way| model.sync.as_ref().unwrap().get(way)).remove(0);
        let present =
            PathState::Present { updated: Some(on_the_day(updated)), version: 2, deleted: None, destroyed: false };
        let found = vec![PathSeen { path, found: Ok(present), at: now }];
        model.paths = Some(Observed::new(PathsSeen { found, ..PathsSeen::default() }, now));
    }
    judge(&model, &seen, now)
}

#[test]
fn a_read_is_late_from_the_window_in_which_it_was_due() {
    const HOUR: i64 = 3_600;
    // Kind, schedule, how long; read and judged at; written in the vault at; the word, its lag, parts of the reason.
    type Case<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str, Option<&'a str>, Word, Option<i64>, &'a str);
    let rows: &[Case<'_>] = &[
        // Read in time: as without windows.
        ("allow", "0 9 * * *", "8h", "09:30:00", "10:00:00", None, Synced, None, "The operator read"),
        (
            "allow",
            "0 9 * * *",
            "8h",
            "09:30:00",
            "10:00:00",
            Some("09:00:00"),
            Synced,
            Some(0),
            "after the last change",
        ),
        // The interval is over, and its window is to open yet.
        ("allow", "0 9 * * *", "8h", "01:00:00", "05:00:00", None, Unwatched, None, "opens at 09:00:00Z, in 4h"),
        (
            "allow",
            "0 9 * * *",
            "8h",
            "01:00:00",
            "05:00:00",
            Some("00:30:00"),
            Synced,
            Some(0),
            "its sync window opens at 09:00:00Z",
        ),
        (
            "allow",
            "0 9 * * *",
            "8h",
            "01:00:00",
            "05:00:00",
            Some("04:30:00"),
            Behind,
            None,
            "waits for its sync window, which opens at 09:00:00Z",
        ),
        ("deny", "0 2 * * *", "4h", "01:30:00", "05:00:00", None, Unwatched, None, "opens at 06:00:01Z, in 1h"),
        // It is open: a look is due within an interval, and late after that; it counts from the opening.
        ("allow", "0 9 * * *", "8h", "01:00:00", "10:00:00", None, Synced, None, "The operator read"),
        ("allow", "0 9 * * *", "8h", "01:00:00", "10:00:00", Some("04:30:00"), Behind, Some(HOUR), "is due within 1h"),
        (
            "allow",
            "0 9 * * *",
            "8h",
            "01:00:00",
            "10:31:00",
            None,
            Dropped,
            Some(HOUR + 31 * 60),
            "open since 09:00:00Z",
        ),
        // It passed without a read, and whatever came after it changes nothing.
        (
            "allow",
            "0 2 * * *",
            "2h",
            "00:30:00",
            "04:01:00",
            None,
            Dropped,
            Some(2 * HOUR + 60),
            "from 02:00:00Z to 04:00:00Z passed without a read",
        ),
        (
            "allow",
            "0 2,5 * * *",
            "10m",
            "00:30:00",
            "05:05:00",
            None,
            Dropped,
            Some(3 * HOUR + 5 * 60),
            "can miss a window as short as that",
        ),
        // None is left, or what is written cannot be read.
        (
            "allow",
            "0 0 31 2 *",
            "2h",
            "01:00:00",
            "10:00:00",
            None,
            Unwatched,
            None,
            "its syncWindows leave no time for it",
        ),
        (
            "allow",
            "never",
            "2h",
            "01:00:00",
            "10:00:00",
            Some("04:30:00"),
            Unwatched,
            Some(5 * HOUR + 1_800),
            "it is not to follow",
        ),
        ("deny", "never", "2h", "01:00:00", "10:00:00", None, Dropped, Some(8 * HOUR), "open since 02:00:00Z"),
        (
            "sometimes",
            "0 9 * * *",
            "8h",
            "01:00:00",
            "10:00:00",
            None,
            Dropped,
            Some(8 * HOUR),
            "nobody has looked since",
        ),
    ];
    for (kind, schedule, lasts, read, now, updated, word, lag, says) in rows {
        let said = windowed(kind, schedule, lasts, read, now, *updated);
        let what = format!("{kind} {schedule} {lasts}, read {read}, at {now}: {said:?}");
        assert_eq!((said.word, said.lag.map(|lag| lag.as_secs())), (*word, *lag), "{what}");
        assert!(said.why.contains(says), "{what}");
    }
}

fn eso(kind: &str, name: &str, spec: &Value, status: &Value) -> SyncSeen {
    let version = if kind == "PushSecret" { "v1alpha1" } else { "v1" };
    let labels = spec["labels"].clone();
    let object = json!({"apiVersion": format!("external-secrets.io/{version}"), "kind": kind,
        "metadata": {"name": name, "namespace": if kind == "ClusterSecretStore" { "" } else { "pay" }, "labels": labels,
            "creationTimestamp": "2026-11-22T04:00:00Z"},
        "spec": spec, "status": status});
    digest(&object).unwrap()
}

fn ready(status: &str, reason: &str) -> Value {
    json!([{"type": "Ready", "status": status, "reason": reason, "message": "could not do it",
        "lastTransitionTime": "2026-11-22T04:00:01Z"}])
}

fn store(kind: &str, name: &str, label: &str, status: &str) -> SyncSeen {
    let reason = if status == "True" { "Valid" } else { "InvalidProviderConfig" };
    let spec = json!({"labels": {"tier": label}, "provider": {"vault": {"path": name, "version": "v2"}}});
    eso(kind, name, &spec, &json!({"conditions": ready(status, reason)}))
}

/// A PushSecret of each hour, pushed an hour before, to these stores.
fn push(stores: &Value, status: &str, pushed: &[&str]) -> SyncSeen {
    let pushed: serde_json::Map<String, Value> =
        pushed.iter().map(|store| ((*store).to_owned(), json!({"pay/p/p": {"match": {}}}))).collect();
    let spec = json!({"refreshInterval": "1h", "secretStoreRefs": stores, "selector": {"secret": {"name": "till"}},
        "data": [{"match": {"secretKey": "p", "remoteRef": {"remoteKey": "pay/p"}}}]});
    let reason = if status == "True" { "Synced" } else { "Errored" };
    let status = json!({"refreshTime": "2026-11-22T05:00:00Z", "syncedPushSecrets": pushed, "conditions": ready(status, reason)});
    eso("PushSecret", "push", &spec, &status)
}

fn around(rows: &[SyncSeen]) -> Model {
    Model { sync: Some(Table::new(rows.to_vec(), on_the_day("05:30:00"))), ..Model::default() }
}

/// What it names or means; its Ready; where something was pushed; its stores; the word and parts of the reason.
type Pushed<'a> = (&'a Value, &'a str, &'a [&'a str], &'a [&'a str], Word, &'a str);

#[test]
fn a_push_goes_to_every_store_and_the_broken_one_is_named() {
    let stores = [
        store("SecretStore", "main", "gold", "True"),
        store("SecretStore", "second", "iron", "False"),
        store("ClusterSecretStore", "far", "gold", "True"),
    ];
    let named = json!([{"name": "main"}, {"name": "second"}]);
    let gone = json!([{"name": "main"}, {"name": "ghost", "kind": "ClusterSecretStore"}]);
    let gold = json!([{"labelSelector": {"matchLabels": {"tier": "gold"}}},
        {"kind": "ClusterSecretStore", "labelSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}}]);
    let all = json!([{"name": "main"}, {"labelSelector": {}}]);
    let none = json!([{"labelSelector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["tin"]}]}}]);
    let not =
        json!([{"labelSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["gold"]}]}}]);
    let (main, second, far) = ("SecretStore pay/main", "SecretStore pay/second", "ClusterSecretStore far");
    let rows: &[Pushed<'_>] = &[
        (&named, "False", &["SecretStore/main"], &[main, second], Failed, "SecretStore pay/second is not ready"),
        (
            &named,
            "False",
            &["SecretStore/main"],
            &[main, second],
            Failed,
            "something was pushed to 1 of its 2 stores before",
        ),
        (&named, "False", &[], &[main, second], Failed, "nothing was pushed to any of its 2 stores"),
        (&named, "True", &["SecretStore/main", "SecretStore/second"], &[main, second], Synced, "Pushed"),
        (
            &named,
            "True",
            &["SecretStore/main"],
            &[main, second],
            Synced,
            "nothing was pushed to SecretStore pay/second",
        ),
        (&gone, "False", &[], &[main, "ClusterSecretStore ghost"], Failed, "ClusterSecretStore ghost does not exist"),
        (&gold, "True", &["SecretStore/main", "ClusterSecretStore/far"], &[far, main], Synced, "Pushed"),
        (&gold, "True", &["SecretStore/main"], &[far, main], Synced, "nothing was pushed to ClusterSecretStore far"),
        (&all, "False", &[], &[main, second], Failed, "SecretStore pay/second is not ready"),
        (&none, "True", &["SecretStore/main"], &[], Dropped, "means no store that exists"),
        (&not, "False", &[], &[second], Failed, "SecretStore pay/second is not ready"),
    ];
    let now = on_the_day("05:30:00");
    for (refs, status, pushed, ways, word, says) in rows {
        let seen = push(refs, status, pushed);
        let model = around(&[stores.to_vec(), vec![seen.clone()]].concat());
        let said = judge(&model, &seen, now);
        let whole = format!("{} | {}", said.why, said.also.as_deref().unwrap_or_default());
        assert_eq!((said.word, whole.contains(says)), (*word, true), "{refs} {status} {pushed:?}: {whole}");
        let many = Witnesses::of(&model, now);
        assert_eq!(many.judge(&seen), said);
        let found: Vec<String> = many.ways(&seen).iter().map(ToString::to_string).collect();
        assert_eq!(found, *ways, "{refs}");
        assert_eq!(Witnesses::alone(&model, now).ways(&seen), many.ways(&seen));
    }
    // Each of its keys lies in the mount of each store that it names.
    let seen = push(&named, "True", &[]);
    let places = seen.places(None, |name| stores.iter().find(|store| store.object == *name));
    let places: Vec<String> = places.iter().map(baowatch::app::model::paths::VaultPath::words).collect();
    assert_eq!(places, ["main/pay/p", "second/pay/p"]);
}

#[test]
fn a_store_that_an_entry_names_or_labels_mean_has_users() {
    let entry = json!({"secretStoreRef": {"name": "main"}, "data": [{"secretKey": "a", "remoteRef": {"key": "x"},
        "sourceRef": {"storeRef": {"name": "far", "kind": "ClusterSecretStore"}}}],
        "dataFrom": [{"extract": {"key": "y"}, "sourceRef": {"storeRef": {"name": "second"}}}]});
    let rows = [
        store("SecretStore", "main", "iron", "True"),
        store("SecretStore", "second", "gold", "True"),
        store("SecretStore", "spare", "tin", "True"),
        store("ClusterSecretStore", "far", "gold", "True"),
        eso("ExternalSecret", "web", &entry, &json!({})),
        push(&json!([{"labelSelector": {"matchLabels": {"tier": "gold"}}}]), "True", &[]),
    ];
    let model = around(&rows);
    let now = on_the_day("05:30:00");
    let wanted = [
        ("main", "1 object goes through it"),
        ("second", "2 objects go through it"),
        ("spare", "nothing in sight goes through it"),
        ("far", "1 object goes through it"),
    ];
    for (row, (name, says)) in rows.iter().zip(wanted) {
        let said = Witnesses::of(&model, now).judge(row);
        assert!(row.object.name == name && said.why.ends_with(says), "{name}: {}", said.why);
        assert_eq!(judge(&model, row, now), said);
    }
}

#[test]
fn what_labels_mean_is_judged_anew_when_a_store_changes() {
    let now = on_the_day("05:30:00");
    let gold = json!([{"labelSelector": {"matchLabels": {"tier": "gold"}}}]);
    let mut model = Model::default();
    let mut word = |delta: Delta<SyncSeen>| {
        tell(&mut model, FeedId::Sync, Fact::Sync(delta), now);
        let known = standings(&model, now);
        let witnesses = Witnesses::of(&model, now).silent();
        for seen in model.sync.iter().flat_map(Table::iter) {
            assert_eq!(known.get(&seen.object), Some(&witnesses.judge(seen)), "{}", seen.object);
        }
        known.get(&ObjectRef::new("PushSecret", "pay", "push")).map(|standing| standing.word)
    };
    let pushed = push(&gold, "True", &["SecretStore/main"]);
    assert_eq!(word(Delta::whole(vec![pushed])), Some(Dropped));
    assert_eq!(word(Delta::put(vec![store("SecretStore", "main", "gold", "True")])), Some(Synced));
    assert_eq!(word(Delta::put(vec![store("SecretStore", "main", "iron", "True")])), Some(Dropped));
    assert_eq!(word(Delta::put(vec![store("SecretStore", "second", "gold", "False")])), Some(Synced));
    assert_eq!(word(Delta::put(vec![push(&gold, "False", &[])])), Some(Failed));
    assert_eq!(word(Delta::Gone(vec![ObjectRef::new("SecretStore", "pay", "second")])), Some(Dropped));
}

fn generator(kind: &str, namespace: &str, name: &str) -> SyncSeen {
    digest(&json!({"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": {"kind": "Password"}}))
    .unwrap()
}

/// An ExternalSecret that takes a value from each of these generators.
fn takes(name: &str, interval: &str, ready_is: &str, generators: &[(&str, &str)]) -> SyncSeen {
    let entries =
        generators.iter().map(|(kind, name)| json!({"sourceRef": {"generatorRef": {"kind": kind, "name": name}}}));
    let entries: Vec<Value> = entries.collect();
    let reason = if ready_is == "True" { "SecretSynced" } else { "SecretSyncedError" };
    let status = json!({"refreshTime": "2026-11-22T05:00:00Z", "conditions": ready(ready_is, reason)});
    eso("ExternalSecret", name, &json!({"refreshInterval": interval, "dataFrom": entries}), &status)
}

#[test]
fn a_generator_is_told_by_what_takes_values_from_it() {
    let rows = [
        generator("Password", "pay", "daily"),
        generator("Password", "pay", "once"),
        generator("UUID", "pay", "spare"),
        generator("VaultDynamicSecret", "pay", "db"),
        generator("ClusterGenerator", "", "shared"),
        takes("a", "24h", "True", &[("Password", "daily"), ("ClusterGenerator", "shared")]),
        takes("b", "0", "True", &[("Password", "daily"), ("Password", "once"), ("Fake", "x")]),
        takes("c", "1h", "True", &[("VaultDynamicSecret", "db")]),
        takes("lost", "1h", "False", &[("Password", "daily"), ("UUID", "ghost")]),
        takes("far", "1h", "False", &[("SSHKey", "ghost")]),
    ];
    let model = around(&rows);
    let now = on_the_day("05:30:00");
    let wanted = [
        (
            "Password pay/daily",
            Synced,
            "a new value for ExternalSecret pay/lost every 1h, the last 05:00:00Z, 30m ago; 1 of the 3",
        ),
        ("Password pay/once", Unwatched, "Never rotates: refreshInterval is 0 of ExternalSecret pay/b"),
        ("UUID pay/spare", Unwatched, "Nothing in sight takes a value from it"),
        // Both operators have a kind of that name.
        ("VaultDynamicSecretGenerator pay/db", Synced, "for ExternalSecret pay/c every 1h"),
        ("ClusterGenerator shared", Synced, "for ExternalSecret pay/a every 24h"),
        ("ExternalSecret pay/a", Synced, "Generator Password daily makes a new value"),
        ("ExternalSecret pay/b", Unwatched, "never makes another"),
        ("ExternalSecret pay/c", Synced, "Generator VaultDynamicSecret db"),
        ("ExternalSecret pay/lost", Failed, "Its generator UUID pay/ghost does not exist"),
        // None of its kind is in sight: whether it exists is not known.
        ("ExternalSecret pay/far", Failed, "could not do it"),
    ];
    for (row, (object, word, says)) in rows.iter().zip(wanted) {
        let said = Witnesses::of(&model, now).judge(row);
        assert_eq!((row.object.to_string().as_str(), said.word), (object, word), "{}", said.why);
        assert!(said.why.contains(says), "{object}: {}", said.why);
        assert_eq!(judge(&model, row, now), said, "{object}");
    }
    // What changes about those who name it changes how it stands, and what is kept with it.
    let mut kept = Model::default();
    let mut word = |delta: Delta<SyncSeen>| {
        tell(&mut kept, FeedId::Sync, Fact::Sync(delta), now);
        let known = standings(&kept, now);
        let witnesses = Witnesses::of(&kept, now).silent();
        for seen in kept.sync.iter().flat_map(Table::iter) {
            assert_eq!(known.get(&seen.object), Some(&witnesses.judge(seen)), "{}", seen.object);
        }
        known.get(&rows[1].object).map(|standing| standing.word)
    };
    assert_eq!(word(Delta::whole(rows[..5].to_vec())), Some(Unwatched));
    assert_eq!(word(Delta::put(vec![takes("b", "1h", "True", &[("Fake", "x"), ("Password", "once")])])), Some(Synced));
    assert_eq!(word(Delta::Gone(vec![ObjectRef::new("ExternalSecret", "pay", "b")])), Some(Unwatched));
}
