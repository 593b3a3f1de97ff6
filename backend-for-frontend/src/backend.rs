//! The backend, as functions.

use std::error::Error;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode, header};
use backend_api::limits::PAGE_MAX;
use backend_api::{NewUser, User, paths};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use service_kit::{BaseUrl, RequestId};
use tokio::time::{Instant, timeout_at};

use crate::caller::Caller;
use crate::failure::Failure;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a call may take, with its retry.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection is kept; load balancers close theirs after 60 seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// A client of the backend. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Backend {
    base: BaseUrl,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Backend {
    pub(crate) fn new(base: BaseUrl) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(service_kit::tls(base.is_https()))
            .https_or_http()
            .enable_http1()
            // `build` would take a connector of its own, without these settings.
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Self { base, client }
    }

    /// The users after the given one, as many as a page of the backend holds.
    pub(crate) async fn users(&self, caller: &Caller, after: i64) -> Result<Vec<User>, Failure> {
        self.call(
            caller,
            Method::GET,
            &paths::users(after, PAGE_MAX),
            Bytes::new(),
        )
        .await
    }

    /// One user.
    pub(crate) async fn user(&self, caller: &Caller, user_id: i64) -> Result<User, Failure> {
        self.call(caller, Method::GET, &paths::user(user_id), Bytes::new())
            .await
    }

    /// The user with a loginId that obeys its limit.
    pub(crate) async fn user_by_login_id(
        &self,
        caller: &Caller,
        login_id: &str,
    ) -> Result<User, Failure> {
        self.call(
            caller,
            Method::GET,
            &paths::user_by_login_id(login_id),
            Bytes::new(),
        )
        .await
    }

    /// Adds a user.
    pub(crate) async fn add_user(&self, caller: &Caller, new: &NewUser) -> Result<User, Failure> {
        let body =
            serde_json::to_vec(new).map_err(|error| Failure::NotUnderstood(error.to_string()))?;
        self.call(caller, Method::POST, &paths::new_user(), body.into())
            .await
    }

    /// Deletes a user.
    pub(crate) async fn delete_user(&self, caller: &Caller, user_id: i64) -> Result<User, Failure> {
        self.call(caller, Method::DELETE, &paths::user(user_id), Bytes::new())
            .await
    }

    /// One call, and one more where that does no harm and may help.
    async fn call<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        let attempt = || timeout_at(deadline, self.attempt(caller, &method, path, body.clone()));
        match attempt().await.unwrap_or(Err(Failure::TooSlow)) {
            Err(failure) if method.is_idempotent() && failure.is_transient() => {
                tracing::warn!(%failure, %method, path, "trying once more");
                // Where the time is over before the second answer comes, the first one says more.
                attempt().await.unwrap_or(Err(failure))
            }
            outcome => outcome,
        }
    }

    async fn attempt<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, Failure> {
        let request = self
            .request(caller, method, path, body)
            .map_err(unreachable)?;
        let (parts, body) = self
            .client
            .request(request)
            .await
            .map_err(unreachable)?
            .into_parts();
        let body = Limited::new(body, ANSWER_LIMIT)
            .collect()
            .await
            .map_err(unread)?
            .to_bytes();
        understand(parts.status, &body)
    }

    fn request(
        &self,
        caller: &Caller,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, axum::http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.base.join(path)?)
            .header(header::ACCEPT_LANGUAGE, caller.language.tag());
        if let Some(id) = &caller.request_id {
            request = request.header(RequestId::HEADER, id);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(body))
    }
}

fn understand<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, Failure> {
    if status.is_success() {
        serde_json::from_slice(body).map_err(|error| Failure::NotUnderstood(error.to_string()))
    } else if status.is_client_error() {
        Err(Failure::Refused {
            status,
            problem: serde_json::from_slice(body).ok(),
        })
    } else if status.is_server_error() {
        Err(Failure::Faulty(status))
    } else {
        Err(Failure::NotUnderstood(format!("the status {status}")))
    }
}

/// Why an answer was not read to its end. One that is too long is so the next time as well.
fn unread(error: Box<dyn Error + Send + Sync>) -> Failure {
    if error.is::<LengthLimitError>() {
        Failure::NotUnderstood(format!("it is longer than {ANSWER_LIMIT} bytes"))
    } else {
        unreachable(error)
    }
}

fn unreachable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
    Failure::Unreachable(service_kit::causes(&*error.into()))
}
