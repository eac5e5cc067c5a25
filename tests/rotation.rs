//! Rotation: the feed on a simulated vault within its budget, what is concluded of it, and the rules without a scenario.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use baowatch::app::alerts::{Finding, Severity, rules};
use baowatch::app::id::{FeedId, ObjectRef};
use baowatch::app::model::Model;
use baowatch::app::model::consumers::{ConsumerSeen, PodLife, Rollout, Use, Way};
use baowatch::app::model::engines::{EnginesSeen, Part, Place, StaticRoleSeen};
use baowatch::app::model::fact::Fact;
use baowatch::app::model::paths::{EngineKind, VaultPath};
use baowatch::app::model::sync::{SyncDetail, SyncKind, SyncSeen};
use baowatch::app::model::table::Delta;
use baowatch::app::ports::Clock;
use baowatch::app::rotation::{Hop, Standing, Window, arrivals, bringers, role_ref, standing};
use baowatch::app::trouble::Trouble;
use baowatch::backends::bao::ask::Ask;
use baowatch::backends::bao::transport::{Request, Response, Transport};
use baowatch::backends::feeds::Feed;
use baowatch::backends::feeds::engines::EnginesFeed;
use baowatch::backends::feeds::roster::{Roster, Shared};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use world::fed::{feed, healthy};
use world::{at, report};

/// A vault that answers from a table, and counts.
#[derive(Default)]
struct Table {
    answers: Mutex<BTreeMap<String, (u16, Value)>>,
    asked: Mutex<Vec<String>>,
    now: Mutex<i64>,
}

impl Table {
    fn set(&self, path: &str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(path.to_owned(), (status, body));
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Clock for Table {
    fn now(&self) -> Timestamp {
        at(*self.now.lock().unwrap())
    }
}

#[async_trait]
impl Transport for Table {
    async fn send(&self, _: &str, request: Request) -> Result<Response, Trouble> {
        let path = request.path.trim_start_matches("/v1/").split('?').next().unwrap();
        let path = request.access.namespace.map_or_else(|| path.to_owned(), |namespace| format!("{namespace}/{path}"));
        self.asked.lock().unwrap().push(path.clone());
        let none = (404, json!({"errors": []}));
        let (status, data) = self.answers.lock().unwrap().get(&path).cloned().unwrap_or(none);
        let body = if status == 200 { json!({"data": data}) } else { data };
        Ok(Response { status, body: body.to_string().into_bytes(), truncated: false, location: None })
    }
}

fn denied() -> Value {
    json!({"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
}

fn watched(table: &Arc<Table>) -> EnginesFeed {
    let roster = Roster::new(Shared { members: Some(vec!["openbao-0".into()]), ..Shared::default() });
    let token = Arc::new(|| Some(SecretString::from("token")));
    EnginesFeed::new(
        Ask::new(Arc::clone(table) as Arc<dyn Transport>, roster, token, Arc::clone(table) as Arc<dyn Clock>),
        Arc::clone(table) as Arc<dyn Clock>,
    )
}

async fn look(feed: &mut EnginesFeed) -> EnginesSeen {
    match feed.look().await.unwrap().pop() {
        Some(Fact::Engines(seen)) => seen,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn many_roles_are_read_within_the_budget_and_each_when_it_is_due() {
    let table = Arc::new(Table::default());
    table.set("sys/mounts", 200, json!({"database/": {"type": "database"}}));
    let names: Vec<String> = (0..300).map(|n| format!("r{n:03}")).collect();
    table.set("database/static-roles", 200, json!({"keys": names}));
    for name in &names {
        let role = json!({"username": name, "rotation_period": 86_400, "last_vault_rotation": at(-60).to_string()});
        table.set(&format!("database/static-roles/{name}"), 200, role);
    }
    let mut feed = watched(&table);
    let seen = look(&mut feed).await;
    let first = table.asked().len();
    assert!(first <= 160 && seen.asked.0 as usize == first, "{first} {:?}", seen.asked);
    assert_eq!(seen.static_roles.len() + seen.unread as usize, 300);
    let mut last = seen;
    for second in [15, 30, 45, 60, 75] {
        *table.now.lock().unwrap() = second;
        last = look(&mut feed).await;
        assert!(table.asked().len() <= 40, "at {second}");
    }
    assert_eq!((last.static_roles.len(), last.unread), (300, 0));
    // Whatever else is to be read again: what is due is read in the next look, and there it is late by what the vault says.
    *table.now.lock().unwrap() = 86_400 - 60 + 16;
    let late = look(&mut feed).await;
    let overdue =
        late.static_roles.iter().filter(|role| matches!(standing(role, at(86_356)), Standing::Overdue { .. }));
    let overdue = overdue.count();
    assert!((1..=40).contains(&overdue), "only what was read since can be late: {overdue}");
}

#[tokio::test]
async fn what_is_denied_is_named_with_its_line_and_the_rest_goes_on() {
    let table = Arc::new(Table::default());
    table.set("sys/mounts", 403, denied());
    let visible = json!({"auth": {}, "secret": {"database/": {"type": "database"}, "pki/": {"type": "pki"}}});
    table.set("sys/internal/ui/mounts", 200, visible);
    table.set("database/static-roles", 403, denied());
    table.set("database/roles", 200, json!({"keys": ["app"]}));
    table.set("sys/leases/lookup/database/creds/app/", 403, denied());
    table.set("sys/leases/count", 403, denied());
    table.set("pki/issuer/default/json", 500, json!({"errors": ["no default issuer currently configured"]}));
    let mut feeds = watched(&table);
    let seen = look(&mut feeds).await;
    let parts: Vec<Part> = seen.blind.iter().map(|blind| blind.part).collect();
    assert_eq!(parts, [Part::StaticRoles, Part::Leases, Part::Irrevocable], "{:?}", seen.blind);
    let line = "path \"sys/leases/lookup/database/creds/app/\" { capabilities = [\"list\", \"sudo\"] }";
    assert!(seen.blind[1].trouble.next.ends_with(line), "{}", seen.blind[1].trouble.next);
    assert_eq!(seen.pki[0].expires, None);

    let mut model = healthy();
    feed(&mut model, at(0), vec![report(FeedId::Engines, vec![Fact::Engines(seen)])]);
    for rule in ["rotation-overdue", "lease-irrevocable"] {
        let judged = rules::find(rule).unwrap().judge(&model, at(1));
        assert!(judged.iter().any(|(_, finding)| matches!(finding, Finding::Unknown(says) if says.contains("path"))));
    }
    // Allowed again, nothing of it is left.
    table.set("database/static-roles", 200, json!({"keys": []}));
    table.set("sys/leases/count", 200, json!({"lease_count": 0}));
    *table.now.lock().unwrap() = 61;
    let seen = look(&mut feeds).await;
    assert_eq!((seen.blind.len(), seen.irrevocable), (1, Some(0)), "{:?}", seen.blind);
}

#[tokio::test]
async fn a_quota_is_respected() {
    let table = Arc::new(Table::default());
    table.set("sys/mounts", 429, json!({"errors": ["request path \"sys/mounts\": rate limit quota exceeded"]}));
    let mut feed = watched(&table);
    assert!(feed.look().await.is_err());
    table.set("sys/mounts", 200, json!({"database/": {"type": "database"}}));
    table.set("database/static-roles", 429, json!({"errors": ["rate limit quota exceeded"]}));
    // The first 429 ends the look and the next ones, whatever was asked.
    for start in [0, 61] {
        assert!(!table.asked().is_empty());
        *table.now.lock().unwrap() = start + 15;
        assert!(feed.look().await.is_err());
        assert_eq!(table.asked(), Vec::<String>::new(), "it was asked again at once");
        *table.now.lock().unwrap() = start + 61;
        assert_eq!(feed.look().await.is_err(), start == 0);
        table.set("database/static-roles", 200, json!({"keys": []}));
    }
}

#[tokio::test]
async fn what_rotates_in_namespaces_of_namespaces_is_found_and_out_of_sight_while_one_is_closed() {
    let table = Arc::new(Table::default());
    table.set("sys/mounts", 200, json!({}));
    table.set("sys/namespaces", 200, json!({"keys": ["team/"]}));
    table.set("team/sys/mounts", 200, json!({}));
    table.set("team/sys/namespaces", 200, json!({"keys": ["inner/"]}));
    table.set("team/inner/sys/mounts", 200, json!({"database/": {"type": "database"}}));
    table.set("team/inner/database/static-roles", 200, json!({"keys": ["app"]}));
    let old = json!({"username": "app", "rotation_period": 60, "last_vault_rotation": at(-600).to_string()});
    table.set("team/inner/database/static-roles/app", 200, old);
    let mut feeds = watched(&table);
    let seen = look(&mut feeds).await;
    let subject = role_ref(&seen.static_roles[0]);
    assert_eq!((subject.name.as_str(), &seen.left_out), ("team/inner/database/app", &None));

    let judge = |seen: EnginesSeen| {
        let mut model = healthy();
        feed(&mut model, at(0), vec![report(FeedId::Engines, vec![Fact::Engines(seen)])]);
        let judged = rules::find("rotation-overdue").unwrap().judge(&model, at(1));
        judged.into_iter().find(|(about, _)| *about == subject).map(|(_, finding)| finding)
    };
    assert!(matches!(judge(seen), Some(Finding::Firing(_))));
    // Sealed, or closed to the token: what fired in there is not over.
    for (second, status) in [(61, 503), (122, 403)] {
        table.set("team/inner/sys/mounts", status, denied());
        table.set("team/inner/sys/internal/ui/mounts", status, denied());
        *table.now.lock().unwrap() = second;
        let seen = look(&mut feeds).await;
        assert!(seen.left_out.as_deref().unwrap().contains("team/inner"), "{:?}", seen.left_out);
        assert!(matches!(judge(seen), Some(Finding::Unknown(_))));
    }
    // It is looked at again as soon as that is possible, and gone when it is.
    table.set("team/inner/sys/mounts", 200, json!({"database/": {"type": "database"}}));
    *table.now.lock().unwrap() = 183;
    assert!(matches!(judge(look(&mut feeds).await), Some(Finding::Firing(_))));
    table.set("team/sys/namespaces", 404, json!({"errors": []}));
    *table.now.lock().unwrap() = 244;
    let seen = look(&mut feeds).await;
    assert!(seen.blind.is_empty() && judge(seen).is_none());
}

fn role(rotated: i64, period: i64, read: i64) -> StaticRoleSeen {
    StaticRoleSeen {
        place: Place { namespace: String::new(), mount: "database".into() },
        role: "fleet".into(),
        username: "fleet".into(),
        connection: "pg".into(),
        rotated: Some(at(rotated)),
        period: Some(SignedDuration::from_secs(period)),
        schedule: None,
        at: at(read),
    }
}

#[test]
fn a_role_is_late_only_by_what_the_vault_said_after_its_time() {
    // Read before it was due: nobody knows what the vault did since.
    assert!(matches!(standing(&role(0, 60, 59), at(100)), Standing::Queued { .. }));
    // Within the 15 s of the queue.
    assert!(matches!(standing(&role(0, 60, 75), at(75)), Standing::Queued { .. }));
    assert_eq!(standing(&role(0, 60, 76), at(76)), Standing::Overdue { due: at(60), percent: 26 });
    assert_eq!(standing(&role(0, 60, 120), at(120)), Standing::Overdue { due: at(60), percent: 100 });
    assert!(matches!(standing(&role(0, 60, 59), at(59)), Standing::Current { .. }));
    let mut model = healthy();
    for (now, expected) in [(76, Severity::Warning), (120, Severity::Critical)] {
        let seen = EnginesSeen { static_roles: vec![role(0, 60, now)], ..EnginesSeen::default() };
        feed(&mut model, at(now), vec![report(FeedId::Engines, vec![Fact::Engines(seen)])]);
        let judged = rules::find("rotation-overdue").unwrap().judge(&model, at(now));
        let Finding::Firing(firing) = &judged[0].1 else { panic!("{judged:?}") };
        assert_eq!((firing.severity, firing.evidence_since), (expected, Some(at(60))));
    }
}

fn synced(kind: SyncKind, detail: SyncDetail) -> SyncSeen {
    SyncSeen {
        object: ObjectRef::new("VaultDynamicSecret", "shop", "fleet"),
        kind,
        created: None,
        generation: 1,
        sources: vec![VaultPath {
            namespace: "".into(),
            mount: "database".into(),
            path: "static-creds/fleet".into(),
            engine: EngineKind::Dynamic,
        }],
        secret: Some(ObjectRef::secret("shop", "fleet-db")),
        refresh: None,
        conditions: Vec::new(),
        detail,
    }
}

fn user(way: Way) -> ConsumerSeen {
    ConsumerSeen {
        object: ObjectRef::new("Deployment", "shop", "web"),
        uses: vec![Use {
            secret: ObjectRef::secret("shop", "fleet-db"),
            way,
            container: "web".into(),
            optional: false,
        }],
        labels: Vec::new(),
        restarted: Vec::new(),
        rollout: Rollout::Done,
    }
}

fn pod(started: i64) -> PodLife {
    PodLife {
        init: Vec::new(),
        object: ObjectRef::pod("shop", "web-1"),
        owner: Some(ObjectRef::new("Deployment", "shop", "web")),
        node: "".into(),
        revision: "".into(),
        containers: vec![("web".into(), at(started)), ("beside".into(), at(-9_000))],
        oom_killed: None,
        evicted: false,
        deleting: false,
        component: None,
        requests: 0,
    }
}

/// The window of the one consumer, 720 s after the rotation.
fn window(sync: SyncSeen, users: Vec<ConsumerSeen>, pods: Vec<PodLife>) -> (ObjectRef, Window) {
    let mut model = healthy();
    let msgs = vec![
        report(FeedId::Sync, vec![Fact::Sync(Delta::whole(vec![sync]))]),
        report(FeedId::Consumers, vec![Fact::Consumers(Delta::whole(users))]),
        report(FeedId::Containers, vec![Fact::Containers(Delta::whole(pods))]),
    ];
    feed(&mut model, at(720), msgs);
    let mut found = arrivals(&model, &role(0, 3_600, 720), &bringers(&model, at(720)), at(720));
    assert_eq!(found.len(), 1);
    let arrival = found.remove(0);
    (arrival.consumer, arrival.window)
}

#[test]
fn the_propagation_window_is_one_number_a_consumer() {
    let seconds = SignedDuration::from_secs;
    let fetched = |rotated, renewed| SyncDetail {
        rotated: Some(at(rotated)),
        renewed: Some(at(renewed)),
        ..SyncDetail::default()
    };
    let vso = |detail| synced(SyncKind::VaultDynamicSecret, detail);
    // The operator still has the rotation before.
    let waits = Window::Waiting { since: seconds(720), at: Hop::Operator };
    assert_eq!(window(vso(fetched(-3_600, -3_590)), vec![user(Way::Env)], vec![pod(-3_500)]).1, waits);
    // It fetched it; nobody uses the Secret: the number is the Secret's.
    let (consumer, arrived) = window(vso(fetched(0, 34)), Vec::new(), Vec::new());
    assert_eq!((consumer.kind.as_str(), arrived), ("Secret", Window::Within(seconds(34))));
    // A volume is refreshed, a variable is read at the start.
    assert_eq!(window(vso(fetched(0, 34)), vec![user(Way::Volume)], vec![pod(-9)]).1, Window::Within(seconds(34)));
    let restart = Window::Waiting { since: seconds(720), at: Hop::Restart("web".into()) };
    assert_eq!(window(vso(fetched(0, 34)), vec![user(Way::Env)], vec![pod(20)]).1, restart);
    assert_eq!(window(vso(fetched(0, 34)), vec![user(Way::Env)], vec![pod(50)]).1, Window::Within(seconds(50)));
    assert!(matches!(window(vso(fetched(0, 34)), vec![user(Way::Env)], Vec::new()).1, Window::Unseen(_)));
    // ESO says when it refreshed.
    let eso = |at| synced(SyncKind::ExternalSecret, SyncDetail { refreshed: Some(at), ..SyncDetail::default() });
    assert_eq!(window(eso(at(-5)), Vec::new(), Vec::new()).1, waits);
    assert_eq!(window(eso(at(5)), Vec::new(), Vec::new()).1, Window::Within(seconds(5)));
}

fn judged(rule: &str, detail: SyncDetail, kind: SyncKind, now: i64) -> Finding {
    let mut model: Model = healthy();
    let table = report(FeedId::Sync, vec![Fact::Sync(Delta::whole(vec![synced(kind, detail)]))]);
    feed(&mut model, at(now), vec![table, report(FeedId::Engines, vec![Fact::Engines(EnginesSeen::default())])]);
    let judged = rules::find(rule).unwrap().judge(&model, at(now));
    judged.into_iter().find(|(object, _)| object.name == "fleet").map_or(Finding::Clear, |(_, finding)| finding)
}

#[test]
fn lease_expiring() {
    let leased =
        || SyncDetail { renewed: Some(at(0)), lease: Some(SignedDuration::from_secs(1_000)), ..SyncDetail::default() };
    let of = |detail, now| judged("lease-expiring", detail, SyncKind::VaultDynamicSecret, now);
    // Two thirds, ten percent at random, and half a minute.
    assert_eq!(of(leased(), 800), Finding::Clear);
    let Finding::Firing(firing) = of(leased(), 801) else { panic!() };
    assert_eq!(firing.severity, Severity::Warning);
    let Finding::Firing(firing) = of(leased(), 900) else { panic!() };
    assert_eq!((firing.severity, firing.sentence.contains("ends in 1m")), (Severity::Critical, true));
    let Finding::Firing(firing) = of(leased(), 1_001) else { panic!() };
    assert!(firing.sentence.contains("ended at"), "{}", firing.sentence);
    // Static credentials have no lease to renew.
    assert_eq!(of(SyncDetail { rotated: Some(at(0)), ..leased() }, 1_001), Finding::Clear);
}

#[test]
fn cert_expiring() {
    let made = || SyncDetail {
        expires: Some(at(10_000)),
        expiry_offset: Some(SignedDuration::from_secs(3_000)),
        ..SyncDetail::default()
    };
    let of = |now| judged("cert-expiring", made(), SyncKind::VaultPKISecret, now);
    assert_eq!(of(7_299), Finding::Clear);
    let Finding::Firing(firing) = of(7_301) else { panic!() };
    assert_eq!(firing.severity, Severity::Warning);
    let Finding::Firing(firing) = of(10_000) else { panic!() };
    assert_eq!(firing.severity, Severity::Critical);
}
