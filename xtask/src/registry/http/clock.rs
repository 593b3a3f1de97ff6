//! The time limit of a command.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The slowest transfer of a blob that does not count against the limit, in
/// bytes a second.
const STEADY_RATE: u64 = 64 * 1024;

/// One limit for all requests of a command. It stands still while nobody waits for a
/// registry, as where services are compiled in between, and while blobs move at
/// [`STEADY_RATE`] or more.
#[derive(Debug)]
pub(super) struct Clock {
    limit: Duration,
    started: Instant,
    still: Mutex<Still>,
}

/// How long the clock stood still, and until when that is counted: what happens side
/// by side is counted once.
#[derive(Debug)]
struct Still {
    total: Duration,
    until: Instant,
    /// How many wait for a registry.
    waiting: usize,
    /// When the last of them ended.
    idle_since: Instant,
}

impl Still {
    /// Counts the time between these two, as far as it is not counted yet.
    fn count(&mut self, from: Instant, to: Instant) {
        let from = from.max(self.until);
        if from < to {
            self.total += to - from;
            self.until = to;
        }
    }
}

/// While it lives, somebody waits for a registry.
pub(super) struct Running<'a>(&'a Clock);

impl Clock {
    /// A clock that stands still until somebody waits.
    pub(super) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self {
            limit,
            started: now,
            still: Mutex::new(Still {
                total: Duration::ZERO,
                until: now,
                waiting: 0,
                idle_since: now,
            }),
        }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Lets the clock run as long as what is returned lives.
    pub(super) fn run(&self) -> Running<'_> {
        let mut still = self.still();
        if still.waiting == 0 {
            let idle_since = still.idle_since;
            still.count(idle_since, Instant::now());
        }
        still.waiting += 1;
        Running(self)
    }

    /// What is left of the limit, for whoever waits.
    pub(super) fn remaining(&self) -> Duration {
        let still = self.still().total;
        self.limit
            .saturating_sub(self.started.elapsed().saturating_sub(still))
    }

    /// Counts `bytes` of a blob that moved since `since`.
    pub(super) fn moved(&self, since: Instant, bytes: u64) {
        let now = Instant::now();
        let steady = Duration::from_secs_f64(bytes as f64 / STEADY_RATE as f64);
        let earned = steady.min(now.duration_since(since));
        self.still().count(now - earned, now);
    }

    fn still(&self) -> MutexGuard<'_, Still> {
        self.still.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut still = self.0.still();
        still.waiting -= 1;
        if still.waiting == 0 {
            still.idle_since = Instant::now();
        }
    }
}
