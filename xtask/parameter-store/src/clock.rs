//! The time limit of a request.

use std::time::Duration;

use parameter_store_protocol::{Class, Failure};
use tokio::time::{Instant, timeout_at};

use crate::attempts::Attempts;

/// How long a request may take, since when it does, and what became of it so far.
pub(crate) struct Clock {
    limit: Duration,
    end: Instant,
    pub(crate) attempts: Attempts,
}

impl Clock {
    /// A limit that begins now.
    pub(crate) fn start(limit: Duration) -> Self {
        Self {
            limit,
            end: Instant::now() + limit,
            attempts: Attempts::default(),
        }
    }

    /// What `work` gives, unless the limit comes first.
    pub(crate) async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        timeout_at(self.end, work).await.map_err(|_| Failure {
            class: Class::Unavailable,
            message: self.out_of_time(),
            hints: vec!["try again later, or allow more time with `--timeout SECONDS`".into()],
        })
    }

    fn out_of_time(&self) -> String {
        let why = self.attempts.last_failure();
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let limit = self.limit.as_secs();
        format!("Parameter Store: no usable answer within the time limit of {limit} s{why}")
    }
}
