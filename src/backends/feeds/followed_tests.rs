//! What following tells: the whole once, then changes of what is kept and nothing else.

use std::sync::Mutex;

use async_trait::async_trait;
use futures::stream;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::app::id::FeedId;
use crate::app::model::fact::Report;
use crate::app::model::nodes::NodeSeen;
use crate::app::model::{Model, fold};
use crate::backends::feeds::mirror::Mirror;
use crate::backends::kube::node_digest;
use crate::backends::kube::port::{Access, Change, Watched};

const NODES: Kind = Kind::new("", "v1", "Node", "nodes");

/// Brings these steps and then falls silent.
struct Steps(Mutex<Vec<Result<Step, Trouble>>>, Option<&'static str>);

#[async_trait]
impl Kube for Steps {
    async fn kube_system_uid(&self) -> Result<String, Trouble> {
        Ok(String::new())
    }
    async fn vaults(&self, _: Option<&str>) -> Result<Vec<k8s_openapi::api::apps::v1::StatefulSet>, Trouble> {
        Ok(Vec::new())
    }
    async fn stateful_set(&self, _: &str, _: &str) -> Result<Option<k8s_openapi::api::apps::v1::StatefulSet>, Trouble> {
        Ok(None)
    }
    async fn pods(&self, _: &str, _: &str) -> Result<Vec<k8s_openapi::api::core::v1::Pod>, Trouble> {
        Ok(Vec::new())
    }
    async fn deployments(&self, _: &str) -> Result<Vec<k8s_openapi::api::apps::v1::Deployment>, Trouble> {
        Ok(Vec::new())
    }
    async fn daemon_sets(&self, _: &str) -> Result<Vec<k8s_openapi::api::apps::v1::DaemonSet>, Trouble> {
        Ok(Vec::new())
    }
    async fn cron_jobs(&self, _: &str) -> Result<Vec<k8s_openapi::api::batch::v1::CronJob>, Trouble> {
        Ok(Vec::new())
    }
    async fn config_map(&self, _: &str, _: &str) -> Result<Option<k8s_openapi::api::core::v1::ConfigMap>, Trouble> {
        Ok(None)
    }
    async fn secret(&self, _: &str, _: &str) -> Result<Option<k8s_openapi::api::core::v1::Secret>, Trouble> {
        Ok(None)
    }
    async fn secret_names(
        &self,
        _: &str,
    ) -> Result<Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>, Trouble> {
        Ok(Vec::new())
    }
    async fn may(&self, _: &Access) -> Result<bool, Trouble> {
        Ok(true)
    }
    async fn list(&self, _: &Many) -> Result<Vec<Value>, Trouble> {
        Ok(vec![node("a", "1", "True")])
    }
    async fn list_each(
        &self,
        _: &Many,
        show: &mut (dyn for<'a> FnMut(&'a Value) + Send),
    ) -> Result<Option<String>, Trouble> {
        show(&node("a", "1", "True"));
        Ok(self.1.map(str::to_owned))
    }
    fn follow_from(&self, many: Many, version: String) -> BoxStream<'static, Result<Step, Trouble>> {
        assert_eq!(Some(version.as_str()), self.1);
        self.follow(many)
    }
    async fn ping(&self, _: &Many) -> Result<(), Trouble> {
        Ok(())
    }
    fn follow(&self, _: Many) -> BoxStream<'static, Result<Step, Trouble>> {
        stream::iter(std::mem::take(&mut *self.0.lock().unwrap())).chain(stream::pending()).boxed()
    }
    async fn raw(&self, _: &str, _: &str) -> Result<Option<Value>, Trouble> {
        Ok(None)
    }
    fn watch(&self, _: Watched) -> BoxStream<'static, Result<Change, Trouble>> {
        stream::pending().boxed()
    }
}

fn node(name: &str, heartbeat: &str, ready: &str) -> Value {
    json!({"kind": "Node", "metadata": {"name": name, "resourceVersion": heartbeat}, "status": {
        "capacity": {"memory": "64Gi"},
        "conditions": [{"type": "Ready", "status": ready, "lastHeartbeatTime": heartbeat}]}})
}

fn gone(name: &str) -> Step {
    Step::Gone { namespace: String::new(), name: name.to_owned() }
}

fn followed(steps: Vec<Step>) -> Followed<NodeSeen> {
    brings(steps.into_iter().map(Ok).collect())
}

fn brings(steps: Vec<Result<Step, Trouble>>) -> Followed<NodeSeen> {
    of_version(steps, None)
}

/// The same, where the list says which version it is.
fn of_version(steps: Vec<Result<Step, Trouble>>, version: Option<&'static str>) -> Followed<NodeSeen> {
    let steps = Steps(Mutex::new(steps), version);
    Followed::new(Arc::new(steps), Many::of(NODES, None), node_digest::node, Fact::Nodes)
}

/// Everything that is told before the stream falls silent.
async fn told(followed: &Followed<NodeSeen>) -> Vec<Fact> {
    let mut changes = followed.changes();
    let mut all = Vec::new();
    while let Ok(Some(facts)) = tokio::time::timeout(std::time::Duration::from_secs(1), changes.next()).await {
        all.extend(facts.unwrap_or_default());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_thousand_heartbeats_are_no_fact() {
    let names: Vec<String> = (0..1_000).map(|n| format!("node-{n}")).collect();
    let mut steps = vec![Step::Began];
    steps.extend(names.iter().map(|name| Step::Item(node(name, "1", "True"))));
    steps.push(Step::Listed);
    steps.extend(names.iter().map(|name| Step::Put(node(name, "2", "True"))));
    steps.push(Step::Put(node("node-7", "3", "Unknown")));
    let facts = told(&followed(steps)).await;
    assert_eq!(facts.len(), 2, "the whole, and the one that changed");
    assert!(matches!(&facts[1], Fact::Nodes(Delta::Put(rows)) if rows[0].ready == Some(false)), "{:?}", facts[1]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_as_it_was_is_told_again() {
    let a = |ready| Step::Put(node("a", "2", ready));
    let steps =
        vec![Step::Began, Step::Listed, a("True"), a("False"), a("True"), gone("a"), gone("a"), gone("b"), a("True")];
    let facts = told(&followed(steps)).await;
    let (mut model, now) = (Model::default(), jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(facts.len(), 8, "{facts:?}");
    fold::apply(&mut model, &Report { feed: FeedId::Nodes, outcome: Ok(facts) }, now);
    assert_eq!(model.nodes.unwrap().iter().map(|node| node.ready).collect::<Vec<_>>(), [Some(true)]);
}

#[tokio::test(start_paused = true)]
async fn a_relist_forgets_what_was_told_before_it() {
    let a = || node("a", "1", "True");
    let steps = vec![Step::Began, Step::Item(a()), Step::Listed, Step::Began, Step::Listed, Step::Put(a())];
    assert_eq!(told(&followed(steps)).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_list_told_is_followed_from_its_version_and_not_listed_again() {
    let steps = vec![Step::Put(node("a", "2", "True")), Step::Put(node("a", "3", "False")), gone("a")];
    let followed = of_version(steps.into_iter().map(Ok).collect(), Some("7"));
    assert!(matches!(followed.list().await.unwrap().as_slice(), [Fact::Nodes(Delta::Whole(rows))] if rows.len() == 1));
    let facts = told(&followed).await;
    assert!(
        matches!(facts.as_slice(), [Fact::Nodes(Delta::Put(rows)), Fact::Nodes(Delta::Gone(_))] if rows[0].ready == Some(false)),
        "a heartbeat is no news after a list either: {facts:?}"
    );
    assert!(matches!(followed.look().await.unwrap().as_slice(), [Fact::Nodes(Delta::Same)]));
}

#[tokio::test(start_paused = true)]
async fn looks_list_until_the_stream_is_whole() {
    let followed = followed(vec![Step::Began, Step::Listed]);
    assert!(matches!(followed.look().await.unwrap().as_slice(), [Fact::Nodes(Delta::Whole(rows))] if rows.len() == 1));
    told(&followed).await;
    assert!(matches!(followed.look().await.unwrap().as_slice(), [Fact::Nodes(Delta::Same)]));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_broke_off_costs_one_list_and_one_that_is_denied_costs_one_each_look() {
    let whole = |facts: Vec<Fact>| matches!(facts.as_slice(), [Fact::Nodes(Delta::Whole(_))]);
    let broken = Trouble::unreachable("the watch broke off", "", "");
    let followed = brings(vec![Ok(Step::Began), Ok(Step::Listed), Err(broken)]);
    told(&followed).await;
    assert_eq!([whole(followed.look().await.unwrap()), whole(followed.look().await.unwrap())], [true, false]);
    let denied = brings(vec![Ok(Step::Began), Ok(Step::Listed), Err(Trouble::denied("may not watch", "", ""))]);
    told(&denied).await;
    assert_eq!([whole(denied.look().await.unwrap()), whole(denied.look().await.unwrap())], [true, true]);
}

#[test]
fn only_a_change_of_what_is_kept_is_news() {
    #[derive(Serialize, Deserialize)]
    struct Row(ObjectRef, u8);
    impl Named for Row {
        fn object(&self) -> &ObjectRef {
            &self.0
        }
    }
    let mut told = Told::default();
    let row = |value| Row(ObjectRef::secret("n", "x"), value);
    assert_eq!(
        [told.news(&row(1)), told.news(&row(1)), told.news(&row(2)), told.news(&row(1))],
        [true, false, true, true]
    );
    assert_eq!([told.forget(&ObjectRef::secret("n", "y")), told.forget(&ObjectRef::secret("n", "x"))], [false, true]);
    assert!(told.news(&row(1)));
}

#[tokio::test(start_paused = true)]
async fn a_mirror_goes_on_from_its_first_list() {
    let steps = vec![Ok(Step::Put(node("b", "1", "True"))), Ok(gone("a"))];
    let kube = Arc::new(Steps(Mutex::new(steps), Some("7")));
    let name = |object: &Value| object.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
    let mut mirror = Mirror::new(kube, Many::of(NODES, None), name);
    let mut stream = mirror.stream();
    assert_eq!(mirror.rows().await.unwrap(), ["a"]);
    assert!(tokio::time::timeout(std::time::Duration::from_secs(1), stream.next()).await.is_err(), "it tells nothing");
    // Another list would say `a` again.
    assert_eq!(mirror.rows().await.unwrap(), ["b"]);
}
