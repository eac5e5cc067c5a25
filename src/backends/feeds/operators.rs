//! The processes of the sync operators, since when they run, and the Events they wrote about their objects in the last hour.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::roster::{Roster, SyncNames};
use super::sync::nothing_installed;
use super::{Feed, LONG_LISTS, Wide, no_cluster};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::auths::vso_home;
use crate::app::model::fact::Fact;
use crate::app::model::sync::{EventSeen, OperatorSeen, OperatorsSeen};
use crate::app::ports::Clock;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::port::{Kind, Kube, Many, Step};
use crate::backends::kube::sync_digest;

/// The charts' label `app.kubernetes.io/name`.
const NAMES: [&str; 2] = ["vault-secrets-operator", "external-secrets"];

const DEPLOYMENTS: Kind = Kind::new("apps", "v1", "Deployment", "deployments");
const PODS: Kind = Kind::new("", "v1", "Pod", "pods");
const EVENTS: Kind = Kind::new("", "v1", "Event", "events");

/// The API server forgets Events after an hour.
const LIFE: SignedDuration = SignedDuration::from_hours(1);

/// More Events than anybody reads: the newest are kept.
const MOST: usize = 500;

/// An operator without its chart's labels is looked for by its name this rarely: that reads the names of all Deployments.
const SEARCH: SignedDuration = SignedDuration::from_mins(5);

type Kept = BTreeMap<(String, String), EventSeen>;

/// The feed.
pub struct OperatorsFeed {
    kube: Option<Arc<dyn Kube>>,
    namespaces: Vec<String>,
    roster: Roster,
    clock: Arc<dyn Clock>,
    /// Operators that were found by name alone, and when they were looked for.
    named: Option<(Timestamp, Vec<ObjectRef>)>,
    events: Arc<Mutex<BTreeMap<usize, Watched>>>,
}

/// What one watch of Events holds.
#[derive(Default)]
struct Watched {
    kept: Kept,
    whole: bool,
}

impl OperatorsFeed {
    /// Looks for operators of the kinds that the sync feed finds served.
    pub fn new(wide: &Wide) -> Self {
        Self {
            kube: wide.kube.clone(),
            namespaces: wide.scope.namespaces.clone(),
            roster: wide.roster.clone(),
            clock: Arc::clone(&wide.clock),
            named: None,
            events: Arc::default(),
        }
    }

    /// The operators' Deployments, wherever they run.
    async fn deployments(&mut self, kube: &dyn Kube) -> Result<Vec<Value>, Trouble> {
        let labels = format!("app.kubernetes.io/name in ({})", NAMES.join(", "));
        let wanted = Many { labels, ..Many::of(DEPLOYMENTS, None) };
        let listed = match kube.list(&wanted).await {
            Err(trouble) if trouble.kind == TroubleKind::Denied && !self.namespaces.is_empty() => {
                let mut found = Vec::new();
                for namespace in &self.namespaces {
                    found.extend(kube.list(&Many { namespace: Some(namespace.clone()), ..wanted.clone() }).await?);
                }
                // They mostly run in a namespace of their own: not to see them here says nothing.
                if !found.iter().any(labelled) {
                    return Err(trouble);
                }
                found
            }
            other => other?,
        };
        let found: Vec<Value> = listed.into_iter().filter(labelled).collect();
        if found.is_empty() { self.by_name(kube).await } else { Ok(found) }
    }

    async fn by_name(&mut self, kube: &dyn Kube) -> Result<Vec<Value>, Trouble> {
        let now = self.clock.now();
        let names = match &self.named {
            Some((at, names)) if *at + SEARCH > now => names.clone(),
            Some(_) | None => {
                let all = Many { metadata_only: true, ..Many::of(DEPLOYMENTS, None) };
                let mut names: Vec<ObjectRef> = Vec::new();
                kube.list_each(&all, &mut |deployment| names.extend(named(deployment))).await?;
                self.named = Some((now, names.clone()));
                names
            }
        };
        let mut found = Vec::new();
        for object in names {
            let one = Many {
                fields: format!("metadata.name={}", object.name),
                ..Many::of(DEPLOYMENTS, Some(object.namespace.to_string()))
            };
            let is = |deployment: &Value| named(deployment).as_ref() == Some(&object);
            found.extend(kube.list(&one).await?.into_iter().filter(is));
        }
        Ok(found)
    }

    async fn processes(&mut self, kube: &dyn Kube) -> Result<Vec<OperatorSeen>, Trouble> {
        let mut found = Vec::new();
        for deployment in self.deployments(kube).await? {
            let Some(namespace) = deployment.pointer("/metadata/namespace").and_then(Value::as_str) else { continue };
            let labels = selector(&deployment);
            let pods = kube.list(&Many { labels, ..Many::of(PODS, Some(namespace.to_owned())) }).await?;
            found.extend(sync_digest::operator(&deployment, &pods));
        }
        Ok(found)
    }

    /// Which Events are asked for: of one version of a group, in one place.
    fn places(&self) -> Vec<Many> {
        let SyncNames::Served { versions, .. } = self.roster.now().sync else { return Vec::new() };
        let of = |version: &String, namespace: Option<&String>| Many {
            fields: format!("involvedObject.apiVersion={version}"),
            ..Many::of(EVENTS, namespace.cloned())
        };
        if self.namespaces.is_empty() {
            return versions.iter().map(|version| of(version, None)).collect();
        }
        let each = |version| self.namespaces.iter().map(move |namespace| of(version, Some(namespace)));
        versions.iter().flat_map(each).collect()
    }

    async fn happened(&self, kube: &dyn Kube) -> Result<Vec<EventSeen>, Trouble> {
        let mut all = Vec::new();
        for (index, many) in self.places().iter().enumerate() {
            let followed = {
                let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
                let watched = events.entry(index).or_default();
                if watched.whole {
                    trim(&mut watched.kept, self.clock.now());
                    all.extend(watched.kept.values().cloned());
                }
                watched.whole
            };
            if !followed {
                kube.list_each(many, &mut |event| all.extend(said(many, event))).await?;
            }
        }
        let now = self.clock.now();
        all.retain(|event| event.last.or(event.first).is_none_or(|at| at + LIFE >= now));
        all.sort_by_key(|event| event.last.or(event.first));
        let first = all.len().saturating_sub(MOST);
        Ok(all.split_off(first))
    }
}

#[async_trait]
impl Feed for OperatorsFeed {
    fn id(&self) -> FeedId {
        FeedId::Operators
    }

    fn patience(&self) -> Duration {
        LONG_LISTS
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let kube = self.kube.clone().ok_or_else(no_cluster)?;
        let known = |sync: &SyncNames| (*sync != SyncNames::Unknown).then(|| sync.clone());
        if self.roster.until(|shared| known(&shared.sync)).await == SyncNames::Absent {
            return Err(nothing_installed());
        }
        let found = self.processes(kube.as_ref()).await?;
        let home = vso_home(&found).map(str::to_owned);
        self.roster.change(|shared| shared.home = home);
        let events = self.happened(kube.as_ref()).await?;
        Ok(vec![Fact::Operators(OperatorsSeen { found, events })])
    }

    /// Events are followed in between and told with the next look: that reads them once, and not at every look.
    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        let kube = self.kube.clone()?;
        let (roster, events, clock) = (self.roster.clone(), Arc::clone(&self.events), Arc::clone(&self.clock));
        events.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let places = self.places();
        let before = versions(&roster.now().sync);
        let streams = places.into_iter().enumerate().map(|(index, many)| {
            let (events, clock) = (Arc::clone(&events), Arc::clone(&clock));
            let steps = kube.follow(many.clone());
            let none = steps.filter_map(move |step| {
                let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
                take(events.entry(index).or_default(), &many, step, clock.now());
                std::future::ready(None)
            });
            none.boxed()
        });
        // Where other kinds come to be served, the stream ends and is taken again.
        let moved = async move {
            roster.until(|shared| (versions(&shared.sync) != before).then_some(())).await;
        };
        Some(stream::select_all(streams).chain(stream::pending()).take_until(Box::pin(moved)).boxed())
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn labelled(deployment: &Value) -> bool {
    NAMES.contains(&text(deployment, "/metadata/labels/app.kubernetes.io~1name"))
}

/// An operator's Deployment by its name alone, as other installers than the charts call it.
fn named(deployment: &Value) -> Option<ObjectRef> {
    let name = text(deployment, "/metadata/name");
    let helps = name.contains("webhook") || name.contains("cert-controller");
    (!helps && NAMES.iter().any(|operator| name.contains(operator)))
        .then(|| ObjectRef::new("Deployment", text(deployment, "/metadata/namespace"), name))
}

/// The label selector of its pods, as a list request wants it.
fn selector(deployment: &Value) -> String {
    let labels = deployment.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pairs = labels.into_iter().flatten().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    pairs.collect::<Vec<_>>().join(",")
}

fn versions(names: &SyncNames) -> Vec<String> {
    if let SyncNames::Served { versions, .. } = names { versions.clone() } else { Vec::new() }
}

fn take(watched: &mut Watched, many: &Many, step: Result<Step, Trouble>, now: Timestamp) {
    match step {
        Ok(Step::Began) => *watched = Watched::default(),
        Ok(Step::Item(event) | Step::Put(event)) => {
            let key = (text(&event, "/metadata/namespace").to_owned(), text(&event, "/metadata/name").to_owned());
            if let Some(seen) = said(many, &event) {
                watched.kept.insert(key, seen);
            }
            if watched.kept.len() > MOST * 2 {
                trim(&mut watched.kept, now);
            }
        }
        Ok(Step::Listed) => watched.whole = true,
        Ok(Step::Gone { namespace, name }) => {
            watched.kept.remove(&(namespace, name));
        }
        // What is missed from here on, a look must bring.
        Err(_) => watched.whole = false,
    }
}

/// The Event, if it is one of those that were asked for.
fn said(many: &Many, event: &Value) -> Option<EventSeen> {
    let version = event.pointer("/involvedObject/apiVersion").and_then(Value::as_str)?;
    let asked = many.fields.strip_prefix("involvedObject.apiVersion=")?;
    (version == asked).then(|| sync_digest::event(event)).flatten()
}

/// Leaves the newest.
fn trim(kept: &mut Kept, now: Timestamp) {
    kept.retain(|_, event| event.last.or(event.first).is_none_or(|at| at + LIFE >= now));
    if kept.len() > MOST {
        let mut times: Vec<_> = kept.values().map(|event| event.last.or(event.first)).collect();
        times.sort_unstable();
        let oldest = times.get(times.len() - MOST).copied().flatten();
        kept.retain(|_, event| event.last.or(event.first) >= oldest);
    }
}
