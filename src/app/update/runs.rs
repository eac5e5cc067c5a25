//! Runs: results come back by run id, whatever has the focus; what a run proved is kept.

use crate::app::effect::Effect;
use crate::app::id::{FeedId, RunId};
use crate::app::model::fold;
use crate::app::model::proof::{Answer, Method, Proof};
use crate::app::model::timeline::{Moment, Tone};
use crate::app::model::unsealer::Liveness;
use crate::app::runbook::confirm::Confirmed;
use crate::app::runbook::journal::Journal;
use crate::app::runbook::op::Outcome;
use crate::app::runbook::plan::{Expect, Plan, StepKind};
use crate::app::runbook::run::{Finding, Phase, Run, StepState};
use crate::app::state::State;
use crate::app::state::layers::Layer;
use crate::app::trouble::Trouble;

/// Starts a confirmed plan and shows it.
pub(super) fn start(state: &mut State, confirmed: Confirmed<Plan>, id: RunId) -> Vec<Effect> {
    let (run, effects) = Run::start(confirmed, id, state.now);
    tell(state, &run, "was confirmed", Tone::Plain);
    state.runs.push(run);
    state.layers.push(Layer::Run { run: id, scroll: None });
    effects
}

/// The journal answered.
pub(super) fn journaled(state: &mut State, id: RunId, written: &Result<u32, Trouble>) -> Vec<Effect> {
    with(state, id, |run, state| run.journaled(written, &state.model, state.now))
}

/// A step came back.
pub(super) fn step_ended(state: &mut State, id: RunId, step: usize, outcome: Outcome) -> Vec<Effect> {
    with(state, id, |run, state| run.step_ended(step, outcome, state.now))
}

/// A probe came back.
pub(super) fn probed(state: &mut State, id: RunId, step: usize, finding: &Result<Finding, Trouble>) -> Vec<Effect> {
    with(state, id, |run, _| {
        run.probed(step, finding);
        Vec::new()
    })
}

/// Facts moved or time passed.
pub(super) fn observe(state: &mut State) -> Vec<Effect> {
    let Some(id) = state.underway().map(|run| run.id) else { return Vec::new() };
    with(state, id, |run, state| run.observe(&state.model, state.now))
}

/// Runs that an earlier session left unfinished: shown, probed, never continued by themselves.
pub(super) fn unfinished(state: &mut State, journals: &[Journal]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for journal in journals {
        if journal.ended() || state.run(journal.run).is_some() {
            continue;
        }
        let Some((run, probes)) = Run::left_behind(journal) else { continue };
        tell(state, &run, "was left unfinished by a session that ended", Tone::Notable);
        state.layers.push(Layer::Run { run: run.id, scroll: None });
        state.runs.push(run);
        effects.extend(probes);
    }
    effects
}

/// A run's dialog was taken away: what a dead session left behind is settled by that.
pub(super) fn dismissed(state: &mut State, id: RunId) -> Vec<Effect> {
    with(state, id, |run, state| run.dismiss(state.now))
}

/// Lets one run take a step, then draws the consequences that lie outside it.
fn with(state: &mut State, id: RunId, step: impl FnOnce(&mut Run, &State) -> Vec<Effect>) -> Vec<Effect> {
    let Some(index) = state.runs.iter().position(|run| run.id == id) else { return Vec::new() };
    let mut run = state.runs.swap_remove(index);
    let was_underway = run.underway();
    let mut effects = step(&mut run, state);
    for effect in &effects {
        if let Effect::Act(act) = effect
            && let Some(replica) = act.op().unseals()
        {
            // From here on its opening is our doing and proves nothing about the mechanism.
            state.model.ours.insert(replica.to_owned(), state.now);
        }
    }
    if was_underway && !run.underway() {
        effects.extend(ended(state, &run));
    }
    state.runs.push(run);
    state.runs.sort_by_key(|run| (run.began, run.id));
    effects
}

fn ended(state: &mut State, run: &Run) -> Vec<Effect> {
    let mut effects = Vec::new();
    // What the vault said to keys holds however the run went on.
    for proof in run.proofs() {
        effects.extend(fold::seal::keep(&mut state.model, proof.clone()));
    }
    match &run.phase {
        Phase::Succeeded(_) => {
            tell(state, run, "succeeded", Tone::Plain);
            for proof in proofs(state, run) {
                effects.extend(fold::seal::keep(&mut state.model, proof));
            }
        }
        Phase::Failed(_, trouble) => tell(state, run, &format!("failed: {}", trouble.what), Tone::Grave),
        Phase::Underway | Phase::LeftBehind | Phase::Dismissed => {}
    }
    // Typed shares have done their work.
    let slots: std::collections::BTreeSet<_> = run
        .plan()
        .steps
        .iter()
        .filter_map(|step| match &step.kind {
            StepKind::Do(op) => op.slot(),
            StepKind::Await { .. } => None,
        })
        .collect();
    effects.extend(slots.into_iter().map(Effect::ForgetSlot));
    effects
}

/// Our own unseal proves the shares it gave, if nothing else can have opened the replica in that moment: an open
/// server answers "unsealed" to any share, right or wrong.
fn proofs(state: &State, run: &Run) -> Vec<Proof> {
    let model = &state.model;
    let unsealers = model.unsealers.as_ref().and_then(|seen| seen.fresh(state.now, FeedId::Unsealers));
    // What cannot be seen may be a rival too.
    let alone = unsealers.map_or(!model.in_kubernetes(), |seen| {
        seen.found.iter().all(|unsealer| matches!(unsealer.liveness, Liveness::Dead { .. }))
    });
    if !alone {
        return Vec::new();
    }
    run.plan()
        .steps
        .iter()
        .zip(&run.steps)
        .filter_map(|(step, at)| match (&step.kind, at) {
            (StepKind::Await { expect: Expect::Open { replica }, .. }, StepState::Done(..)) => Some(replica),
            (StepKind::Await { .. } | StepKind::Do(_), _) => None,
        })
        .filter_map(|replica| {
            let prints = run.proven_shares(replica);
            let cluster_id = state.model.said(replica).and_then(|seen| seen.cluster_id.clone());
            (!prints.is_empty()).then(|| Proof {
                method: Method::OwnUnseal,
                answer: Answer::Accepted,
                at: state.now,
                replica: replica.clone(),
                cluster_id,
                prints,
                namespace: None,
            })
        })
        .collect()
}

fn tell(state: &mut State, run: &Run, says: &str, tone: Tone) {
    state.model.timeline.push(Moment {
        at: state.now,
        subject: run.plan().target.clone(),
        says: format!("{} {says}", run.plan().title),
        detail: format!("run {}", run.id),
        tone,
    });
}
