//! A request id and a log line for every request.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::Request;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

/// Names one request in the logs of every service that it passes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The header that carries it, in both directions.
    pub const HEADER: &str = "x-request-id";

    /// Longer ones are not taken over: they would let a client fill the logs.
    const MAX_LENGTH: usize = 64;

    /// The id as a header's value.
    pub fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }

    fn of(headers: &HeaderMap) -> Self {
        headers
            .get(Self::HEADER)
            .filter(|value| Self::is_acceptable(value))
            .cloned()
            .map_or_else(Self::new, Self)
    }

    fn is_acceptable(value: &HeaderValue) -> bool {
        (1..=Self::MAX_LENGTH).contains(&value.len())
            && value.as_bytes().iter().all(u8::is_ascii_graphic)
    }

    /// Unique by the random number of this process and a count: cheaper than a UUID.
    fn new() -> Self {
        static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(()));
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let id = format!(
            "{:016x}-{}",
            *PROCESS,
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        HeaderValue::try_from(id).map_or_else(|_| Self(HeaderValue::from_static("unknown")), Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The outermost layer: gives the request its id, answers with it, lets no browser take the answer for anything but
/// its media type, and logs what was answered.
pub async fn observe(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let span = tracing::info_span!("request", request_id = %id, method = %request.method(), path = request.uri().path());
    request.extensions_mut().insert(id.clone());

    let mut response = next.run(request).instrument(span.clone()).await;

    let headers = response.headers_mut();
    headers.insert(RequestId::HEADER, id.to_header());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    span.in_scope(|| {
        let duration_ms = started.elapsed().as_secs_f64() * 1e3;
        tracing::info!(status = response.status().as_u16(), duration_ms, "answered");
    });
    response
}
