//! When this machine stood still: threads that only sleep, and were woken late. Virtual machines that share a host do, and what is
//! measured meanwhile says nothing of the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};

/// What a thread sleeps.
const NAP: Duration = Duration::from_millis(2);
/// Woken so much too late, it tells.
const LATE: Duration = Duration::from_millis(20);

/// From when to when.
pub type Stall = (Instant, Instant);

/// The threads.
pub struct Stalls {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Stall>>>,
}

impl Stalls {
    /// Begins to watch.
    pub fn watch() -> Self {
        let ended = Arc::<AtomicBool>::default();
        let processors = std::thread::available_parallelism().unwrap().get();
        // One on each processor: one that is idle wakes in time while the host keeps the other, which works.
        let sleeper = |processor: usize| {
            let ended = Arc::clone(&ended);
            std::thread::spawn(move || {
                let mut only = CpuSet::new();
                only.set(processor);
                sched_setaffinity(None, &only).unwrap();
                let mut stalls = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    std::thread::sleep(NAP);
                    if began.elapsed() > NAP + LATE {
                        stalls.push((began, Instant::now()));
                    }
                }
                stalls
            })
        };
        let threads = (0..processors).map(sleeper).collect();
        Self { ended, threads }
    }

    /// Ends it, and tells when.
    pub fn end(self) -> Vec<Stall> {
        self.ended.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    }
}

/// What the host took from this machine until now, in ticks of all its processors: the eighth figure of `/proc/stat`.
pub fn stolen() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    stat.lines().next().unwrap().split_whitespace().nth(8).unwrap().parse().unwrap()
}
