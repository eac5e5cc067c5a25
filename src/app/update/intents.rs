//! What a person asked for: moves, opens, closes; the only way to a change leads through a plan's dialog.

use jiff::SignedDuration;

use super::{dialogs, leave, pop, unlock};
use crate::app::actions::{self, Request};
use crate::app::effect::Effect;
use crate::app::id::{ActionId, ObjectRef, PaneId, RuleId};
use crate::app::intent::Intent;
use crate::app::state::State;
use crate::app::state::layers::{Field, Layer};
use crate::app::state::panes::rows;

/// A silence ends by itself after this long.
const SILENCE: SignedDuration = SignedDuration::from_hours(1);

/// Takes one intent.
pub(super) fn handle(state: &mut State, intent: Intent, seq: u64) -> Vec<Effect> {
    match intent {
        Intent::Zoom(pane) => {
            if state.layers.is_empty() {
                state.zoom = Some(pane);
                state.focus = pane;
                settle(state, pane);
            }
        }
        Intent::Cycle(step) => cycle(state, step),
        Intent::Move(by) => shift(state, by),
        Intent::Jump { last } => shift(state, if last { i32::MAX } else { i32::MIN }),
        Intent::Open => return open(state, seq),
        Intent::Back => return back(state),
        Intent::Alerts => show(state, Layer::Alerts { selected: first_alert(state) }),
        Intent::Help => show(state, Layer::Help { scroll: 0 }),
        Intent::Actions => {
            let target = dialogs::selection(state);
            show(state, Layer::Actions { cursor: 0, target });
        }
        Intent::Suggested => return suggested(state),
        Intent::Offer { action, target } => {
            let mut effects = clear_layers(state);
            effects.extend(dialogs::offer(state, action, Request { target, ..Request::default() }));
            return effects;
        }
        Intent::Type(c) => type_answer(state, c),
        Intent::Erase => edit(state, |answer| {
            answer.pop();
        }),
        Intent::EraseAll => edit(state, String::clear),
        Intent::NextField if matches!(state.layers.last(), Some(Layer::Unlock(_))) => return unlock::elsewhere(state),
        Intent::NextField => dialogs::next_field(state),
        Intent::Toggle => return dialogs::toggle(state),
        Intent::Accept => return accept(state, seq),
        Intent::Acknowledge => judge_alert(state, |state, rule, subject| state.alerts.acknowledge(&rule, &subject)),
        Intent::Silence => {
            let until = state.now + SILENCE;
            judge_alert(state, |state, rule, subject| state.alerts.silence(&rule, &subject, until));
        }
        Intent::Copy => copy(state),
        Intent::Quit => return quit(state),
        Intent::Suspend => {
            // A stopped process cannot lock anything when time passes.
            let mut effects = unlock::leave_behind(state);
            effects.push(Effect::Suspend);
            return effects;
        }
    }
    Vec::new()
}

/// Opens a layer once: asking for what is on top already takes it away again.
fn show(state: &mut State, layer: Layer) {
    let same = state.layers.last().is_some_and(|top| std::mem::discriminant(top) == std::mem::discriminant(&layer));
    if same {
        state.layers.pop();
    } else if !matches!(state.layers.last(), Some(Layer::Shares(_) | Layer::Unlock(_) | Layer::Plan(_))) {
        state.layers.push(layer);
    }
}

fn cycle(state: &mut State, step: i8) {
    let all = PaneId::ALL;
    let at = all.iter().position(|pane| *pane == state.focus).unwrap_or(0);
    let forward = usize::from(step.unsigned_abs()) % all.len();
    let next = (at + if step < 0 { all.len() - forward } else { forward }) % all.len();
    if let Some(pane) = all.get(next) {
        state.focus = *pane;
        if state.zoom.is_some() {
            state.zoom = Some(*pane);
        }
        settle(state, *pane);
    }
}

/// Makes sure that a pane with rows has one selected.
fn settle(state: &mut State, pane: PaneId) {
    let rows = rows(state, pane);
    let known = state.selected.get(&pane).is_some_and(|key| rows.iter().any(|row| row.key == *key));
    if let (false, Some(first)) = (known, rows.first()) {
        state.selected.insert(pane, first.key.clone());
    }
}

fn shifted(at: usize, by: i32, len: usize) -> usize {
    let far = by.unsigned_abs() as usize;
    if by < 0 { at.saturating_sub(far) } else { at.saturating_add(far).min(len.saturating_sub(1)) }
}

fn shift(state: &mut State, by: i32) {
    let alerts: Vec<(String, ObjectRef)> =
        state.alerts.all().iter().map(|alert| (alert.rule.0.to_owned(), alert.subject.clone())).collect();
    match state.layers.last_mut() {
        Some(Layer::Help { scroll } | Layer::Details { scroll, .. }) => *scroll = shifted(*scroll, by, 1_000),
        Some(Layer::Alerts { selected }) => {
            let at = selected.as_ref().and_then(|s| alerts.iter().position(|a| a == s)).unwrap_or(0);
            *selected = alerts.get(shifted(at, by, alerts.len())).cloned();
        }
        Some(Layer::Actions { cursor, .. }) => *cursor = shifted(*cursor, by, actions::all().len()),
        Some(
            Layer::Shares(_) | Layer::Unlock(_) | Layer::Plan(_) | Layer::Run { .. } | Layer::Leave | Layer::Refused(_),
        ) => {}
        None => {
            let pane = state.zoom.unwrap_or(state.focus);
            let rows = rows(state, pane);
            let at = state.selected.get(&pane).and_then(|key| rows.iter().position(|row| row.key == *key));
            let to = at.map_or(0, |at| shifted(at, by, rows.len()));
            if let Some(row) = rows.get(to) {
                state.selected.insert(pane, row.key.clone());
            }
        }
    }
}

fn first_alert(state: &State) -> Option<(String, ObjectRef)> {
    state.alerts.all().first().map(|alert| (alert.rule.0.to_owned(), alert.subject.clone()))
}

fn open(state: &mut State, seq: u64) -> Vec<Effect> {
    match state.layers.last() {
        None => {
            if let Some(pane) = state.zoom {
                settle(state, pane);
                if let Some(subject) = dialogs::selection(state) {
                    state.layers.push(Layer::Details { subject, scroll: 0 });
                }
            } else {
                let pane = state.focus;
                state.zoom = Some(pane);
                settle(state, pane);
            }
            Vec::new()
        }
        Some(Layer::Alerts { selected }) => {
            let selected = selected.clone().or_else(|| first_alert(state));
            if let Some((_, subject)) = selected {
                state.layers.push(Layer::Details { subject, scroll: 0 });
            }
            Vec::new()
        }
        Some(Layer::Actions { cursor, target }) => {
            let (chosen, target) = (actions::all().get(*cursor).map(|action| action.id()), target.clone());
            let Some(action) = chosen else { return Vec::new() };
            state.layers.pop();
            dialogs::offer(state, action, Request { target: aim(action, target), ..Request::default() })
        }
        Some(Layer::Plan(_)) => dialogs::accept(state, seq),
        Some(Layer::Help { .. } | Layer::Details { .. } | Layer::Run { .. } | Layer::Leave | Layer::Refused(_)) => {
            // Enter takes away what only informs; on the question it means no.
            back(state)
        }
        Some(Layer::Shares(_) | Layer::Unlock(_)) => Vec::new(),
    }
}

/// What of a selection means something to an action: a pod to an unseal, a file to its restoring, a copy to its writing.
fn aim(action: ActionId, selected: Option<ObjectRef>) -> Option<ObjectRef> {
    let kind = match action {
        ActionId::Unseal => "Pod",
        ActionId::RestoreCustody => "KeyFile",
        ActionId::CopyKeystore => "Copy",
        ActionId::RestoreKeysSecret | ActionId::SaveKeys | ActionId::ProveKeys => return None,
    };
    selected.filter(|object| object.kind == kind)
}

fn back(state: &mut State) -> Vec<Effect> {
    if state.layers.is_empty() {
        state.zoom = None;
        return Vec::new();
    }
    pop(state)
}

fn clear_layers(state: &mut State) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut kept = Vec::new();
    while let Some(top) = state.layers.last() {
        // What a dead session left in doubt is dismissed by the person who looks at it, never in passing.
        let left = matches!(top, Layer::Run { run } if state.left_behind().any(|left| left.id == *run));
        if left {
            kept.extend(state.layers.pop());
        } else {
            effects.extend(pop(state));
        }
    }
    state.layers.extend(kept.into_iter().rev());
    effects
}

/// What the sentence suggests: the plan of its action, or else the worst alert's details.
fn suggested(state: &mut State) -> Vec<Effect> {
    if let Some(Layer::Run { run }) = state.layers.last() {
        // The rest of what a dead session left behind, as a new plan from today's facts.
        let rest =
            state.run(*run).filter(|run| !run.underway()).map(|run| (run.plan().action, run.plan().target.clone()));
        let Some((action, target)) = rest else { return Vec::new() };
        let mut effects = pop(state);
        let target = aim(action, Some(target));
        effects.extend(dialogs::offer(state, action, Request { target, ..Request::default() }));
        return effects;
    }
    if matches!(state.layers.last(), Some(Layer::Shares(_) | Layer::Unlock(_) | Layer::Plan(_) | Layer::Leave)) {
        return Vec::new();
    }
    let from_alert = match state.layers.last() {
        Some(Layer::Alerts { selected: Some((rule, subject)) }) => {
            state.alerts.get(rule, subject).and_then(|alert| Some((alert.action?, Some(alert.subject.clone()))))
        }
        Some(Layer::Details { subject, .. }) => {
            let about = state.alerts.all().iter().find(|alert| alert.subject == *subject && alert.action.is_some());
            about.and_then(|alert| Some((alert.action?, Some(alert.subject.clone()))))
        }
        Some(_) | None => None,
    };
    let wanted = from_alert.or_else(|| state.verdict.action.map(|action| (action, None)));
    let mut effects = clear_layers(state);
    match wanted {
        Some((action, target)) => {
            let request = Request { target: aim(action, target), ..Request::default() };
            effects.extend(dialogs::offer(state, action, request));
        }
        None => match first_alert(state) {
            Some((_, subject)) => state.layers.push(Layer::Details { subject, scroll: 0 }),
            None => state.remark = Some(("nothing to do".to_owned(), state.now)),
        },
    }
    effects
}

/// One character past the expected answer is kept, which is enough to be wrong: a share pasted into the wrong field is
/// not held, and not shown.
fn type_answer(state: &mut State, c: char) {
    let Some(Layer::Plan(dialog)) = state.layers.last() else { return };
    let longest = dialog.plan.challenge().chars().count() + 1;
    edit(state, |answer| {
        if !c.is_control() && answer.chars().count() < longest {
            answer.push(c);
        }
    });
}

fn edit(state: &mut State, change: impl FnOnce(&mut String)) {
    if let Some(Layer::Plan(dialog)) = state.layers.last_mut()
        && dialog.focus == Field::Answer
    {
        dialog.refusal = None;
        change(&mut dialog.answer);
    }
}

fn accept(state: &mut State, seq: u64) -> Vec<Effect> {
    match state.layers.last() {
        Some(Layer::Plan(_)) => dialogs::accept(state, seq),
        Some(Layer::Leave) => leave(state),
        Some(
            Layer::Help { .. }
            | Layer::Alerts { .. }
            | Layer::Details { .. }
            | Layer::Actions { .. }
            | Layer::Shares(_)
            | Layer::Unlock(_)
            | Layer::Run { .. }
            | Layer::Refused(_),
        )
        | None => Vec::new(),
    }
}

fn judge_alert(state: &mut State, say: impl FnOnce(&mut State, RuleId, ObjectRef)) {
    let Some(Layer::Alerts { selected }) = state.layers.last() else { return };
    let Some((rule, subject)) = selected.clone().or_else(|| first_alert(state)) else { return };
    let Some(rule) = state.alerts.get(&rule, &subject).map(|alert| alert.rule) else { return };
    say(state, rule, subject);
}

fn copy(state: &mut State) {
    let mut text = state.verdict.sentence.clone();
    for line in &state.verdict.because {
        text.push('\n');
        text.push_str(line);
    }
    state.clipboard = Some(text);
    state.remark = Some(("copied the sentence and its reasons".to_owned(), state.now));
}

fn quit(state: &mut State) -> Vec<Effect> {
    if state.underway().is_none() {
        return leave(state);
    }
    if !matches!(state.layers.last(), Some(Layer::Leave)) {
        state.layers.push(Layer::Leave);
    }
    Vec::new()
}
