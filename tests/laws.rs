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
use baowatch::app::runbook::op::Outcome;
use baowatch::app::runbook::plan::Plan;
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
}

impl Session {
    fn new() -> Self {
        let state = State::new(Settings::default(), world::at(0));
        let mut session = Self { state, tape: Vec::new(), time: 0, agreed: Vec::new(), journals: Vec::new(), acts: 0 };
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
            Effect::LookNow(_)
            | Effect::Probe(_)
            | Effect::RememberHistory(_)
            | Effect::RememberProof(_)
            | Effect::ForgetSlot(_)
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
        prop_assert_eq!(session.state.zoom, None);
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
