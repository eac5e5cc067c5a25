//! Everything live about one vault: where it is, what watches it, what may act on it; shared by every command.

use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::held::{Published, agreed_salt, held, published_salt};
use crate::app::config::cli::Global;
use crate::app::config::env::Env;
use crate::app::config::file::{KeysSecretEntry, Tls as ConfigTls};
use crate::app::config::resolve::{Bound, Reach, Resolved, TokenSource};
use crate::app::id::{FeedId, Identity};
use crate::app::model::fact::{Fact, Report};
use crate::app::model::workload::WorkloadSeen;
use crate::app::msg::Msg;
use crate::app::ports::{FactSink, Memory};
use crate::app::runtime::clock::{self, WallClock};
use crate::app::runtime::desk::Input;
use crate::app::runtime::slots::Slots;
use crate::app::trouble::Trouble;
use crate::backends::bao::ask::CurrentToken;
use crate::backends::bao::read::BaoRead;
use crate::backends::bao::transport::Transport;
use crate::backends::connect::{Asked, NotConnected, Target, connect};
use crate::backends::copies::Around;
use crate::backends::copies::own::Replicas;
use crate::backends::copies::place::ThisHost;
use crate::backends::copies::secret::Contexts;
use crate::backends::feeds::{self, Aside, Deps, Held, Scope, Vault};
use crate::backends::files::dirs::Dirs;
use crate::backends::files::journal::FileJournal;
use crate::backends::files::memory::FileMemory;
use crate::backends::hands::{ConsoleHands, Gear, Shell, Tools, WatcherHands, attempted};
use crate::backends::keys::{FieldNames, Salt, digest};
use crate::backends::kube::apply::KubeApply;
use crate::backends::kube::client::{Wanted, context_name};
use crate::backends::kube::port::{Kube, KubeWrite};
use crate::backends::supervisor::{Handle, Supervisor};

/// An address that cannot exist, where there is no vault to reach.
pub const NOWHERE: &str = "http://offline.invalid";

/// What is known before anything was connected to.
#[derive(Debug, Clone)]
pub struct Aim {
    /// The answer of arguments, environment and config file for this vault.
    pub bound: Bound,
    /// Where files lie.
    pub dirs: Dirs,
    asked: Asked,
}

impl Aim {
    /// Resolves the target without touching the network.
    pub fn make(global: &Global, env: &Env) -> Result<Self, Trouble> {
        let (resolved, dirs) = super::config::open(global, env)?;
        Self::bind(&resolved, dirs)
    }

    /// The same, from what is resolved already.
    pub fn bind(resolved: &Resolved, dirs: Dirs) -> Result<Self, Trouble> {
        let wanted =
            Wanted { kubeconfig: resolved.kubeconfig.clone().map(Into::into), context: resolved.context.clone() };
        let context = if resolved.wants_kubernetes() {
            let inside = || std::env::var_os("KUBERNETES_SERVICE_HOST").map(|_| "in-cluster".to_owned());
            context_name(&wanted)?.or_else(inside)
        } else {
            None
        };
        let bound = resolved.bind(context.as_deref())?;
        let (address, kubeconfig) = match &bound.reach {
            Reach::Kubernetes => (None, wanted.kubeconfig),
            Reach::Address { url, .. } => (Some(url.clone()), None),
        };
        let asked = Asked {
            kubeconfig,
            context: resolved.context.clone(),
            namespace: bound.namespace.clone(),
            vault: bound.vault.as_ref().map(|vault| (vault.namespace.clone(), vault.name.clone())),
            address,
            env_address: None,
            members: bound.members.iter().map(|m| (m.name.clone(), m.address.clone())).collect(),
            ca_file: bound.ca_file.clone(),
            server_name: bound.server_name.clone(),
            tls: match bound.tls {
                ConfigTls::Auto => None,
                ConfigTls::On => Some(true),
                ConfigTls::Off => Some(false),
            },
            port: bound.port,
            keys_secret: bound.keys_secret.as_ref().map(|secret| secret.name.clone()),
            environment: bound.environment,
            display_name: Some(bound.name.clone()),
        };
        Ok(Self { bound, dirs, asked })
    }

    /// Says which of several vaults is meant.
    pub fn choose(&mut self, namespace: &str, name: &str) {
        self.asked.vault = Some((namespace.to_owned(), name.to_owned()));
    }

    /// The same folders and files without a vault: for a keystore whose header says whose it is.
    pub async fn offline(&self, identity: &Identity) -> Result<Session, Trouble> {
        let asked = Asked { address: Some(NOWHERE.to_owned()), members: Vec::new(), ..self.asked.clone() };
        let mut target = connect(&asked).await.map_err(|failed| failed.trouble)?;
        target.cluster.identity = identity.clone();
        Session::over(target, self, Published::Unheard)
    }

    /// Finds the cluster and the vault in it.
    pub async fn connect(&self) -> Result<Session, NotConnected> {
        let mut target = connect(&self.asked).await?;
        target.cluster.notes.extend(self.bound.notes.iter().cloned());
        let published = published_salt(target.kube.as_deref(), &target.namespace, &target.cluster.identity).await;
        Ok(Session::over(target, self, published)?)
    }
}

/// A vault that was found, with everything that watches it and acts on it.
pub struct Session {
    target: Target,
    transport: Arc<dyn Transport>,
    names: FieldNames,
    salt: Salt,
    held: Held,
    token: Option<SecretString>,
    scope: Scope,
    memory: Arc<FileMemory>,
    journal: Arc<FileJournal>,
    /// Where typed secrets are kept.
    pub slots: Slots,
    /// Every task of the session.
    pub tasks: TaskTracker,
    /// Ends them.
    pub stop: CancellationToken,
    /// The vault's state folder.
    pub folder: PathBuf,
}

impl Session {
    fn over(mut target: Target, plan: &Aim, published: Published) -> Result<Self, Trouble> {
        let folder = plan.dirs.state(&target.cluster.identity)?;
        let memory = Arc::new(FileMemory::open(&folder, &target.cluster.identity)?);
        let entry = &plan.bound.keystore;
        let keystore = entry.path.clone().unwrap_or_else(|| plan.dirs.keystore(&target.cluster.identity));
        let (salt, note) = agreed_salt(&memory, &target.cluster.identity, &keystore, published)?;
        target.cluster.notes.extend(note);
        let journal = Arc::new(FileJournal::open(&folder)?);
        let tasks = TaskTracker::new();
        let transport: Arc<dyn Transport> = Arc::new(target.transport(tasks.clone())?);
        let names = field_names(plan.bound.keys_secret.as_ref());
        let held = held(&target.cluster.identity, &salt, entry, keystore, &memory, |keeper, holder| {
            let own = Replicas {
                members: target.members.clone(),
                addresses: target.routes.given.values().cloned().collect(),
                seal: Arc::new(BaoRead::new(Arc::clone(&transport))),
            };
            Some(Around {
                folder: folder.clone(),
                keeper: keeper.clone(),
                holder: holder.to_owned(),
                every: entry.check_copies_every,
                clock: Arc::new(WallClock),
                ground: Arc::new(ThisHost),
                clusters: Arc::new(Contexts { kubeconfig: plan.asked.kubeconfig.clone() }),
                own: Arc::new(own),
            })
        })?;
        let token = token(plan.bound.token.as_ref())?;
        let own_token = match &plan.bound.token {
            Some(TokenSource::File(path)) => Some(path.clone()),
            Some(TokenSource::Variable { .. }) | None => None,
        };
        let scope = Scope {
            namespaces: plan.bound.watch.namespaces.clone(),
            tokens: plan.bound.tokens.clone(),
            snapshots: plan.bound.snapshots.clone(),
            own_token,
            paths_per_minute: plan.bound.watch.paths_per_minute,
            names: names.clone(),
        };
        Ok(Self {
            scope,
            target,
            transport,
            names,
            salt,
            held,
            token,
            memory,
            journal,
            slots: Slots::default(),
            tasks,
            stop: CancellationToken::new(),
            folder,
        })
    }

    /// What is held of the keys on this machine and in other places.
    pub const fn held(&self) -> &Held {
        &self.held
    }

    /// The vault's name: what a challenge about its keystore asks for.
    pub fn vault(&self) -> String {
        let name = &self.target.name;
        if name.is_empty() { self.target.cluster.vault.clone() } else { name.clone() }
    }

    /// Reads the cluster; `None` without Kubernetes.
    pub fn kube(&self) -> Option<Arc<dyn Kube>> {
        self.target.kube.clone()
    }

    /// Uses these slots: they are older than the session where a screen was there first.
    #[must_use]
    pub fn with_slots(self, slots: Slots) -> Self {
        Self { slots, ..self }
    }

    /// Which cluster and vault this is.
    pub const fn identity(&self) -> &Identity {
        &self.target.cluster.identity
    }

    /// What the core is told before any feed has looked. What an earlier session left behind is told to a console only.
    pub fn greeting(&self) -> Vec<Msg> {
        let left = self.journal.survey();
        let mut cluster = self.target.cluster.clone();
        // A journal that cannot be read may hold a run in doubt: a person must know, and the others still count.
        cluster.notes.extend(left.trouble.map(|trouble| trouble.to_string()));
        let remembered = self.memory.recall();
        cluster.notes.extend(remembered.as_ref().err().map(ToString::to_string));
        let silences = self.memory.silences(clock::now());
        cluster.notes.extend(silences.as_ref().err().map(ToString::to_string));
        let mut facts = vec![Fact::Connected(cluster)];
        if self.target.kube.is_none() {
            facts.push(Fact::Workload(Some(by_address(&self.target))));
        }
        if let Ok((history, proofs)) = remembered {
            facts.push(Fact::Recalled { history, proofs });
        }
        vec![
            Msg::Seen(Report { feed: FeedId::Workload, outcome: Ok(facts) }),
            Msg::Silenced(silences.unwrap_or_default()),
            Msg::Unfinished(left.unfinished),
        ]
    }

    /// Starts every feed; what they see goes to the inbox.
    pub fn watch<E: Send + 'static>(&self, inbox: &UnboundedSender<Input<E>>) -> Handle {
        let names = self.names.clone();
        let salt = self.salt.clone();
        let deps = Deps {
            kube: self.target.kube.clone(),
            vault: Vault { namespace: self.target.namespace.clone(), name: self.target.name.clone() },
            members: self.target.members.clone(),
            selector: self.target.selector.clone(),
            keys_secret: self.target.keys_secret.clone(),
            seal: Arc::new(BaoRead::new(Arc::clone(&self.transport))),
            digest_fields: Arc::new(move |data| digest(data, &names, &salt)),
            held: self.held.clone(),
            aside: Aside {
                transport: Arc::clone(&self.transport),
                token: self.current_token(),
                scope: self.scope.clone(),
                clock: Arc::new(WallClock),
            },
        };
        let sink = Arc::new(Inbox(inbox.clone()));
        Supervisor::start(feeds::all(deps), sink, &self.tasks, &self.stop)
    }

    /// The token for questions: of a file as it is at that moment, since somebody may have written it anew.
    fn current_token(&self) -> Arc<CurrentToken> {
        let (file, first) = (self.scope.own_token.clone(), self.token.clone());
        Arc::new(move || match &file {
            Some(path) => token(Some(&TokenSource::File(path.clone()))).ok().flatten(),
            None => first.clone(),
        })
    }

    /// Where hands live.
    fn shell<E: Send + 'static>(&self, feeds: Handle, inbox: &UnboundedSender<Input<E>>) -> Shell {
        let (send, mut answers) = unbounded_channel();
        let inbox = inbox.clone();
        self.tasks.spawn(async move {
            while let Some(msg) = answers.recv().await {
                if inbox.send(Input::Msg(msg)).is_err() {
                    return;
                }
            }
        });
        Shell {
            look: Arc::new(move |feed| feeds.look_now(feed)),
            send,
            tasks: self.tasks.clone(),
            runtime: tokio::runtime::Handle::current(),
        }
    }

    /// Hands that may act, once told yes.
    pub fn console_hands<E: Send + 'static>(&self, feeds: Handle, inbox: &UnboundedSender<Input<E>>) -> ConsoleHands {
        let tools = Tools::new(Gear {
            transport: Arc::clone(&self.transport),
            kube: self.target.kube.clone(),
            kube_write: self
                .target
                .forward
                .as_ref()
                .map(|forward| Arc::new(KubeApply::new(forward.client.clone())) as Arc<dyn KubeWrite>),
            names: self.names.clone(),
            salt: self.salt.clone(),
            slots: self.slots.clone(),
            keeper: self.held.keeper.clone(),
            copies: Arc::clone(&self.held.copies),
            token: self.token.clone(),
            identity: self.target.cluster.identity.clone(),
            holder: self.held.holder.clone(),
            folder: Some(self.folder.clone()),
            clock: Arc::new(WallClock),
        });
        let (journal, memory) = (Arc::clone(&self.journal), Arc::clone(&self.memory));
        ConsoleHands::new(tools, journal, memory, self.shell(feeds, inbox))
    }

    /// Hands that only remember.
    pub fn watcher_hands<E: Send + 'static>(&self, feeds: Handle, inbox: &UnboundedSender<Input<E>>) -> WatcherHands {
        let memory = Arc::clone(&self.memory);
        WatcherHands::new(memory, &self.shell(feeds, inbox))
    }

    /// Runs something for as long as the session lasts.
    pub fn accompany(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled_owned(task).await;
        });
    }

    /// Ends every task. The hands must be gone: their queue to the disk is written out first.
    pub async fn close(self) {
        let Self { target, transport, held, tasks, stop, slots, folder, .. } = self;
        stop.cancel();
        slots.forget_all();
        // Tunnels end with the transport that opened them, and what is held asks replicas through it too.
        drop((target, transport, held));
        tasks.close();
        // One that hangs all the same must not keep the program from ending; but a rotation that is open on the server is
        // cancelled before it ends, however often that must be tried.
        let patience = if attempted(&folder) { 20 } else { 2 };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(patience), tasks.wait()).await;
    }
}

/// Reports of feeds become messages.
struct Inbox<E>(UnboundedSender<Input<E>>);

impl<E: Send> FactSink for Inbox<E> {
    fn report(&self, report: Report) {
        // After the end nobody listens any more, and nobody needs to.
        let _ = self.0.send(Input::Msg(Msg::Seen(report)));
    }
}

/// The token that was given for this vault, read once.
fn token(source: Option<&TokenSource>) -> Result<Option<SecretString>, Trouble> {
    match source {
        None => Ok(None),
        Some(TokenSource::Variable { token, .. }) => Ok(Some(token.clone())),
        Some(TokenSource::File(path)) => match std::fs::read_to_string(path) {
            Ok(text) => {
                let text = zeroize::Zeroizing::new(text);
                Ok(Some(SecretString::from(text.trim().to_owned())))
            }
            Err(error) => Err(Trouble::local(
                &format!("the token file {} cannot be read", path.display()),
                &error.kind().to_string(),
                "Check the path and its permissions, or leave tokenFile out",
            )),
        },
    }
}

fn field_names(entry: Option<&KeysSecretEntry>) -> FieldNames {
    let Some(entry) = entry else { return FieldNames::default() };
    FieldNames {
        shares: entry.fields.shares.clone(),
        seal_key: entry.fields.seal_key.iter().cloned().collect(),
        root_token: entry.fields.root_token.iter().cloned().collect(),
    }
}

/// A vault without Kubernetes: its replicas are those that somebody listed.
fn by_address(target: &Target) -> WorkloadSeen {
    WorkloadSeen {
        namespace: String::new(),
        name: target.cluster.vault.clone(),
        replicas: target.members.len() as u32,
        members: target.members.clone(),
        ordered: false,
        on_delete: false,
        rollout_pending: false,
        tls: target.tls.on,
    }
}

/// Whether every feed has spoken and every replica that is expected has given an answer or none: the first whole look.
pub fn looked(state: &crate::app::state::State) -> bool {
    let model = &state.model;
    model.cluster.is_some()
        && FeedId::ALL
            .iter()
            .all(|feed| model.feeds.get(feed).is_some_and(crate::app::model::observed::FeedHealth::spoke))
        && model.replicas.iter().all(|replica| replica.answer.is_some())
}
