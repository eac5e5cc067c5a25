//! The keystore is opened for an action that asked for it, and locks itself when nobody uses it.

use super::dialogs::{offer, opens_keystore};
use crate::app::actions::{self, Request};
use crate::app::effect::Effect;
use crate::app::id::SlotId;
use crate::app::msg::Pending;
use crate::app::runbook::plan::Offer;
use crate::app::state::layers::{Layer, Try, UnlockDialog};
use crate::app::state::{Lock, State};
use crate::app::time::within;
use crate::app::trouble::{Trouble, TroubleKind};

/// Something was typed into the topmost dialog; with Enter it is tried.
pub(super) fn typed(state: &mut State, slot: SlotId, complete: u32, pending: Pending) -> Vec<Effect> {
    let now = state.now;
    let Some(Layer::Unlock(dialog)) = state.layers.last_mut() else { return Vec::new() };
    // While what was typed is tried, more of it says nothing: it is wiped with the answer.
    if dialog.slot != slot || dialog.trying.is_some_and(|tried| tried.typed) {
        return Vec::new();
    }
    dialog.pending = pending;
    if let Some(opened) = dialog.opened.take() {
        // It was opened by itself meanwhile, and waited for the typing to end.
        if complete > 0 || pending == Pending::Empty {
            return go_on(state, slot, opened);
        }
        dialog.opened = Some(opened);
        return Vec::new();
    }
    if complete == 0 {
        return Vec::new();
    }
    dialog.trying = Some(Try { typed: true, since: now });
    dialog.refusal = None;
    vec![Effect::Unlock { slot, typed: true }]
}

/// The keystore was opened, or not: with it open the action is asked again.
pub(super) fn unlocked(
    state: &mut State,
    slot: SlotId,
    opened: Result<String, Trouble>,
    by_typing: bool,
) -> Vec<Effect> {
    // An answer to a dialog that was left says nothing: leaving it locked the door before its try.
    let Some(dialog) = dialog(state, slot) else { return Vec::new() };
    match opened {
        Ok(words)
            if !by_typing && dialog.pending != Pending::Empty && dialog.trying.is_none_or(|tried| !tried.typed) =>
        {
            // Somebody is in the middle of a passphrase: the next dialog would show the rest of it.
            dialog.trying = None;
            dialog.refusal = None;
            dialog.opened = Some(words.clone());
            state.keystore = Lock::Open { slot: words, used: state.now };
            Vec::new()
        }
        Ok(words) => go_on(state, slot, words),
        Err(trouble) if by_typing => {
            dialog.trying = None;
            dialog.refusal = Some(trouble);
            dialog.pending = Pending::Empty;
            vec![Effect::ForgetSlot(slot)]
        }
        Err(trouble) => {
            // What was typed meanwhile may be being tried: its answer comes, or came and stays.
            if dialog.trying.is_some_and(|tried| !tried.typed) {
                dialog.trying = None;
                // That there was nothing to try is no news; a keyring that lost its entry is.
                dialog.refusal = (trouble.kind != TroubleKind::Absent).then_some(trouble);
            }
            Vec::new()
        }
    }
}

fn dialog(state: &mut State, wanted: SlotId) -> Option<&mut UnlockDialog> {
    state.layers.iter_mut().find_map(|layer| match layer {
        Layer::Unlock(dialog) if dialog.slot == wanted => Some(dialog),
        Layer::Unlock(_)
        | Layer::Help { .. }
        | Layer::Alerts { .. }
        | Layer::Details { .. }
        | Layer::Actions { .. }
        | Layer::Shares(_)
        | Layer::Plan(_)
        | Layer::Run { .. }
        | Layer::Leave
        | Layer::Refused(_)
        | Layer::Palette(_)
        | Layer::Clusters { .. }
        | Layer::Silence(_) => None,
    })
}

/// The keys shall come from elsewhere: asks the action again with the next option of its first choice, where that leads past
/// the keystore.
pub(super) fn elsewhere(state: &mut State) -> Vec<Effect> {
    let Some(Layer::Unlock(dialog)) = state.layers.last() else { return Vec::new() };
    let mut choices = dialog.choices.clone();
    match choices.first_mut() {
        Some(first) => *first += 1,
        None => choices.push(1),
    }
    let (action, request) = (dialog.action, Request { target: dialog.target.clone(), choices, typed: dialog.typed });
    let other = action.takes_from_places().then(|| actions::find(action)).flatten();
    let other = other.map(|action| action.offer(state, &request));
    if !matches!(other, Some(Offer::Ready(_) | Offer::NeedsShares { .. })) {
        state.remark = Some(("there is nowhere else to take them from".to_owned(), state.now));
        return Vec::new();
    }
    let slot = dialog.slot;
    state.layers.pop();
    state.keystore = Lock::Locked;
    let mut effects = vec![Effect::LockKeystore, Effect::ForgetSlot(slot)];
    effects.extend(offer(state, action, request));
    effects
}

/// Takes the dialog away and asks its action again, now with the keystore open.
fn go_on(state: &mut State, slot: SlotId, opened: String) -> Vec<Effect> {
    let at = state.layers.iter().position(|layer| matches!(layer, Layer::Unlock(dialog) if dialog.slot == slot));
    let Some(at) = at else { return Vec::new() };
    let Layer::Unlock(dialog) = state.layers.remove(at) else { return Vec::new() };
    state.keystore = Lock::Open { slot: opened, used: state.now };
    let request = Request { target: dialog.target, choices: dialog.choices, typed: dialog.typed };
    let mut effects = vec![Effect::ForgetSlot(dialog.slot)];
    effects.extend(offer(state, dialog.action, request));
    if let (Some(Layer::Refused(_)), Some((slot, _))) = (state.layers.last(), dialog.typed) {
        effects.push(Effect::ForgetSlot(slot));
    }
    effects
}

/// It could not be kept open.
pub(super) fn lost(state: &mut State, trouble: Trouble) {
    if state.keystore != Lock::Locked {
        state.keystore = Lock::Locked;
        state.remark = Some((trouble.what, state.now));
    }
}

/// Time passed: a keystore that nobody uses locks itself.
pub(super) fn relock(state: &mut State) -> Vec<Effect> {
    let busy = in_use(state);
    let limit = state.settings.locks_after();
    let now = state.now;
    let Lock::Open { used, .. } = &mut state.keystore else { return Vec::new() };
    if busy {
        *used = now;
    }
    if within(now, *used, limit) {
        return Vec::new();
    }
    lock(state, "the keystore locked itself: nobody used it")
}

/// Locks it, unless a run works with it.
pub(super) fn leave_behind(state: &mut State) -> Vec<Effect> {
    if in_use(state) || state.keystore == Lock::Locked {
        return Vec::new();
    }
    lock(state, "the keystore was locked when the program was stopped")
}

fn lock(state: &mut State, why: &str) -> Vec<Effect> {
    state.keystore = Lock::Locked;
    state.remark = Some((why.to_owned(), state.now));
    // A dialog that only waited for its typing to end asks again.
    for layer in &mut state.layers {
        if let Layer::Unlock(dialog) = layer {
            dialog.opened = None;
        }
    }
    vec![Effect::LockKeystore]
}

fn in_use(state: &State) -> bool {
    state.underway().is_some_and(|run| opens_keystore(run.plan()))
}
