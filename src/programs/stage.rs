//! The sandbox on a stage: a scenario stepped through virtual time, with the real feeds, the real core and the real hands
//! around it. Deterministic: the demo's printed screens and the scenario tests come from here.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::app::effect::Effect;
use crate::app::id::{FeedId, SlotId};
use crate::app::model::fact::{ClusterSeen, Environment, Fact, Report};
use crate::app::model::seal::SealSeen;
use crate::app::msg::Msg;
use crate::app::ports::{Clock, Fingers as _, Program as _};
use crate::app::program::Console;
use crate::app::runtime::slots::Slots;
use crate::app::settings::Settings;
use crate::app::state::State;
use crate::app::time::Stamped;
use crate::app::trouble::Trouble;
use crate::backends::bao::read::BaoRead;
use crate::backends::bao::transport::Transport;
use crate::backends::feeds::seal::SealReader;
use crate::backends::feeds::{self, Aside, Deps, Feed, Scope, Vault};
use crate::backends::hands::{Gear, Tools, perform, probe, unlock};
use crate::backends::keys::{FieldNames, Salt, digest};
use crate::backends::kube::port::{Kube, KubeWrite};
use crate::backends::sandbox::Sandbox;
use crate::backends::sandbox::scenario::Scenario;
use crate::views::keymap::{Keyboard, intent_for};
use crate::views::keys;

/// Time passes in steps of this: as fine as the fastest feed needs.
const STEP: SignedDuration = SignedDuration::from_secs(1);

/// The feeds over one sandbox, each looked at when it is due.
pub struct World {
    /// The simulated cluster.
    pub sandbox: Arc<Sandbox>,
    feeds: Vec<(Box<dyn Feed>, Timestamp)>,
}

impl World {
    /// The scenario at its start.
    pub fn new(scenario: &Scenario) -> Self {
        let sandbox = Sandbox::new(scenario);
        let start = sandbox.now();
        let deps = Deps {
            kube: Some(Arc::clone(&sandbox) as Arc<dyn Kube>),
            vault: Vault { namespace: scenario.vault.namespace.clone(), name: scenario.vault.name.clone() },
            members: scenario.vault.members(),
            selector: None,
            keys_secret: None,
            seal: Arc::new(Reader {
                sandbox: Arc::clone(&sandbox),
                read: BaoRead::new(Arc::clone(&sandbox) as Arc<dyn Transport>),
            }),
            digest_fields: Arc::new(|data| digest(data, &FieldNames::default(), &salt())),
            held: sandbox.held(),
            aside: Aside {
                transport: Arc::clone(&sandbox) as Arc<dyn Transport>,
                token: Arc::new(crate::backends::sandbox::token),
                scope: Scope::default(),
                clock: Arc::clone(&sandbox) as Arc<dyn Clock>,
            },
        };
        let mut feeds: Vec<(Box<dyn Feed>, Timestamp)> =
            sandbox.told_by(feeds::all(deps)).into_iter().map(|feed| (feed, start)).collect();
        // What the others wait for (replicas, the Secret's name) is looked for first: nothing here may wait for a clock
        // that only moves when everybody has looked.
        feeds.sort_by_key(|(feed, _)| !matches!(feed.id(), FeedId::Workload | FeedId::Unsealers));
        Self { sandbox, feeds }
    }

    /// Who and what this is, and what an earlier session knew, as the core is told it.
    pub fn connected(&self, scenario: &Scenario) -> Msg {
        let vault = &scenario.vault;
        Msg::Seen(Report {
            feed: FeedId::Workload,
            outcome: Ok(vec![
                Fact::Connected(ClusterSeen {
                    name: "demo".to_owned(),
                    context: None,
                    vault: format!("{}/{}", vault.namespace, vault.name),
                    identity: scenario.identity(),
                    environment: Environment::Lab,
                    kubernetes: true,
                    notes: vec![format!("the sandbox plays {}", scenario.name)],
                }),
                self.sandbox.recalled(),
            ]),
        })
    }

    /// Lives until `at` and looks with every feed that is due then.
    pub async fn live_until(&mut self, at: Timestamp) -> Vec<Report> {
        self.sandbox.advance_to(at);
        let mut reports = Vec::new();
        for (feed, due) in &mut self.feeds {
            if *due <= at {
                reports.push(Report { feed: feed.id(), outcome: feed.look().await });
                *due = at + feed.id().period();
            }
        }
        reports
    }

    /// Looks with one feed at once.
    pub async fn look(&mut self, id: FeedId) -> Option<Report> {
        let (feed, _) = self.feeds.iter_mut().find(|(feed, _)| feed.id() == id)?;
        Some(Report { feed: id, outcome: feed.look().await })
    }
}

struct Reader {
    sandbox: Arc<Sandbox>,
    read: BaoRead,
}

#[async_trait]
impl SealReader for Reader {
    async fn seal(&self, replica: &str) -> Result<SealSeen, Trouble> {
        self.read.seal(replica, self.sandbox.now()).await
    }
}

/// The sandbox's keys are made up from a seed, and so is its salt: the same screen on every machine.
pub fn salt() -> Salt {
    crate::backends::sandbox::salt()
}

/// What operations on the sandbox are performed with.
pub fn tools(sandbox: &Arc<Sandbox>, slots: Slots) -> Tools {
    let transport = Arc::clone(sandbox) as Arc<dyn Transport>;
    let held = sandbox.held();
    Tools::new(Gear {
        transport,
        kube: Some(Arc::clone(sandbox) as Arc<dyn Kube>),
        kube_write: Some(Arc::clone(sandbox) as Arc<dyn KubeWrite>),
        names: FieldNames::default(),
        salt: salt(),
        slots,
        identity: held.keeper.identity().clone(),
        keeper: held.keeper,
        copies: held.copies,
        holder: held.holder,
        token: None,
        folder: None,
        clock: Arc::clone(sandbox) as Arc<dyn Clock>,
    })
}

/// A console on a sandbox.
pub struct Stage {
    /// The program.
    pub console: Console,
    /// The world it watches.
    pub world: World,
    /// Every message so far.
    pub tape: Vec<Stamped<Msg>>,
    slots: Slots,
    tools: Tools,
    lines: u32,
}

impl Stage {
    /// The curtain rises: the scenario's start, nothing looked at yet.
    pub async fn new(scenario: &Scenario, settings: Settings) -> Self {
        let world = World::new(scenario);
        let slots = Slots::default();
        let tools = tools(&world.sandbox, slots.clone());
        let console = Console(State::new(settings, world.sandbox.now()));
        let mut stage = Self { console, world, tape: Vec::new(), slots, tools, lines: 0 };
        stage.say(stage.world.connected(scenario)).await;
        let now = stage.world.sandbox.now();
        stage.live_until(now).await;
        stage
    }

    /// What is on the screen.
    pub fn state(&self) -> &State {
        &self.console.0
    }

    /// Lets time pass.
    pub async fn advance(&mut self, by: SignedDuration) {
        let until = self.world.sandbox.now() + by;
        while self.world.sandbox.now() < until {
            let next = (self.world.sandbox.now() + STEP).min(until);
            self.live_until(next).await;
        }
    }

    async fn live_until(&mut self, at: Timestamp) {
        for report in self.world.live_until(at).await {
            self.say(Msg::Seen(report)).await;
        }
        self.say(Msg::Tick).await;
    }

    /// Gives the core one message and performs all that comes of it.
    pub async fn say(&mut self, msg: Msg) {
        let mut queue = VecDeque::from([msg]);
        while let Some(msg) = queue.pop_front() {
            let stamped = Stamped { at: self.world.sandbox.now(), seq: self.tape.len() as u64 + 1, msg };
            self.tape.push(stamped.clone());
            for effect in self.console.update(stamped) {
                queue.extend(self.perform(effect).await);
            }
        }
    }

    async fn perform(&mut self, effect: Effect) -> Option<Msg> {
        match effect {
            Effect::LookNow(feed) => self.world.look(feed).await.map(Msg::Seen),
            Effect::Journal { run, .. } => {
                self.lines += 1;
                Some(Msg::Journaled { run, written: Ok(self.lines) })
            }
            Effect::Act(act) => {
                let outcome = perform(act.op(), &self.tools).await;
                Some(Msg::StepEnded { run: act.run(), step: act.step(), outcome })
            }
            Effect::Probe(asked) => {
                let finding = probe(&asked.op, &self.tools).await;
                Some(Msg::Probed { run: asked.run, step: asked.step, finding })
            }
            Effect::ForgetSlot(slot) => {
                self.slots.forget(slot);
                None
            }
            Effect::Unlock { slot, typed } => {
                let opened = unlock(&self.tools, self.tools.attempt(), typed.then_some(slot));
                Some(Msg::Unlocked { slot, opened, typed })
            }
            Effect::LockKeystore => {
                self.tools.lock_keystore();
                None
            }
            Effect::RememberHistory(_)
            | Effect::RememberProof(_)
            | Effect::RememberSilence(_)
            | Effect::Suspend
            | Effect::Quit => None,
        }
    }

    /// Presses one key, as a person would on the real keyboard.
    pub async fn press(&mut self, key: &str) {
        if let Some(intent) = Keyboard.press(&self.console, key) {
            self.say(Msg::Intent(intent)).await;
            return;
        }
        let (Some(slot), Some(event)) = (self.state().secret_focus(), keys::parse(key)) else { return };
        if intent_for(self.state(), &event).is_some() {
            return;
        }
        match keys::character(&event) {
            Some(c) => self.slots.push_char(slot, c),
            None if keys::is(&event, "<Enter>") && self.state().passphrase_focus() => self.slots.complete_as_is(slot),
            None if keys::is(&event, "<Enter>") => self.slots.complete(slot),
            None if keys::is(&event, "<BS>") => self.slots.backspace(slot),
            None => return,
        }
        self.typed(slot).await;
    }

    /// Types a whole secret into the slot that has the focus.
    pub async fn type_secret(&mut self, text: &str) {
        if let Some(slot) = self.state().secret_focus() {
            self.slots.paste(slot, text);
            self.slots.complete(slot);
            self.typed(slot).await;
        }
    }

    async fn typed(&mut self, slot: SlotId) {
        let (complete, pending) = self.slots.status(slot);
        self.say(Msg::Typed { slot, complete, pending }).await;
    }
}
