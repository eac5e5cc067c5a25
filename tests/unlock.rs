//! Unlocking, from the offer to the plan: what is tried, what is asked, what is wiped, and that no late answer opens a door.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by panicking"
)]

mod world;

use baowatch::app::actions::unseal::BY_HAND;
use baowatch::app::effect::Effect;
use baowatch::app::id::{ActionId, FeedId, SlotId};
use baowatch::app::intent::Intent;
use baowatch::app::model::fact::Fact;
use baowatch::app::model::keystore::{GenerationSeen, KeyKind, KeystoreLook, KeystoreSeen, SlotKind, SlotSeen};
use baowatch::app::model::unsealer::Liveness;
use baowatch::app::msg::{Msg, Pending};
use baowatch::app::runbook::op::{Op, ShareRef};
use baowatch::app::runbook::plan::{Plan, StepKind};
use baowatch::app::settings::Settings;
use baowatch::app::state::layers::{Layer, UnlockDialog};
use baowatch::app::state::{Lock, State};
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::app::update::update;
use jiff::SignedDuration;
use proptest::prelude::*;

const PRINTS: [&str; 1] = ["7f3a91c2aabbccdd"];

fn keystore(kind: KeyKind, prints: &[&str]) -> Msg {
    let generation = GenerationSeen {
        number: 3,
        kind,
        threshold: 1,
        total: 1,
        prints: prints.iter().map(|print| world::print(print)).collect(),
        root_token: None,
        created: world::at(-1000),
        source: "Secret data/openbao-keys".into(),
        vault_cluster_id: Some("c1".into()),
        fields: Vec::new(),
    };
    let slot = SlotSeen { id: 1, kind: SlotKind::Passphrase, label: "anna".into(), created: world::at(-1000) };
    let seen = KeystoreSeen {
        path: "/home/anna/x.keystore".into(),
        revision: 4,
        written: world::at(-1000),
        generations: vec![generation],
        slots: vec![slot],
        comparable: true,
        digest: "d".into(),
    };
    world::report(FeedId::Keystore, vec![Fact::Keystore(KeystoreLook::Present(Box::new(seen)))])
}

/// The state, and beside it the door as the hands have it: what is asked for is tried, and answers come late.
struct Session {
    state: State,
    time: i64,
    seq: u64,
    open: bool,
    locks: u32,
    tries: Vec<(SlotId, bool, u32)>,
    answers: Vec<Msg>,
    forgotten: Vec<SlotId>,
    effects: Vec<Effect>,
}

impl Session {
    /// One replica is sealed, its Secret wiped, and the keystore holds the key.
    fn wiped() -> Self {
        let mut session = Self::healthy();
        session.say(world::keys("101", &[]));
        session.say(world::seals([false, true, false]));
        session
    }

    fn healthy() -> Self {
        let mut session = Self {
            state: State::new(Settings::default(), world::at(0)),
            time: 0,
            seq: 0,
            open: false,
            locks: 0,
            tries: Vec::new(),
            answers: Vec::new(),
            forgotten: Vec::new(),
            effects: Vec::new(),
        };
        for msg in world::healthy().into_iter().chain([keystore(KeyKind::Unseal, &PRINTS)]) {
            session.say(msg);
        }
        session
    }

    fn say(&mut self, msg: Msg) {
        self.seq += 1;
        let effects = update(&mut self.state, world::stamped(self.time, self.seq, msg));
        for effect in &effects {
            match effect {
                Effect::Unlock { slot, typed } => self.tries.push((*slot, *typed, self.locks)),
                Effect::LockKeystore => {
                    self.open = false;
                    self.locks += 1;
                }
                Effect::ForgetSlot(slot) => self.forgotten.push(*slot),
                Effect::LookNow(_)
                | Effect::Journal { .. }
                | Effect::Act(_)
                | Effect::Probe(_)
                | Effect::RememberHistory(_)
                | Effect::RememberProof(_)
                | Effect::RememberSilence(_)
                | Effect::Suspend
                | Effect::Quit => {}
            }
        }
        self.effects = effects;
    }

    fn ask(&mut self, intent: Intent) {
        self.say(Msg::Intent(intent));
    }

    fn offer(&mut self) {
        self.ask(Intent::Offer { action: ActionId::Unseal, target: None });
    }

    /// The hands finish the oldest try; its answer is under way.
    fn finish(&mut self, outcome: Result<(), Trouble>) {
        if self.tries.is_empty() {
            return;
        }
        let (slot, typed, locks) = self.tries.remove(0);
        let opened = match outcome {
            Ok(()) if locks == self.locks => {
                self.open = true;
                Ok("slot 1, passphrase".to_owned())
            }
            Ok(()) => Err(wrong()),
            Err(trouble) => Err(trouble),
        };
        self.answers.push(Msg::Unlocked { slot, opened, typed });
    }

    fn deliver(&mut self) {
        if !self.answers.is_empty() {
            let answer = self.answers.remove(0);
            self.say(answer);
        }
    }

    fn answer(&mut self, outcome: Result<(), Trouble>) {
        self.finish(outcome);
        self.deliver();
    }

    fn type_in(&mut self, complete: u32, pending: Pending) {
        let Some(slot) = self.state.secret_focus() else { return };
        self.say(Msg::Typed { slot, complete, pending });
    }

    fn dialog(&self) -> &UnlockDialog {
        match self.state.top() {
            Some(Layer::Unlock(dialog)) => dialog,
            other => panic!("{other:?}"),
        }
    }

    fn plan(&self) -> &Plan {
        match self.state.top() {
            Some(Layer::Plan(dialog)) => &dialog.plan,
            other => panic!("{other:?}"),
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.state.keystore, Lock::Open { .. })
    }
}

fn nothing_at_hand() -> Trouble {
    Trouble::new(TroubleKind::Absent, "nothing at hand opens the keystore", "", "")
}

fn wrong() -> Trouble {
    Trouble::new(TroubleKind::Refused, "no passphrase slot opens with this", "", "Try again")
}

fn shares(plan: &Plan) -> Vec<&ShareRef> {
    plan.steps
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Do(Op::SubmitShare { share, .. }) => Some(share),
            StepKind::Do(_) | StepKind::Await { .. } => None,
        })
        .collect()
}

#[test]
fn it_is_tried_silently_then_asked_and_the_plan_takes_the_shares_from_the_keystore() {
    let mut session = Session::wiped();
    session.offer();
    assert!(session.dialog().trying.is_some_and(|tried| !tried.typed));
    assert!(session.dialog().prompt.contains("generation 3"));
    session.answer(Err(nothing_at_hand()));
    assert_eq!(session.dialog().refusal, None, "that nothing was there to try is no news");
    session.type_in(0, Pending::Typing);
    session.type_in(1, Pending::Empty);
    assert!(session.dialog().trying.is_some_and(|tried| tried.typed));
    session.answer(Err(wrong()));
    let slot = session.dialog().slot;
    assert!(session.dialog().refusal.as_ref().unwrap().what.contains("passphrase"));
    assert!(session.forgotten.contains(&slot), "what did not open it is wiped");
    session.type_in(1, Pending::Empty);
    session.answer(Ok(()));
    assert!(session.is_open());
    let shares = shares(session.plan());
    let [ShareRef::Keystore { generation: 3, index: 0, print }] = shares.as_slice() else { panic!("{shares:?}") };
    assert_eq!(*print, world::print(PRINTS[0]));
    assert!(session.plan().rests_on.iter().any(|rest| rest.what.contains("keystore generation 3")));
    assert_eq!(session.plan().choices[0].options, ["keystore generation 3", BY_HAND]);
    // The generation is not there any more: the plan is void.
    session.say(keystore(KeyKind::Unseal, &["0000000000000000"]));
    assert!(matches!(session.state.top(), Some(Layer::Plan(dialog)) if dialog.refusal.is_some()));
}

#[test]
fn a_lost_keyring_is_said_and_the_next_slot_is_asked_for() {
    let mut session = Session::wiped();
    session.offer();
    session.answer(Err(Trouble::new(TroubleKind::Refused, "the keyring has lost the key of slot 2", "", "")));
    assert!(session.dialog().refusal.as_ref().unwrap().what.contains("keyring"));
    assert!(session.dialog().trying.is_none());
}

#[test]
fn a_keyring_that_opens_it_in_the_middle_of_a_passphrase_waits_for_the_end_of_it() {
    let mut session = Session::wiped();
    session.offer();
    session.type_in(0, Pending::Typing);
    session.answer(Ok(()));
    assert!(session.dialog().opened.is_some());
    assert!(session.state.secret_focus().is_some(), "the rest of it is still hidden");
    session.type_in(0, Pending::Typing);
    assert!(session.dialog().opened.is_some());
    session.type_in(1, Pending::Empty);
    assert!(session.is_open());
    assert_eq!(shares(session.plan()).len(), 1);
    assert!(session.tries.is_empty(), "what was typed is not tried: it is wiped");
    assert_eq!(session.forgotten.len(), 1);
}

#[test]
fn what_is_typed_while_the_keyring_thinks_is_tried_too_and_either_may_win() {
    for silent_first in [true, false] {
        let mut session = Session::wiped();
        session.offer();
        session.type_in(1, Pending::Empty);
        assert_eq!(session.tries.len(), 2);
        if !silent_first {
            session.tries.reverse();
        }
        session.finish(if silent_first { Err(nothing_at_hand()) } else { Ok(()) });
        session.finish(if silent_first { Ok(()) } else { Err(nothing_at_hand()) });
        session.deliver();
        session.deliver();
        assert!(session.is_open() && session.open);
        assert_eq!(shares(session.plan()).len(), 1);
    }
}

#[test]
fn a_keyring_that_fails_late_does_not_take_back_what_was_said_of_the_typing() {
    let mut session = Session::wiped();
    session.offer();
    session.type_in(1, Pending::Empty);
    session.tries.reverse();
    session.answer(Err(wrong()));
    session.answer(Err(nothing_at_hand()));
    assert!(session.dialog().refusal.as_ref().unwrap().what.contains("passphrase"));
}

#[test]
fn an_answer_to_a_dialog_that_was_left_opens_nothing() {
    // Esc before the try succeeds, and between its success and its message.
    for late in [true, false] {
        let mut session = Session::wiped();
        session.offer();
        if !late {
            session.finish(Ok(()));
        }
        session.ask(Intent::Back);
        assert!(session.state.layers.is_empty());
        assert_eq!(session.forgotten.len(), 1);
        session.answer(Ok(()));
        assert!(!session.is_open() && !session.open);
        // The same answer while another dialog waits: that one goes on waiting for its own.
        session.offer();
        session.answers.push(Msg::Unlocked { slot: SlotId(1), opened: Ok("slot 1, keyring".into()), typed: false });
        session.deliver();
        assert!(session.dialog().trying.is_some());
        assert!(!session.is_open());
    }
}

#[test]
fn it_locks_itself_when_idle_and_says_so() {
    let mut session = Session::wiped();
    session.state.settings.lock_after = Some(SignedDuration::from_secs(60));
    session.offer();
    session.answer(Ok(()));
    session.time = 59;
    session.say(Msg::Tick);
    assert!(session.is_open());
    session.time = 61;
    session.say(Msg::Tick);
    assert!(!session.is_open() && !session.open);
    assert!(session.state.remark.as_ref().unwrap().0.contains("locked itself"));
    // The plan on the screen cannot be confirmed; Enter asks for the keystore again and keeps the choices.
    session.say(world::seals([false, true, false]));
    session.say(world::keys("101", &[]));
    session.say(keystore(KeyKind::Unseal, &PRINTS));
    let Some(Layer::Plan(dialog)) = session.state.top() else { panic!("{:?}", session.state.top()) };
    assert!(dialog.refusal.as_ref().unwrap().what.contains("locked"), "{:?}", dialog.refusal);
    for c in "openbao-1".chars() {
        session.ask(Intent::Type(c));
    }
    session.ask(Intent::Accept);
    assert!(session.state.underway().is_none());
    assert!(session.dialog().trying.is_some());
}

#[test]
fn a_run_that_uses_it_keeps_it_open() {
    let mut session = Session::wiped();
    session.offer();
    session.answer(Ok(()));
    for c in "openbao-1".chars() {
        session.ask(Intent::Type(c));
    }
    session.ask(Intent::Accept);
    assert!(session.state.underway().is_some(), "{:?}", session.state.top());
    session.time = 400;
    session.say(Msg::Tick);
    assert!(session.is_open());
    session.ask(Intent::Suspend);
    assert!(session.is_open(), "a step may need it right now");
}

#[test]
fn a_stopped_or_ended_program_leaves_nothing_open() {
    for intent in [Intent::Suspend, Intent::Quit] {
        let mut session = Session::wiped();
        session.offer();
        session.answer(Ok(()));
        assert!(session.open);
        session.ask(intent);
        assert!(!session.open && !session.is_open());
        assert!(matches!(session.effects.last(), Some(Effect::Suspend | Effect::Quit)), "locked first, then the rest");
    }
}

#[test]
fn a_keystore_that_another_process_sealed_anew_counts_as_locked() {
    let mut session = Session::wiped();
    session.offer();
    session.answer(Ok(()));
    session.say(Msg::Locked(Trouble::new(TroubleKind::Refused, "sealed under another key", "", "")));
    assert!(!session.is_open());
    assert!(session.state.remark.as_ref().unwrap().0.contains("sealed under another key"));
}

#[test]
fn the_secret_comes_first_where_it_holds_enough_and_every_other_place_can_be_reached() {
    let mut session = Session::healthy();
    session.say(world::seals([false, true, false]));
    session.offer();
    assert_eq!(session.plan().choices[0].options, ["Secret data/openbao-keys", "keystore generation 3", BY_HAND]);
    assert!(matches!(shares(session.plan())[..], [ShareRef::Secret { .. }]));
    session.ask(Intent::NextField);
    session.ask(Intent::Toggle);
    assert_eq!(session.dialog().choices, [1]);
    // Past the keystore without opening it.
    session.ask(Intent::NextField);
    let Some(Layer::Shares(dialog)) = session.state.top() else { panic!("{:?}", session.state.top()) };
    assert_eq!(dialog.choices, [2]);
    assert!(!session.is_open());
}

#[test]
fn recovery_keys_and_fingerprints_of_another_salt_unseal_nothing() {
    let mut session = Session::wiped();
    session.say(keystore(KeyKind::Recovery, &PRINTS));
    session.offer();
    assert!(matches!(session.state.top(), Some(Layer::Shares(_))));
}

#[test]
fn nobody_is_asked_for_shares_before_the_first_look() {
    let mut session = Session { state: State::new(Settings::default(), world::at(0)), ..Session::healthy() };
    for msg in [world::cluster(), world::seals([false, true, false])] {
        session.say(msg);
    }
    session.offer();
    let Some(Layer::Refused(trouble)) = session.state.top() else { panic!("{:?}", session.state.top()) };
    assert!(trouble.what.contains("has not been looked at yet"), "{trouble}");
    session.say(world::unsealers(Liveness::Running));
    session.say(world::keys("100", &PRINTS));
    session.offer();
    assert!(matches!(shares(session.plan())[..], [ShareRef::Secret { .. }]));
}

#[derive(Debug, Clone)]
enum Step {
    Offer,
    Ask(Intent),
    Type(u32, Pending),
    Finish(bool),
    Deliver,
    Wait(i64),
    Look(bool),
}

fn steps() -> impl Strategy<Value = Step> {
    let pending = prop_oneof![Just(Pending::Empty), Just(Pending::Typing)];
    prop_oneof![
        4 => Just(Step::Offer),
        2 => prop_oneof![
            Just(Intent::Back), Just(Intent::NextField), Just(Intent::Toggle), Just(Intent::Suspend),
            Just(Intent::Help), Just(Intent::Suggested), Just(Intent::Accept),
        ].prop_map(Step::Ask),
        4 => (0_u32..2, pending).prop_map(|(complete, pending)| Step::Type(complete, pending)),
        4 => any::<bool>().prop_map(Step::Finish),
        4 => Just(Step::Deliver),
        1 => (0_i64..400).prop_map(Step::Wait),
        2 => any::<bool>().prop_map(Step::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes in whatever order: once every answer has arrived, the screen and the door agree, and a door that is
    /// closed in the core is closed in the hands.
    #[test]
    fn the_screen_says_open_when_the_door_is(script in prop::collection::vec(steps(), 1..80)) {
        let mut session = Session::wiped();
        for step in script {
            match step {
                Step::Offer => session.offer(),
                Step::Ask(intent) => session.ask(intent),
                Step::Type(complete, pending) => session.type_in(complete, pending),
                Step::Finish(well) => session.finish(if well { Ok(()) } else { Err(wrong()) }),
                Step::Deliver => session.deliver(),
                Step::Wait(seconds) => {
                    session.time += seconds;
                    session.say(Msg::Tick);
                }
                Step::Look(sealed) => {
                    session.say(world::seals([false, sealed, false]));
                    session.say(world::keys("101", &[]));
                    session.say(keystore(KeyKind::Unseal, &PRINTS));
                }
            }
            if session.answers.is_empty() {
                prop_assert_eq!(session.is_open(), session.open);
            }
        }
        while !session.answers.is_empty() {
            session.deliver();
        }
        prop_assert_eq!(session.is_open(), session.open);
        for _ in 0..100 {
            session.ask(Intent::Back);
        }
        for slot in (1..session.state.next_slot).map(SlotId) {
            prop_assert!(session.forgotten.contains(&slot), "{:?} was never forgotten", slot);
        }
        while !session.tries.is_empty() {
            session.answer(Ok(()));
        }
        prop_assert_eq!(session.is_open(), session.open, "a late try opened it");
    }
}
