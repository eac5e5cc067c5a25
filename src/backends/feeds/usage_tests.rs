//! Where figures come from, and that one told again grows no younger.

use jiff::SignedDuration;

use super::*;
use crate::backends::sandbox::Sandbox;
use crate::backends::sandbox::scenario::Scenario;

#[test]
fn a_figure_told_again_grows_no_younger() {
    let mut ages = Ages::new();
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    take(&mut ages, "a".into(), "t1".into(), 5, at(100));
    take(&mut ages, "a".into(), "t1".into(), 5, at(115));
    assert_eq!(figures(&ages)["a"], Figure { bytes: 5, at: at(100) });
    take(&mut ages, "a".into(), "t2".into(), 6, at(130));
    assert_eq!(figures(&ages)["a"], Figure { bytes: 6, at: at(130) });
    // A source without times is believed.
    take(&mut ages, "b".into(), String::new(), 1, at(1));
    take(&mut ages, "b".into(), String::new(), 1, at(2));
    assert_eq!(figures(&ages)["b"].at, at(2));
}

#[test]
fn a_metrics_server_that_is_down_is_named() {
    let down =
        told(Trouble::unreachable("x", "the API server answers 503: service unavailable", "Check the API server"));
    assert!(down.what.contains("metrics-server") && down.next.contains("v1beta1.metrics.k8s.io"), "{down}");
    let other = Trouble::denied("x", "403", "Allow it");
    assert_eq!(told(other.clone()), other);
}

const KUBELETS: &str = r#"
title = "t"
says = "s"
objects = """
kind: Node
metadata: {name: node-a}
status: {capacity: {memory: 64Gi}, conditions: [{type: Ready, status: "True"}]}
"""
answers = """
apis/metrics.k8s.io/v1beta1/nodes:
  items: [{metadata: {name: node-a}, timestamp: "@now-4s", usage: {memory: 10Gi}}]
api/v1/nodes/node-a/proxy/stats/summary:
  node: {nodeName: node-a, memory: {time: "@now-4s", workingSetBytes: 20000000000}}
  pods: []
"""
[[events]]
at = "10s"
do = "rights"
deny = ["metrics.k8s.io"]
[[events]]
at = "1m"
do = "rights"
deny = ["metrics.k8s.io", "summary"]
"#;

#[tokio::test]
async fn who_may_not_read_the_metrics_api_asks_the_kubelets() {
    let sandbox = Sandbox::new(&Scenario::parse("t", KUBELETS).unwrap());
    let kube = Arc::clone(&sandbox) as Arc<dyn Kube>;
    let wide = Wide::within(&sandbox, &[]);
    let mut feed = UsageFeed::new(&wide, Arc::clone(&kube));
    let look = async |feed: &mut UsageFeed| match feed.look().await.map(|mut facts| facts.remove(0)) {
        Ok(Fact::Usage(seen)) => Ok((seen.source, seen.why, seen.nodes["node-a"].bytes >> 30)),
        Ok(other) => panic!("{other:?}"),
        Err(trouble) => Err(trouble),
    };
    assert_eq!(look(&mut feed).await, Ok((Source::Metrics, String::new(), 10)));
    sandbox.advance_by(SignedDuration::from_secs(20));
    let why = "the metrics API may not be read: kubelets are asked in turn";
    assert_eq!(look(&mut feed).await, Ok((Source::Kubelet, why.to_owned(), 18)));
    // Nor these: what they said counts for five minutes. Then nothing says what is used, and whoever would mend it is told
    // the line for the better of both.
    sandbox.advance_by(SignedDuration::from_mins(1));
    assert_eq!(look(&mut feed).await, Ok((Source::Kubelet, why.to_owned(), 18)));
    sandbox.advance_by(SignedDuration::from_mins(6));
    let trouble = look(&mut feed).await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Denied);
    assert!(trouble.next.contains("metrics.k8s.io"), "{trouble}");
}
