//! The service as a router, the same for the process and for tests.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router, middleware};
use backend_api::paths::{BASE, CONTEXT};
use service_kit::Version;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Config;
use crate::database::{self, Database};
use crate::{api, docs, health, openapi, problem, sample};

/// Opens the database and builds the service on it.
pub async fn build(config: Config) -> Result<Router, database::Error> {
    let database = Database::open(&config.database).await?;
    if config.sample_data {
        sample::load(&database).await?;
    }
    Ok(router(database, config.version))
}

fn router(database: Database, version: Version) -> Router {
    let document = OpenApiRouter::with_openapi(openapi::Document::openapi());
    let (api, document) = document.nest(BASE, api::router()).split_for_parts();
    let document = Arc::new(openapi::complete(document));
    let page = Bytes::from(docs::page(&document).into_string());
    let paths = Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/version", get(async || Json(version)))
        .route(
            "/openapi.json",
            get(async move || Json(&*document).into_response()),
        )
        .route(
            "/docs",
            get(async move || {
                (
                    [(
                        CONTENT_SECURITY_POLICY,
                        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
                    )],
                    Html(page),
                )
            }),
        );
    service_kit::guard(api.nest(CONTEXT, paths))
        .layer(middleware::from_fn(problem::explain))
        .layer(middleware::from_fn(service_kit::observe))
        .with_state(database)
}
