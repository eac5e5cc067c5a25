//! Tokens.

use super::{Entry, Pane, Room};
use crate::app::id::{FeedId, PaneId};
use crate::app::state::State;
use crate::views::sight;
use crate::views::theme::{Look, Mark};

/// The pane.
#[derive(Debug)]
pub struct Tokens;

/// The feeds whose trouble shows here.
pub const FEEDS: &[FeedId] = &[FeedId::Tokens];

impl Pane for Tokens {
    fn id(&self) -> PaneId {
        PaneId::Tokens
    }

    fn standing(&self, _: &State) -> (Mark, String) {
        (Mark::Absent, "looking".to_owned())
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        sight::entries(state, look, FEEDS, room)
    }
}
