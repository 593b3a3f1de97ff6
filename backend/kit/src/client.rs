//! Calling another service.

use std::error::Error;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use crate::{BaseUrl, causes, tls};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call may take, with its retry.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection is kept; load balancers close theirs after 60 seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// A client of another service. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    base: BaseUrl,
    connections: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// Why a call has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoAnswer {
    /// No connection, or one that broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Nothing within the time.
    #[error("it is too slow")]
    TooSlow,
    /// More than is read.
    #[error("it is longer than {ANSWER_LIMIT} bytes")]
    TooLong,
}

impl Client {
    /// A client of the service that is there.
    pub fn new(base: BaseUrl) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(base.is_https()))
            .https_or_http()
            .enable_http1()
            // `build` would take a connector of its own, without these settings.
            .wrap_connector(connector);
        let connections = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Self { base, connections }
    }

    /// One call, and one more where that does no harm and may help. The answer is whole, whatever its status.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = self.base.join(path).map_err(unreachable)?;
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        let deadline = Instant::now() + CALL_TIMEOUT;
        let attempt = || timeout_at(deadline, self.attempt(request.clone()));

        let first = attempt().await.unwrap_or(Err(NoAnswer::TooSlow));
        let reason = match &first {
            Err(NoAnswer::Unreachable(cause)) => cause.clone(),
            Ok(answer) if answer.status().is_server_error() => answer.status().to_string(),
            _ => return first,
        };
        if !request.method().is_idempotent() {
            return first;
        }
        tracing::warn!(reason, method = %request.method(), path, "trying once more");
        // Where the time is over before the second answer comes, the first one says more.
        attempt().await.unwrap_or(first)
    }

    async fn attempt(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, NoAnswer> {
        let answer = self.connections.request(request).await;
        let (parts, body) = answer.map_err(unreachable)?.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await;
        let body = body.map_err(unread)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// Why an answer was not read to its end. One that is too long is so the next time as well.
fn unread(error: Box<dyn Error + Send + Sync>) -> NoAnswer {
    if error.is::<LengthLimitError>() {
        NoAnswer::TooLong
    } else {
        unreachable(error)
    }
}

fn unreachable(error: impl Into<Box<dyn Error + Send + Sync>>) -> NoAnswer {
    NoAnswer::Unreachable(causes(&*error.into()))
}
