//! The hands against a server that behaves as the real one does with shares: what is said, what is sent, what is not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that breaks should stop there"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use baowatch::app::alerts::silence::Silenced;
use baowatch::app::effect::{Effect, Sight};
use baowatch::app::id::{FeedId, Identity, ObjectRef, RunId, SlotId};
use baowatch::app::model::keys_secret::{Fingerprint, Glimpse};
use baowatch::app::model::proof::Proof;
use baowatch::app::model::seal::Role;
use baowatch::app::msg::{Msg, Pending};
use baowatch::app::ports::{Hands, JournalStore, Memory};
use baowatch::app::runbook::journal::{Entry, Journal};
use baowatch::app::runbook::op::{Op, Outcome, ShareRef};
use baowatch::app::runbook::run::Probe;
use baowatch::app::runtime::slots::Slots;
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::backends::bao::read::BaoRead;
use baowatch::backends::bao::transport::{Method, Request, Response, Transport};
use baowatch::backends::hands::{ConsoleHands, Gear, Shell, Tools, WatcherHands, perform, probe};
use baowatch::backends::keys::{FieldNames, Salt, digest};
use baowatch::backends::kube::port::{Access, Change, Kube, Many, Step, Watched};
use futures::stream::{BoxStream, StreamExt as _};
use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

const SLOT: SlotId = SlotId(7);

/// The n-th share of the fake vault, in hex.
fn share(n: u8) -> String {
    format!("{n:02x}").repeat(33)
}

/// One replica. Shares 1 to 3 are right, two of them open it.
#[derive(Default)]
struct Vault {
    open: bool,
    uninitialised: bool,
    joins: bool,
    given: Vec<String>,
    /// How often something was sent that could change it.
    puts: usize,
    /// Fails the next write in this way, after it took effect.
    lose_answer: bool,
    /// Answers the next write with this.
    answer: Option<(u16, String)>,
    silent: bool,
    without_health: bool,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Vault>>);

impl Vault {
    fn status(&self) -> String {
        json!({"type":"shamir","initialized":!self.uninitialised,"sealed":!self.open,"t":2,"n":3,
            "progress": if self.open { 0 } else { self.given.len() }, "nonce":"", "version":"2.7.2"})
        .to_string()
    }

    fn put(&mut self, body: &[u8]) -> (u16, String) {
        self.puts += 1;
        if let Some(answer) = self.answer.take() {
            return answer;
        }
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        if body["reset"] == true {
            self.given.clear();
        } else if !self.open {
            let key = body["key"].as_str().unwrap().to_owned();
            if !self.given.contains(&key) {
                self.given.push(key);
            }
            if self.given.len() == 2 {
                let right = self.given.iter().all(|key| (1..=3).any(|n| *key == share(n)));
                self.given.clear();
                if !right {
                    let says = "unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: \
                        cipher: message authentication failed";
                    return (400, json!({"errors": [says]}).to_string());
                }
                self.open = !self.joins;
            }
        }
        (200, self.status())
    }
}

#[async_trait]
impl Transport for Fake {
    async fn send(&self, _replica: &str, request: Request) -> Result<Response, Trouble> {
        let mut vault = self.0.lock().unwrap();
        if vault.silent {
            return Err(Trouble::unreachable("openbao-0 gave no answer", "", ""));
        }
        let (status, body) = match (request.method, request.path.as_str()) {
            (Method::Get, "/v1/sys/seal-status") => (200, vault.status()),
            (Method::Get, "/v1/sys/health") if vault.without_health => (403, "no".to_owned()),
            (Method::Get, "/v1/sys/health") => (
                if vault.open { 200 } else { 503 },
                json!({"initialized":true,"sealed":!vault.open,"standby":!vault.open,"server_time_utc":1_000_090})
                    .to_string(),
            ),
            (Method::Get, "/v1/sys/leader") => {
                (200, json!({"ha_enabled":true,"is_self":true,"leader_address":"https://openbao-0:8200"}).to_string())
            }
            (Method::Put, "/v1/sys/unseal") => vault.put(&request.body.unwrap()),
            (Method::Get | Method::Put | Method::Delete | Method::List, other) => panic!("asked for {other}"),
        };
        if request.method == Method::Put && std::mem::take(&mut vault.lose_answer) {
            return Err(Trouble::unreachable("openbao-0 gave no answer", "it took too long", ""));
        }
        Ok(Response { status, body: body.into_bytes(), truncated: false, location: None })
    }
}

/// A cluster that has one Secret at most.
struct Cluster(Mutex<Result<Option<BTreeMap<String, ByteString>>, Trouble>>);

#[async_trait]
impl Kube for Cluster {
    async fn kube_system_uid(&self) -> Result<String, Trouble> {
        unreachable!()
    }
    async fn vaults(&self, _: Option<&str>) -> Result<Vec<StatefulSet>, Trouble> {
        unreachable!()
    }
    async fn stateful_set(&self, _: &str, _: &str) -> Result<Option<StatefulSet>, Trouble> {
        unreachable!()
    }
    async fn pods(&self, _: &str, _: &str) -> Result<Vec<Pod>, Trouble> {
        unreachable!()
    }
    async fn deployments(&self, _: &str) -> Result<Vec<Deployment>, Trouble> {
        unreachable!()
    }
    async fn daemon_sets(&self, _: &str) -> Result<Vec<DaemonSet>, Trouble> {
        unreachable!()
    }
    async fn cron_jobs(&self, _: &str) -> Result<Vec<CronJob>, Trouble> {
        unreachable!()
    }
    async fn config_map(&self, _: &str, _: &str) -> Result<Option<ConfigMap>, Trouble> {
        unreachable!()
    }
    async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Secret>, Trouble> {
        assert_eq!((namespace, name), ("data", "openbao-keys"));
        let data = self.0.lock().unwrap().clone()?;
        Ok(data.map(|data| Secret { data: Some(data), ..Secret::default() }))
    }
    async fn secret_names(&self, _: &str) -> Result<Vec<ObjectMeta>, Trouble> {
        unreachable!()
    }
    async fn may(&self, _: &Access) -> Result<bool, Trouble> {
        unreachable!()
    }
    async fn list(&self, many: &Many) -> Result<Vec<Value>, Trouble> {
        Err(Trouble::new(TroubleKind::Absent, &format!("no {}", many.kind.plural), "", ""))
    }

    async fn ping(&self, many: &Many) -> Result<(), Trouble> {
        self.list(many).await.map(|_| ())
    }

    fn follow(&self, _: Many) -> BoxStream<'static, Result<Step, Trouble>> {
        futures::stream::pending().boxed()
    }

    async fn raw(&self, _: &str, _: &str) -> Result<Option<Value>, Trouble> {
        Ok(None)
    }

    fn watch(&self, _: Watched) -> BoxStream<'static, Result<Change, Trouble>> {
        unreachable!()
    }
}

fn salt() -> Salt {
    Salt(vec![3; 32])
}

fn data(shares: &[u8]) -> BTreeMap<String, ByteString> {
    let field = |n: &u8| (format!("unseal-key-{n}"), ByteString(share(*n).into_bytes()));
    shares.iter().map(field).collect()
}

fn prints(data: &BTreeMap<String, ByteString>) -> Vec<Fingerprint> {
    digest(data, &FieldNames::default(), &salt()).into_iter().flat_map(|field| field.prints).collect()
}

struct Scene {
    fake: Fake,
    cluster: Arc<Cluster>,
    slots: Slots,
    tools: Tools,
    plan: Vec<Fingerprint>,
}

fn scene() -> Scene {
    let fake = Fake::default();
    let keys = data(&[1, 2, 3]);
    let plan = prints(&keys);
    let cluster = Arc::new(Cluster(Mutex::new(Ok(Some(keys)))));
    let slots = Slots::new();
    let kube: Arc<dyn Kube> = Arc::clone(&cluster) as Arc<dyn Kube>;
    let tools =
        Tools::new(Gear::bare(Arc::new(fake.clone()), Some(kube), FieldNames::default(), salt(), slots.clone()));
    Scene { fake, cluster, slots, tools, plan }
}

impl Scene {
    async fn give(&self, index: u32) -> Outcome {
        let object = ObjectRef::secret("data", "openbao-keys");
        let print = self.plan[index as usize].clone();
        let share = ShareRef::Secret { object, index, print };
        perform(&Op::SubmitShare { replica: "openbao-0".into(), share }, &self.tools).await
    }

    async fn type_and_give(&self, text: &str, index: u32) -> Outcome {
        self.slots.paste(SLOT, text);
        self.slots.complete(SLOT);
        let share = ShareRef::Typed { slot: SLOT, index };
        perform(&Op::SubmitShare { replica: "openbao-0".into(), share }, &self.tools).await
    }

    fn puts(&self) -> usize {
        self.fake.0.lock().unwrap().puts
    }

    fn set(&self, change: impl FnOnce(&mut Vault)) {
        change(&mut self.fake.0.lock().unwrap());
    }
}

fn done(outcome: Outcome) -> String {
    canary(&outcome);
    match outcome {
        Outcome::Done { evidence } | Outcome::Proven { evidence, .. } => evidence,
        Outcome::Unneeded { why } => panic!("unneeded: {why}"),
        Outcome::Failed { trouble } => panic!("failed: {trouble}"),
    }
}

/// Nothing was sent, and so nothing is evidence.
fn unneeded(outcome: Outcome) -> String {
    canary(&outcome);
    match outcome {
        Outcome::Unneeded { why } => why,
        Outcome::Done { evidence } | Outcome::Proven { evidence, .. } => panic!("done: {evidence}"),
        Outcome::Failed { trouble } => panic!("failed: {trouble}"),
    }
}

fn failed(outcome: Outcome) -> Trouble {
    canary(&outcome);
    match outcome {
        Outcome::Done { evidence } | Outcome::Proven { evidence, .. } | Outcome::Unneeded { why: evidence } => {
            panic!("done: {evidence}")
        }
        Outcome::Failed { trouble } => trouble,
    }
}

/// No outcome shows a share, in whole or in part.
fn canary(outcome: &Outcome) {
    let shown = format!("{outcome:?}");
    for n in 1..=9 {
        assert!(!shown.contains(&share(n)[..8]), "{shown}");
    }
}

#[tokio::test]
async fn shares_from_the_secret_open_it_and_giving_more_changes_nothing() {
    let scene = scene();
    assert_eq!(done(scene.give(0).await), "1 of 2 shares");
    assert_eq!(done(scene.give(0).await), "this share was already in: 1 of 2");
    assert_eq!(done(scene.give(1).await), "openbao-0 answered: unsealed");
    assert_eq!(unneeded(scene.give(2).await), "openbao-0 was already open; nothing was sent");
    assert_eq!(scene.puts(), 3);
}

#[tokio::test]
async fn a_wrong_share_at_the_threshold_says_what_was_lost() {
    let scene = scene();
    assert_eq!(done(scene.type_and_give(&share(9), 0).await), "1 of 2 shares");
    let trouble = failed(scene.give(1).await);
    assert_eq!(trouble.kind, TroubleKind::Refused);
    assert_eq!(trouble.what, "the shares are not this vault's keys");
    assert!(trouble.why.contains("openbao-0 refused them at the threshold; progress is lost and nothing else changed"));
}

#[tokio::test]
async fn a_joiner_is_no_failure() {
    let scene = scene();
    scene.set(|vault| vault.joins = true);
    done(scene.give(0).await);
    assert!(done(scene.give(1).await).starts_with("accepted; openbao-0 is joining"));
}

#[tokio::test]
async fn nothing_is_sent_when_the_secret_moved() {
    let scene = scene();
    *scene.cluster.0.lock().unwrap() = Ok(Some(data(&[2, 3])));
    let trouble = failed(scene.give(0).await);
    assert_eq!(trouble.what, "the key in the Secret changed since the plan was made; nothing was sent");
    *scene.cluster.0.lock().unwrap() = Ok(Some(BTreeMap::new()));
    assert_eq!(failed(scene.give(0).await).kind, TroubleKind::Refused);
    *scene.cluster.0.lock().unwrap() = Ok(None);
    assert_eq!(failed(scene.give(0).await).kind, TroubleKind::Absent);
    *scene.cluster.0.lock().unwrap() = Err(Trouble::denied("no", "", "get secrets"));
    let trouble = failed(scene.give(0).await);
    assert_eq!((trouble.kind, trouble.why.as_str()), (TroubleKind::Denied, "nothing was sent"));
    assert_eq!(scene.puts(), 0);
}

#[tokio::test]
async fn typed_shares_are_checked_before_they_are_sent() {
    let scene = scene();
    let trouble = failed(scene.type_and_give("CANARY-not-a-key", 0).await);
    assert!(trouble.kind == TroubleKind::Local && !trouble.to_string().contains("CANARY"), "{trouble}");
    // It was never taken for a share: it stays in the field until it is cleared.
    assert_eq!(scene.slots.status(SLOT), (0, Pending::Typing));
    scene.slots.clear_pending(SLOT);
    assert_eq!(failed(scene.type_and_give("", 5).await).kind, TroubleKind::Local);
    assert_eq!(scene.puts(), 0);
    assert_eq!(done(scene.type_and_give(&format!("Unseal Key 1: {}", share(1)), 0).await), "1 of 2 shares");
    scene.slots.forget(SLOT);
    assert_eq!(scene.slots.status(SLOT), (0, Pending::Empty));
    assert!(!format!("{:?}", scene.slots).contains(&share(1)));
}

#[tokio::test]
async fn what_is_unknown_is_said_to_be_unknown() {
    let scene = scene();
    scene.set(|vault| vault.lose_answer = true);
    let trouble = failed(scene.give(0).await);
    assert!(trouble.what.contains("not known whether openbao-0 took the share"), "{trouble}");
    assert!(trouble.why.contains("sealed with 1 of 2 shares given"), "{trouble}");
    scene.set(|vault| vault.lose_answer = true);
    assert_eq!(unneeded(scene.give(1).await), "its answer was lost; openbao-0 is open now, whoever opened it");

    scene.set(|vault| (vault.open, vault.silent) = (false, true));
    let trouble = failed(scene.give(0).await);
    assert!(trouble.why.contains("nothing was sent"), "{trouble}");
    scene.set(|vault| (vault.silent, vault.uninitialised) = (false, true));
    assert!(failed(scene.give(0).await).what.contains("not initialised"));
    assert_eq!(scene.puts(), 2);
}

#[tokio::test]
async fn a_server_that_repeats_what_it_was_given_is_not_repeated() {
    for status in [400, 403, 418, 500, 503] {
        let scene = scene();
        let echo = json!({"errors": [format!("cannot digest {{\"key\":\"{}\"}}", share(1))]}).to_string();
        scene.set(|vault| vault.answer = Some((status, echo)));
        failed(scene.give(0).await);
    }
}

#[tokio::test]
async fn a_reset_discards_progress_and_a_probe_only_looks() {
    let scene = scene();
    let op = Op::ResetUnseal { replica: "openbao-0".into() };
    assert_eq!(unneeded(perform(&op, &scene.tools).await), "openbao-0 had no share yet; nothing was sent");
    done(scene.give(2).await);
    assert_eq!(probe(&op, &scene.tools).await.unwrap().says, "openbao-0 is sealed with 1 of 2 shares given");
    assert_eq!(done(perform(&op, &scene.tools).await), "openbao-0 discarded 1 of 2 shares");
    assert_eq!(probe(&op, &scene.tools).await.unwrap().says, "openbao-0 is sealed with no share given");
    scene.set(|vault| vault.open = true);
    assert_eq!(probe(&op, &scene.tools).await.unwrap().says, "openbao-0 is open");
    assert_eq!(scene.puts(), 2);
}

#[tokio::test]
async fn reading_folds_three_answers_and_bears_a_missing_one() {
    let fake = Fake::default();
    let read = BaoRead::new(Arc::new(fake.clone()));
    let now = jiff::Timestamp::from_second(1_000_000).unwrap();
    fake.0.lock().unwrap().open = true;
    let seen = read.seal("openbao-0", now).await.unwrap();
    assert_eq!((seen.role, seen.skew_seconds.map(|skew| (85..=90).contains(&skew))), (Some(Role::Active), Some(true)));
    fake.0.lock().unwrap().without_health = true;
    let seen = read.seal("openbao-0", now).await.unwrap();
    assert_eq!((seen.role, seen.skew_seconds), (Some(Role::Active), None));
    fake.0.lock().unwrap().silent = true;
    assert_eq!(read.seal("openbao-0", now).await.unwrap_err().kind, TroubleKind::Unreachable);
}

#[derive(Default)]
struct Disk(Mutex<Vec<String>>);

impl JournalStore for Disk {
    fn append(&self, run: RunId, entry: &Entry) -> Result<u32, Trouble> {
        let Entry::Started { step, .. } = entry else { panic!("only starts here") };
        // Later lines are quicker: only a queue keeps their order.
        std::thread::sleep(std::time::Duration::from_millis(20_u64.saturating_sub(*step as u64 * 5)));
        assert!(*step != 4, "a disk that breaks");
        let mut lines = self.0.lock().unwrap();
        lines.push(format!("{run} {step}"));
        Ok(lines.len() as u32)
    }
    fn unfinished(&self) -> Result<Vec<Journal>, Trouble> {
        Ok(Vec::new())
    }
}

impl Memory for Disk {
    fn recall(&self) -> Result<(Vec<Glimpse>, Vec<Proof>), Trouble> {
        Ok((Vec::new(), Vec::new()))
    }
    fn keep_history(&self, _: &[Glimpse]) -> Result<(), Trouble> {
        self.0.lock().unwrap().push("history".into());
        Ok(())
    }
    fn keep_proof(&self, _: &Proof) -> Result<(), Trouble> {
        Err(Trouble::local("full", "", ""))
    }
    fn silences(&self, _: jiff::Timestamp) -> Result<Vec<Silenced>, Trouble> {
        Ok(Vec::new())
    }
    fn keep_silence(&self, _: &Silenced, _: jiff::Timestamp) -> Result<(), Trouble> {
        Err(Trouble::local("the disk is full", "", ""))
    }
    fn salt(&self, _: &Identity) -> Result<Vec<u8>, Trouble> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn journals_keep_their_order_and_what_was_asked_for_is_written_before_the_end() {
    let scene = scene();
    let disk = Arc::new(Disk::default());
    let (send, mut told) = mpsc::unbounded_channel();
    let looked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&looked);
    let shell = Shell {
        look: Arc::new(move |feed| seen.lock().unwrap().push(feed)),
        send,
        tasks: TaskTracker::new(),
        runtime: tokio::runtime::Handle::current(),
    };
    let mut hands = ConsoleHands::new(scene.tools, disk.clone(), disk.clone(), shell.clone());
    for step in 0..5 {
        let entry = Entry::Started { at: jiff::Timestamp::UNIX_EPOCH, step };
        hands.perform(Effect::Journal { run: RunId(1), entry });
    }
    let silenced = json!({"rule": "vault-sealed", "subject": {"kind": "Pod", "name": "openbao-0"}, "severity": "warning",
        "until": "2026-11-22T05:00:00Z", "reason": "it is known"});
    hands.perform(Effect::RememberSilence(serde_json::from_value(silenced).unwrap()));
    hands.perform(Effect::LookNow(FeedId::Seal));
    hands.perform(Effect::Probe(Probe { run: RunId(2), step: 3, op: Op::ResetUnseal { replica: "openbao-0".into() } }));
    scene.slots.push_char(SLOT, 'x');
    hands.perform(Effect::ForgetSlot(SLOT));
    assert_eq!(scene.slots.status(SLOT), (0, Pending::Empty));
    hands.perform(Effect::Quit);
    hands.perform(Effect::Suspend);
    drop(hands);

    let mut watcher = WatcherHands::new(disk.clone(), &shell);
    watcher.perform(Sight::RememberHistory(Vec::new()));
    watcher.perform(Sight::LookNow(FeedId::Pods));
    watcher.perform(Sight::Quit);
    drop(watcher);
    shell.tasks.close();
    shell.tasks.wait().await;
    drop(shell);

    let lines = disk.0.lock().unwrap().clone();
    let journal: Vec<_> = lines.iter().filter(|line| *line != "history").cloned().collect();
    assert_eq!(journal, ["1 0", "1 1", "1 2", "1 3"]);
    assert!(lines.contains(&"history".to_owned()));
    assert_eq!(*looked.lock().unwrap(), [FeedId::Seal, FeedId::Pods]);
    let (mut written, mut probed, mut unkept) = (Vec::new(), 0, 0);
    while let Some(msg) = told.recv().await {
        match msg {
            Msg::Journaled { run: RunId(1), written: done } => written.push(done.is_ok()),
            Msg::Probed { run: RunId(2), step: 3, finding: Ok(_) } => probed += 1,
            // Who asked for it must know.
            Msg::Unkept(trouble) if trouble.what == "the disk is full" => unkept += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(unkept, 1);
    assert_eq!((written.as_slice(), probed), ([true, true, true, true, false].as_slice(), 1));
}
