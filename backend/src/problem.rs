//! Every error leaves as a problem document, whoever found it: a handler, the router or a layer.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use backend_api::{Language, Problem, paths};

use crate::error::Explanation;

/// The layer that writes the documents.
pub(crate) async fn explain(request: Request, next: Next) -> Response {
    let accepted = request.headers().get(header::ACCEPT_LANGUAGE);
    let language = Language::preferred(accepted.map(HeaderValue::as_bytes));
    let mut response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = match response.extensions_mut().remove::<Explanation>() {
        Some(explanation) => explained(explanation, status, language),
        None => plain(status, language),
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_LANGUAGE,
        HeaderValue::from_static(language.tag()),
    );
    parts
        .headers
        .insert(header::VARY, HeaderValue::from_static("accept-language"));
    let media_type = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static(Problem::MEDIA_TYPE),
    )];
    (parts.status, parts.headers, media_type, Json(problem)).into_response()
}

fn explained(explanation: Explanation, status: StatusCode, language: Language) -> Problem {
    let Explanation {
        code,
        args,
        violations,
    } = explanation;
    Problem {
        kind: format!("{}/docs#{}", paths::CONTEXT, code.as_str()),
        title: code.title().to_owned(),
        status: status.as_u16(),
        detail: code.message(language, &args),
        code: code.as_str().to_owned(),
        args,
        errors: violations
            .iter()
            .map(|violation| violation.in_language(language))
            .collect(),
    }
}

/// What HTTP itself defines needs no more than its status.
fn plain(status: StatusCode, language: Language) -> Problem {
    Problem::plain(
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error"),
        format!("HTTP{}", status.as_u16()),
        detail_of(status, language),
    )
}

fn detail_of(status: StatusCode, language: Language) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => language.choose(
            "There is nothing at this path.",
            "このパスには何もありません。",
        ),
        StatusCode::METHOD_NOT_ALLOWED => language.choose(
            "This path does not have this method.",
            "このパスではこのメソッドは使用できません。",
        ),
        StatusCode::REQUEST_TIMEOUT => language.choose(
            "The body did not arrive in time.",
            "リクエストの本文の受信が時間内に完了しませんでした。",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => {
            language.choose("The body is too large.", "リクエストの本文が大きすぎます。")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => language.choose(
            "The body must be application/json.",
            "本文はapplication/jsonで送信してください。",
        ),
        StatusCode::SERVICE_UNAVAILABLE => language.choose(
            "The service cannot answer now; try again later.",
            "現在サービスを利用できません。しばらくしてから再試行してください。",
        ),
        status if status.is_server_error() => language.choose(
            "The service has a fault; it is in its log.",
            "サービスで障害が発生しました。",
        ),
        _ => language.choose(
            "The request is malformed.",
            "リクエストの形式が正しくありません。",
        ),
    }
}
