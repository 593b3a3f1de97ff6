//! What can go wrong behind this service.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use backend_api::{ErrorCode, Language, Problem};
use service_kit::NoAnswer;

/// Why the backend gave no answer of use.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection, or one that broke.
    #[error("the backend cannot be reached: {0}")]
    Unreachable(String),
    /// No answer within the time.
    #[error("the backend is too slow")]
    TooSlow,
    /// It says itself that it has a fault.
    #[error("the backend answered {0}")]
    Faulty(StatusCode),
    /// Its answer breaks the contract.
    #[error("the backend's answer is not understood: {0}")]
    NotUnderstood(String),
    /// It did not accept the request, and usually says why.
    #[error("the backend refused the request with {status}")]
    Refused {
        status: StatusCode,
        problem: Option<Box<Problem>>,
    },
}

impl Failure {
    /// The status that tells the caller whose fault it is.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unreachable(_) | Self::Faulty(_) | Self::NotUnderstood(_) => {
                StatusCode::BAD_GATEWAY
            }
            Self::TooSlow => StatusCode::GATEWAY_TIMEOUT,
            Self::Refused { status, .. } => *status,
        }
    }

    /// The code that support asks for.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "HTTP502",
            Self::TooSlow => "HTTP504",
            Self::Faulty(_) => "SE0001",
            Self::NotUnderstood(_) => "SE0002",
            Self::Refused { .. } => "BE0001",
        }
    }

    /// The failure in plain words, without anything internal.
    pub(crate) fn message(&self, language: Language) -> String {
        match self {
            Self::Unreachable(_) => language.choose(
                "The users service cannot be reached. Try again later.",
                "ユーザーサービスに接続できません。しばらくしてから再試行してください。",
            ),
            Self::TooSlow => language.choose(
                "The users service takes too long to answer. Try again later.",
                "ユーザーサービスの応答に時間がかかっています。しばらくしてから再試行してください。",
            ),
            Self::Faulty(_) => language.choose(
                "The users service has a fault. Try again later.",
                "ユーザーサービスで障害が発生しています。しばらくしてから再試行してください。",
            ),
            Self::NotUnderstood(_) => language.choose(
                "The answer of the users service was not understood.",
                "ユーザーサービスの応答を解釈できませんでした。",
            ),
            Self::Refused { problem: Some(problem), .. } => &problem.detail,
            Self::Refused { problem: None, .. } => language
                .choose("The users service refused the request.", "ユーザーサービスがリクエストを拒否しました。"),
        }
        .to_owned()
    }

    /// Whether the backend refused for this reason.
    pub(crate) fn is(&self, code: ErrorCode) -> bool {
        matches!(self, Self::Refused { problem: Some(problem), .. } if problem.code == code.as_str())
    }

    /// As a problem document of this service.
    pub(crate) fn problem(&self, language: Language) -> Problem {
        let status = self.status();
        Problem::plain(
            status.as_u16(),
            status.canonical_reason().unwrap_or("Error"),
            self.code(),
            self.message(language),
        )
    }
}

impl From<NoAnswer> for Failure {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::Unreachable(cause) => Self::Unreachable(cause),
            NoAnswer::TooSlow => Self::TooSlow,
            NoAnswer::TooLong => Self::NotUnderstood(reason.to_string()),
        }
    }
}

/// The answer is only the status; [`crate::pages::explain`] writes the page, since it knows the language.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        tracing::warn!(failure = %self, code = self.code(), "the backend failed");
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
