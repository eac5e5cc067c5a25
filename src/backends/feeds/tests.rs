//! The feeds over a cluster in memory: what they report, what they tell each other, what they say when denied.

use std::sync::Mutex;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::*;
use crate::app::model::keys_secret::{FieldSeen, KeysSeen, Purpose, Shape};
use crate::app::model::seal::{SealAnswer, SealKind, SealSeen};
use crate::backends::kube::fake::FakeKube;
use crate::backends::kube::port::Change;

struct OneHangs;

#[async_trait]
impl SealReader for OneHangs {
    async fn seal(&self, replica: &str) -> Result<SealSeen, Trouble> {
        if replica == "openbao-1" {
            std::future::pending::<()>().await;
        }
        Ok(SealSeen {
            initialized: true,
            sealed: false,
            kind: SealKind::Shamir,
            threshold: 1,
            shares: 1,
            progress: 0,
            nonce: String::new(),
            version: "2.7.2".into(),
            storage: None,
            migration: false,
            role: None,
            cluster_id: None,
            leader: None,
            skew_seconds: None,
        })
    }
}

fn secret(version: &str, uid: &str) -> Secret {
    serde_json::from_value(
        json!({"metadata": {"name": "openbao-keys", "uid": uid, "resourceVersion": version}, "data": {"key": "eA=="}}),
    )
    .unwrap()
}

fn cluster() -> FakeKube {
    let set = serde_json::from_value(json!({
        "metadata": {"namespace": "data", "name": "openbao"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "openbao"}}, "template": {"spec": {
            "containers": [{"name": "openbao"}, {"name": "unsealer", "envFrom": [{"secretRef": {"name": "openbao-keys"}}]}]}}}
    }))
    .unwrap();
    let kube = FakeKube { sets: vec![set], ..FakeKube::default() };
    kube.secrets.lock().unwrap().insert("openbao-keys".into(), secret("7", "u"));
    kube
}

fn feeds(kube: Option<FakeKube>, keys_secret: Option<&str>) -> Vec<Box<dyn Feed>> {
    all(Deps {
        kube: kube.map(|kube| Arc::new(kube) as Arc<dyn Kube>),
        vault: Vault { namespace: "data".into(), name: "openbao".into() },
        members: Vec::new(),
        selector: None,
        keys_secret: keys_secret.map(str::to_owned),
        seal: Arc::new(OneHangs),
        held: super::Held::nothing(),
        aside: Aside::nothing(),
        digest_fields: Arc::new(|data| {
            let field = |name: &String| FieldSeen {
                name: name.clone(),
                len: 1,
                purpose: Purpose::Shares,
                shape: Shape::Other,
                prints: Vec::new(),
            };
            data.keys().map(field).collect()
        }),
    })
}

fn of(feeds: &mut [Box<dyn Feed>], id: FeedId) -> &mut Box<dyn Feed> {
    feeds.iter_mut().find(|feed| feed.id() == id).unwrap()
}

#[test]
fn there_is_one_feed_of_each_id() {
    for kube in [Some(cluster()), None] {
        let mut ids: Vec<FeedId> = feeds(kube, None).iter().map(|feed| feed.id()).collect();
        ids.sort();
        assert_eq!(ids, FeedId::ALL);
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_replica_does_not_silence_the_others() {
    let mut feeds = feeds(Some(cluster()), None);
    of(&mut feeds, FeedId::Workload).look().await.unwrap();
    let facts = of(&mut feeds, FeedId::Seal).look().await.unwrap();
    let said: Vec<(String, bool)> = facts
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::Seal { replica, answer } => Some((replica, matches!(answer, SealAnswer::Said(_)))),
            _ => None,
        })
        .collect();
    assert_eq!(said, [("openbao-0".to_owned(), true), ("openbao-1".to_owned(), false)]);
}

#[tokio::test(start_paused = true)]
async fn the_keys_feed_waits_until_somebody_knows_the_secret() {
    let mut feeds = feeds(Some(cluster()), None);
    let hurried =
        tokio::time::timeout(std::time::Duration::from_secs(5), of(&mut feeds, FeedId::KeysSecret).look()).await;
    assert!(hurried.is_err());
    of(&mut feeds, FeedId::Unsealers).look().await.unwrap();
    let facts = of(&mut feeds, FeedId::KeysSecret).look().await.unwrap();
    assert!(matches!(&facts[..], [Fact::Keys(KeysSeen::Present(secret))] if secret.version == "7"));
}

#[tokio::test]
async fn denied_workloads_are_no_proof_that_nothing_unseals() {
    let mut bare = cluster();
    bare.denied = vec!["deployments"];
    let mut with_sidecar = feeds(Some(bare), None);
    assert!(of(&mut with_sidecar, FeedId::Unsealers).look().await.is_ok());
    let mut kube = cluster();
    kube.sets[0].spec.as_mut().unwrap().template.spec.as_mut().unwrap().containers.truncate(1);
    kube.denied = vec!["deployments", "secret_names"];
    let mut without = feeds(Some(kube), None);
    assert_eq!(of(&mut without, FeedId::Unsealers).look().await.unwrap_err().kind, TroubleKind::Denied);
    assert_eq!(of(&mut without, FeedId::KeysSecret).look().await.unwrap_err().kind, TroubleKind::Denied);
}

#[tokio::test]
async fn a_configured_secret_is_watched_though_nothing_else_may_be_seen() {
    let mut kube = cluster();
    kube.denied = vec!["stateful_set", "pods", "deployments"];
    let mut feeds = feeds(Some(kube), Some("openbao-keys"));
    assert!(of(&mut feeds, FeedId::Unsealers).look().await.is_err());
    assert!(of(&mut feeds, FeedId::KeysSecret).look().await.is_ok());
}

#[tokio::test]
async fn every_version_is_a_fact_and_none_goes_back_in_time() {
    let mut kube = cluster();
    let change = |version, uid| Ok(Change::Secret(Some(Box::new(secret(version, uid)))));
    let changes =
        vec![change("3", "u"), change("8", "u"), change("9", "u"), change("2", "new"), Ok(Change::Secret(None))];
    kube.changes = Mutex::new(changes);
    let mut feeds = feeds(Some(kube), None);
    of(&mut feeds, FeedId::Unsealers).look().await.unwrap();
    let feed = of(&mut feeds, FeedId::KeysSecret);
    feed.look().await.unwrap();
    let seen: Vec<String> = feed
        .changes()
        .unwrap()
        .take(4)
        .map(|facts| match facts.unwrap().pop() {
            Some(Fact::Keys(KeysSeen::Present(secret))) => secret.version.clone(),
            Some(Fact::Keys(KeysSeen::Absent(_))) => "gone".to_owned(),
            _ => "?".to_owned(),
        })
        .collect()
        .await;
    assert_eq!(seen, ["8", "9", "2", "gone"]);
}

#[tokio::test]
async fn without_a_cluster_every_feed_that_needs_one_says_so() {
    let mut feeds = feeds(None, None);
    // How far each replica has come is asked of the replicas themselves.
    let here = [FeedId::Seal, FeedId::Raft, FeedId::Keystore, FeedId::Copies, FeedId::Custody, FeedId::Register];
    for feed in feeds.iter_mut().filter(|feed| !here.contains(&feed.id())) {
        assert_eq!(feed.look().await.unwrap_err().kind, TroubleKind::Absent);
    }
    // What is held of the keys lies on this machine, with a cluster or without; a register lies beside a vault in one.
    for id in [FeedId::Keystore, FeedId::Copies, FeedId::Custody] {
        assert_eq!(of(&mut feeds, id).look().await.map(|facts| facts.len()), Ok(1), "{id}");
    }
    assert_eq!(of(&mut feeds, FeedId::Register).look().await, Ok(vec![Fact::Register(None)]));
}

#[tokio::test]
async fn rights_are_asked_by_name_where_a_name_is_known() {
    let mut kube = cluster();
    kube.denied = vec!["pods/portforward"];
    let mut feeds = feeds(Some(kube), None);
    of(&mut feeds, FeedId::Unsealers).look().await.unwrap();
    let facts = of(&mut feeds, FeedId::Rights).look().await.unwrap();
    let [Fact::Rights(rights)] = &facts[..] else { panic!("{facts:?}") };
    assert!(rights.iter().any(|right| right.resource == "pods/portforward" && !right.allowed));
    assert!(
        rights
            .iter()
            .any(|right| right.verb == "watch" && right.name.as_deref() == Some("openbao-keys") && right.allowed)
    );
}
