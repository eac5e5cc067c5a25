//! Laws that hold for any sequence of messages: no act without a yes, Esc leads home, a replay equals the live session.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod world;

use baowatch::app::effect::Effect;
use baowatch::app::id::{ActionId, ObjectRef, PaneId, RunId, SlotId};
use baowatch::app::intent::Intent;
use baowatch::app::model::unsealer::Liveness;
use baowatch::app::msg::{Msg, Pending};
use baowatch::app::runbook::journal::{Entry, Journal, may_follow};
use baowatch::app::runbook::op::{Op, Outcome, ShareRef};
use baowatch::app::runbook::plan::{Plan, Step as PlanStep, StepKind};
use baowatch::app::runbook::run::Finding;
use baowatch::app::settings::Settings;
use baowatch::app::state::State;
use baowatch::app::state::layers::Layer;
use baowatch::app::trouble::Trouble;
use baowatch::app::update::update;
use proptest::prelude::*;

/// One step of a random session. Answers of the shell refer to the newest run, so that runs get somewhere.
#[derive(Debug, Clone)]
enum Step {
    Say(Msg),
    /// Types the challenge of the plan that is shown, right or with one character too many.
    Answer {
        right: bool,
    },
    Journaled {
        well: bool,
    },
    Ended {
        well: bool,
    },
    Probed,
    Wait(i64),
    /// Presents the journal of the newest run, as if a session had died here.
    Crash,
}

fn intents() -> impl Strategy<Value = Intent> {
    prop_oneof![
        prop::sample::select(PaneId::ALL.to_vec()).prop_map(Intent::Zoom),
        (-2_i8..=2).prop_map(Intent::Cycle),
        (-3_i32..=3).prop_map(Intent::Move),
        any::<bool>().prop_map(|last| Intent::Jump { last }),
        Just(Intent::Open),
        Just(Intent::Open),
        Just(Intent::Back),
        Just(Intent::Alerts),
        Just(Intent::Help),
        Just(Intent::Actions),
        Just(Intent::Suggested),
        Just(Intent::Suggested),
        (0_u32..4).prop_map(|n| Intent::Offer {
            action: ActionId::Unseal,
            target: Some(ObjectRef::pod("data", &format!("openbao-{n}"))),
        }),
        Just(Intent::Offer { action: ActionId::Unseal, target: None }),
        any::<char>().prop_map(Intent::Type),
        Just(Intent::Erase),
        Just(Intent::EraseAll),
        Just(Intent::NextField),
        Just(Intent::Toggle),
        Just(Intent::Accept),
        Just(Intent::Accept),
        Just(Intent::Acknowledge),
        Just(Intent::Silence),
        Just(Intent::Filter),
        Just(Intent::Sort),
        Just(Intent::Palette),
        Just(Intent::Clusters),
        "[a-c]".prop_map(Intent::Switch),
        (0_u32..4).prop_map(|n| Intent::Find { pane: PaneId::Vault, key: format!("openbao-{n}") }),
        Just(Intent::Copy),
        Just(Intent::Quit),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let shares: &'static [&'static str] = &["7f3a91c2aabbccdd"];
    prop_oneof![
        6 => intents().prop_map(|intent| Step::Say(Msg::Intent(intent))),
        4 => any::<[bool; 3]>().prop_map(|sealed| Step::Say(world::seals(sealed))),
        1 => any::<bool>().prop_map(move |good| Step::Say(world::keys(if good { "100" } else { "101" }, if good { shares } else { &[] }))),
        1 => prop::array::uniform3(1_u32..3).prop_map(|lives| Step::Say(world::pods(lives))),
        1 => any::<bool>().prop_map(|alive| Step::Say(world::unsealers(if alive { Liveness::Running } else { Liveness::Dead { why: "scaled to 0".into() } }))),
        3 => any::<bool>().prop_map(|right| Step::Answer { right }),
        4 => (0..8).prop_map(|n| Step::Journaled { well: n > 0 }),
        3 => (0..4).prop_map(|n| Step::Ended { well: n > 0 }),
        1 => Just(Step::Probed),
        1 => (0_i64..200).prop_map(Step::Wait),
        1 => Just(Step::Say(Msg::Tick)),
        1 => (1_u64..4, 0_u32..3).prop_map(|(slot, complete)| Step::Say(Msg::Typed { slot: SlotId(slot), complete, pending: Pending::Empty })),
        1 => (1_u16..220, 1_u16..70).prop_map(|(width, height)| Step::Say(Msg::Resized { width, height })),
        1 => Just(Step::Crash),
    ]
}

/// A session: the state, what a person has confirmed by the book, and what the journals hold.
struct Session {
    state: State,
    tape: Vec<baowatch::app::time::Stamped<Msg>>,
    time: i64,
    agreed: Vec<Plan>,
    journals: Vec<Journal>,
    acts: usize,
    forgotten: Vec<SlotId>,
}

impl Session {
    fn new() -> Self {
        let state = State::new(Settings::default(), world::at(0));
        let mut session = Self {
            state,
            tape: Vec::new(),
            time: 0,
            agreed: Vec::new(),
            journals: Vec::new(),
            acts: 0,
            forgotten: Vec::new(),
        };
        for msg in world::healthy() {
            session.say(msg);
        }
        session
    }

    fn say(&mut self, msg: Msg) {
        let confirming = matches!(msg, Msg::Intent(Intent::Accept | Intent::Open));
        if let (true, Some(Layer::Plan(dialog))) = (confirming, self.state.top())
            && dialog.answer == dialog.plan.challenge()
        {
            self.agreed.push(dialog.plan.clone());
        }
        let stamped = world::stamped(self.time, self.tape.len() as u64 + 1, msg);
        self.tape.push(stamped.clone());
        for effect in update(&mut self.state, stamped) {
            self.check(effect);
        }
    }

    /// The law: whatever acts was confirmed with the exact answer, and its start is on disk.
    fn check(&mut self, effect: Effect) {
        match effect {
            Effect::Journal { run, entry } => {
                if let Entry::Begun { plan, .. } = &entry {
                    assert!(self.agreed.contains(plan), "a run began without a yes: {}", plan.title);
                    self.journals.push(Journal { run, entries: Vec::new() });
                }
                let journal = self.journals.iter_mut().find(|journal| journal.run == run).expect("a journal");
                assert!(may_follow(journal.entries.last(), &entry), "{:?} after {:?}", entry, journal.entries.last());
                journal.entries.push(entry);
            }
            Effect::Act(act) => {
                self.acts += 1;
                let journal = self.journals.iter().find(|journal| journal.run == act.run()).expect("a journal");
                assert_eq!(journal.in_doubt(), Some(act.step()), "an act without its start on disk");
            }
            Effect::ForgetSlot(slot) => {
                let used = self.state.underway().is_some_and(|run| slots(run.plan()).contains(&slot));
                assert!(!used, "shares were taken away from a run that uses them");
                self.forgotten.push(slot);
            }
            Effect::LookNow(_)
            | Effect::Unlock { .. }
            | Effect::LockKeystore
            | Effect::Probe(_)
            | Effect::RememberHistory(_)
            | Effect::RememberProof(_)
            | Effect::RememberSilence(_)
            | Effect::Suspend
            | Effect::Quit => {}
        }
    }

    fn newest(&self) -> Option<RunId> {
        self.state.underway().map(|run| run.id)
    }

    fn take(&mut self, step: Step) {
        let trouble = || Trouble::local("it did not work", "", "");
        match step {
            Step::Say(msg) => self.say(msg),
            Step::Wait(seconds) => {
                self.time += seconds;
                self.say(Msg::Tick);
            }
            Step::Answer { right } => {
                let Some(Layer::Plan(dialog)) = self.state.top() else { return };
                let mut answer = dialog.plan.challenge();
                if !right {
                    answer.push('x');
                }
                self.say(Msg::Intent(Intent::EraseAll));
                for c in answer.chars() {
                    self.say(Msg::Intent(Intent::Type(c)));
                }
                self.say(Msg::Intent(Intent::Accept));
            }
            Step::Journaled { well } => {
                if let Some(run) = self.newest() {
                    self.say(Msg::Journaled { run, written: if well { Ok(1) } else { Err(trouble()) } });
                }
            }
            Step::Ended { well } => {
                if let Some(id) = self.newest() {
                    let step = self.state.run(id).map_or(0, baowatch::app::runbook::run::Run::finished_steps);
                    let outcome = if well {
                        Outcome::Done { evidence: "unsealed".into() }
                    } else {
                        Outcome::Failed { trouble: trouble() }
                    };
                    self.say(Msg::StepEnded { run: id, step, outcome });
                }
            }
            Step::Probed => {
                let left = self.state.left_behind().map(|run| run.id).next();
                if let Some(run) = left {
                    self.say(Msg::Probed { run, step: 0, finding: Ok(Finding { says: "openbao-0 is open".into() }) });
                }
            }
            Step::Crash => {
                // A new process: an empty state that is told of what the dead one left, and of the world.
                let time = self.time;
                let journals = self.journals.clone();
                *self = Self { time, journals: journals.clone(), ..Self::new() };
                self.say(Msg::Unfinished(journals));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_acts_without_a_yes_and_esc_leads_home(script in prop::collection::vec(steps(), 1..120)) {
        let mut session = Session::new();
        for step in script {
            session.take(step);
            if session.state.ended {
                break;
            }
        }
        for _ in 0..200 {
            session.say(Msg::Intent(Intent::Back));
        }
        prop_assert!(session.state.layers.is_empty());
        let used = session.state.underway().map(|run| slots(run.plan())).unwrap_or_default();
        for slot in (1..session.state.next_slot).map(SlotId) {
            prop_assert!(session.forgotten.contains(&slot) || used.contains(&slot), "{:?} was never forgotten", slot);
        }
        prop_assert_eq!(session.state.zoom, None);
        prop_assert!(!session.state.filtering);
        prop_assert_eq!(session.state.filter(session.state.focus), None);
    }

    #[test]
    fn a_replay_equals_the_live_session(script in prop::collection::vec(steps(), 1..80)) {
        let mut session = Session::new();
        for step in script.into_iter().filter(|step| !matches!(step, Step::Crash)) {
            session.take(step);
        }
        let mut again = State::new(Settings::default(), world::at(0));
        for stamped in session.tape {
            // Through JSON, as a tape on disk is read back.
            let text = serde_json::to_string(&stamped).unwrap();
            drop(update(&mut again, serde_json::from_str(&text).unwrap()));
        }
        prop_assert!(again == session.state, "the replay differs");
    }
}

/// The slots from which a plan takes shares.
fn slots(plan: &Plan) -> Vec<SlotId> {
    let slot = |step: &PlanStep| match &step.kind {
        StepKind::Do(Op::SubmitShare { share: ShareRef::Typed { slot, .. }, .. }) => Some(*slot),
        StepKind::Do(_) | StepKind::Await { .. } => None,
    };
    plan.steps.iter().filter_map(slot).collect()
}

#[test]
fn typed_shares_outlive_a_change_of_mind_and_no_more() {
    let mut session = Session::new();
    session.say(world::seals([false, true, false]));
    session.say(Msg::Intent(Intent::Offer { action: ActionId::Unseal, target: None }));
    session.say(Msg::Intent(Intent::NextField));
    session.say(Msg::Intent(Intent::Toggle));
    let Some(Layer::Shares(dialog)) = session.state.top() else { panic!("{:?}", session.state.top()) };
    let slot = dialog.slot;
    session.say(Msg::Typed { slot, complete: 1, pending: Pending::Empty });
    session.say(Msg::Intent(Intent::NextField));
    for _ in 0..2 {
        assert!(matches!(session.state.top(), Some(Layer::Plan(_))));
        session.say(Msg::Intent(Intent::Toggle));
    }
    // Back at typed by hand: what was typed is still there, and is not asked for again.
    let Some(Layer::Plan(dialog)) = session.state.top() else { panic!("{:?}", session.state.top()) };
    assert_eq!(slots(&dialog.plan), [slot]);
    session.say(Msg::Intent(Intent::Toggle));
    session.say(Msg::Intent(Intent::NextField));
    session.take(Step::Answer { right: true });
    assert!(session.newest().is_some());
    assert_eq!(session.forgotten, [slot], "the run takes the Secret's shares");
}

#[test]
fn a_run_in_doubt_is_dismissed_by_who_looks_at_it_and_never_in_passing() {
    let mut session = Session::new();
    session.say(world::seals([false, true, false]));
    session.say(Msg::Intent(Intent::Offer { action: ActionId::Unseal, target: None }));
    session.take(Step::Answer { right: true });
    session.take(Step::Journaled { well: true });
    session.take(Step::Crash);
    let entries = |session: &Session| session.journals.last().map(|journal| journal.entries.len());
    let left = entries(&session);
    session.say(world::seals([false, true, false]));
    session.say(Msg::Intent(Intent::Help));
    session.say(Msg::Intent(Intent::Suggested));
    assert!(matches!(session.state.top(), Some(Layer::Plan(_))), "{:?}", session.state.top());
    assert_eq!(entries(&session), left);
    session.say(Msg::Intent(Intent::Back));
    session.say(Msg::Intent(Intent::Back));
    assert!(session.journals.last().unwrap().ended());
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_a_run_or_a_plan() {
    let mut session = Session::new();
    session.time = 10_000;
    for msg in world::healthy() {
        session.say(msg);
    }
    session.say(world::seals([false, true, false]));
    session.say(Msg::Intent(Intent::Offer { action: ActionId::Unseal, target: None }));
    session.time = 5_000;
    session.take(Step::Answer { right: true });
    assert!(session.newest().is_none(), "confirmed on facts of a time to come");
    session.time = 10_000;
    session.say(world::seals([false, true, false]));
    session.say(Msg::Intent(Intent::Offer { action: ActionId::Unseal, target: None }));
    session.take(Step::Answer { right: true });
    for _ in 0..2 {
        session.take(Step::Journaled { well: true });
    }
    session.take(Step::Ended { well: true });
    for _ in 0..2 {
        session.take(Step::Journaled { well: true });
    }
    session.time = 5_000;
    session.say(Msg::Tick);
    session.take(Step::Wait(61));
    session.take(Step::Journaled { well: true });
    assert!(session.newest().is_none(), "it waits for the clock to catch up");
}

#[test]
fn a_run_stops_when_the_console_watches_another_vault() {
    let mut session = Session::new();
    session.say(world::seals([false, true, false]));
    session.say(Msg::Intent(Intent::Offer { action: ActionId::Unseal, target: None }));
    session.take(Step::Answer { right: true });
    session.state.model.cluster.as_mut().unwrap().identity = baowatch::app::id::Identity("other/data/openbao".into());
    for _ in 0..4 {
        session.take(Step::Journaled { well: true });
    }
    assert_eq!(session.acts, 0);
    assert!(session.newest().is_none());
}

#[test]
fn an_own_unseal_proves_nothing_while_a_rival_may_be_out_of_sight() {
    for (rival, proofs) in [(false, 1), (true, 0)] {
        let mut session = Session::new();
        session.say(world::unsealers(Liveness::Dead { why: "scaled to 0".into() }));
        session.time = if rival { 60 } else { 0 };
        session.say(world::keys("100", &["7f3a91c2aabbccdd"]));
        session.say(world::seals([false, true, false]));
        session.say(Msg::Intent(Intent::Offer { action: ActionId::Unseal, target: None }));
        session.take(Step::Answer { right: true });
        for _ in 0..2 {
            session.take(Step::Journaled { well: true });
        }
        session.take(Step::Ended { well: true });
        session.take(Step::Journaled { well: true });
        session.take(Step::Journaled { well: true });
        session.say(world::seals([false, false, false]));
        session.take(Step::Journaled { well: true });
        assert!(session.journals.last().unwrap().ended());
        assert_eq!(session.state.model.proofs.len(), proofs);
    }
}

/// The laws would hold trivially if nothing ever ran: this session must get to the end of an unseal.
#[test]
fn a_sealed_replica_is_opened_by_the_book() {
    let mut session = Session::new();
    session.say(world::unsealers(Liveness::Dead { why: "scaled to 0".into() }));
    session.say(world::seals([false, true, false]));
    session.say(Msg::Intent(Intent::Offer { action: ActionId::Unseal, target: None }));
    session.take(Step::Answer { right: false });
    assert!(session.newest().is_none(), "a wrong answer started a run");
    session.take(Step::Answer { right: true });
    for _ in 0..2 {
        session.take(Step::Journaled { well: true });
    }
    assert_eq!(session.acts, 1);
    session.take(Step::Ended { well: true });
    session.take(Step::Journaled { well: true });
    session.take(Step::Journaled { well: true });
    session.time += 2;
    session.say(world::seals([false, false, false]));
    session.take(Step::Journaled { well: true });
    let run = session.state.runs.last().unwrap();
    assert!(matches!(run.phase, baowatch::app::runbook::run::Phase::Succeeded(_)), "{:?}", run.phase);
    assert_eq!(session.state.model.proofs.len(), 1, "our own unseal with no rival proves its shares");
    assert!(session.journals.last().unwrap().ended());
}
