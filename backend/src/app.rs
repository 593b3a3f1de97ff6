//! The service as a router, the same for the process and for tests.

use axum::routing::get;
use axum::{Json, Router, middleware};
use backend_api::BASE;
use sqlx::AnyPool;

use crate::config::Config;
use crate::{database, health, sample, users};

/// Opens the database and builds the service on it.
pub async fn build(config: Config) -> Result<Router, sqlx::Error> {
    let pool = database::open(&config.database).await?;
    if config.sample_data {
        sample::load(&pool).await?;
    }
    let api = Router::new()
        .route("/users", get(users::list))
        .route("/users/{userId}", get(users::find));
    let version = config.version;
    let routes: Router<AnyPool> = Router::new()
        .nest(BASE, api)
        .route("/backend/health/live", get(health::live))
        .route("/backend/health/ready", get(health::ready))
        .route("/backend/version", get(async || Json(version)));
    Ok(service_kit::guard(routes)
        .layer(middleware::from_fn(service_kit::observe))
        .with_state(pool))
}
