//! The API: a file for each kind of resource, each handler beside its documentation.

mod addresses;
mod emails;
mod groups;
#[expect(
    unused_qualifications,
    reason = "the macro that documents the parameters writes their types in full"
)]
mod users;

use backend_api::limits::Limit;
use backend_api::{Rule, Violation};
use utoipa_axum::router::OpenApiRouter;

use crate::database::Database;
use crate::error::Error;

/// All paths below [`backend_api::paths::BASE`].
pub(crate) fn router() -> OpenApiRouter<Database> {
    users::router()
        .merge(addresses::router())
        .merge(emails::router())
        .merge(groups::router())
}

/// The path names the record; a body that names another one is a mistake of the caller, whichever of them was meant.
fn check_same(field: &str, in_path: i64, in_body: Option<i64>) -> Result<(), Error> {
    match in_body {
        Some(key) if key != in_path => Err(Error::Invalid(vec![Violation::new(
            field,
            Rule::SameAsPath,
        )])),
        _ => Ok(()),
    }
}

/// A text in a path or query obeys the same limits as in a body.
fn check_text(field: &str, text: &str, limit: &Limit) -> Result<(), Error> {
    match limit.broken_by(text) {
        Some(rule) => Err(Error::Invalid(vec![Violation::new(field, rule)])),
        None => Ok(()),
    }
}
