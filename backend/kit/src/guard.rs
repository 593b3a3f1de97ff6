//! Bounds that hold for every request.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Error, Router};
use hyper::body::{Frame, SizeHint};
use tower_http::catch_panic::CatchPanicLayer;

/// The largest body that is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024;

/// How long a request may take; less than the grace that is given to running requests when the process stops.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Bounds the body and the time of each request, and answers a panic with 500.
pub fn guard<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(after_panic))
}

/// Gives up a request that takes too long. The status says who was waited for: alarms count what the service is to
/// blame for, and a client that does not send its body is not.
async fn in_time(request: Request, next: Next) -> Response {
    let waits_for_client = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| {
        Body::new(Watched {
            body,
            is_pending: Arc::clone(&waits_for_client),
        })
    });
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) if waits_for_client.load(Ordering::Relaxed) => {
            StatusCode::REQUEST_TIMEOUT.into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// A body, and whether somebody reads it and must wait for more of it.
struct Watched {
    body: Body,
    is_pending: Arc<AtomicBool>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.is_pending.store(frame.is_pending(), Ordering::Relaxed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The panic hook has logged the message already, with the request's span; it is nothing for the client.
fn after_panic(_message: Box<dyn Any + Send>) -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::routing::{any, get, post};
    use futures_util::stream::{self, Stream, StreamExt};
    use tower::ServiceExt;

    use super::*;

    async fn status_of(request: Request) -> StatusCode {
        let routes = Router::new()
            .route("/panic", get(panics))
            .route("/hang", any(std::future::pending::<()>))
            .route("/read", post(async |_: Bytes| ()))
            .route("/read-and-hang", post(read_and_hang));
        guard(routes).oneshot(request).await.unwrap().status()
    }

    async fn read_and_hang(_: Bytes) {
        std::future::pending().await
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

    fn started() -> impl Stream<Item = Result<&'static str, Infallible>> {
        stream::iter([Ok("the start")])
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_ends_the_body_is_told_so() {
        for body in [
            Body::from_stream(started().chain(stream::pending())),
            Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()),
        ] {
            let request = Request::post("/read").body(body).unwrap();
            assert_eq!(status_of(request).await, StatusCode::REQUEST_TIMEOUT);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_sent_the_body_is_not_to_blame() {
        for (path, body) in [
            ("/read-and-hang", Body::from_stream(started())),
            // It is never asked for.
            (
                "/hang",
                Body::from_stream(started().chain(stream::pending())),
            ),
        ] {
            let request = Request::post(path).body(body).unwrap();
            assert_eq!(status_of(request).await, StatusCode::SERVICE_UNAVAILABLE);
        }
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
