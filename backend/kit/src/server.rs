//! Listening, serving, and stopping without losing a request.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::{Environment, Misconfigured};

/// How long running requests may go on after the signal to stop. ECS kills a container after 30 seconds.
const GRACE: Duration = Duration::from_secs(20);

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

/// Serves until SIGTERM or SIGINT, then lets the running requests end.
pub async fn serve(listen: Listen, app: Router) -> io::Result<()> {
    let stop = stop_signal()?;
    let listener = TcpListener::bind(listen.0).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let listener = listener.tap_io(without_delay);

    let (stopping, stopped) = oneshot::channel();
    // A router by itself would be copied for every connection, with all its routes.
    let server = axum::serve(listener, app.into_make_service()).with_graceful_shutdown(async {
        stop.await;
        tracing::info!("stopping");
        let _ = stopping.send(());
    });
    tokio::select! {
        ended = server => ended,
        () = grace_is_over(stopped) => {
            tracing::warn!("stopped with requests still running");
            Ok(())
        }
    }
}

/// Resolves at the first signal that asks the process to stop. ECS and Docker send SIGTERM, a terminal SIGINT.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}

async fn grace_is_over(stopped: oneshot::Receiver<()>) {
    let _ = stopped.await;
    tokio::time::sleep(GRACE).await;
}

/// Answers are small and complete: waiting for more to send would only delay them.
fn without_delay(stream: &mut tokio::net::TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
}
