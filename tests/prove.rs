//! A proof of keys against a simulated server that is meddled with: what is sent, what is said, what is left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that breaks should stop there"
)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use baowatch::app::id::{Identity, ObjectRef};
use baowatch::app::model::keys_secret::{Fingerprint, Purpose};
use baowatch::app::model::proof::{Answer, Method as How, Proof};
use baowatch::app::runbook::op::{KeysRef, Op, Outcome, RotationOf, TokenRef};
use baowatch::app::runtime::slots::Slots;
use baowatch::app::trouble::Trouble;
use baowatch::backends::bao::transport::{Access, Method, Request, Response, Transport};
use baowatch::backends::copies::Copies;
use baowatch::backends::hands::{Gear, Tools, perform, probe};
use baowatch::backends::keys::{FieldNames, digest};
use baowatch::backends::kube::port::Kube;
use baowatch::backends::sandbox::event::Event;
use baowatch::backends::sandbox::scenario::{Scenario, UnsealerSort, VaultSettings};
use baowatch::backends::sandbox::{Sandbox, salt};
use jiff::SignedDuration;
use serde_json::{Value, json};

type Change = Box<dyn FnMut(&Request, Response) -> Result<Response, Trouble> + Send>;

/// Stands between the hands and the server: writes down what is asked, and changes answers.
struct Meddler {
    sandbox: Arc<Sandbox>,
    asked: Mutex<Vec<String>>,
    change: Mutex<Change>,
    /// Panics when the first share is given.
    panics: Mutex<bool>,
}

#[async_trait]
impl Transport for Meddler {
    async fn send(&self, replica: &str, request: Request) -> Result<Response, Trouble> {
        let verb = match request.method {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::List => "LIST",
        };
        self.asked.lock().unwrap().push(format!("{verb} {}", request.path));
        let same = Request {
            method: request.method,
            path: request.path.clone(),
            body: request.body.clone(),
            access: request.access.clone(),
        };
        let panics = *self.panics.lock().unwrap() && request.path.ends_with("/update");
        assert!(!panics, "in the middle");
        let answer = self.sandbox.send(replica, request).await?;
        (self.change.lock().unwrap())(&same, answer)
    }
}

/// A vault with one replica, and everything that is needed to prove its keys.
struct Bench {
    meddler: Arc<Meddler>,
    folder: tempfile::TempDir,
    tools: Tools,
}

impl Bench {
    fn new(shares: u32, threshold: u32) -> Self {
        let mut scenario = Scenario::named("healthy").unwrap();
        scenario.events.clear();
        scenario.vault =
            VaultSettings { replicas: 1, shares, threshold, unsealer: UnsealerSort::None, ..Default::default() };
        let sandbox = Sandbox::new(&scenario);
        sandbox.advance_by(SignedDuration::from_secs(1));
        let meddler = Arc::new(Meddler {
            sandbox: Arc::clone(&sandbox),
            asked: Mutex::default(),
            change: Mutex::new(Box::new(|_, answer| Ok(answer))),
            panics: Mutex::default(),
        });
        let folder = tempfile::tempdir().unwrap();
        let held = sandbox.held();
        let tools = Tools::new(Gear {
            transport: Arc::clone(&meddler) as Arc<dyn Transport>,
            kube: Some(Arc::clone(&sandbox) as Arc<dyn Kube>),
            kube_write: None,
            names: FieldNames::default(),
            salt: salt(),
            slots: Slots::default(),
            keeper: held.keeper,
            copies: Arc::new(Copies::new(None)),
            token: None,
            identity: Identity("sandbox".to_owned()),
            holder: "test".to_owned(),
            folder: Some(folder.path().to_owned()),
            clock: sandbox,
        });
        Self { meddler, folder, tools }
    }

    fn meddle(&self, change: impl FnMut(&Request, Response) -> Result<Response, Trouble> + Send + 'static) {
        *self.meddler.change.lock().unwrap() = Box::new(change);
    }

    async fn prints(&self) -> Vec<Fingerprint> {
        let secret = self.meddler.sandbox.secret("openbao", "openbao-keys").await.unwrap().unwrap();
        let fields = digest(&secret.data.unwrap(), &FieldNames::default(), &salt());
        fields.into_iter().filter(|field| field.purpose == Purpose::Shares).flat_map(|field| field.prints).collect()
    }

    async fn op(&self, threshold: u32) -> Op {
        let object = ObjectRef::secret("openbao", "openbao-keys");
        Op::ProveKeys {
            replica: "openbao-0".into(),
            keys: KeysRef::Secret { object: object.clone(), prints: self.prints().await },
            of: RotationOf::Root,
            threshold,
            total: 3,
            token: TokenRef::Secret { object },
            namespace: None,
        }
    }

    fn note(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("proof-attempt.json")).ok()
    }

    fn write_note(&self, nonce: &str) {
        let note = json!({"replica": "openbao-0", "nonce": nonce, "api": "/v1/sys/rotate/root", "namespace": null,
            "at": "2026-11-22T00:00:00Z"});
        std::fs::write(self.folder.path().join("proof-attempt.json"), note.to_string()).unwrap();
    }

    /// As somebody else with the root token.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let secret = self.meddler.sandbox.secret("openbao", "openbao-keys").await.unwrap().unwrap();
        let token = String::from_utf8(secret.data.unwrap()["root-token"].0.clone()).unwrap();
        let request = Request {
            method,
            path: format!("/v1/sys/rotate/root/{path}"),
            body: body.map(|body| body.to_string().into_bytes().into()),
            access: Access::with(token.into()),
        };
        let answer = self.meddler.sandbox.send("openbao-0", request).await.unwrap();
        serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["data"].clone()
    }

    async fn begin(&self) -> String {
        let body = json!({"secret_shares": 3, "secret_threshold": 2, "require_verification": true});
        self.ask(Method::Put, "init", Some(body)).await["nonce"].as_str().unwrap().to_owned()
    }

    async fn open(&self) -> Value {
        self.ask(Method::Get, "init", None).await
    }

    fn puts(&self, path: &str) -> usize {
        let wanted = format!("PUT /v1/sys/rotate/root/{path}");
        self.meddler.asked.lock().unwrap().iter().filter(|asked| **asked == wanted).count()
    }
}

fn proof(outcome: &Outcome) -> (&str, &Proof) {
    match outcome {
        Outcome::Proven { evidence, proof } => (evidence, proof),
        other => panic!("no proof: {other:?}"),
    }
}

fn trouble(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed { trouble } => trouble.to_string(),
        other => panic!("no failure: {other:?}"),
    }
}

fn with_body(answer: &Response, change: impl FnOnce(&mut Value)) -> Response {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
    change(&mut body);
    Response { status: answer.status, body: body.to_string().into_bytes(), truncated: false, location: None }
}

#[tokio::test]
async fn every_share_takes_part_and_nothing_stays() {
    let bench = Bench::new(3, 2);
    let outcome = perform(&bench.op(2).await, &bench.tools).await;
    let (evidence, proof) = proof(&outcome);
    assert!(evidence.contains("accepts the Secret's keys, 3 shares in 2 rounds of 2"), "{evidence}");
    assert_eq!((proof.method, proof.answer), (How::Rotation, Answer::Accepted));
    assert_eq!(proof.prints, bench.prints().await);
    assert!(proof.cluster_id.is_some());
    assert_eq!((bench.puts("init"), bench.puts("update"), bench.puts("verify")), (2, 4, 0));
    assert_eq!((bench.open().await["started"].clone(), bench.note()), (json!(false), None));
}

#[tokio::test]
async fn wrong_keys_are_refused_and_that_is_a_proof_too() {
    let bench = Bench::new(1, 1);
    bench.meddler.sandbox.happen(&Event::SecretSpoiled);
    let mut op = bench.op(1).await;
    let Op::ProveKeys { token, .. } = &mut op else { unreachable!() };
    *token = TokenRef::Secret { object: ObjectRef::secret("openbao", "openbao-keys") };
    let outcome = perform(&op, &bench.tools).await;
    let (evidence, proof) = proof(&outcome);
    assert!(evidence.contains("does not accept the Secret's key"), "{evidence}");
    assert_eq!(proof.answer, Answer::Refused);
    assert_eq!(bench.open().await["started"], false);
    assert_eq!(bench.note(), None);
}

#[tokio::test]
async fn a_rotation_that_would_change_the_keys_gets_no_share_and_is_cancelled() {
    let bench = Bench::new(3, 2);
    bench.meddle(|request, answer| {
        if request.method == Method::Put && request.path.ends_with("/init") {
            return Ok(with_body(&answer, |body| body["data"]["verification_required"] = json!(false)));
        }
        Ok(answer)
    });
    let told = trouble(&perform(&bench.op(2).await, &bench.tools).await);
    assert!(told.contains("would change the keys at once"), "{told}");
    assert_eq!(bench.puts("update"), 0, "no key was sent");
    assert_eq!(bench.open().await["started"], false);
}

#[tokio::test]
async fn verification_is_asked_for_and_the_note_is_there_before_the_first_share() {
    let bench = Bench::new(3, 2);
    let folder = bench.folder.path().to_owned();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    bench.meddle(move |request, answer| {
        let body = request.body.as_ref().map(|body| serde_json::from_slice::<Value>(body).unwrap());
        if request.method == Method::Put && request.path.ends_with("/init") {
            assert_eq!(body.as_ref().unwrap()["require_verification"], true);
        }
        if request.path.ends_with("/update") {
            let note = std::fs::read_to_string(Path::new(&folder).join("proof-attempt.json")).unwrap();
            let body = body.unwrap();
            assert!(note.contains(body["nonce"].as_str().unwrap()), "{note}");
            assert!(!note.contains(body["key"].as_str().unwrap()));
            noted.lock().unwrap().push(note);
        }
        Ok(answer)
    });
    proof(&perform(&bench.op(2).await, &bench.tools).await);
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_proves_nothing_and_the_rotation_is_cancelled() {
    let bench = Bench::new(3, 2);
    bench.meddle(|request, answer| {
        if request.path.ends_with("/update") {
            return Err(Trouble::unreachable("openbao-0 gave no answer", "it took too long", ""));
        }
        Ok(answer)
    });
    let told = trouble(&perform(&bench.op(2).await, &bench.tools).await);
    assert!(told.contains("the rotation was cancelled, the vault's keys are as before"), "{told}");
    assert_eq!((bench.open().await["started"].clone(), bench.note()), (json!(false), None));
}

#[tokio::test]
async fn a_panic_in_the_middle_leaves_nothing_open() {
    let bench = Bench::new(3, 2);
    *bench.meddler.panics.lock().unwrap() = true;
    let told = trouble(&perform(&bench.op(2).await, &bench.tools).await);
    assert!(told.contains("this is a mistake of the program"), "{told}");
    assert_eq!((bench.open().await["started"].clone(), bench.note()), (json!(false), None));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_fails_is_said_loudly_and_the_note_stays() {
    let bench = Bench::new(3, 2);
    never_cancelled(&bench);
    let told = trouble(&perform(&bench.op(2).await, &bench.tools).await);
    assert!(told.contains("MAY STILL BE OPEN"), "{told}");
    assert!(told.contains("`bao operator rotate-keys -cancel`"), "{told}");
    assert!(bench.note().is_some(), "the next start tries again");
}

/// Whatever is cancelled is told as still open.
fn never_cancelled(bench: &Bench) {
    let begun = Mutex::new(None::<Value>);
    bench.meddle(move |request, answer| {
        if request.method == Method::Put && request.path.ends_with("/init") {
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            *begun.lock().unwrap() = Some(body["data"].clone());
        }
        let asked = request.method == Method::Get && request.path.ends_with("/rotate/root/init");
        match begun.lock().unwrap().clone().filter(|_| asked) {
            Some(data) => Ok(with_body(&answer, |body| body["data"] = data)),
            None => Ok(answer),
        }
    });
}

#[tokio::test]
async fn what_a_crash_left_is_cancelled_only_if_it_is_ours() {
    let bench = Bench::new(3, 2);
    let op = bench.op(2).await;
    assert!(probe(&op, &bench.tools).await.unwrap().says.contains("no rotation of the keys is open"));

    let nonce = bench.begin().await;
    let says = probe(&op, &bench.tools).await.unwrap().says;
    assert!(says.contains("may be the one that was begun then") && says.contains("-cancel"), "{says}");
    assert_eq!(bench.open().await["nonce"], nonce, "not touched");

    bench.write_note("another");
    let says = probe(&op, &bench.tools).await.unwrap().says;
    assert!(says.contains("somebody else's"), "{says}");
    assert_eq!(bench.open().await["nonce"], nonce, "not touched");
    let told = trouble(&perform(&op, &bench.tools).await);
    assert!(told.contains("somebody's rotation of the keys is open"), "{told}");
    assert_eq!((bench.open().await["nonce"].clone(), bench.puts("update")), (json!(nonce), 0));

    bench.write_note(&nonce);
    let says = probe(&op, &bench.tools).await.unwrap().says;
    assert!(says.contains("it is cancelled now"), "{says}");
    assert_eq!((bench.open().await["started"].clone(), bench.note()), (json!(false), None));

    // The next proof does it too.
    let nonce = bench.begin().await;
    bench.write_note(&nonce);
    proof(&perform(&op, &bench.tools).await);
    assert_eq!((bench.open().await["started"].clone(), bench.note()), (json!(false), None));
}

#[tokio::test]
async fn keys_that_changed_since_the_plan_are_not_sent() {
    let bench = Bench::new(1, 1);
    let op = bench.op(1).await;
    bench.meddler.sandbox.happen(&Event::SecretSpoiled);
    let told = trouble(&perform(&op, &bench.tools).await);
    assert!(told.contains("changed since the plan was made; nothing was sent"), "{told}");
    assert_eq!(bench.puts("init"), 0);
}

#[tokio::test]
async fn a_look_without_a_token_says_what_a_person_can_do() {
    let bench = Bench::new(3, 2);
    let mut op = bench.op(2).await;
    let Op::ProveKeys { token, .. } = &mut op else { unreachable!() };
    *token = TokenRef::Configured;
    let says = probe(&op, &bench.tools).await.unwrap().says;
    assert!(says.contains("not known whether its rotation is still open"), "{says}");
    assert!(says.contains("`bao operator rotate-keys -cancel`"), "{says}");
}
