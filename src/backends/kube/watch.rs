//! Watches that report errors and go on. A relist is held back until it is complete, so that nothing flickers half-empty.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};

use super::fault::{Right, trouble};
use super::port::Change;
use crate::app::trouble::{Trouble, TroubleKind};

/// Where RBAC forbids the watch it is tried this often, in case somebody allows it; polls carry on meanwhile.
const DENIED_PAUSE: Duration = Duration::from_mins(1);
/// A silently dropped connection is noticed after this many seconds and five more. Polls notice it sooner.
pub(super) const LONGEST_WATCH: u32 = 60;

/// Watches one Secret by name: the only watch that a Role with `resourceNames` allows.
pub(super) fn secret(api: Api<Secret>, namespace: String, name: String) -> BoxStream<'static, Result<Change, Trouble>> {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}")).timeout(LONGEST_WATCH);
    let events = watcher(api, config).default_backoff();
    let explain = move |error: &watcher::Error| {
        let right = Right {
            group: "",
            resource: "secrets",
            verbs: &["get", "list", "watch"],
            namespace: Some(&namespace),
            name: Some(&name),
        };
        explained(&format!("Secret {namespace}/{name} cannot be watched"), &right, error)
    };
    let mut listed = None;
    let changes = changes(events, explain, move |event| match event {
        Event::Init => {
            listed = None;
            None
        }
        Event::InitApply(secret) => {
            listed = Some(Box::new(secret));
            None
        }
        Event::InitDone => Some(Change::Secret(listed.take())),
        Event::Apply(secret) => Some(Change::Secret(Some(Box::new(secret)))),
        Event::Delete(_) => Some(Change::Secret(None)),
    });
    quiet_when_denied(changes)
}

/// Watches pods by label.
pub(super) fn pods(api: Api<Pod>, namespace: String, selector: String) -> BoxStream<'static, Result<Change, Trouble>> {
    let config = watcher::Config::default().labels(&selector).timeout(LONGEST_WATCH);
    // managedFields are four fifths of a pod and no evidence here.
    let events = watcher(api, config).modify(|pod: &mut Pod| pod.managed_fields_mut().clear()).default_backoff();
    let explain = move |error: &watcher::Error| {
        let right = Right {
            group: "",
            resource: "pods",
            verbs: &["get", "list", "watch"],
            namespace: Some(&namespace),
            name: None,
        };
        explained(&format!("Pods in {namespace} cannot be watched"), &right, error)
    };
    let mut known: BTreeMap<String, Pod> = BTreeMap::new();
    let mut listed = BTreeMap::new();
    let changes = changes(events, explain, move |event| {
        match event {
            Event::Init => {
                listed.clear();
                return None;
            }
            Event::InitApply(pod) => {
                listed.insert(pod.name_any(), pod);
                return None;
            }
            Event::InitDone => known = std::mem::take(&mut listed),
            Event::Apply(pod) => {
                known.insert(pod.name_any(), pod);
            }
            Event::Delete(pod) => {
                known.remove(&pod.name_any());
            }
        }
        Some(Change::Pods(known.values().cloned().collect()))
    });
    quiet_when_denied(changes)
}

/// Folds events into changes; errors pass in words.
fn changes<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    explain: impl Fn(&watcher::Error) -> Trouble + Send + 'static,
    mut fold: impl FnMut(Event<K>) -> Option<Change> + Send + 'static,
) -> BoxStream<'static, Result<Change, Trouble>> {
    events
        .filter_map(move |event| {
            let change = match event {
                Ok(event) => fold(event).map(Ok),
                Err(error) => Some(Err(explain(&error))),
            };
            std::future::ready(change)
        })
        .boxed()
}

/// Says once that it is denied, then tries rarely and in silence.
pub(super) fn quiet_when_denied<T: Send + 'static>(
    changes: BoxStream<'static, Result<T, Trouble>>,
) -> BoxStream<'static, Result<T, Trouble>> {
    stream::unfold((changes, false), |(mut changes, mut denied)| async move {
        loop {
            if denied {
                tokio::time::sleep(DENIED_PAUSE).await;
            }
            let change = changes.next().await?;
            let no = matches!(&change, Err(trouble) if trouble.kind == TroubleKind::Denied);
            if no && denied {
                continue;
            }
            denied = no;
            return Some((change, (changes, denied)));
        }
    })
    .boxed()
}

pub(super) fn explained(what: &str, right: &Right<'_>, error: &watcher::Error) -> Trouble {
    match error {
        watcher::Error::InitialListFailed(inner)
        | watcher::Error::WatchStartFailed(inner)
        | watcher::Error::WatchFailed(inner) => trouble(what, right, inner),
        watcher::Error::WatchError(status) => trouble(what, right, &kube::Error::Api(status.clone())),
        watcher::Error::NoResourceVersion => Trouble::new(
            TroubleKind::Unusable,
            what,
            "the API server's list carries no resourceVersion",
            "Check that the kubeconfig's server address is a Kubernetes API server",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_denied_watch_says_so_once_and_comes_back_when_allowed() {
        let denied = || Err(Trouble::denied("no", "", ""));
        let source = stream::iter([denied(), denied(), denied(), Ok(Change::Secret(None)), denied()]).boxed();
        let seen: Vec<bool> = quiet_when_denied(source).map(|change| change.is_ok()).collect().await;
        assert_eq!(seen, [false, true, false]);
    }

    #[tokio::test]
    async fn a_relist_is_one_change() {
        let pod = |name: &str| Pod {
            metadata: kube::core::ObjectMeta { name: Some(name.into()), ..Default::default() },
            ..Pod::default()
        };
        let events = [
            Event::Init,
            Event::InitApply(pod("a")),
            Event::InitApply(pod("b")),
            Event::InitDone,
            Event::Delete(pod("a")),
        ];
        let mut known = 0;
        let folded = changes(
            stream::iter(events.map(Ok)),
            |_| Trouble::denied("", "", ""),
            move |event: Event<Pod>| match event {
                Event::Init => None,
                Event::InitApply(_) => {
                    known += 1;
                    None
                }
                Event::InitDone => Some(Change::Pods(vec![Pod::default(); known])),
                Event::Apply(_) | Event::Delete(_) => Some(Change::Pods(Vec::new())),
            },
        );
        let seen: Vec<_> = folded.collect().await;
        assert_eq!(seen.len(), 2);
        assert!(matches!(&seen[0], Ok(Change::Pods(pods)) if pods.len() == 2));
    }
}
