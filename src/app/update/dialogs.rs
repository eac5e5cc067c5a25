//! Plans and typed shares: from an offer to a confirmation, and nothing further.

use super::{runs, unlock};
use crate::app::actions::{self, Request};
use crate::app::effect::Effect;
use crate::app::id::{ActionId, ObjectRef, RunId, SlotId};
use crate::app::msg::Pending;
use crate::app::runbook::confirm::confirm;
use crate::app::runbook::guard;
use crate::app::runbook::plan::{LIFETIME, Offer, Plan, StepKind};
use crate::app::state::layers::{Field, Layer, PlanDialog, SharesDialog, Try, UnlockDialog};
use crate::app::state::{Lock, State};
use crate::app::time::within;
use crate::app::trouble::{Trouble, TroubleKind};

/// Asks an action for its plan and opens what it answers. Shares typed for an earlier form of the plan are passed on.
pub(super) fn offer(state: &mut State, action: ActionId, request: Request) -> Vec<Effect> {
    let Some(found) = actions::find(action) else { return Vec::new() };
    let mut effects = Vec::new();
    let layer = match found.offer(state, &request) {
        Offer::Ready(plan) => Layer::Plan(PlanDialog {
            plan: *plan,
            answer: String::new(),
            focus: Field::Answer,
            scroll: 0,
            refusal: None,
            typed: request.typed,
            target: request.target,
        }),
        Offer::Refused(trouble) => Layer::Refused(trouble),
        Offer::NeedsShares { count, prompt } => {
            let slot = request.typed.map_or_else(|| new_slot(state), |(slot, _)| slot);
            Layer::Shares(SharesDialog {
                slot,
                needed: count,
                complete: request.typed.map_or(0, |(_, complete)| complete),
                pending: Pending::Empty,
                prompt,
                action,
                target: request.target,
                choices: request.choices,
            })
        }
        Offer::NeedsUnlock { prompt } => {
            let slot = new_slot(state);
            // A keyring or a keyfile may open it without anybody being asked.
            effects.push(Effect::Unlock { slot, typed: false });
            Layer::Unlock(UnlockDialog {
                slot,
                pending: Pending::Empty,
                trying: Some(Try { typed: false, since: state.now }),
                opened: None,
                refusal: None,
                prompt,
                action,
                target: request.target,
                choices: request.choices,
                typed: request.typed,
            })
        }
    };
    state.layers.push(layer);
    effects
}

fn new_slot(state: &mut State) -> SlotId {
    let slot = SlotId(state.next_slot);
    state.next_slot += 1;
    slot
}

/// What must be thrown away with a layer.
pub(super) fn forget(layer: &Layer) -> Vec<Effect> {
    // A try that is under way must not open it behind a dialog that was left.
    let lock = matches!(layer, Layer::Unlock(_)).then_some(Effect::LockKeystore);
    let slots = match layer {
        Layer::Shares(dialog) => vec![dialog.slot],
        Layer::Unlock(dialog) => std::iter::once(dialog.slot).chain(dialog.typed.map(|(slot, _)| slot)).collect(),
        Layer::Plan(dialog) => dialog.typed.map(|(slot, _)| slot).into_iter().collect(),
        Layer::Help { .. }
        | Layer::Alerts { .. }
        | Layer::Details { .. }
        | Layer::Actions { .. }
        | Layer::Run { .. }
        | Layer::Leave
        | Layer::Refused(_)
        | Layer::Palette(_)
        | Layer::Clusters { .. }
        | Layer::Silence(_) => Vec::new(),
    };
    lock.into_iter().chain(slots.into_iter().map(Effect::ForgetSlot)).collect()
}

/// Something was typed into a slot; with the last share the plan appears.
pub(super) fn typed(state: &mut State, slot: SlotId, complete: u32, pending: Pending) -> Vec<Effect> {
    if let Some(Layer::Unlock(_)) = state.layers.last() {
        return unlock::typed(state, slot, complete, pending);
    }
    let Some(Layer::Shares(dialog)) = state.layers.last_mut() else { return Vec::new() };
    if dialog.slot != slot {
        return Vec::new();
    }
    dialog.complete = complete;
    dialog.pending = pending;
    if complete < dialog.needed {
        return Vec::new();
    }
    let (action, target, choices) = (dialog.action, dialog.target.clone(), dialog.choices.clone());
    state.layers.pop();
    let mut effects = offer(state, action, Request { target, choices, typed: Some((slot, complete)) });
    // The world moved while somebody typed, and the action says no: nothing may keep the shares.
    if let Some(Layer::Refused(_)) = state.layers.last() {
        effects.push(Effect::ForgetSlot(slot));
    }
    effects
}

/// The focus to the next field of the plan's dialog.
pub(super) fn next_field(state: &mut State) {
    if let Some(Layer::Plan(dialog)) = state.layers.last_mut() {
        let choices = dialog.plan.choices.len();
        dialog.focus = match dialog.focus {
            Field::Answer if choices > 0 => Field::Choice(0),
            Field::Choice(index) if index + 1 < choices => Field::Choice(index + 1),
            Field::Answer | Field::Choice(_) => Field::Answer,
        };
    }
}

/// Another option of the choice that has the focus: a new plan.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    let Some(Layer::Plan(dialog)) = state.layers.last() else { return Vec::new() };
    let Field::Choice(index) = dialog.focus else { return Vec::new() };
    let mut choices: Vec<usize> = dialog.plan.choices.iter().map(|choice| choice.chosen).collect();
    let options = dialog.plan.choices.get(index).map_or(1, |choice| choice.options.len());
    if let Some(chosen) = choices.get_mut(index) {
        *chosen = (*chosen + 1) % options.max(1);
    }
    again(state, Some(choices), Field::Choice(index))
}

/// Makes the plan anew from today's facts. Shares typed for it stay in their slot until the dialog is left.
pub(super) fn again(state: &mut State, choices: Option<Vec<usize>>, focus: Field) -> Vec<Effect> {
    let Some(Layer::Plan(dialog)) = state.layers.pop() else { return Vec::new() };
    let choices = choices.unwrap_or_else(|| dialog.plan.choices.iter().map(|choice| choice.chosen).collect());
    let typed = dialog.typed;
    let mut effects = offer(state, dialog.plan.action, Request { target: dialog.target, choices, typed });
    match (state.layers.last_mut(), typed) {
        (Some(Layer::Plan(dialog)), _) => dialog.focus = focus,
        // The action says no now: nothing may keep the shares.
        (Some(Layer::Refused(_)), Some((slot, _))) => effects.push(Effect::ForgetSlot(slot)),
        (Some(_) | None, _) => {}
    }
    effects
}

/// Whether a plan uses what was typed.
fn uses_typed(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(&step.kind, StepKind::Do(op) if op.slot().is_some()))
}

/// Enter in a plan's dialog: runs the plan if it still holds and its challenge is answered exactly.
pub(super) fn accept(state: &mut State, seq: u64) -> Vec<Effect> {
    let Some(Layer::Plan(dialog)) = state.layers.last() else { return Vec::new() };
    if void(state, dialog).is_some() {
        return again(state, None, Field::Answer);
    }
    let Some(Layer::Plan(mut dialog)) = state.layers.pop() else { return Vec::new() };
    match confirm(dialog.plan, &dialog.answer, &state.model, state.now) {
        Ok(confirmed) => {
            let id = RunId(state.now.as_millisecond().unsigned_abs() * 1_000 + seq % 1_000);
            let unused = dialog.typed.filter(|_| !uses_typed(confirmed.get()));
            let mut effects = runs::start(state, confirmed, id);
            // Typed for a form of the plan that was not chosen in the end.
            effects.extend(unused.map(|(slot, _)| Effect::ForgetSlot(slot)));
            effects
        }
        Err(refused) => {
            let (plan, trouble) = *refused;
            dialog.plan = plan;
            dialog.refusal = Some(trouble);
            state.layers.push(Layer::Plan(dialog));
            Vec::new()
        }
    }
}

/// Whether a plan needs the keystore open.
pub(super) fn opens_keystore(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(&step.kind, StepKind::Do(op) if op.opens_keystore()))
}

/// Why a plan that is shown cannot be confirmed any more, if so.
fn void(state: &State, dialog: &PlanDialog) -> Option<Trouble> {
    if !within(state.now, dialog.plan.made, LIFETIME) {
        return Some(Trouble::new(
            TroubleKind::Refused,
            "this plan is older than two minutes and void",
            "the world it describes may have moved on",
            "Enter makes it anew from today's facts",
        ));
    }
    if state.keystore == Lock::Locked && opens_keystore(&dialog.plan) {
        return Some(Trouble::new(
            TroubleKind::Refused,
            "the keystore is locked again",
            "it was not used for a while, or another process sealed it anew",
            "Enter asks for it again",
        ));
    }
    guard::check(&dialog.plan.basis, &state.model, state.now).err()
}

/// Each message may have made the plan on the screen void: it says so at once, and what was typed is gone.
pub(super) fn recheck(state: &mut State) {
    let Some(Layer::Plan(dialog)) = state.layers.last() else { return };
    let Some(mut trouble) = void(state, dialog) else { return };
    "Enter makes it anew from today's facts; nothing was changed".clone_into(&mut trouble.next);
    if let Some(Layer::Plan(dialog)) = state.layers.last_mut() {
        dialog.answer.clear();
        dialog.refusal = Some(trouble);
    }
}

/// The target for an action asked for from where the cursor is.
pub(super) fn selection(state: &State) -> Option<ObjectRef> {
    crate::app::state::lists::selected(state, state.zoom?).map(|row| row.subject.clone())
}
