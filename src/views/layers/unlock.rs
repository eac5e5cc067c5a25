//! Unlocking the keystore: a passphrase or a recovery code, hidden. Never what was typed, and never how long it is.

use ratatui::text::{Line, Span};

use super::{Sheet, hang};
use crate::app::msg::Pending;
use crate::app::state::State;
use crate::app::state::layers::UnlockDialog;
use crate::app::time::{age, quiet};
use crate::views::theme::{Look, Mark, Role};

/// Writes it.
pub fn sheet(state: &State, look: &Look, dialog: &UnlockDialog, room: usize) -> Sheet {
    let mut sheet = Sheet::new(look, "Unlock the keystore");
    sheet.say(look, Role::Plain, "", &dialog.prompt, room);
    if let Some(keystore) = state.model.keystore() {
        let slots: Vec<String> =
            keystore.slots.iter().map(|slot| format!("{} {}", slot.kind.word(), slot.label)).collect();
        sheet.say(look, Role::Dim, "", &format!("{} opens with: {}", keystore.path, slots.join(", ")), room);
    }
    sheet.blank();
    let mut line = vec![look.span(Role::Plain, "  passphrase or recovery code  ")];
    if dialog.pending != Pending::Empty {
        line.push(look.span(Role::Plain, "••••"));
    }
    if dialog.trying.is_none_or(|tried| !tried.typed) {
        line.push(look.span(Role::Accent, "▏"));
    }
    line.push(Span::raw(" "));
    sheet.lines.push(Line::from(line));
    sheet.focus = Some(sheet.lines.len().saturating_sub(1));
    if let Some(words) = trying(state, dialog) {
        sheet.say(look, Role::Dim, "", &words, room);
    }
    if let Some(trouble) = &dialog.refusal {
        sheet.blank();
        let lead = format!("{} ", look.glyph(Mark::Bad));
        sheet.lines.extend(hang(look, Role::Bad, &lead, Role::Bad, &trouble.what, room));
        sheet.say(look, Role::Plain, "", &trouble.why, room);
        sheet.say(look, Role::Dim, "", &trouble.next, room);
    }
    sheet.blank();
    sheet.say(look, Role::Dim, "", "Not shown, not logged, wiped when this closes. It locks itself when idle.", room);
    sheet
}

/// What is going on, if anything is.
fn trying(state: &State, dialog: &UnlockDialog) -> Option<String> {
    if let Some(slot) = &dialog.opened {
        return Some(format!("{slot} opened it by itself: what you are typing is not needed, Enter goes on"));
    }
    let tried = dialog.trying?;
    let since = quiet(age(state.now, tried.since));
    Some(if tried.typed {
        format!("trying it for {since}; a passphrase is made to take about half a second")
    } else {
        format!("trying the keyring and the keyfile for {since}; you may type meanwhile")
    })
}
