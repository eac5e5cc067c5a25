//! What is concluded of tokens, and how they are asked about: as tables, and against a server that counts every question.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use baowatch::app::alerts::{Finding, Severity, rules};
use baowatch::app::config::file::TokenEntry;
use baowatch::app::id::FeedId;
use baowatch::app::model::Model;
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::model::fold;
use baowatch::app::model::keys_secret::Fingerprint;
use baowatch::app::model::tokens::{FileSeen, TokenAnswer, TokenOrigin, TokenSays, TokenSeen, Wants};
use baowatch::app::ports::Clock;
use baowatch::app::tokens::{Grade, capped, lasts, standing};
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::backends::bao::ask::Ask;
use baowatch::backends::bao::transport::{Request, Response, Transport};
use baowatch::backends::feeds::roster::{Roster, Shared};
use baowatch::backends::feeds::tokens::TokensFeed;
use baowatch::backends::feeds::{Feed, Scope, Vault, Wide};
use baowatch::backends::keys::Salt;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use world::at;

const DAY: i64 = 86_400;

fn says() -> TokenSays {
    let span = |seconds| Some(SignedDuration::from_secs(seconds));
    TokenSays {
        display_name: "token-wizard".into(),
        kind: "service".into(),
        made_by: "auth/token/create-orphan".into(),
        ttl: span(31 * DAY),
        creation_ttl: span(32 * DAY),
        period: span(32 * DAY),
        orphan: true,
        renewable: true,
        created: Some(at(-100 * DAY)),
        renewed: Some(at(-DAY)),
        policies: vec!["default".into(), "wizard".into()],
        accessor: Some(Fingerprint("aa".into())),
        capabilities: Some(BTreeMap::new()),
        ..TokenSays::default()
    }
}

fn seen(change: impl FnOnce(&mut TokenSeen, &mut TokenSays)) -> TokenSeen {
    let mut says = says();
    let mut token = TokenSeen {
        origin: TokenOrigin::File("wizard".into()),
        file: Some(FileSeen {
            path: "/home/wizard/.vault-token".into(),
            mode: 0o600,
            owner: (1000, 1000),
            modified: Some(at(-180)),
        }),
        wants: Wants::default(),
        answer: TokenAnswer::Dead,
        cap: Some(SignedDuration::from_secs(32 * DAY)),
        at: at(0),
    };
    change(&mut token, &mut says);
    // What the change set stands.
    if token.answer == TokenAnswer::Dead && says.display_name != "dead" {
        token.answer = TokenAnswer::Says(Box::new(says));
    }
    token
}

fn tell(model: &mut Model, seconds: i64, token: TokenSeen) {
    fold::apply(model, &Report { feed: FeedId::Tokens, outcome: Ok(vec![Fact::Tokens(vec![token])]) }, at(seconds));
}

fn told(token: TokenSeen) -> Model {
    let mut model = Model::default();
    tell(&mut model, 0, token);
    model
}

/// Every token rule that fires, with its severity and sentence.
fn fires(model: &Model, seconds: i64) -> Vec<(&'static str, Severity, String)> {
    let mut all = Vec::new();
    for name in ["token-expiring", "token-drift", "token-weak", "token-capped", "root-in-use"] {
        for (_, finding) in rules::find(name).unwrap().judge(model, at(seconds)) {
            if let Finding::Firing(firing) = finding {
                assert!(!firing.next.is_empty() && !firing.why.is_empty(), "{firing:?}");
                all.push((name, firing.severity, firing.sentence));
            }
        }
    }
    all
}

fn names(model: &Model) -> Vec<(&'static str, Severity)> {
    fires(model, 1).into_iter().map(|(name, severity, _)| (name, severity)).collect()
}

type Change = fn(&mut TokenSeen, &mut TokenSays);
/// What it is, the token, and what fires about it.
type Case = (&'static str, Change, &'static [(&'static str, Severity)]);

#[test]
fn each_rule_has_its_token() {
    use Severity::{Critical, Info, Warning};
    let rows: [Case; 18] = [
        ("well", |_, _| {}, &[]),
        ("a quarter", |_, s| s.ttl = Some(SignedDuration::from_secs(8 * DAY + 60)), &[]),
        ("below it", |_, s| s.ttl = Some(SignedDuration::from_secs(7 * DAY)), &[("token-expiring", Warning)]),
        ("near the end", |_, s| s.ttl = Some(SignedDuration::from_secs(DAY)), &[("token-expiring", Critical)]),
        ("dead", |_, s| s.display_name = "dead".into(), &[("token-expiring", Critical)]),
        (
            "a dead root token in the Secret",
            |t, s| {
                t.origin = TokenOrigin::KeysSecret;
                t.file = None;
                s.display_name = "dead".into();
            },
            &[("token-expiring", Info)],
        ),
        ("its name", |t, _| t.wants.display_name = Some("wizard".into()), &[]),
        ("its whole name", |t, _| t.wants.display_name = Some("token-wizard".into()), &[]),
        ("another", |t, _| t.wants.display_name = Some("devvm".into()), &[("token-drift", Critical)]),
        ("a policy", |t, _| t.wants.policies = vec!["vault-admin".into()], &[("token-drift", Critical)]),
        (
            "needs",
            |t, s| {
                t.wants.needs = BTreeMap::from([("a".into(), vec!["read".into()]), ("b".into(), vec!["sudo".into()])]);
                s.capabilities = Some(BTreeMap::from([("a".into(), vec!["read".into()]), ("b".into(), vec![])]));
            },
            &[("token-weak", Warning)],
        ),
        ("open", |t, _| t.file.as_mut().unwrap().mode = 0o644, &[("token-weak", Warning)]),
        ("a stranger's", |t, _| t.file.as_mut().unwrap().owner = (1001, 1000), &[("token-weak", Warning)]),
        (
            "our own sees less",
            |t, _| {
                t.origin = TokenOrigin::Own;
                t.wants.asks = BTreeMap::from([("sys/audit".into(), vec!["read".into(), "sudo".into()])]);
            },
            &[("token-weak", Info)],
        ),
        (
            "our own is counted",
            |t, s| {
                t.origin = TokenOrigin::Own;
                s.uses_left = 3;
            },
            &[("token-weak", Warning)],
        ),
        ("explicit", |_, s| s.explicit_max_ttl = Some(SignedDuration::from_hours(5_000)), &[("token-capped", Warning)]),
        (
            "root",
            |_, s| {
                s.root = true;
                (s.ttl, s.creation_ttl, s.period) = (None, None, None);
            },
            &[("root-in-use", Warning)],
        ),
        (
            "root in the Secret",
            |t, s| {
                (t.origin, t.file, s.root) = (TokenOrigin::KeysSecret, None, true);
                (s.ttl, s.creation_ttl, s.period) = (None, None, None);
            },
            &[],
        ),
    ];
    for (what, change, wanted) in rows {
        let model = told(seen(change));
        assert_eq!(names(&model), wanted, "{what}");
        let token = &model.tokens.as_ref().unwrap().value[0];
        let well = standing(&model, token, at(1)).0 <= Grade::Noted;
        assert_eq!(well, wanted.iter().all(|(_, severity)| *severity == Info), "{what}");
    }
}

#[test]
fn what_ends_a_token_is_dated() {
    let of = |change: Change| {
        let token = seen(change);
        let TokenAnswer::Says(says) = &token.answer else { panic!() };
        capped(&token, says).map(|capped| format!("{}: {}", capped.says, capped.why))
    };
    assert_eq!(of(|_, _| {}), None);
    let says = of(|_, s| s.explicit_max_ttl = Some(SignedDuration::from_secs(120 * DAY))).unwrap();
    assert!(says.contains("it is periodic, and yet explicit_max_ttl is 120d") && says.contains("Z: "), "{says}");
    let says = of(|t, _| t.cap = Some(SignedDuration::from_secs(DAY))).unwrap();
    assert!(says.contains("gets 24h at its next renewal"), "{says}");
    assert!(of(|_, s| s.period = None).unwrap().contains("not periodic"));
    // A person's own login ends, and that is how it is meant to be.
    assert_eq!(
        of(|t, s| {
            t.origin = TokenOrigin::Own;
            s.period = None;
        }),
        None
    );
    assert!(of(|_, s| (s.kind, s.period) = ("batch".into(), None)).unwrap().contains("batch"));
}

#[test]
fn time_runs_on_between_two_looks() {
    let token = seen(|_, _| {});
    let TokenAnswer::Says(says) = &token.answer else { panic!() };
    assert_eq!(lasts(&token, says, at(0)), "31d of 32d");
    assert_eq!(lasts(&token, says, at(10 * DAY)), "21d of 32d");
    assert_eq!(lasts(&token, says, at(40 * DAY)), "<5s of 32d");
}

#[test]
fn a_change_of_identity_is_told_and_remembered_for_the_session() {
    let mut model = told(seen(|_, _| {}));
    let other = || {
        seen(|_, s| {
            s.display_name = "userpass-me".into();
            s.made_by = "auth/userpass/login/me".into();
            s.accessor = Some(Fingerprint("bb".into()));
        })
    };
    tell(&mut model, 60, other());
    let fired = fires(&model, 61);
    assert!(
        fired.iter().any(|(rule, severity, says)| (*rule, *severity) == ("token-drift", Severity::Warning)
            && says == "Token wizard is userpass-me now"),
        "{fired:?}"
    );
    let told = model.timeline.newest_first().next().unwrap();
    assert_eq!(told.says, "is userpass-me now, it was token-wizard");
    // Still so at the next look, without being told again.
    let lines = model.timeline.len();
    tell(&mut model, 120, other());
    assert_eq!((model.timeline.len(), names(&model).len()), (lines, 1));
    tell(&mut model, 180, seen(|_, s| s.accessor = Some(Fingerprint("cc".into()))));
    assert_eq!(fires(&model, 181), []);
    // The same identity in another token is how a good renewal looks.
    tell(&mut model, 240, seen(|_, _| {}));
    assert_eq!(model.timeline.newest_first().next().unwrap().says, "was replaced by another token-wizard");
}

#[test]
fn another_identity_behind_the_same_name_is_told_by_what_differs() {
    let with = |policies: &[&str], entity: &str| {
        let policies: Vec<String> = policies.iter().map(|policy| (*policy).to_owned()).collect();
        seen(|_, s| {
            s.policies = policies;
            s.entity = entity.into();
        })
    };
    let rows = [
        (with(&["a"], ""), with(&["a", "b"], ""), "is another token-wizard: it has b besides"),
        (with(&["a", "b"], ""), with(&["a"], ""), "is another token-wizard: it lost b"),
        (with(&["a"], ""), with(&["b"], ""), "is another token-wizard: it has b now, it had a"),
        (with(&["a"], "one"), with(&["a"], "two"), "is token-wizard still, of another entity"),
    ];
    for (before, after, says) in rows {
        let mut model = told(before);
        tell(&mut model, 60, after);
        assert_eq!(model.timeline.newest_first().next().unwrap().says, says);
    }
}

#[test]
fn what_is_not_seen_is_unknown_and_what_is_not_there_is_nothing() {
    let unknown = |model: &Model, seconds| {
        let judged = rules::find("token-drift").unwrap().judge(model, at(seconds));
        judged.iter().map(|(_, finding)| matches!(finding, Finding::Unknown(_))).collect::<Vec<_>>()
    };
    assert_eq!(unknown(&Model::default(), 0), [true]);
    assert_eq!(unknown(&told(seen(|_, _| {})), 600), [true], "stale");
    let trouble = Trouble::unreachable("no answer", "", "");
    let unseen = told(seen(|t, _| t.answer = TokenAnswer::Unseen(trouble)));
    assert_eq!(unknown(&unseen, 1), [true]);
    let mut model = Model::default();
    let absent = Report { feed: FeedId::Tokens, outcome: Err(Ask::no_token()) };
    fold::apply(&mut model, &absent, at(0));
    assert_eq!(unknown(&model, 1), [] as [bool; 0]);
    // An empty file is no blindness.
    let none = Trouble::new(TroubleKind::Absent, "/t holds no token", "it is empty", "Write it");
    let model = told(seen(|t, _| t.answer = TokenAnswer::NoToken(none)));
    assert_eq!(names(&model), [("token-drift", Severity::Critical)]);
}

/// A server that knows some tokens and counts what is spent.
struct Server {
    /// Uses left by token; `None` without a limit.
    uses: Mutex<BTreeMap<String, Option<i64>>>,
    /// Who may look up others.
    watcher: &'static str,
    asked: Mutex<Vec<String>>,
    now: Mutex<Timestamp>,
}

impl Server {
    fn new(watcher: &'static str) -> Arc<Self> {
        let uses = [("s.own", None), ("s.file", None), ("s.counted", Some(5))];
        Arc::new(Self {
            uses: Mutex::new(uses.map(|(token, uses)| (token.to_owned(), uses)).into()),
            watcher,
            asked: Mutex::default(),
            now: Mutex::new(at(0)),
        })
    }

    fn describe(&self, token: &str) -> Response {
        let uses = self.uses.lock().unwrap();
        match uses.get(token) {
            None => reply(403, &json!({"errors": ["bad token"]})),
            Some(uses) => reply(
                200,
                &json!({"data": {"id": token, "accessor": format!("acc-{token}"), "display_name": token, "ttl": 100,
                    "creation_ttl": 100, "num_uses": uses.unwrap_or(0), "policies": [], "type": "service"}}),
            ),
        }
    }

    fn left(&self) -> Option<i64> {
        self.uses.lock().unwrap()["s.counted"]
    }

    fn pass(&self, seconds: i64) {
        *self.now.lock().unwrap() = at(seconds);
    }
}

fn reply(status: u16, body: &Value) -> Response {
    Response { status, body: body.to_string().into_bytes(), truncated: false, location: None }
}

impl Clock for Server {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, _: &str, request: Request) -> Result<Response, Trouble> {
        let asker = request.access.token.as_ref().unwrap().expose_secret().to_owned();
        self.asked.lock().unwrap().push(format!("{asker} {}", request.path));
        if !self.uses.lock().unwrap().contains_key(&asker) {
            return Ok(reply(403, &json!({"errors": ["permission denied"]})));
        }
        if let Some(Some(left)) = self.uses.lock().unwrap().get_mut(&asker) {
            *left -= 1;
        }
        let denied = || reply(403, &json!({"errors": ["1 error occurred:\n\t* permission denied\n\n"]}));
        let body =
            request.body.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok()).unwrap_or_default();
        Ok(match request.path.as_str() {
            "/v1/auth/token/lookup-self" => self.describe(&asker),
            "/v1/auth/token/lookup" if asker == self.watcher => self.describe(body["token"].as_str().unwrap()),
            "/v1/sys/capabilities-self" => reply(200, &json!({"data": {"kv/x": ["read"]}})),
            "/v1/sys/capabilities" if asker == self.watcher => reply(200, &json!({"data": {"kv/x": ["read"]}})),
            _ => denied(),
        })
    }
}

fn feed(server: &Arc<Server>, folder: &std::path::Path, own: &'static str, limited: bool) -> TokensFeed {
    let entry = |name: &str, token: &str| {
        let path = folder.join(name);
        if !path.exists() {
            std::fs::write(&path, token).unwrap();
        }
        TokenEntry {
            name: name.into(),
            path,
            display_name: None,
            policies: Vec::new(),
            needs: BTreeMap::from([("kv/x".into(), vec!["read".into()])]),
            limited: Some(limited && token == "s.counted"),
            namespace: None,
        }
    };
    let transport: Arc<dyn Transport> = Arc::clone(server) as Arc<dyn Transport>;
    let roster = Roster::new(Shared { members: Some(vec!["openbao-0".into()]), ..Shared::default() });
    let token = Arc::new(move || Some(SecretString::from(own)));
    let tokens = vec![entry("file", "s.file"), entry("counted", "s.counted")];
    TokensFeed::new(Wide {
        kube: None,
        vault: Vault { namespace: "data".into(), name: "openbao".into() },
        roster: roster.clone(),
        ask: Ask::new(transport, roster, token, Arc::clone(server) as Arc<dyn Clock>),
        scope: Scope { tokens, ..Scope::default() },
        salt: Salt(vec![1; 16]),
        clock: Arc::clone(server) as Arc<dyn Clock>,
    })
}

async fn look(feed: &mut TokensFeed) -> BTreeMap<String, TokenSeen> {
    let facts = feed.look().await.unwrap();
    let Fact::Tokens(tokens) = &facts[0] else { panic!() };
    let text = serde_json::to_string(tokens).unwrap() + &format!("{tokens:?}");
    assert!(!text.contains("acc-s."), "accessors are not kept: {text}");
    tokens.iter().map(|token| (token.origin.name().to_owned(), token.clone())).collect()
}

#[tokio::test]
async fn our_own_asks_about_others_and_spends_nothing_of_theirs() {
    let (server, folder) = (Server::new("s.own"), tempfile::tempdir().unwrap());
    let mut feed = feed(&server, folder.path(), "s.own", false);
    for minute in 0..5 {
        server.pass(minute * 60);
        let seen = look(&mut feed).await;
        let TokenAnswer::Says(says) = &seen["counted"].answer else { panic!() };
        assert_eq!((says.uses_left, seen["counted"].at), (5, at(minute * 60)));
        assert_eq!(says.capabilities.as_ref().unwrap()["kv/x"], ["read"]);
    }
    assert_eq!(server.left(), Some(5));
    let asked = server.asked.lock().unwrap();
    assert!(asked.iter().all(|line| !line.starts_with("s.counted")), "{asked:?}");
}

#[tokio::test]
async fn where_our_own_may_not_a_counted_token_is_asked_once_and_never_again() {
    let (server, folder) = (Server::new("nobody"), tempfile::tempdir().unwrap());
    let mut feed = feed(&server, folder.path(), "s.own", false);
    for minute in 0..5 {
        server.pass(minute * 60);
        let seen = look(&mut feed).await;
        let TokenAnswer::Says(says) = &seen["counted"].answer else { panic!() };
        assert_eq!((says.uses_left, seen["counted"].at), (4, at(0)), "what it said first, with its age");
        assert_eq!(says.capabilities, None, "asking that would spend another");
        assert_eq!(seen["file"].at, at(minute * 60));
    }
    assert_eq!(server.left(), Some(4));
}

#[tokio::test]
async fn one_that_is_configured_as_counted_is_not_asked_even_once() {
    let (server, folder) = (Server::new("nobody"), tempfile::tempdir().unwrap());
    let mut feed = feed(&server, folder.path(), "s.own", true);
    let seen = look(&mut feed).await;
    assert!(
        matches!(&seen["counted"].answer, TokenAnswer::Unseen(trouble) if trouble.next.contains("auth/token/lookup"))
    );
    assert_eq!(server.left(), Some(5));
}

#[tokio::test]
async fn a_token_is_asked_about_once_a_minute_and_at_once_when_its_file_changes() {
    let (server, folder) = (Server::new("s.own"), tempfile::tempdir().unwrap());
    let mut feed = feed(&server, folder.path(), "s.own", false);
    look(&mut feed).await;
    let first = server.asked.lock().unwrap().len();
    for second in 1..10 {
        server.pass(second);
        look(&mut feed).await;
    }
    assert_eq!(server.asked.lock().unwrap()[first..], [] as [String; 0]);
    std::fs::write(folder.path().join("file"), "s.unknown").unwrap();
    assert_eq!(look(&mut feed).await["file"].answer, TokenAnswer::Dead);
    std::fs::remove_file(folder.path().join("file")).unwrap();
    assert!(matches!(look(&mut feed).await["file"].answer, TokenAnswer::NoToken(_)));
    std::fs::write(folder.path().join("file"), "s.file").unwrap();
    assert!(matches!(look(&mut feed).await["file"].answer, TokenAnswer::Says(_)));
}
