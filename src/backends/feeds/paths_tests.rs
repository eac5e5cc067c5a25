//! The budget, what a 429 does, what each 404 means: over a vault that is written down.

use std::sync::Mutex;

use secrecy::SecretString;
use serde_json::json;

use super::super::roster::Shared;
use super::super::{Scope, Vault};
use super::*;
use crate::app::model::paths::EngineKind;
use crate::backends::bao::transport::{Request, Response, Transport};
use crate::backends::keys::Salt;

/// Answers by path, and what was asked.
#[derive(Default)]
struct Written {
    answers: Mutex<BTreeMap<String, (u16, Value)>>,
    asked: Mutex<Vec<String>>,
    /// How many seconds each answer takes, by this clock.
    slow: Mutex<Option<(Arc<Hands>, i64)>>,
}

impl Written {
    fn set(&self, path: &str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(format!("/v1/kv/metadata/{path}"), (status, body));
    }

    fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect()
    }
}

#[async_trait]
impl Transport for Written {
    async fn send(&self, _: &str, request: Request) -> Result<Response, Trouble> {
        self.asked.lock().unwrap().push(request.path.clone());
        if let Some((clock, takes)) = &*self.slow.lock().unwrap() {
            clock.on(*takes);
        }
        let (status, body) =
            self.answers.lock().unwrap().get(&request.path).cloned().unwrap_or((404, json!({"errors": []})));
        Ok(Response { status, body: body.to_string().into_bytes(), truncated: false, location: None })
    }
}

#[derive(Default)]
struct Hands(Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

impl Hands {
    fn on(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

fn path(name: &str) -> VaultPath {
    VaultPath { namespace: "".into(), mount: "kv".into(), path: name.into(), engine: EngineKind::Kv2 }
}

fn feed(names: &[&str], budget: u32) -> (PathsFeed, Arc<Written>, Arc<Hands>) {
    let (vault, clock) = (Arc::new(Written::default()), Arc::new(Hands::default()));
    clock.on(1_000_000);
    let paths = Arc::new(names.iter().map(|name| path(name)).collect());
    let sync = SyncNames::Served { versions: Vec::new(), paths };
    let roster = Roster::new(Shared { members: Some(vec!["a".into()]), sync, ..Shared::default() });
    let token = Arc::new(|| Some(SecretString::from("t")));
    let wide = Wide {
        kube: None,
        vault: Vault { namespace: String::new(), name: "a".into() },
        ask: Ask::new(
            Arc::clone(&vault) as Arc<dyn Transport>,
            roster.clone(),
            token,
            Arc::clone(&clock) as Arc<dyn Clock>,
        ),
        roster,
        scope: Scope { paths_per_minute: Some(budget), ..Scope::default() },
        salt: Salt(Vec::new()),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
    };
    (PathsFeed::new(&wide), vault, clock)
}

async fn seen(feed: &mut PathsFeed) -> PathsSeen {
    match feed.look().await.unwrap().pop() {
        Some(Fact::Paths(seen)) => seen,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_oldest_are_asked_first_and_no_more_than_the_budget() {
    let (mut feed, vault, clock) = feed(&["a", "b", "c", "d", "e"], 2);
    assert_eq!(seen(&mut feed).await.found.len(), 2);
    assert_eq!(vault.asked(), ["a", "b"]);
    clock.on(30);
    let later = seen(&mut feed).await;
    assert_eq!((later.spent, later.budget, vault.asked().len()), (2, 2, 0));
    clock.on(31);
    seen(&mut feed).await;
    assert_eq!(vault.asked(), ["c", "d"]);
    clock.on(61);
    let all = seen(&mut feed).await;
    assert_eq!(vault.asked(), ["e", "a"]);
    let names: Vec<&str> = all.found.iter().map(|seen| seen.path.path.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(all.get(&path("d")).map(|seen| &seen.found), Some(&Ok(PathState::Absent)));
}

#[tokio::test]
async fn what_a_slow_vault_said_is_told_and_the_rest_is_asked_next_time() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let (mut feed, vault, clock) = feed(&names, 100);
    *vault.slow.lock().unwrap() = Some((Arc::clone(&clock), 2));
    let first = seen(&mut feed).await.found.len();
    assert!((1..names.len()).contains(&first), "{first}");
    let second = seen(&mut feed).await.found.len();
    assert!(second > first, "{second}");
    while seen(&mut feed).await.found.len() < names.len() {}
}

#[tokio::test]
async fn a_rate_limit_holds_it_for_a_minute() {
    let (mut feed, vault, clock) = feed(&["a", "b"], 100);
    vault.set("a", 429, json!({"errors": ["request path \"kv/metadata/a\": rate limit quota exceeded"]}));
    let held = seen(&mut feed).await;
    assert_eq!(held.held_until, Some(clock.now() + PAUSE));
    vault.asked();
    clock.on(30);
    assert!(seen(&mut feed).await.held_until.is_some());
    assert!(vault.asked().is_empty());
    vault.set("a", 200, json!({"data": {"current_version": 1, "versions": {}}}));
    clock.on(31);
    let free = seen(&mut feed).await;
    assert_eq!((free.held_until, free.found.len()), (None, 2));
}

#[tokio::test]
async fn each_answer_means_what_it_says() {
    let (mut feed, vault, clock) = feed(&["deleted", "gone", "later", "one", "value", "void", "well"], 100);
    let body = |version: u64, deleted: String, destroyed: bool| {
        json!({"data": {"current_version": version, "updated_time": "1970-01-02T00:00:00.5Z",
            "versions": {version.to_string(): {"deletion_time": deleted, "destroyed": destroyed}}}})
    };
    let at = |seconds: i64| (clock.now() + SignedDuration::from_secs(seconds)).to_string();
    vault.set("well", 200, body(3, String::new(), false));
    vault.set("deleted", 200, body(2, at(-5), false));
    // `delete_version_after` writes the moment down in advance.
    vault.set("later", 200, body(2, at(500), false));
    vault.set("gone", 200, body(2, String::new(), true));
    vault.set("one", 404, json!({"errors": ["no handler for route \"kv/metadata/one\". route entry not found."]}));
    // A mount of KV version 1 would give the value that lies at this key.
    vault.set("value", 200, json!({"data": {"password": "canary"}}));
    let found = seen(&mut feed).await;
    let of = |name: &str| found.get(&path(name)).unwrap().found.clone();
    let updated = "1970-01-02T00:00:00.5Z".parse().ok();
    assert_eq!(of("well"), Ok(PathState::Present { updated, version: 3, deleted: None, destroyed: false }));
    assert!(matches!(of("deleted"), Ok(PathState::Present { deleted: Some(_), .. })));
    assert!(matches!(of("later"), Ok(PathState::Present { deleted: None, .. })));
    assert!(matches!(of("gone"), Ok(PathState::Present { destroyed: true, .. })));
    assert_eq!(of("void"), Ok(PathState::Absent));
    assert_eq!(of("one").unwrap_err().kind, TroubleKind::Absent);
    assert_eq!(of("value").unwrap_err().kind, TroubleKind::Unusable);
    assert!(!format!("{found:?}").contains("canary"));
}

#[tokio::test]
async fn who_may_read_none_of_them_gets_the_line_of_a_policy() {
    let (mut feed, vault, _) = feed(&["a", "b"], 100);
    for name in ["a", "b"] {
        vault.set(name, 403, json!({"errors": ["1 error occurred:\n\t* permission denied\n\n"]}));
    }
    let trouble = feed.look().await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Denied);
    assert!(trouble.next.contains("path \"kv/metadata/*\" { capabilities = [\"read\"] }"), "{trouble}");
    // One that may be read makes it a matter of the others alone.
    vault.set("a", 200, json!({"data": {"current_version": 1, "versions": {}}}));
    let seen = seen(&mut feed).await;
    assert!(seen.get(&path("b")).unwrap().found.is_err());
}
