//! Work that outlives its request.

use std::future::Future;
use std::sync::LazyLock;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Every task holds a receiver for as long as it runs. A process serves once, so they need not be told apart.
static TASKS: LazyLock<watch::Sender<()>> = LazyLock::new(watch::Sender::default);

/// Starts work that goes on also where the client of its request goes away. [`serve`](crate::serve) lets it end before
/// the process stops, which `tokio::spawn` would not.
pub fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let running = TASKS.subscribe();
    tokio::spawn(async move {
        let output = work.await;
        drop(running);
        output
    })
}

/// Waits until no such work is running.
pub(crate) async fn all_ended() {
    TASKS.closed().await;
}
