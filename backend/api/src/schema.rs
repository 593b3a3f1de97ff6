//! The limits as JSON Schema.

use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::limits::{self, Limit};

/// A first or family name.
pub fn name() -> Object {
    text(&limits::NAME)
}

/// A loginId.
pub fn login_id() -> Object {
    text(&limits::LOGIN_ID)
}

/// A zip code.
pub fn zip_code() -> Object {
    text(&limits::ZIP_CODE)
}

/// An address without its zip code.
pub fn address() -> Object {
    text(&limits::ADDRESS)
}

/// An e-mail address.
pub fn email() -> Object {
    text(&limits::EMAIL)
}

fn text(limit: &Limit) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(limit.max))
        .pattern(Some(limit.pattern))
        .build()
}
