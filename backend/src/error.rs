//! Why a request could not be answered as it was meant.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use backend_api::{ErrorCode, Violation};

use crate::database;

/// Why a request could not be answered as it was meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The domain does not allow it.
    #[error("refused with {} for {args:?}", code.as_str())]
    Refused { code: ErrorCode, args: Vec<String> },
    /// Rules are broken.
    #[error("rules are broken: {0:?}")]
    Invalid(Vec<Violation>),
    /// HTTP does not allow it.
    #[error("the request is not acceptable: {0}")]
    Unacceptable(StatusCode),
    /// The database does not play along.
    #[error(transparent)]
    Database(#[from] database::Error),
}

impl Error {
    /// The domain does not allow it, and this is what it is about.
    pub(crate) fn refused<const N: usize>(code: ErrorCode, args: [&dyn ToString; N]) -> Self {
        Self::Refused {
            code,
            args: args.iter().map(|arg| arg.to_string()).collect(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Refused { code, .. } => status_of(*code),
            Self::Invalid(_) => status_of(ErrorCode::E0010),
            Self::Unacceptable(status) => *status,
            Self::Database(database::Error::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The answer is only a status and the explanation that [`crate::problem::explain`] will write: the language of the
/// caller is known there.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Database(error) = &self {
            tracing::error!(error = service_kit::causes(error), "the database failed");
        }
        let mut response = self.status().into_response();
        if let Some(explanation) = Explanation::of(self) {
            response.extensions_mut().insert(explanation);
        }
        response
    }
}

/// What the caller may know of an error.
#[derive(Clone)]
pub(crate) struct Explanation {
    pub(crate) code: ErrorCode,
    pub(crate) args: Vec<String>,
    pub(crate) violations: Vec<Violation>,
}

impl Explanation {
    fn of(error: Error) -> Option<Self> {
        match error {
            Error::Refused { code, args } => Some(Self {
                code,
                args,
                violations: Vec::new(),
            }),
            Error::Invalid(violations) => Some(Self {
                code: ErrorCode::E0010,
                args: Vec::new(),
                violations,
            }),
            Error::Unacceptable(_) | Error::Database(_) => None,
        }
    }
}

fn status_of(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
