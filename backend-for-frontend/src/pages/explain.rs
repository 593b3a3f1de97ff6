//! What every answer gets on its way out: headers that keep a browser safe, and a page where there is only a status.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use backend_api::Language;
use maud::{Markup, html};

use super::{layout, notice};
use crate::caller::Caller;
use crate::failure::Failure;

/// Nothing is loaded from elsewhere, nothing inline, and nobody may frame the pages.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::VARY, "accept-language"),
];

/// The layer that does it.
pub(crate) async fn explain(caller: Caller, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let mut response = if is_bare_error(&response) {
        explained(caller.language, response)
    } else {
        response
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    // Pages show personal data; only the files that never change may be kept.
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Pages and problem documents explain themselves; what routers, extractors and layers answer does not.
fn is_bare_error(response: &Response) -> bool {
    let media_type = response
        .headers()
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let is_plain = media_type.is_empty() || media_type.starts_with(b"text/plain");
    (response.status().is_client_error() || response.status().is_server_error()) && is_plain
}

fn explained(language: Language, mut response: Response) -> Response {
    let status = response.status();
    let page = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => page(language, &notice::failed(language, &failure, &[]).text),
        None => page(language, text(status, language)),
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_TYPE);
    (parts.status, parts.headers, page).into_response()
}

fn page(language: Language, text: &str) -> Markup {
    let content = html! { p id="message-panel" role="alert" class="error" { (text) } };
    layout::page(
        language,
        language.choose("That did not work", "エラー"),
        &content,
    )
}

fn text(status: StatusCode, language: Language) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => {
            language.choose("There is no such page.", "ページが見つかりません。")
        }
        StatusCode::METHOD_NOT_ALLOWED => language.choose(
            "This page cannot be used like that.",
            "このページではその操作はできません。",
        ),
        StatusCode::REQUEST_TIMEOUT => language.choose(
            "The request did not arrive in time. Try again.",
            "リクエストの受信が時間内に完了しませんでした。再試行してください。",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => language.choose(
            "That was too much at once.",
            "送信された内容が大きすぎます。",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => language.choose(
            "Only the form of the portal can be sent here.",
            "ここに送信できるのはポータルのフォームだけです。",
        ),
        status if status.is_server_error() => language.choose(
            "The service has a fault. Try again later.",
            "障害が発生しました。しばらくしてから再試行してください。",
        ),
        _ => language.choose(
            "The request was not understood.",
            "リクエストを解釈できませんでした。",
        ),
    }
}
