//! The time limit of a request.

use std::time::Duration;

use parameter_store_protocol::{Class, Failure};
use tokio::time::{Instant, timeout_at};

/// How long a request may take, and since when it does.
pub(crate) struct Clock {
    limit: Duration,
    end: Instant,
}

impl Clock {
    /// A limit that begins now.
    pub(crate) fn start(limit: Duration) -> Self {
        Self {
            limit,
            end: Instant::now() + limit,
        }
    }

    /// What `work` gives, unless the limit comes first.
    pub(crate) async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        timeout_at(self.end, work).await.map_err(|_| Failure {
            class: Class::Unavailable,
            message: format!(
                "Parameter Store gave no usable answer within {} seconds",
                self.limit.as_secs()
            ),
            hints: vec!["allow more time with `--timeout SECONDS`".into()],
        })
    }
}
