//! The sandbox keeps its own promises: objects can be read, incidents unfold, nothing moves without its clock.

use futures::{FutureExt as _, StreamExt as _};
use serde_json::Value;

use super::event::Way;
use super::scenario::{MountSort, SealSort, UnsealerSort, VaultSettings, scenarios};
use super::*;
use crate::app::trouble::TroubleKind;
use crate::backends::bao::transport::{Access, Method, Request, Transport};
use crate::backends::kube::port::{Change, Kube, Watched};

fn scenario(vault: VaultSettings) -> Scenario {
    let mut scenario = Scenario::named("healthy").unwrap();
    scenario.events.clear();
    scenario.vault = vault;
    scenario
}

fn sandbox(vault: VaultSettings) -> Arc<Sandbox> {
    Sandbox::new(&scenario(vault))
}

fn after(sandbox: &Sandbox, seconds: i64) {
    sandbox.advance_by(SignedDuration::from_secs(seconds));
}

fn get(sandbox: &Sandbox, replica: &str, what: &str) -> (u16, Value) {
    let request = Request { method: Method::Get, path: format!("/v1/sys/{what}"), body: None, access: Access::none() };
    let response = sandbox.send(replica, request).now_or_never().unwrap().unwrap();
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

fn health(sandbox: &Sandbox) -> Vec<u16> {
    ["openbao-0", "openbao-1", "openbao-2"].map(|replica| get(sandbox, replica, "health").0).to_vec()
}

/// Deletes a pod and waits until the new one runs.
fn restart(sandbox: &Sandbox, pod: &str) {
    sandbox.happen(&Event::PodDeleted { pod: pod.into() });
    after(sandbox, 9);
}

async fn running(sandbox: &Sandbox, pod: &str) -> bool {
    let pods = sandbox.pods("openbao", "component=server").await.unwrap();
    let pod = pods.into_iter().find(|p| p.metadata.name.as_deref() == Some(pod)).unwrap();
    pod.status.unwrap().container_statuses.unwrap()[0].state.as_ref().unwrap().running.is_some()
}

#[test]
fn every_scenario_that_ships_can_be_read_and_lived_through() {
    for (name, _) in scenarios() {
        let scenario = Scenario::named(name).unwrap();
        assert!(!scenario.says.is_empty() && !scenario.expectations().is_empty(), "{name}");
        Sandbox::new(&scenario).advance_to(scenario.moment(SignedDuration::from_mins(60)));
    }
    assert!(Scenario::named("nowhere").unwrap_err().next.contains("keys-wiped"));
}

#[test]
fn what_a_scenario_file_gets_wrong_is_named_with_its_line() {
    let wrong = |text: &str| Scenario::parse("x", text).unwrap_err().to_string();
    let head = "title = \"t\"\nsays = \"s\"\n";
    assert!(wrong(&format!("{head}colour = 1\n")).contains("line 3"));
    assert!(wrong(&format!("{head}[vault]\nreplica = 3\n")).contains("line 4"));
    assert!(wrong(&format!("{head}[[events]]\nat = \"soon\"\ndo = \"secret-deleted\"\n")).contains("line 4"));
    let event = wrong(&format!("{head}[[events]]\nat = \"1m\"\ndo = \"pod-deleted\"\n"));
    assert!(event.contains("line 4") && event.contains("needs `pod`"), "{event}");
    assert!(wrong(&format!("{head}[[events]]\nat = \"1m\"\ndo = \"earthquake\"\n")).contains("line 5"));
}

#[tokio::test]
async fn objects_are_whole() {
    let all = [
        VaultSettings {
            unsealer: UnsealerSort::Deployment,
            mount: MountSort::Items,
            shares: 3,
            threshold: 2,
            ..Default::default()
        },
        VaultSettings { unsealer: UnsealerSort::Sidecar, mount: MountSort::Optional, ..Default::default() },
        VaultSettings { unsealer: UnsealerSort::None, seal: SealSort::Static, ..Default::default() },
    ];
    for settings in all {
        let sandbox = sandbox(settings.clone());
        after(&sandbox, 1);
        let set = sandbox.vaults(None).await.unwrap().remove(0);
        assert_eq!(set.metadata.name.as_deref(), Some("openbao"));
        assert_eq!(set.spec.as_ref().unwrap().replicas, Some(3));
        let pods = sandbox.pods("openbao", "app.kubernetes.io/name=openbao,component=server").await.unwrap();
        assert_eq!(pods.len(), 3);
        let ready = |pod: &k8s_openapi::api::core::v1::Pod| {
            let conditions = pod.status.clone().unwrap().conditions.unwrap();
            conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
        };
        assert!(pods.iter().all(ready));
        let helpers = sandbox.deployments("openbao").await.unwrap();
        assert_eq!(helpers.len(), usize::from(settings.unsealer == UnsealerSort::Deployment));
        assert!(helpers.iter().all(|d| d.spec.is_some() && d.status.as_ref().unwrap().ready_replicas == Some(1)));
        let config = sandbox.config_map("openbao", "openbao-config").await.unwrap().unwrap();
        let hcl = config.data.unwrap().remove("extraconfig-from-values.hcl").unwrap();
        assert_eq!(hcl.contains("seal \"static\""), settings.seal == SealSort::Static);
        let secret = sandbox.secret("openbao", "openbao-keys").await.unwrap().unwrap();
        assert!(secret.metadata.managed_fields.is_some_and(|owners| !owners.is_empty()));
        assert_eq!(sandbox.secret_names("openbao").await.unwrap().len(), 2);
    }
}

#[test]
fn a_restarted_standby_is_opened_by_its_sidecar() {
    let sandbox = sandbox(VaultSettings::default());
    after(&sandbox, 1);
    assert_eq!(health(&sandbox), [200, 429, 429]);
    restart(&sandbox, "openbao-2");
    after(&sandbox, 6);
    assert_eq!(health(&sandbox), [200, 429, 429]);
}

#[test]
fn an_emptied_secret_is_noticed_by_the_mount_a_minute_later_and_then_nothing_reopens() {
    let sandbox = sandbox(VaultSettings::default());
    sandbox.happen(&Event::SecretEmptied { how: Way::SameManagerApply });
    after(&sandbox, 30);
    sandbox.happen(&Event::PodKilled { pod: "openbao-1".into() });
    after(&sandbox, 10);
    assert_eq!(health(&sandbox), [200, 429, 429], "the old file is still there");
    after(&sandbox, 90);
    sandbox.happen(&Event::PodKilled { pod: "openbao-1".into() });
    after(&sandbox, 60);
    assert_eq!(health(&sandbox), [200, 503, 429]);
    restart(&sandbox, "openbao-2");
    after(&sandbox, 20);
    assert_eq!(health(&sandbox)[1..], [503, 503]);
    let (status, leader) = get(&sandbox, "openbao-0", "leader");
    assert_eq!((status, leader.get("leader_address")), (200, None), "one of three has no quorum");
    sandbox.happen(&Event::SecretRestored);
    after(&sandbox, 120);
    assert_eq!(health(&sandbox).iter().filter(|code| **code == 200).count(), 1);
    assert!(!health(&sandbox).contains(&503));
}

#[test]
fn a_killed_leader_is_still_named_for_a_while_and_a_deleted_one_hands_over() {
    let sandbox = sandbox(VaultSettings { unsealer: UnsealerSort::None, ..Default::default() });
    after(&sandbox, 1);
    sandbox.happen(&Event::PodKilled { pod: "openbao-0".into() });
    after(&sandbox, 5);
    assert_eq!(health(&sandbox), [503, 429, 429]);
    assert_eq!(get(&sandbox, "openbao-1", "leader").1["leader_address"], "http://openbao-0:8200");
    after(&sandbox, 12);
    assert_eq!(health(&sandbox), [503, 200, 429]);
}

#[tokio::test]
async fn volumes_follow_the_kubelets_rules() {
    for (mount, starts) in [(MountSort::Plain, true), (MountSort::Optional, true), (MountSort::Items, false)] {
        let sandbox = sandbox(VaultSettings { mount, ..Default::default() });
        sandbox.happen(&Event::SecretEmptied { how: Way::Replace });
        restart(&sandbox, "openbao-2");
        assert_eq!(running(&sandbox, "openbao-2").await, starts, "{mount:?}, emptied");
    }
    for (mount, starts) in [(MountSort::Plain, false), (MountSort::Optional, true), (MountSort::Items, false)] {
        let sandbox = sandbox(VaultSettings { mount, ..Default::default() });
        sandbox.happen(&Event::SecretDeleted);
        restart(&sandbox, "openbao-2");
        assert_eq!(running(&sandbox, "openbao-2").await, starts, "{mount:?}, deleted");
    }
}

#[tokio::test]
async fn a_static_seal_opens_at_start_when_its_key_is_right_and_only_then() {
    let settings = VaultSettings { seal: SealSort::Static, unsealer: UnsealerSort::None, ..Default::default() };
    let sandbox = sandbox(settings);
    after(&sandbox, 1);
    restart(&sandbox, "openbao-2");
    after(&sandbox, 3);
    assert_eq!(health(&sandbox), [200, 429, 429]);
    sandbox.happen(&Event::SecretSpoiled);
    restart(&sandbox, "openbao-2");
    after(&sandbox, 30);
    assert_eq!(health(&sandbox), [200, 429, 503], "a wrong key leaves it running and sealed");
    sandbox.happen(&Event::SecretEmptied { how: Way::Replace });
    restart(&sandbox, "openbao-1");
    assert!(!running(&sandbox, "openbao-1").await, "without its key the process ends at once");
}

#[test]
fn ordered_pods_wait_for_the_first() {
    let settings = VaultSettings { ordered: true, unsealer: UnsealerSort::None, ..Default::default() };
    let sandbox = sandbox(settings);
    after(&sandbox, 1);
    sandbox.happen(&Event::PodDeleted { pod: "openbao-0".into() });
    sandbox.happen(&Event::PodDeleted { pod: "openbao-1".into() });
    after(&sandbox, 60);
    let pods = sandbox.pods("openbao", "").now_or_never().unwrap().unwrap();
    let names: Vec<_> = pods.into_iter().filter_map(|pod| pod.metadata.name).collect();
    assert_eq!(names, ["openbao-0", "openbao-2"]);
}

#[tokio::test]
async fn a_lost_api_server_is_unreachable_and_a_missing_right_is_denied() {
    let sandbox = sandbox(VaultSettings::default());
    let mut watch = sandbox.watch(Watched::Secret { namespace: "openbao".into(), name: "openbao-keys".into() });
    assert!(matches!(watch.next().await, Some(Ok(Change::Secret(Some(_))))));
    sandbox.happen(&Event::ApiServer { up: false });
    after(&sandbox, 2);
    assert_eq!(watch.next().await.unwrap().unwrap_err().kind, TroubleKind::Unreachable);
    assert_eq!(sandbox.secret("openbao", "openbao-keys").await.unwrap_err().kind, TroubleKind::Unreachable);
    let request = Request { method: Method::Get, path: "/v1/sys/health".into(), body: None, access: Access::none() };
    assert_eq!(sandbox.send("openbao-0", request).await.err().unwrap().kind, TroubleKind::Unreachable);
    sandbox.happen(&Event::ApiServer { up: true });
    assert!(matches!(watch.next().await, Some(Ok(Change::Secret(Some(_))))));
    sandbox.happen(&Event::Rights { deny: vec!["secrets".into()] });
    after(&sandbox, 2);
    let denied = watch.next().await.unwrap().unwrap_err();
    assert_eq!(denied.kind, TroubleKind::Denied);
    assert!(denied.next.contains("resources: [\"secrets\"], resourceNames: [\"openbao-keys\"]"), "{}", denied.next);
    assert!(sandbox.pods("openbao", "").await.is_ok());
}

#[tokio::test]
async fn a_watch_brings_every_version_of_the_secret_and_every_change_of_the_pods() {
    let sandbox = sandbox(VaultSettings::default());
    let mut secret = sandbox.watch(Watched::Secret { namespace: "openbao".into(), name: "openbao-keys".into() });
    let mut pods = sandbox.watch(Watched::Pods { namespace: "openbao".into(), selector: "component=server".into() });
    after(&sandbox, 1);
    sandbox.happen(&Event::SecretEmptied { how: Way::JsonPatch });
    after(&sandbox, 1);
    sandbox.happen(&Event::SecretDeleted);
    sandbox.happen(&Event::PodDeleted { pod: "openbao-2".into() });
    after(&sandbox, 30);
    let mut sizes = Vec::new();
    while let Some(Some(change)) = secret.next().now_or_never() {
        if let Ok(Change::Secret(secret)) = change {
            sizes.push(secret.map(|s| s.data.unwrap_or_default().len()));
        }
    }
    assert_eq!(sizes, [Some(2), Some(0), None]);
    let mut uids = Vec::new();
    while let Some(Some(Ok(Change::Pods(all)))) = pods.next().now_or_never() {
        uids.extend(
            all.into_iter().filter(|p| p.metadata.name.as_deref() == Some("openbao-2")).filter_map(|p| p.metadata.uid),
        );
    }
    uids.dedup();
    assert_eq!(uids.len(), 2, "a new pod under the old name");
}

#[test]
fn two_runs_are_the_same_run() {
    let face = |step: i64| {
        let sandbox = Sandbox::new(&Scenario::named("keys-wiped").unwrap());
        for _ in 0..600 / step {
            after(&sandbox, step);
        }
        let secret = sandbox.secret("openbao", "openbao-keys").now_or_never().unwrap().unwrap().unwrap();
        (serde_json::to_string(&secret).unwrap(), get(&sandbox, "openbao-1", "seal-status"))
    };
    assert_eq!(face(1), face(60));
}
