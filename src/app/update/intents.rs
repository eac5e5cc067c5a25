//! What a person asked for: moves, opens, closes; the only way to a change leads through a plan's dialog.

use super::{dialogs, leave, lists, pop, unlock};
use crate::app::actions::{self, Request};
use crate::app::alerts::silence::{Silence, Silenced};
use crate::app::effect::Effect;
use crate::app::id::{ObjectRef, RuleId};
use crate::app::intent::Intent;
use crate::app::state::State;
use crate::app::state::alerts::named;
use crate::app::state::layers::{Field, Layer, PaletteDialog, SilenceDialog, Until};
use crate::app::state::palette::{self, candidates};
use crate::app::text::clean;

/// Takes one intent.
pub(super) fn handle(state: &mut State, intent: Intent, seq: u64) -> Vec<Effect> {
    match intent {
        Intent::Zoom(pane) => {
            if state.layers.is_empty() {
                lists::zoom(state, pane);
            }
        }
        Intent::Cycle(step) => lists::cycle(state, step),
        Intent::Move(by) => shift(state, by),
        Intent::Jump { last } => {
            if !last && state.layers.is_empty() {
                // Back at the top nobody reads further down: the list may sort itself anew.
                state.let_go(state.pane());
            }
            shift(state, if last { i32::MAX } else { i32::MIN });
        }
        Intent::Open => return open(state, seq),
        Intent::Back => return back(state),
        Intent::Alerts => {
            let selected = state.listed_alerts().first().map(|alert| named(alert));
            show(state, Layer::Alerts { selected });
        }
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
        Intent::NextField => next_field(state),
        Intent::Toggle => return dialogs::toggle(state),
        Intent::Accept => return accept(state, seq),
        Intent::Acknowledge => judge_alert(state, |state, rule, subject| state.alerts.acknowledge(&rule, &subject)),
        Intent::Silence => judge_alert(state, |state, rule, subject| {
            let before = state.alerts.get(rule.0, &subject).and_then(|alert| state.alerts.silence_of(alert));
            let dialog = SilenceDialog {
                rule: rule.0.to_owned(),
                subject,
                silent: before.is_some(),
                until: Until::Hour,
                reason: before.map_or_else(String::new, |silence| silence.reason.clone()),
            };
            state.layers.push(Layer::Silence(dialog));
        }),
        Intent::Filter => lists::filter(state),
        Intent::Sort => lists::sort(state),
        Intent::Palette => show(state, Layer::Palette(PaletteDialog::default())),
        Intent::Clusters => {
            let cursor = state.settings.fleet.iter().position(|cluster| cluster.here).unwrap_or(0);
            show(state, Layer::Clusters { cursor });
        }
        Intent::Switch(name) => return switch(state, name),
        Intent::Find { pane, key } => {
            let effects = clear_layers(state);
            if state.layers.is_empty() {
                lists::find(state, pane, &key);
            }
            return effects;
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
        state.filtering = false;
        state.layers.push(layer);
    }
}

pub(super) fn shifted(at: usize, by: i32, len: usize) -> usize {
    let far = by.unsigned_abs() as usize;
    if by < 0 { at.saturating_sub(far) } else { at.saturating_add(far).min(len.saturating_sub(1)) }
}

fn shift(state: &mut State, by: i32) {
    match state.layers.last_mut() {
        Some(Layer::Help { scroll } | Layer::Details { scroll, .. }) => *scroll = shifted(*scroll, by, 1_000),
        Some(Layer::Plan(dialog)) => dialog.scroll = shifted(dialog.scroll, by, 1_000),
        Some(Layer::Run { scroll, .. }) => *scroll = Some(shifted(scroll.unwrap_or(0), by, 1_000)),
        Some(Layer::Alerts { .. }) => shift_alert(state, by),
        Some(Layer::Actions { cursor, .. }) => *cursor = shifted(*cursor, by, actions::all().len()),
        Some(Layer::Palette(_)) => {
            let Some(Layer::Palette(dialog)) = state.layers.last() else { return };
            let cursor = shifted(dialog.cursor, by, candidates(state, &dialog.text).len());
            if let Some(Layer::Palette(dialog)) = state.layers.last_mut() {
                dialog.cursor = cursor;
            }
        }
        Some(Layer::Clusters { cursor }) => *cursor = shifted(*cursor, by, state.settings.fleet.len()),
        Some(Layer::Shares(_) | Layer::Unlock(_) | Layer::Leave | Layer::Refused(_) | Layer::Silence(_)) => {}
        None => lists::shift(state, by),
    }
}

fn shift_alert(state: &mut State, by: i32) {
    let listed = state.listed_alerts();
    let chosen = state.chosen_alert();
    let at = listed.iter().position(|alert| chosen.is_some_and(|chosen| std::ptr::eq(*alert, chosen))).unwrap_or(0);
    let to = listed.get(shifted(at, by, listed.len())).map(|alert| named(alert));
    if let Some(Layer::Alerts { selected }) = state.layers.last_mut() {
        *selected = to;
    }
}

fn open(state: &mut State, seq: u64) -> Vec<Effect> {
    match state.layers.last() {
        None => {
            if let Some(pane) = state.zoom {
                lists::settle(state, pane);
                if let Some(subject) = dialogs::selection(state) {
                    lists::details(state, subject);
                }
            } else {
                lists::zoom(state, state.focus);
            }
            Vec::new()
        }
        Some(Layer::Alerts { .. }) => {
            if let Some(subject) = state.chosen_alert().map(|alert| alert.subject.clone()) {
                lists::details(state, subject);
            }
            Vec::new()
        }
        Some(Layer::Actions { cursor, target }) => {
            let (chosen, target) = (actions::all().get(*cursor).map(|action| action.id()), target.clone());
            let Some(action) = chosen else { return Vec::new() };
            state.layers.pop();
            dialogs::offer(state, action, Request { target: actions::aim(action, target), ..Request::default() })
        }
        Some(Layer::Plan(_) | Layer::Palette(_) | Layer::Silence(_) | Layer::Clusters { .. }) => accept(state, seq),
        Some(Layer::Details { onward, .. }) if !onward.is_empty() => {
            let mut onward = onward.clone();
            let subject = onward.remove(0);
            state.layers.push(Layer::Details { subject, scroll: 0, onward });
            Vec::new()
        }
        Some(Layer::Help { .. } | Layer::Details { .. } | Layer::Run { .. } | Layer::Leave | Layer::Refused(_)) => {
            // Enter takes away what only informs; on the question it means no.
            back(state)
        }
        Some(Layer::Shares(_) | Layer::Unlock(_)) => Vec::new(),
    }
}

fn back(state: &mut State) -> Vec<Effect> {
    if state.layers.is_empty() {
        lists::back(state);
        return Vec::new();
    }
    if matches!(state.layers.last(), Some(Layer::Leave)) {
        state.next = None;
    }
    if matches!(state.layers.last(), Some(Layer::Alerts { .. })) && lists::unfilter_alerts(state) {
        return Vec::new();
    }
    pop(state)
}

fn clear_layers(state: &mut State) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut kept = Vec::new();
    while let Some(top) = state.layers.last() {
        // What a dead session left in doubt is dismissed by the person who looks at it, never in passing.
        let left = matches!(top, Layer::Run { run, .. } if state.left_behind().any(|left| left.id == *run));
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
    if let Some(Layer::Run { run, .. }) = state.layers.last() {
        // The rest of what a dead session left behind, as a new plan from today's facts.
        let rest =
            state.run(*run).filter(|run| !run.underway()).map(|run| (run.plan().action, run.plan().target.clone()));
        let Some((action, target)) = rest else { return Vec::new() };
        let mut effects = pop(state);
        let target = actions::aim(action, Some(target));
        effects.extend(dialogs::offer(state, action, Request { target, ..Request::default() }));
        return effects;
    }
    if matches!(
        state.layers.last(),
        Some(Layer::Shares(_) | Layer::Unlock(_) | Layer::Plan(_) | Layer::Leave | Layer::Silence(_))
    ) {
        return Vec::new();
    }
    let from_alert = match state.layers.last() {
        Some(Layer::Alerts { .. }) => {
            state.chosen_alert().and_then(|alert| Some((alert.action?, Some(alert.subject.clone()))))
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
            let request = Request { target: actions::aim(action, target), ..Request::default() };
            effects.extend(dialogs::offer(state, action, request));
        }
        None => match state.alerts.all().first().map(|alert| alert.subject.clone()) {
            Some(subject) => lists::details(state, subject),
            None => state.remark = Some(("nothing to do".to_owned(), state.now)),
        },
    }
    effects
}

/// In a plan one character past the expected answer is kept, which is enough to be wrong: a share pasted into the wrong
/// field is not held, and not shown.
fn type_answer(state: &mut State, c: char) {
    let longest = match state.layers.last() {
        Some(Layer::Plan(dialog)) => dialog.plan.challenge().chars().count() + 1,
        Some(Layer::Palette(_)) => palette::LONGEST,
        Some(Layer::Silence(_)) => REASON,
        Some(Layer::Alerts { .. }) | None => crate::app::state::lists::LONGEST,
        Some(_) => return,
    };
    edit(state, |answer| {
        if !c.is_control() && answer.chars().count() < longest {
            answer.push(c);
        }
    });
}

/// The longest reason of a silence, in characters.
const REASON: usize = 120;

/// Changes the text of the visible field that has the focus, if one has.
fn edit(state: &mut State, change: impl FnOnce(&mut String)) {
    match state.layers.last_mut() {
        Some(Layer::Plan(dialog)) if dialog.focus == Field::Answer => {
            dialog.refusal = None;
            change(&mut dialog.answer);
        }
        Some(Layer::Palette(dialog)) => {
            dialog.cursor = 0;
            change(&mut dialog.text);
        }
        Some(Layer::Silence(dialog)) => change(&mut dialog.reason),
        Some(Layer::Alerts { .. }) if state.filtering => change(&mut state.alert_list.filter),
        None if state.filtering => {
            let pane = state.pane();
            state.view(pane, |view| {
                view.held = None;
                change(&mut view.filter);
            });
        }
        Some(_) | None => {}
    }
}

/// Tab: the next field or choice of the dialog; in the palette it completes.
fn next_field(state: &mut State) {
    match state.layers.last_mut() {
        Some(Layer::Silence(dialog)) => {
            let all = Until::all(dialog.silent);
            let at = all.iter().position(|until| *until == dialog.until).unwrap_or(0);
            dialog.until = all.get((at + 1) % all.len()).copied().unwrap_or_default();
        }
        Some(Layer::Palette(_)) => {
            if let Some(found) = chosen(state)
                && let Some(Layer::Palette(dialog)) = state.layers.last_mut()
            {
                dialog.text = found.name;
                dialog.cursor = 0;
            }
        }
        Some(_) | None => dialogs::next_field(state),
    }
}

/// What Enter in the palette would do.
fn chosen(state: &State) -> Option<palette::Candidate> {
    let Some(Layer::Palette(dialog)) = state.layers.last() else { return None };
    let found = candidates(state, &dialog.text);
    let last = found.len().checked_sub(1)?;
    found.into_iter().nth(dialog.cursor.min(last))
}

/// Ends this session for another cluster's; asks first while something runs.
fn switch(state: &mut State, name: String) -> Vec<Effect> {
    let Some(cluster) = state.settings.fleet.iter().find(|cluster| cluster.name == name) else { return Vec::new() };
    if cluster.here {
        let effects = clear_layers(state);
        state.remark = Some(("you are there".to_owned(), state.now));
        return effects;
    }
    if let Some(Layer::Clusters { .. }) = state.layers.last() {
        state.layers.pop();
    }
    state.next = Some(name);
    ask_to_leave(state)
}

fn accept(state: &mut State, seq: u64) -> Vec<Effect> {
    match state.layers.last() {
        Some(Layer::Plan(_)) => dialogs::accept(state, seq),
        Some(Layer::Leave) => leave(state),
        Some(Layer::Palette(_)) => {
            let Some(found) = chosen(state) else { return Vec::new() };
            state.layers.pop();
            handle(state, found.intent, seq)
        }
        Some(Layer::Silence(dialog)) => {
            if !dialog.complete() {
                return Vec::new();
            }
            let SilenceDialog { rule, subject, until, reason, .. } = dialog.clone();
            state.layers.pop();
            let Some(severity) = state.alerts.get(&rule, &subject).map(|alert| alert.severity) else {
                return Vec::new();
            };
            let silence = Silence { severity, until: until.moment(state.now), reason: clean(&reason) };
            let silenced = Silenced { rule, subject, silence };
            state.alerts.silence(silenced.clone(), state.now);
            vec![Effect::RememberSilence(silenced)]
        }
        Some(Layer::Clusters { cursor }) => {
            let name = state.settings.fleet.get(*cursor).map(|cluster| cluster.name.clone());
            name.map_or_else(Vec::new, |name| switch(state, name))
        }
        Some(Layer::Alerts { .. }) | None if state.filtering => {
            state.filtering = false;
            Vec::new()
        }
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
    if !matches!(state.layers.last(), Some(Layer::Alerts { .. })) {
        return;
    }
    let Some((rule, subject)) = state.chosen_alert().map(|alert| (alert.rule, alert.subject.clone())) else { return };
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
    state.next = None;
    ask_to_leave(state)
}

fn ask_to_leave(state: &mut State) -> Vec<Effect> {
    if state.underway().is_none() {
        return leave(state);
    }
    if !matches!(state.layers.last(), Some(Layer::Leave)) {
        state.layers.push(Layer::Leave);
    }
    Vec::new()
}
