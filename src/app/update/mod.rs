//! The reducer: one message in, the next state and the effects out. No clock, no I/O, no randomness.

mod dialogs;
mod intents;
mod lists;
mod runs;
mod turns;
mod unlock;

use super::alerts::{AlertState, Severity};
use super::effect::Effect;
use super::model::fold;
use super::msg::Msg;
use super::runbook::run::Run;
use super::state::layers::Layer;
use super::state::{Lock, State};
use super::sync::standings;
use super::time::{Stamped, age};
use super::verdict::{Standing, Verdict, judge};

/// Takes one message.
pub fn update(state: &mut State, msg: Stamped<Msg>) -> Vec<Effect> {
    state.stamp(&msg);
    let mut stirred = None;
    let before = matches!(msg.msg, Msg::Tick).then(|| glance(state));
    state.stirred = true;
    let seq = msg.seq;
    let mut effects = match msg.msg {
        Msg::Tick | Msg::Resumed => Vec::new(),
        Msg::Intent(intent) => intents::handle(state, intent, seq),
        Msg::Resized { width, height } => {
            state.size = (width, height);
            Vec::new()
        }
        Msg::Seen(report) => {
            state.stirred = fold::news(&state.model, &report, state.now);
            if state.stirred {
                stirred = Some(report.feed);
                state.alerts.touch(report.feed);
            }
            fold::apply(&mut state.model, &report, state.now)
        }
        Msg::Typed { slot, complete, pending } => dialogs::typed(state, slot, complete, pending),
        Msg::Journaled { run, written } => runs::journaled(state, run, &written),
        Msg::StepEnded { run, step, outcome } => runs::step_ended(state, run, step, outcome),
        Msg::Probed { run, step, finding } => runs::probed(state, run, step, &finding),
        Msg::Unlocked { slot, opened, typed } => unlock::unlocked(state, slot, opened, typed),
        Msg::Locked(trouble) => {
            unlock::lost(state, trouble);
            Vec::new()
        }
        Msg::Unfinished(journals) => runs::unfinished(state, &journals),
        Msg::Silenced(silences) => {
            for silenced in silences {
                state.alerts.silence(silenced, state.now);
            }
            Vec::new()
        }
        Msg::Unkept(trouble) => {
            state.remark = Some((format!("for this session only: {}", trouble.what), state.now));
            Vec::new()
        }
        Msg::Terminate => leave(state),
    };
    effects.extend(runs::observe(state));
    effects.extend(unlock::relock(state));
    // What was only confirmed changes no conclusion, and time is told once a second.
    if state.stirred {
        conclude(state);
    }
    // Ages are told in steps of seconds and more: time alone is worth a frame now and then, unless it made a difference.
    if let Some(before) = before {
        let still = state.layers.is_empty() && !state.runs.iter().any(Run::underway) && before == glance(state);
        state.stirred = !still || age(state.now, state.ticked) >= AGES;
    }
    if state.stirred {
        state.ticked = state.now;
    }
    state.made.age(stirred, state.model.standings.turn(), state.now);
    effects
}

/// What time alone may change, but for the ages on the screen.
#[derive(PartialEq)]
struct Glance {
    verdict: Verdict,
    alerts: Vec<(AlertState, Severity)>,
    remark: bool,
    locked: bool,
}

fn glance(state: &State) -> Glance {
    Glance {
        verdict: state.verdict.clone(),
        alerts: state.alerts.all().iter().map(|alert| (alert.state, alert.severity)).collect(),
        remark: state.remark.is_some(),
        locked: state.keystore == Lock::Locked,
    }
}

/// Ages on the screen are never later than this.
const AGES: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// Ends the program.
fn leave(state: &mut State) -> Vec<Effect> {
    state.ended = true;
    let mut effects: Vec<Effect> = state.layers.drain(..).flat_map(|layer| dialogs::forget(&layer)).collect();
    state.keystore = Lock::Locked;
    effects.push(Effect::LockKeystore);
    effects.push(Effect::Quit);
    effects
}

/// Draws every conclusion anew from what is known now.
fn conclude(state: &mut State) {
    let now = state.now;
    standings::grow(&mut state.model, now);
    let turns = state.alerts.review(&state.model, &state.settings, now);
    turns::tell(&mut state.model, turns, now);
    state.verdict = judge(&state.model, now, state.sighted);
    if state.verdict.state != Standing::Blind {
        state.sighted = Some((state.verdict.state, now));
    }
    if state.remark.as_ref().is_some_and(|(_, at)| age(now, *at) > REMARK_STAYS) {
        state.remark = None;
    }
    dialogs::recheck(state);
}

/// A remark in the footer stays this long.
const REMARK_STAYS: jiff::SignedDuration = jiff::SignedDuration::from_secs(4);

/// Takes the topmost layer away; whatever was typed into it is forgotten.
fn pop(state: &mut State) -> Vec<Effect> {
    let Some(layer) = state.layers.pop() else { return Vec::new() };
    state.filtering = false;
    let mut effects: Vec<Effect> = dialogs::forget(&layer);
    if matches!(layer, Layer::Unlock(_)) {
        state.keystore = Lock::Locked;
    }
    if let Layer::Run { run, .. } = layer {
        effects.extend(runs::dismissed(state, run));
    }
    effects
}
