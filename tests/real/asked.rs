//! How a real vault is asked: no more after it asked to slow down, and in namespaces of namespaces, sealed ones among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use async_trait::async_trait;
use baowatch::app::model::engines::{EnginesSeen, Part};
use baowatch::app::model::fact::Fact;
use baowatch::app::ports::Clock;
use baowatch::app::runtime::clock;
use baowatch::app::trouble::Trouble;
use baowatch::backends::bao::ask::{Ask, Question, asked_to_slow_down};
use baowatch::backends::bao::http::{HttpOptions, HttpTransport, Route};
use baowatch::backends::bao::transport::{Request, Response, Transport};
use baowatch::backends::feeds::Feed as _;
use baowatch::backends::feeds::engines::EnginesFeed;
use baowatch::backends::feeds::roster::{Roster, Shared};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio_util::task::TaskTracker;

use crate::estate::{put, sealed_namespace};
use crate::lab::{Vault, lab, left_out};
use crate::prove::{ask as ask_once, root};

/// The way to the one replica, and how often it was taken.
pub struct Counted {
    inner: HttpTransport,
    pub sent: AtomicUsize,
}

impl Counted {
    pub fn to(vault: &Vault) -> Arc<Self> {
        let inner = HttpTransport::new(HttpOptions::default(), TaskTracker::new()).unwrap();
        inner.route("openbao-0", Route::address(vault.made["addresses"]["openbao-0"].as_str().unwrap()).unwrap());
        Arc::new(Self { inner, sent: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Transport for Counted {
    async fn send(&self, replica: &str, request: Request) -> Result<Response, Trouble> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.inner.send(replica, request).await
    }
}

/// The clock of this machine, put forward by hand.
#[derive(Default)]
pub struct Forward(AtomicI64);

impl Clock for Forward {
    fn now(&self) -> Timestamp {
        clock::now() + SignedDuration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// Asks with the root token.
pub fn asking(vault: &Vault, way: Arc<Counted>, roster: Shared, clock: Arc<dyn Clock>) -> (Ask, Roster) {
    let roster = Roster::new(Shared { members: Some(vec!["openbao-0".to_owned()]), ..roster });
    let token = root(vault);
    let token = Arc::new(move || Some(secrecy::SecretString::from(token.clone())));
    (Ask::new(way, roster.clone(), token, clock), roster)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_whose_quota_is_spent_is_left_alone_for_a_minute_and_the_rest_is_not() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    vault.wait_sealed(0, false);
    put(&vault, "sys/mounts/kv", &json!({"type": "kv", "options": {"version": "2"}}));
    // For a moment after it was mounted nothing can be written to it.
    let ready = (0..300).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        ask_once(&vault, 0, "PUT", "kv/data/shop/0", &root(&vault), &json!({"data": {"a": "b"}})).0 == 200
    });
    assert!(ready, "the mount never took a value");
    put(&vault, "sys/quotas/rate-limit/kv", &json!({"path": "kv/", "rate": 1, "interval": "30s"}));
    let (way, clock) = (Counted::to(&vault), Arc::new(Forward::default()));
    let (ask, _) = asking(&vault, Arc::clone(&way), Shared::default(), Arc::clone(&clock) as Arc<dyn Clock>);
    let metadata = |path: &str| Question::KvMetadata { mount: "kv".to_owned(), path: path.to_owned() };
    let mut refused = None;
    for n in 0..5 {
        if let Err(trouble) = ask.ask("", &metadata(&format!("shop/{n}"))).await {
            refused = Some(trouble);
            break;
        }
    }
    let refused = refused.expect("a quota of one answer in half a minute is spent by then");
    assert!(asked_to_slow_down(&refused), "{refused}");
    let sent = way.sent.load(Ordering::Relaxed);
    let again = ask.clone().ask("", &metadata("shop/9")).await.unwrap_err();
    assert!(asked_to_slow_down(&again), "{again}");
    assert_eq!(way.sent.load(Ordering::Relaxed), sent, "it was asked again at once");
    assert!(ask.ask("", &Question::Mounts).await.unwrap().is_some(), "nothing is wrong with the rest of it");
    clock.0.store(61, Ordering::Relaxed);
    let _ = ask.ask("", &metadata("shop/10")).await;
    assert_eq!(way.sent.load(Ordering::Relaxed), sent + 2, "after a minute it is asked again");
}

async fn engines(feed: &mut EnginesFeed) -> EnginesSeen {
    match feed.look().await.unwrap().remove(0) {
        Fact::Engines(seen) => seen,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_in_namespaces_of_namespaces_are_seen_and_out_of_sight_while_theirs_is_sealed() {
    if left_out() {
        return;
    }
    let vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    vault.wait_sealed(0, false);
    put(&vault, "sys/namespaces/team", &json!({}));
    let share = sealed_namespace(&vault, "team", "inner");
    put(&vault, "team/sys/namespaces/inner/unseal", &json!({"key": share}));
    put(&vault, "team/inner/sys/mounts/pki", &json!({"type": "pki"}));
    put(&vault, "team/inner/pki/root/generate/internal", &json!({"common_name": "inner", "ttl": "72h"}));

    let clock = Arc::new(Forward::default());
    let shared = Arc::clone(&clock) as Arc<dyn Clock>;
    let (ask, _) = asking(&vault, Counted::to(&vault), Shared::default(), Arc::clone(&shared));
    let mut feed = EnginesFeed::new(ask, shared);
    let seen = engines(&mut feed).await;
    let found: Vec<(String, bool)> = seen.pki.iter().map(|pki| (pki.place.words(), pki.expires.is_some())).collect();
    assert_eq!((found, &seen.left_out), (vec![("team/inner/pki".to_owned(), true)], &None), "{seen:?}");

    put(&vault, "team/sys/namespaces/inner/seal", &json!({}));
    clock.0.store(61, Ordering::Relaxed);
    let seen = engines(&mut feed).await;
    assert!(seen.left_out.as_deref().is_some_and(|out| out.contains("team/inner")), "{seen:?}");
    let blind: Vec<String> =
        seen.blind.iter().filter(|blind| blind.part == Part::Issuer).map(|blind| blind.place.words()).collect();
    assert_eq!((blind, seen.pki.len()), (vec!["team/inner/pki".to_owned()], 0), "it is not gone: {seen:?}");

    put(&vault, "team/sys/namespaces/inner/unseal", &json!({"key": share}));
    clock.0.store(122, Ordering::Relaxed);
    let seen = engines(&mut feed).await;
    assert_eq!((seen.pki.len(), seen.blind.len(), seen.left_out), (1, 0, None), "{:?}", seen.blind);
}
