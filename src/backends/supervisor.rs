//! Runs the feeds: each in a task of its own, looked at regularly and on request, restarted whatever happens to it.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::stream::{BoxStream, StreamExt};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::error::Elapsed;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::backoff::Backoff;
use super::feeds::Feed;
use crate::app::id::FeedId;
use crate::app::model::fact::{Fact, Report};
use crate::app::ports::FactSink;
use crate::app::trouble::{Trouble, TroubleKind};

/// A person waits for the screen to come back: no feed pauses longer than this, unless its period is longer anyway.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A stream of changes that ended is taken again after this.
const RETAKE: Duration = Duration::from_secs(5);

type Changes = BoxStream<'static, Result<Vec<Fact>, Trouble>>;

/// Starts feeds.
pub struct Supervisor;

impl Supervisor {
    /// Starts every feed as a task of the tracker; all end when `stop` is cancelled.
    pub fn start(
        feeds: Vec<Box<dyn Feed>>,
        sink: Arc<dyn FactSink>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Handle {
        let mut bells = BTreeMap::new();
        for feed in feeds {
            let bell = Arc::new(Notify::new());
            bells.insert(feed.id(), Arc::clone(&bell));
            let watched = Watched::new(feed, Arc::clone(&sink), bell);
            let stop = stop.clone();
            tasks.spawn(async move {
                // Cancelled wherever it is, in the middle of a look too: nothing in here needs to be finished.
                stop.run_until_cancelled_owned(watched.run()).await;
            });
        }
        Handle { bells: Arc::new(bells) }
    }
}

/// Asks feeds to look.
#[derive(Clone)]
pub struct Handle {
    bells: Arc<BTreeMap<FeedId, Arc<Notify>>>,
}

impl Handle {
    /// Asks one feed to look at once. Depth one: asking twice while it looks is asking once more after it.
    pub fn look_now(&self, feed: FeedId) {
        if let Some(bell) = self.bells.get(&feed) {
            bell.notify_one();
        }
    }
}

struct Watched {
    feed: Box<dyn Feed>,
    period: Duration,
    bell: Arc<Notify>,
    backoff: Backoff,
    /// When to look next.
    next: Instant,
    pushed: Pushed,
}

impl Watched {
    fn new(feed: Box<dyn Feed>, sink: Arc<dyn FactSink>, bell: Arc<Notify>) -> Self {
        let id = feed.id();
        let period = id.period().unsigned_abs();
        let pushed = Pushed { id, sink, changes: None, retake: None, broke: false };
        Self { feed, period, bell, backoff: Backoff::new(period.max(LONGEST_PAUSE)), next: Instant::now(), pushed }
    }

    async fn run(mut self) {
        self.look().await;
        self.take_changes();
        loop {
            let retake = self.pushed.retake;
            let taken_again = retake.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            tokio::select! {
                () = self.bell.notified() => self.look().await,
                () = tokio::time::sleep_until(self.next) => self.look().await,
                () = tokio::time::sleep_until(taken_again), if retake.is_some() => self.take_changes(),
                () = self.pushed.one() => {
                    // The look says what is wrong, or that nothing is: a broken watch alone is no trouble while looks
                    // get through. The watch has its own back-off, which bounds how often this happens.
                    if self.pushed.broke {
                        self.look().await;
                    }
                }
            }
        }
    }

    /// One look, reported.
    async fn look(&mut self) {
        // Whatever was asked for before this moment, this look answers.
        let _ = self.bell.notified().now_or_never();
        let id = self.pushed.id;
        let outcome = match self.looked().await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => {
                self.take_changes();
                Err(panicked(id, panic.as_ref()))
            }
            Err(_) => Err(Trouble::unreachable(
                &format!("Feed {id} got no answer"),
                &format!("nothing came within {} s", self.feed.patience().as_secs()),
                "It is tried again by itself",
            )),
        };
        let pause = match &outcome {
            Ok(_) => {
                self.backoff.reset();
                self.period
            }
            Err(trouble) => match trouble.kind {
                // An answer, and the same one until somebody changes something: asking faster would be impolite.
                TroubleKind::Denied | TroubleKind::Absent | TroubleKind::Local => self.period,
                TroubleKind::Unreachable | TroubleKind::Unusable | TroubleKind::Refused => self.backoff.pause(),
            },
        };
        self.pushed.report(outcome);
        self.next = Instant::now() + if self.pushed.broke { Duration::ZERO } else { pause };
    }

    /// The look itself. Changes come through meanwhile where it brings nothing that could be older than they are.
    async fn looked(&mut self) -> Result<std::thread::Result<Result<Vec<Fact>, Trouble>>, Elapsed> {
        self.pushed.broke = false;
        let (patience, confirms) = (self.feed.patience(), self.feed.only_confirms());
        let mut looking = pin!(tokio::time::timeout(patience, AssertUnwindSafe(self.feed.look()).catch_unwind()));
        loop {
            tokio::select! {
                biased;
                looked = &mut looking => return looked,
                // What broke off meanwhile may make the rest of it a list.
                () = self.pushed.one(), if confirms && !self.pushed.broke => {}
            }
        }
    }

    fn take_changes(&mut self) {
        self.pushed.retake = None;
        self.pushed.changes = self.feed.changes();
    }
}

/// What the source pushes between looks.
struct Pushed {
    id: FeedId,
    sink: Arc<dyn FactSink>,
    changes: Option<Changes>,
    /// When to take an ended stream again.
    retake: Option<Instant>,
    /// It broke off since the last look began: what was missed, a look must bring.
    broke: bool,
}

impl Pushed {
    /// Waits for the next change and reports it; for ever, where the feed cannot push. Given up, it took none.
    async fn one(&mut self) {
        let change = match &mut self.changes {
            // A panic in the stream ends the stream.
            Some(stream) => AssertUnwindSafe(stream.next()).catch_unwind().await.unwrap_or(None),
            None => std::future::pending().await,
        };
        match change {
            Some(Ok(facts)) => self.report(Ok(facts)),
            Some(Err(trouble)) => {
                tracing::debug!(feed = self.id.name(), %trouble, "watch");
                self.broke = true;
            }
            None => {
                self.changes = None;
                self.retake = Some(Instant::now() + RETAKE);
            }
        }
    }

    fn report(&self, outcome: Result<Vec<Fact>, Trouble>) {
        self.sink.report(Report { feed: self.id, outcome });
    }
}

/// A fault of this program, said as one. The panic's text is not shown: it may quote what the feed was reading.
fn panicked(feed: FeedId, panic: &(dyn Any + Send)) -> Trouble {
    let _ = panic;
    Trouble::local(
        &format!("Feed {feed} stopped by a fault of Baowatch itself"),
        "it was started again",
        "Please report this with the log file; the other feeds go on",
    )
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
