//! A backend that does as it is told: the real one, with faults between.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use crate::bff::{Bff, backend, serve};

/// Only so that a test which waits in vain fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The connection breaks before the backend has done anything.
    Break,
    /// The backend does it, but the connection breaks before it can say so.
    DoAndBreak,
    /// No answer, ever.
    Hang,
    /// A status, and a body that is no JSON.
    Answer(StatusCode, &'static str),
}

/// A fault, and the requests that have it: those of the method with these numbers, counted from 0.
struct Planned {
    method: Method,
    numbers: Range<usize>,
    fault: Fault,
}

#[derive(Clone)]
pub(crate) struct Upstream {
    plan: Arc<Mutex<Vec<Planned>>>,
    seen: Arc<Mutex<Vec<(Method, HeaderMap)>>>,
    answered: watch::Sender<Vec<Method>>,
}

impl Upstream {
    /// It, and the service in front of it.
    pub(crate) async fn start() -> (Self, Bff) {
        let (upstream, address) = Self::listen().await;
        (upstream, Bff::in_front_of(address))
    }

    /// It, and where it listens.
    pub(crate) async fn listen() -> (Self, SocketAddr) {
        let upstream = Self {
            plan: Arc::default(),
            seen: Arc::default(),
            answered: watch::Sender::default(),
        };
        let router = backend()
            .await
            .layer(middleware::from_fn_with_state(upstream.clone(), interfere));
        (upstream, serve(router).await)
    }

    /// The requests of this method with these numbers have the fault.
    pub(crate) fn plan(&self, method: Method, numbers: Range<usize>, fault: Fault) {
        self.plan.lock().unwrap().push(Planned {
            method,
            numbers,
            fault,
        });
    }

    /// All requests of this method have the fault.
    pub(crate) fn always(&self, method: Method, fault: Fault) {
        self.plan(method, 0..usize::MAX, fault);
    }

    /// How many requests of this method came.
    pub(crate) fn count(&self, method: &Method) -> usize {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .filter(|(of, _)| of == method)
            .count()
    }

    /// The headers of the last request.
    pub(crate) fn last_headers(&self) -> HeaderMap {
        self.seen.lock().unwrap().last().unwrap().1.clone()
    }

    /// Waits until so many requests of this method are answered.
    pub(crate) async fn answered(&self, method: &Method, count: usize) {
        let mut answered = self.answered.subscribe();
        let enough =
            answered.wait_for(|methods| methods.iter().filter(|of| *of == method).count() >= count);
        tokio::time::timeout(PATIENCE, enough)
            .await
            .expect("requests that never came")
            .unwrap();
    }

    fn arrival(&self, request: &Request) -> Option<Fault> {
        let number = self.count(request.method());
        self.seen
            .lock()
            .unwrap()
            .push((request.method().clone(), request.headers().clone()));
        let plan = self.plan.lock().unwrap();
        let planned = plan.iter().find(|planned| {
            planned.method == request.method() && planned.numbers.contains(&number)
        });
        planned.map(|planned| planned.fault)
    }
}

async fn interfere(State(upstream): State<Upstream>, request: Request, next: Next) -> Response {
    match upstream.arrival(&request) {
        None => {
            let method = request.method().clone();
            let response = next.run(request).await;
            upstream
                .answered
                .send_modify(|methods| methods.push(method));
            response
        }
        Some(Fault::Break) => break_connection(),
        Some(Fault::DoAndBreak) => {
            next.run(request).await;
            break_connection()
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Answer(status, body)) => (status, body).into_response(),
    }
}

/// The task of the connection ends, and its socket with it; without the message that a panic would print.
fn break_connection() -> Response {
    std::panic::resume_unwind(Box::new("the connection breaks"))
}
