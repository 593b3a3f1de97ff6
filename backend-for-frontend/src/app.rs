//! The service as a router, the same for the process and for tests.

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};

use crate::backend::Backend;
use crate::config::Config;
use crate::{assets, handlers, pages};

/// Where all paths start.
pub(crate) const BASE: &str = "/backend-for-frontend";

/// Builds the service.
pub fn build(config: Config) -> Router {
    let version = config.version;
    let paths = Router::new()
        .route("/", get(handlers::portal))
        .route("/index.html", get(handlers::portal))
        .route("/portal", get(handlers::portal))
        .route("/getUsers", get(handlers::get_users))
        .route("/getUser", get(handlers::get_user))
        .route("/isUsableLoginId", get(handlers::is_usable_login_id))
        .route("/addUsers", post(handlers::add_users))
        .route("/assets/portal.js", get(assets::script))
        .route("/assets/style.css", get(assets::style))
        .route("/health/live", get(healthy))
        .route("/health/ready", get(healthy))
        .route("/version", get(async || Json(version)));
    let routes = Router::new()
        .nest(BASE, paths)
        // `nest` leaves this one out.
        .route(&format!("{BASE}/"), get(handlers::portal))
        .with_state(Backend::new(config.backend));
    service_kit::guard(routes)
        .layer(middleware::from_fn(pages::explain))
        .layer(middleware::from_fn(service_kit::observe))
}

/// Also without the backend: a page that says what is wrong is better than a load balancer that says nothing.
async fn healthy() -> StatusCode {
    StatusCode::OK
}
