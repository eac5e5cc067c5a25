//! Objects that bring secrets into the cluster.

use super::{Entry, Pane, Room};
use crate::app::id::{FeedId, PaneId};
use crate::app::state::State;
use crate::views::sight;
use crate::views::theme::{Look, Mark};

/// The pane.
#[derive(Debug)]
pub struct Sync;

/// The feeds whose trouble shows here.
pub const FEEDS: &[FeedId] = &[FeedId::Sync, FeedId::Operators, FeedId::Paths];

impl Pane for Sync {
    fn id(&self) -> PaneId {
        PaneId::Sync
    }

    fn standing(&self, _: &State) -> (Mark, String) {
        (Mark::Absent, "looking".to_owned())
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        sight::entries(state, look, FEEDS, room)
    }
}
