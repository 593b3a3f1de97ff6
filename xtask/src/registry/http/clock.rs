//! The time limit of a command.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The slowest transfer of a blob that does not count against the limit, in
/// bytes a second.
const STEADY_RATE: u64 = 64 * 1024;

/// One limit for all requests of a command. While blobs move at
/// [`STEADY_RATE`] or more it stands still.
#[derive(Debug)]
pub(super) struct Clock {
    limit: Duration,
    started: Instant,
    still: Mutex<Still>,
}

/// How long the clock stood still, and until when that is counted: transfers
/// side by side are counted once.
#[derive(Debug)]
struct Still {
    total: Duration,
    until: Instant,
}

impl Clock {
    pub(super) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self {
            limit,
            started: now,
            still: Mutex::new(Still {
                total: Duration::ZERO,
                until: now,
            }),
        }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// What is left of the limit.
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
        let mut still = self.still();
        let from = (now - earned).max(still.until);
        if from < now {
            still.total += now - from;
            still.until = now;
        }
    }

    fn still(&self) -> MutexGuard<'_, Still> {
        self.still.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
