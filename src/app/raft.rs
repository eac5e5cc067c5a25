//! What follows from raft's own words: how many replicas may still be lost, who lags, which dead peers are counted in.

use jiff::Timestamp;

use super::id::FeedId;
use super::model::Model;
use super::model::observed::{FeedState, Observed};
use super::model::raft::{ClusterView, PeerSeen, RaftSeen};
use super::trouble::{Trouble, TroubleKind};
use super::verdict::sight;

/// What a feed brought, as a rule may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InSight<T> {
    /// It was seen lately.
    Here(T),
    /// It does not exist here, or nobody gave us the means to see it: no reason for a word.
    Absent,
    /// It cannot be seen; why.
    Unseen(String),
}

/// The value, if it was seen lately.
pub fn in_sight<'a, T>(model: &Model, value: Option<&'a Observed<T>>, feed: FeedId, now: Timestamp) -> InSight<&'a T> {
    if model.feed_state(feed, now) == FeedState::Absent {
        return InSight::Absent;
    }
    match (sight::missing(model, feed, now), value) {
        (None, Some(seen)) => InSight::Here(&seen.value),
        (Some(unseen), _) => InSight::Unseen(unseen.says()),
        (None, None) => InSight::Unseen("not seen yet".to_owned()),
    }
}

/// One part of it that may have been refused by itself.
pub fn part<T>(value: &Result<T, Trouble>) -> InSight<&T> {
    match value {
        Ok(value) => InSight::Here(value),
        Err(trouble) if trouble.kind == TroubleKind::Absent => InSight::Absent,
        Err(trouble) => InSight::Unseen(trouble.what.clone()),
    }
}

/// What raft says, if it was seen lately.
pub fn raft(model: &Model, now: Timestamp) -> InSight<&RaftSeen> {
    in_sight(model, model.raft.as_ref(), FeedId::Raft, now)
}

/// How much the cluster can still lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tolerance<'a> {
    /// One server, which was never meant to survive its own loss.
    Single,
    /// This many replicas may fail and it goes on.
    Loses(u32),
    /// The next loss ends it; these voters are not healthy already.
    Nothing {
        /// Voters that raft counts.
        voters: usize,
        /// Those among them that are not healthy.
        sick: Vec<&'a PeerSeen>,
    },
    /// Nobody says: no leader, or autopilot is switched off.
    Untold,
}

/// How much it can lose. `expected` is how many replicas somebody wanted.
pub fn tolerance(view: &ClusterView, expected: usize) -> Tolerance<'_> {
    let voters: Vec<&PeerSeen> = view.peers.iter().filter(|peer| peer.voter).collect();
    match view.tolerance {
        _ if voters.len() <= 1 && expected <= 1 => Tolerance::Single,
        None => Tolerance::Untold,
        Some(0) => Tolerance::Nothing {
            voters: voters.len(),
            sick: voters.into_iter().filter(|peer| peer.healthy == Some(false)).collect(),
        },
        Some(left) => Tolerance::Loses(left),
    }
}

/// The replica that a peer is: by its id, or by the host of its address.
pub fn replica_of<'a>(model: &'a Model, peer: &PeerSeen) -> Option<&'a str> {
    let address = peer.address.split("://").last().unwrap_or_default();
    let host = address.split([':', '/', '.']).next().unwrap_or_default();
    let mut names = model.replicas.iter().map(|replica| replica.name.as_str());
    names.clone().find(|name| *name == peer.id).or_else(|| names.find(|name| *name == host))
}

/// Peers that the configuration keeps although no replica has their name, and that are not healthy: they count for the
/// quorum, and nobody will bring them back. Only where replicas can be told apart by their peers' names at all.
pub fn kept<'a>(model: &Model, view: &'a ClusterView) -> Vec<&'a PeerSeen> {
    let known = view.peers.iter().any(|peer| replica_of(model, peer).is_some());
    let lost = |peer: &&PeerSeen| known && replica_of(model, peer).is_none() && peer.healthy != Some(true);
    view.peers.iter().filter(lost).collect()
}

/// Entries that this replica has yet to apply, by its own word and the furthest that any replica knows to be committed.
pub fn behind(seen: &RaftSeen, replica: &str) -> Option<u64> {
    let furthest = seen.logs.iter().map(|log| log.committed.max(log.applied)).max()?;
    let own = seen.logs.iter().find(|log| log.replica == replica)?;
    Some(furthest.saturating_sub(own.applied))
}

/// `tolerates 1`, for the end of a line; `None` where there is nothing to say.
pub fn words(tolerance: &Tolerance<'_>) -> Option<String> {
    match tolerance {
        Tolerance::Single => Some("raft of one".to_owned()),
        Tolerance::Loses(left) => Some(format!("raft tolerates {left}")),
        Tolerance::Nothing { sick, .. } if sick.is_empty() => Some("raft tolerates 0".to_owned()),
        Tolerance::Nothing { sick, voters } => Some(format!("raft tolerates 0, {} of {voters} unhealthy", sick.len())),
        Tolerance::Untold => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::model::raft::LogSeen;
    use crate::app::model::seal::Replica;

    fn peer(id: &str, address: &str, healthy: Option<bool>) -> PeerSeen {
        PeerSeen {
            id: id.into(),
            address: address.into(),
            leader: false,
            voter: true,
            healthy,
            last_contact: None,
            behind: None,
            version: String::new(),
        }
    }

    fn model() -> Model {
        let replica = |n| Replica { name: format!("openbao-{n}"), answer: None, since: None };
        Model { replicas: (0..3).map(replica).collect(), ..Model::default() }
    }

    #[test]
    fn a_peer_is_known_by_its_id_or_its_address() {
        let model = model();
        let at = |id, address| replica_of(&model, &peer(id, address, None)).map(str::to_owned);
        assert_eq!(at("openbao-1", "10.0.0.1:8201").as_deref(), Some("openbao-1"));
        assert_eq!(at("6f1c", "openbao-2.openbao-internal:8201").as_deref(), Some("openbao-2"));
        assert_eq!(at("6f1c", "https://openbao-0:8201").as_deref(), Some("openbao-0"));
        assert_eq!(at("6f1c", "10.0.0.9:8201"), None);
    }

    #[test]
    fn a_dead_peer_that_is_kept_is_named_only_where_names_mean_something() {
        let model = model();
        let mut view = ClusterView {
            peers: vec![peer("openbao-0", "a:8201", Some(true)), peer("openbao-7", "b:8201", Some(false))],
            ..ClusterView::default()
        };
        assert_eq!(kept(&model, &view).iter().map(|peer| peer.id.as_str()).collect::<Vec<_>>(), ["openbao-7"]);
        view.peers = vec![peer("x", "10.0.0.1:8201", Some(false)), peer("y", "10.0.0.2:8201", Some(true))];
        assert!(kept(&model, &view).is_empty());
    }

    #[test]
    fn lag_is_against_the_furthest() {
        let log =
            |n: u32, committed, applied| LogSeen { replica: format!("openbao-{n}"), leads: n == 0, committed, applied };
        let seen = RaftSeen { logs: vec![log(0, 900, 900), log(1, 890, 400)], cluster: Ok(ClusterView::default()) };
        assert_eq!((behind(&seen, "openbao-0"), behind(&seen, "openbao-1")), (Some(0), Some(500)));
        assert_eq!(behind(&seen, "openbao-2"), None);
    }
}
