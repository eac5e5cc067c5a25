//! What cannot be seen right now, since when and why: shared by the verdict's blindness and by rules that answer Unknown.

use jiff::Timestamp;

use crate::app::id::FeedId;
use crate::app::model::Model;
use crate::app::model::observed::FeedState;
use crate::app::time::moment;

/// One input that does not count right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// What it is, as a person calls it.
    pub input: String,
    /// When it was last seen, if ever.
    pub since: Option<Timestamp>,
    /// Why, in one short sentence.
    pub why: String,
    /// What would mend it; empty where it mends itself.
    pub next: String,
}

impl Unseen {
    /// `the keys Secret: not seen since 04:58:00Z`.
    pub fn says(&self) -> String {
        format!("{}: {}", self.input, self.why)
    }
}

/// What a feed's observation is called in a sentence.
const fn noun(feed: FeedId) -> &'static str {
    match feed {
        FeedId::Seal => "the seal state",
        FeedId::KeysSecret => "the keys Secret",
        FeedId::Pods => "the pods",
        FeedId::Workload => "the StatefulSet",
        FeedId::Unsealers => "what could unseal",
        FeedId::Rights => "our own rights",
        FeedId::Keystore => "the keystore",
        FeedId::Copies => "the copies of the keystore",
        FeedId::Custody => "the key files in custody",
        FeedId::Register => "the register",
        FeedId::Sync => "the sync objects",
        FeedId::Operators => "the sync operators",
        FeedId::Paths => "the vault's KV metadata",
        FeedId::Secrets => "the Secrets",
        FeedId::Consumers => "the workloads",
        FeedId::Containers => "the containers",
        FeedId::Nodes => "the nodes",
        FeedId::Usage => "the memory in use",
        FeedId::Tokens => "the tokens",
        FeedId::Engines => "the rotating engines",
        FeedId::Raft => "raft",
        FeedId::Estate => "the vault's estate",
    }
}

/// Whether this feed answered at all within its limit and was not denied; what is not in sight, described.
///
/// `at` is the moment of the observation itself, which may be older than the feed's last answer.
pub fn feed(model: &Model, feed: FeedId, at: Option<Timestamp>, now: Timestamp) -> Unseen {
    let health = model.feeds.get(&feed);
    let trouble = health.and_then(|health| health.trouble.as_ref()).map(|seen| &seen.value);
    let since = at.or_else(|| health.and_then(|health| health.answered));
    let cause = trouble.map(|trouble| format!(" ({})", trouble.what)).unwrap_or_default();
    let why = match (model.feed_state(feed, now), since) {
        (FeedState::Denied, _) => format!("denied{cause}"),
        (FeedState::Absent, _) => format!("does not exist here{cause}"),
        (FeedState::Live | FeedState::Stale | FeedState::Unreachable, Some(at)) => {
            format!("not seen since {}{cause}", moment(now, at))
        }
        (FeedState::Live | FeedState::Stale | FeedState::Unreachable, None) => format!("not seen yet{cause}"),
    };
    Unseen { input: noun(feed).to_owned(), since, why, next: trouble.map(|t| t.next.clone()).unwrap_or_default() }
}

/// The StatefulSet, the pods or the unsealers, where they are not fresh; `None` where they count.
pub fn missing(model: &Model, which: FeedId, now: Timestamp) -> Option<Unseen> {
    let (at, fresh) = match which {
        FeedId::Workload => seen(model.workload.as_ref(), which, now),
        FeedId::Pods => seen(model.pods.as_ref(), which, now),
        FeedId::Unsealers => seen(model.unsealers.as_ref(), which, now),
        FeedId::KeysSecret => seen(model.keys.as_ref(), which, now),
        FeedId::Rights => seen(model.rights.as_ref(), which, now),
        FeedId::Keystore => seen(model.keystore.as_ref(), which, now),
        FeedId::Copies => seen(model.copies.as_ref(), which, now),
        FeedId::Custody => seen(model.custody.as_ref(), which, now),
        FeedId::Register => seen(model.register.as_ref(), which, now),
        FeedId::Sync => listed(model.sync.as_ref(), which, now),
        FeedId::Secrets => listed(model.secrets.as_ref(), which, now),
        FeedId::Consumers => listed(model.consumers.as_ref(), which, now),
        FeedId::Containers => listed(model.containers.as_ref(), which, now),
        FeedId::Nodes => listed(model.nodes.as_ref(), which, now),
        FeedId::Operators => seen(model.operators.as_ref(), which, now),
        FeedId::Paths => seen(model.paths.as_ref(), which, now),
        FeedId::Usage => seen(model.usage.as_ref(), which, now),
        FeedId::Tokens => seen(model.tokens.as_ref(), which, now),
        FeedId::Engines => seen(model.engines.as_ref(), which, now),
        FeedId::Raft => seen(model.raft.as_ref(), which, now),
        FeedId::Estate => seen(model.estate.as_ref(), which, now),
        // Each replica is observed by itself: see `replicas::condition`.
        FeedId::Seal => (None, true),
    };
    (!fresh).then(|| feed(model, which, at, now))
}

fn listed<T>(
    table: Option<&crate::app::model::table::Table<T>>,
    feed: FeedId,
    now: Timestamp,
) -> (Option<Timestamp>, bool) {
    (table.map(|table| table.at), table.is_some_and(|table| table.fresh(now, feed).is_some()))
}

fn seen<T>(
    value: Option<&crate::app::model::observed::Observed<T>>,
    feed: FeedId,
    now: Timestamp,
) -> (Option<Timestamp>, bool) {
    (value.map(|seen| seen.at), value.is_some_and(|seen| seen.fresh(now, feed).is_some()))
}
