//! The files that the pages load, which are part of the binary.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

const SCRIPT: &str = include_str!("assets/portal.js");
const STYLE: &str = include_str!("assets/style.css");

/// What the pages put behind the URLs: other files have another mark, so a browser may keep what it has.
pub(crate) const MARK: u64 = mark(mark(FNV_OFFSET, SCRIPT.as_bytes()), STYLE.as_bytes());

const CACHED: &str = "public, max-age=86400";

pub(crate) async fn script() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, CACHED),
    ];
    (headers, SCRIPT)
}

pub(crate) async fn style() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, CACHED),
    ];
    (headers, STYLE)
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The hash FNV-1a of `bytes`, going on from an earlier one.
const fn mark(earlier: u64, bytes: &[u8]) -> u64 {
    let mut hash = earlier;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(FNV_PRIME);
        index += 1;
    }
    hash
}
