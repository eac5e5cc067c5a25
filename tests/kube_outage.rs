//! The API server dies and comes back under running feeds: they say so, and need no restart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod lab;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use baowatch::app::id::FeedId;
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::ports::FactSink;
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::backends::connect::{Asked, connect};
use baowatch::backends::feeds::seal::SealReader;
use baowatch::backends::feeds::{Aside, Deps, Vault, all};
use baowatch::backends::supervisor::Supervisor;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

#[derive(Default)]
struct Sink(Mutex<Vec<Report>>);

impl FactSink for Sink {
    fn report(&self, report: Report) {
        self.0.lock().unwrap().push(report);
    }
}

impl Sink {
    /// Waits for a report that fits among those that came after the last call.
    async fn wait(&self, what: &str, fits: impl Fn(&Report) -> bool) {
        for _ in 0..600 {
            if self.0.lock().unwrap().drain(..).any(|report| fits(&report)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("never saw {what}");
    }
}

struct NoSeal;

#[async_trait::async_trait]
impl SealReader for NoSeal {
    async fn seal(&self, _: &str) -> Result<baowatch::app::model::seal::SealSeen, Trouble> {
        Err(Trouble::unreachable("not asked here", "", ""))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_outlive_the_api_server() {
    if lab::left_out() {
        return;
    }
    // A control plane of its own: the others' must not die with this one.
    let lab: &'static lab::Lab = Box::leak(Box::new(lab::Lab::start()));
    let vault = lab.vault(json!({"secret": "openbao-keys", "unsealer": "sidecar"}));
    let asked = Asked {
        kubeconfig: Some(lab.kubeconfig.clone().into()),
        vault: Some((vault.namespace.clone(), vault.name.clone())),
        ..Asked::default()
    };
    let target = connect(&asked).await.unwrap();
    let feeds = all(Deps {
        kube: target.kube.clone(),
        vault: Vault { namespace: target.namespace.clone(), name: target.name.clone() },
        members: target.members.clone(),
        selector: target.selector.clone(),
        keys_secret: None,
        seal: Arc::new(NoSeal),
        held: baowatch::backends::feeds::Held::nothing(),
        aside: Aside::nothing(),
        digest_fields: Arc::new(|data| {
            use baowatch::app::model::keys_secret::{FieldSeen, Purpose, Shape};
            let field = |name: &String| FieldSeen {
                name: name.clone(),
                len: 0,
                purpose: Purpose::Other,
                shape: Shape::Other,
                prints: Vec::new(),
            };
            data.keys().map(field).collect()
        }),
    });
    let (sink, tasks, stop) = (Arc::new(Sink::default()), TaskTracker::new(), CancellationToken::new());
    let handle = Supervisor::start(feeds, Arc::clone(&sink) as Arc<dyn FactSink>, &tasks, &stop);
    let ok = |id| move |report: &Report| report.feed == id && report.outcome.is_ok();
    sink.wait("the keys", ok(FeedId::KeysSecret)).await;
    sink.wait("the pods", ok(FeedId::Pods)).await;

    lab.call("POST", "/apiserver/stop", &Value::Null);
    let down = |report: &Report| {
        report.feed == FeedId::KeysSecret
            && report.outcome.as_ref().is_err_and(|trouble| trouble.kind == TroubleKind::Unreachable)
    };
    sink.wait("that the API server is gone", down).await;
    let again = connect(&asked).await.err().unwrap().trouble;
    assert_eq!(again.kind, TroubleKind::Unreachable, "{again}");

    lab.call("POST", "/apiserver/start", &Value::Null);
    handle.look_now(FeedId::Pods);
    sink.wait("the pods again", ok(FeedId::Pods)).await;
    sink.wait("the keys again", ok(FeedId::KeysSecret)).await;
    vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", r#"{"data":{"new-field":"eA=="}}"#], "");
    let changed = |report: &Report| {
        let facts = report.outcome.as_ref().map_or(&[][..], |facts| &facts[..]);
        facts.iter().any(|fact| match fact {
            Fact::Keys(keys) => {
                keys.present().is_some_and(|secret| secret.fields.iter().any(|f| f.name == "new-field"))
            }
            _ => false,
        })
    };
    sink.wait("the change", changed).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
