//! Many objects of one kind as JSON: listed in pages, followed one by one, custom resources and metadata alike.

use std::fmt::Debug;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use kube::api::{ApiResource, DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::core::{PartialObjectMeta, Request};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

use super::fault::{Right, trouble};
use super::page::{self, Managed};
use super::port::{Many, Step};
use super::real::{MOST, PAGE, limited};
use super::watch::{LONGEST_WATCH, explained, quiet_when_denied};
use crate::app::trouble::{Trouble, TroubleKind};

fn api<K>(client: &Client, many: &Many) -> Api<K>
where
    K: Resource<DynamicType = ApiResource, Scope = kube::core::DynamicResourceScope>,
{
    let resource = resource(many);
    match &many.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

fn resource(many: &Many) -> ApiResource {
    let kind = many.kind;
    let api_version =
        if kind.group.is_empty() { kind.version.to_owned() } else { format!("{}/{}", kind.group, kind.version) };
    ApiResource {
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        api_version,
        kind: kind.kind.to_owned(),
        plural: kind.plural.to_owned(),
    }
}

fn right(many: &Many) -> Right<'_> {
    Right {
        group: many.kind.group,
        resource: many.kind.plural,
        verbs: &["get", "list", "watch"],
        namespace: many.namespace.as_deref(),
        name: None,
    }
}

fn cannot(many: &Many, verb: &str) -> String {
    let place = many.namespace.as_ref().map_or_else(|| "of the whole cluster".to_owned(), |ns| format!("in {ns}"));
    format!("{}s {place} cannot be {verb}", many.kind.kind)
}

fn params(many: &Many) -> ListParams {
    ListParams {
        label_selector: Some(many.labels.clone()).filter(|labels| !labels.is_empty()),
        field_selector: Some(many.fields.clone()).filter(|fields| !fields.is_empty()),
        ..ListParams::default()
    }
}

/// Managed fields are evidence of when a Secret's data changed, and of when the status of a workload without a deadline last
/// moved; of nothing else here.
fn managed(many: &Many) -> Managed {
    match many.kind.plural {
        "secrets" | "statefulsets" | "daemonsets" => Managed::Kept,
        _ => Managed::LeftOut,
    }
}

/// An object as JSON.
fn json<K: Resource + Serialize>(many: &Many, mut object: K) -> Value {
    if managed(many) == Managed::LeftOut {
        object.meta_mut().managed_fields = None;
    }
    // What came as JSON goes back into it.
    serde_json::to_value(object).unwrap_or(Value::Null)
}

pub(super) async fn list(client: &Client, many: &Many) -> Result<Vec<Value>, Trouble> {
    let mut found = Vec::new();
    each(client, many, &mut |object| found.push(object)).await?;
    Ok(found)
}

/// Shows each object as its page arrives; the version of the list, where it was read to its end. Each page has its own time:
/// on a slow line a long list takes long, and it must end all the same.
pub(super) async fn each(
    client: &Client,
    many: &Many,
    show: &mut (dyn FnMut(Value) + Send),
) -> Result<Option<String>, Trouble> {
    let (what, right) = (cannot(many, "listed"), right(many));
    let failed = |error: kube::Error| trouble(&what, &right, &error);
    let list = Request::new(api::<DynamicObject>(client, many).resource_url());
    let mut params = params(many).limit(PAGE);
    let mut found = 0;
    loop {
        let asked = if many.metadata_only { list.list_metadata(&params) } else { list.list(&params) };
        let asked = asked.map_err(|error| failed(kube::Error::BuildRequest(error)))?;
        let body = limited(&what, &right, client.request_text(asked)).await?;
        let mut show = |object| {
            found += 1;
            show(object);
        };
        let page =
            page::read(&body, managed(many), &mut show).map_err(|error| failed(kube::Error::SerdeError(error)))?;
        match page.r#continue.filter(|token| !token.is_empty()) {
            Some(token) if found < MOST => params.continue_token = Some(token),
            Some(_) => return Ok(None),
            None => return Ok(page.resource_version),
        }
    }
}

pub(super) async fn ping(client: &Client, many: &Many) -> Result<(), Trouble> {
    let api: Api<DynamicObject> = api(client, many);
    let one = params(many).limit(1);
    limited(&cannot(many, "listed"), &right(many), api.list_metadata(&one)).await.map(|_| ())
}

/// Follows from a version of the list on; a list begins it only where the watch from there fails.
pub(super) fn follow_from(client: &Client, many: Many, version: String) -> BoxStream<'static, Result<Step, Trouble>> {
    let anew = {
        let (client, many) = (client.clone(), many.clone());
        stream::once(async move { follow(&client, many) }).flatten()
    };
    let api: Api<DynamicObject> = api(client, &many);
    if many.metadata_only {
        let watch = move |params: WatchParams, version: String| {
            let api = api.clone();
            async move { api.watch_metadata(&params, &version).await.map(StreamExt::boxed) }
        };
        return onward(many, version, watch).chain(anew).boxed();
    }
    let watch = move |params: WatchParams, version: String| {
        let api = api.clone();
        async move { api.watch(&params, &version).await.map(StreamExt::boxed) }
    };
    onward(many, version, watch).chain(anew).boxed()
}

/// Watches from one version to the next for as long as that goes well; then it ends.
fn onward<K, W, R>(many: Many, version: String, watch: W) -> impl Stream<Item = Result<Step, Trouble>> + Send + 'static
where
    K: Resource + Serialize + Clone + Debug + Send + 'static,
    W: Fn(WatchParams, String) -> R + Send + 'static,
    R: Future<Output = kube::Result<BoxStream<'static, kube::Result<WatchEvent<K>>>>> + Send + 'static,
{
    let begin = (version, None::<BoxStream<'static, kube::Result<WatchEvent<K>>>>);
    stream::unfold((begin, many, watch), |((mut version, mut open), many, watch)| async move {
        loop {
            let Some(events) = &mut open else {
                let params = WatchParams {
                    label_selector: Some(many.labels.clone()).filter(|labels| !labels.is_empty()),
                    field_selector: Some(many.fields.clone()).filter(|fields| !fields.is_empty()),
                    ..WatchParams::default().timeout(LONGEST_WATCH)
                };
                open = Some(watch(params, version.clone()).await.ok()?);
                continue;
            };
            let newer = |object: &K| object.resource_version();
            let (newer, step) = match events.next().await {
                // It lasts no longer than was asked for.
                None => {
                    open = None;
                    continue;
                }
                // What failed, the list that follows finds out, and says.
                Some(Err(_) | Ok(WatchEvent::Error(_))) => return None,
                Some(Ok(WatchEvent::Bookmark(mark))) => (Some(mark.metadata.resource_version), None),
                Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                    (newer(&object), Some(Step::Put(json(&many, object))))
                }
                Some(Ok(WatchEvent::Deleted(object))) => {
                    let namespace = object.namespace().unwrap_or_default();
                    (newer(&object), Some(Step::Gone { namespace, name: object.name_any() }))
                }
            };
            version = newer.unwrap_or(version);
            if let Some(step) = step {
                return Some((Ok(step), ((version, open), many, watch)));
            }
        }
    })
}

pub(super) fn follow(client: &Client, many: Many) -> BoxStream<'static, Result<Step, Trouble>> {
    let mut config = watcher::Config::default().timeout(LONGEST_WATCH).page_size(PAGE);
    if !many.labels.is_empty() {
        config = config.labels(&many.labels);
    }
    if !many.fields.is_empty() {
        config = config.fields(&many.fields);
    }
    if many.metadata_only {
        let api: Api<PartialObjectMeta<DynamicObject>> = api(client, &many);
        steps(watcher(api, config).default_backoff(), many)
    } else {
        let api: Api<DynamicObject> = api(client, &many);
        steps(watcher(api, config).default_backoff(), many)
    }
}

fn steps<K>(
    events: impl futures::Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    many: Many,
) -> BoxStream<'static, Result<Step, Trouble>>
where
    K: Resource + Serialize + Clone + Debug + Send + 'static,
{
    let steps = events.map(move |event| match event {
        Ok(Event::Init) => Ok(Step::Began),
        Ok(Event::InitApply(object)) => Ok(Step::Item(json(&many, object))),
        Ok(Event::InitDone) => Ok(Step::Listed),
        Ok(Event::Apply(object)) => Ok(Step::Put(json(&many, object))),
        Ok(Event::Delete(object)) => {
            Ok(Step::Gone { namespace: object.namespace().unwrap_or_default(), name: object.name_any() })
        }
        Err(error) => Err(explained(&cannot(&many, "watched"), &right(&many), &error)),
    });
    quiet_when_denied(steps.boxed())
}

pub(super) async fn raw(client: &Client, path: &str, allow: &str) -> Result<Option<Value>, Trouble> {
    let what = format!("{path} cannot be read");
    let request = http::Request::get(path).body(Vec::new()).map_err(|_| {
        Trouble::local(&what, "it is no path of an API server", "Please report this: it is a fault of Baowatch")
    })?;
    let nothing = Right { group: "", resource: "", verbs: &["get"], namespace: None, name: None };
    match client.request::<Value>(request).await {
        Ok(value) => Ok(Some(value)),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => {
            let mut trouble = trouble(&what, &nothing, &error);
            if trouble.kind == TroubleKind::Denied && matches!(&error, kube::Error::Api(status) if status.code == 403) {
                allow.clone_into(&mut trouble.next);
            }
            Err(trouble)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use kube::client::Body;

    use super::*;
    use crate::backends::kube::port::Kind;

    /// An API server of so many pages that takes so long for each.
    fn slow(pages: u32, each: Duration) -> Client {
        let asked = Arc::new(AtomicU32::new(0));
        let answer = move |_: http::Request<Body>| {
            let n = asked.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                tokio::time::sleep(each).await;
                let more = if n < pages { "more" } else { "" };
                let body = serde_json::json!({"metadata": {"resourceVersion": "7", "continue": more},
                    "items": [{"metadata": {"name": format!("s{n}")}}]});
                Ok::<_, Infallible>(http::Response::new(Body::from(body.to_string().into_bytes())))
            }
        };
        Client::new(tower::service_fn(answer), "default")
    }

    async fn listed(client: &Client) -> Result<usize, Trouble> {
        let secrets = Many::of(Kind::new("", "v1", "Secret", "secrets"), None);
        list(client, &secrets).await.map(|all| all.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_list_takes_long_and_a_page_that_does_not_come_is_told() {
        assert_eq!(listed(&slow(6, Duration::from_secs(5))).await.unwrap(), 6);
        let trouble = listed(&slow(1, Duration::from_mins(1))).await.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Unreachable);
        assert!(trouble.why.contains("did not finish its answer within 8 s"), "{trouble:?}");
    }
}
