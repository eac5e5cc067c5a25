//! Workloads and the Secrets that they consume: followed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::several::{Form, Several};
use super::{Feed, LONG_LISTS, Wide};
use crate::app::id::FeedId;
use crate::app::model::consumers::ConsumerSeen;
use crate::app::model::fact::Fact;
use crate::app::trouble::Trouble;
use crate::backends::kube::consumer_digest;
use crate::backends::kube::port::{Kind, Kube};

const DEPLOYMENTS: Kind = Kind::new("apps", "v1", "Deployment", "deployments");
const STATEFUL_SETS: Kind = Kind::new("apps", "v1", "StatefulSet", "statefulsets");
const DAEMON_SETS: Kind = Kind::new("apps", "v1", "DaemonSet", "daemonsets");
const ROLLOUTS: Kind = Kind::new("argoproj.io", "v1alpha1", "Rollout", "rollouts");

const FORM: Form<ConsumerSeen> = Form {
    feed: FeedId::Consumers,
    fact: Fact::Consumers,
    delta: |fact| if let Fact::Consumers(delta) = fact { Some(delta) } else { None },
};

/// The feed.
pub struct ConsumersFeed(Several<ConsumerSeen>);

impl ConsumersFeed {
    /// Follows them in the namespaces that are watched.
    pub fn new(wide: &Wide, kube: &Arc<dyn Kube>) -> Self {
        Self(
            Several::new(FORM)
                .with(wide, kube, DEPLOYMENTS, consumer_digest::deployment)
                .with(wide, kube, STATEFUL_SETS, consumer_digest::stateful_set)
                .with(wide, kube, DAEMON_SETS, consumer_digest::daemon_set)
                .with_extra(wide, kube, ROLLOUTS, consumer_digest::argo_rollout),
        )
    }
}

#[async_trait]
impl Feed for ConsumersFeed {
    fn id(&self) -> FeedId {
        FeedId::Consumers
    }

    fn only_confirms(&self) -> bool {
        self.0.only_confirms()
    }

    fn patience(&self) -> Duration {
        LONG_LISTS
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        self.0.look().await
    }

    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        Some(self.0.changes())
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::app::model::table::Delta;
    use crate::backends::sandbox::Sandbox;
    use crate::backends::sandbox::scenario::Scenario;

    const ROLLOUT: &str = r#"
title = "t"
says = "s"
objects = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {namespace: shop, name: web}
spec: {selector: {matchLabels: {a: b}}, template: {spec: {containers: [{name: web, envFrom: [{secretRef: {name: web}}]}]}}}
"""
[[events]]
at = "10s"
do = "rights"
deny = ["rollouts"]
[[events]]
at = "1m"
do = "rights"
deny = []
"#;

    /// What may not be listed, where that changed, and how many there are.
    async fn look(feed: &mut ConsumersFeed) -> (Option<Vec<String>>, usize) {
        let (mut told, mut rows) = (None, 0);
        for fact in feed.look().await.unwrap() {
            match fact {
                Fact::Withheld { parts, .. } => {
                    told = Some(parts.iter().map(|part| part.trouble.next.clone()).collect());
                }
                Fact::Consumers(Delta::Whole(all) | Delta::Part { rows: all, .. }) => rows += all.len(),
                _ => {}
            }
        }
        (told, rows)
    }

    #[tokio::test]
    async fn rollouts_that_may_not_be_listed_are_told_and_tried_again() {
        let sandbox = Sandbox::new(&Scenario::parse("t", ROLLOUT).unwrap());
        let kube = Arc::clone(&sandbox) as Arc<dyn Kube>;
        let wide = Wide::within(&sandbox, &[]);
        sandbox.advance_by(SignedDuration::from_secs(20));
        let mut feed = ConsumersFeed::new(&wide, &kube);
        let (told, rows) = look(&mut feed).await;
        let told = told.unwrap();
        assert!(told.len() == 1 && told[0].contains("argoproj.io") && told[0].contains("rollouts"), "{told:?}");
        assert_eq!(rows, 1, "the vault itself");
        assert_eq!(look(&mut feed).await.0, None, "told once");
        sandbox.advance_by(SignedDuration::from_mins(1));
        let mut found = (None, 0);
        for _ in 0..25 {
            found = look(&mut feed).await;
            if found.0.is_some() {
                break;
            }
        }
        assert_eq!(found, (Some(Vec::new()), 2), "allowed by now");
        // Where nothing of the sort is served, nobody is told of a right to it.
        let sandbox = Sandbox::new(&Scenario::parse("t", "title = \"t\"\nsays = \"s\"\n").unwrap());
        let mut feed = ConsumersFeed::new(&Wide::within(&sandbox, &[]), &(Arc::clone(&sandbox) as Arc<dyn Kube>));
        assert_eq!(look(&mut feed).await.0, None);
    }
}
