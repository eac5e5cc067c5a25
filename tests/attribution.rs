//! Who emptied the keys Secret: a row for each way of losing it, from objects captured on a real API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use baowatch::app::id::ObjectRef;
use baowatch::app::model::attribution::{Attribution, Culprit, attribute};
use baowatch::app::model::keys_secret::{FieldSeen, Glimpse, KeysSecret, KeysSeen, OwnerSeen, Purpose, Shape};
use serde_json::Value;
use world::{at, print};

/// Reduces a captured Secret as the backend does, without its values.
fn reduce(object: &Value) -> KeysSecret {
    let meta = &object["metadata"];
    let time = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    let names = |value: &Value| -> Vec<String> {
        let keys = value.as_object().into_iter().flatten();
        keys.filter_map(|(key, _)| key.strip_prefix("f:").map(str::to_owned)).collect()
    };
    let fields = object["data"].as_object().into_iter().flatten().map(|(name, value)| {
        let len = value.as_str().unwrap().len() as u32;
        let token = name.contains("root");
        FieldSeen {
            name: name.clone(),
            len,
            purpose: if token { Purpose::RootToken } else { Purpose::Shares },
            shape: match (len, token) {
                (0, _) => Shape::Empty,
                (_, true) => Shape::Token,
                (_, false) => Shape::Shares { count: 1, bytes: 32 },
            },
            prints: if len > 0 && !token { vec![print("7f3a91c2")] } else { Vec::new() },
        }
    });
    let owners = meta["managedFields"].as_array().into_iter().flatten().map(|entry| OwnerSeen {
        manager: entry["manager"].as_str().unwrap().to_owned(),
        apply: entry["operation"] == "Apply",
        time: time(&entry["time"]),
        data: [names(&entry["fieldsV1"]["f:data"]), names(&entry["fieldsV1"]["f:stringData"])].concat(),
    });
    let applied = &meta["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    KeysSecret {
        object: ObjectRef::secret("data", meta["name"].as_str().unwrap()),
        uid: meta["uid"].as_str().unwrap().to_owned(),
        version: meta["resourceVersion"].as_str().unwrap_or_default().to_owned(),
        created: time(&meta["creationTimestamp"]),
        immutable: false,
        fields: fields.collect(),
        owners: owners.collect(),
        last_applied: applied.as_str().map(|text| {
            let manifest: Value = serde_json::from_str(text).unwrap();
            manifest["data"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
        }),
        gitops: None,
    }
}

fn captured(name: &str) -> (KeysSecret, KeysSecret) {
    let path = format!("{}/assets/sandbox/secrets/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    (reduce(&json["before"]), reduce(&json["after"]))
}

fn glimpse(seconds: i64, secret: KeysSecret) -> Glimpse {
    Glimpse { at: at(seconds), until: at(seconds + 60), seen: KeysSeen::Present(Box::new(secret)) }
}

fn watched(name: &str) -> Option<Attribution> {
    let (before, after) = captured(name);
    attribute(&[glimpse(0, before), glimpse(100, after)])
}

/// The grade and who it was; `None` where nothing was lost.
type Answer = Option<(Culprit, Option<&'static str>)>;

#[test]
fn every_way_of_losing_keys_has_its_grade() {
    use Culprit::{Named, Unknown};
    let rows: [(&str, Answer); 17] = [
        ("01-client-apply-over-seeder", None),
        ("02-client-apply", Some((Named, Some("kubectl-client-side-apply")))),
        ("03-server-apply-over-seeder", None),
        ("04-same-manager-apply", Some((Named, Some("keys-operator")))),
        ("05-server-apply-other-manager", None),
        ("06-server-apply-both-drop", Some((Named, Some("gitops")))),
        ("07-update-then-server-apply-same-name", None),
        ("08-client-then-server-apply", Some((Named, Some("kubectl")))),
        ("09-server-apply-after-update", None),
        ("10-server-apply-empty-map", None),
        ("11-server-apply-empty-value", Some((Named, Some("gitops")))),
        ("12-empty-value", Some((Named, Some("kubectl-client-side-apply")))),
        ("13-replace", Some((Unknown, None))),
        ("14-json-patch", Some((Unknown, None))),
        ("15-recreate", Some((Named, Some("kubectl-replace")))),
        ("16-string-data", None),
        ("17-create-then-server-apply", None),
    ];
    for (name, expected) in rows {
        let found = watched(name);
        let short = found.as_ref().map(|found| (found.grade, found.who.as_deref()));
        assert_eq!(short, expected, "{name}: {found:?}");
        assert!(found.is_none_or(|found| found.evidence.iter().all(|line| !line.is_empty())), "{name}");
    }
}

#[test]
fn named_losses_carry_the_very_moment_and_unknown_ones_their_bounds() {
    let named = watched("04-same-manager-apply").unwrap();
    assert_eq!(named.after, named.before);
    assert_eq!(named.after, captured("04-same-manager-apply").1.owners[0].time);
    assert_eq!(named.lost, ["key", "root-token"]);
    let unknown = watched("13-replace").unwrap();
    assert_eq!((unknown.after, unknown.before), (Some(at(60)), Some(at(100))));
    assert_eq!(watched("11-server-apply-empty-value").unwrap().lost, ["key"]);
}

#[test]
fn an_update_that_also_changed_something_else_is_inferred() {
    let (before, mut after) = captured("13-replace");
    after.owners.push(OwnerSeen {
        manager: "kubectl-replace".into(),
        apply: false,
        time: Some(at(90)),
        data: Vec::new(),
    });
    let found = attribute(&[glimpse(0, before.clone()), glimpse(100, after.clone())]).unwrap();
    assert_eq!((found.grade, found.who.as_deref()), (Culprit::Inferred, Some("kubectl-replace")));
    // Two of them are none: it may have been either.
    after.owners.push(OwnerSeen { manager: "kubectl-edit".into(), apply: false, time: Some(at(91)), data: Vec::new() });
    let found = attribute(&[glimpse(0, before), glimpse(100, after)]).unwrap();
    assert_eq!((found.grade, found.who), (Culprit::Unknown, None));
}

#[test]
fn an_apply_by_somebody_who_never_owned_the_keys_is_no_culprit() {
    let (before, mut after) = captured("14-json-patch");
    after.owners.push(OwnerSeen { manager: "gitops".into(), apply: true, time: Some(at(90)), data: Vec::new() });
    let found = attribute(&[glimpse(0, before), glimpse(100, after)]).unwrap();
    assert_eq!((found.grade, found.who.as_deref()), (Culprit::Unknown, None));
    assert!(found.evidence.iter().any(|line| line.contains("gitops")), "{found:?}");
}

#[test]
fn a_deletion_carries_no_trace_and_a_recreation_its_creator() {
    let (before, after) = captured("15-recreate");
    let gone = Glimpse { at: at(100), until: at(110), seen: KeysSeen::Absent(before.object.clone()) };
    let found = attribute(&[glimpse(0, before.clone()), gone.clone()]).unwrap();
    assert_eq!((found.grade, found.lost.len()), (Culprit::Unknown, 2));
    let found = attribute(&[glimpse(0, before), gone, glimpse(120, after)]).unwrap();
    assert_eq!((found.grade, found.who.as_deref()), (Culprit::Named, Some("kubectl-replace")));
}

#[test]
fn what_was_never_seen_with_keys_is_inferred_at_best() {
    let alone = |name: &str| attribute(&[glimpse(0, captured(name).1)]);
    for name in ["02-client-apply", "04-same-manager-apply", "08-client-then-server-apply"] {
        assert_eq!(alone(name).unwrap().grade, Culprit::Inferred, "{name}");
    }
    assert_eq!(alone("15-recreate").unwrap().who.as_deref(), Some("kubectl-replace"));
    for name in ["13-replace", "14-json-patch"] {
        let found = alone(name).unwrap();
        assert_eq!((found.grade, found.who), (Culprit::Unknown, None), "{name}");
    }
    assert_eq!(alone("01-client-apply-over-seeder"), None, "nothing is missing there");
}

#[test]
fn what_was_put_back_is_nobodys_fault_any_more() {
    let (before, after) = captured("13-replace");
    let lost = [glimpse(0, before.clone()), glimpse(100, after.clone())];
    assert!(attribute(&lost).is_some());
    let [first, second] = lost;
    assert_eq!(attribute(&[first, second, glimpse(200, before.clone())]), None);
    // And a later label change does not move the loss.
    let mut labelled = after.clone();
    labelled.version = "later".into();
    let found = attribute(&[glimpse(0, before), glimpse(100, after), glimpse(300, labelled)]).unwrap();
    assert_eq!(found.before, Some(at(100)));
}
