//! Listening, serving, and stopping without losing a request.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::serve::{Listener, ListenerExt};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Environment, Misconfigured, task};

/// How long running requests and tasks may go on after the signal to stop. ECS kills a container after 30 seconds.
const GRACE: Duration = Duration::from_secs(20);

/// How long a client may take to send the header of a request, and may keep a connection without one. Load balancers
/// keep theirs for 60 seconds: closed earlier, one of their requests could meet the end of its connection.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(75);

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(SocketAddr);

impl Listen {
    /// Reads `HOST` and `PORT`.
    pub fn from_env(environment: &Environment) -> Result<Self, Misconfigured> {
        let host =
            environment.parsed_or("HOST", IpAddr::from(Ipv4Addr::UNSPECIFIED), "an IP address")?;
        let port = environment.parsed_or("PORT", 8080, "a port number, 0 to 65535")?;
        Ok(Self(SocketAddr::new(host, port)))
    }
}

/// Serves until SIGTERM or SIGINT, then lets the running requests end, and what they started with
/// [`spawn`](crate::spawn); a second signal does not wait for them.
pub async fn serve(listen: Listen, app: Router) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let listener = TcpListener::bind(listen.0).await.map_err(|error| {
        io::Error::new(error.kind(), format!("listening at {}: {error}", listen.0))
    })?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let connections = accept_until(signals.next(), listener, app).await;
    tracing::info!("stopping");
    // Only requests start tasks, so there are no new ones after the last connection.
    let ended = async {
        connections.shutdown().await;
        task::all_ended().await;
    };
    tokio::select! {
        () = ended => return Ok(()),
        () = tokio::time::sleep(GRACE) => (),
        () = signals.next() => (),
    }
    tracing::warn!("stopped with requests or tasks still running");
    Ok(())
}

/// Serves every connection that comes until `stop`. The listener is closed then, the connections are not.
async fn accept_until(
    stop: impl Future<Output = ()>,
    listener: TcpListener,
    app: Router,
) -> GracefulShutdown {
    let mut listener = listener.tap_io(without_delay);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(SILENCE_TIMEOUT);
    let connections = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let (stream, _) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = &mut stop => return connections,
        };
        let service = TowerToHyperService::new(app.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = crate::causes(&error), "a connection broke");
            }
        });
    }
}

/// The signals that ask the process to stop. ECS and Docker send SIGTERM, a terminal SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}

/// Answers are small and complete: waiting for more to send would only delay them.
fn without_delay(stream: &mut tokio::net::TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// Nothing here waits for anything but the clock, so it jumps to the time-out.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_its_header_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(accept_until(
            std::future::pending(),
            listener,
            Router::new(),
        ));
        let mut client = TcpStream::connect(address).await.unwrap();
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
}
