//! Performs what the core asks for. The only place that changes anything outside this program.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::app::alerts::silence::Silenced;
use crate::app::effect::{Effect, Sight};
use crate::app::id::{FeedId, RunId, SlotId};
use crate::app::model::{keys_secret::Glimpse, proof::Proof};
use crate::app::msg::Msg;
use crate::app::ports::{Hands, JournalStore, Memory};
use crate::app::runbook::{journal::Entry, op::Outcome};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keystore::keeper::Attempt;
use crate::backends::keystore::{KeystoreError, Opener, recovery};

mod copy;
mod custody;
mod perform;
mod prove;
mod register;
mod secret;
mod secret_data;
mod tools;
mod unseal;

pub use perform::{perform, probe};
pub use prove::attempted;
pub use tools::{Gear, Tools};

/// Asks a feed to look at once; of depth one, so that it may be called as often as one likes.
pub type LookNow = Arc<dyn Fn(FeedId) + Send + Sync>;

/// Where hands live: what they spawn ends with the program, what they find out goes to the core.
#[derive(Clone)]
pub struct Shell {
    pub look: LookNow,
    pub send: mpsc::UnboundedSender<Msg>,
    pub tasks: TaskTracker,
    pub runtime: Handle,
}

/// The hands of the console and of `act`: they see, write down and act.
pub struct ConsoleHands {
    tools: Arc<Tools>,
    disk: Disk,
    shell: Shell,
}

impl ConsoleHands {
    /// Hands that write to `journal` before and after each step.
    pub fn new(tools: Tools, journal: Arc<dyn JournalStore>, memory: Arc<dyn Memory>, shell: Shell) -> Self {
        let disk = Disk::new(Some(journal), memory, &shell);
        Self { tools: Arc::new(tools), disk, shell }
    }
}

impl Hands<Effect> for ConsoleHands {
    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::LookNow(feed) => (self.shell.look)(feed),
            Effect::Journal { run, entry } => self.disk.put(Job::Journal(run, Box::new(entry))),
            Effect::Act(act) => {
                let (tools, send) = (Arc::clone(&self.tools), self.shell.send.clone());
                let opens = act.op().opens_keystore();
                let task = async move {
                    // A run whose step never ends would hang for ever: a panic is an outcome too.
                    let outcome = AssertUnwindSafe(perform(act.op(), &tools)).catch_unwind().await;
                    let outcome = outcome.unwrap_or_else(|_| Outcome::Failed { trouble: broke("the step") });
                    if let Some(trouble) = shut(opens, &tools, &outcome) {
                        let _ = send.send(Msg::Locked(trouble));
                    }
                    let _ = send.send(Msg::StepEnded { run: act.run(), step: act.step(), outcome });
                };
                self.shell.tasks.spawn_on(task, &self.shell.runtime);
            }
            Effect::Probe(asked) => {
                let (tools, send) = (Arc::clone(&self.tools), self.shell.send.clone());
                let task = async move {
                    let finding = AssertUnwindSafe(probe(&asked.op, &tools)).catch_unwind().await;
                    let finding = finding.unwrap_or_else(|_| Err(broke("the look at the step")));
                    let _ = send.send(Msg::Probed { run: asked.run, step: asked.step, finding });
                };
                self.shell.tasks.spawn_on(task, &self.shell.runtime);
            }
            Effect::Unlock { slot, typed } => {
                let (tools, send) = (Arc::clone(&self.tools), self.shell.send.clone());
                // Taken now: what is locked after this moment stays locked, however late the try succeeds.
                let attempt = tools.attempt();
                // A derivation blocks for half a second, a keyring perhaps for a prompt.
                let task = self.shell.runtime.spawn_blocking(move || {
                    let opened =
                        std::panic::catch_unwind(AssertUnwindSafe(|| unlock(&tools, attempt, typed.then_some(slot))));
                    let opened = opened.unwrap_or_else(|_| Err(broke("unlocking the keystore")));
                    let _ = send.send(Msg::Unlocked { slot, opened, typed });
                });
                drop(task);
            }
            Effect::LockKeystore => self.tools.lock_keystore(),
            Effect::RememberHistory(history) => self.disk.put(Job::History(history)),
            Effect::RememberProof(proof) => self.disk.put(Job::Proof(proof)),
            Effect::RememberSilence(silenced) => self.disk.put(Job::Silence(silenced, self.tools.clock.now())),
            Effect::ForgetSlot(slot) => self.tools.slots.forget(slot),
            // These two are about the process and its terminal: the loop does them.
            Effect::Suspend | Effect::Quit => {}
        }
    }
}

/// The hands of what only looks: by their type they cannot be asked to change anything.
pub struct WatcherHands {
    disk: Disk,
    look: LookNow,
}

impl WatcherHands {
    /// Hands that remember what was seen.
    pub fn new(memory: Arc<dyn Memory>, shell: &Shell) -> Self {
        Self { disk: Disk::new(None, memory, shell), look: Arc::clone(&shell.look) }
    }
}

impl Hands<Sight> for WatcherHands {
    fn perform(&mut self, effect: Sight) {
        match effect {
            Sight::LookNow(feed) => (self.look)(feed),
            Sight::RememberHistory(history) => self.disk.put(Job::History(history)),
            Sight::RememberProof(proof) => self.disk.put(Job::Proof(proof)),
            Sight::Quit => {}
        }
    }
}

/// Something to write down.
enum Job {
    Journal(RunId, Box<Entry>),
    History(Vec<Glimpse>),
    Proof(Proof),
    Silence(Silenced, Timestamp),
}

/// One queue for everything that goes to disk, so that the lines of a journal land in the order of their effects. Ends,
/// with all that was asked for written, when the hands are dropped.
struct Disk {
    queue: mpsc::UnboundedSender<Job>,
    send: mpsc::UnboundedSender<Msg>,
}

impl Disk {
    fn new(journal: Option<Arc<dyn JournalStore>>, memory: Arc<dyn Memory>, shell: &Shell) -> Self {
        let (queue, mut jobs) = mpsc::unbounded_channel::<Job>();
        let (send, runtime) = (shell.send.clone(), shell.runtime.clone());
        let writer = async move {
            while let Some(job) = jobs.recv().await {
                let (journal, memory) = (journal.clone(), Arc::clone(&memory));
                let (run, waits) = (job.run(), job.has_a_person_waiting());
                // One at a time: the next is not begun before this one is on disk.
                let written = runtime.spawn_blocking(move || job.write(journal.as_deref(), memory.as_ref())).await;
                // A panic in there is an answer too: the run must not wait for ever.
                let written = written.unwrap_or_else(|_| Err(broke("writing to disk")));
                answer(&send, run, waits, written);
            }
        };
        shell.tasks.spawn_on(writer, &shell.runtime);
        Self { queue, send: shell.send.clone() }
    }

    fn put(&self, job: Job) {
        let (run, waits) = (job.run(), job.has_a_person_waiting());
        if self.queue.send(job).is_err() {
            answer(&self.send, run, waits, Err(broke("writing to disk")));
        }
    }
}

/// Only journals are answered: a run waits for them. What a person asked for is told where it could not be kept; what the
/// program would remember by itself is said in the log.
fn answer(send: &mpsc::UnboundedSender<Msg>, run: Option<RunId>, person: bool, written: Result<u32, Trouble>) {
    match (run, written) {
        (Some(run), written) => {
            let _ = send.send(Msg::Journaled { run, written });
        }
        (None, Err(trouble)) => {
            tracing::warn!(%trouble, "could not be remembered");
            if person {
                let _ = send.send(Msg::Unkept(trouble));
            }
        }
        (None, Ok(_)) => {}
    }
}

impl Job {
    const fn run(&self) -> Option<RunId> {
        match self {
            Self::Journal(run, _) => Some(*run),
            Self::History(_) | Self::Proof(_) | Self::Silence(..) => None,
        }
    }

    const fn has_a_person_waiting(&self) -> bool {
        matches!(self, Self::Silence(..))
    }

    /// Blocks until it is on disk. The number of lines, for a journal.
    fn write(self, journal: Option<&dyn JournalStore>, memory: &dyn Memory) -> Result<u32, Trouble> {
        match self {
            Self::Journal(run, entry) => match journal {
                Some(journal) => journal.append(run, &entry),
                None => Err(broke("a watcher")),
            },
            Self::History(history) => memory.keep_history(&history).map(|()| 0),
            Self::Proof(proof) => memory.keep_proof(&proof).map(|()| 0),
            Self::Silence(silenced, now) => memory.keep_silence(&silenced, now).map(|()| 0),
        }
    }
}

/// Opens the keystore with what was typed, or with what is at hand. Blocks.
pub fn unlock(tools: &Tools, attempt: Attempt, typed: Option<SlotId>) -> Result<String, Trouble> {
    let Some(slot) = typed else { return tools.keeper.unlock_silently_in(attempt) };
    let read = tools.slots.with_nth(slot, 0, |text| (Opener::typed(text), mistyped(text)));
    let Some((opener, mistyped)) = read else {
        return Err(Trouble::local("nothing was typed", "", "Type the passphrase or the recovery code"));
    };
    let opened = tools.keeper.unlock_in(attempt, &opener);
    match (opened, mistyped) {
        (Err(trouble), Some(why)) if trouble.kind == TroubleKind::Refused => Err(Trouble { why, ..trouble }),
        (opened, _) => opened,
    }
}

/// What looks like a recovery code and is none: as a passphrase it was tried all the same.
fn mistyped(text: &str) -> Option<String> {
    match recovery::read(text) {
        Err(error @ KeystoreError::BadRecoveryCode(why)) if why.contains("checksum") => Some(error.to_string()),
        Ok(_) | Err(_) => None,
    }
}

/// Why the keystore is not open any more after a step that needed it, if it is not.
fn shut(opens: bool, tools: &Tools, outcome: &Outcome) -> Option<Trouble> {
    if !opens || tools.keeper.is_open() {
        return None;
    }
    match outcome {
        Outcome::Failed { trouble } => Some(trouble.clone()),
        Outcome::Done { .. } | Outcome::Proven { .. } | Outcome::Unneeded { .. } => {
            Some(Trouble::new(TroubleKind::Refused, "the keystore is locked", "", "Unlock it again"))
        }
    }
}

/// A mistake of this program's own.
fn broke(what: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Local,
        &format!("{what} failed inside Baowatch"),
        "this is a mistake of the program, what it had done by then is not known",
        "Look at the replica before going on, and report this with the log",
    )
}
