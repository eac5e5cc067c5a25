//! The keys that scroll what is longer than its window. Shown only while there is something out of sight.

use super::table::SILENT;
use super::{Binding, Does};
use crate::app::intent::Intent;
use crate::app::state::State;
use crate::app::state::layers::Layer;
use crate::views::layers;

/// Where a sheet is longer than its window the footer says how to see the rest.
pub(super) const SCROLL: Binding = Binding {
    keys: &["<Down>", "j"],
    shown: Some("↑↓"),
    label: |_| "scroll",
    says: "scroll what is longer than its window; also j and k",
    rank: 4,
    available: scrolls,
    does: Does::Ask(|state, _| scroll(state, 1)),
};
pub(super) const SCROLL_UP: Binding = Binding {
    keys: &["<Up>", "k"],
    shown: None,
    label: SILENT,
    says: "",
    rank: 9,
    does: Does::Ask(|state, _| scroll(state, -1)),
    ..SCROLL
};
pub(super) const SCROLL_PAGE: Binding = Binding {
    keys: &["<PageDown>", "<C-d>"],
    shown: Some("PgUp PgDn"),
    says: "scroll by ten lines",
    does: Does::Ask(|state, _| scroll(state, 10)),
    ..SCROLL_UP
};
pub(super) const SCROLL_PAGE_UP: Binding =
    Binding { keys: &["<PageUp>", "<C-u>"], does: Does::Ask(|state, _| scroll(state, -10)), ..SCROLL_UP };
pub(super) const SCROLL_LAST: Binding = Binding {
    keys: &["<End>", "G"],
    shown: Some("Home End"),
    says: "to its first or last line; also g and G",
    does: Does::Ask(|state, _| scroll(state, i32::MAX)),
    ..SCROLL_UP
};
pub(super) const SCROLL_FIRST: Binding =
    Binding { keys: &["<Home>", "g"], does: Does::Ask(|state, _| scroll(state, i32::MIN)), ..SCROLL_UP };

/// A sheet that is longer than its window, moved by so many lines: never beyond its ends, where it would have to be
/// moved back before anything is seen to move.
fn scroll(state: &State, by: i32) -> Option<Intent> {
    let (at, most) = layers::scrolled(state)?;
    let far = by.unsigned_abs() as usize;
    let to = if by < 0 { at.saturating_sub(far) } else { at.saturating_add(far).min(most) };
    let from = match state.top()? {
        Layer::Help { scroll } | Layer::Details { scroll, .. } => *scroll,
        Layer::Plan(dialog) => dialog.scroll,
        Layer::Run { scroll, .. } => scroll.unwrap_or(0),
        Layer::Alerts { .. }
        | Layer::Actions { .. }
        | Layer::Shares(_)
        | Layer::Unlock(_)
        | Layer::Leave
        | Layer::Refused(_)
        | Layer::Palette(_)
        | Layer::Clusters { .. }
        | Layer::Silence(_) => return None,
    };
    Some(Intent::Move(i32::try_from(to).ok()? - i32::try_from(from).ok()?))
}

/// Whether the topmost sheet is longer than its window.
pub(super) fn scrolls(state: &State) -> bool {
    layers::scrolled(state).is_some()
}
