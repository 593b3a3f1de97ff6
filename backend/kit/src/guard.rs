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

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};
    use axum::extract::Request;
    use axum::routing::{get, post};
    use tower::ServiceExt;

    use super::*;

    async fn status_of(request: Request) -> StatusCode {
        let routes = Router::new()
            .route("/panic", get(panics))
            .route("/hang", get(std::future::pending::<()>))
            .route("/read", post(async |_: Bytes| ()));
        guard(routes).oneshot(request).await.unwrap().status()
    }

    async fn panics() {
        panic!("only a test")
    }

    fn get_of(path: &str) -> Request {
        Request::get(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        assert_eq!(
            status_of(get_of("/panic")).await,
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }

    /// Nothing here waits for anything but the clock, so it jumps to the time-out.
    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_is_given_up() {
        assert_eq!(
            status_of(get_of("/hang")).await,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }

    #[tokio::test]
    async fn a_body_may_have_a_certain_size() {
        for (size, status) in [
            (BODY_LIMIT, StatusCode::OK),
            (BODY_LIMIT + 1, StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let request = Request::post("/read")
                .body(Body::from(vec![0; size]))
                .unwrap();
            assert_eq!(status_of(request).await, status, "{size}");
        }
    }
}
