//! The backend, as functions.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use backend_api::limits::PAGE_MAX;
use backend_api::{NewUser, User, paths};
use serde::de::DeserializeOwned;
use service_kit::{BaseUrl, Client, RequestId};

use crate::caller::Caller;
use crate::failure::Failure;

/// A client of the backend. Clones share its connections.
#[derive(Clone)]
pub(crate) struct Backend(Client);

impl Backend {
    pub(crate) fn new(base: BaseUrl) -> Self {
        Self(Client::new(base))
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

    async fn call<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, Failure> {
        let mut headers = HeaderMap::new();
        let language = HeaderValue::from_static(caller.language.tag());
        headers.insert(header::ACCEPT_LANGUAGE, language);
        if let Some(id) = &caller.request_id {
            headers.insert(RequestId::HEADER, id.clone());
        }
        if !body.is_empty() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        let answer = self.0.call(method, path, headers, body).await?;
        understand(answer.status(), answer.body())
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
