//! The time limit of a command.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The slowest transfer of a blob that does not count against the limit, in
/// bytes a second.
const STEADY_RATE: u64 = 64 * 1024;

/// One limit for all requests of a command. It runs while anybody waits for a
/// registry: what else a command does, such as compiling, takes the time that it takes.
/// While blobs move at [`STEADY_RATE`] or more it stands still.
#[derive(Debug)]
pub(super) struct Clock {
    limit: Duration,
    time: Mutex<Time>,
}

/// What the clock shows. Waits side by side are counted once, and so are transfers.
#[derive(Debug)]
struct Time {
    /// How many wait now, since when, and how long others did before.
    waiting: usize,
    since: Instant,
    waited: Duration,
    /// How long the clock stood still, and until when that is counted.
    still: Duration,
    until: Instant,
}

/// Somebody who waits for a registry, until this is dropped.
pub(super) struct Waiting<'a>(&'a Clock);

impl Clock {
    pub(super) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self {
            limit,
            time: Mutex::new(Time {
                waiting: 0,
                since: now,
                waited: Duration::ZERO,
                still: Duration::ZERO,
                until: now,
            }),
        }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// What is left of the limit.
    pub(super) fn remaining(&self) -> Duration {
        let time = self.time();
        self.limit
            .saturating_sub(time.waited_until_now().saturating_sub(time.still))
    }

    /// Lets the clock run as long as the result lives.
    pub(super) fn wait(&self) -> Waiting<'_> {
        let mut time = self.time();
        if time.waiting == 0 {
            time.since = Instant::now();
        }
        time.waiting += 1;
        Waiting(self)
    }

    /// Counts `bytes` of a blob that moved since `since`.
    pub(super) fn moved(&self, since: Instant, bytes: u64) {
        let now = Instant::now();
        let steady = Duration::from_secs_f64(bytes as f64 / STEADY_RATE as f64);
        let earned = steady.min(now.duration_since(since));
        let mut time = self.time();
        let from = (now - earned).max(time.until);
        if from < now {
            time.still += now - from;
            time.until = now;
        }
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Time {
    fn waited_until_now(&self) -> Duration {
        match self.waiting {
            0 => self.waited,
            _ => self.waited + self.since.elapsed(),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut time = self.0.time();
        time.waited = time.waited_until_now();
        time.since = Instant::now();
        time.waiting -= 1;
    }
}
