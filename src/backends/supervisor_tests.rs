//! Feeds that answer, hang, fail and panic, under a clock that jumps.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;

use super::*;
use crate::backends::feeds::LONGEST_LOOK;

#[derive(Default)]
struct Sink(Mutex<Vec<(FeedId, Result<usize, TroubleKind>)>>);

impl FactSink for Sink {
    fn report(&self, report: Report) {
        let outcome = report.outcome.map(|facts| facts.len()).map_err(|trouble| trouble.kind);
        self.0.lock().unwrap().push((report.feed, outcome));
    }
}

impl Sink {
    fn of(&self, feed: FeedId) -> Vec<Result<usize, TroubleKind>> {
        self.0.lock().unwrap().iter().filter(|(id, _)| *id == feed).map(|(_, outcome)| *outcome).collect()
    }
}

enum Does {
    Answer,
    Hang,
    PanicOnce,
    Unreachable,
    Denied,
    Push,
    /// Looks take five seconds after the first, and these come at their second: a change, or the end of the watch.
    Slowly {
        confirms: bool,
        pushes: Vec<(u64, bool)>,
    },
}

struct Fake {
    id: FeedId,
    does: Does,
    looks: Arc<AtomicU32>,
}

/// How long a look may take that hangs in a long list.
const LONG: Duration = Duration::from_mins(2);

#[async_trait]
impl Feed for Fake {
    fn id(&self) -> FeedId {
        self.id
    }

    fn patience(&self) -> Duration {
        if self.id == FeedId::Secrets { LONG } else { LONGEST_LOOK }
    }

    fn only_confirms(&self) -> bool {
        matches!(self.does, Does::Slowly { confirms: true, .. })
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let before = self.looks.fetch_add(1, Ordering::SeqCst);
        match self.does {
            Does::Slowly { .. } if before > 0 => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok(Vec::new())
            }
            Does::Slowly { .. } | Does::Answer | Does::Push => Ok(Vec::new()),
            Does::Hang => std::future::pending().await,
            Does::PanicOnce => {
                assert!(before > 0, "CANARY");
                Ok(Vec::new())
            }
            Does::Unreachable => Err(Trouble::unreachable("x", "", "")),
            Does::Denied => Err(Trouble::denied("x", "", "")),
        }
    }

    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        let begun = Instant::now();
        let pushes = match &self.does {
            Does::Push => vec![(0, true)],
            Does::Slowly { pushes, .. } => pushes.clone(),
            _ => return None,
        };
        let pushes = futures::stream::iter(pushes).then(move |(second, well)| async move {
            tokio::time::sleep_until(begun + Duration::from_secs(second)).await;
            if well { Ok(vec![Fact::Pods(Vec::new())]) } else { Err(Trouble::unreachable("x", "", "")) }
        });
        Some(pushes.chain(futures::stream::pending()).boxed())
    }
}

struct Bench {
    sink: Arc<Sink>,
    handle: Handle,
    tasks: TaskTracker,
    stop: CancellationToken,
    looks: Arc<AtomicU32>,
}

fn bench(feeds: Vec<(FeedId, Does)>) -> Bench {
    let (sink, tasks, stop, looks) =
        (Arc::new(Sink::default()), TaskTracker::new(), CancellationToken::new(), Arc::default());
    let feeds = feeds
        .into_iter()
        .map(|(id, does)| Box::new(Fake { id, does, looks: Arc::clone(&looks) }) as Box<dyn Feed>)
        .collect();
    let handle = Supervisor::start(feeds, Arc::clone(&sink) as Arc<dyn FactSink>, &tasks, &stop);
    Bench { sink, handle, tasks, stop, looks }
}

impl Bench {
    async fn after(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[tokio::test(start_paused = true)]
async fn looks_once_a_period_and_when_asked() {
    let bench = bench(vec![(FeedId::Rights, Does::Answer)]);
    bench.after(1).await;
    assert_eq!(bench.looks.load(Ordering::SeqCst), 1);
    bench.handle.look_now(FeedId::Rights);
    bench.handle.look_now(FeedId::Rights);
    bench.after(1).await;
    assert_eq!(bench.looks.load(Ordering::SeqCst), 2);
    bench.after(61).await;
    assert_eq!(bench.looks.load(Ordering::SeqCst), 3);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_hanging_feed_says_so_and_blocks_nobody() {
    let bench = bench(vec![(FeedId::Seal, Does::Hang), (FeedId::Secrets, Does::Hang), (FeedId::Pods, Does::Answer)]);
    bench.after(14).await;
    assert_eq!(bench.sink.of(FeedId::Seal), [Err(TroubleKind::Unreachable)]);
    assert!(bench.sink.of(FeedId::Pods).len() >= 3);
    assert_eq!(bench.sink.of(FeedId::Secrets), []);
    bench.after(110).await;
    assert_eq!(bench.sink.of(FeedId::Secrets), [Err(TroubleKind::Unreachable)]);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_trouble_and_the_feed_goes_on() {
    let bench = bench(vec![(FeedId::Seal, Does::PanicOnce)]);
    bench.after(3).await;
    assert_eq!(bench.sink.of(FeedId::Seal)[..2], [Err(TroubleKind::Local), Ok(0)]);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reached_is_tried_sooner_first_and_never_rarer_than_ten_seconds() {
    let bench = bench(vec![(FeedId::Seal, Does::Unreachable)]);
    bench.after(3).await;
    assert!(bench.sink.of(FeedId::Seal).len() >= 3);
    bench.after(100).await;
    let before = bench.sink.of(FeedId::Seal).len();
    bench.after(10).await;
    assert!(bench.sink.of(FeedId::Seal).len() > before);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_asked_at_the_usual_pace() {
    let bench = bench(vec![(FeedId::Rights, Does::Denied)]);
    bench.after(59).await;
    assert_eq!(bench.sink.of(FeedId::Rights), [Err(TroubleKind::Denied)]);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn pushed_facts_come_at_once() {
    let bench = bench(vec![(FeedId::Rights, Does::Push)]);
    bench.after(1).await;
    assert_eq!(bench.sink.of(FeedId::Rights), [Ok(0), Ok(1)]);
    bench.end().await;
}

#[tokio::test(start_paused = true)]
async fn changes_come_through_while_a_look_only_asks_for_an_answer_and_wait_behind_a_list() {
    for confirms in [true, false] {
        let bench = bench(vec![(FeedId::Rights, Does::Slowly { confirms, pushes: vec![(2, true)] })]);
        bench.after(1).await;
        bench.handle.look_now(FeedId::Rights);
        bench.after(2).await;
        assert_eq!(bench.sink.of(FeedId::Rights).len(), if confirms { 2 } else { 1 });
        bench.after(4).await;
        let order = if confirms { [Ok(0), Ok(1), Ok(0)] } else { [Ok(0), Ok(0), Ok(1)] };
        assert_eq!(bench.sink.of(FeedId::Rights), order);
        bench.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_off_during_a_look_is_looked_after_at_once_and_tells_nothing_before() {
    let pushes = vec![(2, false), (3, true)];
    let bench = bench(vec![(FeedId::Rights, Does::Slowly { confirms: true, pushes })]);
    bench.after(1).await;
    bench.handle.look_now(FeedId::Rights);
    bench.after(4).await;
    assert_eq!(bench.sink.of(FeedId::Rights), [Ok(0)]);
    bench.after(2).await;
    assert_eq!(bench.sink.of(FeedId::Rights), [Ok(0), Ok(0), Ok(1)]);
    assert_eq!(bench.looks.load(Ordering::SeqCst), 3);
    bench.end().await;
}
