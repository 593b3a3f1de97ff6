//! The service as a router, the same for the process and for tests.

use axum::extract::State;
use axum::http::{Request, StatusCode, Uri};
use axum::routing::get;
use axum::{Json, Router, body::Body, middleware};
use backend_api::User;
use http_body_util::BodyExt;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use maud::{DOCTYPE, Markup, html};

use crate::config::Config;

#[derive(Clone)]
struct Backend {
    base: Uri,
    client: Client<HttpConnector, Body>,
}

/// Builds the service.
pub fn build(config: Config) -> Router {
    let version = config.version;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let pages = Router::new()
        .route("/health/live", get(async || StatusCode::OK))
        .route("/health/ready", get(async || StatusCode::OK))
        .route("/version", get(async || Json(version)))
        .route("/getUsers", get(get_users))
        .with_state(Backend {
            base: config.backend,
            client,
        });
    let routes = Router::new().nest("/backend-for-frontend", pages);
    service_kit::guard(routes).layer(middleware::from_fn(service_kit::observe))
}

async fn get_users(State(backend): State<Backend>) -> Result<Markup, StatusCode> {
    let users = backend.users().await.ok_or(StatusCode::BAD_GATEWAY)?;
    Ok(html! {
        (DOCTYPE)
        title { "Users" }
        table { @for user in users { tr { td { (user.first_name) } td { (user.family_name) } td { (user.login_id) } } } }
    })
}

impl Backend {
    async fn users(&self) -> Option<Vec<User>> {
        let base = self.base.to_string();
        let uri = format!("{}{}/users", base.trim_end_matches('/'), backend_api::BASE);
        let request = Request::get(uri).body(Body::empty()).ok()?;
        let body = self
            .client
            .request(request)
            .await
            .ok()?
            .into_body()
            .collect()
            .await
            .ok()?
            .to_bytes();
        serde_json::from_slice(&body).ok()
    }
}
