//! Errors as they are answered.

use serde::{Deserialize, Serialize};

/// A problem document as in RFC 9457.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Where the kind of problem is described.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words that do not change.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, in the language of the caller.
    pub detail: String,
    /// One of the codes of this API, or `HTTP` and the status for what HTTP itself defines.
    pub code: String,
    /// What the message is about, such as the userId.
    pub args: Vec<String>,
    /// For broken rules, each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// The media type of these documents.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// A problem whose kind is described nowhere, and that has no arguments.
    pub fn plain(
        status: u16,
        title: &str,
        code: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            code: code.into(),
            args: Vec::new(),
            errors: Vec::new(),
        }
    }
}

/// A rule that a field breaks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The path of the field, such as `emailList[0].email`.
    pub field: String,
    /// The rule, in the language of the caller.
    pub message: String,
}
