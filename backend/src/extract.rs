//! What requests carry, checked. Whatever is wrong with it becomes an error of the API.

use std::error::Error as _;
use std::{fmt, iter};

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use backend_api::{Rule, Validate, Violation};
use serde::Serialize;
use serde::de::{DeserializeOwned, value};
use serde_json::Value;

use crate::error::Error;

/// A body that is valid.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Serialize + Validate> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            return Err(Error::Unacceptable(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|rejection| Error::Unacceptable(rejection.status()))?;
        let value: T = parse(&bytes)?;
        match value.violations() {
            violations if violations.is_empty() => Ok(Self(value)),
            violations => Err(Error::Invalid(violations)),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        if error.inner().is_data() {
            Error::Invalid(vec![malformed(&error)])
        } else {
            Error::Unacceptable(StatusCode::BAD_REQUEST)
        }
    })?;
    deserializer
        .end()
        .map_err(|_| Error::Unacceptable(StatusCode::BAD_REQUEST))?;
    match list_for_object(bytes, &value) {
        Some(path) => Err(Error::Invalid(vec![Violation::new(
            path,
            Rule::Form("invalid type: sequence, expected an object".to_owned()),
        )])),
        None => Ok(value),
    }
}

/// What cannot be read. The path to a field that is missing, or there twice, ends where that is noticed; its name is in
/// serde's message, and nowhere else.
fn malformed<E: fmt::Display>(error: &serde_path_to_error::Error<E>) -> Violation {
    let (path, remark) = (error.path().to_string(), error.inner().to_string());
    let named = ["missing field `", "duplicate field `"];
    let mut named = named.iter().filter_map(|start| remark.strip_prefix(start));
    let field = match named.next().and_then(|name| name.split('`').next()) {
        Some(name) if path == ROOT => name.to_owned(),
        Some(name) => format!("{path}.{name}"),
        None => path,
    };
    let rule = match remark {
        remark if remark.starts_with("missing field") => Rule::Missing,
        remark if remark.starts_with("unknown field") => Rule::Unknown,
        remark => Rule::Form(remark),
    };
    Violation::new(field, rule)
}

/// The path of a body as a whole.
const ROOT: &str = ".";

/// Where a body has a list that was read as an object: serde reads the one like the other, the contract does not.
fn list_for_object(bytes: &[u8], read: &impl Serialize) -> Option<String> {
    fn search(given: &Value, read: &Value) -> Option<String> {
        match (given, read) {
            (Value::Array(_), Value::Object(_)) => Some(String::new()),
            (Value::Object(given), Value::Object(read)) => given.iter().find_map(|(key, given)| {
                let below = search(given, read.get(key)?)?;
                let joint = if below.is_empty() || below.starts_with('[') {
                    ""
                } else {
                    "."
                };
                Some(format!("{key}{joint}{below}"))
            }),
            (Value::Array(given), Value::Array(read)) => {
                let mut pairs = given.iter().zip(read).enumerate();
                pairs.find_map(|(index, (given, read))| {
                    Some(format!("[{index}]{}", search(given, read)?))
                })
            }
            _ => None,
        }
    }
    let given = serde_json::from_slice(bytes).ok()?;
    let path = search(&given, &serde_json::to_value(read).ok()?)?;
    Some(if path.is_empty() {
        ROOT.to_owned()
    } else {
        path
    })
}

/// The keys in a path.
pub(crate) struct Key<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Key<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(key)) => Ok(Self(key)),
            Err(rejection) => Err(Error::Invalid(vec![malformed_key(&rejection)])),
        }
    }
}

fn malformed_key(rejection: &PathRejection) -> Violation {
    let PathRejection::FailedToDeserializePathParams(failure) = rejection else {
        return Violation::new("path", Rule::Form("it has no key".to_owned()));
    };
    match failure.kind() {
        ErrorKind::ParseErrorAtKey { key, .. } => Violation::new(key, Rule::Between(0, i64::MAX)),
        ErrorKind::ParseErrorAtIndex { .. } | ErrorKind::ParseError { .. } => {
            Violation::new("path", Rule::Between(0, i64::MAX))
        }
        other => Violation::new("path", Rule::Form(other.to_string())),
    }
}

/// The query of a request's path.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Error::Invalid(vec![malformed_query(&rejection)])),
        }
    }
}

fn malformed_query(rejection: &QueryRejection) -> Violation {
    let causes = iter::successors(rejection.source(), |&error| error.source());
    let mut found = causes.filter_map(|error| error.downcast_ref().map(malformed::<value::Error>));
    found
        .next()
        .unwrap_or_else(|| Violation::new("query", Rule::Form(rejection.body_text())))
}
