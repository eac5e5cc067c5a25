//! A confirmed plan under way: which step, what was written, what is in doubt. Pure; asks for one effect at a time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::confirm::Confirmed;
use super::expected;
use super::journal::{Entry, Journal};
use super::op::{KeysRef, Op, Outcome, ShareRef};
use super::plan::{Plan, StepKind};
use super::ready::{self, Ready};
use crate::app::effect::Effect;
use crate::app::id::{FeedId, RunId};
use crate::app::model::Model;
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::proof::{Answer, Proof, same_keys};
use crate::app::time::age;
use crate::app::trouble::Trouble;

/// One operation on its way to the hands. Built only by a [`Run`] that holds a [`Confirmed`] plan.
#[derive(Debug, PartialEq, Serialize)]
pub struct Act {
    run: RunId,
    step: usize,
    op: Op,
}

impl Act {
    /// Which run it belongs to; results come back under it, whatever has the focus.
    pub const fn run(&self) -> RunId {
        self.run
    }
    /// Which step of it.
    pub const fn step(&self) -> usize {
        self.step
    }
    /// What to do.
    pub const fn op(&self) -> &Op {
        &self.op
    }
}

/// A read-only look at what became of a step in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Which run.
    pub run: RunId,
    /// Which step of it.
    pub step: usize,
    /// The operation whose effect is looked for. Nothing of it is performed.
    pub op: Op,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `openbao-0 is open`, `openbao-0 is sealed, 1 of 2 shares given`.
    pub says: String,
}

/// Where one step stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Not reached.
    Waiting,
    /// `Started` is being written.
    Announced,
    /// Under way since.
    Running(Timestamp),
    /// Finished; its end is being written.
    Closing(Box<StepState>),
    /// Done, with the evidence and the time.
    Done(String, Timestamp),
    /// Not needed, and why.
    Skipped(String),
    /// Failed.
    Failed(Trouble),
    /// Started by a session that died; the probe's finding once there is one.
    InDoubt(Option<Finding>),
}

/// Where the whole run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Going on.
    Underway,
    /// Every step is done or was not needed.
    Succeeded(Timestamp),
    /// Stopped at a failed step, or the journal could not be written.
    Failed(Timestamp, Trouble),
    /// Left behind by a session that died; nothing more of it will run, a new plan may offer the rest.
    LeftBehind,
    /// Left behind, and dismissed by a person.
    Dismissed,
}

#[derive(Debug, PartialEq, Serialize)]
#[expect(clippy::large_enum_variant, reason = "a handful of runs a session; what was confirmed stays where it was put")]
enum Authority {
    Told(Confirmed<Plan>),
    ReadBack(Box<Plan>),
}

/// One execution.
#[derive(Debug, PartialEq, Serialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// When it was confirmed.
    pub began: Timestamp,
    /// Its steps' states, one for each step of the plan.
    pub steps: Vec<StepState>,
    /// Where it stands.
    pub phase: Phase,
    authority: Authority,
    at: usize,
    begun_on_disk: bool,
    proofs: Vec<Proof>,
}

impl Run {
    /// Starts a confirmed plan: the first effect writes its journal.
    pub fn start(confirmed: Confirmed<Plan>, id: RunId, now: Timestamp) -> (Self, Vec<Effect>) {
        let plan = confirmed.get().clone();
        let run = Self {
            id,
            began: now,
            steps: vec![StepState::Waiting; plan.steps.len()],
            phase: Phase::Underway,
            authority: Authority::Told(confirmed),
            at: 0,
            begun_on_disk: false,
            proofs: Vec::new(),
        };
        let effect = Effect::Journal { run: id, entry: Entry::Begun { at: now, plan: Box::new(plan) } };
        (run, vec![effect])
    }

    /// Folds a journal that was never ended. Its step in doubt is probed; nothing else of it will ever run.
    pub fn left_behind(journal: &Journal) -> Option<(Self, Vec<Effect>)> {
        let plan = journal.plan()?.clone();
        let mut steps = vec![StepState::Waiting; plan.steps.len()];
        let mut began = plan.made;
        for entry in &journal.entries {
            let (step, state) = match entry {
                Entry::Begun { at, .. } => {
                    began = *at;
                    continue;
                }
                Entry::Ended { .. } => continue,
                Entry::Started { step, .. } => (*step, StepState::InDoubt(None)),
                Entry::Succeeded { step, evidence, at } => (*step, StepState::Done(evidence.clone(), *at)),
                Entry::Skipped { step, why, .. } => (*step, StepState::Skipped(why.clone())),
                Entry::Failed { step, trouble, .. } => (*step, StepState::Failed(trouble.clone())),
            };
            if let Some(slot) = steps.get_mut(step) {
                *slot = state;
            }
        }
        let doubt = journal.in_doubt();
        if let Some(step) =
            doubt.filter(|step| matches!(plan.steps.get(*step).map(|s| &s.kind), Some(StepKind::Await { .. })))
        {
            // There is nothing to look for, and nobody should wait for a probe that never comes.
            let says = "it only waited, and changed nothing".to_owned();
            if let Some(slot) = steps.get_mut(step) {
                *slot = StepState::InDoubt(Some(Finding { says }));
            }
        }
        let effects = doubt
            .and_then(|step| match &plan.steps.get(step)?.kind {
                StepKind::Do(op) => Some(Effect::Probe(Probe { run: journal.run, step, op: op.clone() })),
                StepKind::Await { .. } => None,
            })
            .into_iter()
            .collect();
        let at = plan.steps.len();
        let authority = Authority::ReadBack(Box::new(plan));
        Some((
            Self {
                id: journal.run,
                began,
                steps,
                phase: Phase::LeftBehind,
                authority,
                at,
                begun_on_disk: true,
                proofs: Vec::new(),
            },
            effects,
        ))
    }

    /// The plan it executes.
    pub fn plan(&self) -> &Plan {
        match &self.authority {
            Authority::Told(confirmed) => confirmed.get(),
            Authority::ReadBack(plan) => plan,
        }
    }

    /// Whether it still has something to do.
    pub const fn underway(&self) -> bool {
        matches!(self.phase, Phase::Underway)
    }

    /// How many steps are done or were not needed.
    pub fn finished_steps(&self) -> usize {
        self.steps.iter().filter(|s| matches!(s, StepState::Done(..) | StepState::Skipped(_))).count()
    }

    /// The journal was written, or not. Without a journal nothing is done.
    pub fn journaled(&mut self, written: &Result<u32, Trouble>, model: &Model, now: Timestamp) -> Vec<Effect> {
        if !self.underway() {
            return Vec::new();
        }
        if let Err(trouble) = written {
            self.phase = Phase::Failed(now, trouble.clone());
            return Vec::new();
        }
        if !self.begun_on_disk {
            self.begun_on_disk = true;
            return self.next(model, now);
        }
        let Some(state) = self.steps.get_mut(self.at) else {
            return Vec::new();
        };
        match std::mem::replace(state, StepState::Waiting) {
            StepState::Announced => {
                *state = StepState::Running(now);
                self.perform()
            }
            StepState::Closing(end) => {
                let failed = if let StepState::Failed(trouble) = end.as_ref() { Some(trouble.clone()) } else { None };
                *state = *end;
                if let Some(trouble) = failed {
                    return self.end(Phase::Failed(now, trouble), "failed", now);
                }
                self.at += 1;
                self.next(model, now)
            }
            other => {
                *state = other;
                Vec::new()
            }
        }
    }

    /// A step came back from the hands.
    pub fn step_ended(&mut self, step: usize, outcome: Outcome, now: Timestamp) -> Vec<Effect> {
        if !self.underway() || step != self.at || !matches!(self.steps.get(step), Some(StepState::Running(_))) {
            return Vec::new();
        }
        let feed = match self.plan().steps.get(step).map(|step| &step.kind) {
            Some(StepKind::Do(op)) => op.feed(),
            Some(StepKind::Await { expect, .. }) => expect.feed(),
            None => FeedId::Seal,
        };
        let (state, entry) = match outcome {
            Outcome::Done { evidence } => {
                (StepState::Done(evidence.clone(), now), Entry::Succeeded { at: now, step, evidence })
            }
            Outcome::Proven { evidence, proof } => {
                self.proofs.push(proof);
                (StepState::Done(evidence.clone(), now), Entry::Succeeded { at: now, step, evidence })
            }
            Outcome::Unneeded { why } => (StepState::Skipped(why.clone()), Entry::Skipped { at: now, step, why }),
            Outcome::Failed { trouble } => {
                (StepState::Failed(trouble.clone()), Entry::Failed { at: now, step, trouble })
            }
        };
        let mut effects = self.close(state, entry);
        effects.push(Effect::LookNow(feed));
        effects
    }

    /// What the vault said to keys in the course of it.
    pub fn proofs(&self) -> &[Proof] {
        &self.proofs
    }

    /// What the vault said to the keys that a step asked it about: a refusal is the answer, and no success of anything
    /// else. Of a run that a dead session left behind only what was `remembered` elsewhere remains.
    pub fn answer(&self, step: usize, remembered: &[Proof]) -> Option<Answer> {
        let StepKind::Do(Op::ProveKeys { keys, namespace, .. }) = &self.plan().steps.get(step)?.kind else {
            return None;
        };
        let asked = |proof: &&Proof| match keys {
            _ if proof.namespace != *namespace => false,
            KeysRef::Secret { prints, .. } | KeysRef::Keystore { prints, .. } => same_keys(prints, &proof.prints),
            KeysRef::Typed { .. } => true,
        };
        let left = remembered.iter().filter(|proof| self.proofs.is_empty() && proof.at >= self.began);
        self.proofs.iter().chain(left).rfind(asked).map(|proof| proof.answer)
    }

    /// Takes away what a dead session left behind: its journal gets its last line.
    pub fn dismiss(&mut self, now: Timestamp) -> Vec<Effect> {
        if self.phase != Phase::LeftBehind {
            return Vec::new();
        }
        self.end(Phase::Dismissed, "left behind by a session that died; looked at and dismissed", now)
    }

    /// The shares that this run itself gave to a replica, all of them accepted as far as it was asked to give them.
    pub fn proven_shares(&self, replica: &str) -> Vec<Fingerprint> {
        let mut prints = Vec::new();
        for (step, state) in self.plan().steps.iter().zip(&self.steps) {
            match (&step.kind, state) {
                (
                    StepKind::Do(Op::SubmitShare {
                        replica: to,
                        share: ShareRef::Secret { print, .. } | ShareRef::Keystore { print, .. },
                    }),
                    StepState::Done(..),
                ) if to == replica => {
                    prints.push(print.clone());
                }
                (StepKind::Do(Op::SubmitShare { replica: to, .. }), _) if to == replica => return Vec::new(),
                (StepKind::Do(_) | StepKind::Await { .. }, _) => {}
            }
        }
        prints
    }

    /// A probe came back.
    pub fn probed(&mut self, step: usize, finding: &Result<Finding, Trouble>) {
        if let Some(state @ StepState::InDoubt(_)) = self.steps.get_mut(step) {
            *state = StepState::InDoubt(Some(match finding {
                Ok(finding) => finding.clone(),
                Err(trouble) => Finding { says: format!("could not be looked at: {}", trouble.what) },
            }));
        }
    }

    /// Facts moved or time passed: a step that waits for something may have got it, or may give up.
    pub fn observe(&mut self, model: &Model, now: Timestamp) -> Vec<Effect> {
        let Some(StepState::Running(since)) = self.steps.get(self.at) else {
            return Vec::new();
        };
        if !self.underway() {
            return Vec::new();
        }
        let since = *since;
        if now < since {
            // The clock was set back: waiting by the old one would last until it has caught up.
            if let Some(state) = self.steps.get_mut(self.at) {
                *state = StepState::Running(now);
            }
            return Vec::new();
        }
        let (step, plan) = (self.at, self.plan());
        let Some(StepKind::Await { expect, within }) = plan.steps.get(step).map(|s| s.kind.clone()) else {
            return Vec::new();
        };
        if let Some(evidence) = expected::seen(&expect, model, since) {
            return self.close(StepState::Done(evidence.clone(), now), Entry::Succeeded { at: now, step, evidence });
        }
        if age(now, since) <= within {
            return Vec::new();
        }
        let trouble = expected::not_seen(&expect, model, within);
        self.close(StepState::Failed(trouble.clone()), Entry::Failed { at: now, step, trouble })
    }

    fn next(&mut self, model: &Model, now: Timestamp) -> Vec<Effect> {
        let step = self.at;
        let Some(kind) = self.plan().steps.get(step).map(|s| s.kind.clone()) else {
            return self.end(Phase::Succeeded(now), "succeeded", now);
        };
        if let StepKind::Do(op) = &kind {
            match ready::precondition(op, self.plan(), &self.proofs, model, now) {
                Ready::Go => {}
                Ready::Unneeded(why) => {
                    return self.close(StepState::Skipped(why.clone()), Entry::Skipped { at: now, step, why });
                }
                Ready::No(trouble) => {
                    return self.close(StepState::Failed(trouble.clone()), Entry::Failed { at: now, step, trouble });
                }
            }
        }
        if let Some(state) = self.steps.get_mut(step) {
            *state = StepState::Announced;
        }
        vec![Effect::Journal { run: self.id, entry: Entry::Started { at: now, step } }]
    }

    fn perform(&self) -> Vec<Effect> {
        match (&self.authority, self.plan().steps.get(self.at).map(|s| &s.kind)) {
            (Authority::Told(_), Some(StepKind::Do(op))) => {
                vec![Effect::Act(Act { run: self.id, step: self.at, op: op.clone() })]
            }
            (Authority::Told(_), Some(StepKind::Await { expect, .. })) => vec![Effect::LookNow(expect.feed())],
            (Authority::ReadBack(_), _) | (_, None) => Vec::new(),
        }
    }

    fn close(&mut self, end: StepState, entry: Entry) -> Vec<Effect> {
        if let Some(state) = self.steps.get_mut(self.at) {
            *state = StepState::Closing(Box::new(end));
        }
        vec![Effect::Journal { run: self.id, entry }]
    }

    fn end(&mut self, phase: Phase, how: &str, now: Timestamp) -> Vec<Effect> {
        self.phase = phase;
        vec![Effect::Journal { run: self.id, entry: Entry::Ended { at: now, how: how.to_owned() } }]
    }
}
