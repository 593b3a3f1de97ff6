//! The OpenAPI document, made from the code.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use backend_api::{Problem, schema};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder, Schema};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

/// The document of the API, without its paths.
#[derive(utoipa::OpenApi)]
#[openapi(
    components(schemas(Problem)),
    info(
        title = "Users",
        description = "Users with an address, e-mails and groups."
    )
)]
pub(crate) struct Document;

/// An answer with a problem document, of a status that not every path has.
pub(crate) struct Refusal<const STATUS: u16>;

impl<const STATUS: u16> IntoResponses for Refusal<STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        BTreeMap::from([(STATUS.to_string(), RefOr::T(problem(STATUS)))])
    }
}

/// Texts in paths and queries, as the document describes them.
macro_rules! described {
    ($($name:ident as $schema:ident),+) => {
        $(pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                schema::$schema().into()
            }
        }

        impl ToSchema for $name {})+
    };
}
described!(
    LoginId as login_id,
    ZipCode as zip_code,
    EmailAddress as email
);

/// Adds what every path can answer, and what every path with a body or parameters can; and makes the ids of the
/// operations unique, which are only the handlers' names until then.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let tags = operation.tags.iter().flatten().map(String::as_str);
        operation.operation_id = Some(
            tags.chain(operation.operation_id.as_deref())
                .collect::<Vec<_>>()
                .join("."),
        );
        let takes_body = operation.request_body.is_some();
        let takes_parameters = operation
            .parameters
            .as_ref()
            .is_some_and(|parameters| !parameters.is_empty());
        let body: &[u16] = if takes_body {
            &[400, 408, 413, 415]
        } else {
            &[]
        };
        let input: &[u16] = if takes_body || takes_parameters {
            &[422]
        } else {
            &[]
        };
        for &status in body.iter().chain(input).chain(&[500, 503]) {
            operation
                .responses
                .responses
                .insert(status.to_string(), RefOr::T(problem(status)));
        }
    }
    document
}

/// The operations that a path has.
fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut path.get,
        &mut path.post,
        &mut path.put,
        &mut path.delete,
    ]
    .into_iter()
    .flatten()
}

fn problem(status: u16) -> Response {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    ResponseBuilder::new()
        .description(reason.unwrap_or("Error"))
        .content(
            Problem::MEDIA_TYPE,
            Content::new(Some(Ref::from_schema_name(Problem::name()))),
        )
        .build()
}
