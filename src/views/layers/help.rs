//! The keys that work, written from the table that handles them.

use super::Sheet;
use crate::views::fmt;
use crate::views::keymap::{Binding, Context, bindings};
use crate::views::theme::{Look, Mark, Role};

/// Columns of the keys.
const KEYS: usize = 14;

/// Writes it.
pub fn sheet(look: &Look, scroll: usize, room: usize) -> Sheet {
    let mut sheet = Sheet::new(look, "Keys");
    sheet.scroll = scroll;
    for (context, heading) in Context::ALL {
        let shown: Vec<&Binding> = bindings(context).filter(|binding| !binding.says.is_empty()).collect();
        sheet.blank();
        sheet.lines.push(ratatui::text::Line::from(vec![look.span(Role::Title, heading)]));
        for binding in shown {
            // What holds everywhere is told once, with the overview.
            if context != Context::Home && matches!(binding.keys, ["?"] | ["q"] | ["<C-c>"] | ["<C-z>"]) {
                continue;
            }
            if context != Context::Home && binding.shown.is_some() {
                continue;
            }
            let keys = fmt::left(&binding.written(), KEYS);
            sheet.lines.extend(super::hang(look, Role::Key, &format!("  {keys}"), Role::Plain, binding.says, room));
        }
    }
    sheet.blank();
    sheet.lines.push(ratatui::text::Line::from(vec![look.span(Role::Title, "Marks")]));
    for (mark, says) in [
        (Mark::Ok, "as it should be"),
        (Mark::Warn, "worth a look; or stale: seen once, and not within its limit"),
        (Mark::Bad, "wrong, now"),
        (Mark::Unknown, "cannot be seen: never the same as good"),
        (Mark::Absent, "does not exist here, or says nothing about health"),
    ] {
        let glyph = format!("  {}", fmt::left(look.glyph(mark), KEYS));
        sheet.lines.extend(super::hang(look, mark.role(), &glyph, Role::Plain, says, room));
    }
    sheet.say(
        look,
        Role::Dim,
        "  ",
        "All times are UTC. Fingerprints such as 7f3a·91c2 tell keys apart and reveal nothing of them.",
        room,
    );
    sheet
}
