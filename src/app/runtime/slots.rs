//! Where typed secrets live between the keyboard and their one use: wiped, uncopied, and out of everything's sight.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::{Zeroize, Zeroizing};

use super::share_text;
use crate::app::id::SlotId;
use crate::app::msg::Pending;

/// Longest secret that can be typed. Buffers are made this long at once: one that grew would leave its old copy in freed
/// memory.
const LONGEST: usize = 512;

/// Most secrets in one slot; nobody has more shares, and a paste of a whole file must end somewhere.
const MOST: usize = 64;

struct Slot {
    complete: Vec<Zeroizing<String>>,
    pending: Zeroizing<String>,
}

impl Slot {
    fn new() -> Self {
        Self { complete: Vec::with_capacity(MOST), pending: buffer() }
    }

    fn finish(&mut self) {
        let text = self.pending.trim();
        if !text.is_empty() && self.complete.len() < MOST {
            let mut done = buffer();
            done.push_str(text);
            self.complete.push(done);
        }
        self.pending.zeroize();
    }

    fn push(&mut self, c: char) {
        // Past its capacity a string moves; and no secret is that long.
        if !c.is_control() && self.pending.len() + c.len_utf8() <= LONGEST {
            self.pending.push(c);
        }
    }
}

fn buffer() -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(LONGEST))
}

/// Every slot of this session. Clones share them. Its `Debug` shows nothing.
#[derive(Clone, Default)]
pub struct Slots(Arc<Mutex<BTreeMap<SlotId, Slot>>>);

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slots(…)")
    }
}

impl Slots {
    /// No slots yet; a slot comes into being when something is typed into it.
    pub fn new() -> Self {
        Self::default()
    }

    /// One character typed; control characters and what would exceed the longest secret are dropped.
    pub fn push_char(&self, slot: SlotId, c: char) {
        self.with(slot, |slot| slot.push(c));
    }

    /// A bracketed paste. One line joins what is being typed, without the white space around it and without a label like
    /// `Unseal Key 1:`; several lines (or several keys in one) are complete secrets each.
    pub fn paste(&self, slot: SlotId, text: &str) {
        self.with(slot, |slot| {
            let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let keys: Vec<&str> = lines.iter().flat_map(|line| share_text::in_line(line)).collect();
            match (keys.as_slice(), lines.as_slice()) {
                ([key], _) => key.chars().for_each(|c| slot.push(c)),
                ([], [line]) => line.chars().for_each(|c| slot.push(c)),
                ([], lines) => lines.iter().for_each(|line| Self::whole(slot, line)),
                (keys, _) => keys.iter().for_each(|key| Self::whole(slot, key)),
            }
        });
    }

    fn whole(slot: &mut Slot, text: &str) {
        slot.finish();
        text.chars().for_each(|c| slot.push(c));
        slot.finish();
    }

    /// Takes the last character back.
    pub fn backspace(&self, slot: SlotId) {
        self.with(slot, |slot| {
            let Some(last) = slot.pending.char_indices().next_back().map(|(at, _)| at) else {
                return;
            };
            // `pop` only moves the length: rebuild instead, so that the taken character is wiped too.
            let mut shorter = buffer();
            shorter.push_str(slot.pending.get(..last).unwrap_or_default());
            slot.pending = shorter;
        });
    }

    /// Empties what is being typed.
    pub fn clear_pending(&self, slot: SlotId) {
        self.with(slot, |slot| slot.pending.zeroize());
    }

    /// Enter: what is being typed is a complete secret now; nothing if nothing was typed.
    ///
    /// What cannot be a share stays in the field: its `status` says so, and the person can clear it.
    pub fn complete(&self, slot: SlotId) {
        self.with(slot, |slot| {
            if slot.pending.trim().is_empty() || share_text::decode(&slot.pending).is_some() {
                slot.finish();
            }
        });
    }

    /// Enter behind a passphrase or a recovery code: whatever was typed is complete. White space at its ends counts.
    pub fn complete_as_is(&self, slot: SlotId) {
        self.with(slot, |slot| {
            if !slot.pending.is_empty() {
                let mut done = buffer();
                done.push_str(&slot.pending);
                // One at a time: what did not open it is not kept.
                slot.complete.clear();
                slot.complete.push(done);
                slot.pending.zeroize();
            }
        });
    }

    /// A paste into a passphrase: its first line, as it is.
    pub fn paste_as_is(&self, slot: SlotId, text: &str) {
        self.with(slot, |slot| text.lines().next().unwrap_or_default().chars().for_each(|c| slot.push(c)));
    }

    /// How many secrets are complete, and how the one being typed looks; what
    /// [`Msg::Typed`](crate::app::msg::Msg::Typed) may say.
    pub fn status(&self, slot: SlotId) -> (u32, Pending) {
        let slots = self.lock();
        let Some(slot) = slots.get(&slot) else {
            return (0, Pending::Empty);
        };
        let pending = if slot.pending.trim().is_empty() {
            Pending::Empty
        } else if share_text::decode(&slot.pending).is_some() {
            Pending::Plausible
        } else {
            Pending::Typing
        };
        (slot.complete.len() as u32, pending)
    }

    /// Lends the n-th complete secret, counted from 0; it is not copied. `None` when there is none.
    pub fn with_nth<R>(&self, slot: SlotId, index: u32, use_it: impl FnOnce(&str) -> R) -> Option<R> {
        let slots = self.lock();
        slots.get(&slot)?.complete.get(index as usize).map(|secret| use_it(secret))
    }

    /// Wipes one slot.
    pub fn forget(&self, slot: SlotId) {
        self.lock().remove(&slot);
    }

    /// Wipes them all: on leaving, and on a panic.
    pub fn forget_all(&self) {
        self.lock().clear();
    }

    fn with<R>(&self, slot: SlotId, change: impl FnOnce(&mut Slot) -> R) -> R {
        change(self.lock().entry(slot).or_insert_with(Slot::new))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SlotId, Slot>> {
        // A panic while it was held cannot have left half a secret: every change is one call on a whole string.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: SlotId = SlotId(1);

    fn typed(slots: &Slots, text: &str) {
        text.chars().for_each(|c| slots.push_char(SLOT, c));
    }

    #[test]
    fn typing_becomes_plausible_and_enter_completes() {
        let slots = Slots::new();
        assert_eq!(slots.status(SLOT), (0, Pending::Empty));
        typed(&slots, &"ab".repeat(32));
        assert_eq!(slots.status(SLOT), (0, Pending::Plausible));
        slots.backspace(SLOT);
        assert_eq!(slots.status(SLOT), (0, Pending::Typing));
        slots.push_char(SLOT, 'b');
        slots.complete(SLOT);
        slots.complete(SLOT);
        assert_eq!(slots.status(SLOT), (1, Pending::Empty));
        assert_eq!(slots.with_nth(SLOT, 0, |key| key == "ab".repeat(32)), Some(true));
        assert_eq!(slots.with_nth(SLOT, 1, str::len), None);
        slots.forget(SLOT);
        assert_eq!(slots.status(SLOT), (0, Pending::Empty));
    }

    #[test]
    fn what_cannot_be_a_share_is_not_taken_for_one() {
        let slots = Slots::new();
        typed(&slots, "not a share");
        slots.complete(SLOT);
        assert_eq!(slots.status(SLOT), (0, Pending::Typing));
    }

    #[test]
    fn a_paste_is_trimmed_unlabelled_and_split() {
        let slots = Slots::new();
        let (a, b) = ("0a".repeat(33), "0b".repeat(33));
        slots.paste(SLOT, &format!("  {a}\n"));
        assert_eq!(slots.status(SLOT), (0, Pending::Plausible));
        slots.clear_pending(SLOT);
        slots.paste(SLOT, &format!("Unseal Key 1: {a}\r\nUnseal Key 2: {b}\n\nInitial Root Token: s.xyz\n"));
        assert_eq!(slots.status(SLOT), (2, Pending::Empty));
        assert_eq!(slots.with_nth(SLOT, 1, |key| key == b), Some(true));
        slots.paste(SLOT, &format!("{a},{b}"));
        assert_eq!(slots.status(SLOT).0, 4);
        slots.paste(SLOT, "not a key");
        assert_eq!(slots.status(SLOT), (4, Pending::Typing));
    }

    #[test]
    fn buffers_never_move_and_never_show() {
        let slots = Slots::new();
        let clone = slots.clone();
        typed(&slots, &"CANARY".repeat(500));
        let slot = clone.lock();
        assert!(slot[&SLOT].pending.len() <= LONGEST);
        assert_eq!(slot[&SLOT].pending.capacity(), LONGEST);
        drop(slot);
        assert!(!format!("{slots:?}").contains("CANARY"));
        slots.forget_all();
        assert_eq!(clone.status(SLOT), (0, Pending::Empty));
    }
}
