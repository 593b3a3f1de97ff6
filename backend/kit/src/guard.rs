//! Bounds that hold for every request.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// How long a request may take; less than the grace that is given to running requests when the process stops.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Bounds the body and the time of each request, and answers a panic with 500.
pub fn guard<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            REQUEST_TIMEOUT,
        ))
        .layer(CatchPanicLayer::custom(after_panic))
}

/// The panic hook has logged the message already, with the request's span; it is nothing for the client.
fn after_panic(_message: Box<dyn Any + Send>) -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
