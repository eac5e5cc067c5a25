//! Every scenario is lived through: the sandbox seen by the real feeds, once a virtual second, folded by the real core;
//! what the file expects must be said at its moment.

use std::sync::Arc;

use async_trait::async_trait;
use baowatch::app::alerts::AlertState;
use baowatch::app::id::{FeedId, PaneId};
use baowatch::app::intent::Intent;
use baowatch::app::model::fact::{ClusterSeen, Environment, Fact, Report};
use baowatch::app::model::seal::SealSeen;
use baowatch::app::msg::Msg;
use baowatch::app::ports::Clock;
use baowatch::app::settings::Settings;
use baowatch::app::state::State;
use baowatch::app::state::layers::Layer;
use baowatch::app::time::Stamped;
use baowatch::app::trouble::Trouble;
use baowatch::app::update::update;
use baowatch::backends::bao::read::BaoRead;
use baowatch::backends::bao::transport::Transport;
use baowatch::backends::feeds::seal::SealReader;
use baowatch::backends::feeds::{self, Aside, Deps, Feed, Scope, Vault};
use baowatch::backends::keys::{FieldNames, digest};
use baowatch::backends::kube::port::Kube;
use baowatch::backends::sandbox::Sandbox;
use baowatch::backends::sandbox::scenario::{Expectation, Scenario, scenarios};
use baowatch::views::console::print;
use baowatch::views::theme::Look;
use jiff::SignedDuration;

/// Reads seals by the sandbox's clock.
struct Reader(BaoRead, Arc<Sandbox>);

#[async_trait]
impl SealReader for Reader {
    async fn seal(&self, replica: &str) -> Result<SealSeen, Trouble> {
        self.0.seal(replica, self.1.now()).await
    }
}

/// A console on a sandbox.
struct Watch {
    sandbox: Arc<Sandbox>,
    feeds: Vec<Box<dyn Feed>>,
    state: State,
    seq: u64,
}

impl Watch {
    fn over(scenario: &Scenario) -> Self {
        let sandbox = Sandbox::new(scenario);
        sandbox.advance_to(scenario.start);
        let kube: Arc<dyn Kube> = sandbox.clone();
        let names = FieldNames::default();
        let salt = baowatch::backends::sandbox::salt();
        let (namespace, name) = (scenario.vault.namespace.clone(), scenario.vault.name.clone());
        let mut feeds = feeds::all(Deps {
            kube: Some(kube),
            vault: Vault { namespace, name },
            members: scenario.vault.members(),
            selector: None,
            keys_secret: None,
            seal: Arc::new(Reader(BaoRead::new(sandbox.clone()), sandbox.clone())),
            held: sandbox.held(),
            aside: Aside {
                transport: Arc::clone(&sandbox) as Arc<dyn Transport>,
                token: Arc::new(baowatch::backends::sandbox::token),
                scope: Scope::default(),
                clock: Arc::clone(&sandbox) as Arc<dyn Clock>,
            },
            digest_fields: Arc::new(move |data| digest(data, &names, &salt)),
        });
        feeds = sandbox.told_by(feeds);
        // Who tells the others what to look at goes first.
        feeds.sort_by_key(|feed| match feed.id() {
            FeedId::Workload => 0,
            FeedId::Unsealers => 1,
            FeedId::Pods => 2,
            FeedId::KeysSecret => 3,
            FeedId::Seal => 4,
            FeedId::Rights | FeedId::Keystore | FeedId::Copies | FeedId::Custody | FeedId::Register => 5,
            FeedId::Sync | FeedId::Secrets | FeedId::Consumers | FeedId::Containers | FeedId::Nodes => 6,
            FeedId::Operators
            | FeedId::Paths
            | FeedId::Usage
            | FeedId::Tokens
            | FeedId::Engines
            | FeedId::Raft
            | FeedId::Estate => 7,
        });
        let mut watch = Self { state: State::new(Settings::default(), scenario.start), sandbox, feeds, seq: 0 };
        let cluster = ClusterSeen {
            name: "demo".into(),
            context: Some("demo".into()),
            vault: format!("{}/{}", scenario.vault.namespace, scenario.vault.name),
            identity: scenario.identity(),
            environment: Environment::Lab,
            kubernetes: true,
            notes: Vec::new(),
        };
        let facts = vec![Fact::Connected(cluster), watch.sandbox.recalled()];
        watch.tell(Msg::Seen(Report { feed: FeedId::Workload, outcome: Ok(facts) }));
        watch
    }

    fn tell(&mut self, msg: Msg) {
        self.seq += 1;
        update(&mut self.state, Stamped { at: self.sandbox.now(), seq: self.seq, msg });
    }

    /// Lives until then, looking with each feed once in its period.
    async fn live(&mut self, scenario: &Scenario, until: SignedDuration) {
        let until = scenario.moment(until);
        while self.sandbox.now() < until {
            self.sandbox.advance_by(SignedDuration::from_secs(1));
            let second = self.sandbox.now().as_second();
            let mut reports = Vec::new();
            for feed in &mut self.feeds {
                if second % feed.id().period().as_secs() == 0 || self.seq < 10 {
                    reports.push(Report { feed: feed.id(), outcome: feed.look().await });
                }
            }
            for report in reports {
                self.tell(Msg::Seen(report));
            }
            self.tell(Msg::Tick);
        }
    }

    fn firing(&self) -> Vec<&'static str> {
        let all = self.state.alerts.all().iter();
        all.filter(|alert| alert.state == AlertState::Firing).map(|alert| alert.rule.0).collect()
    }

    /// What of the expectation does not hold, in words.
    fn misses(&self, expect: &Expectation) -> Vec<String> {
        let verdict = &self.state.verdict;
        let firing = self.firing();
        let mut misses = Vec::new();
        if let Some(word) = &expect.verdict
            && word != verdict.state.word()
        {
            misses.push(format!("verdict {} and not {word}", verdict.state.word()));
        }
        if expect.restarts_to_outage.is_some() && expect.restarts_to_outage != verdict.restarts_to_outage {
            misses.push(format!("{:?} restarts to outage", verdict.restarts_to_outage));
        }
        if let Some(by) = &expect.recoverable
            && by != verdict.recoverable.by
        {
            misses.push(format!("recoverable by {:?} and not {by}", verdict.recoverable));
        }
        if let Some(part) = &expect.sentence_contains
            && !verdict.sentence.contains(part.as_str())
        {
            misses.push(format!("the sentence lacks {part:?}"));
        }
        misses.extend(
            expect.alerts.iter().filter(|rule| !firing.contains(&rule.as_str())).map(|r| format!("{r} is quiet")),
        );
        misses.extend(expect.quiet.iter().filter(|rule| firing.contains(&rule.as_str())).map(|r| format!("{r} fires")));
        misses
    }
}

/// What of this scenario is told otherwise than its file expects.
async fn lies(name: &str, scenario: &Scenario) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut watch = Watch::over(scenario);
    for expect in scenario.expectations() {
        watch.live(scenario, expect.at).await;
        let verdict = &watch.state.verdict;
        for miss in watch.misses(expect) {
            wrong.push(format!(
                "{name} at {:#}: {miss}\n    {} | {:?}\n    firing {:?}",
                expect.at,
                verdict.sentence,
                verdict.because,
                watch.firing()
            ));
        }
    }
    wrong
}

#[test]
fn every_scenario_is_told_as_its_file_expects() {
    // Each has a clock of its own: several run at once.
    let left = std::sync::Mutex::new(scenarios().iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let mut wrong = Vec::new();
            while let Some(name) = { left.lock().unwrap().pop() } {
                let clock = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
                let scenario = Scenario::named(name).unwrap();
                wrong.extend(clock.unwrap().block_on(lies(name, &scenario)));
            }
            wrong
        };
        let working: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        working.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Panes that need a cluster full of objects, at a moment at which there is something to see.
const SHOWN: [(PaneId, &str, i64); 8] = [
    (PaneId::Vault, "leader-killed", 125),
    (PaneId::Sync, "sync-lies", 180),
    (PaneId::Sync, "sync-operator-dead", 1_200),
    (PaneId::Workloads, "workload-stale", 60),
    (PaneId::Nodes, "node-fills-up", 780),
    (PaneId::Tokens, "token-clobbered", 240),
    (PaneId::Rotation, "rotation-left-behind", 120),
    (PaneId::Flow, "workload-stale", 60),
];

/// Each pane on the whole screen and the drawer of its worst row, at three sizes.
#[test]
fn every_pane_at_every_size() {
    for (pane, name, at) in SHOWN {
        let clock = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let scenario = Scenario::named(name).unwrap();
        let mut watch = Watch::over(&scenario);
        clock.block_on(watch.live(&scenario, SignedDuration::from_secs(at)));
        for (width, height) in [(80, 24), (120, 40), (200, 60)] {
            watch.tell(Msg::Resized { width, height });
            for (what, intent) in [("list", Intent::Zoom(pane)), ("drawer", Intent::Open)] {
                watch.tell(Msg::Intent(intent));
                let text = print(&watch.state, &Look::default(), width, height);
                insta::assert_snapshot!(format!("{}.{name}.{what}.{width}x{height}", pane.title()), text);
            }
            watch.tell(Msg::Intent(Intent::Back));
        }
    }
}

#[test]
fn enter_walks_an_application_from_its_broken_link_on() {
    let clock = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let scenario = Scenario::named("sync-operator-dead").unwrap();
    let mut watch = Watch::over(&scenario);
    clock.block_on(watch.live(&scenario, SignedDuration::from_mins(20)));
    watch.tell(Msg::Intent(Intent::Zoom(PaneId::Flow)));
    let about = |watch: &Watch| match watch.state.top() {
        Some(Layer::Details { subject, .. }) => subject.to_string(),
        other => panic!("{other:?}"),
    };
    let mut walked = Vec::new();
    loop {
        watch.tell(Msg::Intent(Intent::Open));
        walked.push(about(&watch));
        if matches!(watch.state.top(), Some(Layer::Details { onward, .. }) if onward.is_empty()) {
            break;
        }
    }
    assert_eq!(
        walked[..4],
        ["Application ory", "VaultStaticSecret ory/kratos", "Secret ory/kratos", "Deployment ory/kratos"]
    );
    // Each step back is the link before.
    watch.tell(Msg::Intent(Intent::Back));
    assert_eq!(about(&watch), walked[walked.len() - 2]);
}
