//! Who asks: the language of the answer, and the id that links the logs.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use backend_api::Language;
use service_kit::RequestId;

/// What calls to the backend pass on.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) language: Language,
    pub(crate) request_id: Option<HeaderValue>,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let accepted = parts.headers.get(header::ACCEPT_LANGUAGE);
        Ok(Self {
            language: Language::preferred(accepted.map(HeaderValue::as_bytes)),
            request_id: parts
                .extensions
                .get::<RequestId>()
                .map(RequestId::to_header),
        })
    }
}
