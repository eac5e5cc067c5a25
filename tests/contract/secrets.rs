//! What a Secret shows after it was emptied in each way: the trace that attribution lives on.

use baowatch::backends::kube::port::Kube as _;
use baowatch::backends::sandbox::event::{Event, Way};
use baowatch::backends::sandbox::scenario::VaultSettings;
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Value, json};

use super::simulated::sandbox;
use crate::lab::{lab, left_out};

/// The claim, one row a way: uid, data, owners (manager, operation, age of `time`, fields of data), the applied manifest.
const fn trace(way: Way) -> &'static str {
    match way {
        Way::SameManagerApply => "same uid; none; keys-operator Apply new []; never applied",
        Way::ClientApply => "same uid; none; kubectl-client-side-apply Update new []; applied []",
        Way::ClientThenServerApply => {
            "same uid; none; kubectl Apply new [], kubectl-last-applied Apply timeless []; applied []"
        }
        Way::Replace | Way::JsonPatch => "same uid; none; seeder Update old []; never applied",
        Way::Recreate => "new uid; none; kubectl-replace Update new []; never applied",
        Way::EmptyValue => {
            "same uid; key empty, root-token kept; kubectl-client-side-apply Update new [key], seeder Update old \
             [root-token]; applied [key]"
        }
        Way::ForcedEmptyValue => {
            "same uid; key empty, root-token kept; gitops Apply new [key], seeder Update old [root-token]; never applied"
        }
    }
}

/// The trace of a pair of objects, in the same words.
fn seen(before: &Secret, after: &Secret) -> String {
    let uid = if before.metadata.uid == after.metadata.uid { "same" } else { "new" };
    let was = before.data.clone().unwrap_or_default();
    let data = after.data.clone().unwrap_or_default();
    let words: Vec<String> = data
        .iter()
        .map(|(name, value)| {
            let how = if value.0.is_empty() { "empty" } else if was.get(name) == Some(value) { "kept" } else { "changed" };
            format!("{name} {how}")
        })
        .collect();
    let data = if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    let old = before.metadata.managed_fields.clone().unwrap_or_default();
    let mut owners: Vec<String> =
        after.metadata.managed_fields.iter().flatten().map(|owner| describe(owner, &old)).collect();
    owners.sort();
    let annotations = after.metadata.annotations.clone().unwrap_or_default();
    let applied = annotations.get("kubectl.kubernetes.io/last-applied-configuration").map_or_else(
        || "never applied".to_owned(),
        |text| {
            let manifest: Value = serde_json::from_str(text).unwrap();
            let fields = manifest["data"].as_object().map(|data| data.keys().cloned().collect::<Vec<_>>());
            format!("applied [{}]", fields.unwrap_or_default().join(" "))
        },
    );
    format!("{uid} uid; {data}; {}; {applied}", owners.join(", "))
}

fn describe(owner: &ManagedFieldsEntry, old: &[ManagedFieldsEntry]) -> String {
    let age = match &owner.time {
        None => "timeless",
        Some(time) if old.iter().any(|entry| entry.time.as_ref() == Some(time)) => "old",
        Some(_) => "new",
    };
    let owned = owner.fields_v1.as_ref().and_then(|fields| fields.0.get("f:data")?.as_object().cloned());
    let names: Vec<String> =
        owned.unwrap_or_default().keys().filter_map(|name| Some(name.strip_prefix("f:")?.to_owned())).collect();
    let manager = owner.manager.as_deref().unwrap_or_default();
    format!("{manager} {} {age} [{}]", owner.operation.as_deref().unwrap_or_default(), names.join(" "))
}

fn hold(way: Way, before: &Secret, after: &Secret) {
    assert_eq!(before.data.as_ref().map(std::collections::BTreeMap::len), Some(2), "{way:?} begins with two fields");
    assert_eq!(seen(before, after), trace(way), "{way:?}");
}

#[tokio::test]
async fn emptied_secrets_show_the_same_trace_in_the_sandbox() {
    for way in Way::ALL {
        let toml = format!(
            "title = \"t\"\nsays = \"s\"\n[[events]]\nat = \"1m\"\ndo = \"secret-emptied\"\nhow = {}\n",
            serde_json::to_value(name(way)).unwrap()
        );
        let scenario = baowatch::backends::sandbox::scenario::Scenario::parse("trace", &toml).unwrap();
        let sandbox = baowatch::backends::sandbox::Sandbox::new(&scenario);
        sandbox.advance_by(SignedDuration::from_secs(1));
        let before = sandbox.secret("openbao", "openbao-keys").await.unwrap().unwrap();
        sandbox.advance_by(SignedDuration::from_secs(90));
        let after = sandbox.secret("openbao", "openbao-keys").await.unwrap().unwrap();
        hold(way, &before, &after);
    }
    // With several shares the captured `key` stands for each of them.
    let several = sandbox(VaultSettings { shares: 3, threshold: 2, ..Default::default() });
    several.happen(&Event::SecretEmptied { how: Way::ForcedEmptyValue });
    let secret = several.secret("openbao", "openbao-keys").await.unwrap().unwrap();
    let data = secret.data.unwrap();
    assert_eq!(data.keys().collect::<Vec<_>>(), ["root-token", "unseal-key-0", "unseal-key-1", "unseal-key-2"]);
    assert_eq!(data.values().filter(|value| value.0.is_empty()).count(), 3);
}

/// The way's name in a scenario file.
const fn name(way: Way) -> &'static str {
    match way {
        Way::SameManagerApply => "same-manager-apply",
        Way::ClientApply => "client-apply",
        Way::ClientThenServerApply => "client-then-server-apply",
        Way::Replace => "replace",
        Way::JsonPatch => "json-patch",
        Way::Recreate => "recreate",
        Way::EmptyValue => "empty-value",
        Way::ForcedEmptyValue => "forced-empty-value",
    }
}

#[test]
fn emptied_secrets_show_the_same_trace_on_a_real_api_server() {
    if left_out() {
        return;
    }
    let namespace = format!("contract-{}", std::process::id());
    let kubectl = |args: &[&str], input: &str| {
        let all: Vec<&str> = ["-n", namespace.as_str()].iter().chain(args).copied().collect();
        lab().kubectl(&all, input)
    };
    lab().kubectl(&["create", "namespace", &namespace], "");
    for way in Way::ALL {
        let get = || serde_json::from_str::<Secret>(&kubectl(&["get", "secret", name(way), "--show-managed-fields", "-o", "json"], "")).unwrap();
        let manifest = |data: Value| {
            let mut manifest = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": name(way)}, "data": data});
            if manifest["data"].is_null() {
                manifest.as_object_mut().unwrap().remove("data");
            }
            manifest.to_string()
        };
        let full = manifest(json!({"key": "c2hhcmU=", "root-token": "dG9rZW4="}));
        let bare = manifest(Value::Null);
        let no_key = manifest(json!({"key": ""}));
        let create = || kubectl(&["create", "--field-manager=seeder", "-f", "-"], &full);
        let written = match way {
            Way::SameManagerApply => kubectl(&["apply", "--server-side", "--field-manager=keys-operator", "-f", "-"], &full),
            Way::ClientApply | Way::ClientThenServerApply => kubectl(&["apply", "-f", "-"], &full),
            Way::Replace | Way::JsonPatch | Way::Recreate | Way::EmptyValue | Way::ForcedEmptyValue => create(),
        };
        assert!(written.contains(name(way)));
        let before = get();
        // managedFields count whole seconds: the second must be another one.
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        match way {
            Way::SameManagerApply => kubectl(&["apply", "--server-side", "--field-manager=keys-operator", "-f", "-"], &bare),
            Way::ClientApply => kubectl(&["apply", "-f", "-"], &bare),
            Way::ClientThenServerApply => kubectl(&["apply", "--server-side", "-f", "-"], &bare),
            Way::Replace => kubectl(&["replace", "-f", "-"], &bare),
            Way::JsonPatch => {
                let patch = r#"[{"op":"remove","path":"/data"}]"#;
                kubectl(&["patch", "secret", name(way), "--type=json", "-p", patch], "")
            }
            Way::Recreate => kubectl(&["replace", "--force", "-f", "-"], &bare),
            Way::EmptyValue => kubectl(&["apply", "-f", "-"], &no_key),
            Way::ForcedEmptyValue => {
                kubectl(&["apply", "--server-side", "--field-manager=gitops", "--force-conflicts", "-f", "-"], &no_key)
            }
        };
        hold(way, &before, &get());
    }
    lab().kubectl(&["delete", "namespace", &namespace, "--wait=false"], "");
}
