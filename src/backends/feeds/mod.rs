//! The feeds: each looks at one kind of thing and reports facts. One file a feed, one line in the registry.

pub mod consumers;
pub mod containers;
pub mod copies;
pub mod custody;
pub mod engines;
pub mod estate;
pub mod followed;
pub mod keys_secret;
pub mod keystore;
mod kubelets;
mod mirror;
pub mod nodes;
pub mod operators;
pub mod paths;
pub mod pods;
pub mod raft;
pub mod register;
pub mod rights;
pub mod roster;
pub mod seal;
pub mod secrets;
pub mod several;
pub mod sync;
mod token_file;
mod token_lookup;
pub mod tokens;
pub mod unsealers;
pub mod usage;
pub mod workload;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::app::id::{FeedId, Identity};
use crate::app::model::fact::Fact;
use crate::app::ports::Clock;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::ask::{Ask, CurrentToken};
use crate::backends::bao::transport::{Request, Response, Transport};
use crate::backends::copies::Copies;
use crate::backends::keys::Salt;
use crate::backends::keystore::Keeper;
use crate::backends::keystore::store::MemoryStore;
use crate::backends::kube::keys_secret::DigestFields;
use crate::backends::kube::port::Kube;
use roster::{Roster, Shared};
use seal::SealReader;

/// How long a look may take that is a handful of requests.
pub const LONGEST_LOOK: Duration = Duration::from_secs(12);
/// How long one may take that lists all objects of a kind: on a slow line there is no other way to see them. The API server
/// forgets where such a list was after about five minutes.
const LONG_LISTS: Duration = Duration::from_mins(5);

/// One feed. The supervisor calls `look` once a period and on request, and listens to `changes` in between.
#[async_trait]
pub trait Feed: Send {
    fn id(&self) -> FeedId;
    /// One look. The facts of one look are one report: a relist never arrives in pieces.
    async fn look(&mut self) -> Result<Vec<Fact>, Trouble>;
    /// Whether the next look brings nothing but whether the source still answers, because changes are followed from a whole list
    /// on: they are told meanwhile. Behind a look that lists they wait, lest it takes back what they told.
    fn only_confirms(&self) -> bool {
        false
    }
    /// A look that takes longer is given up; every request inside it has a shorter limit of its own.
    fn patience(&self) -> Duration {
        LONGEST_LOOK
    }
    /// Facts pushed between looks, where the source can push. Taken once, and again after `look` said that the target changed.
    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        None
    }
}

/// The vault that the feeds look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    pub namespace: String,
    /// Of its StatefulSet.
    pub name: String,
}

/// What the feeds stand on.
pub struct Deps {
    /// The cluster; `None` for a vault that is known by addresses only.
    pub kube: Option<Arc<dyn Kube>>,
    pub vault: Vault,
    /// Replicas known before any feed has looked; empty where nothing is known.
    pub members: Vec<String>,
    /// Label selector of its pods, if it is known already.
    pub selector: Option<String>,
    /// The keys Secret that the configuration names.
    pub keys_secret: Option<String>,
    /// Asks one replica.
    pub seal: Arc<dyn SealReader>,
    /// Turns the Secret's values into names, lengths, shapes and fingerprints.
    pub digest_fields: Arc<DigestFields>,
    /// What is held of the keys elsewhere.
    pub held: Held,
    /// What everything beside the vault's own keys is watched with.
    pub aside: Aside,
}

/// What everything beside the vault's own keys is watched with.
#[derive(Clone)]
pub struct Aside {
    /// Carries what is asked with a token.
    pub transport: Arc<dyn Transport>,
    /// The token as it is now.
    pub token: Arc<CurrentToken>,
    /// What of the cluster is watched beside the vault.
    pub scope: Scope,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Aside {
    /// Without a token, for tests that are about something else.
    pub fn nothing() -> Self {
        Self {
            transport: Arc::new(Unreached),
            token: Arc::new(|| None),
            scope: Scope::default(),
            clock: Arc::new(crate::app::runtime::clock::WallClock),
        }
    }
}

struct Unreached;

#[async_trait]
impl Transport for Unreached {
    async fn send(&self, replica: &str, _: Request) -> Result<Response, Trouble> {
        Err(Trouble::unreachable(&format!("{replica} is not reached"), "there is no way to it here", ""))
    }
}

/// What of the cluster is watched beside the vault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// `watch.namespaces`: these only; empty for the whole cluster.
    pub namespaces: Vec<String>,
    /// `tokens`: files whose tokens are looked after.
    pub tokens: Vec<crate::app::config::file::TokenEntry>,
    /// `vault.snapshots`: the folder in which snapshots lie.
    pub snapshots: Option<std::path::PathBuf>,
    /// The file of our own token, where it is from one.
    pub own_token: Option<std::path::PathBuf>,
    /// `watch.pathsPerMinute`: how often in a minute KV metadata may be asked for.
    pub paths_per_minute: Option<u32>,
    /// Which field of the keys Secret is for what.
    pub names: crate::backends::keys::FieldNames,
}

/// What the feeds about everything else stand on.
#[derive(Clone)]
pub struct Wide {
    /// The cluster; `None` for a vault that is known by addresses only.
    pub kube: Option<Arc<dyn Kube>>,
    /// The vault.
    pub vault: Vault,
    /// What feeds tell each other.
    pub roster: Roster,
    /// Asks the vault with a token.
    pub ask: Ask,
    /// What is watched.
    pub scope: Scope,
    /// Makes fingerprints.
    pub salt: Salt,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

#[cfg(test)]
impl Wide {
    /// In a sandbox's cluster, with no way to a vault: for tests of what is read of the cluster.
    fn within(sandbox: &Arc<crate::backends::sandbox::Sandbox>, namespaces: &[&str]) -> Self {
        let roster = Roster::new(roster::Shared::default());
        let nothing = Aside::nothing();
        Self {
            kube: Some(Arc::clone(sandbox) as Arc<dyn Kube>),
            vault: Vault { namespace: "openbao".into(), name: "openbao".into() },
            ask: crate::backends::bao::ask::Ask::new(nothing.transport, roster.clone(), nothing.token, nothing.clock),
            roster,
            scope: Scope { namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(), ..Scope::default() },
            salt: Salt(Vec::new()),
            clock: Arc::clone(sandbox) as Arc<dyn Clock>,
        }
    }
}

/// The feeds about everything beside the vault's own keys; each gets what it needs from [`Wide`].
fn wide(wide: &Wide) -> Vec<Box<dyn Feed>> {
    vec![
        Box::new(sync::SyncFeed::new(wide)),
        Box::new(operators::OperatorsFeed::new(wide)),
        Box::new(paths::PathsFeed::new(wide)),
        of_cluster(wide, FeedId::Secrets, |kube| Box::new(secrets::SecretsFeed::new(wide, kube))),
        of_cluster(wide, FeedId::Consumers, |kube| Box::new(consumers::ConsumersFeed::new(wide, kube))),
        of_cluster(wide, FeedId::Containers, |kube| Box::new(containers::ContainersFeed::new(wide, kube))),
        of_cluster(wide, FeedId::Nodes, |kube| Box::new(nodes::NodesFeed::new(Arc::clone(kube)))),
        of_cluster(wide, FeedId::Usage, |kube| Box::new(usage::UsageFeed::new(wide, Arc::clone(kube)))),
        Box::new(tokens::TokensFeed::new(wide.clone())),
        Box::new(engines::EnginesFeed::new(wide.ask.clone(), Arc::clone(&wide.clock))),
        Box::new(raft::RaftFeed::new(wide)),
        Box::new(estate::EstateFeed::new(wide)),
    ]
}

/// A feed that needs a cluster, or what says that there is none.
fn of_cluster(wide: &Wide, id: FeedId, feed: impl FnOnce(&Arc<dyn Kube>) -> Box<dyn Feed>) -> Box<dyn Feed> {
    wide.kube.as_ref().map_or_else(|| Box::new(NoCluster(id)) as Box<dyn Feed>, feed)
}

/// What is held of the keys on this machine and in other places.
#[derive(Clone)]
pub struct Held {
    /// The keystore.
    pub keeper: Keeper,
    /// Its copies.
    pub copies: Arc<Copies>,
    /// What this machine is called in the register.
    pub holder: String,
}

impl Held {
    /// Nothing at all, for tests that are about something else.
    pub fn nothing() -> Self {
        let store = Arc::new(MemoryStore::new("/nowhere", None));
        let (identity, salt) = (Identity("nobody".to_owned()), Salt(b"nothing".to_vec()));
        Self {
            keeper: Keeper::new(store, identity, salt, Arc::new(|_| Vec::new()), false),
            copies: Arc::new(Copies::new(None)),
            holder: "nobody".to_owned(),
        }
    }

    fn feeds(self, kube: Option<&Arc<dyn Kube>>, vault: &Vault) -> [Box<dyn Feed>; 4] {
        [
            Box::new(keystore::KeystoreFeed(self.keeper.clone())),
            Box::new(copies::CopiesFeed(Arc::clone(&self.copies))),
            Box::new(custody::CustodyFeed {
                keeper: self.keeper.clone(),
                copies: Arc::clone(&self.copies),
                kube: kube.cloned(),
            }),
            Box::new(register::RegisterFeed { kube: kube.cloned(), vault: vault.clone(), held: self }),
        ]
    }
}

/// Every feed there is, one of each id.
pub fn all(deps: Deps) -> Vec<Box<dyn Feed>> {
    let Deps { kube, vault, members, selector, keys_secret, seal, digest_fields, held, aside } = deps;
    let Aside { transport, token, scope, clock } = aside;
    let salt = held.keeper.salt().clone();
    let held = held.feeds(kube.as_ref(), &vault);
    let members = (!members.is_empty()).then_some(members);
    let roster = Roster::new(Shared { members, selector, ..Shared::default() });
    let ask = Ask::new(transport, roster.clone(), token, Arc::clone(&clock));
    let everything = Wide { kube: kube.clone(), vault: vault.clone(), roster: roster.clone(), ask, scope, salt, clock };
    let held = held.into_iter().chain(wide(&everything));
    let seal = Box::new(seal::SealFeed::new(roster.clone(), seal));
    let Some(kube) = kube else {
        let of_clusters =
            [FeedId::KeysSecret, FeedId::Pods, FeedId::Workload, FeedId::Unsealers, FeedId::Rights].into_iter();
        let absent = of_clusters.map(|id| Box::new(NoCluster(id)) as Box<dyn Feed>);
        return std::iter::once(seal as Box<dyn Feed>).chain(absent).chain(held).collect();
    };
    let of_cluster: [Box<dyn Feed>; 6] = [
        seal,
        Box::new(keys_secret::KeysSecretFeed::new(Arc::clone(&kube), vault.clone(), roster.clone(), digest_fields)),
        Box::new(pods::PodsFeed::new(Arc::clone(&kube), vault.clone(), roster.clone())),
        Box::new(workload::WorkloadFeed::new(Arc::clone(&kube), vault.clone(), roster.clone())),
        Box::new(unsealers::UnsealersFeed::new(Arc::clone(&kube), vault.clone(), roster.clone(), keys_secret)),
        Box::new(rights::RightsFeed::new(kube, vault, roster)),
    ];
    of_cluster.into_iter().chain(held).collect()
}

/// Stands where a feed needs a cluster and there is none.
struct NoCluster(FeedId);

#[async_trait]
impl Feed for NoCluster {
    fn id(&self) -> FeedId {
        self.0
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        Err(no_cluster())
    }
}

/// What a feed says that needs a cluster where there is none.
fn no_cluster() -> Trouble {
    Trouble::new(
        TroubleKind::Absent,
        "No Kubernetes cluster is connected",
        "this vault is watched by its address alone",
        "Start without --address, with a kubeconfig context, to see its pods and its keys Secret",
    )
}

#[cfg(test)]
mod tests;
