//! The Kubernetes backend against a real API server: found, watched, tunnelled, and denied where it is denied.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod lab;

use std::sync::Arc;
use std::time::Duration;

use baowatch::app::id::FeedId;
use baowatch::app::model::fact::Fact;
use baowatch::app::model::keys_secret::KeysSeen;
use baowatch::app::model::unsealer::{Liveness, UseHow};
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::backends::bao::read::BaoRead;
use baowatch::backends::connect::{Asked, Route, Target, connect};
use baowatch::backends::feeds::seal::SealReader;
use baowatch::backends::feeds::{Aside, Deps, Feed, Vault, all};
use baowatch::backends::kube::port::{Access, Change, Watched};
use futures::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Long enough for a busy machine; nothing here is judged by its speed.
const PATIENCE: Duration = Duration::from_mins(1);

fn asked(vault: &lab::Vault) -> Asked {
    Asked {
        kubeconfig: Some(vault.lab.kubeconfig.clone().into()),
        vault: Some((vault.namespace.clone(), vault.name.clone())),
        ..Asked::default()
    }
}

struct NoSeal;

#[async_trait::async_trait]
impl SealReader for NoSeal {
    async fn seal(&self, _: &str) -> Result<baowatch::app::model::seal::SealSeen, Trouble> {
        Err(Trouble::unreachable("not asked here", "", ""))
    }
}

fn feeds(target: &Target) -> Vec<Box<dyn Feed>> {
    all(Deps {
        kube: target.kube.clone(),
        vault: Vault { namespace: target.namespace.clone(), name: target.name.clone() },
        members: target.members.clone(),
        selector: target.selector.clone(),
        keys_secret: None,
        seal: Arc::new(NoSeal),
        held: baowatch::backends::feeds::Held::nothing(),
        aside: Aside::nothing(),
        digest_fields: Arc::new(|_| Vec::new()),
    })
}

async fn look(feeds: &mut [Box<dyn Feed>], id: FeedId) -> Result<Vec<Fact>, Trouble> {
    let feed = feeds.iter_mut().find(|feed| feed.id() == id).unwrap();
    tokio::time::timeout(PATIENCE, feed.look()).await.expect("a look ends")
}

/// One plain request through the tunnel, ended by the length the server names: an end of stream never comes.
async fn seal_status(target: &Target, pod: &str) -> serde_json::Value {
    let mut stream = target.forward.as_ref().unwrap().dial(pod).await.unwrap();
    let request = format!("GET /v1/sys/seal-status HTTP/1.1\r\nHost: {pod}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let mut piece = [0_u8; 4096];
    while !answer.trim_end().ends_with('}') {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut piece)).await.expect("an answer").unwrap();
        assert!(read > 0, "the tunnel ended early: {answer}");
        answer.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_is_found_and_reached_through_a_tunnel() {
    if lab::left_out() {
        return;
    }
    let vault = lab::lab()
        .vault(json!({"replicas": 2, "unsealer": "sidecar", "secret": "openbao-keys", "mount": {"items": true}}));
    let target = connect(&asked(&vault)).await.unwrap();
    assert_eq!(target.members, ["openbao-0", "openbao-1"]);
    assert_eq!(target.cluster.vault, vault.reference());
    assert!(!target.tls.on, "{:?}", target.cluster.notes);
    assert!(matches!(target.routes.to("openbao-0"), Some(Route::Tunnel(url)) if url.starts_with("http://openbao-0.")));
    for pod in ["openbao-0", "openbao-1"] {
        assert_eq!(seal_status(&target, pod).await["sealed"], false);
    }
    let missing = target.forward.as_ref().unwrap().dial("openbao-9").await.err().unwrap();
    assert_eq!(missing.kind, TroubleKind::Absent, "{missing}");

    let mut feeds = feeds(&target);
    let workload = look(&mut feeds, FeedId::Workload).await.unwrap();
    assert!(matches!(&workload[..], [Fact::Workload(Some(seen))] if seen.replicas == 2 && !seen.tls), "{workload:?}");
    let pods = look(&mut feeds, FeedId::Pods).await.unwrap();
    assert!(
        matches!(&pods[..], [Fact::Pods(pods)] if pods.len() == 2 && pods[0].server().unwrap().running),
        "{pods:?}"
    );
    let unsealers = look(&mut feeds, FeedId::Unsealers).await.unwrap();
    let [Fact::Unsealers(seen)] = &unsealers[..] else { panic!("{unsealers:?}") };
    assert_eq!(seen.chosen.as_deref(), Some("openbao-keys"), "{seen:?}");
    assert_eq!((seen.found[0].sidecar, &seen.found[0].liveness), (true, &Liveness::Running), "{seen:?}");
    assert_eq!(seen.found[0].uses[0].how, UseHow::Items);
    let keys = look(&mut feeds, FeedId::KeysSecret).await.unwrap();
    let [Fact::Keys(KeysSeen::Present(secret))] = &keys[..] else { panic!("{keys:?}") };
    assert!(
        secret
            .owners
            .iter()
            .any(|owner| owner.manager == "seeder" && !owner.apply && owner.data.contains(&"key".to_owned()))
    );
    let rights = look(&mut feeds, FeedId::Rights).await.unwrap();
    assert!(matches!(&rights[..], [Fact::Rights(rights)] if rights.iter().all(|right| right.allowed)), "{rights:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_seal_and_a_tls_listener_are_read_from_the_configuration() {
    if lab::left_out() {
        return;
    }
    let vault = lab::lab().vault(json!({"seal": "static", "tls": true}));
    let target = connect(&asked(&vault)).await.unwrap();
    assert!(target.tls.on, "{:?}", target.cluster.notes);
    let (pem, _) = target.tls.ca.clone().expect("the CA is found where the pod mounts it");
    let tasks = tokio_util::task::TaskTracker::new();
    let reader = BaoRead::new(Arc::new(target.transport(tasks).unwrap()));
    let seal = SealReader::seal(&reader, "openbao-0").await.unwrap();
    assert!(seal.open() && seal.kind == baowatch::app::model::seal::SealKind::Static, "{seal:?}");
    assert_eq!(vault.made["caPem"].as_str().unwrap().trim(), String::from_utf8(pem).unwrap().trim());
    let mut feeds = feeds(&target);
    let unsealers = look(&mut feeds, FeedId::Unsealers).await.unwrap();
    let [Fact::Unsealers(seen)] = &unsealers[..] else { panic!("{unsealers:?}") };
    let key = seen.static_key.as_ref().expect("the static key is found");
    assert_eq!(key.from.as_ref().map(|used| used.secret.clone()), seen.chosen, "{seen:?}");
    assert_eq!(seen.chosen.as_deref(), Some("openbao-seal-key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_unseals_is_found_and_seen_to_be_scaled_away() {
    if lab::left_out() {
        return;
    }
    let vault =
        lab::lab().vault(json!({"unsealer": "deployment", "secret": "openbao-keys", "shares": 3, "threshold": 2}));
    let target = connect(&asked(&vault)).await.unwrap();
    let mut feeds = feeds(&target);
    let found = |facts: Vec<Fact>| match facts.into_iter().next() {
        Some(Fact::Unsealers(seen)) => seen,
        other => panic!("{other:?}"),
    };
    let seen = found(look(&mut feeds, FeedId::Unsealers).await.unwrap());
    assert_eq!(
        (seen.found[0].object.kind.as_str(), &seen.found[0].liveness),
        ("Deployment", &Liveness::Running),
        "{seen:?}"
    );
    let body = json!({"namespace": vault.namespace, "name": vault.name, "running": false});
    vault.lab.call("POST", "/unsealer", &body);
    let seen = found(look(&mut feeds, FeedId::Unsealers).await.unwrap());
    assert_eq!(seen.found[0].liveness, Liveness::Dead { why: "scaled to 0".into() }, "{seen:?}");
    assert_eq!(seen.chosen.as_deref(), Some("openbao-keys"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_the_secret_arrives() {
    if lab::left_out() {
        return;
    }
    let vault = lab::lab().vault(json!({"secret": "openbao-keys"}));
    let target = connect(&asked(&vault)).await.unwrap();
    let watched = Watched::Secret { namespace: vault.namespace.clone(), name: "openbao-keys".into() };
    let mut changes = target.kube.as_ref().unwrap().watch(watched);
    let mut next =
        async || match tokio::time::timeout(PATIENCE, changes.next()).await.expect("a change").unwrap().unwrap() {
            Change::Secret(secret) => secret.map(|secret| secret.data.unwrap_or_default().len()),
            Change::Pods(_) => panic!("pods"),
        };
    assert_eq!(next().await, Some(2));
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", r#"{"data":{"more":"eA=="}}"#], "");
    assert_eq!(next().await, Some(3));
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", r#"{"data":null}"#], "");
    assert_eq!(next().await, Some(0));
    vault.kubectl(&["delete", "secret", "openbao-keys"], "");
    assert_eq!(next().await, None);
    vault.kubectl(&["create", "secret", "generic", "openbao-keys", "--from-literal=key=x"], "");
    assert_eq!(next().await, Some(1));
}

/// A kubeconfig for a service account that may do what this Role says.
fn limited(vault: &lab::Vault, rules: &str) -> tempfile::NamedTempFile {
    let manifest = format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: few}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: few}}\nrules: {rules}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: few}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: few}}\n\
         subjects: [{{kind: ServiceAccount, name: few}}]\n"
    );
    vault.kubectl(&["apply", "-f", "-"], &manifest);
    let token = vault.kubectl(&["create", "token", "few"], "");
    let raw = vault.lab.kubectl(&["config", "view", "--raw", "--flatten", "--minify", "-o", "json"], "");
    let mut config: serde_json::Value = serde_json::from_str(&raw).unwrap();
    config["users"] = json!([{"name": "few", "user": {"token": token.trim()}}]);
    config["contexts"][0]["context"]["user"] = json!("few");
    config["contexts"][0]["context"]["namespace"] = json!(vault.namespace);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_is_never_unreachable() {
    if lab::left_out() {
        return;
    }
    let vault = lab::lab().vault(json!({"secret": "openbao-keys", "unsealer": "sidecar"}));
    let kubeconfig = limited(&vault, r#"[{apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"]}]"#);
    // Without --vault: the pods' owner tells which vault it is.
    let target = connect(&Asked { kubeconfig: Some(kubeconfig.path().into()), ..Asked::default() }).await.unwrap();
    assert_eq!(
        (target.cluster.vault.clone(), target.members.clone()),
        (vault.reference(), vec!["openbao-0".to_owned()])
    );
    let mut feeds = feeds(&target);
    assert!(look(&mut feeds, FeedId::Pods).await.is_ok());
    for (id, line) in [
        (
            FeedId::Workload,
            r#"{apiGroups: ["apps"], resources: ["statefulsets"], resourceNames: ["openbao"], verbs: ["get"]}"#,
        ),
        (FeedId::Unsealers, r#"resources: ["statefulsets"]"#),
    ] {
        let trouble = look(&mut feeds, id).await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Denied, "{trouble}");
        assert!(trouble.next.contains(line), "{trouble}");
    }
    let tunnel = target.forward.as_ref().unwrap().dial("openbao-0").await.err().unwrap();
    assert_eq!(tunnel.kind, TroubleKind::Denied, "{tunnel}");
    assert!(tunnel.next.contains("pods/portforward"), "{tunnel}");
    let kube = target.kube.as_ref().unwrap();
    let watched = Watched::Secret { namespace: vault.namespace.clone(), name: "openbao-keys".into() };
    let first = tokio::time::timeout(PATIENCE, kube.watch(watched).next()).await.unwrap().unwrap();
    assert_eq!(first.err().map(|trouble| trouble.kind), Some(TroubleKind::Denied));
    let access = Access { verb: "list", group: "", resource: "pods", namespace: vault.namespace.clone(), name: None };
    assert!(kube.may(&access).await.unwrap());
    assert!(!kube.may(&Access { resource: "pods/portforward", verb: "create", ..access }).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_limited_to_one_name_is_enough_to_watch_it() {
    if lab::left_out() {
        return;
    }
    let vault = lab::lab().vault(json!({"secret": "openbao-keys"}));
    let rules = r#"[{apiGroups: [""], resources: ["secrets"], resourceNames: ["openbao-keys"], verbs: ["get", "list", "watch"]},
        {apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"]},
        {apiGroups: ["apps"], resources: ["statefulsets"], verbs: ["get", "list"]}]"#;
    let kubeconfig = limited(&vault, rules);
    let target = connect(&Asked { kubeconfig: Some(kubeconfig.path().into()), ..Asked::default() }).await.unwrap();
    assert_eq!(seal_status(&target, "openbao-0").await["sealed"], false);
    let kube = target.kube.as_ref().unwrap();
    assert!(kube.secret(&vault.namespace, "openbao-keys").await.unwrap().is_some());
    let watched = Watched::Secret { namespace: vault.namespace.clone(), name: "openbao-keys".into() };
    let first = tokio::time::timeout(PATIENCE, kube.watch(watched).next()).await.unwrap().unwrap();
    assert!(matches!(first, Ok(Change::Secret(Some(_)))));
    let other = kube.secret_names(&vault.namespace).await.unwrap_err();
    assert_eq!(other.kind, TroubleKind::Denied);
}
