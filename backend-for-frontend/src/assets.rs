//! The files that the pages load, which are part of the binary.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

/// The pages name the version of the service in the URL, so a browser may keep what it has.
const CACHED: &str = "public, max-age=86400";

pub(crate) async fn script() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, CACHED),
    ];
    (headers, include_str!("assets/portal.js"))
}

pub(crate) async fn style() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, CACHED),
    ];
    (headers, include_str!("assets/style.css"))
}
